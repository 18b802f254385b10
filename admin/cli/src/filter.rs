//! Filters as people type them, and as JSON in the form of the Security Hub API.

use std::path::Path;

use clap::Args;
use muster_common::field::{Field, Kind};
use muster_common::filter::{
    FieldFilter, Filter, NumberTest, Test, from_json, wire as filter_wire,
};
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;

use crate::argument::account;
use crate::failure::Failure;
use crate::span::Span;

/// The labels that ASFF knows; they are typed in any case.
const SEVERITIES: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
const WORKFLOWS: [&str; 4] = ["new", "notified", "resolved", "suppressed"];
const RECORD_STATES: [&str; 2] = ["active", "archived"];
const COMPLIANCE: [&str; 4] = ["passed", "warning", "failed", "not_available"];

/// Which findings. Options combine with AND; several values of one option with OR.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which findings")]
pub(crate) struct FilterArgs {
    /// Such as high,critical
    #[arg(long, value_delimiter = ',', value_name = "LABEL", value_parser = SEVERITIES, ignore_case = true)]
    severity: Vec<String>,
    /// Twelve digits
    #[arg(long, value_delimiter = ',', value_name = "ID", value_parser = account)]
    account: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "REGION")]
    region: Vec<String>,
    /// Such as GuardDuty
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    product: Vec<String>,
    /// Types that start with this, such as TTPs
    #[arg(long = "type", value_delimiter = ',', value_name = "PREFIX")]
    types: Vec<String>,
    /// Such as AwsEc2Instance
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    resource_type: Vec<String>,
    /// Resources whose id starts with this
    #[arg(long, value_delimiter = ',', value_name = "PREFIX")]
    resource: Vec<String>,
    /// KEY=VALUE of a resource's tags
    #[arg(long, value_name = "KEY=VALUE")]
    tag: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "STATUS", value_parser = WORKFLOWS, ignore_case = true)]
    workflow: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "STATE", value_parser = RECORD_STATES, ignore_case = true)]
    record_state: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "STATUS", value_parser = COMPLIANCE, ignore_case = true)]
    compliance: Vec<String>,
    /// Such as S3.8
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    control: Vec<String>,
    /// Updated within, such as 7d, 24h, 2026-11-01, 2026-11-01..2026-11-08, ..30d
    #[arg(long, value_name = "SPAN")]
    updated: Option<Span>,
    /// Created within
    #[arg(long, value_name = "SPAN")]
    created: Option<Span>,
    /// Words that all occur in the finding, in any field
    #[arg(long, value_name = "WORDS")]
    keyword: Option<String>,
    /// The ASFF id
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "LABEL", value_parser = SEVERITIES, ignore_case = true)]
    not_severity: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "ID", value_parser = account)]
    not_account: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "REGION")]
    not_region: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    not_product: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "PREFIX")]
    not_type: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    not_resource_type: Vec<String>,
    #[arg(long, value_name = "KEY=VALUE")]
    not_tag: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "STATUS", value_parser = WORKFLOWS, ignore_case = true)]
    not_workflow: Vec<String>,
    /// Any of the 107 filter fields: FIELD=VALUE, !=, ^= (starts with), !^=, ~ (contains), !~, >=, <=
    #[arg(long = "field", value_name = "EXPRESSION")]
    fields: Vec<String>,
    /// AwsSecurityFindingFilters as JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

impl FilterArgs {
    /// The filter, in wire form; `None` selects everything.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Option<wire::Filter>, Failure> {
        let mut parts: Vec<Filter> = Vec::new();
        for (field, any, none) in self.labels().into_iter().chain(self.rest(now)?) {
            let one = |any, none| Filter::Field(FieldFilter { field, any, none });
            if !any.is_empty() {
                parts.push(one(any, Vec::new()));
            }
            if !none.is_empty() {
                parts.push(one(Vec::new(), none));
            }
        }
        for expression in &self.fields {
            parts.push(Filter::Field(parse(expression, now)?));
        }
        if let Some(json) = &self.filter {
            let read = from_json(&text_or_file(json)?);
            parts.push(read.map_err(|error| Failure::Usage(format!("--filter: {error}")))?);
        }
        // By name, as an object has its members: what can be written as one then is.
        parts.sort_by_key(|part| match part {
            Filter::Field(filter) => Some(filter.field.name()),
            Filter::All(_) | Filter::Any(_) => None,
        });
        Ok(filter_wire::write(&Filter::All(parts)))
    }

    /// Fields with labels in upper case.
    fn labels(&self) -> Vec<Tests> {
        let upper = |values: &[String]| {
            let values = values.iter().map(|value| value.to_uppercase());
            values.map(Test::Equals).collect::<Vec<_>>()
        };
        vec![
            (
                Field::SeverityLabel,
                upper(&self.severity),
                upper(&self.not_severity),
            ),
            (
                Field::WorkflowStatus,
                upper(&self.workflow),
                upper(&self.not_workflow),
            ),
            (Field::RecordState, upper(&self.record_state), Vec::new()),
            (Field::ComplianceStatus, upper(&self.compliance), Vec::new()),
        ]
    }

    fn rest(&self, now: Timestamp) -> Result<Vec<Tests>, Failure> {
        let within = |option: &str, span: Option<Span>| match span.map(|span| span.test(now)) {
            None => Ok(Vec::new()),
            Some(Ok(test)) => Ok(vec![Test::Date(test)]),
            Some(Err(error)) => Err(Failure::Usage(format!("{option}: {error}"))),
        };
        let words = self
            .keyword
            .iter()
            .map(|words| Test::Words(words.split_whitespace().map(str::to_owned).collect()));
        let none = Vec::new;
        Ok(vec![
            (
                Field::AwsAccountId,
                equals(&self.account),
                equals(&self.not_account),
            ),
            (
                Field::Region,
                equals(&self.region),
                equals(&self.not_region),
            ),
            (
                Field::ProductName,
                equals(&self.product),
                equals(&self.not_product),
            ),
            (Field::Type, prefixes(&self.types), prefixes(&self.not_type)),
            (
                Field::ResourceType,
                equals(&self.resource_type),
                equals(&self.not_resource_type),
            ),
            (Field::ResourceId, prefixes(&self.resource), none()),
            (
                Field::ResourceTags,
                pairs(&self.tag)?,
                pairs(&self.not_tag)?,
            ),
            (
                Field::ComplianceSecurityControlId,
                equals(&self.control),
                none(),
            ),
            (Field::Id, equals(&self.id), none()),
            (Field::UpdatedAt, within("--updated", self.updated)?, none()),
            (Field::CreatedAt, within("--created", self.created)?, none()),
            (Field::Keyword, words.collect(), none()),
        ])
    }
}

/// A field, the tests of which one must hold, and those of which none may.
type Tests = (Field, Vec<Test>, Vec<Test>);

fn equals(values: &[String]) -> Vec<Test> {
    values.iter().cloned().map(Test::Equals).collect()
}

fn prefixes(values: &[String]) -> Vec<Test> {
    values.iter().cloned().map(Test::Prefix).collect()
}

fn pairs(values: &[String]) -> Result<Vec<Test>, Failure> {
    values
        .iter()
        .map(|pair| key_test(pair, Test::Equals))
        .collect()
}

fn key_test(pair: &str, test: fn(String) -> Test) -> Result<Test, Failure> {
    let (key, value) = pair
        .split_once('=')
        .ok_or_else(|| Failure::Usage(format!("`{pair}` should be KEY=VALUE")))?;
    Ok(Test::Key {
        key: key.to_owned(),
        value: Box::new(test(value.to_owned())),
    })
}

/// Operators of an expression, the longer ones first.
const OPERATORS: [&str; 8] = ["!^=", "!=", "^=", ">=", "<=", "!~", "~", "="];

/// `FIELD`, an operator, a value. A map's value is KEY=VALUE.
fn parse(expression: &str, now: Timestamp) -> Result<FieldFilter, Failure> {
    let usage = |what: String| Failure::Usage(format!("--field '{expression}': {what}"));
    let (at, operator) = OPERATORS
        .iter()
        .filter_map(|operator| Some((expression.find(operator)?, *operator)))
        .min_by_key(|(at, operator)| (*at, std::cmp::Reverse(operator.len())))
        .ok_or_else(|| usage("expected FIELD=VALUE, or one of != ^= !^= ~ !~ >= <=".to_owned()))?;
    let (name, value) = (&expression[..at], &expression[at + operator.len()..]);
    let field: Field = name
        .trim()
        .parse()
        .map_err(|error| usage(format!("{error}")))?;
    let negative = operator.starts_with('!');
    let kind = field.kind();
    let test = match (kind, operator) {
        (Kind::Text, "=" | "!=") => {
            possible(field, value).map_err(usage)?;
            Test::Equals(value.to_owned())
        }
        (Kind::Text, "^=" | "!^=") => Test::Prefix(value.to_owned()),
        (Kind::Text, "~" | "!~") => Test::Contains(value.to_owned()),
        (Kind::Map, "=" | "!=") => key_test(value, Test::Equals)?,
        (Kind::Map, "~" | "!~") => key_test(value, Test::Contains)?,
        (Kind::Number, "=" | "!=" | ">=" | "<=") => {
            let number: f64 = value
                .parse()
                .map_err(|_| usage(format!("`{value}` is no number")))?;
            Test::Number(match operator {
                ">=" => NumberTest {
                    gte: Some(number),
                    ..NumberTest::default()
                },
                "<=" => NumberTest {
                    lte: Some(number),
                    ..NumberTest::default()
                },
                _ => NumberTest {
                    eq: Some(number),
                    ..NumberTest::default()
                },
            })
        }
        (Kind::Date, "=") => {
            let span: Span = value.parse().map_err(|error| usage(format!("{error}")))?;
            Test::Date(span.test(now).map_err(|error| usage(error.to_string()))?)
        }
        (Kind::Flag, "=" | "!=") => Test::Flag(
            value
                .parse()
                .map_err(|_| usage(format!("`{value}` should be true or false")))?,
        ),
        (Kind::Address, "=" | "!=") => {
            address(value).ok_or_else(|| usage(format!("`{value}` is no address block")))?
        }
        (Kind::Keyword, "=") => Test::Words(value.split_whitespace().map(str::to_owned).collect()),
        (_, operator) => return Err(usage(format!("{operator} does not go with {field}"))),
    };
    let (any, none) = if negative {
        (Vec::new(), vec![test])
    } else {
        (vec![test], Vec::new())
    };
    Ok(FieldFilter { field, any, none })
}

/// Fields with few values in ASFF.
const FEW: [(Field, &[&str]); 6] = [
    (Field::SeverityLabel, &SEVERITIES),
    (Field::WorkflowStatus, &WORKFLOWS),
    (Field::ComplianceStatus, &COMPLIANCE),
    (Field::RecordState, &RECORD_STATES),
    (
        Field::WorkflowState,
        &["new", "assigned", "in_progress", "deferred", "resolved"],
    ),
    (
        Field::VerificationState,
        &[
            "unknown",
            "true_positive",
            "false_positive",
            "benign_positive",
        ],
    ),
];

/// Refuses a value that the field has in no finding: it would only find nothing.
fn possible(field: Field, value: &str) -> Result<(), String> {
    if field == Field::AwsAccountId {
        return match account(value) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
    }
    let Some((_, values)) = FEW.iter().find(|(few, _)| *few == field) else {
        return Ok(());
    };
    let values: Vec<String> = values.iter().map(|value| value.to_uppercase()).collect();
    if values.iter().any(|one| one == value) {
        return Ok(());
    }
    Err(format!("`{value}` should be one of {}", values.join(", ")))
}

fn address(text: &str) -> Option<Test> {
    let (network, bits) = text
        .split_once('/')
        .map_or((text, None), |(network, bits)| (network, Some(bits)));
    let network: std::net::IpAddr = network.parse().ok()?;
    let whole = if network.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.map_or(Some(whole), |bits| bits.parse().ok())?;
    (bits <= whole).then_some(Test::Within { network, bits })
}

/// A text given on the command line, or read from `@FILE`.
pub(crate) fn text_or_file(given: &str) -> Result<String, Failure> {
    match given.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(Path::new(path))
            .map_err(|error| Failure::Usage(format!("{path}: {error}"))),
        None => Ok(given.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use insta::assert_snapshot;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterArgs,
    }

    fn read(line: &str) -> String {
        let line =
            Line::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap();
        match line.filter.read(Timestamp::from_seconds(1_795_000_000)) {
            Ok(None) => "everything".to_owned(),
            Ok(Some(wire::Filter {
                kind: Some(wire::filter::Kind::SecurityHubJson(json)),
            })) => json,
            Ok(Some(other)) => format!("{other:?}"),
            Err(failure) => format!("refused: {failure}"),
        }
    }

    #[test]
    fn filters_are_read_as_people_type_them() {
        assert_snapshot!(read(""), @"everything");
        assert_snapshot!(read("--severity high,critical --resource-type AwsEc2Instance --updated 7d --not-workflow suppressed"), @r#"{"ResourceType":[{"Comparison":"EQUALS","Value":"AwsEc2Instance"}],"SeverityLabel":[{"Comparison":"EQUALS","Value":"HIGH"},{"Comparison":"EQUALS","Value":"CRITICAL"}],"UpdatedAt":[{"Start":"2026-11-11T11:06:40.000Z"}],"WorkflowStatus":[{"Comparison":"NOT_EQUALS","Value":"SUPPRESSED"}]}"#);
        assert_snapshot!(read("--tag team=red --field Confidence>=40 --field Title^=CVE --field NetworkSourceIpV4=198.51.100.0/24"), @r#"{"Confidence":[{"Gte":40.0}],"NetworkSourceIpV4":[{"Cidr":"198.51.100.0/24"}],"ResourceTags":[{"Comparison":"EQUALS","Key":"team","Value":"red"}],"Title":[{"Comparison":"PREFIX","Value":"CVE"}]}"#);
        assert_snapshot!(read(r#"--filter {"SeverityLabel":[{"Comparison":"EQUALS","Value":"LOW"}]} --account 111122223333"#), @r#"{"AwsAccountId":[{"Comparison":"EQUALS","Value":"111122223333"}],"SeverityLabel":[{"Comparison":"EQUALS","Value":"LOW"}]}"#);
        assert_snapshot!(read("--field Titel=x"), @"refused: --field 'Titel=x': `Titel` is no filter field; did you mean Title?");
        assert_snapshot!(read("--field SeverityLabel=HGH"), @"refused: --field 'SeverityLabel=HGH': `HGH` should be one of INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL");
        assert_snapshot!(read("--field AwsAccountId!=12"), @"refused: --field 'AwsAccountId!=12': `12` is no AWS account id: twelve digits, such as 111122223333");
        assert_snapshot!(read("--updated 2026-11-08..2026-11-01"), @"refused: --updated: the range ends at 2026-11-01T00:00:00.000Z, before it begins at 2026-11-08T00:00:00.000Z");
        assert_snapshot!(read("--field CreatedAt=1d..2d"), @"refused: --field 'CreatedAt=1d..2d': the range ends at 2026-11-16T11:06:40.000Z, before it begins at 2026-11-17T11:06:40.000Z");
        assert_snapshot!(read("--field Title>=x"), @"refused: --field 'Title>=x': >= does not go with Title");
        assert_snapshot!(read("--field Title"), @"refused: --field 'Title': expected FIELD=VALUE, or one of != ^= !^= ~ !~ >= <=");
        assert_snapshot!(read("--tag team"), @"refused: `team` should be KEY=VALUE");
        assert_snapshot!(read("--filter {"), @"refused: --filter: the filter is not JSON: EOF while parsing an object at line 1 column 1");
        assert_snapshot!(read("--filter @/nowhere.json"), @"refused: /nowhere.json: No such file or directory (os error 2)");
    }
}

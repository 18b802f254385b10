//! `muster resource list`.

use clap::{Args, ValueEnum};
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;
use serde_json::{Map, Value as Json, json};

use super::SHOWN;
use crate::argument::{Extent, account};
use crate::commands::{counted, tally};
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Paint, Printer};
use crate::session::Session;
use crate::when::time_cell;

const PAGE_MAX: usize = 1_000;
/// The most groups that the server gives.
const GROUPS_MAX: usize = 10_000;

const HEADERS: &[&str] = &["NAME", "TYPE", "ID", "ACCOUNT", "REGION", "CHANGED"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Such as AWS::S3::Bucket; S3::Bucket is enough
    #[arg(long = "type", value_delimiter = ',', value_name = "TYPE", value_parser = full_type)]
    types: Vec<String>,
    /// Twelve digits
    #[arg(long, value_delimiter = ',', value_name = "ID", value_parser = account)]
    account: Vec<String>,
    #[arg(long, value_delimiter = ',', value_name = "REGION")]
    region: Vec<String>,
    /// The id, such as an ARN; or the beginning of one with * at its end
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Those that are gone, too
    #[arg(long)]
    gone: bool,
    /// Count instead, by one or two of these
    #[arg(long, value_delimiter = ',', value_name = "BY", num_args = 1, conflicts_with_all = ["gone", "state"])]
    count: Vec<By>,
    /// In JSON, with the state of each
    #[arg(long)]
    state: bool,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Type,
    Account,
    Region,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Account => "account",
            Self::Region => "region",
        }
    }
}

/// All types begin with `AWS::`.
fn full_type(text: &str) -> Result<String, String> {
    if text.starts_with("AWS::") {
        return Ok(text.to_owned());
    }
    match text.split_once("::") {
        Some((service, kind)) if !service.is_empty() && !kind.is_empty() => {
            Ok(format!("AWS::{text}"))
        }
        Some(_) | None => Err("should be a type such as AWS::S3::Bucket".to_owned()),
    }
}

pub(super) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let filter = wire::ResourceFilter {
        accounts: arguments.account.clone(),
        regions: arguments.region.clone(),
        resource_types: arguments.types.clone(),
        id: arguments.id.clone().unwrap_or_default(),
        include_gone: arguments.gone,
    };
    if !arguments.count.is_empty() {
        return count(filter, arguments, session, printer).await;
    }
    let now = Clock::system().now();
    let mut list = printer.list(HEADERS);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = arguments.extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListResourcesRequest {
            filter: Some(filter.clone()),
            page_size,
            page_token: token,
            with_state: arguments.state && matches!(printer.format, Format::Json | Format::Jsonl),
        };
        let page = session
            .resources()
            .list_resources(request)
            .await?
            .into_inner();
        for resource in page.resources {
            shown += 1;
            let state = super::state(&resource)?;
            list.push(row(&resource, printer.format, now), || {
                super::document(&resource, &state)
            })?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "resource", "resources"))
}

fn row(resource: &wire::ObservedResource, format: Format, now: Timestamp) -> Vec<Cell> {
    let name = naming::id(&resource.name);
    let name = match format {
        Format::Table => name.get(..SHOWN).unwrap_or(name),
        Format::Json | Format::Jsonl | Format::Csv => name,
    };
    let observed = time_cell(resource.observed_at.as_ref(), now);
    let is = if resource.unread { "unread" } else { "gone" };
    let changed = match (resource.gone, format) {
        (true, Format::Table) => Cell::new(format!("{is} {}", observed.painted()), Paint::Warning),
        (_, _) => observed,
    };
    vec![
        Cell::new(name, Paint::Dim),
        resource.resource_type.as_str().into(),
        Cell::free(resource.id.as_str()),
        resource.account.as_str().into(),
        resource.region.as_str().into(),
        changed,
    ]
}

/// Headers for one and two groupings; programs get the words in documents.
const COUNT_HEADERS: [&[&str]; 2] = [&["COUNT", "OF"], &["COUNT", "OF", "AND"]];

async fn count(
    filter: wire::ResourceFilter,
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let by = &arguments.count;
    let headers = COUNT_HEADERS
        .get(by.len() - 1)
        .filter(|_| by.len() == 1 || by[0] != by[1])
        .ok_or_else(|| Failure::Usage("--count takes one or two different words".to_owned()))?;
    let limit = arguments.extent.next_page(0, GROUPS_MAX).unwrap_or(1);
    let request = wire::CountResourcesRequest {
        filter: Some(filter),
        group_by: by.iter().map(|by| by.name().to_owned()).collect(),
        limit,
    };
    let counts = session
        .resources()
        .count_resources(request)
        .await?
        .into_inner();
    let mut list = printer.list(headers);
    for group in &counts.groups {
        let mut cells = vec![Cell::from(group.count)];
        cells.extend(group.values.iter().map(|value| Cell::from(value.as_str())));
        list.push(cells, || group_document(by, group))?;
    }
    let rest = counts
        .group_count
        .saturating_sub(counts.groups.len() as u64);
    let more = match rest {
        0 => String::new(),
        rest => format!(", {rest} more (--limit)"),
    };
    list.finish(&format!(
        "{} in {}{more}",
        counted(counts.total, "resource", "resources"),
        counted(counts.group_count, "group", "groups")
    ))
}

fn group_document(by: &[By], group: &wire::ResourceGroup) -> Json {
    let mut document: Map<String, Json> = by
        .iter()
        .zip(&group.values)
        .map(|(by, value)| (by.name().to_owned(), json!(value)))
        .collect();
    document.insert("count".to_owned(), json!(group.count));
    Json::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;
    use muster_common::timestamp::{DAY, to_wire};

    #[test]
    fn types_may_be_short() {
        assert_eq!(full_type("AWS::S3::Bucket").unwrap(), "AWS::S3::Bucket");
        assert_eq!(full_type("S3::Bucket").unwrap(), "AWS::S3::Bucket");
        for bad in ["bucket", "S3::", "::Bucket", ""] {
            assert!(full_type(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resources_are_a_table() {
        let now = Timestamp::from_millis(100 * DAY);
        let resource = |gone| wire::ObservedResource {
            name: "resources/3f9ac01b2d0000000000000000000000".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            resource_type: "AWS::RDS::DBInstance".to_owned(),
            id: "arn:aws:rds:eu-west-1:111122223333:db:ledger-of-the-whole-house".to_owned(),
            observed_at: Some(to_wire(now.plus(-9 * DAY))),
            gone,
            ..wire::ObservedResource::default()
        };
        let rows = [false, true].map(|gone| row(&resource(gone), Format::Table, now));
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        NAME        TYPE                  ID            ACCOUNT       REGION     CHANGED
        3f9ac01b2d  AWS::RDS::DBInstance  arn:aws:rds…  111122223333  eu-west-1  9 d ago
        3f9ac01b2d  AWS::RDS::DBInstance  arn:aws:rds…  111122223333  eu-west-1  gone 9 d ago
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        NAME        TYPE                  ID                                                               ACCOUNT       REGION     CHANGED
        3f9ac01b2d  AWS::RDS::DBInstance  arn:aws:rds:eu-west-1:111122223333:db:ledger-of-the-whole-house  111122223333  eu-west-1  9 d ago
        3f9ac01b2d  AWS::RDS::DBInstance  arn:aws:rds:eu-west-1:111122223333:db:ledger-of-the-whole-house  111122223333  eu-west-1  gone 9 d ago
        ");
        let csv = row(&resource(true), Format::Csv, now);
        assert_eq!(csv[0].plain().len(), 32);
        assert_eq!(csv[5].plain(), "1970-04-02T00:00:00.000Z");
    }
}

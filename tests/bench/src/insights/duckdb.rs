//! The managed insights in DuckDB, by `opponents/in_duckdb.py`: the same rows, the same filters and groups in SQL.
//!
//! Each field that an insight names is a typed column of one value. Real findings may have several of some; a list would
//! cost DuckDB more, so this is in its favor, as is that it need not count what is beyond the first groups.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use muster_common::field::{Field, FieldSet, Kind};
use muster_common::filter::{FieldFilter, Filter, Test};
use muster_common::finding::{self, Reading, Value};
use muster_common::timestamp::Timestamp;
use muster_store::Group;
use serde_json::{Value as Json, json};

use super::questions::{Answered, GROUPS};
use super::workload::Workload;
use crate::opponents::{self, Opponent};

/// The median of some runs for each insight, in milliseconds.
pub(super) async fn ask(
    findings: Workload,
    answered: &[Answered],
    now: Timestamp,
) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let (rows, questions) = (
        folder.path().join("rows.csv"),
        folder.path().join("questions.json"),
    );
    let fields = named(answered);
    write(&rows, findings, &fields)?;
    let asked = json!({
        "columns": fields.iter().map(|field| json!([field.name(), sql_type(*field)])).collect::<Vec<_>>(),
        "queries": answered.iter().map(|answered| query(answered, now)).collect::<Result<Vec<_>, _>>()?,
    });
    std::fs::write(&questions, asked.to_string())?;
    let arguments = [opponents::text(&rows)?, opponents::text(&questions)?];
    let mut opponent = Opponent::start("in_duckdb.py", &arguments)?;
    let mut times = Vec::new();
    for Answered {
        insight, counts, ..
    } in answered
    {
        let answer = opponent.next().await?;
        let theirs = groups(&answer).with_context(|| format!("no groups in {answer}"))?;
        anyhow::ensure!(
            theirs == counts.groups,
            "DuckDB answers {} otherwise: {:?} and not {:?}",
            insight.id,
            theirs.first(),
            counts.groups.first()
        );
        times.push(opponents::number(&answer, "p50")?);
    }
    opponent.end().await?;
    Ok(times)
}

/// The fields that insights name.
fn named(answered: &[Answered]) -> Vec<Field> {
    let fields = answered.iter().map(|answered| {
        let groups: FieldSet = answered.insight.group_by.iter().copied().collect();
        answered.insight.filter.fields().union(groups)
    });
    fields
        .fold(FieldSet::NONE, FieldSet::union)
        .iter()
        .collect()
}

fn sql_type(field: Field) -> &'static str {
    match field.kind() {
        Kind::Date => "TIMESTAMP",
        Kind::Number => "DOUBLE",
        Kind::Text | Kind::Address | Kind::Map | Kind::Keyword | Kind::Flag => "VARCHAR",
    }
}

fn write(file: &Path, findings: Workload, fields: &[Field]) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(file)?);
    for document in findings.flatten() {
        let reading = finding::read(&document)?;
        let cells = fields.iter().map(|field| cell(&reading, *field));
        let cells = cells.collect::<anyhow::Result<Vec<_>>>()?;
        writeln!(out, "{}", cells.join("\t"))?;
    }
    Ok(out.flush()?)
}

/// The one value of a field; nothing if there is none.
fn cell(reading: &Reading, field: Field) -> anyhow::Result<String> {
    if field == Field::WorkflowStatus {
        return Ok(opponents::workflow(reading).to_owned());
    }
    let mut values = reading.row.values(field).map(|value| match value {
        Value::Date(time) => time.to_string().replace('Z', ""),
        Value::Text(text) => text.to_owned(),
        Value::Pair(key, text) => format!("{key}={text}"),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
    });
    let value = values.next().unwrap_or_default();
    anyhow::ensure!(values.next().is_none(), "several values of {field}");
    Ok(value)
}

/// The largest groups of an insight, in the order of the product.
fn query(answered: &Answered, now: Timestamp) -> anyhow::Result<String> {
    let [field] = answered.insight.group_by[..] else {
        anyhow::bail!("a managed insight has one field to group by");
    };
    Ok(format!(
        r#"SELECT "{field}" AS value, count(*) AS findings FROM findings WHERE {} AND "{field}" IS NOT NULL GROUP BY value ORDER BY findings DESC, value LIMIT {GROUPS}"#,
        condition(&answered.insight.filter, now)?
    ))
}

fn condition(filter: &Filter, now: Timestamp) -> anyhow::Result<String> {
    let all = |filters: &[Filter], joint: &str, none: &str| {
        let parts = filters.iter().map(|filter| condition(filter, now));
        let parts = parts.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(if parts.is_empty() {
            none.to_owned()
        } else {
            format!("({})", parts.join(joint))
        })
    };
    match filter {
        Filter::All(filters) => all(filters, " AND ", "true"),
        Filter::Any(filters) => all(filters, " OR ", "false"),
        Filter::Field(FieldFilter { field, any, none }) => {
            let tests = |tests: &[Test]| {
                let tests = tests.iter().map(|test| comparison(*field, test, now));
                Ok::<_, anyhow::Error>(tests.collect::<anyhow::Result<Vec<_>>>()?.join(" OR "))
            };
            let mut parts = Vec::new();
            if !any.is_empty() {
                parts.push(format!("({})", tests(any)?));
            }
            if !none.is_empty() {
                parts.push(format!("coalesce(NOT ({}), true)", tests(none)?));
            }
            Ok(parts.join(" AND "))
        }
    }
}

/// Only what managed insights ask.
fn comparison(field: Field, test: &Test, now: Timestamp) -> anyhow::Result<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match test {
        Test::Equals(text) => Ok(format!(r#""{field}" = {}"#, quoted(text))),
        Test::Prefix(text) => Ok(format!(r#"starts_with("{field}", {})"#, quoted(text))),
        Test::Date(test) => {
            let (start, end) = test.bounds(now);
            let literal = |time: Timestamp| format!("epoch_ms({})", time.as_millis());
            Ok(format!(
                r#""{field}" BETWEEN {} AND {}"#,
                literal(start),
                literal(end)
            ))
        }
        Test::Contains(_)
        | Test::Word(_)
        | Test::Number(_)
        | Test::Within { .. }
        | Test::Key { .. }
        | Test::Flag(_)
        | Test::Words(_) => anyhow::bail!("no managed insight has a test like {test:?}"),
    }
}

fn groups(answer: &Json) -> Option<Vec<Group>> {
    let rows = answer.get("groups")?.as_array()?.iter();
    rows.map(|row| {
        Some(Group {
            values: vec![row.get(0)?.as_str()?.to_owned()],
            count: row.get(1)?.as_u64()?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use muster_common::filter::from_json;

    use super::*;

    #[test]
    fn filters_read_as_sql() {
        let filter = from_json(
            r#"{"RecordState":[{"Comparison":"EQUALS","Value":"it's"}],"Type":[{"Comparison":"PREFIX","Value":"TTPs"},{"Comparison":"PREFIX","Value":"Effects"}],"Title":[{"Comparison":"NOT_EQUALS","Value":"x"}]}"#,
        )
        .unwrap();
        let mut parts: Vec<String> = condition(&filter, Timestamp::default())
            .unwrap()
            .trim_matches(['(', ')'])
            .split(" AND ")
            .map(|part| part.trim_matches(['(', ')']).to_owned())
            .collect();
        parts.sort();
        assert_eq!(
            parts,
            [
                r#""RecordState" = 'it''s'"#,
                r#"coalesce(NOT ("Title" = 'x'), true"#,
                r#"starts_with("Type", 'TTPs') OR starts_with("Type", 'Effects'"#,
            ]
        );
    }
}

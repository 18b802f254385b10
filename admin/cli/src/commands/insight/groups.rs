//! Ranked groups, as tables and documents.

use muster_proto::v1 as wire;
use serde_json::{Map, Value as Json, json};

use crate::commands::counted;
use crate::failure::Failure;
use crate::output::{Cell, Format, Paint, Printer};

/// The most groups that the server gives.
pub(crate) const GROUPS_MAX: i64 = 10_000;

/// Groups of one grouping.
pub(crate) struct Ranked<'a> {
    pub fields: &'a [String],
    pub groups: &'a [wire::Group],
    /// Matching findings.
    pub total: u64,
    /// All groups.
    pub group_count: u64,
}

/// Headers for up to three fields; programs get the fields' names in documents.
const HEADERS: [&[&str]; 3] = [
    &["COUNT", "VALUE"],
    &["COUNT", "VALUE", "AND"],
    &["COUNT", "VALUE", "AND", "AND"],
];

pub(crate) fn print(ranked: &Ranked<'_>, printer: &Printer) -> Result<(), Failure> {
    let headers = HEADERS[ranked.fields.len().clamp(1, 3) - 1];
    let mut list = printer.list(headers);
    let largest = ranked.groups.first().map_or(0, |group| group.count);
    for group in ranked.groups {
        let mut cells = vec![count(group.count, largest, printer.format)];
        cells.extend(group.values.iter().map(|value| Cell::free(value.as_str())));
        list.push(cells, || document(ranked.fields, group))?;
    }
    let rest = ranked
        .group_count
        .saturating_sub(ranked.groups.len() as u64);
    let more = if rest > 0 {
        format!(", {rest} more (--limit)")
    } else {
        String::new()
    };
    list.finish(&format!(
        "{} in {}{more}",
        counted(ranked.total, "finding", "findings"),
        counted(ranked.group_count, "group", "groups")
    ))
}

/// The count; for people with a bar that shows its share of the largest.
fn count(count: u64, largest: u64, format: Format) -> Cell {
    const WIDTH: u64 = 12;
    match format {
        Format::Table => {
            let filled = (count * WIDTH).div_ceil(largest.max(1));
            let bar = "█".repeat(usize::try_from(filled).unwrap_or(0));
            Cell::new(format!("{count:>7} {bar}"), Paint::Plain)
        }
        Format::Json | Format::Jsonl | Format::Csv => count.into(),
    }
}

fn document(fields: &[String], group: &wire::Group) -> Json {
    let mut document: Map<String, Json> = fields
        .iter()
        .zip(&group.values)
        .map(|(field, value)| (field.clone(), json!(value)))
        .collect();
    document.insert("count".to_owned(), json!(group.count));
    Json::Object(document)
}

//! `muster finding history`.

use clap::Args;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::show::hinted;
use crate::argument::Extent;
use crate::commands::tally;
use crate::failure::Failure;
use crate::output::{Cell, Format, Printer};
use crate::session::Session;
use crate::when::{absolute, moment_cell};

const PAGE_MAX: usize = 100;

#[derive(Args)]
pub(crate) struct Arguments {
    /// As 'muster finding list' shows it; the first digits are enough
    name: String,
    #[command(flatten)]
    extent: Extent,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut list = printer.list(&["TIME", "FIELD", "FROM", "TO", "BY"]);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = arguments.extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListFindingHistoryRequest {
            name: arguments.name.clone(),
            page_size,
            page_token: token,
        };
        let page = session
            .findings()
            .list_finding_history(request)
            .await
            .map_err(|status| hinted(&arguments.name, status.into()))?
            .into_inner();
        for record in page.records {
            shown += 1;
            print(&record, &mut list, printer.format)?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "change", "changes"))
}

/// A line per changed field for people, a document per change for programs.
fn print(
    record: &wire::HistoryRecord,
    list: &mut crate::output::List,
    format: Format,
) -> Result<(), Failure> {
    let time = absolute(record.time.as_ref());
    let line = |field: &str, from: &str, to: &str| {
        vec![
            moment_cell(record.time.as_ref()),
            field.into(),
            Cell::free(from),
            Cell::free(to),
            Cell::free(record.actor.as_str()),
        ]
    };
    let document = || {
        let changes: Vec<Json> = record
            .changes
            .iter()
            .map(|change| json!({ "field": change.field, "from": json_of(&change.old_value), "to": json_of(&change.new_value) }))
            .collect();
        json!({
            "time": time,
            "created": record.created,
            "source": record.source,
            "actor": record.actor,
            "sequence": record.sequence,
            "changes": changes,
        })
    };
    match format {
        Format::Json | Format::Jsonl => list.push(Vec::new(), document),
        Format::Table | Format::Csv if record.created => {
            list.push(line("(created)", "", ""), document)
        }
        Format::Table | Format::Csv if record.changes.is_empty() => {
            list.push(line("(seen again)", "", ""), document)
        }
        Format::Table | Format::Csv => record.changes.iter().try_for_each(|change| {
            list.push(
                line(&change.field, &change.old_value, &change.new_value),
                document,
            )
        }),
    }
}

fn json_of(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}

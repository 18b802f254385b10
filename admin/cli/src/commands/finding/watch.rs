//! `muster finding watch`.

use clap::Args;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;

use super::row::{document, envelope, severity};
use crate::contact::{Contact, ended};
use crate::failure::Failure;
use crate::filter::FilterArgs;
use crate::output::{Cell, Format, Printer, print_json, print_line};
use crate::session::Session;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: FilterArgs,
    /// Start after this place in the feed; 0 is everything that is kept [default: from now on]
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<u64>,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut request = wire::WatchFindingsRequest {
        filter: arguments.filter.read(Clock::system().now())?,
        // A place to go on from, also if nothing happens before the connection is lost.
        after_sequence: match arguments.after {
            Some(after) => Some(after),
            None => Some(head(session).await?),
        },
        format: wire::FindingFormat::Asff.into(),
    };
    let mut contact = Contact::default();
    let mut reconnected = None;
    loop {
        let session = reconnected.as_ref().unwrap_or(session);
        let failure = match follow(&mut request, &mut contact, session, printer).await {
            Ok(()) => ended(),
            Err(failure) => failure,
        };
        reconnected = Some(contact.again(session, failure).await?);
    }
}

/// Where the feed ends.
async fn head(session: &Session) -> Result<u64, Failure> {
    let report = session
        .status()
        .get_status(wire::GetStatusRequest {})
        .await?
        .into_inner();
    Ok(report.store.unwrap_or_default().sequence)
}

/// Prints changes until the stream ends; `request` then says where to go on.
async fn follow(
    request: &mut wire::WatchFindingsRequest,
    contact: &mut Contact,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut changes = session
        .findings()
        .watch_findings(request.clone())
        .await?
        .into_inner();
    contact.heard();
    while let Some(change) = changes.message().await? {
        let event = change
            .event()
            .as_str_name()
            .trim_start_matches("FINDING_EVENT_")
            .to_lowercase();
        let Some(record) = change.finding else {
            request.after_sequence = Some(change.sequence);
            continue;
        };
        let finding = document(&record)?;
        match printer.format {
            Format::Table | Format::Csv => {
                let text =
                    |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let line = [
                    change.sequence.to_string(),
                    event,
                    severity(&finding["Severity"]["Label"]).painted(),
                    Cell::from(text(&finding["AwsAccountId"])).painted(),
                    Cell::from(text(&finding["Title"])).painted(),
                ];
                print_line(&line.join("  "))?;
            }
            Format::Json | Format::Jsonl => {
                let mut line = envelope(&record, finding);
                line["event"] = event.into();
                line["sequence"] = change.sequence.into();
                print_json(&line)?;
            }
        }
        request.after_sequence = Some(change.sequence);
    }
    Ok(())
}

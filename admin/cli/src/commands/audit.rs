//! `muster audit`.

use clap::{Args, Subcommand};
use muster_common::audit::TOPICS;
use muster_proto::v1 as wire;
use serde_json::json;

use super::tally;
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer};
use crate::session::Session;
use crate::when::{absolute, moment_cell};

const PAGE_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List events, newest first
    #[command(
        after_help = "Examples:\n  muster audit list --refused\n  muster audit list --action member --subject members/111122223333\n  muster audit list --all -o jsonl > audit.jsonl"
    )]
    List(List),
}

#[derive(Args)]
pub(crate) struct List {
    /// Only actions that start with this, such as enrollment or member.invite
    #[arg(long, value_parser = action)]
    action: Option<String>,
    /// Only about this, such as members/111122223333
    #[arg(long)]
    subject: Option<String>,
    /// Only refusals
    #[arg(long)]
    refused: bool,
    #[command(flatten)]
    extent: Extent,
}

/// The beginning of an action: one that none has would only find nothing.
fn action(text: &str) -> Result<String, String> {
    let topic = text.split('.').next().unwrap_or(text);
    let whole = text.contains('.');
    let known = |name: &&str| **name == *topic || !whole && name.starts_with(topic);
    if TOPICS.iter().any(known) {
        return Ok(text.to_owned());
    }
    Err(format!("actions begin with one of {}", TOPICS.join(", ")))
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let Command::List(arguments) = command;
    let mut list = printer.list(&["TIME", "ACTION", "SUBJECT", "DETAIL", "ACTOR"]);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = arguments.extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListAuditEventsRequest {
            page_size,
            page_token: token,
            action_prefix: arguments.action.clone().unwrap_or_default(),
            subject: arguments.subject.clone().unwrap_or_default(),
            refused_only: arguments.refused,
        };
        let page = session
            .audit()
            .list_audit_events(request)
            .await?
            .into_inner();
        for event in page.events {
            shown += 1;
            let time = absolute(event.time.as_ref());
            let paint = if event.refused {
                Paint::Bad
            } else {
                Paint::Plain
            };
            let cells = vec![
                moment_cell(event.time.as_ref()),
                Cell::new(event.action.as_str(), paint),
                event.subject.as_str().into(),
                Cell::free(event.detail.as_str()),
                Cell::free(event.actor.as_str()),
            ];
            list.push(cells, || {
                json!({
                    "number": event.number,
                    "time": time,
                    "action": event.action,
                    "actor": event.actor,
                    "subject": event.subject,
                    "refused": event.refused,
                    "detail": event.detail,
                })
            })?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "event", "events"))
}

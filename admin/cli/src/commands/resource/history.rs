//! `muster resource history`.

use clap::Args;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::difference::{Change, between};
use super::show::unavailable;
use super::{hinted, named, state};
use crate::argument::Extent;
use crate::commands::tally;
use crate::failure::Failure;
use crate::output::{Cell, Format, List, Printer};
use crate::session::Session;
use crate::when::{absolute, moment_cell};

const PAGE_MAX: usize = 100;
/// Lines for one state that a terminal gets.
const LINES_MAX: usize = 20;
/// Characters of a value that a terminal gets.
const VALUE_MAX: usize = 200;

const HEADERS: &[&str] = &["TIME", "PART", "PATH", "FROM", "TO"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// As 'muster resource list' shows it, the first digits are enough; or an id that is in one account only
    name: String,
    #[command(flatten)]
    extent: Extent,
}

/// How a state came about.
#[derive(Debug, PartialEq)]
enum Event {
    FirstSeen,
    Gone,
    /// No agent looks there any more.
    Unread,
    Back,
    Changed(Vec<Change>),
    /// It is not known what was before.
    Seen,
}

pub(super) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut list = printer.list(HEADERS);
    // A state is told when the one before it is there.
    let mut waiting: Option<(wire::ObservedResource, Json)> = None;
    let (mut shown, mut token) = (0, String::new());
    let mut more = false;
    'pages: loop {
        let taken = shown + usize::from(waiting.is_some());
        // One more than is shown, to compare the last with.
        let page_size = arguments.extent.next_page(taken, PAGE_MAX).unwrap_or(1);
        let request = wire::ListResourceHistoryRequest {
            name: named(&arguments.name),
            page_size,
            page_token: token,
        };
        let answer = session.resources().list_resource_history(request).await;
        let page = answer.map_err(hinted)?.into_inner();
        for older in page.states {
            let older_state = state(&older)?;
            if let Some((newer, newer_state)) = waiting.take() {
                let event = event((&newer, &newer_state), Some((&older, &older_state)));
                print(&newer, &event, &mut list, printer.format)?;
                shown += 1;
            }
            if arguments.extent.next_page(shown, PAGE_MAX).is_none() {
                more = true;
                break 'pages;
            }
            waiting = Some((older, older_state));
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    if let Some((last, state)) = waiting {
        print(
            &last,
            &event((&last, &state), None),
            &mut list,
            printer.format,
        )?;
        shown += 1;
    }
    list.finish(&tally(shown, more, "state", "states"))
}

type State<'a> = (&'a wire::ObservedResource, &'a Json);

fn event(newer: State<'_>, older: Option<State<'_>>) -> Event {
    match older {
        _ if newer.0.unread => Event::Unread,
        _ if newer.0.gone => Event::Gone,
        None => Event::FirstSeen,
        Some((older, _)) if older.gone => Event::Back,
        Some((_, Json::Null)) => Event::Seen,
        Some((_, older)) => Event::Changed(between(older, newer.1)),
    }
}

/// A line per changed place for people, a document per state for programs.
fn print(
    resource: &wire::ObservedResource,
    event: &Event,
    list: &mut List,
    format: Format,
) -> Result<(), Failure> {
    let document = || document(resource, event);
    match format {
        Format::Json | Format::Jsonl => list.push(Vec::new(), document),
        Format::Table | Format::Csv => rows(resource, event, format)
            .into_iter()
            .try_for_each(|cells| list.push(cells, document)),
    }
}

fn rows(resource: &wire::ObservedResource, event: &Event, format: Format) -> Vec<Vec<Cell>> {
    let line = |part: &str, path: &str, from: String, to: String| {
        vec![
            moment_cell(resource.observed_at.as_ref()),
            part.into(),
            Cell::free(path),
            Cell::free(from),
            Cell::free(to),
        ]
    };
    let only = |what: &str| vec![line(what, "", String::new(), String::new())];
    match event {
        Event::FirstSeen => only("(first seen)"),
        Event::Gone => only("(gone)"),
        Event::Unread => only("(not read any more)"),
        Event::Back => only("(there again)"),
        Event::Seen => only("(seen)"),
        Event::Changed(changes) if changes.is_empty() => only("(unchanged)"),
        Event::Changed(changes) => {
            let max = match format {
                Format::Table => LINES_MAX,
                Format::Json | Format::Jsonl | Format::Csv => usize::MAX,
            };
            let mut rows: Vec<Vec<Cell>> = changes
                .iter()
                .take(max)
                .map(|change| {
                    line(
                        &change.part,
                        &change.path,
                        value(change.old.as_ref(), format),
                        value(change.new.as_ref(), format),
                    )
                })
                .collect();
            let rest = changes.len().saturating_sub(max);
            if rest > 0 {
                let text = format!("... {rest} more (--output json)");
                rows.push(line("", &text, String::new(), String::new()));
            }
            rows
        }
    }
}

/// A value on one line; for people not longer than a terminal may show.
fn value(value: Option<&Json>, format: Format) -> String {
    let Some(value) = value else {
        return String::new();
    };
    match format {
        Format::Table => {
            let text = unavailable(value).unwrap_or_else(|| value.to_string());
            text.chars().take(VALUE_MAX).collect()
        }
        Format::Json | Format::Jsonl | Format::Csv => value.to_string(),
    }
}

fn document(resource: &wire::ObservedResource, event: &Event) -> Json {
    let (name, changes): (&str, &[Change]) = match event {
        Event::FirstSeen => ("FIRST_SEEN", &[]),
        Event::Gone => ("GONE", &[]),
        Event::Unread => ("UNREAD", &[]),
        Event::Back => ("BACK", &[]),
        Event::Seen => ("SEEN", &[]),
        Event::Changed(changes) => ("CHANGED", changes),
    };
    let changes: Vec<Json> = changes
        .iter()
        .map(|change| {
            json!({
                "part": change.part,
                "path": change.path,
                "from": change.old,
                "to": change.new,
            })
        })
        .collect();
    json!({
        "observedAt": absolute(resource.observed_at.as_ref()),
        "event": name,
        "changes": changes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;

    fn resource(gone: bool) -> wire::ObservedResource {
        wire::ObservedResource {
            gone,
            observed_at: Some(prost_types::Timestamp {
                seconds: 1_795_000_000,
                nanos: 0,
            }),
            ..wire::ObservedResource::default()
        }
    }

    #[test]
    fn changes_are_a_table() {
        let old = json!({
            "PublicAccessBlock": { "BlockPublicAcls": true },
            "Policy": { "Unavailable": { "Code": "AccessDenied", "Call": "s3:GetBucketPolicy" } },
        });
        let new = json!({ "PublicAccessBlock": { "BlockPublicAcls": false }, "Policy": null });
        let resource = resource(false);
        let event = event((&resource, &new), Some((&resource, &old)));
        let rows = rows(&resource, &event, Format::Table);
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        TIME                 PART               PATH             FROM              TO
        2026-11-18 11:06:40  Policy                              could not be…     null
        2026-11-18 11:06:40  PublicAccessBlock  BlockPublicAcls  true              false
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        TIME                 PART               PATH             FROM                                                         TO
        2026-11-18 11:06:40  Policy                              could not be read: s3:GetBucketPolicy answered AccessDenied  null
        2026-11-18 11:06:40  PublicAccessBlock  BlockPublicAcls  true                                                         false
        ");
    }

    #[test]
    fn a_resource_comes_and_goes() {
        let (there, gone) = (resource(false), resource(true));
        let state = json!({ "Part": 1 });
        let of = |newer, older| event((newer, &state), older);
        assert_eq!(of(&there, None), Event::FirstSeen);
        assert_eq!(of(&gone, Some((&there, &state))), Event::Gone);
        let unread = wire::ObservedResource {
            unread: true,
            ..gone.clone()
        };
        assert_eq!(of(&unread, Some((&there, &state))), Event::Unread);
        assert_eq!(of(&there, Some((&unread, &state))), Event::Back);
        assert_eq!(of(&there, Some((&gone, &Json::Null))), Event::Back);
        assert_eq!(of(&there, Some((&there, &Json::Null))), Event::Seen);
    }

    #[test]
    fn a_terminal_gets_so_many_lines_and_programs_all() {
        let numbers: serde_json::Map<String, Json> = (0..100)
            .map(|at| (format!("k{at:03}"), json!(at)))
            .collect();
        let event = Event::Changed(between(&json!({}), &Json::Object(numbers)));
        let resource = resource(false);
        assert_eq!(rows(&resource, &event, Format::Table).len(), LINES_MAX + 1);
        assert_eq!(rows(&resource, &event, Format::Csv).len(), 100);
    }
}

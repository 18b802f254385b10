//! `muster resource show`.

use clap::Args;
use muster_common::clock::Clock;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use serde_json::Value as Json;

use super::{document, hinted, named, state};
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Paint, Printer, print_line};
use crate::session::Session;
use crate::span::Moment;
use crate::when::{absolute, time_cell};

/// Lines of one part that a terminal gets.
const LINES_MAX: usize = 60;

#[derive(Args)]
pub(crate) struct Arguments {
    /// As 'muster resource list' shows it, the first digits are enough; or an id that is in one account only
    name: String,
    /// As it was then: 7d ago, 2026-11-01 (as that day began) or 2026-11-01T08:00:00Z
    #[arg(long, value_name = "DATE")]
    as_of: Option<Moment>,
}

pub(super) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let as_of = arguments.as_of.map(|moment| to_wire(moment.at(now)));
    let request = wire::GetResourceRequest {
        name: named(&arguments.name),
        as_of,
    };
    let answer = session.resources().get_resource(request).await;
    let resource = answer.map_err(hinted)?.into_inner();
    let state = state(&resource)?;
    let mut lines = lines(&resource, now);
    lines.push(("as of", absolute(as_of.as_ref()).into()));
    printer.one(&lines, &document(&resource, &state))?;
    if printer.format == Format::Table {
        print_line(&parts(&state))?;
    }
    Ok(())
}

fn lines(
    resource: &wire::ObservedResource,
    now: muster_common::timestamp::Timestamp,
) -> Vec<(&'static str, Cell)> {
    let is = if resource.unread {
        Cell::new("not read any more", Paint::Warning)
    } else if resource.gone {
        Cell::new("gone", Paint::Warning)
    } else {
        Cell::new("there", Paint::Good)
    };
    vec![
        ("name", naming::id(&resource.name).into()),
        ("type", resource.resource_type.as_str().into()),
        ("id", resource.id.as_str().into()),
        ("account", resource.account.as_str().into()),
        ("region", resource.region.as_str().into()),
        ("is", is),
        ("since", time_cell(resource.observed_at.as_ref(), now)),
    ]
}

/// The parts of a state one below the other.
fn parts(state: &Json) -> String {
    let Some(parts) = state.as_object().filter(|parts| !parts.is_empty()) else {
        return "\nnothing is known of its state".to_owned();
    };
    let mut text = String::new();
    for (name, part) in parts {
        text.push_str(&format!("\n{}\n", Cell::from(name.as_str()).painted()));
        for line in part_lines(part) {
            text.push_str(&format!("  {}\n", Cell::from(line).painted()));
        }
    }
    text + "\nThe whole document: --output json"
}

fn part_lines(part: &Json) -> Vec<String> {
    if part.is_null() {
        return vec!["there is none".to_owned()];
    }
    if let Some(told) = unavailable(part) {
        return vec![told];
    }
    let text = serde_json::to_string_pretty(part).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("... {more} more lines"));
    }
    lines
}

/// Why a part could not be read, if it could not.
pub(super) fn unavailable(part: &Json) -> Option<String> {
    let told = part.as_object()?.get("Unavailable")?;
    let text = |key: &str| told.get(key).and_then(Json::as_str).unwrap_or("unknown");
    Some(format!(
        "could not be read: {} answered {}",
        text("Call"),
        text("Code")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_say_what_they_are_and_what_could_not_be_read() {
        let state = json!({
            "Policy": { "Unavailable": { "Code": "AccessDenied", "Call": "s3:GetBucketPolicy" } },
            "Versioning": { "Status": "Enabled" },
            "Logging": null,
            "Odd\u{1b}[2J": "a\u{202e}b",
        });
        insta::assert_snapshot!(parts(&state).trim(), @r#"
        Logging
          there is none

        Odd�[2J
          "a�b"

        Policy
          could not be read: s3:GetBucketPolicy answered AccessDenied

        Versioning
          {
            "Status": "Enabled"
          }

        The whole document: --output json
        "#);
        assert_eq!(parts(&Json::Null), "\nnothing is known of its state");
        let long = json!((0..500).collect::<Vec<_>>());
        let lines = part_lines(&long);
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(lines[LINES_MAX], "... 442 more lines");
    }
}

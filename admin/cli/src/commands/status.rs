//! `muster status`.

use clap::Args;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::tally;
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Format, List, Paint, Printer, print_line};
use crate::session::Session;
use crate::when::{absolute, bytes, relative};

const PAGE_MAX: usize = 10_000;
/// Refused controls that are shown one by one.
const REFUSED_SHOWN: usize = 10;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The ledger of every account: sent = stored = visible
    #[arg(long)]
    accounts: bool,
    #[command(flatten)]
    extent: Extent,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    if arguments.accounts {
        return ledger(arguments.extent, session, printer).await;
    }
    let report = session
        .status()
        .get_status(wire::GetStatusRequest {})
        .await?
        .into_inner();
    let store = report.store.clone().unwrap_or_default();
    let total = report.ledger.clone().unwrap_or_default();
    let document = document(&report, &store, &total);
    if printer.format == Format::Csv {
        let mut list = printer.list(&["KEY", "VALUE"]);
        flat("", &document, &mut list)?;
        return list.finish("");
    }
    printer.one(&lines(&report, &store, &total), &document)?;
    if printer.format == Format::Table && report.agents > 0 {
        let request = wire::ListAgentsRequest {
            page_size: 20,
            ..Default::default()
        };
        let agents = session.members().list_agents(request).await?.into_inner();
        print_line("")?;
        super::agent::print(&agents.agents, printer, !agents.next_page_token.is_empty())?;
    }
    Ok(())
}

/// A row for each value of a document, under its path.
fn flat(path: &str, value: &Json, list: &mut List) -> Result<(), Failure> {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Json::Object(fields) => fields
            .iter()
            .try_for_each(|(key, value)| flat(&below(key), value, list)),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, value)| flat(&below(&at.to_string()), value, list)),
        Json::String(text) => list.push(vec![path.into(), text.as_str().into()], || Json::Null),
        Json::Null | Json::Bool(_) | Json::Number(_) => {
            list.push(vec![path.into(), value.to_string().into()], || Json::Null)
        }
    }
}

fn lines(
    report: &wire::StatusReport,
    store: &wire::StoreStatus,
    total: &wire::LedgerEntry,
) -> Vec<(&'static str, Cell)> {
    let now = Clock::system().now();
    let members: Vec<String> = report
        .members
        .iter()
        .map(|(status, count)| format!("{count} {}", status.to_lowercase().replace('_', " ")))
        .collect();
    let health = if !store.failing.is_empty() {
        Cell::new(
            format!("NOTHING CAN BE WRITTEN: {}", store.failing),
            Paint::Critical,
        )
    } else if store.damaged.is_empty() {
        Cell::new("whole", Paint::Good)
    } else {
        Cell::new(
            format!("DAMAGED: {}", store.damaged.join("; ")),
            Paint::Critical,
        )
    };
    let mut lines = vec![
        (
            "admin",
            Cell::from(format!("{} {}", report.trust_domain, report.version)),
        ),
        ("started", relative(report.started_at.as_ref(), now).into()),
        (
            "certificate",
            format!(
                "renewed by itself, ends {}",
                relative(report.server_certificate_expires_at.as_ref(), now)
            )
            .into(),
        ),
        (
            "members",
            if members.is_empty() {
                "none; create one with 'muster member create'".into()
            } else {
                members.join(", ").into()
            },
        ),
        (
            "agents",
            format!(
                "{} enrolled, {} connected",
                report.agents, report.agents_connected
            )
            .into(),
        ),
        ("findings", total.visible.to_string().into()),
        ("ledger", balance(total)),
        ("waiting at agents", report.lag.into()),
        (
            "store",
            format!(
                "{} on disk, index {} ({})",
                bytes(store.bytes),
                bytes(store.index_bytes),
                store.engine
            )
            .into(),
        ),
        ("store health", health),
    ];
    let refused = refused(report).into_iter();
    lines.extend(refused.map(|(name, text)| (name, Cell::new(text, Paint::Bad))));
    lines
}

/// Controls of one's own that do not count, why, and what to do.
fn refused(report: &wire::StatusReport) -> Vec<(&'static str, String)> {
    let told = report.refused_controls.iter().take(REFUSED_SHOWN);
    let mut lines: Vec<_> = told
        .map(|refused| {
            let reason = refused.reason.lines().next().unwrap_or_default();
            ("control refused", format!("{}: {reason}", refused.folder))
        })
        .collect();
    let all = usize::try_from(report.refused_control_count).unwrap_or(usize::MAX);
    if all > lines.len() {
        let more = all - lines.len();
        lines.push((
            "",
            format!("and {more} more; the admin's log has all of them"),
        ));
    }
    if !lines.is_empty() {
        let next = "mend them, check each with 'muster control test FOLDER', and restart the admin";
        lines.push(("", next.to_owned()));
    }
    lines
}

/// Sent = stored + refused + missing, and created = visible + expired: or the ledger says what does not add up.
fn balance(entry: &wire::LedgerEntry) -> Cell {
    let some = |count: u64, text: &str| match count {
        0 => String::new(),
        count => format!(" + {count} {text}"),
    };
    let text = format!(
        "{} sent = {} created + {} updated + {} unchanged + {} refused{}; {} visible{}",
        entry.sent,
        entry.created,
        entry.updated,
        entry.unchanged,
        entry.refused,
        some(entry.missing, "MISSING"),
        entry.visible,
        some(entry.expired, "expired"),
    );
    let balanced = entry.missing == 0 && entry.created == entry.visible + entry.expired;
    Cell::new(text, if balanced { Paint::Good } else { Paint::Bad })
}

async fn ledger(extent: Extent, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut list = printer.list(&[
        "ACCOUNT",
        "SENT",
        "CREATED",
        "UPDATED",
        "UNCHANGED",
        "REFUSED",
        "MISSING",
        "EXPIRED",
        "VISIBLE",
        "WAITING",
    ]);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListLedgerRequest {
            page_size,
            page_token: token,
        };
        let page = session.status().list_ledger(request).await?.into_inner();
        for entry in page.entries {
            shown += 1;
            let missing = if entry.missing > 0 {
                Paint::Critical
            } else {
                Paint::Plain
            };
            let cells = vec![
                entry.account_id.as_str().into(),
                entry.sent.into(),
                entry.created.into(),
                entry.updated.into(),
                entry.unchanged.into(),
                entry.refused.into(),
                Cell::new(entry.missing.to_string(), missing),
                entry.expired.into(),
                entry.visible.into(),
                entry.waiting.into(),
            ];
            list.push(cells, || entry_document(&entry))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "account", "accounts"))
}

fn entry_document(entry: &wire::LedgerEntry) -> Json {
    json!({
        "account": entry.account_id,
        "sent": entry.sent,
        "created": entry.created,
        "updated": entry.updated,
        "unchanged": entry.unchanged,
        "refused": entry.refused,
        "missing": entry.missing,
        "expired": entry.expired,
        "visible": entry.visible,
        "waiting": entry.waiting,
    })
}

fn document(
    report: &wire::StatusReport,
    store: &wire::StoreStatus,
    total: &wire::LedgerEntry,
) -> Json {
    json!({
        "version": report.version,
        "trustDomain": report.trust_domain,
        "startedAt": absolute(report.started_at.as_ref()),
        "serverCertificateExpiresAt": absolute(report.server_certificate_expires_at.as_ref()),
        "members": report.members,
        "agents": report.agents,
        "agentsConnected": report.agents_connected,
        "lag": report.lag,
        "ledger": entry_document(total),
        "store": {
            "engine": store.engine,
            "findings": store.findings,
            "sequence": store.sequence,
            "bytes": store.bytes,
            "indexBytes": store.index_bytes,
            "damaged": store.damaged,
            "failing": store.failing,
        },
        "refusedControls": report.refused_controls.iter().map(|refused| json!({
            "folder": refused.folder,
            "reason": refused.reason,
        })).collect::<Vec<_>>(),
        "refusedControlCount": report.refused_control_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(folders: usize, count: u64) -> Vec<String> {
        let folders = (0..folders).map(|number| wire::RefusedControl {
            folder: format!("/etc/muster/controls/{number}"),
            reason: "a case came out otherwise\nby much".to_owned(),
        });
        let report = wire::StatusReport {
            refused_controls: folders.collect(),
            refused_control_count: count,
            ..wire::StatusReport::default()
        };
        let lines = refused(&report).into_iter();
        lines
            .map(|(name, text)| format!("{name}: {text}"))
            .collect()
    }

    #[test]
    fn refused_controls_are_told_with_the_next_step() {
        assert_eq!(told(0, 0), [""; 0]);
        assert_eq!(
            told(1, 1),
            [
                "control refused: /etc/muster/controls/0: a case came out otherwise",
                ": mend them, check each with 'muster control test FOLDER', and restart the admin",
            ]
        );
        let many = told(100, 250);
        assert_eq!(many.len(), REFUSED_SHOWN + 2);
        assert_eq!(
            many[REFUSED_SHOWN],
            ": and 240 more; the admin's log has all of them"
        );
    }
}

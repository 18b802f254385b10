//! What people see of checks and snapshots, and how it gets to standard output.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;
use muster_agent::doctor::{Check, Verdict};
use muster_agent::identity::Identity;
use muster_agent::snapshot::{Snapshot, span};
use muster_common::health::CollectorState;
use muster_common::timestamp::{SECOND, Timestamp};

/// A snapshot that is older than this is shown with its age.
const FRESH: i64 = 10 * SECOND;

/// Prints a text. A reader that has seen enough, as `head` does, is no error.
///
/// # Errors
/// Standard output takes no more.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Checks, one per line, with the advice below.
pub(crate) fn checks(checks: &[Check], colors: bool) -> String {
    let mut text = String::new();
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in checks {
        let (mark, color) = match check.verdict {
            Verdict::Good => ("ok  ", 32),
            Verdict::Doubtful => ("look", 33),
            Verdict::Bad => ("bad ", 31),
            Verdict::Skipped => ("-   ", 90),
        };
        let mark = if colors {
            format!("\x1b[{color}m{mark}\x1b[0m")
        } else {
            mark.to_owned()
        };
        // A string takes everything.
        let _ = writeln!(text, "{mark}  {:width$}  {}", check.name, check.seen);
        if !check.advice.is_empty() {
            let _ = writeln!(text, "      {:width$}  -> {}", "", check.advice);
        }
    }
    text
}

/// What is known of an agent from outside.
pub(crate) struct Seen<'a> {
    pub identity: &'a Identity,
    /// When the account left the admin, if it did.
    pub left: Option<Timestamp>,
    pub running: bool,
    pub snapshot: Option<&'a Snapshot>,
    pub now: Timestamp,
}

/// How an agent fares.
pub(crate) fn status(seen: &Seen<'_>) -> String {
    let mut text = String::new();
    // A string takes everything.
    let _ = write_status(&mut text, seen);
    text
}

fn write_status(text: &mut String, seen: &Seen<'_>) -> std::fmt::Result {
    let Seen {
        identity,
        left,
        running,
        snapshot,
        now,
    } = *seen;
    let until = identity.credential.facts().not_after;
    writeln!(text, "account      {}", identity.account)?;
    writeln!(text, "agent        {}", identity.agent)?;
    writeln!(text, "admin        {}", identity.file.endpoint)?;
    if let Some(at) = left {
        writeln!(
            text,
            "left         at {at}; the admin takes nothing more of it; come back with a new invitation and 'muster-agent accept'"
        )?;
    }
    writeln!(
        text,
        "certificate  until {until} ({})",
        span(until.since(now))
    )?;
    if !running {
        let next = if left.is_some() {
            ""
        } else {
            "; start it with 'muster-agent run'"
        };
        writeln!(text, "running      no{next}")?;
    }
    let Some(snapshot) = snapshot else {
        if running {
            writeln!(text, "running      yes, and has told nothing of itself yet")?;
        }
        return Ok(());
    };
    if running {
        writeln!(
            text,
            "running      yes, process {}, version {}",
            snapshot.pid, snapshot.version
        )?;
    }
    let age = now.since(snapshot.taken_at);
    if !running {
        writeln!(
            text,
            "as of        {} ago; the agent is not running",
            span(age)
        )?;
    } else if age > FRESH {
        writeln!(text, "as of        {} ago", span(age))?;
    }
    write_snapshot(text, snapshot, now)
}

fn write_snapshot(text: &mut String, snapshot: &Snapshot, now: Timestamp) -> std::fmt::Result {
    let reason = if snapshot.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", snapshot.reason)
    };
    writeln!(text, "uplink       {}{reason}", snapshot.link.name())?;
    writeln!(
        text,
        "spool        {} findings wait, {} of {} MiB; {} sent",
        snapshot.waiting,
        snapshot.spool_bytes >> 20,
        snapshot.spool_bytes_max >> 20,
        snapshot.sent
    )?;
    writeln!(
        text,
        "refused      {} findings, in dead-letters.jsonl",
        snapshot.dead_letters
    )?;
    if snapshot.damaged > 0 {
        writeln!(
            text,
            "damaged      {} records of the spool cannot be read",
            snapshot.damaged
        )?;
    }
    let names = snapshot.collectors.iter();
    let widest = names.map(|health| health.collector.len()).max();
    let width = widest.unwrap_or_default().max("COLLECTOR".len());
    writeln!(
        text,
        "\n{:width$}  {:16} {:19} {:>9}  LAST SUCCESS",
        "COLLECTOR", "REGION", "STATE", "FINDINGS"
    )?;
    for health in &snapshot.collectors {
        let last = health.last_success.map_or_else(
            || "never".to_owned(),
            |at| format!("{} ago", span(now.since(at))),
        );
        writeln!(
            text,
            "{:width$}  {:16} {:19} {:>9}  {last}",
            health.collector,
            health.region,
            health.state.name(),
            health.findings
        )?;
        if !health.message.is_empty() && health.state != CollectorState::Disabled {
            writeln!(text, "  {}", health.message)?;
        }
    }
    Ok(())
}

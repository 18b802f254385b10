//! What people see of checks and snapshots.
#![expect(clippy::print_stdout, reason = "the command line's voice")]

use muster_agent::doctor::{Check, Verdict};
use muster_agent::identity::Identity;
use muster_agent::snapshot::Snapshot;
use muster_common::health::CollectorState;
use muster_common::timestamp::{HOUR, MINUTE, SECOND, Timestamp};

/// Prints checks, one per line, with the advice below.
pub(crate) fn checks(checks: &[Check], colors: bool) {
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
        println!("{mark}  {:width$}  {}", check.name, check.seen);
        if !check.advice.is_empty() {
            println!("      {:width$}  -> {}", "", check.advice);
        }
    }
}

/// Prints how an agent fares; without a snapshot it does not run.
pub(crate) fn status(identity: &Identity, snapshot: Option<&Snapshot>, now: Timestamp) {
    let until = identity.credential.facts().not_after;
    println!("account      {}", identity.account);
    println!("agent        {}", identity.agent);
    println!("admin        {}", identity.file.endpoint);
    println!("certificate  until {until} ({})", span(until.since(now)));
    let Some(snapshot) = snapshot else {
        println!("running      no; start it with 'muster-agent run'");
        return;
    };
    println!(
        "running      yes, process {}, version {}",
        snapshot.pid, snapshot.version
    );
    let reason = if snapshot.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", snapshot.reason)
    };
    println!("uplink       {}{reason}", snapshot.link.name());
    println!(
        "spool        {} findings wait, {} of {} MiB; {} sent",
        snapshot.waiting,
        snapshot.spool_bytes >> 20,
        snapshot.spool_bytes_max >> 20,
        snapshot.sent
    );
    println!(
        "refused      {} findings, in dead-letters.jsonl",
        snapshot.dead_letters
    );
    if snapshot.damaged > 0 {
        println!(
            "damaged      {} records of the spool cannot be read",
            snapshot.damaged
        );
    }
    println!();
    println!(
        "{:16} {:16} {:19} {:>9}  LAST SUCCESS",
        "COLLECTOR", "REGION", "STATE", "FINDINGS"
    );
    for health in &snapshot.collectors {
        let last = health.last_success.map_or_else(
            || "never".to_owned(),
            |at| format!("{} ago", span(now.since(at))),
        );
        println!(
            "{:16} {:16} {:19} {:>9}  {last}",
            health.collector,
            health.region,
            health.state.name(),
            health.findings
        );
        if !health.message.is_empty() && health.state != CollectorState::Disabled {
            println!("  {}", health.message);
        }
    }
}

fn span(millis: i64) -> String {
    match millis {
        ..0 => "over".to_owned(),
        0..MINUTE => format!("{} s", millis / SECOND),
        MINUTE..HOUR => format!("{} min", millis / MINUTE),
        HOUR.. => format!("{} h", millis / HOUR),
    }
}

//! What is on this machine: the folder, the spool, the identity.

use std::path::Path;

use muster_common::clock::Clock;

use super::Check;
use crate::config::Config;
use crate::identity::{self, Identity, in_use, left};
use crate::snapshot::{self, Snapshot, span};

/// Below this there is a warning.
const FREE_MIB_LOW: u64 = 512;

/// The state folder, and what the agent that runs in it tells of itself.
pub(super) fn state_folder(config: &Config) -> Vec<Check> {
    const NAME: &str = "state folder";
    let folder = &config.state_dir;
    let shown = folder.display();
    if !folder.exists() {
        return vec![Check::skipped(
            NAME,
            format!("there is no {shown} yet; 'muster-agent accept' makes it"),
        )];
    }
    let running = in_use(folder);
    if !running && let Err(error) = writable(folder) {
        return vec![Check::bad(
            NAME,
            format!("{shown}: {error}"),
            "run as the user that the agent runs as, or free space",
        )];
    }
    let agent = if running {
        "the agent runs"
    } else {
        "the agent does not run"
    };
    let mut checks = vec![match free_mib(folder) {
        Some(free) if free < FREE_MIB_LOW => Check::doubtful(
            NAME,
            format!("{shown}, {free} MiB free, {agent}"),
            match free {
                0 | 1 => "free space".to_owned(),
                _ => format!("free space, or set spool.max_mib below {free}"),
            },
        ),
        Some(free) => Check::good(NAME, format!("{shown}, {free} MiB free, {agent}")),
        None => Check::good(NAME, format!("{shown}, {agent}")),
    }];
    if running && let Some(snapshot) = snapshot::read(folder) {
        checks.extend(spool(&snapshot));
    }
    checks
}

fn spool(snapshot: &Snapshot) -> Vec<Check> {
    let Snapshot {
        waiting,
        spool_bytes,
        spool_bytes_max,
        damaged,
        dead_letters,
        ..
    } = snapshot;
    let percent = spool_bytes * 100 / spool_bytes_max.max(&1);
    let seen = format!("{waiting} findings wait, {percent} % of its room");
    let spool = if percent >= 80 {
        Check::doubtful(
            "spool",
            seen,
            "when it is full, sources are not read; mend the way to the admin, or raise spool.max_mib",
        )
    } else if *damaged > 0 {
        Check::doubtful(
            "spool",
            format!("{damaged} records cannot be read"),
            "check the disk; the findings are collected again if their sources change",
        )
    } else {
        Check::good("spool", seen)
    };
    let letters = match dead_letters {
        0 => Check::good("dead letters", "none"),
        count => Check::doubtful(
            "dead letters",
            format!("{count} findings were refused"),
            "look at dead-letters.jsonl in the state folder; each line says why",
        ),
    };
    vec![spool, letters]
}

pub(super) fn identity(
    folder: &Path,
    identity: &Result<Identity, identity::Error>,
    clock: &Clock,
) -> Check {
    const NAME: &str = "identity";
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => return Check::bad(NAME, error.to_string(), ""),
    };
    let Identity { account, agent, .. } = identity;
    if let Some(at) = left(folder) {
        return Check::bad(
            NAME,
            format!("account {account} left the admin at {at}"),
            "to come back, ask for a new invitation and run 'muster-agent accept'",
        );
    }
    let until = identity.credential.facts().not_after;
    let left = until.since(clock.now());
    if left <= 0 {
        return Check::bad(
            NAME,
            format!("the certificate expired at {until}"),
            "ask for a new invitation and run 'muster-agent accept --replace'",
        );
    }
    Check::good(
        NAME,
        format!(
            "agent {agent} of account {account}, certificate for {}",
            span(left)
        ),
    )
}

fn writable(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(".probe");
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(&probe)
}

fn free_mib(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail * stat.f_frsize / (1 << 20))
}

//! The snapshot: how a running agent fares, in a file for `muster-agent status` and for monitoring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::health::CollectorHealth;
use muster_common::identity::AgentId;
use muster_common::timestamp::{HOUR, MINUTE, SECOND, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::dead_letters::DeadLetters;
use crate::identity::Identity;
use crate::queue::Queue;
use crate::spool::write_whole;
use crate::uplink::Link;

/// It is written this often at least, so that an old one tells of a dead agent.
const EVERY: Duration = Duration::from_secs(30);
/// And this seldom at most.
const AFTER: Duration = Duration::from_millis(500);

/// How an agent fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub taken_at: Timestamp,
    pub version: String,
    pub pid: u32,
    pub account: AccountId,
    pub agent: AgentId,
    /// `host:port`.
    pub admin: String,
    pub certificate_expires_at: Timestamp,
    pub link: LinkState,
    /// Why the link is not up.
    pub reason: String,
    pub sent: u64,
    pub waiting: u64,
    pub spool_bytes: u64,
    pub spool_bytes_max: u64,
    pub damaged: u64,
    pub dead_letters: u64,
    pub collectors: Vec<CollectorHealth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    Connecting,
    Up,
    Down,
    Refused,
}

impl LinkState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Down => "down",
            Self::Refused => "refused",
        }
    }
}

/// What a snapshot is taken of. Cheap to clone.
#[derive(Clone)]
pub struct Subject {
    pub queue: Queue,
    pub dead_letters: DeadLetters,
    pub board: Board,
    pub identity: watch::Receiver<Identity>,
    pub link: watch::Receiver<Link>,
    pub clock: Clock,
}

impl Subject {
    #[must_use]
    pub fn take(&self) -> Snapshot {
        let identity = self.identity.borrow().clone();
        let (link, reason) = match &*self.link.borrow() {
            Link::Connecting => (LinkState::Connecting, String::new()),
            Link::Up { .. } => (LinkState::Up, String::new()),
            Link::Down { reason } => (LinkState::Down, reason.clone()),
            Link::Refused { reason } => (LinkState::Refused, reason.clone()),
        };
        let numbers = self.queue.numbers();
        Snapshot {
            taken_at: self.clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            account: identity.account,
            agent: identity.agent,
            admin: identity.file.endpoint.clone(),
            certificate_expires_at: identity.credential.facts().not_after,
            link,
            reason,
            sent: numbers.acknowledged,
            waiting: numbers.waiting(),
            spool_bytes: numbers.bytes,
            spool_bytes_max: numbers.bytes_max,
            damaged: numbers.damaged,
            dead_letters: self.dead_letters.count(),
            collectors: self.board.entries(),
        }
    }

    /// Writes snapshots on every change, until `stop`.
    pub async fn keep(mut self, folder: PathBuf, stop: CancellationToken) {
        let mut numbers = self.queue.watch();
        let mut board = self.board.watch();
        let mut letters = self.dead_letters.watch();
        let mut at = Instant::now();
        let mut failed = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = numbers.changed() => at = at.min(Instant::now() + AFTER),
                _ = letters.changed() => at = at.min(Instant::now() + AFTER),
                _ = board.changed() => at = at.min(Instant::now() + AFTER),
                _ = self.link.changed() => at = at.min(Instant::now() + AFTER),
                () = sleep_until(at) => {
                    let path = path(&folder);
                    let snapshot = self.take();
                    let written =
                        tokio::task::spawn_blocking(move || write(&path, &snapshot)).await;
                    let fails = matches!(written, Ok(Err(_)));
                    if let Ok(Err(error)) = written && !failed {
                        tracing::warn!(%error, "status.json was not written; 'muster-agent status' shows an old one");
                    }
                    failed = fails;
                    at = Instant::now() + EVERY;
                }
            }
        }
        let _ = std::fs::remove_file(path(&folder));
    }
}

/// The last snapshot of the agent in a state folder, if it runs or was killed.
#[must_use]
pub fn read(folder: &Path) -> Option<Snapshot> {
    serde_json::from_slice(&std::fs::read(path(folder)).ok()?).ok()
}

/// A length of time for people.
#[must_use]
pub fn span(millis: i64) -> String {
    match millis {
        ..0 => "over".to_owned(),
        0..MINUTE => format!("{} s", millis / SECOND),
        MINUTE..HOUR => format!("{} min", millis / MINUTE),
        HOUR.. => format!("{} h", millis / HOUR),
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("status.json")
}

fn write(path: &Path, snapshot: &Snapshot) -> std::io::Result<()> {
    write_whole(path, &serde_json::to_vec_pretty(snapshot)?)
}

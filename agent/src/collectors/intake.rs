//! Where collectors put what they found.

use std::path::Path;

use bytes::Bytes;
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::finding::FINDING_BYTES_MAX;
use muster_common::health::CollectorState;
use muster_common::identity::AgentId;
use muster_disk::fs;

use super::{Progress, Setback};
use crate::board::Board;
use crate::dead_letters::{DeadLetters, Letter};
use crate::queue::Queue;
use crate::spool::{self, Spool, adopt, spools};

/// Documents of one account on their way into the spool. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    pub account: AccountId,
    pub queue: Queue,
    pub dead_letters: DeadLetters,
    pub progress: Progress,
    pub board: Board,
    pub clock: Clock,
}

/// What a collector made of one finding of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An ASFF document in JSON.
    Document(Bytes),
    /// What is no good, and why.
    Unfit { reason: String, original: String },
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Spool(#[from] spool::Error),
    #[error("cannot use {path}: {reason}")]
    Disk {
        path: String,
        reason: std::io::Error,
    },
}

impl Intake {
    /// Opens spool, dead letters and marks of an agent in a state folder, and takes over what earlier agents in it have
    /// left waiting. What the marks of those say was sent to an admin that may be another one, or was restored: they are
    /// forgotten, and everything is collected again.
    ///
    /// # Errors
    /// [`OpenError`] says which part of it the disk refuses.
    pub async fn open(
        folder: &Path,
        (account, agent): (AccountId, AgentId),
        spool_bytes_max: u64,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let disk = |reason| OpenError::Disk {
            path: folder.display().to_string(),
            reason,
        };
        let spools = spools(folder);
        let own = spools.join(agent.to_string());
        let progress = Progress::open(folder);
        // Before the spool is there: cut off in between, it is done again.
        if !fs::exists(&own).map_err(disk)? {
            progress.forget().await.map_err(disk)?;
        }
        let mut spool = Spool::open(&own, spool_bytes_max)?;
        let taken = adopt(&mut spool, &spools)?;
        if taken > 0 {
            tracing::info!(
                findings = taken,
                "took over the spool of an earlier enrollment"
            );
        }
        Ok(Self {
            account,
            queue: Queue::new(spool),
            dead_letters: DeadLetters::open(folder).map_err(disk)?,
            progress,
            board: Board::default(),
            clock,
        })
    }

    /// Puts findings into the spool, and what is no good among the dead letters. Waits while the spool is full.
    pub(super) async fn put(
        &self,
        collector: &'static str,
        region: Option<&Region>,
        found: Vec<Found>,
    ) -> Result<(), Setback> {
        let mut documents = Vec::with_capacity(found.len());
        let mut letters = Vec::new();
        for found in found {
            match found {
                Found::Document(document) if document.len() > FINDING_BYTES_MAX => {
                    let reason = format!(
                        "the finding has {} bytes; the limit is {FINDING_BYTES_MAX}",
                        document.len()
                    );
                    letters.push(self.letter(collector, reason, &document));
                }
                Found::Document(document) => documents.push(document),
                Found::Unfit { reason, original } => {
                    letters.push(self.letter(collector, reason, original.as_bytes()));
                }
            }
        }
        let disk = |error: &dyn std::fmt::Display| Setback::Failed(error.to_string());
        self.dead_letters
            .put(letters)
            .await
            .map_err(|error| disk(&error))?;
        if documents.is_empty() {
            return Ok(());
        }
        if !self.queue.has_room(&documents) {
            self.board.set(
                collector,
                region,
                CollectorState::Blocked,
                "the spool is full; the source is read on when the admin has taken some",
            );
        }
        let count = documents.len() as u64;
        self.queue
            .append(documents)
            .await
            .map_err(|error| disk(&error))?;
        drill::pass(Point::IntakeAppended);
        self.board.count(collector, region, count);
        Ok(())
    }

    fn letter(&self, source: &str, reason: String, document: &[u8]) -> Letter {
        Letter {
            time: self.clock.now(),
            source: source.to_owned(),
            code: "InvalidInput".to_owned(),
            reason,
            document: String::from_utf8_lossy(document).into_owned(),
        }
    }
}

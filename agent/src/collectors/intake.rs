//! Where collectors put what they found.

use bytes::Bytes;
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::finding::FINDING_BYTES_MAX;
use muster_common::health::CollectorState;

use super::{Progress, Setback};
use crate::board::Board;
use crate::dead_letters::{DeadLetters, Letter};
use crate::queue::Queue;

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

impl Intake {
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

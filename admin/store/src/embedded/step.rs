//! A durable step, from its decision to its answers.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::account::Page;
use super::block::Block;
use super::shelf::Write;
use super::versions::Versions;
use crate::{Error, Outcome};

/// What a durable step says of findings and of what was received.
#[derive(Default)]
pub(super) struct Decided {
    pub versions: Versions,
    pub page: Page,
}

/// A step that the disk may take.
pub(super) struct Step {
    pub decided: Arc<Decided>,
    pub blocks: Vec<Block>,
    pub writes: Vec<Write>,
    /// The last one with it.
    pub sequence: u64,
    /// The tables met a disk error and must be opened again.
    pub sick: bool,
    pub replies: Vec<Reply>,
}

/// A step that failed. Nothing of it counts, unless only the tables could not follow.
pub(super) struct Refused {
    pub error: Error,
    /// The last sequence that counts.
    pub sequence: u64,
}

/// Who waits for a step.
pub(super) enum Reply {
    Record(oneshot::Sender<Result<Vec<Outcome>, Error>>, Vec<Outcome>),
    Commit(oneshot::Sender<Result<(), Error>>),
}

impl Step {
    /// What is decided after table writes is decided against the tables.
    pub(super) const fn is_awaited(&self) -> bool {
        !self.writes.is_empty() || self.sick
    }

    /// Answers everyone.
    pub(super) fn answer(self, result: &Result<(), Error>) {
        for reply in self.replies {
            // Whoever asked may be gone; what was done stays done.
            match reply {
                Reply::Record(reply, outcomes) => {
                    drop(reply.send(result.clone().map(|()| outcomes)));
                }
                Reply::Commit(reply) => drop(reply.send(result.clone())),
            }
        }
    }
}

//! The other half of the writer: it writes a decided step once, waits for the disk once, folds it into the index, puts
//! its table writes on the shelf, and answers everyone.

use std::collections::VecDeque;
use std::sync::Arc;

use muster_common::drill::{self, Limit, Point};
use tokio::sync::watch;

use super::account::CommitHead;
use super::block::Block;
use super::frame::Kind;
use super::log::{Log, Place};
use super::shelf::{Shelf, Write, encode};
use super::state::{Edition, Shared};
use super::step::{Refused, Step};
use crate::Error;

/// The shelf is flushed after so many commits. Until then what it was given is kept, in case that its disk refuses.
const FLUSH_COMMITS: u64 = 512;

pub(super) struct Durable {
    pub shared: Arc<Shared>,
    pub shelf: Arc<Shelf>,
    pub log: Log,
    pub head: watch::Sender<u64>,
    /// The number of the last commit.
    pub commit: u64,
    /// Durable table writes that the shelf has not flushed yet, by commit.
    pub backlog: VecDeque<(u64, Vec<Write>)>,
    /// How many of them the shelf has taken.
    pub taken: usize,
    /// The shelf met a disk error and must be opened again.
    pub sick: bool,
}

impl Durable {
    /// Makes a step durable and visible, and answers.
    pub(super) fn take(&mut self, mut step: Step) -> Result<(), Refused> {
        self.sick |= step.sick;
        let writes = std::mem::take(&mut step.writes);
        let result = self.write(&step, writes);
        self.shared.state.write().failing = result.as_ref().err().map(ToString::to_string);
        // What readers were told of is what counts.
        let sequence = *self.head.borrow();
        step.answer(&result);
        result.map_err(|error| Refused { error, sequence })
    }

    /// Ends in order.
    pub(super) fn close(self) {
        if let Err(error) = self.shelf.flush() {
            tracing::warn!(%error, "the tables were not flushed; the log will fill them at the next start");
        }
    }

    fn write(&mut self, step: &Step, writes: Vec<Write>) -> Result<(), Error> {
        if self.log.is_broken() {
            self.log.mend()?;
        }
        self.shelve()?;
        let head = step.decided.page.close(self.commit + 1, step.sequence);
        if step.blocks.is_empty()
            && writes.is_empty()
            && head.ledger.is_empty()
            && head.spools.is_empty()
        {
            return Ok(());
        }
        let commit = serde_json::to_vec(&head).expect("a commit is plain data");
        let tables = encode(&writes);
        let blocks = step.blocks.iter();
        let mut frames: Vec<(Kind, &[u8], &[u8])> = blocks
            .map(|Block { head, body, .. }| (Kind::Block, head.as_slice(), body.as_slice()))
            .collect();
        frames.push((Kind::Commit, &commit, &tables));
        let places = self.log.append(&frames)?;
        self.commit = head.number;
        self.fold(&step.blocks, places, &head);
        self.head.send_replace(step.sequence);
        self.backlog.push_back((head.number, writes));
        drill::pass(Point::StepFolded);
        self.shelve()?;
        drill::pass(Point::StepShelved);
        Ok(())
    }

    /// Makes a step visible, at once: whoever counts findings and reads the ledger finds them agree.
    fn fold(&self, blocks: &[Block], places: Vec<Place>, head: &CommitHead) {
        let mut state = self.shared.state.write();
        let segment = self.log.current();
        let edition = state.blocks.segments.entry(segment.number);
        let edition = edition.or_insert_with(|| Edition::new(segment.clone()));
        edition.segment.bytes = segment.bytes;
        for (Block { rows, .. }, place) in blocks.iter().zip(places) {
            state.fold(rows, place);
        }
        state.books.apply(head);
    }

    /// Puts durable writes on the shelf, in order.
    fn shelve(&mut self) -> Result<(), Error> {
        if !self.sick {
            let Err(error) = self.put() else {
                return Ok(());
            };
            tracing::warn!(%error, "the tables are opened again");
            self.sick = true;
        }
        self.shelf.reopen()?;
        let caught_up = self.shelf.caught_up()?;
        let kept = self.backlog.iter().take(self.taken);
        self.taken = kept.filter(|(commit, _)| *commit <= caught_up).count();
        self.put()?;
        self.sick = false;
        Ok(())
    }

    fn put(&mut self) -> Result<(), Error> {
        for (commit, writes) in self.backlog.range(self.taken..) {
            self.shelf.apply(*commit, writes)?;
            self.taken += 1;
        }
        if self.taken as u64 >= drill::limit(Limit::FlushCommits, FLUSH_COMMITS) {
            self.shelf.flush()?;
            drill::pass(Point::ShelfFlushed);
            self.backlog.drain(..self.taken);
            self.taken = 0;
        }
        Ok(())
    }
}

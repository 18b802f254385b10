//! The writer: one thread that makes durable steps. It gathers what is waiting, decides over each change, writes once,
//! waits for the disk once, folds the result into the index, and answers everyone.

use std::collections::VecDeque;
use std::sync::Arc;

use muster_common::drill::{self, Limit, Point};
use tokio::sync::{oneshot, watch};

use super::account::{CommitHead, Page};
use super::block::{BLOCK_FINDINGS, Block, Encoders};
use super::entry::Entry;
use super::frame::Kind;
use super::line::Line;
use super::log::{Log, Place};
use super::shelf::{Appended, Shelf, Write, encode};
use super::state::{Edition, Shared};
use super::versions::{Maker, Versions};
use crate::{Batch, Change, Commit, Error, Item, Outcome};

/// The shelf is flushed after so many commits. Until then what it was given is kept, in case that its disk refuses.
const FLUSH_COMMITS: u64 = 512;

pub(super) enum Request {
    Record(Batch, oneshot::Sender<Result<Vec<Outcome>, Error>>),
    Commit(Commit, oneshot::Sender<Result<(), Error>>),
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub shelf: Arc<Shelf>,
    pub log: Log,
    pub head: watch::Sender<u64>,
    /// The number of the last commit.
    pub commit: u64,
    pub sequence: u64,
    /// Durable table writes that the shelf has not flushed yet, by commit.
    pub backlog: VecDeque<(u64, Vec<Write>)>,
    /// How many of them the shelf has taken.
    pub taken: usize,
    /// The shelf met a disk error and must be opened again.
    pub sick: bool,
}

/// What one durable step will hold.
#[derive(Default)]
struct Step {
    versions: Versions,
    page: Page,
    /// A commit that expects something waits until these are on the shelf.
    writes: Vec<Write>,
    appended: Appended,
    replies: Vec<Reply>,
}

enum Reply {
    Record(oneshot::Sender<Result<Vec<Outcome>, Error>>, Vec<Outcome>),
    Commit(oneshot::Sender<Result<(), Error>>),
}

impl Writer {
    /// Runs until every sender is gone.
    pub(super) fn run(mut self, mut line: Line) {
        let mut encoders = Encoders::new();
        while line.wait() {
            self.step(&mut line, &mut encoders);
        }
        if let Err(error) = self.shelf.flush() {
            tracing::warn!(%error, "the tables were not flushed; the log will fill them at the next start");
        }
    }

    /// One durable step, with what waits by now.
    pub(super) fn step(&mut self, line: &mut Line, encoders: &mut Encoders) {
        let mut step = Step::default();
        let mut held = None;
        let mut next = line.next(true);
        if next.is_none() {
            return;
        }
        while let Some(request) = next.take() {
            held = self.take(&mut step, request).or(held);
            if step.versions.has_room() {
                next = line.next(held.is_none());
            }
        }
        if let Some(commit) = held {
            line.give_back(commit);
        }
        self.finish(step, encoders);
    }

    /// Adds a request to a step. Gives it back if it must wait for the step to be done.
    fn take(&mut self, step: &mut Step, request: Request) -> Option<Request> {
        match request {
            Request::Record(batch, reply) => {
                let before = (
                    step.versions.entries.len(),
                    step.page.clone(),
                    self.sequence,
                );
                match self.record(step, batch) {
                    Ok(outcomes) => step.replies.push(Reply::Record(reply, outcomes)),
                    Err(error) => {
                        // What the failed batch added is forgotten.
                        step.versions.truncate(before.0);
                        step.page = before.1;
                        self.sequence = before.2;
                        drop(reply.send(Err(error)));
                    }
                }
                None
            }
            Request::Commit(commit, reply) => {
                if !step.writes.is_empty() && !commit.expected.is_empty() {
                    return Some(Request::Commit(commit, reply));
                }
                let writes = self
                    .shelf
                    .check(&commit.expected)
                    .and_then(|()| self.shelf.number(commit.ops, &mut step.appended));
                match writes {
                    Ok(writes) => {
                        step.writes.extend(writes);
                        step.replies.push(Reply::Commit(reply));
                    }
                    Err(error) => {
                        self.sick |= matches!(error, Error::Disk { .. });
                        drop(reply.send(Err(error)));
                    }
                }
                None
            }
        }
    }

    fn record(&mut self, step: &mut Step, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let Batch {
            actor,
            now,
            spool,
            items,
        } = batch;
        let counted = spool.map(|range| {
            let books = &self.shared.state.read().books;
            (
                range.first,
                step.page.open_range(books, &range, items.len()),
            )
        });
        let mut outcomes = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            let counts = counted.is_none_or(|(first, known)| first + number as u64 > known);
            let change = match item {
                Item::Refused(account) => {
                    if counts {
                        step.page.count(account, Outcome::Refused);
                    }
                    outcomes.push(Outcome::Refused);
                    continue;
                }
                Item::Change(change) => change,
            };
            let mut maker = Maker {
                shared: &self.shared,
                versions: &mut step.versions,
                actor: &actor,
                now,
                sequence: self.sequence + 1,
            };
            let (outcome, account) = match *change {
                Change::Import(import) => {
                    let account = import.reading.account;
                    (maker.import(import)?, counts.then_some(account))
                }
                Change::Update { key, patch } => (maker.update(key, &patch)?, None),
                Change::Expire { key, unless_after } => maker.expire(key, unless_after)?,
            };
            self.sequence = step
                .versions
                .entries
                .last()
                .map_or(self.sequence, |entry| entry.sequence);
            if let Some(account) = account {
                step.page.count(account, outcome);
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Makes a step durable and visible, and answers.
    fn finish(&mut self, step: Step, encoders: &mut Encoders) {
        let Step {
            versions: Versions { entries, .. },
            page,
            writes,
            replies,
            ..
        } = step;
        let first = entries.first().map(|entry| entry.sequence);
        let result = self.write(entries, page, writes, encoders);
        if let (Err(_), Some(first)) = (&result, first) {
            self.sequence = first - 1;
        }
        self.shared.state.write().failing = result.as_ref().err().map(ToString::to_string);
        for reply in replies {
            // Whoever asked may be gone; what was done stays done.
            match reply {
                Reply::Record(reply, outcomes) => {
                    drop(reply.send(result.clone().map(|()| outcomes)));
                }
                Reply::Commit(reply) => drop(reply.send(result.clone())),
            }
        }
    }

    fn write(
        &mut self,
        entries: Vec<Entry>,
        page: Page,
        writes: Vec<Write>,
        encoders: &mut Encoders,
    ) -> Result<(), Error> {
        if self.log.is_broken() {
            self.log.mend()?;
        }
        self.shelve()?;
        let head = page.close(self.commit + 1, self.sequence);
        if entries.is_empty()
            && writes.is_empty()
            && head.ledger.is_empty()
            && head.spools.is_empty()
        {
            return Ok(());
        }
        let blocks = encoders.encode(&entries);
        let commit = serde_json::to_vec(&head).expect("a commit is plain data");
        let tables = encode(&writes);
        let mut frames: Vec<(Kind, &[u8], &[u8])> = blocks
            .iter()
            .map(|Block { head, body, .. }| (Kind::Block, head.as_slice(), body.as_slice()))
            .collect();
        frames.push((Kind::Commit, &commit, &tables));
        let places = std::thread::scope(|scope| {
            // Giving so many pieces of memory back takes as long as the disk.
            if entries.len() >= BLOCK_FINDINGS {
                scope.spawn(move || drop(entries));
            }
            self.log.append(&frames)
        })?;
        self.commit = head.number;
        self.fold(&blocks, places, &head);
        self.head.send_replace(self.sequence);
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

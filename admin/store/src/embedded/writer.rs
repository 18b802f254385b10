//! The writer: one thread that makes durable steps. It gathers what is waiting, decides over each change, writes once,
//! waits for the disk once, folds the result into the index, and answers everyone.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use muster_common::account::AccountId;
use muster_common::filter::Field;
use muster_common::finding::{self, FINDING_BYTES_MAX, FindingKey, Known, Overlay, Patch, Row};
use muster_common::timestamp::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::account::Page;
use super::block::{BLOCK_FINDINGS, Block, Encoder, Entry, id_digest};
use super::frame::Kind;
use super::log::Log;
use super::shelf::{Appended, Shelf, Write, encode};
use super::state::{Edition, Shared};
use crate::{Batch, Change, Commit, Error, FeedEvent, Import, Item, Outcome};

/// One durable step takes no more than this.
const STEP_FINDINGS_MAX: usize = 4_096;
const STEP_BYTES_MAX: usize = 16 << 20;

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
    /// Durable table writes that the shelf has not taken yet.
    pub backlog: VecDeque<(u64, Vec<Write>)>,
}

/// What one durable step will hold.
#[derive(Default)]
struct Step {
    entries: Vec<Entry>,
    bytes: usize,
    /// The last entry of each finding in this step.
    latest: HashMap<FindingKey, usize>,
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

impl Step {
    /// Forgets what a failed batch added.
    fn take_back(&mut self, entries: usize, page: Page) {
        self.entries.truncate(entries);
        self.page = page;
        self.latest = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.key, at))
            .collect();
    }
}

impl Writer {
    /// Runs until every sender is gone.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut encoder = Encoder::new();
        let mut waiting = None;
        while let Some(first) = waiting.take().or_else(|| requests.blocking_recv()) {
            let mut step = Step::default();
            let mut next = Some(first);
            while let Some(request) = next.take() {
                if let Some(held) = self.take(&mut step, request) {
                    waiting = Some(held);
                    break;
                }
                if step.entries.len() < STEP_FINDINGS_MAX && step.bytes < STEP_BYTES_MAX {
                    next = requests.try_recv().ok();
                }
            }
            self.finish(step, &mut encoder);
        }
        if let Err(error) = self.shelf.flush() {
            tracing::warn!(%error, "the tables were not flushed; the log will fill them at the next start");
        }
    }

    /// Adds a request to a step. Gives it back if it must wait for the step to be done.
    fn take(&mut self, step: &mut Step, request: Request) -> Option<Request> {
        match request {
            Request::Record(batch, reply) => {
                let before = (step.entries.len(), step.page.clone(), self.sequence);
                match self.record(step, batch) {
                    Ok(outcomes) => step.replies.push(Reply::Record(reply, outcomes)),
                    Err(error) => {
                        step.take_back(before.0, before.1);
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
                    Err(error) => drop(reply.send(Err(error))),
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
                step: &mut *step,
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
    fn finish(&mut self, step: Step, encoder: &mut Encoder) {
        let Step {
            entries,
            page,
            writes,
            replies,
            ..
        } = step;
        let first = entries.first().map(|entry| entry.sequence);
        let result = self.write(&entries, page, writes, encoder);
        if result.is_err()
            && let Some(first) = first
        {
            self.sequence = first - 1;
        }
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
        entries: &[Entry],
        page: Page,
        writes: Vec<Write>,
        encoder: &mut Encoder,
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
        let blocks: Vec<Block> = entries
            .chunks(BLOCK_FINDINGS)
            .map(|entries| encoder.encode(entries))
            .collect();
        let commit = serde_json::to_vec(&head).expect("a commit is plain data");
        let tables = encode(&writes);
        let mut frames: Vec<(Kind, &[u8], &[u8])> = blocks
            .iter()
            .map(|Block { head, body, .. }| (Kind::Block, head.as_slice(), body.as_slice()))
            .collect();
        frames.push((Kind::Commit, &commit, &tables));
        let places = self.log.append(&frames)?;
        self.commit = head.number;
        for (Block { rows, .. }, place) in blocks.iter().zip(places) {
            let mut state = self.shared.state.write();
            let segment = self.log.current();
            state
                .blocks
                .segments
                .entry(segment.number)
                .or_insert_with(|| Edition::new(segment.clone()))
                .segment
                .bytes = segment.bytes;
            state.fold(rows, place);
        }
        self.shared.state.write().books.apply(&head);
        self.head.send_replace(self.sequence);
        self.backlog.push_back((head.number, writes));
        self.shelve()
    }

    /// Puts durable writes on the shelf, in order.
    fn shelve(&mut self) -> Result<(), Error> {
        while let Some((commit, writes)) = self.backlog.front() {
            self.shelf.apply(*commit, writes)?;
            self.backlog.pop_front();
        }
        Ok(())
    }
}

impl Edition {
    pub(super) const fn new(segment: super::log::Segment) -> Self {
        Self {
            segment,
            edition: 0,
            superseded: 0,
            entries: 0,
        }
    }
}

/// Makes the entries of one batch.
struct Maker<'a> {
    shared: &'a Shared,
    step: &'a mut Step,
    actor: &'a Arc<str>,
    now: Timestamp,
    /// For the next entry.
    sequence: u64,
}

/// A new version of a finding.
struct Draft {
    key: FindingKey,
    previous: u64,
    event: FeedEvent,
    id_digest: u32,
    row: Row,
    overlay: Overlay,
    document: Bytes,
}

impl Maker<'_> {
    fn import(&mut self, import: Import) -> Result<Outcome, Error> {
        let Import { reading, document } = import;
        let key = reading.key;
        let (decision, present) = self.decide(&reading);
        let finding::Import::Store { workflow } = decision else {
            return Ok(Outcome::Unchanged(key));
        };
        let mut overlay = match present {
            Some((_, true)) => self.overlay(key)?,
            Some((_, false)) => Overlay::default(),
            None => reading.initial,
        };
        if let Some(status) = workflow {
            overlay.set_workflow(status);
        }
        self.push(Draft {
            key,
            previous: present.map_or(0, |(sequence, _)| sequence),
            event: if present.is_some() {
                FeedEvent::Imported
            } else {
                FeedEvent::Created
            },
            id_digest: id_digest(&reading.id),
            row: finding::compose(reading.row, &overlay),
            overlay,
            document,
        });
        Ok(match present {
            Some(_) => Outcome::Updated(key),
            None => Outcome::Created(key),
        })
    }

    /// The decision over an import; and of the stored version the sequence and whether operators own some of it.
    fn decide(&self, reading: &finding::Reading) -> (finding::Import, Option<(u64, bool)>) {
        if let Some(entry) = self.pending(&reading.key) {
            let known = (entry.event != FeedEvent::Expired).then(|| known(&entry.row));
            let present = known.map(|_| (entry.sequence, !entry.overlay.is_empty()));
            return (finding::import(known, reading), present);
        }
        let state = self.shared.state.read();
        let present = state.index.present(&reading.key);
        (
            finding::import(present.map(|present| present.known), reading),
            present.map(|present| (present.sequence, present.has_overlay)),
        )
    }

    fn update(&mut self, key: FindingKey, patch: &Patch) -> Result<Outcome, Error> {
        let pending = self.pending(&key).map(|entry| {
            let expired = entry.event == FeedEvent::Expired;
            (!expired).then(|| {
                (
                    entry.sequence,
                    entry.document.clone(),
                    entry.overlay.clone(),
                )
            })
        });
        let present = match pending {
            Some(present) => present,
            None => self
                .shared
                .latest(key)?
                .map(|record| (record.sequence, record.document, record.overlay.to_bytes())),
        };
        let Some((previous, document, overlay)) = present else {
            return Ok(Outcome::NotFound(key));
        };
        let damaged = || Error::Damaged { what: key.name() };
        let reading = finding::read(&document).map_err(|_| damaged())?;
        let mut overlay = Overlay::from_bytes(&overlay).map_err(|_| damaged())?;
        overlay.apply(patch, self.now);
        if document.len() + overlay.to_bytes().len() > FINDING_BYTES_MAX {
            return Ok(Outcome::TooLarge(key));
        }
        self.push(Draft {
            key,
            previous,
            event: FeedEvent::Updated,
            id_digest: id_digest(&reading.id),
            row: finding::compose(reading.row, &overlay),
            overlay,
            document,
        });
        Ok(Outcome::Updated(key))
    }

    /// The outcome, and the account it counts for.
    fn expire(
        &mut self,
        key: FindingKey,
        unless_after: Timestamp,
    ) -> Result<(Outcome, Option<AccountId>), Error> {
        if self.pending(&key).is_some() {
            // It changed a moment ago; the next sweep looks again.
            return Ok((Outcome::Unchanged(key), None));
        }
        let present = {
            let state = self.shared.state.read();
            state
                .index
                .present(&key)
                .map(|present| (present.sequence, present.known.updated_at))
        };
        let Some((previous, updated_at)) = present else {
            return Ok((Outcome::NotFound(key), None));
        };
        if updated_at > unless_after {
            return Ok((Outcome::Unchanged(key), None));
        }
        let account = self.shared.state.read().index.account(&key);
        self.push(Draft {
            key,
            previous,
            event: FeedEvent::Expired,
            id_digest: 0,
            row: Row::default(),
            overlay: Overlay::default(),
            document: Bytes::new(),
        });
        Ok((Outcome::Expired(key), account))
    }

    fn pending(&self, key: &FindingKey) -> Option<&Entry> {
        self.step.latest.get(key).map(|at| &self.step.entries[*at])
    }

    fn overlay(&self, key: FindingKey) -> Result<Overlay, Error> {
        if let Some(entry) = self.pending(&key) {
            return Overlay::from_bytes(&entry.overlay)
                .map_err(|_| Error::Damaged { what: key.name() });
        }
        match self.shared.latest(key) {
            Ok(record) => Ok(record.map(|record| record.overlay).unwrap_or_default()),
            Err(Error::Damaged { what }) => {
                tracing::error!(finding = %key.name(), %what, "what operators set is lost with a damaged block");
                Ok(Overlay::default())
            }
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, draft: Draft) {
        let Draft {
            key,
            previous,
            event,
            id_digest,
            row,
            overlay,
            document,
        } = draft;
        self.step.bytes += document.len();
        self.step.latest.insert(key, self.step.entries.len());
        self.step.entries.push(Entry {
            sequence: self.sequence,
            previous,
            key,
            event,
            recorded_at: self.now,
            actor: Arc::clone(self.actor),
            id_digest,
            row,
            overlay: overlay.to_bytes(),
            document,
        });
    }
}

fn known(row: &Row) -> Known<'_> {
    Known {
        updated_at: row.date(Field::UpdatedAt).unwrap_or_default(),
        record_state: row.text(Field::RecordState).unwrap_or("ACTIVE"),
        compliance_status: row.text(Field::ComplianceStatus),
        workflow_status: row.text(Field::WorkflowStatus).unwrap_or("NEW"),
    }
}

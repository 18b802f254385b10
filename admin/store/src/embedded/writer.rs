//! The writer: one thread that decides over durable steps. It gathers what is waiting, decides over each change, encodes
//! the blocks, and hands the step over (`durable.rs`). While the disk takes that one it decides over the next, against
//! what is stored and what is on its way there; if the disk refuses a step, the one that was decided upon it goes too.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Weak};

use super::block::Encoders;
use super::durable::Durable;
use super::line::{Line, Request};
use super::shelf::{Appended, Shelf, Write};
use super::state::Shared;
use super::step::{Decided, Refused, Reply, Step};
use super::versions::Maker;
use crate::{Batch, Change, Error, Item, Outcome};

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub shelf: Arc<Shelf>,
    pub sequence: u64,
    pub encoders: Encoders,
    /// The step before, as long as the index does not show it.
    pub ahead: Weak<Decided>,
}

/// What is gathered for one step.
#[derive(Default)]
struct Draft {
    decided: Decided,
    /// A commit that expects something waits until these are on the shelf.
    writes: Vec<Write>,
    appended: Appended,
    sick: bool,
    replies: Vec<Reply>,
}

impl Writer {
    /// Runs until every sender is gone.
    pub(super) fn run(mut self, mut line: Line, mut durable: Durable) {
        let (steps, waiting) = sync_channel::<Step>(1);
        let (tell, results) = channel();
        std::thread::scope(|scope| {
            let disk = std::thread::Builder::new().name("store-disk".to_owned());
            let disk = disk.spawn_scoped(scope, move || {
                // Whoever decides listens as long as this side takes steps.
                waiting
                    .into_iter()
                    .for_each(|step| drop(tell.send(durable.take(step))));
                durable.close();
            });
            match disk {
                Ok(_) => self.pass_on(&mut line, &steps, &results),
                Err(error) => tracing::error!(%error, "the store cannot write"),
            }
            drop(steps);
        });
    }

    fn pass_on(
        &mut self,
        line: &mut Line,
        steps: &SyncSender<Step>,
        results: &Receiver<Result<(), Refused>>,
    ) {
        let mut is_ahead = false;
        while line.wait() {
            if is_ahead && let Ok(result) = results.try_recv() {
                is_ahead = false;
                self.settle(result);
            }
            let Some(step) = self.decide(line) else {
                continue;
            };
            if is_ahead && let Ok(Err(refused)) = results.recv() {
                is_ahead = false;
                self.give_up(step, refused);
                continue;
            }
            let is_awaited = step.is_awaited();
            if steps.send(step).is_err() {
                return;
            }
            is_ahead = !is_awaited;
            if is_awaited && let Ok(result) = results.recv() {
                self.settle(result);
            }
        }
    }

    /// A step with what waits by now; `None` if nothing does.
    pub(super) fn decide(&mut self, line: &mut Line) -> Option<Step> {
        let mut draft = Draft::default();
        let mut held = None;
        let mut next = line.next(true);
        next.as_ref()?;
        while let Some(request) = next.take() {
            held = self.take(&mut draft, request).or(held);
            if draft.decided.versions.has_room() {
                next = line.next(held.is_none());
            }
        }
        if let Some(commit) = held {
            line.give_back(commit);
        }
        let Draft {
            decided,
            writes,
            sick,
            replies,
            ..
        } = draft;
        let step = Step {
            blocks: self.encoders.encode(&decided.versions.entries),
            decided: Arc::new(decided),
            writes,
            sequence: self.sequence,
            sick,
            replies,
        };
        self.ahead = Arc::downgrade(&step.decided);
        Some(step)
    }

    /// Goes on after what became of a step.
    pub(super) fn settle(&mut self, result: Result<(), Refused>) {
        if let Err(refused) = result {
            self.sequence = refused.sequence;
        }
    }

    /// Gives up what was decided upon a step that the disk refused.
    pub(super) fn give_up(&mut self, step: Step, refused: Refused) {
        self.sequence = refused.sequence;
        step.answer(&Err(refused.error));
    }

    /// Adds a request to a draft. Gives it back if it must wait for the step to be done.
    fn take(&mut self, draft: &mut Draft, request: Request) -> Option<Request> {
        match request {
            Request::Record(batch, reply) => {
                let before = (
                    draft.decided.versions.entries.len(),
                    draft.decided.page.clone(),
                    self.sequence,
                );
                match self.record(draft, batch) {
                    Ok(outcomes) => draft.replies.push(Reply::Record(reply, outcomes)),
                    Err(error) => {
                        // What the failed batch added is forgotten.
                        draft.decided.versions.truncate(before.0);
                        draft.decided.page = before.1;
                        self.sequence = before.2;
                        drop(reply.send(Err(error)));
                    }
                }
                None
            }
            Request::Commit(commit, reply) => {
                if !draft.writes.is_empty() && !commit.expected.is_empty() {
                    return Some(Request::Commit(commit, reply));
                }
                let writes = self
                    .shelf
                    .check(&commit.expected)
                    .and_then(|()| self.shelf.number(commit.ops, &mut draft.appended));
                match writes {
                    Ok(writes) => {
                        draft.writes.extend(writes);
                        draft.replies.push(Reply::Commit(reply));
                    }
                    Err(error) => {
                        draft.sick |= matches!(error, Error::Disk { .. });
                        drop(reply.send(Err(error)));
                    }
                }
                None
            }
        }
    }

    fn record(&mut self, draft: &mut Draft, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let Batch {
            actor,
            now,
            spool,
            items,
        } = batch;
        let ahead = self.ahead.upgrade();
        let counted = spool.map(|range| {
            let books = &self.shared.state.read().books;
            let ahead = ahead.as_ref().map(|ahead| &ahead.page);
            let page = &mut draft.decided.page;
            (
                range.first,
                page.open_range(books, ahead, &range, items.len()),
            )
        });
        let mut outcomes = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            let counts = counted.is_none_or(|(first, known)| first + number as u64 > known);
            let change = match item {
                Item::Refused(account) => {
                    if counts {
                        draft.decided.page.count(account, Outcome::Refused);
                    }
                    outcomes.push(Outcome::Refused);
                    continue;
                }
                Item::Change(change) => change,
            };
            let mut maker = Maker {
                shared: &self.shared,
                ahead: ahead.as_ref().map(|ahead| &ahead.versions),
                versions: &mut draft.decided.versions,
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
            let last = draft.decided.versions.entries.last();
            self.sequence = last.map_or(self.sequence, |entry| entry.sequence);
            if let Some(account) = account {
                draft.decided.page.count(account, outcome);
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

//! Opening: the log is read once and everything in memory is made from it.
//!
//! What a crash left unfinished at the end is cut off and kept beside the log. What is damaged in the middle is named
//! and stepped over; a block whose rows are damaged is read from its documents instead.

use std::io;
use std::path::Path;
use std::sync::Arc;

use muster_common::finding::{self, Overlay};

use super::account::{Books, CommitHead};
use super::block::{self, Documents};
use super::entry::{Entry, id_digest};
use super::frame::Kind;
use super::index::Index;
use super::log::{self, Found, Log, Place, Segment};
use super::rows::Gatherer;
use super::shelf::{Shelf, decode};
use super::state::{Blocks, Edition, State, name};
use crate::{Error, FeedEvent};

/// What was made from the log.
pub(super) struct Recovered {
    pub state: State,
    pub log: Log,
    /// The number of the last commit.
    pub commit: u64,
}

pub(super) fn recover(folder: &Path, shelf: &Shelf) -> Result<Recovered, Error> {
    let disk = |error: io::Error| Error::Disk {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    log::remove_drafts(folder).map_err(disk)?;
    let mut segments = Log::segments(folder)
        .map_err(disk)?
        .into_iter()
        .map(|number| Segment::open(folder, number))
        .collect::<io::Result<Vec<_>>>()
        .map_err(disk)?;
    let mut found = Vec::new();
    for segment in &segments {
        found.push(segment.scan().map_err(disk)?);
    }
    let mut recovery = Recovery {
        shelf,
        caught_up: shelf.caught_up()?,
        commit: 0,
        state: State {
            index: Index::default(),
            blocks: Blocks::default(),
            books: Books::default(),
            damaged: Vec::new(),
            failing: None,
        },
    };
    recovery
        .cut_tail(folder, &mut segments, &mut found)
        .map_err(disk)?;
    let mut last = None;
    for (segment, found) in segments.into_iter().zip(&found) {
        if recovery.is_put_together(&segment, found).map_err(disk)? {
            log::remove(folder, segment.number).map_err(disk)?;
            continue;
        }
        let edition = Edition::new(segment.clone());
        recovery
            .state
            .blocks
            .segments
            .insert(segment.number, edition);
        for found in found {
            recovery.take(&segment, found).map_err(disk)??;
        }
        last = Some(segment);
    }
    let Recovery { state, commit, .. } = recovery;
    let log = Log::open(folder, last).map_err(disk)?;
    Ok(Recovered { state, log, commit })
}

struct Recovery<'a> {
    shelf: &'a Shelf,
    /// The last commit whose table writes need no replay.
    caught_up: u64,
    commit: u64,
    state: State,
}

impl Recovery<'_> {
    /// Cuts off what stands behind the last commit, and the step of that commit if a part of it is not what was written:
    /// a disk may keep the end of an unfinished write and lose its middle.
    fn cut_tail(
        &mut self,
        folder: &Path,
        segments: &mut Vec<Segment>,
        found: &mut Vec<Vec<Found>>,
    ) -> io::Result<()> {
        // What stands before something unfinished was synced.
        let mut is_synced = false;
        while let (Some(segment), Some(frames)) = (segments.last_mut(), found.last_mut()) {
            let mut end = after_commit(frames);
            let mut torn = frames[end..]
                .iter()
                .any(|found| matches!(found, Found::Damage { .. }));
            if end == frames.len() && !is_synced {
                let step = after_commit(&frames[..end.saturating_sub(1)]);
                if !is_whole(segment, &frames[step..end])? {
                    (end, torn) = (step, true);
                }
            }
            let Some(start) = frames.get(end).map(offset) else {
                return Ok(());
            };
            let aside = segment.cut(folder, start)?;
            frames.truncate(end);
            tracing::warn!(
                segment = segment.number, offset = start, kept_in = %aside.display(),
                "cut off an unfinished write at the end of the log; it was not acknowledged unless the disk is damaged"
            );
            if torn {
                self.state.damaged.push(format!(
                    "the end of {:08}.log from {start} on (kept in {}): an unfinished write, or damage",
                    segment.number,
                    aside.display()
                ));
            }
            if end > 0 || segments.len() == 1 {
                return Ok(());
            }
            // The whole segment was unfinished; the one before may end in something that is, too.
            is_synced = true;
            segments.pop();
            found.pop();
        }
        Ok(())
    }

    /// Whether compaction has written what a segment holds into one before, and could not remove it any more.
    fn is_put_together(&self, segment: &Segment, found: &[Found]) -> io::Result<bool> {
        let commit = found.iter().rev().find_map(|found| match found {
            Found::Frame(place) if place.header.kind == Kind::Commit => Some(place),
            Found::Frame(_) | Found::Damage { .. } => None,
        });
        let Some(commit) = commit else {
            return Ok(false);
        };
        Ok(head(segment, commit)?.is_some_and(|head| head.number <= self.commit))
    }

    fn take(&mut self, segment: &Segment, found: &Found) -> io::Result<Result<(), Error>> {
        match found {
            Found::Damage { offset, bytes } => {
                self.damaged(format!(
                    "{:08}.log from {offset}, {bytes} bytes",
                    segment.number
                ));
                Ok(Ok(()))
            }
            Found::Frame(place) => match place.header.kind {
                Kind::Block => self.block(segment, place).map(Ok),
                Kind::Commit => self.commit(segment, place),
            },
        }
    }

    fn block(&mut self, segment: &Segment, place: &Place) -> io::Result<()> {
        if let Some(rows) = segment.head(place)?.as_deref().and_then(block::rows) {
            self.state.fold(&rows, *place);
            return Ok(());
        }
        let documents = segment.body(place)?.as_deref().and_then(Documents::decode);
        let Some(documents) = documents else {
            self.damaged(name(place));
            return Ok(());
        };
        let (entries, lost) = from_documents(&documents);
        self.damaged(format!(
            "the rows of {}: {} findings were read from their documents, {lost} removals are lost",
            name(place),
            entries.len()
        ));
        self.state.index.apply(&Gatherer::new().gather(&entries));
        let last = documents.entries().last().map_or(0, |entry| entry.sequence);
        self.state.blocks.push(last, entries.len() as u64, *place);
        Ok(())
    }

    fn commit(&mut self, segment: &Segment, place: &Place) -> io::Result<Result<(), Error>> {
        let head = head(segment, place)?;
        self.commit = match &head {
            Some(head) => head.number,
            None => self.commit + 1,
        };
        match &head {
            Some(head) => self.state.books.apply(head),
            None => self.damaged(format!(
                "the ledger of commit {} in {}",
                self.commit,
                name(place)
            )),
        }
        if self.commit <= self.caught_up {
            return Ok(Ok(()));
        }
        let writes = segment.body(place)?.as_deref().and_then(decode);
        Ok(match writes {
            Some(writes) => self.shelf.apply(self.commit, &writes),
            None => {
                self.damaged(format!("the table writes of {}", name(place)));
                Ok(())
            }
        })
    }

    fn damaged(&mut self, what: String) {
        tracing::error!(%what, "a part of the log is damaged");
        self.state.damaged.push(what);
    }
}

/// The head of a commit; `None` if it is damaged.
fn head(segment: &Segment, place: &Place) -> io::Result<Option<CommitHead>> {
    let head = segment.head(place)?;
    Ok(head.and_then(|head| serde_json::from_slice(&head).ok()))
}

/// The number of frames up to the last commit, with it.
fn after_commit(frames: &[Found]) -> usize {
    let last = frames.iter().rposition(is_commit);
    last.map_or(0, |last| last + 1)
}

/// Whether every frame holds what was written.
fn is_whole(segment: &Segment, frames: &[Found]) -> io::Result<bool> {
    for found in frames {
        let whole = match found {
            Found::Frame(place) => segment.head(place)?.is_some() && segment.body(place)?.is_some(),
            Found::Damage { .. } => false,
        };
        if !whole {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_commit(found: &Found) -> bool {
    match found {
        Found::Frame(place) => place.header.kind == Kind::Commit,
        Found::Damage { .. } => false,
    }
}

fn offset(found: &Found) -> u64 {
    match found {
        Found::Frame(place) => place.offset,
        Found::Damage { offset, .. } => *offset,
    }
}

/// Makes rows from documents. Also tells how many entries have no document to make one from.
fn from_documents(documents: &Documents) -> (Vec<Entry>, usize) {
    let mut lost = 0;
    let mut entries = Vec::new();
    for entry in documents.entries() {
        let document = documents.document(entry);
        let overlay = Overlay::from_bytes(documents.overlay(entry)).unwrap_or_default();
        match finding::read(&document) {
            Ok(reading) if entry.event != FeedEvent::Expired => entries.push(Entry {
                sequence: entry.sequence,
                previous: entry.previous,
                key: reading.key,
                event: entry.event,
                recorded_at: entry.recorded_at,
                actor: Arc::clone(&entry.actor),
                id_digest: id_digest(&reading.id),
                row: finding::compose(reading.row, &overlay),
                overlay: overlay.to_bytes(),
                document,
                scalars: reading.scalars,
            }),
            Ok(_) | Err(_) => lost += 1,
        }
    }
    (entries, lost)
}

//! What the engine keeps in memory, and how documents are read through it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use muster_common::finding::{FindingKey, Overlay};
use muster_common::timestamp::Timestamp;
use parking_lot::{Mutex, RwLock};

use super::account::Books;
use super::block::{self, DocumentEntry, Documents};
use super::index::Index;
use super::log::{Place, Segment};
use super::rows::Rows;
use crate::{Error, Record};

/// Index, block places and books. Written by the writer and by compaction only.
pub(super) struct State {
    pub index: Index,
    pub blocks: Blocks,
    pub books: Books,
    pub damaged: Vec<String>,
    /// Why the last step could not be written.
    pub failing: Option<String>,
}

impl State {
    /// Takes a durable block in.
    pub(super) fn fold(&mut self, rows: &Rows, place: Place) {
        let entries = rows.entries();
        for entry in entries.iter().filter(|entry| entry.previous != 0) {
            self.blocks.supersede(entry.previous);
        }
        self.index.apply(rows);
        let last = entries.last().map_or(0, |entry| entry.sequence);
        self.blocks.push(last, entries.len() as u64, place);
    }
}

/// A segment, and which edition of it: compaction makes a new one.
#[derive(Clone)]
pub(super) struct Edition {
    pub segment: Segment,
    pub edition: u32,
    /// Entries that a later version replaced.
    pub superseded: u64,
    pub entries: u64,
    pub look: Look,
}

/// When compaction has to look at a segment that seems worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Now,
    /// When what was recorded then may go.
    After(Timestamp),
    /// When another segment was rewritten: versions in it were in the way.
    Blocked,
    /// Not again: a part of it is damaged.
    Damaged,
}

impl Edition {
    pub(super) const fn new(segment: Segment) -> Self {
        Self {
            segment,
            edition: 0,
            superseded: 0,
            entries: 0,
            look: Look::Now,
        }
    }
}

/// Where the blocks are, in the order of their sequences.
#[derive(Default)]
pub(super) struct Blocks {
    /// Last sequence and place, rising.
    places: Vec<(u64, Place)>,
    pub segments: BTreeMap<u32, Edition>,
}

impl Blocks {
    pub(super) fn push(&mut self, last: u64, entries: u64, place: Place) {
        self.places.push((last, place));
        if let Some(edition) = self.segments.get_mut(&place.segment) {
            edition.entries += entries;
        }
    }

    /// Notes that a version is not the latest any more.
    pub(super) fn supersede(&mut self, sequence: u64) {
        let segment = self.find(sequence).map(|place| place.segment);
        if let Some(edition) = segment.and_then(|number| self.segments.get_mut(&number)) {
            edition.superseded += 1;
        }
    }

    /// The block that a sequence stands in, if it is kept.
    pub(super) fn find(&self, sequence: u64) -> Option<Place> {
        let at = self.places.partition_point(|(last, _)| *last < sequence);
        self.places.get(at).map(|(_, place)| *place)
    }

    /// Whether a sequence stands in a segment that compaction leaves alone.
    pub(super) fn is_damaged(&self, sequence: u64) -> bool {
        let edition = self
            .find(sequence)
            .and_then(|place| self.segments.get(&place.segment));
        edition.is_some_and(|edition| edition.look == Look::Damaged)
    }

    /// Up to `limit` blocks that hold sequences after `after`.
    pub(super) fn after(&self, after: u64, limit: usize) -> Vec<Place> {
        let at = self.places.partition_point(|(last, _)| *last <= after);
        self.places[at..]
            .iter()
            .take(limit)
            .map(|(_, place)| *place)
            .collect()
    }

    /// Puts a rewritten segment, with how many entries it has and how many of them are superseded, in the place of those
    /// from its number up to `last`.
    pub(super) fn replace(
        &mut self,
        last: u32,
        segment: Segment,
        places: Vec<(u64, Place)>,
        (entries, superseded): (u64, u64),
    ) {
        let first = segment.number;
        let at = self
            .places
            .partition_point(|(_, place)| place.segment < first);
        let end = self
            .places
            .partition_point(|(_, place)| place.segment <= last);
        self.places.splice(at..end, places);
        let edition = self
            .segments
            .get(&first)
            .map_or(0, |edition| edition.edition + 1);
        self.segments
            .retain(|number, _| *number <= first || *number > last);
        let edition = Edition {
            edition,
            superseded,
            entries,
            ..Edition::new(segment)
        };
        self.segments.insert(first, edition);
        self.unblock();
    }

    /// Notes when to look at a segment again.
    pub(super) fn look(&mut self, number: u32, look: Look) {
        if look == Look::Damaged {
            self.unblock();
        }
        if let Some(edition) = self.segments.get_mut(&number) {
            edition.look = look;
        }
    }

    fn unblock(&mut self) {
        for edition in self.segments.values_mut() {
            if edition.look == Look::Blocked {
                edition.look = Look::Now;
            }
        }
    }

    /// How many entries of some segments a later version replaced.
    pub(super) fn superseded(&self, first: u32, last: u32) -> u64 {
        let segments = self.segments.range(first..=last);
        segments.map(|(_, edition)| edition.superseded).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments
            .values()
            .map(|edition| edition.segment.bytes)
            .sum()
    }
}

/// Reads documents by sequence, through a cache of decompressed blocks.
pub(super) struct Shared {
    pub state: RwLock<State>,
    cache: Mutex<Cache>,
}

/// Segment, edition, offset.
type BlockId = (u32, u32, u64);

struct Cache {
    blocks: HashMap<BlockId, Arc<Documents>>,
    order: VecDeque<BlockId>,
    bytes: usize,
    bytes_max: usize,
}

impl Shared {
    pub(super) fn new(state: State, cache_bytes: usize) -> Self {
        Self {
            state: RwLock::new(state),
            cache: Mutex::new(Cache {
                blocks: HashMap::new(),
                order: VecDeque::new(),
                bytes: 0,
                bytes_max: cache_bytes,
            }),
        }
    }

    /// The version of a finding that was recorded at a sequence; `None` if it is not kept.
    pub(super) fn version(
        &self,
        sequence: u64,
    ) -> Result<Option<(Arc<Documents>, DocumentEntry)>, Error> {
        let found = {
            let state = self.state.read();
            let place = state.blocks.find(sequence);
            place
                .and_then(|place| Some((place, state.blocks.segments.get(&place.segment)?.clone())))
        };
        let Some((place, edition)) = found else {
            return Ok(None);
        };
        let documents = self.documents(&place, &edition)?;
        let entry = documents.find(sequence).cloned();
        Ok(entry.map(|entry| (documents, entry)))
    }

    /// The latest state of a finding.
    pub(super) fn latest(&self, key: FindingKey) -> Result<Option<Record>, Error> {
        // Compaction or an update may take a version away between the two looks; the latest one is never taken.
        for _ in 0..8 {
            let Some(sequence) = self.state.read().index.latest(&key) else {
                return Ok(None);
            };
            if let Some((documents, entry)) = self.version(sequence)? {
                return record(key, &documents, &entry).map(Some);
            }
        }
        Err(Error::Damaged {
            what: format!("the block that holds {}", key.name()),
        })
    }

    /// The decompressed documents of a block.
    pub(super) fn documents(
        &self,
        place: &Place,
        edition: &Edition,
    ) -> Result<Arc<Documents>, Error> {
        let id = (place.segment, edition.edition, place.offset);
        if let Some(documents) = self.cache.lock().blocks.get(&id) {
            return Ok(Arc::clone(documents));
        }
        let documents = Arc::new(self.read(place, edition)?);
        self.cache.lock().insert(id, Arc::clone(&documents));
        Ok(documents)
    }

    /// The decompressed documents of a block, for one look.
    pub(super) fn read(&self, place: &Place, edition: &Edition) -> Result<Documents, Error> {
        let body = edition
            .segment
            .body(place)
            .map_err(|error| read_error(place, &error))?;
        let documents = body.as_deref().and_then(Documents::decode);
        documents.ok_or_else(|| self.report(place))
    }

    /// The rows of a block; `None` if they are damaged.
    pub(super) fn rows(place: &Place, edition: &Edition) -> Result<Option<Rows>, Error> {
        let head = edition
            .segment
            .head(place)
            .map_err(|error| read_error(place, &error))?;
        Ok(head.as_deref().and_then(block::rows))
    }

    /// Notes a damaged block, once.
    pub(super) fn report(&self, place: &Place) -> Error {
        let what = name(place);
        let mut state = self.state.write();
        if !state.damaged.contains(&what) {
            tracing::error!(block = %what, "a block is damaged; the findings in it cannot be shown");
            state.damaged.push(what.clone());
        }
        Error::Damaged { what }
    }
}

impl Cache {
    fn insert(&mut self, id: BlockId, documents: Arc<Documents>) {
        self.bytes += documents.bytes();
        if let Some(old) = self.blocks.insert(id, documents) {
            self.bytes -= old.bytes();
        } else {
            self.order.push_back(id);
        }
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(documents) = self.blocks.remove(&oldest) {
                self.bytes -= documents.bytes();
            }
        }
    }
}

/// A block as errors name it.
pub(super) fn name(place: &Place) -> String {
    format!("block {:08}.log@{}", place.segment, place.offset)
}

pub(super) fn record(
    key: FindingKey,
    documents: &Documents,
    entry: &DocumentEntry,
) -> Result<Record, Error> {
    let overlay = Overlay::from_bytes(documents.overlay(entry)).map_err(|_| Error::Damaged {
        what: format!("what operators set on {}", key.name()),
    })?;
    Ok(Record {
        key,
        sequence: entry.sequence,
        recorded_at: entry.recorded_at,
        document: documents.document(entry),
        overlay,
    })
}

fn read_error(place: &Place, error: &std::io::Error) -> Error {
    Error::Disk {
        path: name(place),
        reason: error.to_string(),
    }
}

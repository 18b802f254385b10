//! Compaction: a segment that mostly holds versions that nobody needs is rewritten without them.
//!
//! Always: the latest version of a finding is kept; the kept versions of one finding are the newest ones without a gap,
//! so a version goes only after the one before it. A segment with damage in it is left alone.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use muster_common::finding;
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;

use super::account::{Books, CommitHead};
use super::block::{Encoder, blocks};
use super::entry::Entry;
use super::frame::Kind;
use super::log::{Found, Place, replace};
use super::shelf::{Write, decode, encode};
use super::state::{Edition, Shared};
use crate::{Error, FeedEvent, Table};

/// The share of superseded versions at which a segment is worth rewriting.
const WORTH: f64 = 0.5;

/// Rewrites segments, one at a time.
pub(super) struct Compaction {
    pub shared: Arc<Shared>,
    pub folder: PathBuf,
    pub running: Mutex<()>,
}

impl Compaction {
    /// Rewrites the segments that are worth it. Versions recorded before `keep_since` may go. The answer is the number
    /// of bytes that became free.
    pub(super) fn run(&self, keep_since: Timestamp) -> Result<u64, Error> {
        let _one_at_a_time = self.running.lock();
        let candidates: Vec<u32> = {
            let state = self.shared.state.read();
            let open = state.blocks.segments.keys().next_back().copied();
            state
                .blocks
                .segments
                .values()
                .filter(|edition| Some(edition.segment.number) != open)
                .filter(|edition| {
                    edition.superseded as f64 >= WORTH * edition.entries.max(1) as f64
                })
                .filter(|edition| edition.superseded > 0)
                .map(|edition| edition.segment.number)
                .collect()
        };
        let mut freed = 0;
        for number in candidates {
            freed += self.rewrite(number, keep_since)?;
        }
        Ok(freed)
    }

    fn rewrite(&self, number: u32, keep_since: Timestamp) -> Result<u64, Error> {
        let Some(edition) = self
            .shared
            .state
            .read()
            .blocks
            .segments
            .get(&number)
            .cloned()
        else {
            return Ok(0);
        };
        let Some(sorted) = self.sort(&edition, keep_since)? else {
            return Ok(0);
        };
        if sorted.dropped == 0 {
            return Ok(0);
        }
        let mut encoder = Encoder::new();
        let mut frames = Vec::new();
        let mut lasts = Vec::new();
        for block in blocks(&sorted.kept) {
            let encoded = encoder.encode(block);
            lasts.push(block.last().map_or(0, |entry| entry.sequence));
            frames.push((Kind::Block, encoded.head, encoded.body));
        }
        let head = serde_json::to_vec(&sorted.commit).expect("a commit is plain data");
        frames.push((Kind::Commit, head, encode(&sorted.writes)));
        let disk = |error: std::io::Error| Error::Disk {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        };
        let segment = replace(&self.folder, number, &frames).map_err(disk)?;
        let places = segment
            .scan()
            .map_err(disk)?
            .into_iter()
            .filter_map(|found| match found {
                Found::Frame(place) if place.header.kind == Kind::Block => Some(place),
                Found::Frame(_) | Found::Damage { .. } => None,
            });
        let places: Vec<(u64, Place)> = lasts.into_iter().zip(places).collect();
        let freed = edition.segment.bytes.saturating_sub(segment.bytes);
        tracing::info!(
            segment = number,
            dropped = sorted.dropped,
            freed,
            "compacted"
        );
        self.shared
            .state
            .write()
            .blocks
            .replace(segment, places, sorted.kept.len() as u64);
        Ok(freed)
    }

    /// Reads a segment and tells what stays. `None` if a part of it is damaged.
    fn sort(&self, edition: &Edition, keep_since: Timestamp) -> Result<Option<Sorted>, Error> {
        let frames = edition.segment.scan().map_err(|error| Error::Disk {
            path: format!("{:08}.log", edition.segment.number),
            reason: error.to_string(),
        })?;
        let mut sorted = Sorted::default();
        let mut gone = HashSet::new();
        for found in frames {
            let Found::Frame(place) = found else {
                return Ok(None);
            };
            let whole = match place.header.kind {
                Kind::Block => {
                    self.sort_block(edition, &place, keep_since, &mut gone, &mut sorted)?
                }
                Kind::Commit => sorted.add_commit(edition, &place),
            };
            if whole.is_none() {
                return Ok(None);
            }
        }
        sorted.close();
        Ok(Some(sorted))
    }

    fn sort_block(
        &self,
        edition: &Edition,
        place: &Place,
        keep_since: Timestamp,
        gone: &mut HashSet<u64>,
        sorted: &mut Sorted,
    ) -> Result<Option<()>, Error> {
        let Some(rows) = Shared::rows(place, edition)? else {
            return Ok(None);
        };
        let documents = self.shared.documents(place, edition)?;
        for (at, row) in rows.entries().iter().enumerate() {
            let Some(document) = documents.find(row.sequence) else {
                return Ok(None);
            };
            let latest = self.shared.state.read().index.latest(&row.key);
            let needed = match row.event {
                // A removal is needed as long as something is kept that it removes.
                FeedEvent::Expired => false,
                FeedEvent::Created | FeedEvent::Imported | FeedEvent::Updated => {
                    latest == Some(row.sequence)
                }
            };
            let old = document.recorded_at < keep_since;
            let first_kept = row.previous == 0
                || gone.contains(&row.previous)
                || self.shared.version(row.previous)?.is_none();
            if !needed && old && first_kept {
                gone.insert(row.sequence);
                sorted.dropped += 1;
                continue;
            }
            let text = documents.document(document);
            sorted.kept.push(Entry {
                sequence: row.sequence,
                previous: row.previous,
                key: row.key,
                event: row.event,
                recorded_at: document.recorded_at,
                actor: Arc::clone(&document.actor),
                id_digest: row.id_digest,
                row: rows.row(at),
                overlay: documents.overlay(document).to_vec(),
                scalars: finding::scalars(&text).unwrap_or_default(),
                document: text,
            });
        }
        Ok(Some(()))
    }
}

/// What stays of a segment.
#[derive(Default)]
struct Sorted {
    kept: Vec<Entry>,
    dropped: u64,
    books: Books,
    commit: CommitHead,
    writes: Vec<Write>,
}

impl Sorted {
    fn add_commit(&mut self, edition: &Edition, place: &Place) -> Option<()> {
        let head = edition.segment.head(place).ok()??;
        let head: CommitHead = serde_json::from_slice(&head).ok()?;
        self.books.apply(&head);
        self.commit.number = head.number;
        self.commit.sequence = head.sequence;
        let body = edition.segment.body(place).ok()??;
        self.writes.extend(decode(&body)?);
        Some(())
    }

    /// Sums the commits up in one; of the writes to one key the last stays.
    fn close(&mut self) {
        let books = std::mem::take(&mut self.books);
        self.commit = books.close(self.commit.number, self.commit.sequence);
        let mut last: BTreeMap<(Table, Vec<u8>), Write> = BTreeMap::new();
        for write in std::mem::take(&mut self.writes) {
            let (Write::Put { table, key, .. } | Write::Delete { table, key }) = &write;
            last.insert((*table, key.clone()), write);
        }
        self.writes = last.into_values().collect();
    }
}

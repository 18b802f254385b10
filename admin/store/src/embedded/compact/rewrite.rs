//! Rewriting: segments are read block by block, and what stays is written into a draft.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use muster_common::finding;
use muster_common::timestamp::Timestamp;

use super::Left;
use crate::embedded::account::{Books, CommitHead};
use crate::embedded::block::{Encoder, blocks};
use crate::embedded::entry::Entry;
use crate::embedded::frame::Kind;
use crate::embedded::log::{Draft, Found, Place};
use crate::embedded::rows::RowEntry;
use crate::embedded::shelf::{Write, decode, encode};
use crate::embedded::state::{Edition, Shared};
use crate::{Error, FeedEvent, Table};

/// Segments on their way into a draft.
pub(super) struct Rewrite<'a> {
    shared: &'a Shared,
    folder: &'a Path,
    keep_since: Timestamp,
    encoder: Encoder,
    draft: Draft,
    /// Last sequence and place of what is in the draft.
    places: Vec<(u64, Place)>,
    /// What stays and is not in the draft yet: less than two blocks.
    waiting: Vec<Entry>,
    gone: HashSet<u64>,
    left: Left,
    books: Books,
    commit: CommitHead,
    /// Of the writes to one key, the last.
    writes: BTreeMap<(Table, Vec<u8>), Write>,
}

/// A draft with everything that stays.
pub(super) struct Rewritten {
    pub draft: Draft,
    pub places: Vec<(u64, Place)>,
    pub left: Left,
}

impl<'a> Rewrite<'a> {
    pub(super) fn start(
        shared: &'a Shared,
        folder: &'a Path,
        number: u32,
        keep_since: Timestamp,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared,
            folder,
            keep_since,
            encoder: Encoder::new(),
            draft: Draft::create(folder, number).map_err(|error| disk(folder, &error))?,
            places: Vec::new(),
            waiting: Vec::new(),
            gone: HashSet::new(),
            left: Left::default(),
            books: Books::default(),
            commit: CommitHead::default(),
            writes: BTreeMap::new(),
        })
    }

    /// Reads segments, the older first, and writes what stays. Without the draft, the number of one that is damaged.
    pub(super) fn read(mut self, editions: &[Edition]) -> Result<Result<Rewritten, u32>, Error> {
        for edition in editions {
            let number = edition.segment.number;
            let found = edition.segment.scan().map_err(|error| Error::Disk {
                path: format!("{number:08}.log"),
                reason: error.to_string(),
            })?;
            for found in found {
                let Found::Frame(place) = found else {
                    return Ok(Err(number));
                };
                let whole = match place.header.kind {
                    Kind::Block => self.block(edition, &place)?,
                    Kind::Commit => self.commit(edition, &place),
                };
                if whole.is_none() {
                    return Ok(Err(number));
                }
                self.write(false)?;
            }
        }
        self.finish().map(Ok)
    }

    /// `None` if the block is damaged.
    fn block(&mut self, edition: &Edition, place: &Place) -> Result<Option<()>, Error> {
        let Some(rows) = Shared::rows(place, edition)? else {
            return Ok(None);
        };
        let documents = match self.shared.read(place, edition) {
            Ok(documents) => documents,
            Err(Error::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
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
            if !needed {
                if document.recorded_at >= self.keep_since {
                    self.left.young.push(document.recorded_at);
                } else if self.follows_kept(row)? {
                    self.left.blocked += 1;
                } else {
                    self.gone.insert(row.sequence);
                    self.left.dropped += 1;
                    continue;
                }
            }
            self.left.kept += 1;
            let text = documents.document(document);
            self.waiting.push(Entry {
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

    /// Whether the version before one stays. In a segment that is damaged and left alone it keeps no version after it from
    /// going, or its finding would take room without end; but a removal it does, or its finding would come back.
    fn follows_kept(&self, row: &RowEntry) -> Result<bool, Error> {
        if row.previous == 0 || self.gone.contains(&row.previous) {
            return Ok(false);
        }
        if self.shared.state.read().blocks.is_damaged(row.previous) {
            return Ok(row.event == FeedEvent::Expired);
        }
        match self.shared.version(row.previous) {
            Ok(version) => Ok(version.is_some()),
            Err(Error::Damaged { .. }) => Ok(row.event == FeedEvent::Expired),
            Err(error) => Err(error),
        }
    }

    /// `None` if the commit is damaged.
    fn commit(&mut self, edition: &Edition, place: &Place) -> Option<()> {
        let head = edition.segment.head(place).ok()??;
        let head: CommitHead = serde_json::from_slice(&head).ok()?;
        self.books.apply(&head);
        self.commit.number = head.number;
        self.commit.sequence = head.sequence;
        let body = edition.segment.body(place).ok()??;
        for write in decode(&body)? {
            let (Write::Put { table, key, .. } | Write::Delete { table, key }) = &write;
            self.writes.insert((*table, key.clone()), write);
        }
        Some(())
    }

    /// Writes the full blocks of what waits, or everything.
    fn write(&mut self, everything: bool) -> Result<(), Error> {
        loop {
            let length = blocks(&self.waiting).next().map_or(0, <[Entry]>::len);
            if length == 0 || length == self.waiting.len() && !everything {
                return Ok(());
            }
            let block = self.encoder.encode(&self.waiting[..length]);
            let last = self.waiting[length - 1].sequence;
            let place = self.draft.write(Kind::Block, &block.head, &block.body);
            let place = place.map_err(|error| disk(self.folder, &error))?;
            self.places.push((last, place));
            self.waiting.drain(..length);
        }
    }

    /// Sums the commits up in one.
    fn finish(mut self) -> Result<Rewritten, Error> {
        self.write(true)?;
        let commit = self.books.close(self.commit.number, self.commit.sequence);
        let head = serde_json::to_vec(&commit).expect("a commit is plain data");
        let writes: Vec<Write> = self.writes.into_values().collect();
        let written = self.draft.write(Kind::Commit, &head, &encode(&writes));
        written.map_err(|error| disk(self.folder, &error))?;
        Ok(Rewritten {
            draft: self.draft,
            places: self.places,
            left: self.left,
        })
    }
}

fn disk(folder: &Path, error: &io::Error) -> Error {
    Error::Disk {
        path: folder.display().to_string(),
        reason: error.to_string(),
    }
}

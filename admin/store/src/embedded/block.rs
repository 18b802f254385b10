//! Blocks: some dozens of findings, compressed together, as the two sections of a frame.
//!
//! The head holds what the index is made from (keys and rows), the body what readers see (documents, overlays, who and
//! when). Opening a store reads heads only; answering a page reads bodies only.

use std::sync::Arc;

use bytes::Bytes;
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;

use super::codec::{Reader, Writer};
use crate::FeedEvent;

/// The findings of one block before it is full.
pub(super) const BLOCK_FINDINGS: usize = 64;
const LEVEL: i32 = 1;
/// No section decompresses to more; a length beyond is damage.
const RAW_BYTES_MAX: usize = 256 << 20;

/// One version of one finding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub sequence: u64,
    /// The sequence of the version before; 0 if none is kept.
    pub previous: u64,
    pub key: FindingKey,
    pub event: FeedEvent,
    pub recorded_at: Timestamp,
    pub actor: Arc<str>,
    /// A digest of the ASFF id, by which it is found.
    pub id_digest: u32,
    /// An encoded row; empty for an expired finding.
    pub row: Vec<u8>,
    /// JSON; empty if operators set nothing.
    pub overlay: Vec<u8>,
    pub document: Bytes,
}

/// What the index needs of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowEntry<'a> {
    pub sequence: u64,
    pub previous: u64,
    pub key: FindingKey,
    pub event: FeedEvent,
    pub has_overlay: bool,
    pub id_digest: u32,
    pub row: &'a [u8],
}

impl Entry {
    pub(super) fn as_row(&self) -> RowEntry<'_> {
        RowEntry {
            sequence: self.sequence,
            previous: self.previous,
            key: self.key,
            event: self.event,
            has_overlay: !self.overlay.is_empty(),
            id_digest: self.id_digest,
            row: &self.row,
        }
    }
}

/// The digest of an ASFF id.
pub(super) fn id_digest(id: &str) -> u32 {
    xxhash_rust::xxh3::xxh3_64(id.as_bytes()) as u32
}

/// Compresses sections; keeps its buffers.
pub(super) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            compressor: zstd::bulk::Compressor::new(LEVEL).expect("the level is one of zstd's"),
        }
    }

    /// Head and body of a block.
    pub(super) fn encode(&mut self, entries: &[Entry]) -> (Vec<u8>, Vec<u8>) {
        (self.pack(&head(entries)), self.pack(&body(entries)))
    }

    fn pack(&mut self, raw: &[u8]) -> Vec<u8> {
        let mut packed = u32::try_from(raw.len())
            .expect("a block is small")
            .to_le_bytes()
            .to_vec();
        let compressed = self
            .compressor
            .compress(raw)
            .expect("zstd compresses memory to memory");
        packed.extend_from_slice(&compressed);
        packed
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, compressed) = packed.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > RAW_BYTES_MAX {
        return None;
    }
    zstd::bulk::decompress(compressed, length).ok()
}

const fn event_code(event: FeedEvent) -> u8 {
    match event {
        FeedEvent::Created => 0,
        FeedEvent::Imported => 1,
        FeedEvent::Updated => 2,
        FeedEvent::Expired => 3,
    }
}

fn event(code: u8) -> Option<FeedEvent> {
    [
        FeedEvent::Created,
        FeedEvent::Imported,
        FeedEvent::Updated,
        FeedEvent::Expired,
    ]
    .get(usize::from(code))
    .copied()
}

fn head(entries: &[Entry]) -> Vec<u8> {
    let mut head = Writer::default();
    head.number(entries.len() as u64);
    for entry in entries {
        head.number(entry.sequence);
        head.number(entry.previous);
        head.byte(event_code(entry.event));
        head.byte(u8::from(!entry.overlay.is_empty()));
        head.raw(entry.key.as_bytes());
        head.raw(&entry.id_digest.to_le_bytes());
        head.slice(&entry.row);
    }
    head.bytes
}

fn body(entries: &[Entry]) -> Vec<u8> {
    let mut body = Writer::default();
    let mut actors: Vec<&Arc<str>> = entries.iter().map(|entry| &entry.actor).collect();
    actors.sort_unstable();
    actors.dedup();
    body.number(actors.len() as u64);
    actors.iter().for_each(|actor| body.slice(actor.as_bytes()));
    body.number(entries.len() as u64);
    for entry in entries {
        let actor = actors
            .binary_search(&&entry.actor)
            .expect("it is among them");
        body.number(entry.sequence);
        body.number(entry.previous);
        body.byte(event_code(entry.event));
        body.number(actor as u64);
        body.raw(&entry.recorded_at.as_millis().to_le_bytes());
        body.number(entry.overlay.len() as u64);
        body.number(entry.document.len() as u64);
    }
    for entry in entries {
        body.raw(&entry.overlay);
        body.raw(&entry.document);
    }
    body.bytes
}

/// The head of a block, decompressed.
pub(super) struct Rows(Vec<u8>);

impl Rows {
    /// `None` if the section is damaged.
    pub(super) fn decode(packed: &[u8]) -> Option<Self> {
        let rows = Self(unpack(packed)?);
        let mut reader = Reader::new(&rows.0);
        let count = reader.number()?;
        (0..count)
            .all(|_| row(&mut reader).is_some())
            .then_some(rows)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RowEntry<'_>> {
        let mut reader = Reader::new(&self.0);
        let count = reader.number().unwrap_or(0);
        (0..count).map_while(move |_| row(&mut reader))
    }
}

fn row<'a>(reader: &mut Reader<'a>) -> Option<RowEntry<'a>> {
    Some(RowEntry {
        sequence: reader.number()?,
        previous: reader.number()?,
        event: event(reader.byte()?)?,
        has_overlay: reader.byte()? != 0,
        key: FindingKey::from_bytes(*reader.array()?),
        id_digest: u32::from_le_bytes(*reader.array()?),
        row: reader.slice()?,
    })
}

/// The body of a block, decompressed.
#[derive(Debug)]
pub(super) struct Documents {
    raw: Bytes,
    entries: Vec<DocumentEntry>,
}

/// Who, when and where in the raw bytes.
#[derive(Clone, Debug)]
pub(super) struct DocumentEntry {
    pub sequence: u64,
    pub previous: u64,
    pub event: FeedEvent,
    pub actor: Arc<str>,
    pub recorded_at: Timestamp,
    overlay: (usize, usize),
    document: (usize, usize),
}

impl Documents {
    /// `None` if the section is damaged.
    pub(super) fn decode(packed: &[u8]) -> Option<Self> {
        let raw = unpack(packed)?;
        let mut reader = Reader::new(&raw);
        let actors = (0..reader.number()?)
            .map(|_| Some(Arc::from(std::str::from_utf8(reader.slice()?).ok()?)))
            .collect::<Option<Vec<Arc<str>>>>()?;
        let count = reader.number()?;
        let mut entries = (0..count)
            .map(|_| {
                Some(DocumentEntry {
                    sequence: reader.number()?,
                    previous: reader.number()?,
                    event: event(reader.byte()?)?,
                    actor: Arc::clone(actors.get(usize::try_from(reader.number()?).ok()?)?),
                    recorded_at: Timestamp::from_millis(i64::from_le_bytes(*reader.array()?)),
                    overlay: (0, usize::try_from(reader.number()?).ok()?),
                    document: (0, usize::try_from(reader.number()?).ok()?),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let mut at = raw.len() - reader.rest().len();
        for entry in &mut entries {
            for range in [&mut entry.overlay, &mut entry.document] {
                let end = at.checked_add(range.1)?;
                *range = (at, end);
                at = end;
            }
        }
        (at == raw.len()).then(|| Self {
            raw: Bytes::from(raw),
            entries,
        })
    }

    pub(super) fn entries(&self) -> &[DocumentEntry] {
        &self.entries
    }

    pub(super) fn find(&self, sequence: u64) -> Option<&DocumentEntry> {
        let at = self
            .entries
            .binary_search_by_key(&sequence, |entry| entry.sequence);
        at.ok().map(|at| &self.entries[at])
    }

    pub(super) fn overlay(&self, entry: &DocumentEntry) -> &[u8] {
        &self.raw[entry.overlay.0..entry.overlay.1]
    }

    pub(super) fn document(&self, entry: &DocumentEntry) -> Bytes {
        self.raw.slice(entry.document.0..entry.document.1)
    }

    pub(super) fn bytes(&self) -> usize {
        self.raw.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        (1..=70_u64)
            .map(|number| Entry {
                sequence: number * 3,
                previous: number / 2,
                key: FindingKey::from_bytes([number as u8; 16]),
                event: event((number % 4) as u8).unwrap(),
                recorded_at: Timestamp::from_millis(number as i64 * -7),
                actor: Arc::from(format!("actor-{}", number % 3)),
                id_digest: number as u32,
                row: vec![number as u8; number as usize],
                overlay: vec![b'o'; (number % 2) as usize],
                document: Bytes::from(vec![b'd'; 1_000]),
            })
            .collect()
    }

    #[test]
    fn a_block_reads_back() {
        let entries = entries();
        let (head, body) = Encoder::new().encode(&entries);
        let rows = Rows::decode(&head).unwrap();
        let documents = Documents::decode(&body).unwrap();
        assert_eq!(rows.iter().count(), entries.len());
        for (entry, row) in entries.iter().zip(rows.iter()) {
            let found = documents.find(entry.sequence).unwrap();
            let read = Entry {
                sequence: row.sequence,
                previous: found.previous,
                key: row.key,
                event: row.event,
                recorded_at: found.recorded_at,
                actor: Arc::clone(&found.actor),
                id_digest: row.id_digest,
                row: row.row.to_vec(),
                overlay: documents.overlay(found).to_vec(),
                document: documents.document(found),
            };
            assert_eq!(&read, entry);
            assert_eq!(row.has_overlay, !entry.overlay.is_empty());
        }
        assert!(documents.find(1).is_none());
    }

    #[test]
    fn damaged_sections_are_refused_and_never_panic() {
        let (head, body) = Encoder::new().encode(&entries());
        for section in [&head, &body] {
            for end in 0..section.len() {
                assert!(Rows::decode(&section[..end]).is_none());
                assert!(Documents::decode(&section[..end]).is_none());
            }
            for bit in (0..section.len() * 8).step_by(7) {
                let mut flipped = section.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = Rows::decode(&flipped).map(|rows| rows.iter().count());
                let _ = Documents::decode(&flipped);
            }
        }
    }
}

//! Blocks: some dozens of findings, compressed together, as the two sections of a frame.
//!
//! The head holds what the index is made from (keys and rows), the body what readers see (documents, overlays, who and
//! when). Opening a store reads heads only; answering a page reads bodies only.

use std::sync::Arc;

use bytes::Bytes;
use muster_common::timestamp::Timestamp;

use super::codec::{Reader, Writer};
use super::entry::{Entry, event, event_code};
use super::rows::{Gatherer, Rows};
use crate::FeedEvent;

/// The findings of one block before it is full.
pub(super) const BLOCK_FINDINGS: usize = 128;
const LEVEL: i32 = 1;
/// No section decompresses to more; a length beyond is damage.
const RAW_BYTES_MAX: usize = 256 << 20;

/// Compresses sections; keeps its buffers.
pub(super) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    gatherer: Gatherer,
    packed: Vec<u8>,
}

/// An encoded block.
pub(super) struct Block {
    pub rows: Rows,
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            compressor: zstd::bulk::Compressor::new(LEVEL).expect("the level is one of zstd's"),
            gatherer: Gatherer::new(),
            packed: Vec::new(),
        }
    }

    pub(super) fn encode(&mut self, entries: &[Entry]) -> Block {
        let rows = self.gatherer.gather(entries);
        Block {
            head: self.pack(&rows.encode()),
            body: self.pack(&body(entries)),
            rows,
        }
    }

    fn pack(&mut self, raw: &[u8]) -> Vec<u8> {
        self.packed.clear();
        self.packed
            .reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.compressor
            .compress_to_buffer(raw, &mut self.packed)
            .expect("there is room for what zstd gives at most");
        let length = u32::try_from(raw.len()).expect("a block is small");
        [&length.to_le_bytes(), self.packed.as_slice()].concat()
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

fn body(entries: &[Entry]) -> Vec<u8> {
    let bytes = |entry: &Entry| 64 + entry.overlay.len() + entry.document.len();
    let mut body = Writer::with_capacity(entries.iter().map(bytes).sum());
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

/// Reads the head of a block; `None` if it is damaged.
pub(super) fn rows(head: &[u8]) -> Option<Rows> {
    Rows::decode(&unpack(head)?)
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
    use muster_common::field::Field;
    use muster_common::finding::{FindingKey, Row, Value};

    use super::*;

    /// The fields in the order of their codes, as blocks give them back.
    fn row(number: u64) -> Row {
        let mut row = Row::default();
        row.push(Field::AwsAccountId, Value::Text("111122223333"));
        if !number.is_multiple_of(5) {
            row.push(Field::Title, Value::Text(&format!("title {}", number / 2)));
        }
        for tag in 0..number % 3 {
            row.push(
                Field::ResourceId,
                Value::Text(&format!("{}-{tag}", number % 7)),
            );
        }
        row.push(
            Field::UpdatedAt,
            Value::Date(Timestamp::from_millis(number as i64)),
        );
        row
    }

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
                row: row(number),
                overlay: vec![b'o'; (number % 2) as usize],
                document: Bytes::from(vec![b'd'; 1_000]),
            })
            .collect()
    }

    #[test]
    fn a_block_reads_back() {
        let entries = entries();
        let Block { head, body, .. } = Encoder::new().encode(&entries);
        let rows = rows(&head).unwrap();
        let documents = Documents::decode(&body).unwrap();
        assert_eq!(rows.entries().len(), entries.len());
        for (at, (entry, row)) in entries.iter().zip(rows.entries()).enumerate() {
            let found = documents.find(entry.sequence).unwrap();
            let read = Entry {
                sequence: row.sequence,
                previous: found.previous,
                key: row.key,
                event: row.event,
                recorded_at: found.recorded_at,
                actor: Arc::clone(&found.actor),
                id_digest: row.id_digest,
                row: rows.row(at),
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
        let Block { head, body, .. } = Encoder::new().encode(&entries());
        for section in [&head, &body] {
            for end in 0..section.len() {
                assert!(rows(&section[..end]).is_none());
                assert!(Documents::decode(&section[..end]).is_none());
            }
            for bit in (0..section.len() * 8).step_by(7) {
                let mut flipped = section.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = rows(&flipped);
                let _ = Documents::decode(&flipped);
            }
        }
    }
}

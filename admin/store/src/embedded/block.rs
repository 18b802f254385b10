//! Blocks: some dozens of findings, compressed together, as the two sections of a frame.
//!
//! The head holds what the index is made from (keys and rows), the body what readers see (documents, overlays, who and
//! when). Opening a store reads heads only; answering a page reads bodies only.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use muster_common::timestamp::Timestamp;

use super::codec::{Reader, Writer};
use super::entry::{BLOCK_FINDINGS, Entry, event, event_code};
use super::rows::{Gatherer, Rows};
use super::shape::{DocumentId, Shaped, Shaper};
use crate::FeedEvent;

/// A block is full with so many bytes of documents, too.
const BLOCK_BYTES: usize = 4 << 20;
const LEVEL: i32 = 1;
/// No section decompresses to more; a length beyond is damage.
const RAW_BYTES_MAX: usize = 256 << 20;

/// Threads that encode the blocks of one step, at most.
const ENCODERS_MAX: usize = 4;

/// Encodes the blocks of a step on several threads: the writer has one, and everything waits for it.
pub(super) struct Encoders(Vec<Encoder>);

impl Encoders {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(
            (0..cores.min(ENCODERS_MAX))
                .map(|_| Encoder::new())
                .collect(),
        )
    }

    pub(super) fn encode(&mut self, entries: &[Entry]) -> Vec<Block> {
        let parts: Vec<&[Entry]> = blocks(entries).collect();
        let threads = self.0.len().min(parts.len());
        let Some((own, others)) = self.0[..threads].split_first_mut() else {
            return Vec::new();
        };
        // Whoever is done takes the next part: the cores have other work, and not the same.
        let next = AtomicUsize::new(0);
        let take = |encoder: &mut Encoder| -> Vec<(usize, Block)> {
            let number = || Some(next.fetch_add(1, Ordering::Relaxed));
            let numbers = std::iter::from_fn(number).take_while(|number| *number < parts.len());
            numbers
                .map(|number| (number, encoder.encode(parts[number])))
                .collect()
        };
        let take = &take;
        let mut blocks = std::thread::scope(|scope| {
            let others: Vec<_> = others
                .iter_mut()
                .map(|encoder| scope.spawn(|| take(encoder)))
                .collect();
            let mut blocks = take(own);
            for other in others {
                blocks.extend(other.join().expect("encoding does not panic"));
            }
            blocks
        });
        blocks.sort_unstable_by_key(|(number, _)| *number);
        blocks.into_iter().map(|(_, block)| block).collect()
    }
}

/// Compresses sections; keeps its buffers.
pub(super) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    gatherer: Gatherer,
    shaper: Shaper,
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
            shaper: Shaper::default(),
            packed: Vec::new(),
        }
    }

    pub(super) fn encode(&mut self, entries: &[Entry]) -> Block {
        let rows = self.gatherer.gather(entries);
        let body = self.body(entries);
        Block {
            head: self.pack(&rows.encode()),
            body: self.pack(&body),
            rows,
        }
    }

    fn body(&mut self, entries: &[Entry]) -> Vec<u8> {
        let mut body = Writer::with_capacity(1_024 * entries.len());
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
            let shape = self.shaper.put(&entry.document, &entry.scalars);
            body.number(entry.sequence);
            body.number(entry.previous);
            body.byte(event_code(entry.event));
            body.number(actor as u64);
            body.raw(&entry.recorded_at.as_millis().to_le_bytes());
            body.number(shape.into());
            body.number(entry.overlay.len() as u64);
        }
        entries.iter().for_each(|entry| body.raw(&entry.overlay));
        self.shaper.finish(&mut body);
        body.bytes
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

/// How many of something follow: no more than a block has findings.
fn count(reader: &mut Reader<'_>) -> Option<u64> {
    reader
        .number()
        .filter(|count| *count <= BLOCK_FINDINGS as u64)
}

/// Reads the head of a block; `None` if it is damaged.
pub(super) fn rows(head: &[u8]) -> Option<Rows> {
    Rows::decode(&unpack(head)?)
}

/// Entries in the parts that make one block each.
pub(super) fn blocks(mut entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = entries.iter().take(BLOCK_FINDINGS).take_while(|entry| {
            let room = bytes < BLOCK_BYTES;
            bytes += entry.document.len();
            room
        });
        let (block, rest) = entries.split_at(fits.count());
        entries = rest;
        (!block.is_empty()).then_some(block)
    })
}

/// The body of a block, decompressed.
#[derive(Debug)]
pub(super) struct Documents {
    raw: Bytes,
    entries: Vec<DocumentEntry>,
    shaped: Shaped,
}

/// Who, when and which document.
#[derive(Clone, Debug)]
pub(super) struct DocumentEntry {
    pub sequence: u64,
    pub previous: u64,
    pub event: FeedEvent,
    pub actor: Arc<str>,
    pub recorded_at: Timestamp,
    /// In the raw bytes.
    overlay: (usize, usize),
    document: DocumentId,
}

impl Documents {
    /// `None` if the section is damaged.
    pub(super) fn decode(packed: &[u8]) -> Option<Self> {
        let raw = Bytes::from(unpack(packed)?);
        let mut reader = Reader::new(&raw);
        let actors = (0..count(&mut reader)?)
            .map(|_| Some(Arc::from(std::str::from_utf8(reader.slice()?).ok()?)))
            .collect::<Option<Vec<Arc<str>>>>()?;
        let count = count(&mut reader)?;
        let mut shapes = Vec::new();
        let mut overlays = Vec::new();
        let metas = (0..count)
            .map(|_| {
                let meta = (
                    reader.number()?,
                    reader.number()?,
                    event(reader.byte()?)?,
                    Arc::clone(actors.get(usize::try_from(reader.number()?).ok()?)?),
                    Timestamp::from_millis(i64::from_le_bytes(*reader.array()?)),
                );
                shapes.push(u32::try_from(reader.number()?).ok()?);
                overlays.push(usize::try_from(reader.number()?).ok()?);
                Some(meta)
            })
            .collect::<Option<Vec<_>>>()?;
        let mut at = raw.len() - reader.rest().len();
        let overlays = overlays
            .into_iter()
            .map(|length| {
                let start = at;
                at = at.checked_add(length)?;
                Some((start, at))
            })
            .collect::<Option<Vec<_>>>()?;
        let (shaped, documents) = Shaped::decode(&raw, at, &shapes)?;
        let entries = metas
            .into_iter()
            .zip(overlays)
            .zip(documents)
            .map(
                |(((sequence, previous, event, actor, recorded_at), overlay), document)| {
                    DocumentEntry {
                        sequence,
                        previous,
                        event,
                        actor,
                        recorded_at,
                        overlay,
                        document,
                    }
                },
            )
            .collect();
        Some(Self {
            raw,
            entries,
            shaped,
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
        self.shaped.document(entry.document)
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.shaped.bytes() + size_of::<DocumentEntry>() * self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use muster_common::field::Field;
    use muster_common::finding::{self, FindingKey, Row, Value};

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

    /// Now and then one that is no JSON.
    fn document(number: u64) -> Bytes {
        let text = match number % 10 {
            0 => String::new(),
            1 => "d".repeat(1_000),
            _ => format!(r#"{{"Id":"{number}","Types":["a","b{}"]}}"#, number % 4),
        };
        Bytes::from(text)
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
                document: document(number),
                scalars: finding::scalars(&document(number)).unwrap_or_default(),
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
                scalars: entry.scalars.clone(),
            };
            assert_eq!(&read, entry);
            assert_eq!(row.has_overlay, !entry.overlay.is_empty());
        }
        assert!(documents.find(1).is_none());
    }

    #[test]
    fn rows_that_differ_read_back_also_when_they_no_longer_do() {
        let mut encoder = Encoder::new();
        for share in 1..20 {
            let mut entries: Vec<Entry> = entries().iter().cycle().take(140).cloned().collect();
            for (number, entry) in entries.iter_mut().enumerate() {
                entry.sequence = number as u64;
                entry.row = Row::default();
                let title = (number / share).to_string();
                entry.row.push(Field::Title, Value::Text(&title));
                if number % 9 > 0 {
                    entry.row.push(Field::Region, Value::Text(&title));
                }
            }
            let Block { head, rows, .. } = encoder.encode(&entries);
            let read = super::rows(&head).unwrap();
            for (at, entry) in entries.iter().enumerate() {
                assert_eq!(rows.row(at).values(Field::Title).count(), 1);
                for field in [Field::Title, Field::Region] {
                    assert_eq!(read.row(at).text(field), entry.row.text(field));
                    assert_eq!(rows.row(at).text(field), entry.row.text(field));
                }
            }
        }
    }

    #[test]
    fn a_block_takes_so_many_findings_or_bytes() {
        let mut entries = entries();
        assert!(blocks(&entries).map(<[Entry]>::len).eq([70]));
        entries = entries.iter().cycle().take(1_100).cloned().collect();
        assert!(blocks(&entries).map(<[Entry]>::len).eq([512, 512, 76]));
        for entry in &mut entries[..20] {
            entry.document = Bytes::from(vec![b'd'; BLOCK_BYTES / 3 + 1]);
        }
        assert!(
            blocks(&entries[..21])
                .map(<[Entry]>::len)
                .eq([3, 3, 3, 3, 3, 3, 3])
        );
        assert_eq!(blocks(&[]).count(), 0);
    }

    /// Nothing compresses better than nothing.
    #[test]
    fn a_small_section_that_says_much_is_refused() {
        let mut encoder = Encoder::new();
        for (actors, good) in [(BLOCK_FINDINGS, true), (BLOCK_FINDINGS + 1, false)] {
            let mut raw = Writer::default();
            raw.number(actors as u64);
            (0..actors).for_each(|_| raw.slice(b""));
            raw.number(0);
            encoder.shaper.finish(&mut raw);
            let body = encoder.pack(&raw.bytes);
            assert_eq!(Documents::decode(&body).is_some(), good, "{actors}");
        }
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

//! A door for fuzzing into what reads the disk: any bytes in place of what was written, and what is written reads back.

use std::sync::Arc;

use bytes::Bytes;
use muster_common::finding::{FindingKey, Row, scalars};
use muster_common::timestamp::Timestamp;

use super::account::CommitHead;
use super::block::{Documents, Encoder, rows};
use super::entry::{Entry, event};
use super::frame::{HEADER_BYTES, Header};

/// One version of a finding, in plain parts.
#[derive(Clone, Debug)]
pub struct Part {
    pub sequence: u64,
    pub previous: u64,
    pub key: [u8; 16],
    pub event: u8,
    pub recorded_at: i64,
    pub actor: String,
    pub id_digest: u32,
    /// Its fields in the order of their codes.
    pub row: Row,
    pub overlay: Vec<u8>,
    pub document: Vec<u8>,
}

/// Reads bytes as the head of a block and looks at all that is in it. The answer is how many values it has.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<usize> {
    let rows = rows(bytes)?;
    let counts = (0..rows.entries().len()).map(|at| rows.row(at).iter().count());
    Some(counts.sum())
}

/// Reads bytes as the body of a block and looks at all that is in it. The answer is how many documents it has.
#[must_use]
pub fn body(bytes: &[u8]) -> Option<usize> {
    let documents = Documents::decode(bytes)?;
    let sizes = documents
        .entries()
        .iter()
        .map(|entry| documents.overlay(entry).len() + documents.document(entry).len());
    assert!(sizes.sum::<usize>() <= documents.bytes());
    Some(documents.entries().len())
}

/// Looks for frames in bytes, as the scan of a damaged segment does.
pub fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = Header::find(rest) {
        let header = Header::decode(&rest[at..]).expect("one was found there");
        assert_eq!(header.encode(), rest[at..at + HEADER_BYTES]);
        rest = &rest[at + 1..];
    }
}

/// Reads bytes as the head of a commit.
pub fn commit(bytes: &[u8]) {
    if let Ok(head) = serde_json::from_slice::<CommitHead>(bytes) {
        let written = serde_json::to_vec(&head).expect("a commit is plain data");
        let read: CommitHead = serde_json::from_slice(&written).expect("it was written as such");
        let again = serde_json::to_vec(&read).expect("a commit is plain data");
        assert_eq!(again, written);
    }
}

/// Encodes versions whose sequences rise. The answer is the head and the body of the block.
///
/// # Panics
/// The block does not read back.
#[must_use]
pub fn round_trip(parts: Vec<Part>) -> (Vec<u8>, Vec<u8>) {
    let entries: Vec<Entry> = parts.into_iter().map(Entry::from).collect();
    let block = Encoder::new().encode(&entries);
    let rows = rows(&block.head).expect("the head was encoded");
    let documents = Documents::decode(&block.body).expect("the body was encoded");
    assert_eq!(rows.entries().len(), entries.len());
    assert_eq!(documents.entries().len(), entries.len());
    for (at, (entry, row)) in entries.iter().zip(rows.entries()).enumerate() {
        let found = documents.find(entry.sequence).expect("it is in the block");
        let read = Entry {
            sequence: row.sequence,
            previous: row.previous,
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
        assert_eq!(found.previous, entry.previous);
        assert_eq!(row.has_overlay, !entry.overlay.is_empty());
    }
    (block.head, block.body)
}

impl From<Part> for Entry {
    fn from(part: Part) -> Self {
        Self {
            sequence: part.sequence,
            previous: part.previous,
            key: FindingKey::from_bytes(part.key),
            event: event(part.event % 4).expect("there are four"),
            recorded_at: Timestamp::from_millis(part.recorded_at),
            actor: Arc::from(part.actor),
            id_digest: part.id_digest,
            row: part.row,
            overlay: part.overlay,
            scalars: scalars(&part.document).unwrap_or_default(),
            document: Bytes::from(part.document),
        }
    }
}

/// Packs bytes as a section, so that what is inside can be damaged and not only the packing.
#[must_use]
pub fn packed(raw: &[u8]) -> Vec<u8> {
    let length = u32::try_from(raw.len()).expect("what is fuzzed is small");
    let compressed = zstd::bulk::compress(raw, 1).expect("memory is compressed into memory");
    [&length.to_le_bytes(), compressed.as_slice()].concat()
}

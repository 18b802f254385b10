//! One version of one finding, on its way into a block.

use std::sync::Arc;

use bytes::Bytes;
use muster_common::finding::{FindingKey, Row, Scalar};
use muster_common::timestamp::Timestamp;

use crate::FeedEvent;

/// A block is full with so many. More compress better; fewer are read faster.
pub(super) const BLOCK_FINDINGS: usize = 512;

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
    /// Empty for an expired finding.
    pub row: Row,
    /// JSON; empty if operators set nothing.
    pub overlay: Vec<u8>,
    pub document: Bytes,
    /// Where the scalars of the document stand.
    pub scalars: Vec<Scalar>,
}

/// The digest of an ASFF id.
pub(super) fn id_digest(id: &str) -> u32 {
    xxhash_rust::xxh3::xxh3_64(id.as_bytes()) as u32
}

pub(super) const fn event_code(event: FeedEvent) -> u8 {
    match event {
        FeedEvent::Created => 0,
        FeedEvent::Imported => 1,
        FeedEvent::Updated => 2,
        FeedEvent::Expired => 3,
    }
}

pub(super) fn event(code: u8) -> Option<FeedEvent> {
    [
        FeedEvent::Created,
        FeedEvent::Imported,
        FeedEvent::Updated,
        FeedEvent::Expired,
    ]
    .get(usize::from(code))
    .copied()
}

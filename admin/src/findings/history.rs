//! What became of a finding, version by version.

use std::sync::Arc;

use muster_common::finding::{self, Change as FieldChange, FindingKey};
use muster_common::timestamp::Timestamp;
use muster_store::{FeedEvent, Version};

use super::{Error, Findings, damaged, render};

/// One entry of a finding's history.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub sequence: u64,
    pub time: Timestamp,
    pub event: FeedEvent,
    pub actor: Arc<str>,
    pub changes: Vec<FieldChange>,
}

impl Findings {
    /// What changed in a finding before a sequence, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn history(
        &self,
        key: FindingKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<HistoryEntry>, bool), Error> {
        if before.is_none() {
            self.get(key).await?;
        }
        // One more than asked for: each is compared with the one before.
        let versions = self.engine.versions(key, before, limit + 1).await?;
        let more = versions.len() > limit;
        let documents = versions
            .iter()
            .map(|version| render(&version.record))
            .collect::<Result<Vec<_>, _>>()?;
        let entries = versions
            .iter()
            .take(limit)
            .enumerate()
            .map(|(at, version)| history_entry(version, &documents[at], documents.get(at + 1)))
            .collect::<Result<_, _>>()?;
        Ok((entries, more))
    }
}

fn history_entry(
    version: &Version,
    document: &[u8],
    before: Option<&Vec<u8>>,
) -> Result<HistoryEntry, Error> {
    let changes = match before {
        Some(before) if version.event != FeedEvent::Created => {
            finding::changes(before, document).map_err(|_| damaged(version.record.key))?
        }
        Some(_) | None => Vec::new(),
    };
    Ok(HistoryEntry {
        sequence: version.record.sequence,
        time: version.record.recorded_at,
        event: version.event,
        actor: Arc::clone(&version.actor),
        changes,
    })
}

//! Decides over each change of a batch, against what is stored and what waits to be: the new versions of findings.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::finding::{self, FindingKey, Known, Overlay, Patch, Row, Scalar};
use muster_common::timestamp::Timestamp;

use super::entry::{Entry, id_digest};
use super::state::Shared;
use crate::{Error, FeedEvent, Import, Outcome};

/// One durable step takes no more than this.
const STEP_FINDINGS_MAX: usize = 4_096;
const STEP_BYTES_MAX: usize = 16 << 20;

/// The versions that one durable step will hold.
#[derive(Default)]
pub(super) struct Versions {
    pub entries: Vec<Entry>,
    bytes: usize,
    /// The last entry of each finding.
    latest: HashMap<FindingKey, usize>,
}

impl Versions {
    pub(super) const fn has_room(&self) -> bool {
        self.entries.len() < STEP_FINDINGS_MAX && self.bytes < STEP_BYTES_MAX
    }

    fn latest(&self, key: &FindingKey) -> Option<&Entry> {
        self.latest.get(key).map(|at| &self.entries[*at])
    }

    /// Keeps the first ones only.
    pub(super) fn truncate(&mut self, entries: usize) {
        self.entries.truncate(entries);
        self.latest = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.key, at))
            .collect();
    }
}

/// Makes the entries of one batch.
pub(super) struct Maker<'a> {
    pub shared: &'a Shared,
    /// What the disk is taking, or has taken a moment ago.
    pub ahead: Option<&'a Versions>,
    pub versions: &'a mut Versions,
    pub actor: &'a Arc<str>,
    pub now: Timestamp,
    /// For the next entry.
    pub sequence: u64,
}

/// A new version of a finding.
struct Draft {
    key: FindingKey,
    previous: u64,
    event: FeedEvent,
    id_digest: u32,
    row: Row,
    overlay: Overlay,
    document: Bytes,
    scalars: Vec<Scalar>,
}

impl Maker<'_> {
    pub(super) fn import(&mut self, import: Import) -> Result<Outcome, Error> {
        let Import { reading, document } = import;
        let key = reading.key;
        let (decision, present) = self.decide(&reading);
        let finding::Import::Store { workflow } = decision else {
            return Ok(Outcome::Unchanged(key));
        };
        let mut overlay = match present {
            Some((_, true)) => self.overlay(key)?,
            Some((_, false)) => Overlay::default(),
            None => reading.initial,
        };
        if let Some(status) = workflow {
            overlay.set_workflow(status);
        }
        self.push(Draft {
            key,
            previous: present.map_or(0, |(sequence, _)| sequence),
            event: if present.is_some() {
                FeedEvent::Imported
            } else {
                FeedEvent::Created
            },
            id_digest: id_digest(&reading.id),
            row: finding::compose(reading.row, &overlay),
            overlay,
            document,
            scalars: reading.scalars,
        });
        Ok(match present {
            Some(_) => Outcome::Updated(key),
            None => Outcome::Created(key),
        })
    }

    /// The decision over an import; and of the stored version the sequence and whether operators own some of it.
    fn decide(&self, reading: &finding::Reading) -> (finding::Import, Option<(u64, bool)>) {
        if let Some(entry) = self.pending(&reading.key) {
            let known = (entry.event != FeedEvent::Expired).then(|| known(&entry.row));
            let present = known.map(|_| (entry.sequence, !entry.overlay.is_empty()));
            return (finding::import(known, reading), present);
        }
        let state = self.shared.state.read();
        let present = state.index.present(&reading.key);
        (
            finding::import(present.map(|present| present.known), reading),
            present.map(|present| (present.sequence, present.has_overlay)),
        )
    }

    pub(super) fn update(&mut self, key: FindingKey, patch: &Patch) -> Result<Outcome, Error> {
        let pending = self.pending(&key).map(|entry| {
            let expired = entry.event == FeedEvent::Expired;
            (!expired).then(|| {
                (
                    entry.sequence,
                    entry.document.clone(),
                    entry.overlay.clone(),
                )
            })
        });
        let present = match pending {
            Some(present) => present,
            None => self
                .shared
                .latest(key)?
                .map(|record| (record.sequence, record.document, record.overlay.to_bytes())),
        };
        let Some((previous, document, overlay)) = present else {
            return Ok(Outcome::NotFound(key));
        };
        let damaged = || Error::Damaged { what: key.name() };
        let reading = finding::read(&document).map_err(|_| damaged())?;
        let mut overlay = Overlay::from_bytes(&overlay).map_err(|_| damaged())?;
        let before = overlay.clone();
        overlay.apply(patch, self.now);
        if overlay == before {
            return Ok(Outcome::Unchanged(key));
        }
        self.push(Draft {
            key,
            previous,
            event: FeedEvent::Updated,
            id_digest: id_digest(&reading.id),
            row: finding::compose(reading.row, &overlay),
            overlay,
            document,
            scalars: reading.scalars,
        });
        Ok(Outcome::Updated(key))
    }

    /// The outcome, and the account it counts for.
    pub(super) fn expire(
        &mut self,
        key: FindingKey,
        unless_after: Timestamp,
    ) -> Result<(Outcome, Option<AccountId>), Error> {
        let present = match self.pending(&key) {
            Some(entry) if entry.event == FeedEvent::Expired => None,
            Some(Entry { sequence, row, .. }) => {
                let account = row.text(Field::AwsAccountId);
                let account = account.and_then(|account| account.parse().ok());
                Some((*sequence, known(row).updated_at, account))
            }
            None => {
                let index = &self.shared.state.read().index;
                let present = index.present(&key);
                present.map(|present| {
                    let updated_at = present.known.updated_at;
                    (present.sequence, updated_at, index.account(&key))
                })
            }
        };
        let Some((previous, updated_at, account)) = present else {
            return Ok((Outcome::NotFound(key), None));
        };
        if updated_at > unless_after {
            return Ok((Outcome::Unchanged(key), None));
        }
        self.push(Draft {
            key,
            previous,
            event: FeedEvent::Expired,
            id_digest: 0,
            row: Row::default(),
            overlay: Overlay::default(),
            document: Bytes::new(),
            scalars: Vec::new(),
        });
        Ok((Outcome::Expired(key), account))
    }

    fn pending(&self, key: &FindingKey) -> Option<&Entry> {
        let ahead = || self.ahead.and_then(|ahead| ahead.latest(key));
        self.versions.latest(key).or_else(ahead)
    }

    fn overlay(&self, key: FindingKey) -> Result<Overlay, Error> {
        if let Some(entry) = self.pending(&key) {
            return Overlay::from_bytes(&entry.overlay)
                .map_err(|_| Error::Damaged { what: key.name() });
        }
        match self.shared.latest(key) {
            Ok(record) => Ok(record.map(|record| record.overlay).unwrap_or_default()),
            Err(Error::Damaged { what }) => {
                tracing::error!(finding = %key.name(), %what, "what operators set is lost with a damaged block");
                Ok(Overlay::default())
            }
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, draft: Draft) {
        let Draft {
            key,
            previous,
            event,
            id_digest,
            row,
            overlay,
            document,
            scalars,
        } = draft;
        self.versions.bytes += document.len();
        self.versions
            .latest
            .insert(key, self.versions.entries.len());
        self.versions.entries.push(Entry {
            sequence: self.sequence,
            previous,
            key,
            event,
            recorded_at: self.now,
            actor: Arc::clone(self.actor),
            id_digest,
            row,
            overlay: overlay.to_bytes(),
            document,
            scalars,
        });
    }
}

fn known(row: &Row) -> Known<'_> {
    Known {
        updated_at: row.date(Field::UpdatedAt).unwrap_or_default(),
        record_state: row.text(Field::RecordState).unwrap_or("ACTIVE"),
        compliance_status: row.text(Field::ComplianceStatus),
        workflow_status: row.text(Field::WorkflowStatus).unwrap_or("NEW"),
    }
}

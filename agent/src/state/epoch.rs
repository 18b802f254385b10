//! Epochs: one listing of one type in one place, told as what changed since the last one that the admin took.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use muster_common::drill::{self, Limit};
use muster_common::timestamp::Timestamp;

use super::document::{Document, Resource};
use super::site::Refused;
use super::{Admin, EpochEnd, Lost, Portion, Taken};

/// Documents and ids of a portion.
const PORTION_MAX: u64 = 500;
const PORTION_BYTES_MAX: usize = 1 << 20;

fn portion_max() -> usize {
    let max = drill::limit(Limit::PortionResources, PORTION_MAX);
    usize::try_from(max).unwrap_or(usize::MAX)
}

/// What the admin took last of a type and place.
#[derive(Debug)]
pub struct Base {
    epoch: Timestamp,
    digests: HashMap<String, u128>,
    /// Something was told against it. If that epoch does not become the next base, the admin has some of it all the same, and
    /// what differs from this one says no more what differs from the admin.
    spoiled: AtomicBool,
}

/// What is remembered of a type and place, from epoch to epoch.
#[derive(Debug, Default)]
pub struct Memory {
    last: Option<Timestamp>,
    base: Option<Arc<Base>>,
}

/// Why an epoch was not told to a complete end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    Refused(Refused),
    Lost,
    BaseUnknown,
}

impl From<Refused> for Broken {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Lost> for Broken {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

impl Memory {
    /// Begins an epoch.
    pub fn begin(
        &mut self,
        kind: &'static str,
        place: &str,
        admin: &Arc<dyn Admin>,
        now: Timestamp,
    ) -> Telling {
        let epoch = match self.last {
            Some(last) if last >= now => last.plus(1),
            Some(_) | None => now,
        };
        self.last = Some(epoch);
        self.base
            .take_if(|base| base.spoiled.load(Ordering::Relaxed));
        Telling {
            kind,
            place: place.to_owned(),
            epoch,
            base: self.base.clone(),
            next: 0,
            admin: Arc::clone(admin),
            seen: HashMap::new(),
            waiting: Vec::new(),
            bytes: 0,
        }
    }

    /// What the admin took is the base of the next epoch.
    pub fn keep(&mut self, base: Base) {
        self.base = Some(Arc::new(base));
    }

    /// The next epoch tells everything. Whether this one had told only changes.
    pub fn forget(&mut self) -> bool {
        self.base.take().is_some()
    }
}

/// An epoch on its way.
pub struct Telling {
    kind: &'static str,
    place: String,
    epoch: Timestamp,
    base: Option<Arc<Base>>,
    /// The number of the next portion.
    next: u32,
    admin: Arc<dyn Admin>,
    /// Everything that was listed.
    seen: HashMap<String, u128>,
    /// What has to be told and was not yet.
    waiting: Vec<Bytes>,
    bytes: usize,
}

impl Telling {
    /// The type of the resources.
    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Takes a resource. One that comes twice is the later one.
    ///
    /// # Errors
    /// The admin does not have what was told before, or was lost.
    pub async fn add(&mut self, resource: Resource) -> Result<(), Broken> {
        self.take(resource.document(self.kind)).await
    }

    /// As [`Telling::add`], for what was described already.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn take(&mut self, document: Document) -> Result<(), Broken> {
        let known = match self.seen.get(&document.id) {
            Some(digest) => Some(*digest),
            None => self.known(&document.id),
        };
        if known != Some(document.digest) {
            let size = document.text.len();
            if self.waiting.len() >= portion_max() || self.bytes + size > PORTION_BYTES_MAX {
                self.send(Vec::new(), None).await?;
            }
            self.bytes += size;
            self.waiting.push(document.text);
        }
        self.seen.insert(document.id, document.digest);
        Ok(())
    }

    /// Ends an epoch whose listing came to its end.
    ///
    /// # Errors
    /// As [`Telling::add`].
    pub async fn complete(mut self) -> Result<Base, Broken> {
        let mut gone = self.gone();
        let max = portion_max();
        while self.waiting.len() + gone.len() > max {
            let rest = gone.split_off(gone.len().min(max.saturating_sub(self.waiting.len())));
            let first = std::mem::replace(&mut gone, rest);
            self.send(first, None).await?;
        }
        let count = self.seen.len() as u64;
        self.send(gone, Some(EpochEnd::Complete { count })).await?;
        Ok(Base {
            epoch: self.epoch,
            digests: self.seen,
            spoiled: AtomicBool::new(false),
        })
    }

    /// Ends an epoch whose listing broke off. What waits is not told.
    ///
    /// # Errors
    /// As [`Telling::add`].
    pub async fn give_up(mut self, refused: &Refused) -> Result<(), Broken> {
        self.waiting.clear();
        let end = EpochEnd::Unavailable {
            code: refused.code().to_owned(),
            call: refused.call.to_owned(),
            message: refused.error.message.clone(),
        };
        self.send(Vec::new(), Some(end)).await
    }

    fn known(&self, id: &str) -> Option<u128> {
        self.base.as_ref()?.digests.get(id).copied()
    }

    /// Ids of the base that were not listed, in order.
    fn gone(&self) -> Vec<String> {
        let Some(base) = &self.base else {
            return Vec::new();
        };
        let ids = base.digests.keys();
        let mut gone: Vec<String> = ids
            .filter(|id| !self.seen.contains_key(*id))
            .cloned()
            .collect();
        gone.sort_unstable();
        gone
    }

    async fn send(&mut self, gone: Vec<String>, end: Option<EpochEnd>) -> Result<(), Broken> {
        self.bytes = 0;
        if let Some(base) = &self.base
            && !(self.waiting.is_empty() && gone.is_empty())
        {
            base.spoiled.store(true, Ordering::Relaxed);
        }
        let portion = Portion {
            kind: self.kind,
            place: self.place.clone(),
            epoch: self.epoch,
            base: self.base.as_ref().map(|base| base.epoch),
            number: self.next,
            changed: std::mem::take(&mut self.waiting),
            gone,
            end,
        };
        self.next += 1;
        match self.admin.tell(portion).await? {
            Taken::Taken { refused } => {
                for resource in refused {
                    let (kind, id) = (self.kind, &resource.id);
                    tracing::warn!(
                        kind,
                        id,
                        code = resource.code,
                        reason = resource.message,
                        "the admin refused a resource"
                    );
                    // No digest is zero but by chance: it is told again, and told gone when it is.
                    if let Some(digest) = self.seen.get_mut(&resource.id) {
                        *digest = 0;
                    }
                }
                Ok(())
            }
            Taken::BaseUnknown => Err(Broken::BaseUnknown),
        }
    }
}

#[cfg(test)]
mod tests;

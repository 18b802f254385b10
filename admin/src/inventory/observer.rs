//! What one agent tells: portions of epochs, one after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use muster_common::account::{AccountId, Region};
use muster_common::drill::{self, Point};
use muster_common::finding::FindingKey;
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use muster_store::{Batch, Change, Item, Table};
use tokio::sync::OwnedMutexGuard;

use super::ask::{Asked, PAGE};
use super::document::{Document, farewell, held, key};
use super::readers::Reads;
use super::{Error, GLOBAL, Held, Inventory, Listing, Presence, Trouble, listing_key};
use crate::records::Draft;

/// Resources and ids of one portion.
pub const PORTION_RESOURCES_MAX: usize = 500;
/// All documents of a portion.
pub const PORTION_BYTES_MAX: usize = 4 << 20;
/// Resources of one type in one place. Their keys are in memory while an epoch tells everything.
const EPOCH_RESOURCES_MAX: usize = 1_000_000;
/// Epochs that one agent may be telling at a time.
const OPEN_MAX: usize = 16;
const KIND_BYTES_MAX: usize = 128;
const TEXT_CHARACTERS_MAX: usize = 512;

/// A part of an epoch.
#[derive(Clone, Debug)]
pub struct Portion {
    pub kind: String,
    /// A Region, or [`GLOBAL`].
    pub place: String,
    /// The agent's name for it.
    pub epoch: Timestamp,
    /// What it is told against; unset: everything is told.
    pub base: Option<Timestamp>,
    /// Of the portion in its epoch, from 0.
    pub number: u32,
    pub changed: Vec<Bytes>,
    /// Ids.
    pub gone: Vec<String>,
    pub end: Option<PortionEnd>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortionEnd {
    Complete { count: u64 },
    Unavailable(Trouble),
}

/// What became of a portion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Durable and visible.
    Taken { refused: Vec<Refused> },
    /// The base, or the beginning of the epoch, is not what is known: tell everything.
    BaseUnknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Empty if it has none.
    pub id: String,
    pub code: &'static str,
    pub message: String,
}

/// Takes what one agent tells.
pub struct Observer {
    inventory: Inventory,
    account: AccountId,
    actor: Arc<str>,
    /// By type and place.
    open: HashMap<(String, String), Open>,
}

/// An epoch that is being told. Dropped before its end, it deletes nothing; what it changed is marked all the same.
pub(super) struct Open {
    inventory: Inventory,
    account: AccountId,
    kind: String,
    place: String,
    epoch: Timestamp,
    base: Option<Timestamp>,
    /// Of the next portion.
    next: u32,
    /// If everything is told: what was.
    seen: HashSet<FindingKey>,
    changed: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.changed {
            self.inventory.changed.mark(self.account, &self.kind);
        }
    }
}

impl Observer {
    pub(super) fn new(inventory: Inventory, account: AccountId, actor: Arc<str>) -> Self {
        Self {
            inventory,
            account,
            actor,
            open: HashMap::new(),
        }
    }

    /// Waits for the turn of the account: its observers take one portion at a time, whole.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        self.inventory.turns.of(self.account).lock_owned().await
    }

    /// Takes a portion. What it changes is durable and visible when this returns.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::TooMany`] for what no agent of ours sends, [`Error::Store`].
    pub async fn take(&mut self, portion: Portion) -> Result<Taken, Error> {
        check(&portion)?;
        let Portion {
            kind,
            place,
            epoch,
            base,
            number,
            changed,
            gone,
            end,
        } = portion;
        let at = (kind, place);
        let mut open = match self.open.remove(&at) {
            Some(open) if number > 0 => open,
            // One that begins again was not told to its end.
            Some(_) | None if number == 0 => match self.begin(&at, epoch, base).await? {
                Some(open) => open,
                None => return Ok(Taken::BaseUnknown),
            },
            Some(_) | None => return Ok(Taken::BaseUnknown),
        };
        if (open.epoch, open.base, open.next) != (epoch, base, number) {
            return Ok(Taken::BaseUnknown);
        }
        open.next += 1;
        let refused = open.take(changed, gone, &self.actor).await?;
        match end {
            Some(end) => open.end(end, &self.actor).await?,
            None => {
                limited("open epochs", self.open.len() + 1, OPEN_MAX)?;
                self.open.insert(at, open);
            }
        }
        Ok(Taken::Taken { refused })
    }

    /// Takes down all that the agent reads, in place of what it said before. The answer is what nobody reads any more by
    /// that, as types and places. `agents`: those of the account that were not stopped.
    ///
    /// # Errors
    /// As [`Observer::take`].
    pub async fn reads(
        &mut self,
        agent: AgentId,
        reads: &Reads,
        agents: &[AgentId],
    ) -> Result<Vec<(String, String)>, Error> {
        reads.check()?;
        self.open.retain(|(kind, place), _| reads.has(kind, place));
        let read = self
            .inventory
            .read_by(self.account, agent, reads, agents, &self.actor);
        read.await
    }

    /// `None` if the base is not what is known here.
    async fn begin(
        &self,
        (kind, place): &(String, String),
        epoch: Timestamp,
        base: Option<Timestamp>,
    ) -> Result<Option<Open>, Error> {
        if base.is_some() {
            let key = listing_key(self.account, place, kind);
            let listing = self.inventory.records.get::<Listing>(Table::Listings, key);
            if listing.await?.and_then(|listing| listing.epoch) != base {
                return Ok(None);
            }
        }
        let at = (kind.as_str(), place.as_str());
        let open = Open::new(&self.inventory, self.account, at, epoch, base);
        Ok(Some(open))
    }
}

impl Open {
    pub(super) fn new(
        inventory: &Inventory,
        account: AccountId,
        (kind, place): (&str, &str),
        epoch: Timestamp,
        base: Option<Timestamp>,
    ) -> Self {
        Self {
            inventory: inventory.clone(),
            account,
            kind: kind.to_owned(),
            place: place.to_owned(),
            epoch,
            base,
            next: 0,
            seen: HashSet::new(),
            changed: false,
        }
    }

    async fn take(
        &mut self,
        changed: Vec<Bytes>,
        gone: Vec<String>,
        actor: &Arc<str>,
    ) -> Result<Vec<Refused>, Error> {
        let mut documents = HashMap::new();
        let mut refused = Vec::new();
        for bytes in changed {
            match Document::read(self.account, &self.place, &self.kind, bytes) {
                Ok(document) => {
                    documents.insert(document.key, document);
                }
                Err((id, refusal)) => refused.push(Refused {
                    id,
                    code: refusal.code(),
                    message: refusal.to_string(),
                }),
            }
        }
        if self.base.is_none() {
            self.seen.extend(documents.keys());
            limited(
                "resources of an epoch",
                self.seen.len(),
                EPOCH_RESOURCES_MAX,
            )?;
        }
        let gone = gone
            .iter()
            .map(|id| key(self.account, &self.place, &self.kind, id))
            .filter(|key| !documents.contains_key(key));
        let keys: Vec<FindingKey> = documents.keys().copied().chain(gone).collect();
        let known = self.known(keys).await?;
        let mut changes = Vec::new();
        let stamp = self.stamp(known.values());
        for document in documents.values() {
            let same = known
                .get(&document.key)
                .is_some_and(|known| known.is_present() && known.document == document.bytes);
            if !same {
                changes.extend(document.import(self.account, &self.place, &self.kind, stamp));
            }
        }
        for (key, known) in &known {
            if !documents.contains_key(key) && known.is_present() {
                changes.extend(farewell(known, &self.place, stamp, Presence::Gone));
            }
        }
        self.record(changes, stamp, actor).await?;
        drill::pass(Point::InventoryStored);
        Ok(refused)
    }

    async fn end(&mut self, end: PortionEnd, actor: &Arc<str>) -> Result<(), Error> {
        if matches!(end, PortionEnd::Complete { .. }) && self.base.is_none() {
            self.part(Presence::Gone, actor).await?;
            drill::pass(Point::InventoryParted);
        }
        let records = &self.inventory.records;
        let now = self.inventory.clock.now();
        let key = listing_key(self.account, &self.place, &self.kind);
        let before: Option<Listing> = records.get(Table::Listings, key.clone()).await?;
        let after = listing(before.clone().unwrap_or_default(), end, self.epoch, now);
        let told = before.is_some_and(|before| {
            before.trouble == after.trouble && before.is_lapsed(now) == after.is_lapsed(now)
        });
        self.changed |= !told;
        let draft = Draft::default().put(Table::Listings, key, &after);
        Ok(records.commit(draft).await?)
    }

    /// After everything was told: what was not is not there any more, or nobody looks.
    pub(super) async fn part(&mut self, becomes: Presence, actor: &Arc<str>) -> Result<(), Error> {
        let asked = Asked {
            accounts: vec![self.account],
            places: vec![self.place.clone()],
            kinds: vec![self.kind.clone()],
            ..Asked::default()
        };
        let mut after = None;
        loop {
            let (page, next) = self.inventory.list(&asked, after, PAGE).await?;
            let stamp = self.stamp(page.iter());
            let missing = page.iter().filter(|held| !self.seen.contains(&held.key));
            let changes: Vec<Change> = missing
                .filter_map(|held| farewell(held, &self.place, stamp, becomes))
                .collect();
            self.record(changes, stamp, actor).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn known(&self, keys: Vec<FindingKey>) -> Result<HashMap<FindingKey, Held>, Error> {
        let records = self.inventory.readable(keys).await?;
        let known = records.iter().map(|record| {
            let held = held(record)?;
            Ok((held.key, held))
        });
        known
            .collect::<Result<_, muster_store::Error>>()
            .map_err(Error::from)
    }

    /// When what is told now was seen: later than what is known, even if the clock went back.
    fn stamp<'a>(&self, known: impl Iterator<Item = &'a Held>) -> Timestamp {
        let latest = known.map(|held| held.observed_at.plus(1)).max();
        let now = self.inventory.clock.now();
        latest.map_or(now, |latest| latest.max(now))
    }

    async fn record(
        &mut self,
        changes: Vec<Change>,
        stamp: Timestamp,
        actor: &Arc<str>,
    ) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        // Even if the answer is lost: it may have been done.
        self.changed = true;
        metrics::counter!("muster_resources_recorded_total").increment(changes.len() as u64);
        let items = changes
            .into_iter()
            .map(Box::new)
            .map(Item::Change)
            .collect();
        let batch = Batch {
            actor: Arc::clone(actor),
            now: stamp,
            spool: None,
            items,
        };
        self.inventory.engine.record(batch).await?;
        Ok(())
    }
}

/// How a listing stands after another epoch. Pure.
fn listing(before: Listing, end: PortionEnd, epoch: Timestamp, now: Timestamp) -> Listing {
    match end {
        PortionEnd::Complete { count } => Listing {
            epoch: Some(epoch),
            complete_at: Some(now),
            count,
            tried_at: now,
            trouble: None,
        },
        PortionEnd::Unavailable(trouble) => {
            let cut = |text: String| text.chars().take(TEXT_CHARACTERS_MAX).collect();
            let Trouble {
                code,
                call,
                message,
            } = trouble;
            Listing {
                tried_at: now,
                trouble: Some(Trouble {
                    code: cut(code),
                    call: cut(call),
                    message: cut(message),
                }),
                ..before
            }
        }
    }
}

fn check(portion: &Portion) -> Result<(), Error> {
    let Portion {
        kind,
        place,
        changed,
        gone,
        base,
        epoch,
        number: _,
        end: _,
    } = portion;
    checked_place(kind, place)?;
    if base.is_some_and(|base| base >= *epoch) {
        return invalid("epoch", &epoch.to_string(), "is not later than its base");
    }
    limited("changed", changed.len(), PORTION_RESOURCES_MAX)?;
    limited("gone", gone.len(), PORTION_RESOURCES_MAX)?;
    let bytes = changed.iter().map(Bytes::len).sum();
    limited("bytes of a portion", bytes, PORTION_BYTES_MAX)
}

pub(super) fn checked_place(kind: &str, place: &str) -> Result<(), Error> {
    let of_kind = |byte: u8| byte.is_ascii_alphanumeric() || byte == b':';
    if !kind.contains("::") || kind.len() > KIND_BYTES_MAX || !kind.bytes().all(of_kind) {
        return invalid("resource_type", kind, "is no type, such as AWS::S3::Bucket");
    }
    if place != GLOBAL && place.parse::<Region>().is_err() {
        return invalid("region", place, "is no Region, and not aws-global");
    }
    Ok(())
}

fn invalid(what: &'static str, value: &str, reason: &'static str) -> Result<(), Error> {
    Err(Error::Invalid {
        what,
        value: value.chars().take(64).collect(),
        reason,
    })
}

pub(super) fn limited(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max {
        return Err(Error::TooMany { what, count, max });
    }
    Ok(())
}

//! Who reads what. Each agent says all that it reads; what no agent of the account reads any more is given up.
//!
//! An agent's whole list, and not its word about one place: an agent that lost its memory, or whose place was taken by another
//! one, could not say what it gave up. What an agent reads that is silent, or whose certificate is over, is not given up: it
//! grows old, and somebody has to look. An agent that was stopped holds nothing any more; nor does one of a member that parted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_common::account::AccountId;
use muster_common::drill::{self, Point};
use muster_common::field::Field;
use muster_common::identity::AgentId;
use muster_store::{Bound, CountQuery, Table};
use serde::{Deserialize, Serialize};

use super::ask::Asked;
use super::observer::{Open, checked_place, limited};
use super::{Coverage, Error, Inventory, Listing, Presence, listing_key};
use crate::records::{Draft, PAGE_MAX};

/// Places of one agent: Regions, and what has none.
const PLACES_MAX: usize = 128;
/// Types of one place.
const KINDS_MAX: usize = 256;
/// Types and places of an account that resources are kept of.
const HELD_MAX: usize = 100_000;

/// Types by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads(pub BTreeMap<String, BTreeSet<String>>);

impl Reads {
    pub(super) fn has(&self, kind: &str, place: &str) -> bool {
        let kinds = self.0.get(place);
        kinds.is_some_and(|kinds| kinds.contains(kind))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        limited("places that are read", self.0.len(), PLACES_MAX)?;
        for (place, kinds) in &self.0 {
            limited("types that are read in a place", kinds.len(), KINDS_MAX)?;
            for kind in kinds {
                checked_place(kind, place)?;
            }
        }
        Ok(())
    }
}

impl Inventory {
    /// Takes down what an agent reads. The answer is what was given up by that, as types and places. `agents`: those of the
    /// account that were not stopped; as long as one of them has not said what it reads, nothing is given up.
    pub(super) async fn read_by(
        &self,
        account: AccountId,
        agent: AgentId,
        reads: &Reads,
        agents: &[AgentId],
        actor: &Arc<str>,
    ) -> Result<Vec<(String, String)>, Error> {
        if !agents.contains(&agent) {
            // It was stopped a moment ago.
            return Ok(Vec::new());
        }
        let mut readers = self.readers(account).await?;
        let mut draft = Draft::default();
        let before = readers.get(&agent);
        let mut new = BTreeSet::new();
        if before != Some(reads) {
            for (place, kinds) in &reads.0 {
                let is_new = |kind: &&String| !before.is_some_and(|all| all.has(kind, place));
                new.extend(kinds.iter().filter(is_new));
            }
            draft = draft.put(Table::Readers, reader_key(account, agent), reads);
            readers.insert(agent, reads.clone());
        }
        for stopped in readers.keys().filter(|reader| !agents.contains(reader)) {
            draft = draft.delete(Table::Readers, reader_key(account, *stopped));
        }
        if !draft.is_empty() {
            self.records.commit(draft).await?;
        }
        // They have to be known in more places than before.
        for kind in new {
            self.changed.mark(account, kind);
        }
        readers.retain(|reader, _| agents.contains(reader));
        if agents.iter().any(|agent| !readers.contains_key(agent)) {
            return Ok(Vec::new());
        }
        let is_read = |kind: &str, place: &str| readers.values().any(|all| all.has(kind, place));
        let known = self.known_places(account).await?;
        let unread = known.iter().filter(|(kind, place)| !is_read(kind, place));
        let unread: Vec<(String, String)> = unread.cloned().collect();
        if unread.is_empty() {
            return Ok(unread);
        }
        let given_up = self.give_up(account, &unread, actor).await;
        // Without a Region, every type has to be known in fewer places than before.
        let kinds: BTreeSet<&String> = known.iter().map(|(kind, _)| kind).collect();
        for kind in kinds {
            self.changed.mark(account, kind);
        }
        given_up?;
        Ok(unread)
    }

    /// Nothing waits for the next listing; then what was known there is kept as history. The other way round, there would
    /// be a complete listing of nothing for a moment, and what nobody reads would pass.
    async fn give_up(
        &self,
        account: AccountId,
        unread: &[(String, String)],
        actor: &Arc<str>,
    ) -> Result<(), Error> {
        for (kind, place) in unread {
            let key = listing_key(account, place, kind);
            let draft = Draft::default().delete(Table::Listings, key);
            self.records.commit(draft).await?;
            drill::pass(Point::InventoryUnread);
            let now = self.clock.now();
            let mut open = Open::new(self, account, (kind, place), now, None);
            open.part(Presence::Unread, actor).await?;
            tracing::info!(%account, kind, place, "no agent reads this any more; what is known of it is history");
        }
        Ok(())
    }

    /// Types and places of an account that were listed, or that resources are kept of.
    async fn known_places(&self, account: AccountId) -> Result<BTreeSet<(String, String)>, Error> {
        let coverage = self.coverage(account).await?.into_iter();
        let mut known: BTreeSet<(String, String)> =
            coverage.map(|row| (row.kind, row.place)).collect();
        let asked = Asked {
            accounts: vec![account],
            ..Asked::default()
        };
        let query = CountQuery {
            filter: asked.filter()?,
            group_by: vec![Field::ResourceType, Field::Region],
            limit: HELD_MAX,
            now: self.clock.now(),
        };
        for group in self.engine.count(query).await?.groups {
            if let [kind, place] = &group.values[..] {
                known.insert((kind.clone(), place.clone()));
            }
        }
        Ok(known)
    }

    /// How each type of an account was listed, and a row that says nothing for what an agent reads and did not list yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn expected(&self, account: AccountId) -> Result<Vec<Coverage>, Error> {
        let mut rows = self.coverage(account).await?;
        let key = |row: &Coverage| (row.kind.clone(), row.place.clone());
        let mut known: BTreeSet<(String, String)> = rows.iter().map(key).collect();
        for Reads(places) in self.readers(account).await?.into_values() {
            for (place, kinds) in places {
                for kind in kinds {
                    if known.insert((kind.clone(), place.clone())) {
                        rows.push(Coverage {
                            account,
                            place: place.clone(),
                            kind,
                            listing: Listing::default(),
                        });
                    }
                }
            }
        }
        Ok(rows)
    }

    /// What the agents of an account read, as they said last.
    pub(super) async fn readers(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<AgentId, Reads>, Error> {
        let prefix = format!("{account}/");
        let mut readers = BTreeMap::new();
        let mut bound = Bound::After(prefix.clone().into_bytes());
        loop {
            let page = self.records.scan::<Reads>(Table::Readers, bound, PAGE_MAX);
            let page = page.await?;
            let last = page.last().map(|(key, _)| key.clone());
            let whole = page.len() == PAGE_MAX;
            let before = readers.len();
            let own = page.into_iter().filter_map(|(key, reads)| {
                let agent = std::str::from_utf8(&key).ok()?.strip_prefix(&prefix)?;
                Some((agent.parse().ok()?, reads))
            });
            readers.extend(own);
            match last {
                Some(last) if whole && readers.len() - before == PAGE_MAX => {
                    bound = Bound::After(last);
                }
                Some(_) | None => return Ok(readers),
            }
        }
    }
}

/// Where it stands in its table. Neither account nor agent has a slash.
fn reader_key(account: AccountId, agent: AgentId) -> Vec<u8> {
    format!("{account}/{agent}").into_bytes()
}

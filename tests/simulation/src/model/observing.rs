//! What is told of configuration: what was acknowledged is there, in that version or a later one, unless it went; a base that
//! is not the last one is told as such; and in the end all is known as it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use muster_common::account::AccountId;
use muster_common::finding::FindingKey;
use muster_common::timestamp::{Timestamp, from_wire};
use muster_proto::v1 as wire;
use muster_proto::v1::observe_request::End;
use muster_proto::v1::observe_response::Outcome;
use muster_store::{Embedded, Findings as _, Query};
use serde::Deserialize;

use super::{Model, State, Talk, agent_of};
use crate::estate::Estate;

/// What was promised of a resource.
#[derive(Clone, Debug)]
pub(super) struct Told {
    account: AccountId,
    place: String,
    stamp: u64,
}

/// A portion that was delivered to the server.
pub(super) struct Delivered {
    request: wire::ObserveRequest,
    barred: bool,
}

/// Complete epochs in the order of their delivery, from the last acknowledged one on.
pub(super) type Epochs = BTreeMap<(AccountId, String, String), VecDeque<Timestamp>>;

/// As the inventory keeps a resource.
#[derive(Deserialize)]
struct Kept {
    account: AccountId,
    place: String,
    gone: bool,
    #[serde(default)]
    unread: bool,
    resource: Resource,
}

/// As an agent tells one.
#[derive(Deserialize)]
struct Resource {
    id: String,
    state: BTreeMap<String, u64>,
}

impl Resource {
    fn stamp(&self) -> u64 {
        self.state.get("Version").copied().unwrap_or_default()
    }
}

impl State {
    /// A message of an observation reaches the server.
    pub(crate) fn observed(
        &mut self,
        talk: &mut Talk,
        request: wire::ObserveRequest,
        now: Timestamp,
    ) {
        let name = self.caller(talk);
        let barred = talk.barred || self.is_barred(talk.facts.as_deref(), now);
        self.tally.batches += 1;
        if let Some(reads) = &request.reads {
            let places = reads.places.iter().map(|place| place.region.as_str());
            let places: Vec<&str> = places.collect();
            self.note(format!("{name} > reads {}", places.join(" ")));
        } else {
            self.note(format!(
                "{name} > {} {}, portion {}, {} changed, {} gone, {}{}",
                request.resource_type,
                request.region,
                request.number,
                request.changed.len(),
                request.gone.len(),
                match &request.end {
                    None => "to be continued",
                    Some(End::Complete(_)) => "complete",
                    Some(End::Unavailable(_)) => "broken off",
                },
                if barred { ", which it may not" } else { "" }
            ));
        }
        let caller = talk.facts.as_deref().and_then(agent_of);
        if let (Some((account, _)), Some(End::Complete(_)), false) = (caller, &request.end, barred)
        {
            let of = (
                account,
                request.resource_type.clone(),
                request.region.clone(),
            );
            let epoch = request.epoch.as_ref().map(from_wire).unwrap_or_default();
            self.kept.epochs.entry(of).or_default().push_back(epoch);
        }
        talk.portions.push_back(Delivered { request, barred });
    }

    /// An answer leaves the server. The answer is what must be there now.
    pub(crate) fn took(&mut self, talk: &mut Talk, outcome: Outcome) -> Vec<FindingKey> {
        let name = self.caller(talk);
        let Some(Delivered { request, barred }) = talk.portions.pop_front() else {
            self.fail(format!("{name} was answered what it did not tell"));
            return Vec::new();
        };
        self.tally.acknowledgements += 1;
        if barred {
            self.fail(format!("{name} was heard and may not speak"));
        }
        if let Some(facts) = &talk.facts {
            self.used(facts.serial);
        }
        let caller = talk.facts.as_deref().and_then(agent_of);
        let Some((account, _)) = caller else {
            self.fail("nobody was heard");
            return Vec::new();
        };
        match outcome {
            Outcome::BaseUnknown(_) => {
                self.note(format!("{name} < the base is unknown"));
                Vec::new()
            }
            Outcome::Taken(wire::ObservationTaken { refused }) => {
                self.note(format!("{name} < taken"));
                if !refused.is_empty() {
                    self.fail(format!("{name}: resources were refused: {refused:?}"));
                }
                self.promised(account, &request)
            }
        }
    }

    fn promised(&mut self, account: AccountId, request: &wire::ObserveRequest) -> Vec<FindingKey> {
        let (kind, place) = (&request.resource_type, &request.region);
        let epochs = self
            .kept
            .epochs
            .entry((account, kind.clone(), place.clone()));
        let epochs = epochs.or_default();
        let base = request.base_epoch.as_ref().map(from_wire);
        let is_stale = base.is_some_and(|base| !epochs.contains(&base));
        let epoch = request.epoch.as_ref().map(from_wire).unwrap_or_default();
        if let (Some(End::Complete(_)), true) = (&request.end, epochs.contains(&epoch)) {
            while epochs.front().is_some_and(|first| *first != epoch) {
                epochs.pop_front();
            }
        }
        if is_stale && request.number == 0 {
            self.fail(format!(
                "{kind} in {place}: a base that is not the last one was taken"
            ));
        }
        let mut keys = Vec::new();
        for bytes in &request.changed {
            let Ok(resource) = serde_json::from_slice::<Resource>(bytes) else {
                self.fail("an agent told what is no resource");
                continue;
            };
            let key = FindingKey::new(account, place, kind, &resource.id);
            let told = self.kept.told.entry(key).or_insert_with(|| Told {
                account,
                place: place.clone(),
                stamp: 0,
            });
            told.stamp = told.stamp.max(resource.stamp());
            keys.push(key);
        }
        self.tally.findings += keys.len() as u64;
        keys
    }
}

impl Model {
    /// Holds what was told against the store.
    pub(crate) async fn check_told(&self, keys: Vec<FindingKey>, store: &Embedded, when: &str) {
        let told: Vec<(FindingKey, Told)> = {
            let state = self.lock();
            let told = keys
                .iter()
                .filter_map(|key| Some((*key, state.kept.told.get(key)?.clone())));
            told.collect()
        };
        let Ok(records) = store
            .fetch(told.iter().map(|(key, _)| *key).collect())
            .await
        else {
            return;
        };
        let estates = self.lock().estates.clone();
        for ((key, told), record) in told.into_iter().zip(records) {
            let kept =
                record.and_then(|record| serde_json::from_slice::<Kept>(&record.document).ok());
            let Some(kept) = kept else {
                self.fail(format!(
                    "{when}: {key} was taken, and the store does not have it"
                ));
                continue;
            };
            let any = |test: &dyn Fn(&Estate) -> bool| {
                let mut own = estates
                    .iter()
                    .map(|estate| estate.lock().expect("one thread"));
                own.any(|estate| estate.account == told.account && test(&estate))
            };
            let fine = match (kept.unread, kept.gone) {
                (true, _) => {
                    any(&|estate| estate.was_left(&told.place))
                        || self.lock().lost_an_agent(told.account)
                }
                (false, true) => any(&|estate| estate.may_be_gone(key, told.stamp)),
                (false, false) => kept.resource.stamp() >= told.stamp,
            };
            if !fine {
                self.fail(format!(
                    "{when}: {} in {} was taken in version {}, and the store has {}, gone: {}, unread: {}",
                    kept.resource.id, kept.place, told.stamp, kept.resource.stamp(), kept.gone, kept.unread
                ));
            }
        }
    }

    pub(crate) async fn check_all_told(&self, store: &Embedded, when: &str) {
        let keys = self.lock().kept.told.keys().copied().collect();
        self.check_told(keys, store, when).await;
    }

    /// In the end everything is known as it is, and nothing else.
    pub(crate) async fn compare_estates(
        &self,
        store: &Embedded,
        now: Timestamp,
        held: &[AccountId],
    ) {
        let mut expected = BTreeMap::new();
        let mut places = Vec::new();
        for estate in &self.lock().estates {
            let estate = estate.lock().expect("one thread");
            expected.extend(estate.expected());
            places.extend(estate.reads.iter().map(|place| (estate.account, *place)));
        }
        let query = Query {
            filter: muster_common::filter::Filter::All(Vec::new()),
            sort: Vec::new(),
            after: None,
            limit: 10_000,
            now,
        };
        let Ok(page) = store.query(query).await else {
            return self.fail("the store does not answer");
        };
        for record in page.records {
            let Ok(kept) = serde_json::from_slice::<Kept>(&record.document) else {
                self.fail("the store has what is no resource");
                continue;
            };
            if kept.gone || kept.unread {
                continue;
            }
            let is_read = places
                .iter()
                .any(|(of, place)| (*of, *place) == (kept.account, &kept.place));
            // Another agent, of which nobody said that it shall not come back, reads it for all that is known.
            if !is_read && held.contains(&kept.account) {
                continue;
            }
            let (id, found) = (&kept.resource.id, kept.resource.stamp());
            match expected.remove(&record.key) {
                Some(stamp) if stamp == found => {}
                Some(stamp) => {
                    self.fail(format!("{id} is of version {stamp}, and {found} is known"))
                }
                None => self.fail(format!("{id} is not there, and version {found} is known")),
            }
        }
        for (key, stamp) in expected {
            self.fail(format!("{key} is there in version {stamp}, and not known"));
        }
    }

    pub(crate) fn estate(&self, estate: &Arc<Mutex<Estate>>) {
        self.lock().estates.push(Arc::clone(estate));
    }
}

//! What must be true: what was made, acknowledged, refused and barred, and what the store says against it.

mod comparison;
mod observing;
mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::finding::{FindingKey, read};
use muster_common::identity::{AgentId, Identity};
use muster_common::timestamp::Timestamp;
use muster_mtls::CertificateFacts;
use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use muster_store::{Embedded, Findings as _, Ledger as _};
use std::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::estate::Estate;
use crate::operator::Ending;
use crate::source::Document;
use crate::{Tally, clocks};
pub(crate) use comparison::Expected;
use observing::{Delivered, Epochs, Told};
use standing::Certificate;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Model(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// Everything that was ever made, by its bytes.
    documents: HashMap<Bytes, Document>,
    /// What came from somebody who may not speak.
    forbidden: BTreeSet<Bytes>,
    agents: Vec<AgentId>,
    spools: Vec<Uuid>,
    pub accounts: BTreeSet<AccountId>,
    /// What there is to be told of; none if findings are.
    pub estates: Vec<Arc<Mutex<Estate>>>,
    kept: Kept,
    /// Whether the server was ever restored.
    pub restored: bool,
    /// What restores may have cost: acknowledged places that the restored state did not have.
    missing_max: u64,
    pub trace: Vec<String>,
    pub failure: Option<String>,
    pub tally: Tally,
}

/// What goes back with the server when that is restored.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    /// The stamp that was acknowledged.
    promised: BTreeMap<FindingKey, u64>,
    /// How far each spool was acknowledged.
    acknowledged: BTreeMap<Place, u64>,
    /// What was delivered at each place of a spool: whether it should be refused.
    delivered: BTreeMap<(Place, u64), Bytes>,
    /// Accounts with a place that held two documents, as after an agent was restored.
    overlaps: BTreeSet<AccountId>,
    /// What was taken of configuration.
    told: BTreeMap<FindingKey, Told>,
    epochs: Epochs,
    certificates: BTreeMap<[u8; 16], Certificate>,
    suspended: BTreeSet<AccountId>,
    /// Accounts of which it is not known what became of them: an operator's call failed, or an agent was restored.
    unsure: BTreeSet<AccountId>,
}

type Place = (AccountId, AgentId, Uuid);

/// One uplink or observation as the network sees it.
pub(crate) struct Talk {
    pub facts: Option<Arc<CertificateFacts>>,
    /// The caller may not speak, as of when it called.
    barred: bool,
    spool: Option<Uuid>,
    /// How far the server said that it knows the spool.
    welcomed: u64,
    batches: VecDeque<Batch>,
    portions: VecDeque<Delivered>,
}

/// A batch that was delivered to the server.
struct Batch {
    first: u64,
    documents: Vec<Document>,
    barred: bool,
}

/// What an acknowledgement promises.
#[derive(Default)]
pub(crate) struct Promise(Vec<(FindingKey, u64)>);

impl Model {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("one thread")
    }

    pub(crate) fn note(&self, what: impl FnOnce(&State) -> String) {
        let mut state = self.lock();
        let what = what(&state);
        state.note(what);
    }

    pub(crate) fn fail(&self, what: impl Into<String>) {
        self.lock().fail(what);
    }

    /// A call of the uplink, or of an observation, reaches the server.
    pub(crate) fn call(&self, facts: Option<Arc<CertificateFacts>>, now: Timestamp) -> Talk {
        let state = self.lock();
        Talk {
            barred: state.is_barred(facts.as_deref(), now) || state.is_replaced(facts.as_deref()),
            facts,
            spool: None,
            welcomed: 0,
            batches: VecDeque::new(),
            portions: VecDeque::new(),
        }
    }

    /// Holds a promise against the store.
    pub(crate) async fn check(&self, promise: Promise, store: &Embedded, when: &str) {
        let Promise(promise) = promise;
        let keys = promise.iter().map(|(key, _)| *key).collect();
        let Ok(records) = store.fetch(keys).await else {
            return;
        };
        for ((key, stamp), record) in promise.iter().zip(records) {
            let found = record.and_then(|record| stamp_of(&record.document));
            if found.is_none_or(|found| found < *stamp) {
                self.fail(format!(
                    "{when}: {key} was acknowledged in version {stamp}, and the store has {found:?}"
                ));
            }
        }
    }

    /// Everything that was ever acknowledged must be there.
    pub(crate) async fn check_all(&self, store: &Embedded, when: &str) {
        let (promise, acknowledged) = {
            let state = self.lock();
            let promised = &state.kept.promised;
            let promise = promised.iter().map(|(key, stamp)| (*key, *stamp)).collect();
            (Promise(promise), state.kept.acknowledged.clone())
        };
        self.check(promise, store, when).await;
        for ((_, agent, spool), through) in acknowledged {
            let Ok(known) = store.acknowledged(agent, spool).await else {
                return;
            };
            if known < through {
                self.fail(format!(
                    "{when}: a spool was acknowledged up to {through}, and the store knows of {known}"
                ));
            }
        }
    }
}

fn stamp_of(document: &[u8]) -> Option<u64> {
    let reading = read(document).ok()?;
    u64::try_from(reading.updated_at.since(clocks::START) / 1_000).ok()
}

fn agent_of(facts: &CertificateFacts) -> Option<(AccountId, AgentId)> {
    match facts.id.identity {
        Identity::Agent { account, agent } => Some((account, agent)),
        Identity::Operator(_) | Identity::Admin => None,
    }
}

impl State {
    pub(crate) fn note(&mut self, what: impl AsRef<str>) {
        let at = clocks::elapsed();
        self.trace
            .push(format!("{:>9.3} {}", at as f64 / 1e3, what.as_ref()));
    }

    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(format!("WRONG: {what}"));
        self.failure.get_or_insert(what);
    }

    pub(crate) fn made(&mut self, documents: &[Document]) {
        for document in documents {
            self.documents
                .insert(document.bytes.clone(), document.clone());
        }
    }

    pub(crate) fn forbid(&mut self, document: Document) {
        self.forbidden.insert(document.bytes.clone());
        self.made(&[document]);
    }

    /// An agent by a number that is the same in every run.
    pub(crate) fn agent(&self, id: AgentId) -> String {
        let number = self.agents.iter().position(|known| *known == id);
        number.map_or_else(|| "nobody".to_owned(), |number| format!("agent {number}"))
    }

    pub(crate) fn name_of(&self, ending: Ending) -> String {
        match ending {
            Ending::Disassociate => "disassociated".to_owned(),
            Ending::Resign => "resigned".to_owned(),
            Ending::Suspend => "suspended".to_owned(),
            Ending::Revoke(agent) => format!("{} revoked", self.agent(agent)),
        }
    }

    fn spool(&mut self, id: Uuid) -> usize {
        if let Some(number) = self.spools.iter().position(|known| *known == id) {
            return number;
        }
        self.spools.push(id);
        self.spools.len() - 1
    }

    /// A message of an uplink reaches the server. `last`: what the agent has given out by now.
    pub(crate) fn delivered(
        &mut self,
        talk: &mut Talk,
        message: Ask,
        last: Option<u64>,
        now: Timestamp,
    ) {
        let name = self.caller(talk);
        match message {
            Ask::Hello(hello) => {
                talk.spool = hello.spool_id.parse().ok();
                if let Some(spool) = talk.spool {
                    let spool = self.spool(spool);
                    self.note(format!("{name} > hello, spool {spool}"));
                }
            }
            Ask::Batch(batch) => {
                if last.is_some_and(|last| last < talk.welcomed) {
                    self.fail(format!("{name} uses numbers that another copy gave out"));
                }
                self.delivered_batch(talk, &name, batch, now);
            }
            Ask::Report(_) => {}
        }
    }

    fn delivered_batch(&mut self, talk: &mut Talk, name: &str, batch: wire::Batch, now: Timestamp) {
        let wire::Batch {
            first_sequence: first,
            findings,
        } = batch;
        let barred = talk.barred || self.is_barred(talk.facts.as_deref(), now);
        self.tally.batches += 1;
        self.note(format!(
            "{name} > {} findings from {first} on{}",
            findings.len(),
            if barred { ", which it may not" } else { "" }
        ));
        let mut documents = Vec::with_capacity(findings.len());
        for (sequence, bytes) in (first..).zip(findings) {
            let Some(document) = self.documents.get(&bytes).cloned() else {
                self.fail(format!("{name} sent something that nobody made"));
                return;
            };
            documents.push(document);
            if barred {
                continue;
            }
            let caller = talk.facts.as_deref().and_then(agent_of);
            if let (Some((account, agent)), Some(spool)) = (caller, talk.spool) {
                let place = ((account, agent, spool), sequence);
                let other = self.kept.delivered.insert(place, bytes.clone());
                if other.is_some_and(|other| other != bytes) {
                    self.kept.overlaps.insert(account);
                }
            }
        }
        talk.batches.push_back(Batch {
            first,
            documents,
            barred,
        });
    }

    fn caller(&self, talk: &Talk) -> String {
        let caller = talk.facts.as_deref().and_then(agent_of);
        caller.map_or_else(|| "nobody".to_owned(), |(_, agent)| self.agent(agent))
    }

    /// A message leaves the server. The answer is what must be true now.
    pub(crate) fn answered(&mut self, talk: &mut Talk, message: Answer) -> Promise {
        let name = self.caller(talk);
        match message {
            Answer::Welcome(welcome) => {
                self.note(format!(
                    "{name} < welcome, {} is known",
                    welcome.acknowledged_sequence
                ));
                talk.welcomed = welcome.acknowledged_sequence;
                if talk.barred {
                    self.fail(format!("{name} was welcomed and may not speak"));
                }
                if let Some(facts) = &talk.facts {
                    self.used(facts.serial);
                }
                Promise::default()
            }
            Answer::Acknowledgement(acknowledgement) => {
                self.acknowledged(talk, &name, acknowledgement)
            }
        }
    }

    fn acknowledged(
        &mut self,
        talk: &mut Talk,
        name: &str,
        acknowledgement: wire::Acknowledgement,
    ) -> Promise {
        let wire::Acknowledgement {
            through_sequence: through,
            refused,
        } = acknowledgement;
        self.tally.acknowledgements += 1;
        self.tally.refused += refused.len() as u64;
        self.note(format!("{name} < {through}, {} refused", refused.len()));
        let Some(batch) = talk.batches.pop_front() else {
            self.fail(format!("{name} was acknowledged what it did not send"));
            return Promise::default();
        };
        if batch.barred {
            self.fail(format!("{name} got something in and may not speak"));
        }
        if batch.first + batch.documents.len() as u64 - 1 != through {
            self.fail(format!("{name} was acknowledged another batch"));
        }
        let told: Vec<u64> = refused.iter().map(|refused| refused.sequence).collect();
        let bad: Vec<u64> = (batch.first..)
            .zip(&batch.documents)
            .filter(|(_, document)| document.is_bad())
            .map(|(sequence, _)| sequence)
            .collect();
        if told != bad {
            self.fail(format!("{name}: {bad:?} should be refused, {told:?} were"));
        }
        let caller = talk.facts.as_deref().and_then(agent_of);
        if let (Some((account, agent)), Some(spool)) = (caller, talk.spool) {
            let known = self
                .kept
                .acknowledged
                .entry((account, agent, spool))
                .or_default();
            *known = through.max(*known);
        }
        let mut promise = Promise::default();
        for document in batch.documents {
            if let Some(key) = document.key {
                let known = self.kept.promised.entry(key).or_default();
                *known = document.stamp.max(*known);
                promise.0.push((key, document.stamp));
            }
        }
        self.tally.findings += promise.0.len() as u64;
        promise
    }

    /// What goes into a backup of the server.
    pub(crate) fn backup(&self) -> Kept {
        self.kept.clone()
    }

    /// The server is what it was then.
    pub(crate) fn restore(&mut self, then: &Kept) {
        self.restored = true;
        for (place, through) in &self.kept.acknowledged {
            let known = then.acknowledged.get(place).copied().unwrap_or_default();
            self.missing_max += through.saturating_sub(known);
        }
        let now = std::mem::replace(&mut self.kept, then.clone());
        for (serial, certificate) in now.certificates {
            let lost = Certificate {
                barred: false,
                replaced: false,
                lost: true,
                ..certificate
            };
            self.kept.certificates.entry(serial).or_insert(lost);
        }
    }
}

//! Ingest: a batch and its caller become admitted findings, or a refusal per item.
//!
//! In: documents, and who sent them. Out: an answer per item, in order. Always: an agent speaks for the account of its
//! certificate and for no other; a bad document is refused and its neighbours are stored; the answer comes after the
//! durable step. Survives: nothing is kept here. Not here: merging (`findings`), rates and sizes of messages (`api`).

mod rate;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::finding::{self, FindingKey, InvalidFinding, Reading};
use muster_common::identity::AgentId;
use muster_store::{Batch, Change, Import, Item, Outcome, SpoolRange};
use uuid::Uuid;

use crate::audit::{Audit, Event};
use crate::findings::{self, Findings};
use crate::membership::Membership;
pub use rate::Rate;
pub use turn::Turn;
use turn::Turns;

/// Admits findings. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    findings: Findings,
    membership: Membership,
    audit: Audit,
    rate: Rate,
    turns: Turns,
    clock: Clock,
    admin_account: Option<AccountId>,
}

/// What ingest works with.
pub struct Deps {
    pub findings: Findings,
    pub membership: Membership,
    pub audit: Audit,
    pub rate: Rate,
    pub clock: Clock,
    /// The account of the admin, for which operators may import.
    pub admin_account: Option<AccountId>,
}

/// Where a batch of an agent's spool comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub account: AccountId,
    pub agent: AgentId,
    pub spool: Uuid,
    /// The sequence of the first document.
    pub first: u64,
    /// A SPIFFE id.
    pub actor: Arc<str>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    Created(FindingKey),
    Updated(FindingKey),
    Unchanged(FindingKey),
    Refused(Refusal),
}

/// Why a document was refused; the codes are those of the Security Hub API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Invalid(#[from] InvalidFinding),
    #[error("{sender} is not authorized to import findings of account {account}")]
    Account { sender: String, account: AccountId },
    #[error("{sender} is not authorized to use the product of account {owner}")]
    Product { sender: String, owner: AccountId },
    #[error("{account} is no member; create it with 'muster member create {account}'")]
    NoMember { account: AccountId },
}

impl Refusal {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "InvalidInput",
            Self::Account { .. } | Self::Product { .. } | Self::NoMember { .. } => "InvalidAccess",
        }
    }
}

impl Ingest {
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps {
            findings,
            membership,
            audit,
            rate,
            clock,
            admin_account,
        } = deps;
        Self {
            findings,
            membership,
            audit,
            rate,
            turns: Turns::default(),
            clock,
            admin_account,
        }
    }

    /// Takes so many findings from an account's rate. The answer is how long to hold them back.
    #[must_use]
    pub fn reserve(&self, account: AccountId, findings: usize) -> Duration {
        self.rate.take(account, findings, self.clock.now())
    }

    /// How many findings of an account may come within a span.
    #[must_use]
    pub fn batch_within(&self, span: Duration) -> usize {
        self.rate.within(span)
    }

    /// Waits for the turn of an account's batch. Nothing of it is read before.
    pub async fn turn(&self, account: AccountId, findings: usize, bytes: usize) -> Turn {
        self.turns.take(account, findings, bytes).await
    }

    /// Admits a batch of an agent's spool in its turn.
    ///
    /// # Errors
    /// [`findings::Error::Store`]; nothing of the batch is acknowledged then.
    pub async fn from_agent(
        &self,
        origin: &Origin,
        documents: Vec<Bytes>,
        turn: Turn,
    ) -> Result<Vec<Admission>, findings::Error> {
        let sender = Sender::Agent(origin.account);
        let read = documents
            .into_iter()
            .map(|document| admit(&sender, document))
            .collect();
        let spool = SpoolRange {
            account: origin.account,
            agent: origin.agent,
            spool: origin.spool,
            first: origin.first,
        };
        let (admissions, foreign) = self.store(read, &origin.actor, Some(spool)).await?;
        drop(turn);
        self.tell(foreign).await;
        Ok(admissions)
    }

    /// Imports documents in an operator's name, for members and for the admin's own account.
    ///
    /// # Errors
    /// [`findings::Error::Store`]; nothing is acknowledged then.
    pub async fn from_operator(
        &self,
        actor: &str,
        documents: Vec<Bytes>,
    ) -> Result<Vec<Admission>, findings::Error> {
        let mut read = Vec::with_capacity(documents.len());
        for document in documents {
            let admitted = admit(&Sender::Operator, document);
            read.push(match admitted {
                Ok(admitted) => self.known_account(admitted).await?,
                Err(refusal) => Err(refusal),
            });
        }
        let actor = Arc::from(actor);
        let (admissions, foreign) = self.store(read, &actor, None).await?;
        self.tell(foreign).await;
        Ok(admissions)
    }

    /// Takes in what the house itself found of an account, in the account's turn. It is read and checked as any other, and
    /// only what is found of this account, a member or the admin's own, is taken.
    ///
    /// # Errors
    /// [`findings::Error::Store`]; nothing is acknowledged then.
    pub async fn from_house(
        &self,
        account: AccountId,
        actor: &Arc<str>,
        documents: Vec<Bytes>,
    ) -> Result<Vec<Admission>, findings::Error> {
        let bytes = documents.iter().map(Bytes::len).sum();
        let turn = self.turn(account, documents.len(), bytes).await;
        let mut read = Vec::with_capacity(documents.len());
        for document in documents {
            read.push(admit(&Sender::House(account), document));
        }
        if !self.is_known(account).await? {
            read.fill(Err(Refusal::NoMember { account }));
        }
        let (admissions, foreign) = self.store(read, actor, None).await?;
        drop(turn);
        self.tell(foreign).await;
        Ok(admissions)
    }

    async fn known_account(
        &self,
        import: Import,
    ) -> Result<Result<Import, Refusal>, findings::Error> {
        let account = import.reading.account;
        let known = self.is_known(account).await?;
        Ok(known.then_some(import).ok_or(Refusal::NoMember { account }))
    }

    /// Whether findings of an account are kept: it is a member, or the admin's own.
    async fn is_known(&self, account: AccountId) -> Result<bool, findings::Error> {
        if self.admin_account == Some(account) {
            return Ok(true);
        }
        match self.membership.member(account).await {
            Ok(member) => Ok(member.status.keeps_findings()),
            Err(crate::membership::Error::Store(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    async fn store(
        &self,
        read: Vec<Result<Import, Refusal>>,
        actor: &Arc<str>,
        spool: Option<SpoolRange>,
    ) -> Result<(Vec<Admission>, Vec<Event>), findings::Error> {
        let mut items = Vec::with_capacity(read.len());
        let mut places = Vec::with_capacity(read.len());
        for read in read {
            match read {
                Ok(import) => {
                    items.push(Item::Change(Box::new(Change::Import(import))));
                    places.push(None);
                }
                Err(refusal) => {
                    // A place in a spool counts, also if nothing comes of it.
                    items.extend(spool.map(|range| Item::Refused(range.account)));
                    places.push(Some(refusal));
                }
            }
        }
        let batch = Batch {
            actor: Arc::clone(actor),
            now: self.clock.now(),
            spool,
            items,
        };
        let mut stored = self
            .findings
            .record(batch)
            .await?
            .into_iter()
            .filter_map(admission);
        let foreign = self.foreign(places.iter().flatten(), actor);
        let admissions = places
            .into_iter()
            .filter_map(|place| match place {
                Some(refusal) => Some(Admission::Refused(refusal)),
                None => stored.next(),
            })
            .collect();
        Ok((admissions, foreign))
    }

    /// Counts refusals. Those of documents for a foreign account go into the audit log.
    fn foreign<'a>(&self, refusals: impl Iterator<Item = &'a Refusal>, actor: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for refusal in refusals {
            metrics::counter!("muster_findings_refused_total").increment(1);
            let foreign = match refusal {
                Refusal::Account { account, .. } => account,
                Refusal::Product { owner, .. } => owner,
                Refusal::Invalid(_) | Refusal::NoMember { .. } => continue,
            };
            let subject = format!("members/{foreign}");
            let event = Event::new(self.clock.now(), "ingest.refuse", actor, subject);
            events.push(event.detail(refusal.to_string()));
        }
        events
    }

    async fn tell(&self, refusals: Vec<Event>) {
        for event in refusals {
            self.audit.refusal(event).await;
        }
    }
}

/// What an import's outcome means; `None` for a refused place.
const fn admission(outcome: Outcome) -> Option<Admission> {
    match outcome {
        Outcome::Created(key) => Some(Admission::Created(key)),
        Outcome::Updated(key) => Some(Admission::Updated(key)),
        Outcome::Unchanged(key) | Outcome::Expired(key) | Outcome::NotFound(key) => {
            Some(Admission::Unchanged(key))
        }
        Outcome::Refused => None,
    }
}

enum Sender {
    Agent(AccountId),
    Operator,
    /// The house itself, about an account.
    House(AccountId),
}

/// Reads a document and checks that the sender may speak for it.
fn admit(sender: &Sender, document: Bytes) -> Result<Import, Refusal> {
    let reading = finding::read(&document)?;
    let Reading {
        account, product, ..
    } = &reading;
    let owner = product.owner();
    let own = match sender {
        Sender::Agent(own) | Sender::House(own) => Some(own),
        Sender::Operator => None,
    };
    if let Some(own) = own {
        let sender = format!("account {own}");
        if account != own {
            return Err(Refusal::Account {
                sender,
                account: *account,
            });
        }
        if let Some(owner) = owner.filter(|owner| owner != own) {
            return Err(Refusal::Product { sender, owner });
        }
    }
    if let Some(owner) = owner.filter(|owner| owner != account) {
        return Err(Refusal::Product {
            sender: format!("account {account}"),
            owner,
        });
    }
    Ok(Import { reading, document })
}

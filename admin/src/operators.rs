//! Operators: people and programs that use the admin, their roles and their certificates.
//!
//! In: names, roles, public keys. Out: certificates, and for every call the role behind it. Always: a revoked operator's
//! connections are cut before the call returns; the last administrator cannot be revoked. Survives: everything.
//! Not here: which role may call what (`api`), signing (`authority`).

use std::str::FromStr;
use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::identity::{Identity, OperatorId, Serial, TrustDomain};
use muster_common::timestamp::{MINUTE, Timestamp};
use muster_mtls::{CertificateFacts, Connections};
use muster_store::{Bound, Table};
use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::authority::{self, Authority, Issued, Names, Root};
use crate::error::{Kind, Kinded};
use crate::lineage::{Leaf, Lineage, Place};
use crate::records::{Draft, Kept, Records, to_the_end};

/// How long a replaced certificate still counts, but for another renewal.
const FINISH: i64 = 10 * MINUTE;

/// What an operator may do. Each role may do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Imports and updates findings, keeps insights.
    Analyst,
    /// Manages members and operators, reads the audit log.
    Admin,
}

impl Role {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no role; one of viewer, analyst, admin")]
pub struct InvalidRole(String);

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        [Self::Viewer, Self::Analyst, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| InvalidRole(text.to_owned()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub id: OperatorId,
    pub role: Role,
    pub lineage: Lineage,
    /// The certificate before the current one, and when that one came into use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<(Serial, Timestamp)>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub certificate_expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
}

impl Operator {
    /// Whether a serial was replaced a moment ago: a command that runs may end, while another one renews.
    fn may_finish(&self, serial: Serial, now: Timestamp) -> bool {
        self.replaced
            .is_some_and(|(old, at)| old == serial && now.since(at) < FINISH)
    }
}

#[derive(Clone, Debug)]
pub struct Config {
    pub domain: TrustDomain,
    /// 1 to 744.
    pub certificate_hours: u32,
}

/// Creates, revokes, renews and recognizes operators. Cheap to clone.
#[derive(Clone)]
pub struct Operators {
    records: Records,
    authority: Authority,
    connections: Connections,
    clock: Clock,
    config: Arc<Config>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is an operator {id} already; choose another name")]
    Exists { id: OperatorId },
    #[error("there is no operator {id}; 'muster operator list' shows them")]
    NoOperator { id: OperatorId },
    #[error("{id} is revoked already")]
    Revoked { id: OperatorId },
    #[error("a renewal needs a new key")]
    SameKey,
    #[error("{id} is the last administrator; create another one first")]
    LastAdmin { id: OperatorId },
    #[error(
        "{id} is not an operator any more, or its credential was replaced; ask an administrator for a new one"
    )]
    NotWelcome { id: OperatorId },
    #[error(transparent)]
    Authority(#[from] authority::Error),
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoOperator { .. } => Kind::NotFound,
            Self::Exists { .. } | Self::Revoked { .. } | Self::LastAdmin { .. } => Kind::Conflict,
            Self::NotWelcome { .. } => Kind::Denied,
            Self::SameKey => Kind::Invalid,
            Self::Authority(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}

impl Operators {
    #[must_use]
    pub fn new(
        records: Records,
        authority: Authority,
        connections: Connections,
        clock: Clock,
        config: Config,
    ) -> Self {
        Self {
            records,
            authority,
            connections,
            clock,
            config: Arc::new(config),
        }
    }

    /// Creates an operator for the key in a certificate request. The name of a revoked operator stays taken.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Authority`].
    pub async fn create(
        &self,
        id: &OperatorId,
        role: Role,
        csr: &[u8],
        by: &str,
    ) -> Result<(Operator, Issued), Error> {
        let issued = self.certify(id, csr)?;
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let kept = self
                        .records
                        .keep::<Operator>(Table::Operators, id.as_str())
                        .await?;
                    if kept.value.is_some() {
                        return Err(Error::Exists { id: id.clone() });
                    }
                    let now = self.clock.now();
                    let operator = Operator {
                        id: id.clone(),
                        role,
                        lineage: Lineage::new(leaf(&issued)),
                        replaced: None,
                        created_at: now,
                        created_by: by.to_owned(),
                        certificate_expires_at: issued.not_after,
                        revoked: false,
                    };
                    let event = Event::new(now, "operator.create", by, resource(id))
                        .detail(format!("{}, serial {}", role.name(), issued.serial));
                    let draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Operators, id.as_str(), &operator)
                        .audit(&event);
                    Ok(((operator, issued.clone()), draft))
                })
            })
            .await
    }

    /// Ends an operator and cuts its connections.
    ///
    /// # Errors
    /// [`Error::NoOperator`], [`Error::Revoked`], [`Error::LastAdmin`].
    pub async fn revoke(&self, id: &OperatorId, by: &str) -> Result<Operator, Error> {
        let (operators, id, by) = (self.clone(), id.clone(), by.to_owned());
        to_the_end(async move {
            let revoked = operators.revoked(&id, &by).await?;
            operators.connections.cut(|peer| {
                peer.certificate
                    .as_ref()
                    .is_some_and(|facts| facts.id.identity == Identity::Operator(id.clone()))
            });
            Ok(revoked)
        })
        .await
    }

    async fn revoked(&self, id: &OperatorId, by: &str) -> Result<Operator, Error> {
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let kept = self
                        .records
                        .keep::<Operator>(Table::Operators, id.as_str())
                        .await?;
                    let mut operator = kept
                        .value
                        .clone()
                        .ok_or_else(|| Error::NoOperator { id: id.clone() })?;
                    if operator.revoked {
                        return Err(Error::Revoked { id: id.clone() });
                    }
                    let mut draft = Draft::default().expect(&kept);
                    if operator.role == Role::Admin {
                        let other = self.other_admin(id).await?;
                        draft = draft.expect(&other.ok_or(Error::LastAdmin { id: id.clone() })?);
                    }
                    operator.revoked = true;
                    let event = Event::new(self.clock.now(), "operator.revoke", by, resource(id));
                    let draft = draft
                        .put(Table::Operators, id.as_str(), &operator)
                        .audit(&event);
                    Ok((operator, draft))
                })
            })
            .await
    }

    /// Another administrator as it stands now, for the commit to expect it to stay: two that revoke each other at once
    /// must not both succeed.
    async fn other_admin(&self, id: &OperatorId) -> Result<Option<Kept<Option<Operator>>>, Error> {
        let now = self.clock.now();
        let administers = |operator: &Operator| {
            operator.id != *id
                && operator.role == Role::Admin
                && !operator.revoked
                && now < operator.certificate_expires_at
        };
        for (key, operator) in self.records.all::<Operator>(Table::Operators).await? {
            if !administers(&operator) {
                continue;
            }
            let kept = self.records.keep::<Operator>(Table::Operators, key).await?;
            if kept.value.as_ref().is_some_and(administers) {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// A new certificate with a fresh key, for the holder of one that still counts. The old one ends ten minutes after the
    /// first use of the new one.
    ///
    /// # Errors
    /// [`Error::NotWelcome`], [`Error::SameKey`], [`Error::Authority`].
    pub async fn renew(
        &self,
        id: &OperatorId,
        held: &CertificateFacts,
        csr: &[u8],
    ) -> Result<Issued, Error> {
        if authority::requested_key(csr)? == held.public_key {
            return Err(Error::SameKey);
        }
        let issued = self.certify(id, csr)?;
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let kept = self
                        .records
                        .keep::<Operator>(Table::Operators, id.as_str())
                        .await?;
                    let mut operator = kept
                        .value
                        .clone()
                        .filter(|operator| !operator.revoked)
                        .filter(|operator| operator.lineage.place(held.into()) != Place::Outside)
                        .ok_or_else(|| Error::NotWelcome { id: id.clone() })?;
                    let lineage = operator.lineage.promoted(held.into());
                    operator.lineage = lineage.renewed(leaf(&issued));
                    operator.certificate_expires_at = issued.not_after;
                    let event = Event::new(
                        self.clock.now(),
                        "operator.renew",
                        self.actor(id),
                        resource(id),
                    )
                    .detail(format!("serial {}", issued.serial));
                    let draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Operators, id.as_str(), &operator)
                        .audit(&event);
                    Ok((issued.clone(), draft))
                })
            })
            .await
    }

    /// The operator behind a certificate.
    ///
    /// # Errors
    /// [`Error::NotWelcome`].
    pub async fn recognize(
        &self,
        id: &OperatorId,
        shown: &CertificateFacts,
    ) -> Result<Operator, Error> {
        let serial = shown.serial;
        loop {
            let kept = self
                .records
                .keep::<Operator>(Table::Operators, id.as_str())
                .await?;
            let mut operator = kept
                .value
                .clone()
                .filter(|operator| !operator.revoked)
                .ok_or_else(|| Error::NotWelcome { id: id.clone() })?;
            match operator.lineage.place(shown.into()) {
                Place::Current => return Ok(operator),
                Place::Outside if operator.may_finish(serial, self.clock.now()) => {
                    return Ok(operator);
                }
                Place::Outside => return Err(Error::NotWelcome { id: id.clone() }),
                Place::Next | Place::Ahead => {
                    operator.replaced = Some((operator.lineage.current(), self.clock.now()));
                    operator.lineage = operator.lineage.promoted(shown.into());
                    operator.certificate_expires_at = shown.not_after;
                    let draft = Draft::default().expect(&kept).put(
                        Table::Operators,
                        id.as_str(),
                        &operator,
                    );
                    match self.records.commit(draft).await {
                        Ok(()) => return Ok(operator),
                        Err(muster_store::Error::Conflict { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }

    /// Up to `limit` operators after a name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<(Vec<Operator>, Option<Vec<u8>>), Error> {
        let bound = after.map_or(Bound::Start, Bound::After);
        let mut page = self
            .records
            .scan::<Operator>(Table::Operators, bound, limit + 1)
            .await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|(key, _)| key.clone());
        Ok((
            page.into_iter().map(|(_, operator)| operator).collect(),
            next,
        ))
    }

    /// The roots that operators trust servers by, in DER.
    #[must_use]
    pub fn server_roots(&self) -> Vec<Vec<u8>> {
        self.authority.trusted(Root::Servers)
    }

    fn certify(&self, id: &OperatorId, csr: &[u8]) -> Result<Issued, Error> {
        let key = authority::requested_key(csr)?;
        let spiffe = self.config.domain.id(Identity::Operator(id.clone()));
        Ok(self.authority.certify(
            Root::Operators,
            &key,
            &spiffe,
            self.config.certificate_hours,
            &Names::default(),
        )?)
    }

    fn actor(&self, id: &OperatorId) -> String {
        self.config
            .domain
            .id(Identity::Operator(id.clone()))
            .to_string()
    }
}

fn leaf(issued: &Issued) -> Leaf {
    Leaf {
        serial: issued.serial,
        from: issued.not_before,
    }
}

fn resource(id: &OperatorId) -> String {
    format!("operators/{id}")
}

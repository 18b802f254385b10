//! Membership: which accounts are members, which invitations are open, which agents may speak for them.
//!
//! In: operators' wishes, agents' answers. Out: members, invitations, agents; and for every call the [`Standing`] of the
//! certificate that it came with. Always: states move only as [`member`] and [`invitation`] say, each in one transaction
//! with its audit event; an agent speaks only while its member is enabled, its epoch is the member's, and its serial is
//! the current or the next one. Survives: everything; a revocation is durable before the call returns, and cuts the live
//! connections right after. Not here: signing (`authority`), the proof (`enrollment`).

mod agent;
mod ending;
pub mod invitation;

mod list;
pub mod member;
mod presence;
mod restored;

use std::sync::Arc;

use muster_common::account::{AccountId, Partition};
use muster_common::clock::Clock;
use muster_common::identity::{AgentId, Identity};
use muster_common::invitation::{InvitationId, InvitationSecret};
use muster_common::timestamp::{HOUR, Timestamp};
use muster_mtls::{CertificateFacts, Connections, Peer};
use muster_store::Table;

pub(crate) use agent::standing;
pub use agent::{Agent, AgentState, Standing};
pub use invitation::{Invitation, InvitationState};

pub use list::Listed;
pub use member::{Member, MemberStatus};
pub use presence::{Presence, Report};

use crate::audit::Event;
use crate::error::{Kind, Kinded};
use crate::records::{Draft, Records};

/// Agents of one account.
const AGENTS_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct Config {
    /// The IAM role that agents run under, unless a member says otherwise.
    pub role_name: String,
    /// The account that the admin belongs to; it cannot be a member.
    pub admin_account: Option<AccountId>,
    /// The life of an invitation, unless the operator says otherwise.
    pub invitation_hours: u32,
}

/// Members, invitations and agents. Cheap to clone.
#[derive(Clone)]
pub struct Membership {
    records: Records,
    connections: Connections,
    presence: Presence,
    clock: Clock,
    config: Arc<Config>,
}

/// A wish for a new member.
#[derive(Clone, Debug)]
pub struct NewMember {
    pub account: AccountId,
    pub email: String,
    pub name: String,
    pub partition: Partition,
    /// `None`: the server's default.
    pub role_name: Option<String>,
}

/// An invitation as it was sent; the only place where the secret stands.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: InvitationId,
    pub secret: InvitationSecret,
    pub expires_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{account} is no member; create it with 'muster member create {account}'")]
    NoMember { account: AccountId },
    #[error("{account} is a member already ({})", .status.name())]
    Exists {
        account: AccountId,
        status: MemberStatus,
    },
    #[error("{account} is the admin's own account; it cannot be its own member")]
    OwnAccount { account: AccountId },
    #[error("{account} is {}: {need}", .status.name())]
    Status {
        account: AccountId,
        status: MemberStatus,
        need: &'static str,
    },
    #[error("there is no invitation {id}; 'muster invitation list' shows them")]
    NoInvitation { id: String },
    #[error(transparent)]
    Invitation(#[from] invitation::Refused),
    #[error("there is no agent {id}; 'muster status' shows them")]
    NoAgent { id: String },
    #[error("{id} was stopped already; 'muster agent list' tells why")]
    Stopped { id: AgentId },
    #[error(
        "{account} has {AGENTS_MAX} agents, which is the limit; revoke one with 'muster agent revoke'"
    )]
    TooManyAgents { account: AccountId },
    #[error("{what} should be {expected}")]
    Invalid {
        what: &'static str,
        expected: &'static str,
    },
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoMember { .. } | Self::NoInvitation { .. } | Self::NoAgent { .. } => {
                Kind::NotFound
            }
            Self::Exists { .. }
            | Self::Status { .. }
            | Self::Stopped { .. }
            | Self::OwnAccount { .. } => Kind::Conflict,
            Self::Invitation(refused) => refused.kind(),
            Self::TooManyAgents { .. } => Kind::Exhausted,
            Self::Invalid { .. } => Kind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}

impl Membership {
    #[must_use]
    pub fn new(records: Records, connections: Connections, clock: Clock, config: Config) -> Self {
        Self {
            records,
            connections,
            presence: Presence::default(),
            clock,
            config: Arc::new(config),
        }
    }

    /// What agents tell of themselves, and who is connected.
    #[must_use]
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Whether an agent was not stopped and its certificate still holds.
    #[must_use]
    pub fn may_come(&self, agent: &Agent) -> bool {
        agent.state == AgentState::Enrolled && self.clock.now() < agent.certificate_expires_at
    }

    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// # Errors
    /// [`Error::Exists`], [`Error::OwnAccount`], [`Error::Invalid`].
    pub async fn create(&self, new: NewMember, by: &str) -> Result<Member, Error> {
        let account = new.account;
        if self.config.admin_account == Some(account) {
            return Err(Error::OwnAccount { account });
        }
        let role_name = new
            .role_name
            .clone()
            .unwrap_or_else(|| self.config.role_name.clone());
        member::check_texts(&new.email, &new.name, &role_name)?;
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept = self
                        .records
                        .keep::<Member>(Table::Members, key(account))
                        .await?;
                    let member = Member::create(kept.value.as_ref(), &new, &role_name, now)?;
                    let draft = self.change(&member, "member.create", by).expect(&kept);
                    Ok((member, draft))
                })
            })
            .await
    }

    /// Opens an invitation for `hours`, 0 for the default; an earlier one is void.
    ///
    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`], [`Error::Invalid`].
    pub async fn invite(&self, account: AccountId, hours: u32, by: &str) -> Result<Sent, Error> {
        let hours = if hours == 0 {
            self.config.invitation_hours
        } else {
            hours
        };
        if !(1..=168).contains(&hours) {
            return Err(Error::Invalid {
                what: "the life of an invitation",
                expected: "1 to 168 hours",
            });
        }
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let sent = Sent {
                        id: InvitationId::random(),
                        secret: InvitationSecret::random(),
                        expires_at: now.plus(i64::from(hours) * HOUR),
                    };
                    let (kept, member) = self.kept_member(account).await?;
                    let mut draft = Draft::default().expect(&kept);
                    if let Some(old) = member.invitation {
                        draft = self.void(draft, old, by, now).await?;
                    }
                    let member = member.invite(sent.id, now)?;
                    let invitation = Invitation::open(account, &sent, by, now);
                    let draft = draft
                        .put(Table::Invitations, sent.id.to_string(), &invitation)
                        .put(Table::Members, key(account), &member)
                        .audit(
                            &Event::new(now, "member.invite", by, member.resource())
                                .detail(sent.id.to_string()),
                        );
                    Ok((sent, draft))
                })
            })
            .await
    }

    /// Ends an open invitation.
    ///
    /// # Errors
    /// [`Error::NoInvitation`], [`Error::Invitation`].
    pub async fn withdraw(&self, id: InvitationId, by: &str) -> Result<Invitation, Error> {
        self.end_invitation(id, "invitation.withdraw", by, |invitation| {
            invitation.withdraw(by)
        })
        .await
    }

    /// The member declines, with the secret that only it has.
    ///
    /// # Errors
    /// [`Error::NoInvitation`], [`Error::Invitation`].
    pub async fn decline(
        &self,
        id: InvitationId,
        secret: &InvitationSecret,
        by: &str,
    ) -> Result<(), Error> {
        self.end_invitation(id, "invitation.decline", by, |invitation| {
            invitation.decline(secret)
        })
        .await
        .map(|_| ())
    }

    async fn end_invitation(
        &self,
        id: InvitationId,
        action: &str,
        by: &str,
        end: impl Fn(Invitation) -> Result<Invitation, invitation::Refused> + Send + Sync,
    ) -> Result<Invitation, Error> {
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept = self
                        .records
                        .keep::<Invitation>(Table::Invitations, id.to_string())
                        .await?;
                    let open = kept.value.clone().ok_or_else(|| no_invitation(id))?;
                    let invitation = end(open)?;
                    let event = Event::new(now, action, by, format!("invitations/{id}"))
                        .detail(format!("for {}", invitation.account));
                    let mut draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Invitations, id.to_string(), &invitation)
                        .audit(&event);
                    let (kept, member) = self.kept_member(invitation.account).await?;
                    if member.invitation == Some(id) {
                        let member = member.without_invitation(&invitation.state, now);
                        draft = draft.expect(&kept).put(
                            Table::Members,
                            key(invitation.account),
                            &member,
                        );
                    }
                    Ok((invitation, draft))
                })
            })
            .await
    }

    /// Whether the agent of a certificate may speak now. The first use of a renewed certificate ends the one before. One
    /// that tells of a time that is lost here also ends what may have been used up in that time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn standing(
        &self,
        account: AccountId,
        id: AgentId,
        shown: &CertificateFacts,
    ) -> Result<Standing, Error> {
        loop {
            let member = self
                .records
                .get::<Member>(Table::Members, key(account))
                .await?;
            let kept = self
                .records
                .keep::<Agent>(Table::Agents, agent_key(account, id))
                .await?;
            let standing = standing(member.as_ref(), kept.value.as_ref(), shown.into());
            let draft = match (&standing, &kept.value) {
                (Standing::Renewed | Standing::Ahead, Some(agent)) => {
                    let draft = Draft::default().expect(&kept);
                    self.promote(draft, &standing, agent.clone(), shown)
                }
                (_, None) => Draft::default(),
                (_, Some(_)) => return Ok(standing),
            };
            let lost = standing == Standing::Ahead || kept.value.is_none();
            let draft = if lost {
                self.void_since(draft, account, shown).await?
            } else {
                draft
            };
            if draft.is_empty() {
                return Ok(standing);
            }
            match self.records.commit(draft).await {
                Ok(()) if kept.value.is_none() => return Ok(standing),
                Ok(()) => return Ok(Standing::Good),
                Err(muster_store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn kept_member(
        &self,
        account: AccountId,
    ) -> Result<(crate::records::Kept<Option<Member>>, Member), Error> {
        let kept = self
            .records
            .keep::<Member>(Table::Members, key(account))
            .await?;
        let member = kept.value.clone().ok_or(Error::NoMember { account })?;
        Ok((kept, member))
    }

    async fn kept_agent(
        &self,
        account: AccountId,
        id: AgentId,
    ) -> Result<(crate::records::Kept<Option<Agent>>, Agent), Error> {
        let kept = self
            .records
            .keep::<Agent>(Table::Agents, agent_key(account, id))
            .await?;
        let agent = kept
            .value
            .clone()
            .ok_or_else(|| Error::NoAgent { id: id.to_string() })?;
        Ok((kept, agent))
    }

    /// Makes an open invitation void, as part of something else.
    async fn void(
        &self,
        draft: Draft,
        id: InvitationId,
        by: &str,
        now: Timestamp,
    ) -> Result<Draft, Error> {
        let kept = self
            .records
            .keep::<Invitation>(Table::Invitations, id.to_string())
            .await?;
        let Some(open) = kept
            .value
            .clone()
            .filter(|invitation| invitation.is_open(now))
        else {
            return Ok(draft);
        };
        Ok(draft
            .expect(&kept)
            .put(Table::Invitations, id.to_string(), &open.withdraw(by)?))
    }

    fn change(&self, member: &Member, action: &str, by: &str) -> Draft {
        Draft::default()
            .put(Table::Members, key(member.account), member)
            .audit(
                &Event::new(self.clock.now(), action, by, member.resource())
                    .detail(member.status.name()),
            )
    }
}

fn agent_of(peer: &Peer) -> Option<(AccountId, AgentId)> {
    match peer.certificate.as_ref()?.id.identity {
        Identity::Agent { account, agent } => Some((account, agent)),
        Identity::Operator(_) | Identity::Admin => None,
    }
}

fn no_invitation(id: InvitationId) -> Error {
    Error::NoInvitation { id: id.to_string() }
}

pub(crate) fn key(account: AccountId) -> Vec<u8> {
    account.as_str().into()
}

pub(crate) fn agent_key(account: AccountId, agent: AgentId) -> Vec<u8> {
    format!("{account}/{agent}").into_bytes()
}

//! Enrollment: turns an invitation and a proof of account into a certificate, once; and renews certificates.
//!
//! In: a [`Hello`] and a [`Claim`]. Out: [`Enrolled`]. Always: an invitation enrolls one key, even across a crash, and a
//! lost answer can be asked for again; nobody gets a certificate for an account that STS did not name; what a stranger
//! sends changes nothing. Survives: the invitation, the agent and the member change in one transaction.
//! Not here: signing (`authority`), who may stay afterwards (`membership`).

mod error;
mod identity;
mod pace;
mod refusal;
mod renewal;
mod sts;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::identity::{AgentId, Identity, SpiffeId, TrustDomain};
use muster_common::invitation::{InvitationId, InvitationSecret, RootPin};
use muster_common::proof::{Binding, Proof};
use muster_common::timestamp::Timestamp;
use muster_store::Table;

use crate::audit::{Audit, Event};
use crate::authority::{self, Authority, Issued, Names, Root};
use crate::lineage::{Leaf, Lineage};
use crate::membership::invitation::{Claim as Judged, Refused};
use crate::membership::{self, Agent, AgentState, Invitation, Member, Membership};
use crate::records::{Draft, Records};

pub use error::Error;
pub use identity::CallerIdentity;
use pace::Pace;
pub use renewal::{Renewal, RenewalRequest};
pub use sts::{Config as StsConfig, Prover, Sts, StsError};
use throttle::Throttle;

#[derive(Clone, Debug)]
pub struct Config {
    pub domain: TrustDomain,
    /// 1 to 72.
    pub certificate_hours: u32,
}

/// Enrolls and renews. Cheap to clone.
#[derive(Clone)]
pub struct Enrollment {
    records: Records,
    membership: Membership,
    authority: Authority,
    prover: Arc<dyn Prover>,
    audit: Audit,
    throttle: Throttle,
    pace: Pace,
    clock: Clock,
    config: Arc<Config>,
}

/// What enrollment works with.
pub struct Deps {
    pub records: Records,
    pub membership: Membership,
    pub authority: Authority,
    pub prover: Arc<dyn Prover>,
    pub audit: Audit,
    pub clock: Clock,
}

/// The first message of an agent that wants to enroll.
#[derive(Clone, Debug)]
pub struct Hello {
    pub invitation: InvitationId,
    pub account: AccountId,
    pub region: Region,
    /// PKCS #10 in DER.
    pub csr: Vec<u8>,
    pub version: String,
}

/// An enrollment under way. Good for one claim.
#[derive(Debug)]
pub struct Attempt {
    hello: Hello,
    public_key: Vec<u8>,
    nonce: [u8; 32],
    peer: IpAddr,
}

/// What the agent answers to the challenge.
#[derive(Debug)]
pub struct Claim {
    pub secret: InvitationSecret,
    pub proof: Proof,
}

/// The end of an enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    pub agent: AgentId,
    /// DER; the leaf first.
    pub chain: Vec<Vec<u8>>,
    pub server_roots: Vec<Vec<u8>>,
}

impl Enrollment {
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps {
            records,
            membership,
            authority,
            prover,
            audit,
            clock,
        } = deps;
        Self {
            records,
            membership,
            authority,
            prover,
            audit,
            throttle: Throttle::default(),
            pace: Pace::default(),
            clock,
            config: Arc::new(config),
        }
    }

    /// Which server asks: part of what the agent signs.
    #[must_use]
    pub fn server_id(&self) -> String {
        self.config.domain.id(Identity::Admin).to_string()
    }

    /// The pin that invitations carry.
    ///
    /// # Errors
    /// [`Error::Authority`].
    pub fn pin(&self) -> Result<RootPin, Error> {
        Ok(self.authority.server_pin()?)
    }

    #[must_use]
    pub fn domain(&self) -> &TrustDomain {
        &self.config.domain
    }

    /// Takes a hello and gives a challenge: 32 random bytes, good for one claim on this attempt.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Authority`] for a request without a valid key.
    pub async fn begin(&self, hello: Hello, peer: IpAddr) -> Result<(Attempt, [u8; 32]), Error> {
        self.admit(peer)?;
        let begun = authority::requested_key(&hello.csr).map(|public_key| Attempt {
            hello: hello.clone(),
            public_key,
            nonce: rand::random(),
            peer,
        });
        match begun {
            Ok(attempt) => {
                let nonce = attempt.nonce;
                Ok((attempt, nonce))
            }
            Err(error) => Err(self.refuse(error.into(), hello.refusal(peer)).await),
        }
    }

    /// Judges a claim and enrolls.
    ///
    /// # Errors
    /// [`Error`] names the reason; nothing has changed then.
    pub async fn finish(&self, attempt: Attempt, claim: Claim) -> Result<Enrolled, Error> {
        // Again: it may have failed in other attempts since this one began.
        self.admit(attempt.peer)?;
        match self.judge(&attempt, &claim).await {
            Ok(enrolled) => Ok(enrolled),
            Err(error) => {
                let refusal = attempt.hello.refusal(attempt.peer);
                Err(self.refuse(error, refusal).await)
            }
        }
    }

    async fn judge(&self, attempt: &Attempt, claim: &Claim) -> Result<Enrolled, Error> {
        let Hello {
            invitation: id,
            account,
            ..
        } = attempt.hello;
        let now = self.clock.now();
        claim.proof.check_date(now)?;
        let key = key_digest(&attempt.public_key);
        let invitation = self.invitation(id).await?;
        if let Judged::Again { agent, chain } =
            invitation.claim(&claim.secret, account, &key, now)?
        {
            return self.answer(agent, &chain);
        }
        let member = self.membership.member(account).await?;
        still_offered(&member, id)?;
        let found = claim.proof.partition();
        if found != member.partition {
            return Err(Error::Partition {
                account,
                expected: member.partition,
                found,
            });
        }
        let binding = Binding {
            server_id: &self.server_id(),
            purpose: &id.to_string(),
            account,
            nonce: &attempt.nonce,
            public_key: &attempt.public_key,
        };
        let caller = self.prover.identify(&claim.proof, &binding).await?;
        let role_id = caller.role_id_for(&member)?;
        drill::pass(Point::ClaimProven);
        let enrolled = self.enroll(attempt, claim, &key, &role_id).await?;
        drill::pass(Point::ClaimEnrolled);
        Ok(enrolled)
    }

    /// Spends the invitation, records the agent and enables the member, in one transaction.
    async fn enroll(
        &self,
        attempt: &Attempt,
        claim: &Claim,
        key: &str,
        role_id: &str,
    ) -> Result<Enrolled, Error> {
        let (id, account) = (attempt.hello.invitation, attempt.hello.account);
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept_invitation = self
                        .records
                        .keep::<Invitation>(Table::Invitations, id.to_string())
                        .await?;
                    let invitation = kept_invitation.value.clone().ok_or(Refused::Unknown)?;
                    if let Judged::Again { agent, chain } =
                        invitation.claim(&claim.secret, account, key, now)?
                    {
                        return Ok((self.answer(agent, &chain)?, Draft::default()));
                    }
                    let kept_member = self
                        .records
                        .keep::<Member>(Table::Members, membership::key(account))
                        .await?;
                    let member = kept_member
                        .value
                        .clone()
                        .ok_or(membership::Error::NoMember { account })?;
                    still_offered(&member, id)?;
                    let member = member.enable(role_id, now)?;
                    self.membership.room_for_agent(account).await?;
                    let (agent, issued) = self.certify(attempt, role_id, &member, now)?;
                    let chain: Vec<String> = issued
                        .chain
                        .iter()
                        .map(|der| STANDARD.encode(der))
                        .collect();
                    let answer = self.answer(agent.id, &chain)?;
                    let actor = self.id_of(account, agent.id).to_string();
                    let event = Event::new(now, "enrollment.enroll", actor, member.resource())
                        .detail(format!(
                            "invitation {id}, serial {}, from {}",
                            issued.serial, attempt.peer
                        ));
                    let draft = Draft::default()
                        .expect(&kept_invitation)
                        .expect(&kept_member)
                        .put(
                            Table::Invitations,
                            id.to_string(),
                            &invitation.spend(agent.id, key.to_owned(), chain, now),
                        )
                        .put(Table::Members, membership::key(account), &member)
                        .put(
                            Table::Agents,
                            membership::agent_key(account, agent.id),
                            &agent,
                        )
                        .audit(&event);
                    Ok((answer, draft))
                })
            })
            .await
    }

    /// A new agent of a member, and its certificate.
    fn certify(
        &self,
        attempt: &Attempt,
        role_id: &str,
        member: &Member,
        now: Timestamp,
    ) -> Result<(Agent, Issued), Error> {
        let (account, id) = (member.account, AgentId::random());
        let issued = self.authority.certify(
            Root::Agents,
            &attempt.public_key,
            &self.id_of(account, id),
            self.config.certificate_hours,
            &Names::default(),
        )?;
        let agent = Agent {
            id,
            account,
            state: AgentState::Enrolled,
            lineage: Lineage::new(Leaf {
                serial: issued.serial,
                from: issued.not_before,
            }),
            key: key_digest(&attempt.public_key),
            epoch: member.epoch,
            role_id: role_id.to_owned(),
            version: attempt.hello.version.chars().take(64).collect(),
            region: attempt.hello.region.clone(),
            enrolled_at: now,
            proven_at: now,
            certificate_expires_at: issued.not_after,
            last_contact: None,
        };
        Ok((agent, issued))
    }

    fn id_of(&self, account: AccountId, agent: AgentId) -> SpiffeId {
        let identity = Identity::Agent { account, agent };
        self.config.domain.id(identity)
    }

    async fn invitation(&self, id: InvitationId) -> Result<Invitation, Error> {
        let invitation = self.records.get(Table::Invitations, id.to_string()).await?;
        Ok(invitation.ok_or(Refused::Unknown)?)
    }

    fn answer(&self, agent: AgentId, chain: &[String]) -> Result<Enrolled, Error> {
        let chain = chain
            .iter()
            .map(|coded| STANDARD.decode(coded))
            .collect::<Result<_, _>>()
            .map_err(|_| muster_store::Error::Damaged {
                what: "the certificate of a spent invitation".to_owned(),
            })?;
        Ok(Enrolled {
            agent,
            chain,
            server_roots: self.authority.trusted(Root::Servers),
        })
    }
}

/// An invitation that is not the member's was replaced, though it may look open: it had expired by then, and the clock was
/// set back.
fn still_offered(member: &Member, id: InvitationId) -> Result<(), Refused> {
    if member.invitation == Some(id) {
        return Ok(());
    }
    Err(Refused::Withdrawn {
        account: member.account,
    })
}

/// SHA-256 over a public key, in hexadecimal.
fn key_digest(public_key: &[u8]) -> String {
    format!("{:?}", RootPin::of(public_key))
}

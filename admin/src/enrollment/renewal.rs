//! Renewal: a new certificate for an agent that has one, with a fresh key. Every seven days only with a fresh proof.

use muster_common::account::AccountId;
use muster_common::identity::{AgentId, Identity, Serial};
use muster_common::proof::{Binding, Proof};
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::Table;

use super::{Enrolled, Enrollment, Error, key_digest};
use crate::audit::Event;
use crate::authority::{self, Names, Root};
use crate::membership::{self, Agent, Standing};
use crate::records::Draft;

/// How long a proof of account counts.
const PROOF_LIFE: i64 = 7 * DAY;
/// What the proof is bound to instead of an invitation.
const PURPOSE: &str = "renew";

/// An agent's wish, with the certificate that it came with.
#[derive(Clone, Debug)]
pub struct RenewalRequest {
    pub account: AccountId,
    pub agent: AgentId,
    pub serial: Serial,
    /// PKCS #10 in DER, with a new key.
    pub csr: Vec<u8>,
}

/// The answer to a wish.
#[derive(Debug)]
pub enum Renewal {
    Renewed(Enrolled),
    /// The last proof of account is too old: prove it again over this challenge.
    ProofNeeded {
        nonce: [u8; 32],
    },
}

impl Enrollment {
    /// Renews, or asks for a proof first.
    ///
    /// # Errors
    /// [`Error::Superseded`] quarantines the agent: somebody uses a copy of its key.
    pub async fn renew(&self, request: &RenewalRequest) -> Result<Renewal, Error> {
        let now = self.clock.now();
        let agent = self.renewable(request).await?;
        if now.since(agent.proven_at) >= PROOF_LIFE {
            return Ok(Renewal::ProofNeeded {
                nonce: rand::random(),
            });
        }
        self.reissue(request, None).await.map(Renewal::Renewed)
    }

    /// Renews with a fresh proof over the challenge that [`Enrollment::renew`] gave.
    ///
    /// # Errors
    /// As [`Enrollment::renew`], and those of the proof.
    pub async fn renew_with_proof(
        &self,
        request: &RenewalRequest,
        nonce: &[u8; 32],
        proof: &Proof,
    ) -> Result<Enrolled, Error> {
        let now = self.clock.now();
        proof.check_date(now)?;
        let account = request.account;
        self.renewable(request).await?;
        let member = self.membership.member(account).await?;
        let found = proof.partition();
        if found != member.partition {
            return Err(Error::Partition {
                account,
                expected: member.partition,
                found,
            });
        }
        let public_key = authority::requested_key(&request.csr)?;
        let binding = Binding {
            server_id: &self.server_id(),
            purpose: PURPOSE,
            account,
            nonce,
            public_key: &public_key,
        };
        let caller = self.prover.identify(proof, &binding).await?;
        caller.role_id_for(&member)?;
        self.reissue(request, Some(now)).await
    }

    /// The agent of a request, if it may renew.
    async fn renewable(&self, request: &RenewalRequest) -> Result<Agent, Error> {
        let RenewalRequest {
            account,
            agent,
            serial,
            ..
        } = *request;
        let actor = self
            .config
            .domain
            .id(Identity::Agent { account, agent })
            .to_string();
        match self.membership.standing(account, agent, serial).await? {
            Standing::Good | Standing::Renewed => {}
            Standing::Superseded => {
                self.membership.quarantine(account, agent, &actor).await?;
                return Err(Error::Superseded);
            }
            Standing::Unknown | Standing::Stopped(_) | Standing::NotMember(_) => {
                return Err(Error::Superseded);
            }
        }
        let agent = self
            .records
            .get::<Agent>(Table::Agents, membership::agent_key(account, agent))
            .await?;
        agent.ok_or(Error::Superseded)
    }

    async fn reissue(
        &self,
        request: &RenewalRequest,
        proven_at: Option<Timestamp>,
    ) -> Result<Enrolled, Error> {
        let RenewalRequest {
            account, agent: id, ..
        } = *request;
        let public_key = authority::requested_key(&request.csr)?;
        let key = key_digest(&public_key);
        let spiffe = self
            .config
            .domain
            .id(Identity::Agent { account, agent: id });
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept = self
                        .records
                        .keep::<Agent>(Table::Agents, membership::agent_key(account, id))
                        .await?;
                    let mut agent = kept.value.clone().ok_or(Error::Superseded)?;
                    if agent.key == key {
                        return Err(Error::SameKey);
                    }
                    let issued = self.authority.certify(
                        Root::Agents,
                        &public_key,
                        &spiffe,
                        self.config.certificate_hours,
                        &Names::default(),
                    )?;
                    agent.lineage = agent.lineage.renewed(issued.serial);
                    agent.key = key.clone();
                    agent.certificate_expires_at = issued.not_after;
                    agent.proven_at = proven_at.unwrap_or(agent.proven_at);
                    let event = Event::new(
                        now,
                        "agent.renew",
                        spiffe.to_string(),
                        format!("agents/{id}"),
                    )
                    .detail(format!("serial {}", issued.serial));
                    let draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Agents, membership::agent_key(account, id), &agent)
                        .audit(&event);
                    let renewed = Enrolled {
                        agent: id,
                        chain: issued.chain,
                        server_roots: self.authority.trusted(Root::Servers),
                    };
                    Ok((renewed, draft))
                })
            })
            .await
    }
}

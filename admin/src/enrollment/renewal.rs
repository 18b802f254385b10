//! Renewal: a new certificate for an agent that has one, with a fresh key. Every seven days only with a fresh proof.
//!
//! Always: who may renew is judged in the transaction that renews, so that of two holders of one certificate one at most
//! goes on. The other is found out when it comes back, and the agent is stopped: nobody can tell which is the owner.

use muster_common::account::AccountId;
use muster_common::drill::{self, Point};
use muster_common::identity::AgentId;
use muster_common::proof::{Binding, Proof};
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::Table;

use super::{Enrolled, Enrollment, Error, key_digest};
use crate::audit::Event;
use crate::authority::{self, Names, Root};
use crate::lineage::Leaf;
use crate::membership::{self, Agent, Member, Standing};
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
    pub leaf: Leaf,
    /// Of the certificate: SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    pub expires_at: Timestamp,
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
    /// [`Error::TooOften`]. [`Error::Standing`] of a replaced certificate quarantines the agent: somebody uses a copy of its key.
    pub async fn renew(&self, request: &RenewalRequest) -> Result<Renewal, Error> {
        let renewal = async {
            let agent = self.renewable(request).await?;
            if !self.pace.admits(agent.id, self.clock.now()) {
                return Err(Error::TooOften { agent: agent.id });
            }
            if self.clock.now().since(agent.proven_at) >= PROOF_LIFE {
                return Ok(Renewal::ProofNeeded {
                    nonce: rand::random(),
                });
            }
            self.reissue(request, None).await.map(Renewal::Renewed)
        };
        let renewal = renewal.await;
        self.told(request, renewal).await
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
        let renewed = async {
            self.renewable(request).await?;
            let proven_at = self.prove(request, nonce, proof).await?;
            self.reissue(request, Some(proven_at)).await
        };
        let renewed = renewed.await;
        self.told(request, renewed).await
    }

    /// Asks STS whether a proof is that of the member's role. The answer is when it was.
    async fn prove(
        &self,
        request: &RenewalRequest,
        nonce: &[u8; 32],
        proof: &Proof,
    ) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        proof.check_date(now)?;
        let account = request.account;
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
        Ok(now)
    }

    /// The agent of a request, if it may renew as things stand.
    async fn renewable(&self, request: &RenewalRequest) -> Result<Agent, Error> {
        let (account, id) = (request.account, request.agent);
        let member = self
            .records
            .get::<Member>(Table::Members, membership::key(account))
            .await?;
        let agent = self
            .records
            .get::<Agent>(Table::Agents, membership::agent_key(account, id))
            .await?;
        self.judge_renewal(request, member.as_ref(), agent)
    }

    fn judge_renewal(
        &self,
        request: &RenewalRequest,
        member: Option<&Member>,
        agent: Option<Agent>,
    ) -> Result<Agent, Error> {
        let expires_at = request.expires_at;
        if self.clock.now() >= expires_at {
            return Err(Error::Expired { expires_at });
        }
        let standing = membership::standing(member, agent.as_ref(), request.leaf);
        match (standing, agent) {
            (Standing::Good | Standing::Renewed | Standing::Ahead, Some(agent)) => Ok(agent),
            (standing, _) => Err(Error::Standing(standing)),
        }
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
        let spiffe = self.id_of(account, id);
        let renewed = self
            .records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept_member = self
                        .records
                        .keep::<Member>(Table::Members, membership::key(account))
                        .await?;
                    let kept = self
                        .records
                        .keep::<Agent>(Table::Agents, membership::agent_key(account, id))
                        .await?;
                    let member = kept_member.value.as_ref();
                    let mut agent = self.judge_renewal(request, member, kept.value.clone())?;
                    if agent.key == key || request.public_key == public_key {
                        return Err(Error::SameKey);
                    }
                    let issued = self.authority.certify(
                        Root::Agents,
                        &public_key,
                        &spiffe,
                        self.config.certificate_hours,
                        &Names::default(),
                    )?;
                    let lineage = agent.lineage.promoted(request.leaf);
                    agent.lineage = lineage.renewed(Leaf {
                        serial: issued.serial,
                        from: issued.not_before,
                    });
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
                        .expect(&kept_member)
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
            .await?;
        drill::pass(Point::RenewalRecorded);
        Ok(renewed)
    }

    /// Stops the agent of a replaced certificate, and writes down why another one was refused.
    async fn told<T>(&self, request: &RenewalRequest, end: Result<T, Error>) -> Result<T, Error> {
        let (account, id) = (request.account, request.agent);
        let actor = || self.id_of(account, id).to_string();
        match &end {
            Err(Error::Standing(Standing::Superseded)) => {
                self.membership.quarantine(account, id, &actor()).await?;
            }
            Err(error) if error.is_refusal() => {
                let now = self.clock.now();
                let event = Event::new(now, "agent.renew", actor(), format!("agents/{id}"));
                self.audit.refusal(event.detail(error.to_string())).await;
            }
            Err(_) | Ok(_) => {}
        }
        end
    }
}

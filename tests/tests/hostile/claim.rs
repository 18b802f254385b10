//! An enrollment as an agent would make it, ready to be bent at any place.

use bytes::Bytes;
use muster_agent::cloud::sign;
use muster_common::account::Region;
use muster_common::identity::{AgentId, Identity};
use muster_common::invitation::PrintedInvitation;
use muster_common::proof::Binding;
use muster_common::timestamp::Timestamp;
use muster_mtls::{Credential, PrivateKey};
use muster_proto::v1 as wire;
use muster_proto::v1::enroll_request::Message as Ask;
use muster_proto::v1::enroll_response::Message as Answer;
use muster_proto::v1::enrollment_client::EnrollmentClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::sts::{ROLE, Session};
use super::world::World;

/// All that an enrollment consists of.
#[derive(Clone)]
pub(super) struct Claim {
    pub hello: wire::EnrollHello,
    pub secret: Bytes,
    pub session: Session,
    /// Of the proof.
    pub region: String,
    /// The date of the proof.
    pub at: Timestamp,
    pub bound: Bound,
    /// Changes the signed proof.
    pub bend: fn(&mut wire::AccountProof),
}

/// What is signed. `None`: what is right.
#[derive(Clone, Default)]
pub(super) struct Bound {
    pub server_id: Option<String>,
    pub purpose: Option<String>,
    pub account: Option<String>,
    pub nonce: Option<[u8; 32]>,
    pub public_key: Option<Vec<u8>>,
}

/// An enrollment under way.
pub(super) struct Talk {
    asks: mpsc::Sender<wire::EnrollRequest>,
    answers: Streaming<wire::EnrollResponse>,
    pub challenge: wire::Challenge,
}

/// An agent that has enrolled.
pub(super) struct Joined {
    pub credential: Credential,
    pub agent: AgentId,
}

impl Claim {
    /// What the agent of the invited account would send.
    pub(super) fn of(world: &World, invitation: &PrintedInvitation, key: &PrivateKey) -> Self {
        let session = world.sts.session(&invitation.account.to_string(), ROLE);
        Self::by(world, invitation, key, session)
    }

    pub(super) fn by(
        world: &World,
        invitation: &PrintedInvitation,
        key: &PrivateKey,
        session: Session,
    ) -> Self {
        Self {
            hello: wire::EnrollHello {
                invitation_id: invitation.id.to_string(),
                account_id: invitation.account.to_string(),
                region: "us-east-1".to_owned(),
                csr: key.request().der.into(),
                agent_version: "0.1.0".to_owned(),
            },
            secret: Bytes::copy_from_slice(invitation.secret.as_bytes()),
            session,
            region: "us-east-1".to_owned(),
            at: world.clock.now(),
            bound: Bound {
                public_key: Some(key.public_key()),
                ..Bound::default()
            },
            bend: |_| {},
        }
    }

    /// The message that answers a challenge.
    pub(super) fn proof(&self, challenge: &wire::Challenge) -> wire::EnrollProof {
        let nonce: [u8; 32] = challenge.nonce.as_ref().try_into().expect("32 bytes");
        let bound = &self.bound;
        let account = bound.account.as_ref().unwrap_or(&self.hello.account_id);
        let binding = Binding {
            server_id: bound.server_id.as_ref().unwrap_or(&challenge.server_id),
            purpose: bound.purpose.as_ref().unwrap_or(&self.hello.invitation_id),
            account: account
                .parse()
                .unwrap_or_else(|_| "000000000000".parse().unwrap()),
            nonce: &bound.nonce.unwrap_or(nonce),
            public_key: bound.public_key.as_deref().unwrap_or_default(),
        };
        let region: Region = self
            .region
            .parse()
            .unwrap_or_else(|_| "us-east-1".parse().unwrap());
        let mut proof =
            sign(&self.session.credentials, &region, &binding, self.at).expect("a signature");
        self.region.clone_into(&mut proof.region);
        (self.bend)(&mut proof);
        wire::EnrollProof {
            invitation_secret: self.secret.clone(),
            proof: Some(proof),
        }
    }

    /// Says hello on a connection.
    pub(super) async fn open(&self, channel: Channel) -> Result<Talk, Status> {
        let (asks, outgoing) = mpsc::channel(4);
        let hello = Some(Ask::Hello(self.hello.clone()));
        asks.send(wire::EnrollRequest { message: hello })
            .await
            .expect("room");
        let mut client = EnrollmentClient::new(channel);
        let mut answers = client
            .enroll(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        match next(&mut answers).await? {
            Answer::Challenge(challenge) => Ok(Talk {
                asks,
                answers,
                challenge,
            }),
            Answer::Enrolled(_) => panic!("enrolled without a proof"),
        }
    }

    pub(super) async fn on(&self, channel: Channel) -> Result<wire::Enrolled, Status> {
        let talk = self.open(channel).await?;
        let proof = self.proof(&talk.challenge);
        talk.prove(proof).await
    }

    pub(super) async fn send(&self, world: &World) -> Result<wire::Enrolled, Status> {
        self.on(world.stranger().await).await
    }

    /// # Panics
    /// It is refused.
    pub(super) async fn refused(&self, world: &World) -> Status {
        match self.send(world).await {
            Ok(_) => panic!("this enrolled"),
            Err(status) => status,
        }
    }
}

impl Talk {
    pub(super) async fn prove(
        mut self,
        proof: wire::EnrollProof,
    ) -> Result<wire::Enrolled, Status> {
        self.ask(Ask::Proof(proof)).await;
        match next(&mut self.answers).await? {
            Answer::Enrolled(enrolled) => Ok(enrolled),
            Answer::Challenge(_) => panic!("a second challenge"),
        }
    }

    pub(super) async fn ask(&self, message: Ask) {
        let message = Some(message);
        self.asks
            .send(wire::EnrollRequest { message })
            .await
            .expect("room");
    }

    /// What the server says next.
    pub(super) async fn next(&mut self) -> Result<Answer, Status> {
        next(&mut self.answers).await
    }
}

async fn next(answers: &mut Streaming<wire::EnrollResponse>) -> Result<Answer, Status> {
    let response = answers.message().await?;
    response
        .and_then(|response| response.message)
        .ok_or_else(|| Status::new(Code::Unknown, "the admin ended the talk"))
}

/// The credential that an answer makes of a key.
pub(super) fn credential(key: &PrivateKey, certificate: &wire::Certificate) -> Credential {
    let chain = certificate.chain.iter().map(|der| der.to_vec()).collect();
    Credential::new(key, chain).expect("a certificate for the key")
}

impl World {
    /// Creates, invites and enrolls.
    pub(super) async fn join(&self, account: &str) -> Joined {
        let invitation = self.invite(account).await;
        self.accept(&invitation).await
    }

    /// Enrolls with an invitation.
    pub(super) async fn accept(&self, invitation: &PrintedInvitation) -> Joined {
        let key = PrivateKey::generate();
        let claim = Claim::of(self, invitation, &key);
        let enrolled = claim.send(self).await.expect("it enrolls");
        let credential = credential(&key, enrolled.certificate.as_ref().expect("a certificate"));
        let Identity::Agent { agent, .. } = credential.facts().id.identity else {
            panic!("{credential:?} is no agent's");
        };
        Joined { credential, agent }
    }
}

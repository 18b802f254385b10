//! An agent as the server sees it: its enrollment, its uplink, and a sender that is as fast as the server allows.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::identity::TrustDomain;
use muster_common::invitation::PrintedInvitation;
use muster_mtls::{Credential, PrivateKey, Trust, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::enroll_request::Message as Claim;
use muster_proto::v1::enroll_response::Message as Granted;
use muster_proto::v1::enrollment_client::EnrollmentClient;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::admin::Operator;
use crate::cloud::access_key_id;
use crate::document::Documents;
use crate::report::ms;

const REGION: &str = "us-east-1";
/// As the real agent sends: no batch is larger, whatever the server takes.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// What an enrolled agent knows.
#[derive(Clone)]
pub(crate) struct Identity {
    account: AccountId,
    endpoint: String,
    domain: TrustDomain,
    trust: Trust,
    credential: Credential,
    spool: Uuid,
}

/// An open uplink, welcomed.
pub(crate) struct Uplink {
    pub asks: mpsc::Sender<wire::UplinkRequest>,
    pub answers: Streaming<wire::UplinkResponse>,
    terms: wire::Welcome,
}

impl Identity {
    /// Takes an invitation as a real agent does, but for a signature that no STS checks.
    pub(crate) async fn enroll(invitation: &PrintedInvitation) -> anyhow::Result<Self> {
        let key = PrivateKey::generate();
        let enrolled = claim(invitation, &key).await?;
        let certificate = enrolled.certificate.context("a certificate")?;
        let der = |list: Vec<Bytes>| list.iter().map(|der| der.to_vec()).collect::<Vec<_>>();
        Ok(Self {
            account: invitation.account,
            endpoint: enrolled.agent_endpoint,
            domain: invitation.domain.clone(),
            trust: Trust::Roots(der(certificate.server_roots)),
            credential: Credential::new(&key, der(certificate.chain))?,
            spool: Uuid::new_v4(),
        })
    }

    /// The same agent with an empty spool.
    pub(crate) fn with_new_spool(&self) -> Self {
        Self {
            spool: Uuid::new_v4(),
            ..self.clone()
        }
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        let credential = Some(&self.credential);
        Ok(channel(&self.endpoint, &self.trust, &self.domain, credential).await?)
    }

    /// Connects, says hello, and waits for the welcome.
    pub(crate) async fn connect(&self) -> anyhow::Result<Uplink> {
        let connected = self.channel().await?;
        let (asks, outgoing) = mpsc::channel(4);
        let hello = wire::UplinkHello {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            spool_id: self.spool.to_string(),
            region: REGION.to_owned(),
        };
        asks.send(ask(Ask::Hello(hello))).await?;
        let mut answers = AgentClient::new(connected)
            .uplink(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        let Answer::Welcome(terms) = next(&mut answers).await? else {
            anyhow::bail!("the uplink starts without a welcome");
        };
        Ok(Uplink {
            asks,
            answers,
            terms,
        })
    }
}

impl Uplink {
    /// Tells how it fares, as agents do every minute.
    pub(crate) async fn report(&self) -> anyhow::Result<()> {
        Ok(self
            .asks
            .send(ask(Ask::Report(wire::Report::default())))
            .await?)
    }

    /// Waits until the server ends it.
    pub(crate) async fn ended(&mut self) {
        while next(&mut self.answers).await.is_ok() {}
    }
}

/// What tells of configuration.
pub(crate) struct Observation {
    asks: mpsc::Sender<wire::ObserveRequest>,
    answers: Streaming<wire::ObserveResponse>,
}

impl Observation {
    pub(crate) async fn open(identity: &Identity) -> anyhow::Result<Self> {
        let (asks, outgoing) = mpsc::channel(1);
        let answers = AgentClient::new(identity.channel().await?)
            .observe(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        Ok(Self { asks, answers })
    }

    /// Tells a portion and waits until it is taken.
    pub(crate) async fn tell(&mut self, portion: wire::ObserveRequest) -> anyhow::Result<()> {
        self.asks.send(portion).await?;
        let answer = self.answers.message().await?.context("an answer")?;
        match answer.outcome {
            Some(wire::observe_response::Outcome::Taken(taken)) if taken.refused.is_empty() => {
                Ok(())
            }
            other => anyhow::bail!("a portion was not taken: {other:?}"),
        }
    }
}

/// Sends invented findings over an uplink.
pub(crate) struct Sender {
    identity: Identity,
    documents: Documents<'static>,
    uplink: Uplink,
    /// Findings of a batch, if the server takes more.
    batch: u32,
    sent: u64,
    bytes: u64,
    /// From the sending of a batch to its acknowledgement, in milliseconds, in the last run.
    waits: Vec<f64>,
}

/// Acknowledgements after which a query was made, and those after which it did not see what was acknowledged.
#[derive(Clone, Copy, Default)]
pub(crate) struct Looks {
    pub made: u64,
    pub unseen: u64,
}

impl Sender {
    pub(crate) async fn new(
        identity: Identity,
        documents: Documents<'static>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            uplink: identity.connect().await?,
            identity,
            documents,
            batch: u32::MAX,
            sent: 0,
            bytes: 0,
            waits: Vec::new(),
        })
    }

    /// Opens another uplink, which goes on where the last one stopped.
    pub(crate) async fn reconnect(&mut self) -> anyhow::Result<()> {
        self.uplink = self.identity.connect().await?;
        let acknowledged = self.uplink.terms.acknowledged_sequence;
        anyhow::ensure!(
            acknowledged == self.sent,
            "the server has {acknowledged} of {} findings",
            self.sent
        );
        Ok(())
    }

    /// Sends so many findings, as fast as the server's terms allow, and waits until all are acknowledged.
    pub(crate) async fn send(mut self, count: u64) -> anyhow::Result<Self> {
        self.batch = u32::MAX;
        self.send_all(count, None).await?;
        Ok(self)
    }

    /// Sends in small batches, and asks an operator's query for them after each acknowledgement.
    pub(crate) async fn send_and_look(
        mut self,
        count: u64,
        batch: u32,
        operator: Operator,
    ) -> anyhow::Result<Looks> {
        self.batch = batch;
        self.send_all(count, Some(&operator)).await
    }

    async fn send_all(&mut self, count: u64, look: Option<&Operator>) -> anyhow::Result<Looks> {
        let last = self.sent + count;
        let mut in_flight: VecDeque<(u64, Instant)> = VecDeque::new();
        let mut looks = Looks::default();
        self.waits.clear();
        while self.sent < last || !in_flight.is_empty() {
            if self.sent < last && in_flight.len() < self.uplink.terms.in_flight_max as usize {
                let sent = self.send_batch(last).await?;
                in_flight.push_back((sent, Instant::now()));
                continue;
            }
            let Answer::Acknowledgement(acknowledged) = next(&mut self.uplink.answers).await?
            else {
                anyhow::bail!("expected an acknowledgement");
            };
            if let Some(refused) = acknowledged.refused.first() {
                anyhow::bail!("a finding was refused: {}", refused.message);
            }
            while let Some((through, since)) = in_flight.front()
                && *through <= acknowledged.through_sequence
            {
                self.waits.push(ms(since.elapsed()));
                in_flight.pop_front();
            }
            if let Some(operator) = look {
                let seen = operator.count(Some(self.identity.account)).await?;
                looks.made += 1;
                looks.unseen += u64::from(seen < acknowledged.through_sequence);
            }
        }
        Ok(looks)
    }

    async fn send_batch(&mut self, last: u64) -> anyhow::Result<u64> {
        let wire::Welcome {
            batch_findings_max,
            batch_bytes_max,
            ..
        } = self.uplink.terms;
        let count = u64::from(batch_findings_max.min(self.batch)).min(last - self.sent);
        let bytes_max = BATCH_BYTES_MAX.min(batch_bytes_max as usize);
        let findings = self.documents.batch(count as usize, bytes_max);
        let first_sequence = self.sent + 1;
        self.sent += findings.len() as u64;
        self.bytes += findings
            .iter()
            .map(|finding| finding.len() as u64)
            .sum::<u64>();
        let batch = wire::Batch {
            first_sequence,
            findings,
        };
        self.uplink.asks.send(ask(Ask::Batch(batch))).await?;
        Ok(self.sent)
    }

    /// What it has sent in all, in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn waits(&self) -> &[f64] {
        &self.waits
    }
}

async fn claim(invitation: &PrintedInvitation, key: &PrivateKey) -> anyhow::Result<wire::Enrolled> {
    let trust = Trust::Pin(invitation.pin);
    let connected = channel(&invitation.endpoint, &trust, &invitation.domain, None).await?;
    let (claims, outgoing) = mpsc::channel(2);
    let hello = wire::EnrollHello {
        invitation_id: invitation.id.to_string(),
        account_id: invitation.account.to_string(),
        region: REGION.to_owned(),
        csr: key.request().der.into(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let proof = wire::EnrollProof {
        invitation_secret: Bytes::copy_from_slice(invitation.secret.as_bytes()),
        proof: Some(wire::AccountProof {
            region: REGION.to_owned(),
            access_key_id: access_key_id(invitation.account),
            session_token: String::new(),
            amz_date: Clock::system().now().amz_date(),
            signature: "0".repeat(64),
        }),
    };
    for message in [Claim::Hello(hello), Claim::Proof(proof)] {
        let message = Some(message);
        claims.send(wire::EnrollRequest { message }).await?;
    }
    let mut answers = EnrollmentClient::new(connected)
        .enroll(ReceiverStream::new(outgoing))
        .await?
        .into_inner();
    while let Some(answer) = answers.message().await? {
        if let Some(Granted::Enrolled(enrolled)) = answer.message {
            return Ok(enrolled);
        }
    }
    anyhow::bail!("the admin ended the enrollment of {}", invitation.account)
}

pub(crate) fn ask(message: Ask) -> wire::UplinkRequest {
    wire::UplinkRequest {
        message: Some(message),
    }
}

pub(crate) async fn next(answers: &mut Streaming<wire::UplinkResponse>) -> anyhow::Result<Answer> {
    let answer = answers.message().await?;
    answer
        .and_then(|answer| answer.message)
        .context("the server ended the uplink")
}

//! An enrolled agent's calls: uplink, renewal.

use bytes::Bytes;
use muster_mtls::{Credential, PrivateKey, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::renew_request::Message as RenewAsk;
use muster_proto::v1::renew_response::Message as RenewAnswer;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::claim;
use super::world::World;

/// An open uplink.
pub(super) struct Uplink {
    asks: mpsc::Sender<wire::UplinkRequest>,
    answers: Streaming<wire::UplinkResponse>,
    pub welcome: wire::Welcome,
}

/// A renewal under way.
pub(super) struct Renewing {
    asks: mpsc::Sender<wire::RenewRequest>,
    answers: Streaming<wire::RenewResponse>,
}

impl World {
    /// A connection of an agent. In TLS 1.3 the client learns of its refusal with the first call.
    pub(super) async fn agent(&self, credential: &Credential) -> Result<Channel, Status> {
        let address = self.addresses().agents.to_string();
        channel(&address, &self.trust(), &self.domain(), Some(credential))
            .await
            .map_err(|error| Status::unavailable(error.to_string()))
    }

    pub(super) async fn uplink(&self, credential: &Credential) -> Result<Uplink, Status> {
        Uplink::open(self.agent(credential).await?, Uuid::new_v4()).await
    }

    /// Whether an agent may speak now.
    pub(super) async fn may_speak(&self, credential: &Credential) -> bool {
        match self.uplink(credential).await {
            Ok(_) => true,
            Err(status) => {
                assert_ne!(status.code(), Code::Internal, "{status}");
                false
            }
        }
    }

    /// Renews with a fresh key.
    pub(super) async fn renew(&self, credential: &Credential) -> Result<Credential, Status> {
        let key = PrivateKey::generate();
        let renewing = Renewing::open(self.agent(credential).await?, key.request().der).await?;
        renewing.finish(&key).await
    }
}

impl Uplink {
    pub(super) async fn open(channel: Channel, spool: Uuid) -> Result<Self, Status> {
        let (asks, outgoing) = mpsc::channel(16);
        let message = Some(Ask::Hello(wire::UplinkHello {
            agent_version: "0.1.0".to_owned(),
            spool_id: spool.to_string(),
            region: "us-east-1".to_owned(),
        }));
        asks.send(wire::UplinkRequest { message })
            .await
            .expect("room");
        let mut client = AgentClient::new(channel);
        let mut answers = client
            .uplink(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        match next(&mut answers).await? {
            Answer::Welcome(welcome) => Ok(Self {
                asks,
                answers,
                welcome,
            }),
            Answer::Acknowledgement(_) => panic!("an acknowledgement of nothing"),
        }
    }

    pub(super) async fn ask(&self, message: Ask) {
        let message = Some(message);
        // Who was cut off cannot send; the answer tells.
        let _ = self.asks.send(wire::UplinkRequest { message }).await;
    }

    pub(super) async fn batch(&self, first_sequence: u64, findings: &[Json]) {
        let findings = findings
            .iter()
            .map(|finding| Bytes::from(finding.to_string()))
            .collect();
        self.ask(Ask::Batch(wire::Batch {
            first_sequence,
            findings,
        }))
        .await;
    }

    pub(super) async fn acknowledged(&mut self) -> Result<wire::Acknowledgement, Status> {
        match next(&mut self.answers).await? {
            Answer::Acknowledgement(acknowledgement) => Ok(acknowledgement),
            Answer::Welcome(_) => panic!("a second welcome"),
        }
    }

    /// Sends a batch and waits for its acknowledgement.
    pub(super) async fn send(
        &mut self,
        first: u64,
        findings: &[Json],
    ) -> Result<wire::Acknowledgement, Status> {
        self.batch(first, findings).await;
        self.acknowledged().await
    }

    /// Waits until the server has ended it.
    pub(super) async fn ended(&mut self) -> Status {
        loop {
            if let Err(status) = next(&mut self.answers).await {
                return status;
            }
        }
    }
}

impl Renewing {
    pub(super) async fn open(channel: Channel, csr: Vec<u8>) -> Result<Self, Status> {
        let renewing = Self::begin(channel).await?;
        renewing.hello(csr).await;
        Ok(renewing)
    }

    /// Opens the stream and says nothing yet.
    pub(super) async fn begin(channel: Channel) -> Result<Self, Status> {
        let (asks, outgoing) = mpsc::channel(4);
        let mut client = AgentClient::new(channel);
        let answers = client
            .renew(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        Ok(Self { asks, answers })
    }

    pub(super) async fn hello(&self, csr: Vec<u8>) {
        let message = Some(RenewAsk::Hello(wire::RenewHello { csr: csr.into() }));
        let _ = self.asks.send(wire::RenewRequest { message }).await;
    }

    pub(super) async fn next(&mut self) -> Result<RenewAnswer, Status> {
        let response = self.answers.message().await?;
        response
            .and_then(|response| response.message)
            .ok_or_else(|| Status::new(Code::Unknown, "the admin ended the talk"))
    }

    pub(super) async fn finish(mut self, key: &PrivateKey) -> Result<Credential, Status> {
        match self.next().await? {
            RenewAnswer::Certificate(certificate) => Ok(claim::credential(key, &certificate)),
            RenewAnswer::Challenge(_) => panic!("a proof is asked for"),
        }
    }
}

async fn next(answers: &mut Streaming<wire::UplinkResponse>) -> Result<Answer, Status> {
    let response = answers.message().await?;
    response
        .and_then(|response| response.message)
        .ok_or_else(|| Status::new(Code::Unknown, "the admin ended the talk"))
}

/// A finding of an account.
pub(super) fn finding(account: &str, id: &str) -> Json {
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": format!("arn:aws:securityhub:us-east-1:{account}:product/{account}/default"),
        "GeneratorId": "test",
        "AwsAccountId": account,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": "2026-11-01T00:00:00Z",
        "UpdatedAt": "2026-11-01T00:00:00Z",
        "Severity": { "Label": "HIGH" },
        "Title": format!("of {account}"),
        "Description": "d",
        "Resources": [{ "Type": "AwsAccount", "Id": format!("AWS::::Account:{account}") }],
    })
}

//! `muster.v1.Agent`: the uplink, the renewal, the leave.

mod in_flight;
mod observe;
mod uplink;
mod uplinks;

use futures::stream::BoxStream;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use muster_proto::v1::agent_server::Agent as Service;
use muster_proto::v1::renew_request::Message as Asked;
use muster_proto::v1::renew_response::Message as Answer;
use muster_store::Ledger;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::enrollment::{DEADLINE, certificate, proof_of};
use crate::api::caller::{self, AgentCaller};
use crate::api::error::{invalid, status};
use crate::enrollment::{Enrollment, Renewal, RenewalRequest};
use crate::ingest::Ingest;
use crate::inventory::Inventory;
use crate::membership::Membership;
pub use uplinks::Uplinks;

pub struct AgentService {
    pub ingest: Ingest,
    pub membership: Membership,
    pub enrollment: Enrollment,
    pub ledger: Arc<dyn Ledger>,
    pub clock: Clock,
    pub inventory: Inventory,
    pub uplinks: Uplinks,
    /// Of configuration state, one of each agent.
    pub observations: Uplinks,
    /// How long an agent may take over an acknowledgement.
    pub answer_timeout: Duration,
    /// How long an uplink may be without one whole message.
    pub silence_max: Duration,
    /// Ends uplinks when the server drains.
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl Service for AgentService {
    type UplinkStream = BoxStream<'static, Result<wire::UplinkResponse, Status>>;
    type ObserveStream = BoxStream<'static, Result<wire::ObserveResponse, Status>>;
    type RenewStream = BoxStream<'static, Result<wire::RenewResponse, Status>>;

    async fn uplink(
        &self,
        request: Request<Streaming<wire::UplinkRequest>>,
    ) -> Result<Response<Self::UplinkStream>, Status> {
        let agent = caller::agent(&request)?;
        let (answers, stream) = mpsc::channel(uplink::IN_FLIGHT_MAX * 2);
        let uplink = uplink::Uplink {
            place: self.uplinks.open(agent.agent),
            answer_timeout: self.answer_timeout,
            silence_max: self.silence_max,
            agent,
            ingest: self.ingest.clone(),
            membership: self.membership.clone(),
            ledger: Arc::clone(&self.ledger),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
            answers,
        };
        tokio::spawn(uplink.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn observe(
        &self,
        request: Request<Streaming<wire::ObserveRequest>>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let agent = caller::agent(&request)?;
        let (answers, stream) = mpsc::channel(1);
        let observation = observe::Observation {
            place: self.observations.open(agent.agent),
            answer_timeout: self.answer_timeout,
            observer: self
                .inventory
                .observer(agent.account, Arc::from(agent.id.to_string())),
            agent,
            membership: self.membership.clone(),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
            answers,
        };
        tokio::spawn(observation.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn renew(
        &self,
        request: Request<Streaming<wire::RenewRequest>>,
    ) -> Result<Response<Self::RenewStream>, Status> {
        let agent = caller::agent(&request)?;
        let mut asked = request.into_inner();
        let (answers, stream) = mpsc::channel(2);
        let enrollment = self.enrollment.clone();
        tokio::spawn(async move {
            let talk = renew(&enrollment, &agent, &mut asked, &answers);
            let end = tokio::time::timeout(DEADLINE, talk)
                .await
                .unwrap_or_else(|_| {
                    Err(Status::deadline_exceeded(
                        "a renewal takes at most 60 s; start again",
                    ))
                });
            if let Err(refused) = end {
                // The agent may have gone.
                let _ = answers.send(Err(refused)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn leave(
        &self,
        request: Request<wire::LeaveRequest>,
    ) -> Result<Response<wire::LeaveResponse>, Status> {
        let agent = caller::agent(&request)?;
        self.membership
            .resign(agent.account, &agent.id.to_string())
            .await
            .map_err(status)?;
        Ok(Response::new(wire::LeaveResponse {}))
    }
}

async fn renew(
    enrollment: &Enrollment,
    agent: &AgentCaller,
    asked: &mut Streaming<wire::RenewRequest>,
    answers: &mpsc::Sender<Result<wire::RenewResponse, Status>>,
) -> Result<(), Status> {
    let answer = async |message| {
        answers
            .send(Ok(wire::RenewResponse {
                message: Some(message),
            }))
            .await
            .map_err(|_| Status::cancelled("the agent is gone"))
    };
    let first = asked.message().await?.and_then(|request| request.message);
    let Some(Asked::Hello(wire::RenewHello { csr })) = first else {
        return Err(invalid("a renewal starts with a hello"));
    };
    let request = RenewalRequest {
        account: agent.account,
        agent: agent.agent,
        leaf: agent.certificate.as_ref().into(),
        public_key: agent.certificate.public_key.clone(),
        expires_at: agent.certificate.not_after,
        csr: csr.to_vec(),
    };
    let nonce = match enrollment.renew(&request).await.map_err(status)? {
        Renewal::Renewed(renewed) => {
            return answer(Answer::Certificate(certificate(renewed))).await;
        }
        Renewal::ProofNeeded { nonce } => nonce,
    };
    answer(Answer::Challenge(wire::Challenge {
        nonce: nonce.to_vec().into(),
        server_id: enrollment.server_id(),
    }))
    .await?;
    let second = asked.message().await?.and_then(|request| request.message);
    let Some(Asked::Proof(proof)) = second else {
        return Err(invalid("a challenge is answered with a proof"));
    };
    let proof = proof_of(Some(proof))?;
    let renewed = enrollment
        .renew_with_proof(&request, &nonce, &proof)
        .await
        .map_err(status)?;
    answer(Answer::Certificate(certificate(renewed))).await
}

//! `muster.v1.Enrollment`.

use std::time::Duration;

use futures::stream::BoxStream;
use muster_common::invitation::InvitationSecret;
use muster_common::proof::Proof;
use muster_proto::v1 as wire;
use muster_proto::v1::enroll_request::Message as Asked;
use muster_proto::v1::enroll_response::Message as Answer;
use muster_proto::v1::enrollment_server::Enrollment as Service;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::api::caller;
use crate::api::error::{invalid, status};
use crate::enrollment::{Claim, Enrolled, Enrollment, Hello};

/// An enrollment or a renewal takes no longer.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub struct EnrollmentService {
    pub enrollment: Enrollment,
    /// Where agents connect afterwards.
    pub agent_endpoint: String,
}

type Answers = mpsc::Sender<Result<wire::EnrollResponse, Status>>;

#[tonic::async_trait]
impl Service for EnrollmentService {
    type EnrollStream = BoxStream<'static, Result<wire::EnrollResponse, Status>>;

    async fn enroll(
        &self,
        request: Request<Streaming<wire::EnrollRequest>>,
    ) -> Result<Response<Self::EnrollStream>, Status> {
        let peer = caller::stranger(&request)?;
        let (answers, stream) = mpsc::channel(2);
        let (enrollment, endpoint) = (self.enrollment.clone(), self.agent_endpoint.clone());
        tokio::spawn(async move {
            let talk = talk(
                &enrollment,
                endpoint,
                peer.ip(),
                request.into_inner(),
                &answers,
            );
            let end = match tokio::time::timeout(DEADLINE, talk).await {
                Ok(end) => end,
                Err(_) => Err(Status::deadline_exceeded(
                    "an enrollment takes at most 60 s; start again",
                )),
            };
            if let Err(refused) = end {
                // The agent may have gone.
                let _ = answers.send(Err(refused)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn decline_invitation(
        &self,
        request: Request<wire::DeclineInvitationRequest>,
    ) -> Result<Response<wire::DeclineInvitationResponse>, Status> {
        let peer = caller::stranger(&request)?;
        let wire::DeclineInvitationRequest {
            invitation_id,
            invitation_secret,
        } = request.into_inner();
        let id = invitation_id.parse().map_err(|_| not_valid())?;
        let secret = InvitationSecret::from_bytes(&invitation_secret).ok_or_else(not_valid)?;
        self.enrollment
            .decline(id, &secret, peer.ip())
            .await
            .map_err(status)?;
        Ok(Response::new(wire::DeclineInvitationResponse {}))
    }
}

/// E01: whatever is wrong with the form of an invitation, it is told in one way.
fn not_valid() -> Status {
    invalid("the invitation is not valid; copy the whole line that 'muster member invite' printed")
}

async fn talk(
    enrollment: &Enrollment,
    agent_endpoint: String,
    peer: std::net::IpAddr,
    mut asked: Streaming<wire::EnrollRequest>,
    answers: &Answers,
) -> Result<(), Status> {
    let Some(Asked::Hello(hello)) = next(&mut asked).await? else {
        return Err(invalid("an enrollment starts with a hello"));
    };
    let (attempt, nonce) = enrollment
        .begin(hello_of(hello)?, peer)
        .await
        .map_err(status)?;
    let challenge = wire::Challenge {
        nonce: nonce.to_vec().into(),
        server_id: enrollment.server_id(),
    };
    answer(answers, Answer::Challenge(challenge)).await?;
    let Some(Asked::Proof(proof)) = next(&mut asked).await? else {
        return Err(invalid("a challenge is answered with a proof"));
    };
    let enrolled = enrollment
        .finish(attempt, claim_of(proof)?)
        .await
        .map_err(status)?;
    let enrolled = wire::Enrolled {
        certificate: Some(certificate(enrolled)),
        agent_endpoint,
    };
    answer(answers, Answer::Enrolled(enrolled)).await
}

async fn next(asked: &mut Streaming<wire::EnrollRequest>) -> Result<Option<Asked>, Status> {
    Ok(asked.message().await?.and_then(|request| request.message))
}

async fn answer(answers: &Answers, message: Answer) -> Result<(), Status> {
    let response = wire::EnrollResponse {
        message: Some(message),
    };
    answers
        .send(Ok(response))
        .await
        .map_err(|_| Status::cancelled("the agent is gone"))
}

fn hello_of(hello: wire::EnrollHello) -> Result<Hello, Status> {
    let wire::EnrollHello {
        invitation_id,
        account_id,
        region,
        csr,
        agent_version,
    } = hello;
    Ok(Hello {
        invitation: invitation_id.parse().map_err(|_| not_valid())?,
        account: account_id
            .parse()
            .map_err(|error| invalid(format!("account_id: {error}")))?,
        region: region
            .parse()
            .map_err(|error| invalid(format!("region: {error}")))?,
        csr: csr.to_vec(),
        version: agent_version,
    })
}

fn claim_of(proof: wire::EnrollProof) -> Result<Claim, Status> {
    let wire::EnrollProof {
        invitation_secret,
        proof,
    } = proof;
    Ok(Claim {
        secret: InvitationSecret::from_bytes(&invitation_secret).ok_or_else(not_valid)?,
        proof: proof_of(proof)?,
    })
}

pub(super) fn proof_of(proof: Option<wire::AccountProof>) -> Result<Proof, Status> {
    let wire::AccountProof {
        region,
        access_key_id,
        session_token,
        amz_date,
        signature,
    } = proof.ok_or_else(|| invalid("the proof of account is missing"))?;
    Proof::new(
        &region,
        &access_key_id,
        &session_token,
        &amz_date,
        &signature,
    )
    .map_err(|error| invalid(error.to_string()))
}

pub(super) fn certificate(enrolled: Enrolled) -> wire::Certificate {
    let Enrolled {
        chain,
        server_roots,
        agent: _,
    } = enrolled;
    wire::Certificate {
        chain: chain.into_iter().map(Into::into).collect(),
        server_roots: server_roots.into_iter().map(Into::into).collect(),
    }
}

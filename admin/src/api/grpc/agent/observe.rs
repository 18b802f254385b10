//! Observation: portions of configuration state come up, each is answered.

use std::time::Duration;

use muster_common::clock::Clock;
use muster_common::timestamp::from_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::observe_request::End;
use muster_proto::v1::observe_response::Outcome;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::uplinks::Place;
use crate::api::caller::AgentCaller;
use crate::api::error::{invalid, status, unauthenticated};
use crate::inventory::{Observer, Portion, PortionEnd, Refused, Taken, Trouble};

/// An agent that has nothing to tell keeps its stream; a cut network is found by the keepalive of the connection.
pub(super) struct Observation {
    pub place: Place,
    pub answer_timeout: Duration,
    pub observer: Observer,
    pub agent: AgentCaller,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub answers: mpsc::Sender<Result<wire::ObserveResponse, Status>>,
}

impl Observation {
    pub(super) async fn run(mut self, asked: Streaming<wire::ObserveRequest>) {
        if let Err(refused) = self.talk(asked).await {
            // The agent may have gone.
            let _ = self.answers.send(Err(refused)).await;
        }
    }

    /// One portion at a time, so an account has one at the store.
    async fn talk(&mut self, mut asked: Streaming<wire::ObserveRequest>) -> Result<(), Status> {
        loop {
            let request = tokio::select! {
                biased;
                () = self.answers.closed() => return Err(Status::cancelled("the agent is gone")),
                () = self.place.taken.cancelled() => {
                    return Err(Status::aborted("this agent has opened other observations; the oldest one ends"));
                }
                () = self.stop.cancelled() => {
                    return Err(Status::unavailable("the server is stopping; what was answered is safe"));
                }
                request = asked.message() => request?,
            };
            let Some(request) = request else {
                return Ok(());
            };
            if self.clock.now() >= self.agent.certificate.not_after {
                return Err(unauthenticated(
                    "the certificate expired; renew it and connect again",
                ));
            }
            let taken = self
                .observer
                .take(portion(request)?)
                .await
                .map_err(status)?;
            self.answer(taken).await?;
        }
    }

    async fn answer(&self, taken: Taken) -> Result<(), Status> {
        let outcome = match taken {
            Taken::Taken { refused } => Outcome::Taken(wire::ObservationTaken {
                refused: refused.into_iter().map(refusal).collect(),
            }),
            Taken::BaseUnknown => Outcome::BaseUnknown(wire::BaseUnknown {}),
        };
        let response = wire::ObserveResponse {
            outcome: Some(outcome),
        };
        let sent = self.answers.send_timeout(Ok(response), self.answer_timeout);
        sent.await
            .map_err(|_| Status::cancelled("the agent is gone, or reads no answers"))
    }
}

fn refusal(refused: Refused) -> wire::RefusedResource {
    let Refused { id, code, message } = refused;
    wire::RefusedResource {
        id,
        code: code.to_owned(),
        message,
    }
}

fn portion(request: wire::ObserveRequest) -> Result<Portion, Status> {
    let wire::ObserveRequest {
        resource_type,
        region,
        epoch,
        base_epoch,
        changed,
        gone,
        end,
        number,
    } = request;
    let epoch = epoch.ok_or_else(|| invalid("epoch: is missing"))?;
    Ok(Portion {
        kind: resource_type,
        place: region,
        epoch: from_wire(&epoch),
        base: base_epoch.as_ref().map(from_wire),
        number,
        changed,
        gone,
        end: end.map(|end| match end {
            End::Complete(wire::EpochComplete { count }) => PortionEnd::Complete { count },
            End::Unavailable(wire::EpochUnavailable {
                code,
                call,
                message,
            }) => PortionEnd::Unavailable(Trouble {
                code,
                call,
                message,
            }),
        }),
    })
}

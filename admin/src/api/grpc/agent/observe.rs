//! Observation: portions of configuration state come up, and what the agent reads; each is answered.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::inventory::{Observer, Portion, PortionEnd, Reads, Refused, Taken, Trouble};
use crate::membership::Membership;

/// An agent that has nothing to tell keeps its stream; a cut network is found by the keepalive of the connection.
pub(super) struct Observation {
    pub place: Place,
    pub answer_timeout: Duration,
    pub observer: Observer,
    pub agent: AgentCaller,
    pub membership: Membership,
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
                () = self.place.taken.cancelled() => return Err(replaced()),
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
            // What a later observation tells must not be overtaken by what waits on this one.
            let turn = self.observer.turn().await;
            if self.place.taken.is_cancelled() {
                return Err(replaced());
            }
            let taken = match request.reads {
                Some(reads) => self.reads(reads).await?,
                None => self
                    .observer
                    .take(portion(request)?)
                    .await
                    .map_err(status)?,
            };
            drop(turn);
            self.answer(taken).await?;
        }
    }

    async fn reads(&mut self, reads: wire::ReadPlaces) -> Result<Taken, Status> {
        let reads = read_places(reads)?;
        let AgentCaller { account, agent, .. } = self.agent;
        let agents = self.membership.standing_agents(account);
        let agents = agents.await.map_err(status)?;
        let given_up = self.observer.reads(agent, &reads, &agents).await;
        given_up.map_err(status)?;
        Ok(Taken::Taken {
            refused: Vec::new(),
        })
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

fn replaced() -> Status {
    Status::aborted("this agent has opened another observation; this one ends")
}

fn refusal(refused: Refused) -> wire::RefusedResource {
    let Refused { id, code, message } = refused;
    wire::RefusedResource {
        id,
        code: code.to_owned(),
        message,
    }
}

fn read_places(reads: wire::ReadPlaces) -> Result<Reads, Status> {
    let mut places = BTreeMap::new();
    for wire::ReadPlace {
        region,
        resource_types,
    } in reads.places
    {
        let kinds: BTreeSet<String> = resource_types.into_iter().collect();
        if places.insert(region, kinds).is_some() {
            return Err(invalid("reads: a place stands twice"));
        }
    }
    Ok(Reads(places))
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
        reads: _,
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

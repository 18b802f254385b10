//! The uplink: batches come up, acknowledgements go down in the order of the spool.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use muster_common::clock::Clock;
use muster_common::health::CollectorHealth;
use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Asked;
use muster_proto::v1::uplink_response::Message as Answer;
use muster_store::Ledger;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::api::caller::AgentCaller;
use crate::api::error::{invalid, status, unauthenticated};
use crate::ingest::{Admission, Ingest, Origin, Turn};
use crate::membership::{Membership, Report};

use super::in_flight::InFlight;
use super::uplinks::Place;

/// Batches of one uplink that may wait for the disk.
pub(super) const IN_FLIGHT_MAX: usize = 4;
const BATCH_FINDINGS_MAX: usize = 500;
/// How long a batch is held back for its account's rate, at most.
const HOLD_MAX: Duration = Duration::from_secs(10);
const BATCH_BYTES_MAX: usize = 4 << 20;
/// No spool counts so far; beyond, sums of sequences would not fit.
const SEQUENCE_MAX: u64 = 1 << 48;
/// Collectors that one report may name, and the bytes of their texts; what goes beyond is left out.
const COLLECTORS_MAX: usize = 1_000;
const REPORT_BYTES_MAX: usize = 256 << 10;

pub(super) struct Uplink {
    pub place: Place,
    pub answer_timeout: Duration,
    pub silence_max: Duration,
    pub agent: AgentCaller,
    pub ingest: Ingest,
    pub membership: Membership,
    pub ledger: Arc<dyn Ledger>,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub answers: mpsc::Sender<Result<wire::UplinkResponse, Status>>,
}

/// A spool that introduced itself.
struct Spool {
    id: Uuid,
    /// The last sequence that the agent was told is durable.
    acknowledged: u64,
    /// The sequence that the next batch must start with; unset before the first.
    next: Option<u64>,
    actor: Arc<str>,
}

/// A batch that waits for its account's rate, and then for its turn at the store.
type Held = BoxFuture<'static, (wire::Batch, Turn)>;
type Acknowledging = BoxFuture<'static, Result<wire::Acknowledgement, Status>>;

impl Uplink {
    pub(super) async fn run(self, asked: Streaming<wire::UplinkRequest>) {
        let agent = self.agent.agent;
        let presence = self.membership.presence().clone();
        presence.update(agent, self.clock.now(), |seen| seen.uplinks += 1);
        let end = self.talk(asked).await;
        presence.update(agent, self.clock.now(), |seen| seen.uplinks -= 1);
        if let Err(error) = self.membership.contacted(self.agent.account, agent).await {
            tracing::warn!(%agent, %error, "the last contact was not written down");
        }
        if let Err(refused) = end {
            // The agent may have gone.
            let _ = self.answers.send(Err(refused)).await;
        }
    }

    async fn talk(&self, mut asked: Streaming<wire::UplinkRequest>) -> Result<(), Status> {
        let first = timeout(self.silence_max, asked.message()).await;
        let first = first.map_err(|_| silent())??;
        let Some(Asked::Hello(hello)) = first.and_then(|request| request.message) else {
            return Err(invalid("an uplink starts with a hello"));
        };
        let mut spool = self.welcome(hello).await?;
        let mut in_flight: InFlight<Acknowledging> = InFlight::new();
        // None is read behind it.
        let mut held: Option<Held> = None;
        let mut open = true;
        let mut heard = Instant::now();
        // Each batch is handed to the store before the next one is read, so they arrive there in order.
        while open || held.is_some() || !in_flight.is_empty() {
            let idle = held.is_none() && in_flight.is_empty();
            tokio::select! {
                biased;
                // Nobody hears an acknowledgement any more: what still waits is not taken.
                () = self.answers.closed() => return Err(Status::cancelled("the agent is gone")),
                () = self.place.taken.cancelled() => {
                    return Err(Status::aborted("this agent has opened other uplinks; the oldest one ends"));
                }
                Some(acknowledged) = in_flight.next(), if !in_flight.is_empty() => {
                    self.acknowledge(&mut spool, acknowledged?).await?;
                    heard = Instant::now();
                }
                (batch, turn) = ready(&mut held), if held.is_some() => {
                    held = None;
                    in_flight.push(self.take(&mut spool, batch, turn)?);
                }
                () = self.stop.cancelled(), if open => open = false,
                () = sleep_until(heard + self.silence_max), if open && idle => return Err(silent()),
                request = asked.message(), if open && held.is_none() && in_flight.len() < IN_FLIGHT_MAX => {
                    heard = Instant::now();
                    match request?.map(|request| request.message) {
                        None => open = false,
                        Some(Some(Asked::Batch(batch))) => held = Some(self.hold(batch)?),
                        Some(Some(Asked::Report(report))) => self.note(&spool, report),
                        Some(Some(Asked::Hello(_)) | None) => return Err(invalid("expected a batch or a report")),
                    }
                }
            }
        }
        if self.stop.is_cancelled() {
            return Err(Status::unavailable(
                "the server is stopping; everything acknowledged is safe",
            ));
        }
        Ok(())
    }

    /// Holds a batch back for its account's rate and turn. One that is out of bounds takes nothing from them.
    fn hold(&self, batch: wire::Batch) -> Result<Held, Status> {
        let account = self.agent.account;
        let findings = batch.findings.len();
        let bytes: usize = batch.findings.iter().map(Bytes::len).sum();
        if findings == 0 || findings > BATCH_FINDINGS_MAX || bytes > BATCH_BYTES_MAX {
            return Err(invalid(format!(
                "a batch has 1 to {BATCH_FINDINGS_MAX} findings of at most {BATCH_BYTES_MAX} bytes in all"
            )));
        }
        let ready = Instant::now() + self.ingest.reserve(account, findings);
        let ingest = self.ingest.clone();
        let held = async move {
            sleep_until(ready).await;
            let turn = ingest.turn(account, findings, bytes).await;
            (batch, turn)
        };
        Ok(held.boxed())
    }

    async fn welcome(&self, hello: wire::UplinkHello) -> Result<Spool, Status> {
        let wire::UplinkHello {
            agent_version,
            spool_id,
            region,
        } = hello;
        let id = spool_id
            .parse()
            .map_err(|_| invalid("spool_id: should be a UUID"))?;
        let agent = self.agent.agent;
        let acknowledged = self.ledger.acknowledged(agent, id).await.map_err(status)?;
        self.membership
            .presence()
            .update(agent, self.clock.now(), |seen| {
                seen.report.version = agent_version.chars().take(64).collect();
                seen.report.region = region.chars().take(64).collect();
            });
        // What waits longer than an agent has patience for would be sent again and again.
        let batch_findings = self.ingest.batch_within(HOLD_MAX).min(BATCH_FINDINGS_MAX);
        self.answer(Answer::Welcome(wire::Welcome {
            acknowledged_sequence: acknowledged,
            batch_findings_max: batch_findings as u32,
            batch_bytes_max: BATCH_BYTES_MAX as u32,
            in_flight_max: IN_FLIGHT_MAX as u32,
        }))
        .await?;
        Ok(Spool {
            id,
            acknowledged,
            next: None,
            actor: Arc::from(self.agent.id.to_string()),
        })
    }

    /// Checks a batch and gives what will acknowledge it.
    fn take(
        &self,
        spool: &mut Spool,
        batch: wire::Batch,
        turn: Turn,
    ) -> Result<Acknowledging, Status> {
        if self.clock.now() >= self.agent.certificate.not_after {
            return Err(unauthenticated(
                "the certificate expired; renew it and connect again",
            ));
        }
        let wire::Batch {
            first_sequence: first,
            findings,
        } = batch;
        if first == 0 || spool.next.is_some_and(|next| next != first) {
            return Err(invalid(
                "the batches of a spool follow each other without gaps",
            ));
        }
        if first > SEQUENCE_MAX {
            return Err(invalid(format!(
                "first_sequence: {first} is too large; at most {SEQUENCE_MAX}"
            )));
        }
        let last = first + findings.len() as u64 - 1;
        spool.next = Some(last + 1);
        let origin = Origin {
            account: self.agent.account,
            agent: self.agent.agent,
            spool: spool.id,
            first,
            actor: Arc::clone(&spool.actor),
        };
        let ingest = self.ingest.clone();
        Ok(Box::pin(async move {
            let admissions = ingest
                .from_agent(&origin, findings, turn)
                .await
                .map_err(status)?;
            let refused = admissions
                .into_iter()
                .zip(first..)
                .filter_map(|(admission, sequence)| match admission {
                    Admission::Refused(refusal) => Some(wire::RefusedFinding {
                        sequence,
                        code: refusal.code().to_owned(),
                        message: refusal.to_string(),
                    }),
                    Admission::Created(_) | Admission::Updated(_) | Admission::Unchanged(_) => None,
                })
                .collect();
            Ok(wire::Acknowledgement {
                through_sequence: last,
                refused,
            })
        }))
    }

    async fn acknowledge(
        &self,
        spool: &mut Spool,
        acknowledgement: wire::Acknowledgement,
    ) -> Result<(), Status> {
        let through = acknowledgement.through_sequence.max(spool.acknowledged);
        spool.acknowledged = through;
        self.membership
            .presence()
            .update(self.agent.agent, self.clock.now(), |seen| {
                seen.acknowledged = through;
                seen.report.last_sequence = seen.report.last_sequence.max(through);
            });
        self.answer(Answer::Acknowledgement(acknowledgement)).await
    }

    fn note(&self, spool: &Spool, report: wire::Report) {
        let wire::Report {
            collectors,
            spool_bytes,
            spool_bytes_max: _,
            last_sequence,
            dead_letters,
        } = report;
        let mut bytes = 0;
        let collectors: Vec<CollectorHealth> = collectors
            .into_iter()
            .take(COLLECTORS_MAX)
            .map(CollectorHealth::from)
            .take_while(|health| {
                bytes += health.collector.len() + health.region.len() + health.message.len();
                bytes <= REPORT_BYTES_MAX
            })
            .collect();
        self.membership
            .presence()
            .update(self.agent.agent, self.clock.now(), |seen| {
                // A doctor's uplink says hello with another spool and reports nothing.
                seen.acknowledged = spool.acknowledged;
                seen.report = Report {
                    collectors,
                    spool_bytes,
                    last_sequence,
                    dead_letters,
                    ..std::mem::take(&mut seen.report)
                };
            });
    }

    async fn answer(&self, message: Answer) -> Result<(), Status> {
        let response = wire::UplinkResponse {
            message: Some(message),
        };
        let sent = self.answers.send_timeout(Ok(response), self.answer_timeout);
        sent.await
            .map_err(|_| Status::cancelled("the agent is gone, or reads no answers"))
    }
}

/// What was held back, once it is ready.
async fn ready(held: &mut Option<Held>) -> (wire::Batch, Turn) {
    match held {
        Some(held) => held.await,
        None => std::future::pending().await,
    }
}

fn silent() -> Status {
    Status::deadline_exceeded("nothing came for too long; an agent reports every minute")
}

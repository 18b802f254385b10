//! Telling of configuration: portions of epochs on a stream of their own, beside the uplink on its connection.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::observe_request::End;
use muster_proto::v1::observe_response::Outcome;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Carrier;
use crate::state::{Admin, EpochEnd, Lost, Portion, RefusedResource, Taken};

/// How long the admin may take over a portion.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The connection of the uplink, as long as it is up.
#[derive(Clone)]
pub struct Carriers(watch::Sender<Option<Arc<Mutex<Carrier>>>>);

impl Default for Carriers {
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Carriers {
    pub(super) fn up(&self, carrier: &Carrier) {
        self.0
            .send_replace(Some(Arc::new(Mutex::new(carrier.clone()))));
    }

    pub(super) fn down(&self) {
        self.0.send_replace(None);
    }

    /// What tells the admin on these connections.
    #[must_use]
    pub fn teller(&self) -> Teller {
        Teller {
            carriers: self.0.subscribe(),
            line: AsyncMutex::default(),
        }
    }
}

/// Tells the admin, one portion at a time.
pub struct Teller {
    carriers: watch::Receiver<Option<Arc<Mutex<Carrier>>>>,
    line: AsyncMutex<Option<Line>>,
}

struct Line {
    carrier: Arc<Mutex<Carrier>>,
    asks: mpsc::Sender<wire::ObserveRequest>,
    answers: Streaming<wire::ObserveResponse>,
}

impl Admin for Teller {
    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
        Box::pin(async move {
            let mut line = self.line.lock().await;
            let told = self.told(&mut line, portion).await;
            if told.is_err() {
                *line = None;
            }
            told
        })
    }
}

impl Teller {
    async fn told(&self, line: &mut Option<Line>, portion: Portion) -> Result<Taken, Lost> {
        let carrier = self.carrier().await?;
        let line = match line {
            Some(line) if Arc::ptr_eq(&line.carrier, &carrier) => line,
            Some(_) | None => line.insert(Line::open(carrier).await?),
        };
        line.tell(portion).await
    }

    /// Waits until there is one.
    async fn carrier(&self) -> Result<Arc<Mutex<Carrier>>, Lost> {
        let mut carriers = self.carriers.clone();
        let up = carriers.wait_for(Option::is_some).await;
        up.map_err(|_| Lost)?.clone().ok_or(Lost)
    }
}

impl Line {
    async fn open(carrier: Arc<Mutex<Carrier>>) -> Result<Self, Lost> {
        let (asks, outgoing) = mpsc::channel(1);
        let mut client = AgentClient::new(carrier.lock().clone());
        let opened = timeout(
            ANSWER_TIMEOUT,
            client.observe(ReceiverStream::new(outgoing)),
        )
        .await;
        let answers = opened
            .map_err(|_| Lost)?
            .map_err(|status| {
                tracing::debug!(%status, "the admin takes no configuration");
                Lost
            })?
            .into_inner();
        Ok(Self {
            carrier,
            asks,
            answers,
        })
    }

    async fn tell(&mut self, portion: Portion) -> Result<Taken, Lost> {
        let Portion {
            kind,
            place,
            epoch,
            base,
            number,
            changed,
            gone,
            end,
        } = portion;
        let request = wire::ObserveRequest {
            resource_type: kind.to_owned(),
            region: place,
            epoch: Some(to_wire(epoch)),
            base_epoch: base.map(to_wire),
            number,
            changed,
            gone,
            end: end.map(end_of),
        };
        self.asks
            .send_timeout(request, ANSWER_TIMEOUT)
            .await
            .map_err(|_| Lost)?;
        let answered = timeout(ANSWER_TIMEOUT, self.answers.message()).await;
        let answer = answered.map_err(|_| Lost)?.map_err(|status| {
            tracing::warn!(%status, kind, "the admin did not take configuration; it is read again");
            Lost
        })?;
        match answer.and_then(|response| response.outcome) {
            Some(Outcome::Taken(wire::ObservationTaken { refused })) => Ok(Taken::Taken {
                refused: refused.into_iter().map(refusal).collect(),
            }),
            Some(Outcome::BaseUnknown(wire::BaseUnknown {})) => Ok(Taken::BaseUnknown),
            None => Err(Lost),
        }
    }
}

fn end_of(end: EpochEnd) -> End {
    match end {
        EpochEnd::Complete { count } => End::Complete(wire::EpochComplete { count }),
        EpochEnd::Unavailable {
            code,
            call,
            message,
        } => End::Unavailable(wire::EpochUnavailable {
            code,
            call,
            message,
        }),
    }
}

fn refusal(refused: wire::RefusedResource) -> RefusedResource {
    let wire::RefusedResource { id, code, message } = refused;
    RefusedResource { id, code, message }
}

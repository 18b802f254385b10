//! Telling of configuration: what is read, and portions of epochs, on a stream of their own beside the uplink on its connection.

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
use crate::state::{Admin, EpochEnd, Lost, Portion, Reads, RefusedResource, Taken};

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
            reads: Mutex::default(),
        }
    }
}

/// Tells the admin, one portion at a time.
pub struct Teller {
    carriers: watch::Receiver<Option<Arc<Mutex<Carrier>>>>,
    line: AsyncMutex<Option<Line>>,
    /// What every new line begins with, once it is known.
    reads: Mutex<Option<Reads>>,
}

struct Line {
    carrier: Arc<Mutex<Carrier>>,
    asks: mpsc::Sender<wire::ObserveRequest>,
    answers: Streaming<wire::ObserveResponse>,
    /// What is read, as it was said on it.
    said: Option<Reads>,
}

impl Admin for Teller {
    fn read(&self, reads: Reads) -> BoxFuture<'_, Result<(), Lost>> {
        // Before it waits, so that no portion from a new place is told before it.
        *self.reads.lock() = Some(reads);
        Box::pin(async move {
            let mut kept = self.line.lock().await;
            // Also if it was said before: what other agents read may have changed.
            if let Some(line) = &mut *kept {
                line.said = None;
            }
            let line = self.line(&mut kept).await?;
            *kept = Some(line);
            Ok(())
        })
    }

    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
        Box::pin(async move {
            let mut kept = self.line.lock().await;
            let mut line = self.line(&mut kept).await?;
            let taken = line.tell(portion).await?;
            *kept = Some(line);
            Ok(taken)
        })
    }
}

impl Teller {
    /// The line of this connection, on which it is said what is read. It is out of its place until it is put back, for one
    /// that broke, or whose user was given up in the middle of an answer, is no good for the next.
    async fn line(&self, kept: &mut Option<Line>) -> Result<Line, Lost> {
        let carrier = self.carrier().await?;
        let mut line = match kept.take() {
            Some(line) if Arc::ptr_eq(&line.carrier, &carrier) => line,
            Some(_) | None => Line::open(carrier).await?,
        };
        let reads = self.reads.lock().clone();
        if let Some(reads) = reads.filter(|reads| line.said.as_ref() != Some(reads)) {
            line.say(reads).await?;
        }
        Ok(line)
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
            said: None,
        })
    }

    async fn say(&mut self, reads: Reads) -> Result<(), Lost> {
        let request = wire::ObserveRequest {
            reads: Some(read_places(&reads)),
            ..Default::default()
        };
        self.ask(request, "").await?;
        self.said = Some(reads);
        Ok(())
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
            reads: None,
        };
        self.ask(request, kind).await
    }

    async fn ask(&mut self, request: wire::ObserveRequest, kind: &str) -> Result<Taken, Lost> {
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

fn read_places(reads: &Reads) -> wire::ReadPlaces {
    let places = reads.0.iter().map(|(place, kinds)| wire::ReadPlace {
        region: place.clone(),
        resource_types: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    });
    wire::ReadPlaces {
        places: places.collect(),
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

//! Watching: changes as they are recorded, from any place in the feed on.

use std::time::Duration;

use futures::stream::BoxStream;
use muster_common::filter::Filter;
use muster_proto::v1 as wire;
use muster_store::FeedEvent;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::translate::{Statuses, record};
use crate::api::error::status;
use crate::findings::{Findings, Told};
use crate::membership::Membership;

/// Changes that one look at the feed takes.
const LOOK: usize = 500;
/// Answers that may wait for a slow reader. It is the reader who slows the watch, nobody else.
const WAITING_MAX: usize = 256;
/// A watch that has nothing to tell says how far it has looked.
const HEARTBEAT: Duration = Duration::from_secs(30);

pub(super) struct Watch {
    pub findings: Findings,
    pub membership: Membership,
    pub filter: Filter,
    pub format: i32,
    /// Changes up to here are known.
    pub after: u64,
    pub head: watch::Receiver<u64>,
}

type Answers = mpsc::Sender<Result<wire::WatchFindingsResponse, Status>>;

impl Watch {
    pub(super) fn stream(
        mut self,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<wire::WatchFindingsResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            let end = tokio::select! {
                end = self.run(&answers) => end,
                () = stop.cancelled() => Err(Status::unavailable("the server is stopping; go on from the last sequence")),
            };
            if let Err(error) = end {
                // The reader may have gone.
                let _ = answers.send(Err(error)).await;
            }
        });
        Box::pin(ReceiverStream::new(stream))
    }

    async fn run(&mut self, answers: &Answers) -> Result<(), Status> {
        loop {
            let seen = *self.head.borrow_and_update();
            while self.after < seen {
                let (told, last) = self
                    .findings
                    .changes(&self.filter, self.after, LOOK)
                    .await
                    .map_err(status)?;
                for told in told {
                    let response = self.response(told).await?;
                    if answers.send(Ok(response)).await.is_err() {
                        return Ok(());
                    }
                }
                // Nothing more is kept after this place.
                self.after = if last == self.after { seen } else { last };
            }
            tokio::select! {
                changed = self.head.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(HEARTBEAT) => {
                    let heartbeat = wire::WatchFindingsResponse { sequence: self.after, ..Default::default() };
                    if answers.send(Ok(heartbeat)).await.is_err() {
                        return Ok(());
                    }
                }
                () = answers.closed() => return Ok(()),
            }
        }
    }

    async fn response(&self, told: Told) -> Result<wire::WatchFindingsResponse, Status> {
        let Told {
            sequence,
            event,
            key,
            finding,
        } = told;
        let event = match event {
            FeedEvent::Created => wire::FindingEvent::Created,
            FeedEvent::Imported | FeedEvent::Updated => wire::FindingEvent::Updated,
            FeedEvent::Expired => wire::FindingEvent::Expired,
        };
        let finding = match finding {
            Some(seen) => record(seen, self.format, &mut Statuses::new(&self.membership)).await?,
            None => wire::FindingRecord {
                name: key.name(),
                sequence,
                ..Default::default()
            },
        };
        Ok(wire::WatchFindingsResponse {
            finding: Some(finding),
            event: event.into(),
            sequence,
        })
    }
}

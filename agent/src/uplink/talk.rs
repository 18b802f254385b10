//! One connection's worth of sending: hello, welcome, batches, acknowledgements, reports.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use muster_common::drill::{self, Point};
use muster_common::health::CollectorState;
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::{Carrier, End, Link, Uplink};
use crate::dead_letters::Letter;
use crate::identity::refusal;
use crate::queue::Numbers;

/// Bytes of a batch; the admin may ask for less.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Batches under way; the admin may ask for fewer.
const IN_FLIGHT_MAX: usize = 4;
/// How long the admin may take over a hello or an acknowledgement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long stopping waits for acknowledgements.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// Changes within this time go into one report.
const REPORT_AFTER: Duration = Duration::from_millis(500);

/// A place on the board.
const STATE_FOLDER: &str = "state-folder";

/// What the admin takes at a time.
struct Terms {
    findings: usize,
    bytes: usize,
    in_flight: usize,
}

/// A batch that waits for its acknowledgement.
struct InFlight {
    first: u64,
    documents: Vec<Bytes>,
    sent: Instant,
}

impl InFlight {
    fn last(&self) -> u64 {
        self.first + self.documents.len() as u64 - 1
    }
}

/// The sending half of a talk.
struct Line {
    asks: mpsc::Sender<wire::UplinkRequest>,
    terms: Terms,
    in_flight: VecDeque<InFlight>,
    /// The last sequence that was sent.
    sent: u64,
}

impl Line {
    async fn ask(&self, message: Ask) -> Result<(), End> {
        ask(&self.asks, message).await
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < self.terms.in_flight
    }

    /// When the oldest batch must be acknowledged.
    fn deadline(&self) -> Instant {
        let oldest = self.in_flight.front().map(|batch| batch.sent);
        oldest.unwrap_or_else(Instant::now) + ANSWER_TIMEOUT
    }
}

impl Uplink {
    /// Connects and sends until something ends it.
    pub(super) async fn talk(&mut self) -> End {
        match self.connected().await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn connected(&mut self) -> Result<End, End> {
        let identity = self.identity.borrow_and_update().clone();
        if let Some(reason) = identity.expired(self.clock.now()) {
            return Err(End::Refused(reason));
        }
        let stop = self.stop.clone();
        let opened = async {
            let carrier = self.dial.dial(&identity).await.map_err(End::Lost)?;
            let (line, answers) = self.open(AgentClient::new(carrier.clone())).await?;
            Ok((carrier, line, answers))
        };
        let (carrier, mut line, mut answers) = tokio::select! {
            biased;
            opened = opened => opened?,
            () = stop.cancelled() => return Ok(End::Stopped),
        };
        self.link.send_replace(Link::Up {
            since: self.clock.now(),
        });
        self.carriers.up(&carrier);
        tracing::info!(admin = identity.file.endpoint, "the uplink is up");
        self.send(&mut line, &mut answers).await
    }

    /// Says hello and learns the terms.
    async fn open(
        &self,
        client: AgentClient<Carrier>,
    ) -> Result<(Line, Streaming<wire::UplinkResponse>), End> {
        let hello = hello(self.queue.spool_id(), &self.home);
        let (asks, answers, welcome) = open(client, hello).await?;
        let wire::Welcome {
            acknowledged_sequence,
            batch_findings_max,
            batch_bytes_max,
            in_flight_max,
        } = welcome;
        let Numbers {
            last,
            acknowledged: known,
            ..
        } = self.queue.numbers();
        if acknowledged_sequence > last {
            return Err(self.start_anew(acknowledged_sequence, last).await);
        }
        // What was given up already, if the disk refused a part of that.
        let given_up = self.queue.acknowledge(known).await;
        given_up.map_err(|error| End::Disk(error.to_string()))?;
        if acknowledged_sequence < known {
            self.collect_again(acknowledged_sequence, known).await?;
        }
        // What the admin has beyond `known` is sent again: its refusals were lost with the acknowledgement.
        let line = Line {
            asks,
            terms: Terms {
                findings: (batch_findings_max as usize).max(1),
                bytes: BATCH_BYTES_MAX.min(batch_bytes_max as usize),
                in_flight: IN_FLIGHT_MAX.min(in_flight_max as usize).max(1),
            },
            in_flight: VecDeque::new(),
            sent: known,
        };
        Ok((line, answers))
    }

    /// The admin stands before what it acknowledged once, as after a restore from a backup.
    /// Nothing is sent before the marks are gone: with it the admin would pass what it acknowledged, and no later connection
    /// would tell.
    async fn collect_again(&self, theirs: u64, ours: u64) -> Result<(), End> {
        tracing::warn!(
            missing = ours - theirs,
            "the admin has lost findings that it had acknowledged; all sources are read again from their start"
        );
        let forgotten = self.progress.forget().await;
        forgotten.map_err(|error| End::Disk(format!("progress.json: {error}")))
    }

    /// The admin has sequences of this spool that this agent never gave out: somebody else did, from a copy of the state
    /// folder. Under the same numbers it would take findings for ones that it has.
    async fn start_anew(&self, theirs: u64, ours: u64) -> End {
        let message = format!(
            "another copy of this state folder has sent findings in this agent's name, or it was restored from a backup: the admin has {theirs} of this spool, and this one gave out {ours}; what waits here is sent from a new spool; run one copy only, and enroll the other with 'muster-agent accept --replace'"
        );
        tracing::error!(message);
        self.board
            .set(STATE_FOLDER, None, CollectorState::Failed, &message);
        // Of an older state, it does not know what an admin that was restored, too, has lost since.
        if let Err(error) = self.progress.forget().await {
            return End::Disk(format!("progress.json: {error}"));
        }
        match self.queue.start_anew().await {
            Ok(()) => End::Anew,
            Err(error) => End::Disk(error.to_string()),
        }
    }

    async fn send(
        &mut self,
        line: &mut Line,
        answers: &mut Streaming<wire::UplinkResponse>,
    ) -> Result<End, End> {
        let mut numbers = self.queue.watch();
        let mut board = self.board.watch();
        let mut letters = self.dead_letters.watch();
        let mut report_at = Instant::now();
        let mut ending: Option<(End, Instant)> = None;
        loop {
            if let Some((end, _)) = ending.as_ref().filter(|_| line.in_flight.is_empty()) {
                return Ok(end.clone());
            }
            let unsent = numbers.borrow_and_update().last > line.sent;
            let deadline = ending.as_ref().map_or(line.deadline(), |(_, by)| *by);
            tokio::select! {
                biased;
                answer = answers.message() => self.acknowledged(line, answer).await?,
                () = self.stop.cancelled(), if ending.is_none() => {
                    ending = Some((End::Stopped, Instant::now() + DRAIN_TIMEOUT));
                }
                changed = self.identity.changed(), if ending.is_none() => {
                    let end = if changed.is_ok() { End::Renewed } else { End::Stopped };
                    ending = Some((end, Instant::now() + DRAIN_TIMEOUT));
                }
                () = sleep_until(deadline), if !line.in_flight.is_empty() => {
                    return Ok(ending.map_or_else(
                        || End::Lost("the admin acknowledges nothing".to_owned()),
                        |(end, _)| end,
                    ));
                }
                () = sleep_until(report_at), if ending.is_none() => {
                    line.ask(Ask::Report(self.report())).await?;
                    report_at = Instant::now() + REPORT_EVERY;
                }
                _ = board.changed() => report_at = report_at.min(Instant::now() + REPORT_AFTER),
                _ = letters.changed() => report_at = report_at.min(Instant::now() + REPORT_AFTER),
                () = std::future::ready(()), if ending.is_none() && unsent && line.has_room() => {
                    self.send_batch(line).await?;
                }
                _ = numbers.changed(), if !unsent => {}
            }
        }
    }

    async fn send_batch(&self, line: &mut Line) -> Result<(), End> {
        let read = self
            .queue
            .read(line.sent, line.terms.findings, line.terms.bytes)
            .await
            .map_err(|error| End::Disk(error.to_string()))?;
        let Some(first) = read.first().map(|spooled| spooled.sequence) else {
            return Ok(());
        };
        let documents: Vec<Bytes> = read.into_iter().map(|spooled| spooled.document).collect();
        line.ask(Ask::Batch(wire::Batch {
            first_sequence: first,
            findings: documents.clone(),
        }))
        .await?;
        let batch = InFlight {
            first,
            documents,
            sent: Instant::now(),
        };
        line.sent = batch.last();
        line.in_flight.push_back(batch);
        Ok(())
    }

    /// Takes an acknowledgement: dead letters first, then the spool gives up what was acknowledged.
    async fn acknowledged(
        &self,
        line: &mut Line,
        answer: Result<Option<wire::UplinkResponse>, Status>,
    ) -> Result<(), End> {
        let answer = answer.map_err(|status| end_of(&status))?;
        let Some(response) = answer else {
            return Err(End::Lost("the admin ended the connection".to_owned()));
        };
        let Some(Answer::Acknowledgement(acknowledgement)) = response.message else {
            return Err(End::Lost("the admin sent something unexpected".to_owned()));
        };
        let wire::Acknowledgement {
            through_sequence,
            refused,
        } = acknowledgement;
        if through_sequence > line.sent {
            return Err(End::Lost(
                "the admin acknowledged what was never sent".to_owned(),
            ));
        }
        let letters = self.letters(line, refused);
        self.dead_letters
            .put(letters)
            .await
            .map_err(|error| End::Disk(format!("dead-letters.jsonl: {error}")))?;
        drill::pass(Point::LettersPut);
        self.queue
            .acknowledge(through_sequence)
            .await
            .map_err(|error| End::Disk(error.to_string()))?;
        while line
            .in_flight
            .front()
            .is_some_and(|batch| batch.last() <= through_sequence)
        {
            line.in_flight.pop_front();
        }
        Ok(())
    }

    fn letters(&self, line: &Line, refused: Vec<wire::RefusedFinding>) -> Vec<Letter> {
        let document = |sequence: u64| {
            let batch = line
                .in_flight
                .iter()
                .find(|batch| (batch.first..=batch.last()).contains(&sequence))?;
            let at = usize::try_from(sequence - batch.first).ok()?;
            batch.documents.get(at)
        };
        refused
            .into_iter()
            .map(|refused| Letter {
                time: self.clock.now(),
                source: "admin".to_owned(),
                code: refused.code,
                reason: refused.message,
                document: document(refused.sequence)
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                    .unwrap_or_default(),
            })
            .collect()
    }

    fn report(&self) -> wire::Report {
        let Numbers {
            last,
            bytes,
            bytes_max,
            ..
        } = self.queue.numbers();
        let collectors = self.board.entries();
        wire::Report {
            collectors: collectors.into_iter().map(Into::into).collect(),
            spool_bytes: bytes,
            spool_bytes_max: bytes_max,
            last_sequence: last,
            dead_letters: self.dead_letters.count(),
        }
    }
}

pub(super) fn hello(spool: Uuid, home: &str) -> wire::UplinkHello {
    wire::UplinkHello {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        spool_id: spool.to_string(),
        region: home.to_owned(),
    }
}

/// What an opened uplink consists of.
pub(super) type Opened = (
    mpsc::Sender<wire::UplinkRequest>,
    Streaming<wire::UplinkResponse>,
    wire::Welcome,
);

/// Says hello and waits for the welcome.
pub(super) async fn open(
    mut client: AgentClient<Carrier>,
    hello: wire::UplinkHello,
) -> Result<Opened, End> {
    let (asks, outgoing) = mpsc::channel(1);
    ask(&asks, Ask::Hello(hello)).await?;
    let mut answers = in_time(client.uplink(ReceiverStream::new(outgoing)))
        .await?
        .into_inner();
    let answer = in_time(answers.message()).await?;
    match answer.and_then(|response| response.message) {
        Some(Answer::Welcome(welcome)) => Ok((asks, answers, welcome)),
        Some(Answer::Acknowledgement(_)) | None => {
            Err(End::Lost("the admin did not say welcome".to_owned()))
        }
    }
}

async fn ask(asks: &mpsc::Sender<wire::UplinkRequest>, message: Ask) -> Result<(), End> {
    let request = wire::UplinkRequest {
        message: Some(message),
    };
    match asks.send_timeout(request, ANSWER_TIMEOUT).await {
        Ok(()) => Ok(()),
        Err(_) => Err(End::Lost("the admin takes no more".to_owned())),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Status>>) -> Result<T, End> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(result) => result.map_err(|status| end_of(&status)),
        Err(_) => Err(End::Lost("the admin does not answer".to_owned())),
    }
}

/// What a status means: whether to come back soon or to wait for somebody to change something.
fn end_of(status: &Status) -> End {
    let message = refusal(status);
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition => {
            End::Refused(message)
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => End::Lost(message),
    }
}

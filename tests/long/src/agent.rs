//! A simulated agent: it sends what it invents at its pace, as the real one sends its spool, and leaves now and then
//! without a word.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_mtls::{CredentialFile, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval, interval_at, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use uuid::Uuid;

use crate::finding::Findings;
use crate::measured::{Kind, Measured};

/// Findings of a batch.
const BATCH: usize = 20;
/// As the real agent waits.
const PATIENCE: Duration = Duration::from_secs(60);
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// How long it stays connected, at least and at most.
const STAYS: std::ops::Range<f64> = 60.0..600.0;
/// How long it stays away, in seconds.
const AWAY: std::ops::Range<f64> = 0.5..5.0;

pub(crate) struct Agent {
    credential: CredentialFile,
    findings: Findings,
    spool: Uuid,
    /// What is not acknowledged, oldest first.
    queue: VecDeque<Batch>,
    /// The last number given out.
    last: u64,
    acknowledged: u64,
    measured: Arc<Measured>,
    clock: Clock,
}

struct Batch {
    first: u64,
    documents: Vec<Bytes>,
    /// Unset: it was not sent yet on any connection.
    sent: Option<Instant>,
}

impl Batch {
    fn last(&self) -> u64 {
        self.first + self.documents.len() as u64 - 1
    }
}

impl Agent {
    pub(crate) fn new(
        credential: CredentialFile,
        findings: Findings,
        measured: Arc<Measured>,
    ) -> Self {
        Self {
            credential,
            findings,
            spool: Uuid::new_v4(),
            queue: VecDeque::new(),
            last: 0,
            acknowledged: 0,
            measured,
            clock: Clock::system(),
        }
    }

    /// Sends so many findings a second until `stop`, and then until all are acknowledged.
    pub(crate) async fn run(mut self, per_second: f64, stop: CancellationToken) -> Self {
        let every = Duration::from_secs_f64(BATCH as f64 / per_second);
        let start = Instant::now() + every.mul_f64(rand::random());
        // What is missed while it is away comes at once afterwards, as from a collector.
        let mut pace = interval_at(start, every);
        while !(stop.is_cancelled() && self.queue.is_empty()) {
            if let Err(error) = self.talk(&mut pace, &stop).await {
                self.measured.failed();
                if stop.is_cancelled() {
                    crate::say(&format!("an agent: {error:#}"));
                }
            }
            tokio::time::sleep(Duration::from_secs_f64(rand::random_range(AWAY))).await;
        }
        self
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.last
    }

    pub(crate) const fn account(&self) -> AccountId {
        self.findings.account()
    }

    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// One connection, from hello to whatever ends it.
    async fn talk(&mut self, pace: &mut Interval, stop: &CancellationToken) -> anyhow::Result<()> {
        let (asks, mut answers, welcome) = timeout(PATIENCE, self.open()).await??;
        self.check(welcome.acknowledged_sequence);
        let in_flight_max = (welcome.in_flight_max as usize).max(1);
        let mut report = interval(REPORT_EVERY);
        let leaves = Instant::now() + Duration::from_secs_f64(rand::random_range(STAYS));
        let mut under_way = 0;
        let mut heard = Instant::now();
        loop {
            if stop.is_cancelled() && self.queue.is_empty() {
                return Ok(());
            }
            while under_way < self.queue.len().min(in_flight_max) {
                if under_way == 0 {
                    heard = Instant::now();
                }
                self.send(&asks, under_way).await?;
                under_way += 1;
            }
            tokio::select! {
                answer = answers.message() => {
                    under_way -= self.take(answer?)?;
                    heard = Instant::now();
                }
                () = sleep_until(heard + PATIENCE), if under_way > 0 => {
                    anyhow::bail!("the server acknowledges nothing");
                }
                _ = pace.tick(), if !stop.is_cancelled() => self.collect(),
                _ = report.tick() => ask(&asks, Ask::Report(self.report())).await?,
                () = sleep_until(leaves), if !stop.is_cancelled() => return Ok(()),
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    async fn open(
        &self,
    ) -> anyhow::Result<(
        mpsc::Sender<wire::UplinkRequest>,
        Streaming<wire::UplinkResponse>,
        wire::Welcome,
    )> {
        let file = &self.credential;
        let connected = channel(
            &file.endpoint,
            &file.trust()?,
            &file.trust_domain,
            Some(&file.credential()?),
        )
        .await?;
        let (asks, outgoing) = mpsc::channel(4);
        let hello = wire::UplinkHello {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            spool_id: self.spool.to_string(),
            region: "us-east-1".to_owned(),
        };
        ask(&asks, Ask::Hello(hello)).await?;
        let mut answers = AgentClient::new(connected)
            .uplink(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        let answer = answers.message().await?.and_then(|answer| answer.message);
        match answer {
            Some(Answer::Welcome(welcome)) => Ok((asks, answers, welcome)),
            Some(Answer::Acknowledgement(_)) | None => {
                anyhow::bail!("the uplink starts without a welcome")
            }
        }
    }

    /// The admin stands where it acknowledged, or a little further, if an answer was lost.
    fn check(&self, theirs: u64) {
        if theirs < self.acknowledged || theirs > self.last {
            self.measured.wrong(format!(
                "the admin stands at {theirs} of a spool that was acknowledged through {} and gave out {}",
                self.acknowledged, self.last
            ));
        }
    }

    fn collect(&mut self) {
        let now = self.clock.now();
        let documents: Vec<Bytes> = (0..BATCH).map(|_| self.findings.next(now)).collect();
        let first = self.last + 1;
        self.last += documents.len() as u64;
        self.queue.push_back(Batch {
            first,
            documents,
            sent: None,
        });
    }

    async fn send(
        &mut self,
        asks: &mpsc::Sender<wire::UplinkRequest>,
        at: usize,
    ) -> anyhow::Result<()> {
        let batch = &mut self.queue[at];
        batch.sent.get_or_insert_with(Instant::now);
        let batch = wire::Batch {
            first_sequence: batch.first,
            findings: batch.documents.clone(),
        };
        ask(asks, Ask::Batch(batch)).await
    }

    /// Takes an acknowledgement. The answer is the number of batches that are not under way any more.
    fn take(&mut self, answer: Option<wire::UplinkResponse>) -> anyhow::Result<usize> {
        let answer = answer
            .and_then(|answer| answer.message)
            .context("the server ended the uplink")?;
        let Answer::Acknowledgement(acknowledged) = answer else {
            anyhow::bail!("expected an acknowledgement");
        };
        if let Some(refused) = acknowledged.refused.first() {
            self.measured
                .wrong(format!("a finding was refused: {}", refused.message));
        }
        let before = self.queue.len();
        while let Some(batch) = self.queue.front()
            && batch.last() <= acknowledged.through_sequence
        {
            if let Some(sent) = batch.sent {
                self.measured.took(Kind::Acknowledged, sent.elapsed());
            }
            self.queue.pop_front();
        }
        self.acknowledged = acknowledged.through_sequence;
        Ok(before - self.queue.len())
    }

    fn report(&self) -> wire::Report {
        let now = muster_common::timestamp::to_wire(self.clock.now());
        wire::Report {
            collectors: vec![wire::CollectorHealth {
                collector: "securityhub".to_owned(),
                region: "us-east-1".to_owned(),
                state: wire::CollectorState::Ok.into(),
                last_success: Some(now),
                findings: self.last,
                ..wire::CollectorHealth::default()
            }],
            last_sequence: self.last,
            spool_bytes_max: 256 << 20,
            ..wire::Report::default()
        }
    }
}

async fn ask(asks: &mpsc::Sender<wire::UplinkRequest>, message: Ask) -> anyhow::Result<()> {
    let request = wire::UplinkRequest {
        message: Some(message),
    };
    asks.send_timeout(request, PATIENCE)
        .await
        .ok()
        .context("the server takes no more")
}

/// The account of an agent by its number.
pub(crate) fn account(number: u64) -> anyhow::Result<AccountId> {
    Ok(format!("{:012}", 310_000_000_007 + 1_111_111_111 * number).parse()?)
}

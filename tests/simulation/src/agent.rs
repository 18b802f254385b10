//! An agent: its spool, dead letters, marks and uplink on a simulated disk, as `run` has them, and a collector that
//! reads an account's source into the spool as the real ones do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use muster_agent::collectors::{Intake, Progress};
use muster_agent::identity::Identity;
use muster_agent::queue::Queue;
use muster_agent::uplink::{Carriers, Link, Uplink};
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_disk::simulated::{Contents, Disk, End};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::dice;
use crate::estate::Estate;
use crate::network::{Dialer, Network};
use crate::source::Source;
use crate::surveyor::Surveyor;

/// What the collector's mark is named by.
const MARK: &str = "source";

/// A machine with an agent, whether it runs or not.
pub(crate) struct Agent {
    /// Of the machine.
    pub number: usize,
    pub source: Arc<Mutex<Source>>,
    /// If it tells of configuration.
    pub estate: Option<Arc<Mutex<Estate>>>,
    pub clock: Clock,
    pub clock_number: usize,
    pub spool_bytes_max: u64,
    /// How much the collector takes at a time.
    pub page: usize,
    /// `None` until it is enrolled.
    pub identity: Option<Identity>,
    pub state: State,
    pub backup: Option<(Contents, Identity)>,
    /// Identities that it had.
    pub former: Vec<Identity>,
}

pub(crate) enum State {
    Down(Contents),
    Up(Box<Running>),
}

/// An agent that runs.
pub(crate) struct Running {
    pub disk: Disk,
    pub queue: Queue,
    progress: Progress,
    identities: watch::Sender<Identity>,
    link: watch::Receiver<Link>,
    stop: CancellationToken,
    uplink: JoinHandle<()>,
    collector: JoinHandle<()>,
    surveyor: Option<JoinHandle<()>>,
}

impl Running {
    fn look_no_more(&self) {
        self.collector.abort();
        if let Some(surveyor) = &self.surveyor {
            surveyor.abort();
        }
    }
}

impl Agent {
    pub(crate) fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Up(running) => Some(running),
            State::Down(_) => None,
        }
    }

    /// Starts it. `operations`: its disk dies after so many.
    pub(crate) async fn start(&mut self, network: &Network, operations: Option<u64>) {
        let State::Down(contents) = &mut self.state else {
            return;
        };
        let Some(identity) = self.identity.clone() else {
            return;
        };
        let disk = Disk::start(std::mem::take(contents));
        if let Some(operations) = operations {
            disk.die_after(operations);
        }
        self.state = match self.run(identity, network, &disk).await {
            Ok(running) => State::Up(Box::new(running)),
            Err(why) => {
                if !disk.is_dead() {
                    network.model.fail(format!(
                        "agent on machine {} does not start: {why}",
                        self.number
                    ));
                }
                State::Down(disk.end(End::PowerCut, &mut dice::below))
            }
        };
    }

    async fn run(
        &self,
        identity: Identity,
        network: &Network,
        disk: &Disk,
    ) -> Result<Running, String> {
        let Intake {
            queue,
            dead_letters,
            progress,
            board,
            ..
        } = Intake::open(
            &disk.path(),
            (identity.account, identity.agent),
            self.spool_bytes_max,
            self.clock.clone(),
        )
        .await
        .map_err(|error| error.to_string())?;
        let (identities, _) = watch::channel(identity);
        let (links, link) = watch::channel(Link::Connecting);
        let stop = CancellationToken::new();
        let carriers = Carriers::default();
        let surveyor = self.estate.clone().map(|estate| Surveyor {
            estate,
            admin: Arc::new(carriers.teller()),
            clock: self.clock.clone(),
        });
        let uplink = Uplink {
            carriers,
            queue: queue.clone(),
            dead_letters,
            board,
            progress: progress.clone(),
            identity: identities.subscribe(),
            link: links,
            dial: Arc::new(Dialer {
                network: network.clone(),
                machine: self.number,
                disk: disk.clone(),
                queue: queue.clone(),
            }),
            home: "us-east-1".to_owned(),
            clock: self.clock.clone(),
            share: dice::share,
            stop: stop.clone(),
        };
        let collector = Collector {
            source: Arc::clone(&self.source),
            queue: queue.clone(),
            progress: progress.clone(),
            page: self.page,
        };
        Ok(Running {
            disk: disk.clone(),
            queue,
            progress,
            identities,
            link,
            stop,
            uplink: tokio::spawn(uplink.run()),
            collector: tokio::spawn(collector.run()),
            surveyor: surveyor.map(|surveyor| tokio::spawn(surveyor.run())),
        })
    }

    /// Ends it at once.
    pub(crate) fn end(&mut self, network: &Network, end: End) {
        let down = State::Down(Contents::default());
        let running = match std::mem::replace(&mut self.state, down) {
            State::Up(running) => running,
            down @ State::Down(_) => {
                self.state = down;
                return;
            }
        };
        let contents = running.disk.end(end, &mut dice::below);
        let machine = self.number;
        running.uplink.abort();
        running.look_no_more();
        network.cut(|line| line.machine == machine && line.is_of(&running.disk));
        self.state = State::Down(contents);
    }

    /// Stops it in order.
    pub(crate) async fn stop(&mut self, network: &Network) {
        if let State::Up(running) = &mut self.state {
            running.look_no_more();
            running.stop.cancel();
            let _ = tokio::time::timeout(Duration::from_secs(20), &mut running.uplink).await;
        }
        self.end(network, End::Kill);
    }

    /// Takes a new certificate into use.
    pub(crate) fn renewed(&mut self, identity: Identity) {
        if let Some(running) = self.running() {
            running.identities.send_replace(identity.clone());
        }
        self.former.extend(self.identity.replace(identity));
    }

    /// Whether it is connected and everything that its source has is the admin's.
    pub(crate) fn is_drained(&self) -> bool {
        let Some(running) = self.running() else {
            return false;
        };
        let mark = running.progress.start(MARK).mark.map_or(0, stamp);
        let source = self.source.lock().expect("one thread");
        let is_up = matches!(*running.link.borrow(), Link::Up { .. });
        is_up && mark == source.stamp && running.queue.numbers().waiting() == 0
    }

    /// Whether everything was told since that was asked for.
    pub(crate) fn is_surveyed(&self) -> bool {
        let told = |estate: &Arc<Mutex<Estate>>| estate.lock().expect("one thread").is_told();
        self.estate.as_ref().is_none_or(told)
    }

    /// Reads its dead letters from a running disk.
    pub(crate) fn dead_letters(&self) -> Vec<String> {
        let Some(running) = self.running() else {
            return Vec::new();
        };
        let path = running.disk.path().join("dead-letters.jsonl");
        let text = muster_disk::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let letter: serde_json::Value = serde_json::from_str(line).ok()?;
                Some(letter.get("document")?.as_str()?.to_owned())
            })
            .collect()
    }
}

fn stamp(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or_default()
}

/// Reads a source as collectors do: what changed since its mark, page by page into the spool; only then the mark moves.
struct Collector {
    source: Arc<Mutex<Source>>,
    queue: Queue,
    progress: Progress,
    page: usize,
}

impl Collector {
    async fn run(self) {
        loop {
            // A disk that refuses is tried again.
            let _ = self.collect().await;
            sleep(dice::millis(200, 5_000)).await;
        }
    }

    async fn collect(&self) -> Result<(), String> {
        loop {
            let start = self.progress.start(MARK);
            let mark = start.mark.map_or(0, stamp);
            let mut found = self.source.lock().expect("one thread").after(mark);
            found.truncate(self.page);
            let Some(last) = found.last().map(|document| document.stamp) else {
                return Ok(());
            };
            let documents: Vec<Bytes> = found.into_iter().map(|document| document.bytes).collect();
            self.queue
                .append(documents)
                .await
                .map_err(|error| error.to_string())?;
            let mark = Timestamp::from_millis(i64::try_from(last).unwrap_or(i64::MAX));
            self.progress
                .advance(MARK, start, mark)
                .await
                .map_err(|error| error.to_string())?;
        }
    }
}

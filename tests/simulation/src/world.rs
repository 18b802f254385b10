//! A run: machines, what happens to them, and the end in which all is mended, drained and compared.

mod mending;
mod moves;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::drill::{self, Limit};
use muster_disk::simulated::{self, Contents, Disk, End};
use tokio::time::sleep;

use crate::agent::{Agent, State};
use crate::clocks::{self, START};
use crate::estate::Estate;
use crate::model::{Kept, Model};
use crate::network::Network;
use crate::server::{self, Server, Settings};
use crate::source::{Document, Source};
use crate::{Run, dice, kit};
use moves::Plan;

const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What agents tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Findings,
    Configuration,
}

/// Runs a seed.
///
/// # Panics
/// The machine gives no memory.
#[must_use]
pub fn run(subject: Subject, seed: u64) -> Run {
    catch_panics();
    PANIC.take();
    dice::seed(seed);
    simulated::set_latency(Some(server::disk_latency));
    let model = Model::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing");
    runtime.block_on(async {
        clocks::start();
        World::new(model.clone(), subject).live().await;
    });
    drop(runtime);
    simulated::set_latency(None);
    let mut state = model.lock();
    if let Some(panic) = PANIC.take() {
        state.fail(panic);
    }
    Run {
        seed,
        trace: std::mem::take(&mut state.trace),
        failure: state.failure.take(),
        tally: state.tally,
    }
}

/// Keeps what a task of the product panics with: nobody waits for most of them.
fn catch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if simulated::is_here() {
                PANIC.set(Some(format!("a panic: {info}")));
            } else {
                before(info);
            }
        }));
    });
}

/// Everything that there is.
struct World {
    model: Model,
    network: Network,
    settings: Settings,
    server_clock: usize,
    server: ServerState,
    server_backup: Option<(Contents, Kept)>,
    sources: Vec<Arc<Mutex<Source>>>,
    agents: Vec<Agent>,
    plan: Plan,
    /// Rogues so far.
    rogues: u64,
}

enum ServerState {
    Down(Contents),
    Up(Box<Server>),
}

impl World {
    fn new(model: Model, subject: Subject) -> Self {
        let shared = kit::shared();
        model.lock().made(&[Document::unreadable()]);
        lower_limits();
        let server_clock = clocks::keep(shared.clock.clone());
        let accounts = usize::try_from(dice::between(1, 2)).unwrap_or(1);
        let sources: Vec<_> = ACCOUNTS[..accounts]
            .iter()
            .map(|account| {
                let account: AccountId = account.parse().expect("an account");
                model.lock().accounts.insert(account);
                Arc::new(Mutex::new(Source::new(account)))
            })
            .collect();
        let machines = accounts + usize::from(dice::percent(40));
        let mut agents: Vec<Agent> = (0..machines)
            .map(|number| agent(number, &sources[number % accounts]))
            .collect();
        if subject == Subject::Configuration {
            drill::lower(Limit::PortionResources, Some(dice::between(1, 6)));
            for agent in &mut agents {
                let account = agent.source.lock().expect("one thread").account;
                let estate = Estate::new(account, agent.number / accounts);
                let estate = Arc::new(Mutex::new(estate));
                model.estate(&estate);
                agent.estate = Some(estate);
            }
        }
        // One more for rogues.
        let late_ms = [0, 5, 40, 400][dice::below(4) as usize];
        let network = Network::new(model.clone(), machines + 1, late_ms);
        let settings = Settings {
            shared,
            findings_per_second: [0, 0, 1, 3][dice::below(4) as usize],
            certificate_hours: 1,
            sprung: Arc::new(AtomicBool::default()),
        };
        Self {
            model,
            network,
            settings,
            server_clock,
            server: ServerState::Down(Contents::default()),
            server_backup: None,
            sources,
            agents,
            plan: Plan::roll(),
            rogues: 0,
        }
    }

    async fn live(mut self) {
        self.start_server(None).await;
        for number in 0..self.agents.len() {
            self.enroll(number).await;
            self.agents[number].start(&self.network, None).await;
        }
        for _ in 0..self.plan.steps {
            if self.model.lock().failure.is_some() {
                return;
            }
            self.step().await;
        }
        self.mend().await;
        if self.settings.sprung.load(Ordering::Relaxed) {
            self.model.fail("a method without a row was entered");
        }
    }

    async fn step(&mut self) {
        sleep(self.plan.gap()).await;
        clocks::set();
        self.reap();
        self.bring_up().await;
        let what = self.plan.pick();
        self.take(what).await;
    }

    fn server(&self) -> Option<&Server> {
        match &self.server {
            ServerState::Up(server) => Some(server),
            ServerState::Down(_) => None,
        }
    }

    /// Buries machines whose disks have died.
    fn reap(&mut self) {
        if self.server().is_some_and(|server| server.disk.is_dead()) {
            self.crash_server();
        }
        for number in 0..self.agents.len() {
            let running = self.agents[number].running();
            if running.is_some_and(|running| running.disk.is_dead()) {
                self.crash_agent(number);
            }
        }
    }

    fn crash_server(&mut self) {
        let end = any_end();
        if self.server().is_none() {
            return;
        }
        if let ServerState::Up(server) =
            std::mem::replace(&mut self.server, ServerState::Down(Contents::default()))
        {
            self.model.lock().tally.crashes += 1;
            self.model.note(|_| format!("the server ends: {end:?}"));
            self.server = ServerState::Down(server.end(&self.network, end));
        }
    }

    fn crash_agent(&mut self, number: usize) {
        let end = any_end();
        if self.agents[number].running().is_some() {
            self.model.lock().tally.crashes += 1;
            self.model
                .note(|_| format!("the agent on machine {number} ends: {end:?}"));
            self.agents[number].end(&self.network, end);
        }
    }

    /// Starts what is down, now and then with a disk that dies soon.
    async fn bring_up(&mut self) {
        let soon = |chance| dice::percent(chance).then(|| dice::below(60));
        if self.server().is_none() && dice::percent(60) {
            self.start_server(soon(self.plan.frailty)).await;
        }
        for number in 0..self.agents.len() {
            if self.agents[number].running().is_none() && dice::percent(60) {
                self.start_agent(number, soon(self.plan.frailty)).await;
            }
        }
    }

    async fn start_agent(&mut self, number: usize, operations: Option<u64>) {
        self.agents[number].start(&self.network, operations).await;
        if self.agents[number].running().is_some() {
            self.model
                .note(|_| format!("the agent on machine {number} starts"));
        }
    }

    async fn start_server(&mut self, operations: Option<u64>) {
        let ServerState::Down(contents) = &mut self.server else {
            return;
        };
        let disk = Disk::start(std::mem::take(contents));
        if let Some(operations) = operations {
            disk.die_after(operations);
        }
        match Server::start(&self.settings, disk) {
            Ok(server) => {
                self.model.note(|_| "the server starts".to_owned());
                self.model.check_all(&server.store, "after a start").await;
                self.model
                    .check_all_told(&server.store, "after a start")
                    .await;
                server.listen(&self.network);
                self.server = ServerState::Up(Box::new(server));
            }
            Err(disk) => {
                if !disk.is_dead() {
                    self.model.fail("the server does not start");
                }
                self.server = ServerState::Down(disk.end(End::PowerCut, &mut dice::below));
            }
        }
    }
}

/// Segments are closed sooner, and tables flushed, so that runs see it.
fn lower_limits() {
    let roll = |values: [Option<u64>; 3]| values[dice::below(3) as usize];
    drill::lower(Limit::SegmentBytes, roll([None, Some(3_000), Some(12_000)]));
    drill::lower(Limit::SpoolSegmentBytes, roll([None, Some(1), Some(4_000)]));
    drill::lower(Limit::FlushCommits, roll([None, Some(1), Some(7)]));
}

fn any_end() -> End {
    if dice::percent(50) {
        End::PowerCut
    } else {
        End::Kill
    }
}

fn agent(number: usize, source: &Arc<Mutex<Source>>) -> Agent {
    let clock = Clock::standing_at(START);
    Agent {
        number,
        source: Arc::clone(source),
        estate: None,
        clock_number: clocks::keep(clock.clone()),
        clock,
        spool_bytes_max: [3_000, 20_000, 1 << 20][dice::below(3) as usize],
        page: [2, 5, 12][dice::below(3) as usize],
        identity: None,
        state: State::Down(Contents::default()),
        backup: None,
        former: Vec::new(),
    }
}

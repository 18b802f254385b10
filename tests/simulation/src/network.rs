//! The network: connections that carry calls of HTTP/2's shape from agents to the server, late, in pieces, and not always.
//!
//! What is sent one way of one call arrives in its order; calls and ways overtake each other. A connection is cut at any
//! moment, at both ends or by the server; a deaf one swallows what is sent one way. What a dead machine says is not heard.

mod pump;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use muster_admin::api::authorization::Guarded;
use muster_agent::identity::Identity;
use muster_agent::queue::Queue;
use muster_agent::uplink::{Carrier, Dial};
use muster_common::clock::Clock;
use muster_disk::simulated::Disk;
use muster_mtls::{CertificateFacts, Connections, Peer};
use muster_store::Embedded;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::util::BoxCloneService;
use tower::{Service, ServiceExt as _};

use crate::dice;
use crate::model::Model;
use pump::{Pipe, Says, Way, pump};

/// Connections that one holder of a certificate may have.
const CONNECTIONS_EACH: usize = 16;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Network {
    state: Arc<Mutex<State>>,
    pub model: Model,
}

struct State {
    server: Option<Arc<Listening>>,
    /// Whether each machine reaches the server.
    reach: Vec<Reach>,
    lines: Vec<Arc<Line>>,
    /// How late things may be.
    late_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Good,
    Refused,
    /// Nothing comes back.
    Silent,
}

/// A server that takes calls.
pub(crate) struct Listening {
    pub service: Guarded<Routes>,
    pub connections: Connections,
    pub store: Arc<Embedded>,
    pub clock: Clock,
    pub disk: Disk,
    pub handlers: Mutex<Vec<AbortHandle>>,
}

/// One connection.
pub(crate) struct Line {
    pub machine: usize,
    pub facts: Option<Arc<CertificateFacts>>,
    peer: Peer,
    pub cut: CancellationToken,
    /// The server reads no more of it.
    refused: AtomicBool,
    deaf_up: AtomicBool,
    deaf_down: AtomicBool,
    /// The disk and the queue of the machine that connected.
    own: Option<(Disk, Queue)>,
    server: Arc<Listening>,
    late_ms: u64,
}

impl Line {
    fn is_deaf(&self, way: Way) -> bool {
        match way {
            Way::Up => self.deaf_up.load(Ordering::Relaxed),
            Way::Down => self.deaf_down.load(Ordering::Relaxed),
        }
    }

    /// Whether the machine with this disk made it.
    pub(crate) fn is_of(&self, disk: &Disk) -> bool {
        let own = self.own.as_ref();
        own.is_some_and(|(own, _)| own.path() == disk.path())
    }

    /// Whether the server with this disk has the other end.
    pub(crate) fn is_to(&self, disk: &Disk) -> bool {
        self.server.disk.path() == disk.path()
    }

    /// Whether what is under way when the connection is cut may arrive.
    fn may_arrive(&self, way: Way) -> bool {
        way == Way::Down || !self.refused.load(Ordering::Relaxed)
    }

    /// Whether whoever sends this way is dead.
    fn is_dead(&self, way: Way) -> bool {
        match way {
            Way::Up => self.own.as_ref().is_some_and(|(disk, _)| disk.is_dead()),
            Way::Down => self.server.disk.is_dead(),
        }
    }

    /// The last sequence that the machine gave out.
    fn last(&self) -> Option<u64> {
        let own = self.own.as_ref();
        own.map(|(_, queue)| queue.numbers().last)
    }

    fn late(&self) -> Duration {
        dice::millis(0, self.late_ms)
    }
}

impl Network {
    pub(crate) fn new(model: Model, machines: usize, late_ms: u64) -> Self {
        let state = State {
            server: None,
            reach: vec![Reach::Good; machines],
            lines: Vec::new(),
            late_ms,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            model,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("one thread"))
    }

    pub(crate) fn listen(&self, server: Option<Arc<Listening>>) {
        self.with(|state| state.server = server);
    }

    pub(crate) fn set_reach(&self, machine: usize, reach: Reach) {
        self.with(|state| state.reach[machine] = reach);
    }

    pub(crate) fn set_late(&self, late_ms: u64) {
        self.with(|state| state.late_ms = late_ms);
    }

    /// The open connections that `which` picks.
    pub(crate) fn open(&self, which: impl Fn(&Line) -> bool) -> Vec<Arc<Line>> {
        self.with(|state| {
            state.lines.retain(|line| !line.cut.is_cancelled());
            let lines = state.lines.iter();
            lines.filter(|line| which(line)).cloned().collect()
        })
    }

    pub(crate) fn cut(&self, which: impl Fn(&Line) -> bool) {
        for line in self.open(which) {
            line.cut.cancel();
        }
    }

    /// From here on nothing comes through one way, until somebody finds that out.
    pub(crate) fn deafen(&self, machine: usize) {
        let up = dice::percent(50);
        for line in self.open(|line| line.machine == machine) {
            let deaf = if up { &line.deaf_up } else { &line.deaf_down };
            deaf.store(true, Ordering::Relaxed);
            let until = dice::millis(20_000, 120_000);
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = line.cut.cancelled() => {}
                    () = sleep(until) => line.cut.cancel(),
                }
            });
        }
    }

    /// Connects a machine to the server under a certificate.
    pub(crate) async fn connect(
        &self,
        machine: usize,
        own: Option<(Disk, Queue)>,
        facts: Option<Arc<CertificateFacts>>,
    ) -> Result<Carrier, String> {
        let (reach, late_ms) = self.with(|state| (state.reach[machine], state.late_ms));
        sleep(dice::millis(0, late_ms)).await;
        match reach {
            Reach::Good => {}
            Reach::Refused => return Err("no route".to_owned()),
            Reach::Silent => {
                sleep(Duration::from_secs(10)).await;
                return Err("no answer within 10 s".to_owned());
            }
        }
        let server = self.with(|state| state.server.clone());
        let server = server.ok_or_else(|| "connection refused".to_owned())?;
        let peer = Peer::new(address(machine), facts.clone());
        let entry = server.connections.enter(peer.clone(), CONNECTIONS_EACH);
        let line = Arc::new(Line {
            machine,
            facts,
            peer,
            cut: CancellationToken::new(),
            refused: AtomicBool::default(),
            deaf_up: AtomicBool::default(),
            deaf_down: AtomicBool::default(),
            own,
            server,
            late_ms,
        });
        self.with(|state| state.lines.push(Arc::clone(&line)));
        let watched = Arc::clone(&line);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = entry.cut() => {
                    watched.refused.store(true, Ordering::Relaxed);
                    watched.cut.cancel();
                }
                () = watched.cut.cancelled() => {}
            }
        });
        let end = CancellationToken::drop_guard(line.cut.clone());
        Ok(BoxCloneService::new(Calls {
            line,
            model: self.model.clone(),
            _end: Arc::new(end),
        }))
    }
}

pub(crate) fn address(machine: usize) -> SocketAddr {
    let last = u8::try_from(machine + 1).unwrap_or(u8::MAX);
    SocketAddr::from(([10, 0, 0, last], 40_000))
}

/// A machine's way to the server.
pub(crate) struct Dialer {
    pub network: Network,
    pub machine: usize,
    pub disk: Disk,
    pub queue: Queue,
}

impl Dial for Dialer {
    fn dial(&self, identity: &Identity) -> BoxFuture<'static, Result<Carrier, String>> {
        let facts = Arc::new(identity.credential.facts().clone());
        let (network, machine) = (self.network.clone(), self.machine);
        let own = (self.disk.clone(), self.queue.clone());
        async move { network.connect(machine, Some(own), Some(facts)).await }.boxed()
    }
}

/// What makes calls over a connection.
#[derive(Clone)]
struct Calls {
    line: Arc<Line>,
    model: Model,
    /// The connection ends with the last who could call over it.
    _end: Arc<tokio_util::sync::DropGuard>,
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        call(self.clone(), request).boxed()
    }
}

async fn call(calls: Calls, request: Request<Body>) -> Result<Response<Body>, Status> {
    let Calls { line, model, .. } = calls.clone();
    let (mut parts, body) = request.into_parts();
    sleep(line.late()).await;
    if line.cut.is_cancelled() || line.is_deaf(Way::Up) || line.is_dead(Way::Up) {
        line.cut.cancelled().await;
        return Err(reset());
    }
    let server = Arc::clone(&line.server);
    let says = match parts.uri.path() {
        "/muster.v1.Agent/Uplink" => Some(Says::Findings),
        "/muster.v1.Agent/Observe" => Some(Says::Configuration),
        _ => None,
    };
    let talk = says.map(|says| {
        let talk = model.call(line.facts.clone(), server.clock.now());
        (says, Arc::new(Mutex::new(talk)))
    });
    let (into, pipe) = Pipe::new();
    tokio::spawn(pump(calls.clone(), body, into, Way::Up, talk.clone()));
    parts.extensions.insert(line.peer.clone());
    let request = Request::from_parts(parts, Body::new(pipe));
    let handler = tokio::spawn(server.service.clone().oneshot(request));
    server
        .handlers
        .lock()
        .expect("one thread")
        .push(handler.abort_handle());
    let response = tokio::select! {
        biased;
        () = line.cut.cancelled() => return Err(reset()),
        response = handler => response.map_err(|_| reset())?,
    };
    let response = response.unwrap_or_else(|never| match never {});
    if let Some(status) = Status::from_header_map(response.headers()) {
        model.note(|_| format!("refused: {:?}, {}", status.code(), plain(status.message())));
    }
    sleep(line.late()).await;
    let (parts, body) = response.into_parts();
    let (into, pipe) = Pipe::new();
    tokio::spawn(pump(calls, body, into, Way::Down, talk));
    Ok(Response::from_parts(parts, Body::new(pipe)))
}

/// A message without ids, which differ from run to run.
fn plain(message: &str) -> String {
    let words = message.split_whitespace();
    let short: Vec<&str> = words.filter(|word| word.len() < 30).collect();
    short.join(" ")
}

fn reset() -> Status {
    Status::unavailable("the connection was reset")
}

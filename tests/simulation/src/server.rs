//! The server: its rooms on a simulated disk, as `serve` builds them, and the traps behind methods that have no row.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{BoxFuture, Ready, ready};
use http::{Request, Response};
use muster_admin::api::{AgentService, Calls, Doorman, Uplinks, agent_routes};
use muster_admin::audit::Audit;
use muster_admin::enrollment::{self, CallerIdentity, Enrollment, Prover, StsError};
use muster_admin::findings::Findings;
use muster_admin::ingest::{self, Ingest, Rate};
use muster_admin::inventory::Inventory;
use muster_admin::membership::{self, Membership};
use muster_admin::operators::{self, Operators};
use muster_admin::records::Records;
use muster_common::proof::{Binding, Proof};
use muster_disk::simulated::{Contents, Disk, End};
use muster_mtls::Connections;
use muster_store::{Embedded, Findings as Engine, Ledger, Tables};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::{Layer as _, Service};

use crate::kit::Shared;
use crate::network::{Listening, Network};
use crate::{clocks, dice};

/// The role that agents run under.
const ROLE: &str = "MusterAgent";

/// A server that runs.
pub(crate) struct Server {
    pub disk: Disk,
    pub store: Arc<Embedded>,
    pub membership: Membership,
    pub enrollment: Enrollment,
    listening: Arc<Listening>,
    writer: JoinHandle<()>,
    stop: CancellationToken,
}

/// What is not to be known from its disk.
#[derive(Clone)]
pub(crate) struct Settings {
    pub shared: Shared,
    pub findings_per_second: u32,
    pub certificate_hours: u32,
    /// Set when somebody entered a method that has no row.
    pub sprung: Arc<AtomicBool>,
}

impl Server {
    /// Opens the store and builds the rooms. A disk that dies meanwhile is given back.
    pub(crate) fn start(settings: &Settings, disk: Disk) -> Result<Self, Disk> {
        let config = muster_store::Config {
            path: disk.path().join("store"),
            cache_bytes: 1 << 20,
        };
        let Ok((store, mut hand)) = Embedded::open_by_hand(&config) else {
            return Err(disk);
        };
        let store = Arc::new(store);
        let writer = tokio::spawn(async move {
            while hand.asked().await {
                sleep(disk_latency()).await;
                clocks::set();
                hand.step();
            }
        });
        let stop = CancellationToken::new();
        let rooms = Rooms::build(settings, &store);
        let listening = Arc::new(Listening {
            service: rooms.doorman(settings).layer(
                agent_routes(rooms.agents(settings, &store, &stop))
                    .add_service(Trap::<Unlisted>::new(&settings.sprung))
                    .add_service(Trap::<Members>::new(&settings.sprung))
                    .prepare(),
            ),
            connections: rooms.connections.clone(),
            store: Arc::clone(&store),
            clock: settings.shared.clock.clone(),
            disk: disk.clone(),
            handlers: Mutex::default(),
        });
        Ok(Self {
            disk,
            store,
            membership: rooms.membership,
            enrollment: rooms.enrollment,
            listening,
            writer,
            stop,
        })
    }

    pub(crate) fn listen(&self, network: &Network) {
        network.listen(Some(Arc::clone(&self.listening)));
    }

    /// Ends it at once.
    pub(crate) fn end(self, network: &Network, end: End) -> Contents {
        network.listen(None);
        let contents = self.disk.end(end, &mut dice::below);
        network.cut(|_| true);
        self.writer.abort();
        for handler in self
            .listening
            .handlers
            .lock()
            .expect("one thread")
            .drain(..)
        {
            handler.abort();
        }
        contents
    }

    /// Drains it, as a stop in order does.
    pub(crate) async fn stop(self, network: &Network) -> Contents {
        network.listen(None);
        self.stop.cancel();
        sleep(Duration::from_secs(12)).await;
        self.end(network, End::Kill)
    }
}

/// How long a disk takes over something.
pub(crate) fn disk_latency() -> Duration {
    if dice::percent(3) {
        dice::millis(50, 2_000)
    } else {
        dice::millis(0, 6)
    }
}

struct Rooms {
    connections: Connections,
    audit: Audit,
    membership: Membership,
    enrollment: Enrollment,
    operators: Operators,
    ingest: Ingest,
}

impl Rooms {
    fn build(settings: &Settings, store: &Arc<Embedded>) -> Self {
        let Shared {
            authority,
            domain,
            clock,
        } = settings.shared.clone();
        let tables: Arc<dyn Tables> = store.clone();
        let engine: Arc<dyn Engine> = store.clone();
        let ledger: Arc<dyn Ledger> = store.clone();
        let records = Records::new(tables);
        let connections = Connections::default();
        let audit = Audit::new(records.clone());
        let membership = Membership::new(
            records.clone(),
            connections.clone(),
            clock.clone(),
            membership::Config {
                role_name: ROLE.to_owned(),
                admin_account: None,
                invitation_hours: 24,
            },
        );
        let enrollment = Enrollment::new(
            enrollment::Deps {
                records: records.clone(),
                membership: membership.clone(),
                authority: authority.clone(),
                prover: Arc::new(Sts),
                audit: audit.clone(),
                clock: clock.clone(),
            },
            enrollment::Config {
                domain: domain.clone(),
                certificate_hours: settings.certificate_hours,
            },
        );
        let operators = Operators::new(
            records,
            authority,
            connections.clone(),
            clock.clone(),
            operators::Config {
                domain,
                certificate_hours: 24,
            },
        );
        let ingest = Ingest::new(ingest::Deps {
            findings: Findings::new(engine, ledger, clock.clone()),
            membership: membership.clone(),
            audit: audit.clone(),
            rate: Rate::new(settings.findings_per_second),
            clock,
            admin_account: None,
        });
        Self {
            connections,
            audit,
            membership,
            enrollment,
            operators,
            ingest,
        }
    }

    fn doorman(&self, settings: &Settings) -> Doorman {
        Doorman {
            calls: Calls::default(),
            membership: self.membership.clone(),
            operators: self.operators.clone(),
            audit: self.audit.clone(),
            clock: settings.shared.clock.clone(),
        }
    }

    fn agents(
        &self,
        settings: &Settings,
        store: &Arc<Embedded>,
        stop: &CancellationToken,
    ) -> AgentService {
        AgentService {
            ingest: self.ingest.clone(),
            membership: self.membership.clone(),
            enrollment: self.enrollment.clone(),
            ledger: store.clone(),
            clock: settings.shared.clock.clone(),
            inventory: Inventory::new(
                store.clone(),
                store.clone(),
                Records::new(store.clone()),
                settings.shared.clock.clone(),
            ),
            uplinks: Uplinks::default(),
            observations: Uplinks::of_one(),
            answer_timeout: Duration::from_secs(120),
            silence_max: Duration::from_secs(300),
            stop: stop.clone(),
        }
    }
}

/// An STS that names the role of whichever account asks.
struct Sts;

impl Prover for Sts {
    fn identify<'a>(
        &'a self,
        proof: &'a Proof,
        binding: &'a Binding<'a>,
    ) -> BoxFuture<'a, Result<CallerIdentity, StsError>> {
        let account = binding.account;
        let answer = format!(
            r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":"{account}","Arn":"arn:aws:sts::{account}:assumed-role/{ROLE}/session","UserId":"AROAEXAMPLE{account}:session"}}}}}}"#
        );
        let region = proof.region().clone();
        let caller = CallerIdentity::read(answer.as_bytes());
        Box::pin(ready(caller.ok_or(StsError::Nonsense { region })))
    }
}

/// A service that nobody may enter.
struct Trap<N> {
    sprung: Arc<AtomicBool>,
    name: std::marker::PhantomData<fn() -> N>,
}

impl<N> Trap<N> {
    fn new(sprung: &Arc<AtomicBool>) -> Self {
        Self {
            sprung: Arc::clone(sprung),
            name: std::marker::PhantomData,
        }
    }
}

impl<N> Clone for Trap<N> {
    fn clone(&self) -> Self {
        Self::new(&self.sprung)
    }
}

/// Not in the table.
struct Unlisted;
/// In the table, for operators.
struct Members;

impl NamedService for Trap<Unlisted> {
    const NAME: &'static str = "muster.v1.Unlisted";
}

impl NamedService for Trap<Members> {
    const NAME: &'static str = "muster.v1.Members";
}

impl<N> Service<Request<Body>> for Trap<N> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.sprung.store(true, Ordering::Relaxed);
        ready(Ok(Response::new(Body::empty())))
    }
}

//! The whole server: every room built from left to right, every task started, everything drained at the end. It holds no
//! logic.

mod identity;
mod tasks;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use muster_common::clock::Clock;
use muster_common::identity::Identity;
use muster_common::page::PageSeal;
use muster_mtls::{Audience, Connections, Limits, Listener};
use muster_store::{Embedded, Findings as Engine, Ledger, Tables};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tower::Layer as _;

use crate::api::{self, AgentService, Doorman, EnrollmentService};
use crate::audit::Audit;
use crate::authority::{self, Authority, Root};
use crate::config::Config;
use crate::enrollment::{self, Enrollment, Sts, StsConfig};
use crate::findings::{self, Findings, Retention};
use crate::ingest::{self, Ingest, Rate};
use crate::insights::Insights;
use crate::membership::{self, Membership};
use crate::operators::{self, Operators};
use crate::records::Records;
use crate::telemetry::{Sources, Telemetry};
use identity::ServerIdentity;

/// Where a running server listens; written to `addresses.json` in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub enrollment: SocketAddr,
    pub agents: SocketAddr,
    pub operators: SocketAddr,
    pub metrics: SocketAddr,
    pub pid: u32,
}

/// A server that runs.
pub struct Running {
    pub addresses: Addresses,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    drain: Duration,
    addresses_file: std::path::PathBuf,
}

/// Builds and starts everything.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub async fn serve(config: &Config, clock: Clock) -> anyhow::Result<Running> {
    config.check().map_err(anyhow::Error::msg)?;
    let unlisted = api::unlisted_methods();
    anyhow::ensure!(
        unlisted.is_empty(),
        "methods without a row in the authorization table: {unlisted:?}"
    );

    let authority = Authority::open(&authority::folder(&config.data_dir), clock.clone())?;
    let store = Arc::new(Embedded::open(&muster_store::Config {
        path: config.data_dir.join("store"),
        cache_bytes: config.store.cache_mib << 20,
    })?);
    let rooms = Rooms::build(config, &authority, store, &clock)?;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();

    let identity = ServerIdentity::new(&authority, config, clock.clone())?;
    let listeners = Listeners::bind(config, &authority, &identity, &rooms.connections).await?;
    let addresses = listeners.addresses()?;
    let public =
        |set: &Option<String>, bound: SocketAddr| set.clone().unwrap_or_else(|| bound.to_string());
    let services = rooms.services(
        &identity,
        &clock,
        &stop,
        public(&config.public.enrollment, addresses.enrollment),
    );
    let doorman = rooms.doorman(&clock);
    let enrollment = EnrollmentService {
        enrollment: rooms.enrollment.clone(),
        agent_endpoint: public(&config.public.agents, addresses.agents),
    };
    let agent = AgentService {
        ingest: rooms.ingest.clone(),
        membership: rooms.membership.clone(),
        enrollment: rooms.enrollment.clone(),
        ledger: Arc::clone(&rooms.ledger),
        clock: clock.clone(),
        stop: stop.clone(),
    };
    let sources = Sources {
        ledger: Arc::clone(&rooms.ledger),
        membership: rooms.membership.clone(),
        clock: clock.clone(),
        certificate_expires_at: identity.expires_at(),
    };

    let limits = &config.limits;
    tasks.spawn(run(
        listeners.enrollment,
        api::enrollment_routes(enrollment),
        doorman.clone(),
        limits.for_strangers(),
        stop.clone(),
    ));
    tasks.spawn(run(
        listeners.agents,
        api::agent_routes(agent),
        doorman.clone(),
        limits.clone(),
        stop.clone(),
    ));
    tasks.spawn(run(
        listeners.operators,
        api::operator_routes(services),
        doorman,
        limits.clone(),
        stop.clone(),
    ));
    tasks.spawn(listeners.telemetry.serve(sources, stop.clone()));
    tasks.spawn(tasks::keep_certified(identity, stop.clone()));
    let tidy = tasks::Tidy {
        retention: rooms.retention(config, &authority),
        audit: rooms.audit.clone(),
        audit_days: config.audit.keep_days.days(),
        clock,
    };
    tasks.spawn(tidy.keep(stop.clone()));

    let addresses_file = config.data_dir.join("addresses.json");
    write_addresses(&addresses_file, &addresses)?;
    tracing::info!(
        enrollment = %addresses.enrollment, agents = %addresses.agents, operators = %addresses.operators,
        metrics = %addresses.metrics, data = %config.data_dir.display(), "serving"
    );
    Ok(Running {
        addresses,
        stop,
        tasks,
        drain: Duration::from_secs(limits.drain_seconds.into()),
        addresses_file,
    })
}

impl Running {
    /// Stops taking calls, lets those under way finish for a while, and closes the store.
    pub async fn stop(mut self) {
        tracing::info!("stopping; waiting for calls under way");
        self.stop.cancel();
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, drained).await.is_err() {
            tracing::warn!("some calls did not end in time; nothing of them was acknowledged");
            self.tasks.shutdown().await;
        }
        let _ = std::fs::remove_file(&self.addresses_file);
        tracing::info!("stopped");
    }

    /// Ends when a part of the server has ended by itself, which none should.
    pub async fn failed(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Everything that is between the store and the API.
struct Rooms {
    connections: Connections,
    audit: Audit,
    membership: Membership,
    enrollment: Enrollment,
    operators: Operators,
    findings: Findings,
    ingest: Ingest,
    insights: Insights,
    ledger: Arc<dyn Ledger>,
    seal: PageSeal,
}

impl Rooms {
    fn build(
        config: &Config,
        authority: &Authority,
        store: Arc<Embedded>,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let tables: Arc<dyn Tables> = store.clone();
        let engine: Arc<dyn Engine> = store.clone();
        let ledger: Arc<dyn Ledger> = store;
        let records = Records::new(tables);
        let connections = Connections::default();
        let audit = Audit::new(records.clone());
        let membership = Membership::new(
            records.clone(),
            connections.clone(),
            clock.clone(),
            membership::Config {
                role_name: config.members.role_name.clone(),
                admin_account: config.admin_account,
                invitation_hours: config.members.invitation_hours,
            },
        );
        let sts = Sts::new(&StsConfig {
            endpoint: config.sts.endpoint.clone(),
        })
        .map_err(anyhow::Error::msg)?;
        let enrollment = Enrollment::new(
            enrollment::Deps {
                records: records.clone(),
                membership: membership.clone(),
                authority: authority.clone(),
                prover: Arc::new(sts),
                audit: audit.clone(),
                clock: clock.clone(),
            },
            enrollment::Config {
                domain: authority.domain(),
                certificate_hours: config.certificates.agent_hours,
            },
        );
        let operators = Operators::new(
            records.clone(),
            authority.clone(),
            connections.clone(),
            clock.clone(),
            operators::Config {
                domain: authority.domain(),
                certificate_hours: config.certificates.operator_hours,
            },
        );
        let findings = Findings::new(engine, Arc::clone(&ledger), clock.clone());
        let ingest = Ingest::new(ingest::Deps {
            findings: findings.clone(),
            membership: membership.clone(),
            audit: audit.clone(),
            rate: Rate::new(config.ingest.findings_per_second),
            clock: clock.clone(),
            admin_account: config.admin_account,
        });
        Ok(Self {
            connections,
            audit,
            membership,
            enrollment,
            operators,
            insights: Insights::new(records, findings.clone(), clock.clone()),
            findings,
            ingest,
            ledger,
            seal: PageSeal::new(rand::random()),
        })
    }

    fn doorman(&self, clock: &Clock) -> Doorman {
        Doorman {
            membership: self.membership.clone(),
            operators: self.operators.clone(),
            audit: self.audit.clone(),
            clock: clock.clone(),
        }
    }

    fn services(
        &self,
        identity: &ServerIdentity,
        clock: &Clock,
        stop: &CancellationToken,
        enrollment_endpoint: String,
    ) -> api::OperatorServices {
        api::OperatorServices {
            members: api::MembersService {
                membership: self.membership.clone(),
                enrollment: self.enrollment.clone(),
                seal: self.seal.clone(),
                clock: clock.clone(),
                enrollment_endpoint,
            },
            findings: api::FindingsService {
                findings: self.findings.clone(),
                ingest: self.ingest.clone(),
                membership: self.membership.clone(),
                seal: self.seal.clone(),
                stop: stop.clone(),
            },
            insights: api::InsightsService {
                insights: self.insights.clone(),
                seal: self.seal.clone(),
                stop: stop.clone(),
            },
            operators: api::OperatorsService {
                operators: self.operators.clone(),
                seal: self.seal.clone(),
            },
            audit: api::AuditService {
                audit: self.audit.clone(),
                seal: self.seal.clone(),
            },
            status: api::StatusService {
                membership: self.membership.clone(),
                ledger: Arc::clone(&self.ledger),
                seal: self.seal.clone(),
                domain: identity.domain(),
                started_at: clock.now(),
                certificate_expires_at: identity.expires_at(),
            },
        }
    }

    fn retention(&self, config: &Config, authority: &Authority) -> Retention {
        Retention {
            findings: self.findings.clone(),
            limits: findings::Limits {
                active_days: config.findings.active_days.days(),
                archived_days: config.findings.archived_days.days(),
                history_days: config.findings.history_days.days(),
            },
            actor: Arc::from(authority.domain().id(Identity::Admin).to_string()),
        }
    }
}

/// Every socket of the server.
struct Listeners {
    enrollment: Listener,
    agents: Listener,
    operators: Listener,
    telemetry: Telemetry,
}

impl Listeners {
    async fn bind(
        config: &Config,
        authority: &Authority,
        identity: &ServerIdentity,
        connections: &Connections,
    ) -> anyhow::Result<Self> {
        let bind =
            async |key: &str, address: SocketAddr, audience: Audience, roots: Vec<Vec<u8>>| {
                let limits = match audience {
                    Audience::Anyone => config.limits.for_strangers(),
                    Audience::Agents | Audience::Operators => config.limits.clone(),
                };
                let limits = Limits {
                    connections: limits.connections,
                    handshakes: 256,
                    handshake_timeout: Duration::from_secs(5),
                };
                let bound = Listener::bind(
                    address,
                    audience,
                    &authority.domain(),
                    &identity.credential(),
                    &roots,
                )
                .await;
                let bound =
                    bound.with_context(|| format!("listen.{key}: cannot listen on {address}"))?;
                anyhow::Ok(bound.limits(limits).listed_in(connections))
            };
        let listen = &config.listen;
        Ok(Self {
            enrollment: bind(
                "enrollment",
                listen.enrollment,
                Audience::Anyone,
                Vec::new(),
            )
            .await?,
            agents: bind(
                "agents",
                listen.agents,
                Audience::Agents,
                authority.trusted(Root::Agents),
            )
            .await?,
            operators: bind(
                "operators",
                listen.operators,
                Audience::Operators,
                authority.trusted(Root::Operators),
            )
            .await?,
            telemetry: Telemetry::bind(listen.metrics)
                .await
                .with_context(|| format!("listen.metrics: cannot listen on {}", listen.metrics))?,
        })
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        Ok(Addresses {
            enrollment: self.enrollment.address()?,
            agents: self.agents.address()?,
            operators: self.operators.address()?,
            metrics: self.telemetry.address()?,
            pid: std::process::id(),
        })
    }
}

/// Serves one listener until `stop`, and then until its calls have ended.
async fn run(
    listener: Listener,
    routes: Routes,
    doorman: Doorman,
    limits: crate::config::Limits,
    stop: CancellationToken,
) {
    let incoming = listener.incoming(stop.clone());
    let guarded = doorman.layer(routes.prepare());
    let served = Server::builder()
        .max_concurrent_streams(limits.streams)
        .max_connection_age(Duration::from_secs(
            60 * u64::from(limits.connection_minutes),
        ))
        .max_connection_age_grace(Duration::from_secs(30))
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(16 << 10)
        .http2_max_pending_accept_reset_streams(Some(20))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .serve_with_incoming_shutdown(guarded, incoming, stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "a listener ended");
    }
}

fn write_addresses(path: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let text = serde_json::to_string_pretty(addresses)?;
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

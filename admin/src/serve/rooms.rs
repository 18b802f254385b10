//! The rooms of the server, built from left to right, and what the API needs of each.

use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::identity::Identity;
use muster_common::page::PageSeal;
use muster_mtls::Connections;
use muster_store::Ledger;
use tokio_util::sync::CancellationToken;

use super::health::Joined;
use super::identity::ServerIdentity;
use super::{Store, Stores};
use crate::api::{self, AgentService, Calls, Doorman, EnrollmentService, Uplinks};
use crate::audit::Audit;
use crate::authority::Authority;
use crate::compliance::{self, Compliance};
use crate::config::{Config, Patience};
use crate::enrollment::{self, Enrollment, Sts, StsConfig};
use crate::findings::{self, Findings, Retention};
use crate::ingest::{self, Ingest, Rate};
use crate::insights::Insights;
use crate::inventory::{self, Inventory};
use crate::membership::{self, Membership};
use crate::operators::{self, Operators};
use crate::records::Records;
use crate::telemetry::Sources;

/// Everything that is between the store and the API.
pub(super) struct Rooms {
    pub connections: Connections,
    ledger: Arc<dyn Ledger>,
    health: Arc<dyn Ledger>,
    pub audit: Audit,
    membership: Membership,
    enrollment: Enrollment,
    operators: Operators,
    findings: Findings,
    ingest: Ingest,
    insights: Insights,
    inventory: Inventory,
    pub compliance: Compliance,
    clock: Clock,
    seal: PageSeal,
}

impl Rooms {
    pub(super) async fn build(
        config: &Config,
        authority: &Authority,
        stores: Stores,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let health = Arc::new(Joined::of(&stores));
        let Store {
            findings: engine,
            ledger,
            tables,
        } = stores.findings;
        let inventory = open_inventory(stores.inventory, clock).await?;
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
        let enrollment = enrollment(
            config,
            enrollment::Deps {
                records: records.clone(),
                membership: membership.clone(),
                authority: authority.clone(),
                prover: Arc::new(sts(config)?),
                audit: audit.clone(),
                clock: clock.clone(),
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
        let judged = (&inventory, &findings, &ingest);
        let compliance = compliance(config, authority, &records, judged);
        Ok(Self {
            connections,
            audit,
            compliance,
            membership,
            enrollment,
            operators,
            insights: Insights::new(records, findings.clone(), clock.clone()),
            findings,
            ingest,
            inventory,
            ledger,
            health,
            clock: clock.clone(),
            seal: PageSeal::new(rand::random()),
        })
    }

    pub(super) fn doorman(&self) -> Doorman {
        Doorman {
            calls: Calls::default(),
            membership: self.membership.clone(),
            operators: self.operators.clone(),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
        }
    }

    /// What is measured when somebody asks for the metrics.
    pub(super) fn sources(&self, identity: &ServerIdentity) -> Sources {
        let refused = self.compliance.catalog().refused();
        Sources {
            ledger: Arc::clone(&self.health),
            membership: self.membership.clone(),
            refused_controls: refused
                .iter()
                .map(|refused| refused.folder.clone())
                .collect(),
            clock: self.clock.clone(),
            certificate_expires_at: identity.expires_at(),
        }
    }

    /// What strangers may call.
    pub(super) fn for_strangers(&self, agent_endpoint: String) -> EnrollmentService {
        EnrollmentService {
            enrollment: self.enrollment.clone(),
            agent_endpoint,
        }
    }

    /// What agents may call.
    pub(super) fn for_agents(&self, patience: Patience, stop: &CancellationToken) -> AgentService {
        AgentService {
            ingest: self.ingest.clone(),
            membership: self.membership.clone(),
            enrollment: self.enrollment.clone(),
            ledger: Arc::clone(&self.ledger),
            clock: self.clock.clone(),
            inventory: self.inventory.clone(),
            uplinks: Uplinks::default(),
            observations: Uplinks::of_one(),
            answer_timeout: patience.answer,
            silence_max: patience.silence,
            stop: stop.clone(),
        }
    }

    /// What operators may call.
    pub(super) fn for_operators(
        &self,
        identity: &ServerIdentity,
        stop: &CancellationToken,
        enrollment_endpoint: String,
    ) -> api::OperatorServices {
        api::OperatorServices {
            members: api::MembersService {
                membership: self.membership.clone(),
                enrollment: self.enrollment.clone(),
                seal: self.seal.clone(),
                clock: self.clock.clone(),
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
            resources: api::ResourcesService {
                inventory: self.inventory.clone(),
                seal: self.seal.clone(),
            },
            standards: api::StandardsService {
                compliance: self.compliance.clone(),
                seal: self.seal.clone(),
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
                compliance: self.compliance.clone(),
                ledger: Arc::clone(&self.health),
                seal: self.seal.clone(),
                domain: identity.domain(),
                started_at: self.clock.now(),
                certificate_expires_at: identity.expires_at(),
            },
        }
    }

    pub(super) fn inventory_retention(
        &self,
        config: &Config,
        authority: &Authority,
    ) -> inventory::Retention {
        inventory::Retention {
            inventory: self.inventory.clone(),
            history_days: config.inventory.history_days.days(),
            actor: Arc::from(authority.domain().id(Identity::Admin).to_string()),
        }
    }

    pub(super) fn retention(&self, config: &Config, authority: &Authority) -> Retention {
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

fn sts(config: &Config) -> anyhow::Result<Sts> {
    Sts::new(&StsConfig {
        endpoint: config.sts.endpoint.clone(),
    })
    .map_err(anyhow::Error::msg)
}

fn enrollment(config: &Config, deps: enrollment::Deps) -> Enrollment {
    let domain = deps.authority.domain();
    let config = enrollment::Config {
        domain,
        certificate_hours: config.certificates.agent_hours,
    };
    Enrollment::new(deps, config)
}

async fn open_inventory(store: Store, clock: &Clock) -> Result<Inventory, inventory::Error> {
    let Store {
        findings,
        ledger,
        tables,
    } = store;
    Inventory::open(findings, ledger, Records::new(tables), clock.clone()).await
}

fn compliance(
    config: &Config,
    authority: &Authority,
    records: &Records,
    (inventory, findings, ingest): (&Inventory, &Findings, &Ingest),
) -> Compliance {
    let deps = compliance::Deps {
        records: records.clone(),
        findings: findings.clone(),
        ingest: ingest.clone(),
        state: Arc::new(inventory.clone()),
        clock: inventory.clock().clone(),
    };
    let config = compliance::Config {
        controls: config.compliance.controls.clone(),
        actor: authority.domain().id(Identity::Admin).to_string(),
        active_days: config.findings.active_days.days(),
    };
    Compliance::new(deps, &config)
}

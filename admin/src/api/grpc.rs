//! The services of `muster.v1`, one file each: parse, one room call, map.

mod agent;
mod audit;
mod enrollment;
mod findings;
mod insights;
mod members;
mod operators;
mod resources;
mod standards;
mod status;

use muster_proto::v1::agent_server::AgentServer;
use muster_proto::v1::audit_server::AuditServer;
use muster_proto::v1::enrollment_server::EnrollmentServer;
use muster_proto::v1::findings_server::FindingsServer;
use muster_proto::v1::insights_server::InsightsServer;
use muster_proto::v1::members_server::MembersServer;
use muster_proto::v1::operators_server::OperatorsServer;
use muster_proto::v1::resources_server::ResourcesServer;
use muster_proto::v1::standards_server::StandardsServer;
use muster_proto::v1::status_server::StatusServer;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};

pub use agent::{AgentService, Uplinks};
pub use audit::AuditService;
pub use enrollment::EnrollmentService;
pub use findings::FindingsService;
pub use insights::InsightsService;
pub use members::MembersService;
pub use operators::OperatorsService;
pub use resources::ResourcesService;
pub use standards::StandardsService;
pub use status::StatusService;

/// The largest message from an operator: an import of 100 findings.
const OPERATOR_MESSAGE_MAX: usize = 26 << 20;
/// The largest message from an agent: a batch of 4 MiB, and what it is wrapped in.
pub(crate) const AGENT_MESSAGE_MAX: usize = 5 << 20;
/// The largest message of an enrollment.
const ENROLLMENT_MESSAGE_MAX: usize = 64 << 10;

/// What operators are served.
pub struct OperatorServices {
    pub members: MembersService,
    pub findings: FindingsService,
    pub insights: InsightsService,
    pub resources: ResourcesService,
    pub standards: StandardsService,
    pub operators: OperatorsService,
    pub audit: AuditService,
    pub status: StatusService,
}

/// # Panics
/// The generated descriptors are no descriptors.
#[must_use]
pub fn operator_routes(services: OperatorServices) -> Routes {
    let OperatorServices {
        members,
        findings,
        insights,
        resources,
        standards,
        operators,
        audit,
        status,
    } = services;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(muster_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let built = "the descriptors are generated";
    Routes::new(reflection().build_v1().expect(built))
        .add_service(reflection().build_v1alpha().expect(built))
        .add_service(health())
        .add_service(MembersServer::new(members))
        .add_service(
            FindingsServer::new(findings)
                .max_decoding_message_size(OPERATOR_MESSAGE_MAX)
                .send_compressed(CompressionEncoding::Zstd)
                .accept_compressed(CompressionEncoding::Zstd),
        )
        .add_service(InsightsServer::new(insights))
        .add_service(ResourcesServer::new(resources))
        .add_service(StandardsServer::new(standards))
        .add_service(OperatorsServer::new(operators))
        .add_service(AuditServer::new(audit))
        .add_service(StatusServer::new(status))
}

/// What agents are served.
#[must_use]
pub fn agent_routes(agent: AgentService) -> Routes {
    Routes::new(AgentServer::new(agent).max_decoding_message_size(AGENT_MESSAGE_MAX))
        .add_service(health())
}

/// What strangers are served.
#[must_use]
pub fn enrollment_routes(enrollment: EnrollmentService) -> Routes {
    Routes::new(EnrollmentServer::new(enrollment).max_decoding_message_size(ENROLLMENT_MESSAGE_MAX))
        .add_service(health())
}

/// Health: a server that listens serves.
fn health() -> HealthServer<impl Health> {
    let (_, service) = tonic_health::server::health_reporter();
    service
}

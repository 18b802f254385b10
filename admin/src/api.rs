//! The API: `muster.v1` over gRPC.
//!
//! In: messages from callers that TLS has named. Out: one room's answer, translated. Always: the authorization table has
//! a row for every method, and a method without one does not start; an error's kind decides its code, and what is
//! internal shows a request id only. It decides nothing else.

pub mod authorization;
mod caller;
mod calls;
mod error;
mod grpc;
mod page;

pub use authorization::{Doorman, unlisted_methods};
pub use caller::Caller;
pub use calls::Calls;
pub use grpc::{
    AgentService, AuditService, EnrollmentService, FindingsService, InsightsService,
    MembersService, OperatorServices, OperatorsService, ResourcesService, StandardsService,
    StatusService, Uplinks, agent_routes, enrollment_routes, operator_routes,
};

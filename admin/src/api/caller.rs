//! Who calls: what the doorman found out, for the handlers.

use std::net::SocketAddr;
use std::sync::Arc;

use muster_common::account::AccountId;
use muster_common::identity::{AgentId, OperatorId, SpiffeId};
use muster_mtls::CertificateFacts;
use tonic::{Request, Status};

use super::error::unauthenticated;
use crate::operators::{Operator, Role};

/// A caller that may make the call at hand.
#[derive(Clone, Debug)]
pub enum Caller {
    Agent(AgentCaller),
    Operator(OperatorCaller),
    /// Nobody could be named: the enrollment listener.
    Stranger(SocketAddr),
}

#[derive(Clone, Debug)]
pub struct AgentCaller {
    pub account: AccountId,
    pub agent: AgentId,
    pub id: SpiffeId,
    /// What the call came with.
    pub certificate: Arc<CertificateFacts>,
}

#[derive(Clone, Debug)]
pub struct OperatorCaller {
    pub operator: Operator,
    pub id: SpiffeId,
    /// What the call came with.
    pub certificate: Arc<CertificateFacts>,
}

impl OperatorCaller {
    pub(super) fn name(&self) -> &OperatorId {
        &self.operator.id
    }

    pub(super) fn role(&self) -> Role {
        self.operator.role
    }
}

/// The caller of a request that the doorman let in.
fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    request
        .extensions()
        .get::<Caller>()
        .ok_or_else(|| unauthenticated("the caller is not known"))
}

pub(super) fn agent<T>(request: &Request<T>) -> Result<AgentCaller, Status> {
    match caller(request)? {
        Caller::Agent(agent) => Ok(agent.clone()),
        Caller::Operator(_) | Caller::Stranger(_) => {
            Err(unauthenticated("only agents may call this"))
        }
    }
}

pub(super) fn operator<T>(request: &Request<T>) -> Result<OperatorCaller, Status> {
    match caller(request)? {
        Caller::Operator(operator) => Ok(operator.clone()),
        Caller::Agent(_) | Caller::Stranger(_) => {
            Err(unauthenticated("only operators may call this"))
        }
    }
}

pub(super) fn stranger<T>(request: &Request<T>) -> Result<SocketAddr, Status> {
    match caller(request)? {
        Caller::Stranger(address) => Ok(*address),
        Caller::Agent(_) | Caller::Operator(_) => {
            Err(unauthenticated("this call needs no credential"))
        }
    }
}

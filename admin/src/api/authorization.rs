//! Who may call what: one table, and the doorman that holds every call to it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use muster_common::clock::Clock;
use muster_common::identity::Identity;
use muster_mtls::{CertificateFacts, Peer};
use prost_types::FileDescriptorSet;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::caller::{AgentCaller, Caller, OperatorCaller};
use super::calls::{Answer, Calls, Place};
use super::error::{denied, status, unauthenticated};
use crate::audit::{Audit, Event};
use crate::membership::{Membership, Standing};
use crate::operators::{Operators, Role};

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anybody who reaches the enrollment listener.
    Stranger,
    /// An agent in good standing.
    Agent,
    /// An agent whose certificate is valid, in whatever standing: the renewal judges it.
    RenewingAgent,
    /// An operator with at least this role.
    Operator(Role),
    /// Whoever passed the listener's handshake.
    Connected,
}

/// Every method that is served, and its rule.
pub const TABLE: &[(&str, Rule)] = &[
    ("/muster.v1.Enrollment/Enroll", Rule::Stranger),
    ("/muster.v1.Enrollment/DeclineInvitation", Rule::Stranger),
    ("/muster.v1.Agent/Uplink", Rule::Agent),
    ("/muster.v1.Agent/Observe", Rule::Agent),
    ("/muster.v1.Agent/Renew", Rule::RenewingAgent),
    ("/muster.v1.Agent/Leave", Rule::Agent),
    (
        "/muster.v1.Members/CreateMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/InviteMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/ListMembers",
        Rule::Operator(Role::Viewer),
    ),
    ("/muster.v1.Members/GetMember", Rule::Operator(Role::Viewer)),
    (
        "/muster.v1.Members/DisassociateMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/SuspendMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/ResumeMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/DeleteMembers",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/ListInvitations",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Members/WithdrawInvitation",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Members/ListAgents",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Members/RevokeAgent",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Resources/ListResources",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Resources/GetResource",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Resources/ListResourceHistory",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Resources/CountResources",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Resources/ListCoverage",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/ListStandards",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/EnableStandard",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Standards/DisableStandard",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Standards/GetScore",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/ListAccountScores",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/ListScoreHistory",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/ListControls",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/GetControl",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Standards/UpdateControl",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Standards/TryControl",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Findings/ImportFindings",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Findings/ListFindings",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Findings/GetFinding",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Findings/UpdateFindings",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Findings/ListFindingHistory",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Findings/WatchFindings",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Findings/CountFindings",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Insights/CreateInsight",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Insights/ListInsights",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Insights/GetInsight",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Insights/UpdateInsight",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Insights/DeleteInsight",
        Rule::Operator(Role::Analyst),
    ),
    (
        "/muster.v1.Insights/GetInsightResults",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Insights/WatchInsight",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Operators/CreateOperator",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Operators/ListOperators",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Operators/RevokeOperator",
        Rule::Operator(Role::Admin),
    ),
    (
        "/muster.v1.Operators/RenewOperator",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Operators/GetCaller",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/muster.v1.Audit/ListAuditEvents",
        Rule::Operator(Role::Admin),
    ),
    ("/muster.v1.Status/GetStatus", Rule::Operator(Role::Viewer)),
    ("/muster.v1.Status/ListLedger", Rule::Operator(Role::Viewer)),
    ("/grpc.health.v1.Health/Check", Rule::Connected),
    ("/grpc.health.v1.Health/List", Rule::Connected),
    ("/grpc.health.v1.Health/Watch", Rule::Connected),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Rule::Operator(Role::Viewer),
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Rule::Operator(Role::Viewer),
    ),
];

/// The rule of a method; `None` if it is not served.
#[must_use]
pub fn rule(method: &str) -> Option<Rule> {
    TABLE
        .iter()
        .find(|(listed, _)| *listed == method)
        .map(|(_, rule)| *rule)
}

/// The methods of `muster.v1` that have no row. A server with one does not start.
#[must_use]
pub fn unlisted_methods() -> Vec<String> {
    methods()
        .into_iter()
        .filter(|method| rule(method).is_none())
        .collect()
}

/// Every method of `muster.v1`, as its path.
#[must_use]
pub fn methods() -> Vec<String> {
    let set: FileDescriptorSet =
        prost::Message::decode(muster_proto::DESCRIPTORS).expect("the descriptors are generated");
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                methods.push(format!(
                    "/{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    methods
}

/// Names the caller of every request, holds it to the table, counts its calls, and writes down whom it turned away.
#[derive(Clone)]
pub struct Doorman {
    pub calls: Calls,
    pub membership: Membership,
    pub operators: Operators,
    pub audit: Audit,
    pub clock: Clock,
}

impl Doorman {
    async fn open(
        &self,
        method: &str,
        peer: Option<Peer>,
    ) -> Result<(Caller, Peer, Option<Place>), Status> {
        let peer = peer.ok_or_else(|| unauthenticated("the connection has no peer"))?;
        let caller = self.admit(method, &peer).await?;
        let place = self.calls.begin(&caller)?;
        Ok((caller, peer, place))
    }

    async fn admit(&self, method: &str, peer: &Peer) -> Result<Caller, Status> {
        let rule = rule(method)
            .ok_or_else(|| Status::unimplemented(format!("{method} is not served here")))?;
        let admitted = match (rule, &peer.certificate) {
            (Rule::Stranger | Rule::Connected, None) => Ok(Caller::Stranger(peer.address)),
            (_, None) => Err(unauthenticated("this call needs a certificate")),
            (rule, Some(facts)) => self.certified(rule, facts, peer).await,
        };
        if let Err(refused) = &admitted {
            self.tell(method, peer, refused).await;
        }
        admitted
    }

    async fn certified(
        &self,
        rule: Rule,
        facts: &Arc<CertificateFacts>,
        peer: &Peer,
    ) -> Result<Caller, Status> {
        if self.clock.now() >= facts.not_after {
            return Err(unauthenticated(format!(
                "the certificate of {} expired at {}",
                facts.id, facts.not_after
            )));
        }
        match (rule, &facts.id.identity) {
            (Rule::Connected, _) => Ok(Caller::Stranger(peer.address)),
            (Rule::Agent | Rule::RenewingAgent, Identity::Agent { account, agent }) => {
                if rule == Rule::Agent {
                    let standing = self
                        .membership
                        .standing(*account, *agent, facts)
                        .await
                        .map_err(status)?;
                    in_good_standing(&standing)?;
                }
                Ok(Caller::Agent(AgentCaller {
                    account: *account,
                    agent: *agent,
                    id: facts.id.clone(),
                    certificate: Arc::clone(facts),
                }))
            }
            (Rule::Operator(needed), Identity::Operator(id)) => {
                let operator = self.operators.recognize(id, facts).await.map_err(status)?;
                let caller = OperatorCaller {
                    operator,
                    id: facts.id.clone(),
                    certificate: Arc::clone(facts),
                };
                if caller.role() < needed {
                    return Err(denied(format!(
                        "this needs the role {}; {} is {}",
                        needed.name(),
                        caller.name(),
                        caller.role().name()
                    )));
                }
                Ok(Caller::Operator(caller))
            }
            (Rule::Stranger | Rule::Agent | Rule::RenewingAgent | Rule::Operator(_), _) => {
                Err(denied(format!("{} may not call this", facts.id)))
            }
        }
    }

    async fn tell(&self, method: &str, peer: &Peer, refused: &Status) {
        let actor = match &peer.certificate {
            Some(facts) => facts.id.to_string(),
            None => peer.address.to_string(),
        };
        let event =
            Event::new(self.clock.now(), "call.refuse", actor, method).detail(refused.message());
        self.audit.refusal(event).await;
    }
}

/// What to tell an agent that may not speak.
fn in_good_standing(standing: &Standing) -> Result<(), Status> {
    match standing {
        Standing::Good | Standing::Renewed | Standing::Ahead => Ok(()),
        Standing::Superseded
        | Standing::Unknown
        | Standing::Stopped(_)
        | Standing::NotMember(_) => Err(denied(standing.to_string())),
    }
}

impl<S> Layer<S> for Doorman {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            doorman: Arc::new(self.clone()),
            inner,
        }
    }
}

/// A service behind the doorman.
#[derive(Clone)]
pub struct Guarded<S> {
    doorman: Arc<Doorman>,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let doorman = Arc::clone(&self.doorman);
        Box::pin(async move {
            let peer = request.extensions().get::<Peer>().cloned();
            match doorman.open(request.uri().path(), peer).await {
                Ok((caller, peer, place)) => {
                    request.extensions_mut().insert(caller);
                    let answer = inner.call(request).await?;
                    Ok(answer.map(|body| Answer::of(body, peer, place)))
                }
                Err(refused) => Ok(refused.into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Z05: a new method needs a row, and a row needs a method.
    #[test]
    fn every_method_has_exactly_one_row() {
        assert_eq!(unlisted_methods(), Vec::<String>::new());
        let methods = methods();
        for (at, (method, _)) in TABLE.iter().enumerate() {
            let ours = method.starts_with("/muster.v1.");
            assert!(!ours || methods.contains(&(*method).to_owned()), "{method}");
            assert!(
                !TABLE[..at].iter().any(|(other, _)| other == method),
                "{method}"
            );
        }
    }

    /// Z05: a viewer changes nothing.
    #[test]
    fn viewers_may_call_only_what_reads() {
        let reads = [
            "Get",
            "List",
            "Watch",
            "Count",
            "ServerReflectionInfo",
            "RenewOperator",
        ];
        for (method, rule) in TABLE {
            let name = method.rsplit('/').next().unwrap();
            if *rule == Rule::Operator(Role::Viewer) {
                assert!(reads.iter().any(|read| name.starts_with(read)), "{method}");
            }
        }
    }
}

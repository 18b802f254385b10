//! What operators and members do meanwhile: enroll, renew, part, suspend, revoke. Each ending is told to the model, and
//! must be felt on the connections that are open.

use std::sync::Arc;
use std::time::Duration;

use muster_admin::enrollment::{Claim, Hello};
use muster_admin::membership::{Error, MemberStatus, NewMember, Standing};
use muster_agent::identity::Identity;
use muster_agent::queue::Queue;
use muster_common::account::AccountId;
use muster_common::identity::{AgentId, Identity as Holder};
use muster_common::proof::Proof;
use muster_disk::simulated::Disk;
use muster_mtls::{Credential, CredentialFile, PrivateKey};
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::renew_request::Message as Ask;
use muster_proto::v1::renew_response::Message as Answer;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;

use crate::kit::Shared;
use crate::model::State;
use crate::network::{Network, address};
use crate::server::Server;

const BY: &str = "operator";

/// An end that somebody makes to an agent's or a member's speaking.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Disassociate,
    Resign,
    Suspend,
    Revoke(AgentId),
}

/// Ends something. What fails, because it is over already or the server crashes, is not known to have happened.
pub(crate) async fn end(
    server: &Server,
    network: &Network,
    account: AccountId,
    ending: Ending,
) -> bool {
    let membership = &server.membership;
    let concerned = |id: &Holder| match (id, ending) {
        (Holder::Agent { agent, .. }, Ending::Revoke(id)) => *agent == id,
        (Holder::Agent { account: of, .. }, _) => *of == account,
        (Holder::Operator(_) | Holder::Admin, _) => false,
    };
    let open = network.open(|line| {
        let facts = line.facts.as_ref();
        facts.is_some_and(|facts| concerned(&facts.id.identity)) && line.is_to(&server.disk)
    });
    let done = match ending {
        Ending::Disassociate => membership.disassociate(account, BY).await.is_ok(),
        Ending::Resign => membership.resign(account, BY).await.is_ok(),
        Ending::Suspend => membership.suspend(account, BY).await.is_ok(),
        Ending::Revoke(agent) => membership.revoke_agent(agent, "test", BY).await.is_ok(),
    };
    if !done {
        let mut state = network.model.lock();
        let what = format!("{account}: {}, or not", state.name_of(ending));
        state.note(what);
        state.unsure(account);
        return false;
    }
    if matches!(ending, Ending::Resign) {
        // Whoever leaves is given its answer before it is cut.
        sleep(Duration::from_millis(260)).await;
    }
    let model = &network.model;
    tell(&mut model.lock(), account, ending);
    sleep(Duration::from_millis(2)).await;
    let left = open.iter().filter(|line| !line.cut.is_cancelled()).count();
    if left > 0 && !server.disk.is_dead() {
        model.fail(format!("{account}: {left} connections are not cut"));
    }
    true
}

fn tell(state: &mut State, account: AccountId, ending: Ending) {
    state.tally.moves += 1;
    let what = format!("{account}: {}", state.name_of(ending));
    state.note(what);
    match ending {
        Ending::Disassociate | Ending::Resign => {
            state.bar(|of, _| of == account);
            state.resume(account);
        }
        Ending::Suspend => state.suspend(account),
        Ending::Revoke(id) => state.bar(|_, agent| agent == id),
    }
}

/// Lets a suspended member speak again.
pub(crate) async fn resume(server: &Server, network: &Network, account: AccountId) {
    // Before, for from its durable moment on the agents may speak.
    network.model.lock().resume(account);
    let resumed = server.membership.resume(account, BY).await;
    let mut state = network.model.lock();
    match resumed {
        Ok(_) => state.note(format!("{account}: resumed")),
        // It may be durable all the same.
        Err(Error::Store(_)) => state.unsure(account),
        // It is not suspended.
        Err(_) => {}
    }
}

/// Whether an identity is good, as the server has it.
pub(crate) async fn stands(server: &Server, shared: &Shared, identity: &Identity) -> bool {
    let facts = identity.credential.facts();
    let standing = server
        .membership
        .standing(identity.account, identity.agent, facts)
        .await;
    let good = matches!(
        standing,
        Ok(Standing::Good | Standing::Renewed | Standing::Ahead)
    );
    good && shared.clock.now() < facts.not_after
}

/// Invites an account, whatever it is, and enrolls an agent for it.
pub(crate) async fn enroll(
    server: &Server,
    network: &Network,
    shared: &Shared,
    account: AccountId,
    machine: usize,
) -> Option<Identity> {
    let membership = &server.membership;
    match membership.member(account).await {
        Ok(member) if member.status == MemberStatus::AccountSuspended => {
            resume(server, network, account).await;
        }
        Ok(_) => {}
        Err(_) => {
            let new = NewMember {
                account,
                email: String::new(),
                name: String::new(),
                partition: Default::default(),
                role_name: None,
            };
            membership.create(new, BY).await.ok()?;
        }
    }
    let sent = membership.invite(account, 24, BY).await.ok()?;
    let key = PrivateKey::generate();
    let hello = Hello {
        invitation: sent.id,
        account,
        region: "us-east-1".parse().expect("a Region"),
        csr: key.request().der,
        version: String::new(),
    };
    let enrollment = &server.enrollment;
    let (attempt, _) = enrollment.begin(hello, address(machine).ip()).await.ok()?;
    let date = shared.clock.now().amz_date();
    let proof = Proof::new(
        "us-east-1",
        "ASIAEXAMPLEEXAMPLE",
        "",
        &date,
        &"0".repeat(64),
    )
    .ok()?;
    let claim = Claim {
        secret: sent.secret,
        proof,
    };
    let enrolled = enrollment.finish(attempt, claim).await.ok()?;
    let identity = self::identity(shared, &key, enrolled.chain, &enrolled.server_roots)?;
    let mut state = network.model.lock();
    state.certified(identity.credential.facts());
    // Whatever was not known to have happened: an account that enrolled is enabled.
    state.resume(account);
    let name = state.agent(identity.agent);
    state.note(format!("{account}: {name} enrolled on machine {machine}"));
    Some(identity)
}

fn identity(
    shared: &Shared,
    key: &PrivateKey,
    chain: Vec<Vec<u8>>,
    roots: &[Vec<u8>],
) -> Option<Identity> {
    let file = CredentialFile::new("admin:1", &shared.domain, key, &chain, roots);
    let credential = Credential::new(key, chain).ok()?;
    match credential.facts().id.identity {
        Holder::Agent { account, agent } => Some(Identity {
            file,
            credential,
            account,
            agent,
        }),
        Holder::Operator(_) | Holder::Admin => None,
    }
}

/// Renews a certificate over the network, as the agent does.
pub(crate) async fn renew(
    network: &Network,
    shared: &Shared,
    machine: usize,
    (disk, queue): (&Disk, &Queue),
    identity: &Identity,
) -> Option<Identity> {
    let talk = async {
        let facts = Arc::new(identity.credential.facts().clone());
        let carrier = network
            .connect(machine, Some((disk.clone(), queue.clone())), Some(facts))
            .await
            .ok()?;
        let key = PrivateKey::generate();
        let (asks, outgoing) = mpsc::channel(2);
        let hello = wire::RenewHello {
            csr: key.request().der.into(),
        };
        asks.send(wire::RenewRequest {
            message: Some(Ask::Hello(hello)),
        })
        .await
        .ok()?;
        let mut answers = AgentClient::new(carrier)
            .renew(ReceiverStream::new(outgoing))
            .await
            .ok()?
            .into_inner();
        let answer = answers.message().await.ok()??.message?;
        let Answer::Certificate(certificate) = answer else {
            return None;
        };
        let der = |list: Vec<bytes::Bytes>| list.into_iter().map(Vec::from).collect::<Vec<_>>();
        let roots = der(certificate.server_roots);
        self::identity(shared, &key, der(certificate.chain), &roots)
    };
    let renewed = timeout(Duration::from_secs(60), talk).await.ok()??;
    let mut state = network.model.lock();
    state.certified(renewed.credential.facts());
    let name = state.agent(renewed.agent);
    state.note(format!("{name} renewed its certificate"));
    Some(renewed)
}

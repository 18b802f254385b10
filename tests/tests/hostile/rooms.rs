//! The rooms behind the listeners, for what TLS and its clock cannot reach: days that pass, and moments between two
//! reads.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use muster_admin::api::authorization::TABLE;
use muster_admin::api::{Calls, Doorman};
use muster_admin::audit::Audit;
use muster_admin::authority::{self, Authority};
use muster_admin::enrollment::{
    self, Claim, Enrollment, Hello, Renewal, RenewalRequest, Sts as Prover, StsConfig,
};
use muster_admin::membership::{self, Invitation, Membership, NewMember, Standing};
use muster_admin::operators::{self, Operators, Role};
use muster_admin::records::{Draft, Records};
use muster_agent::cloud::sign;
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::identity::{AgentId, OperatorId, TrustDomain};
use muster_common::proof::{Binding, Proof};
use muster_common::timestamp::HOUR;
use muster_mtls::{CertificateFacts, Connections, PrivateKey, facts};
use muster_store::{Embedded, Table};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _};

use super::sts::{ROLE, Reply, Session, Sts};
use super::world::{ACCOUNT, DOMAIN};

struct Rooms {
    clock: Clock,
    sts: Sts,
    membership: Membership,
    enrollment: Enrollment,
    operators: Operators,
    records: Records,
    _folder: TempDir,
}

/// An agent that enrolled, by name.
#[derive(Clone)]
struct Agent {
    id: AgentId,
    certificate: CertificateFacts,
}

impl Rooms {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::standing_at(Clock::system().now());
        let domain: TrustDomain = DOMAIN.parse().unwrap();
        let authority =
            Authority::create(&authority::folder(folder.path()), &domain, clock.clone()).unwrap();
        let store = muster_store::Config {
            path: folder.path().join("store"),
            cache_bytes: 1 << 20,
        };
        let records = Records::new(Arc::new(Embedded::open(&store).unwrap()));
        let connections = Connections::default();
        let config = membership::Config {
            role_name: ROLE.to_owned(),
            admin_account: None,
            invitation_hours: 24,
        };
        let membership =
            Membership::new(records.clone(), connections.clone(), clock.clone(), config);
        let sts = Sts::start().await;
        let prover = Prover::new(&StsConfig {
            endpoint: Some(sts.endpoint()),
        })
        .unwrap();
        let deps = enrollment::Deps {
            records: records.clone(),
            membership: membership.clone(),
            authority: authority.clone(),
            prover: Arc::new(prover),
            audit: Audit::new(records.clone()),
            clock: clock.clone(),
        };
        let config = enrollment::Config {
            domain: domain.clone(),
            certificate_hours: 24,
        };
        let enrollment = Enrollment::new(deps, config);
        let config = operators::Config {
            domain,
            certificate_hours: 24,
        };
        let operators = Operators::new(
            records.clone(),
            authority,
            connections,
            clock.clone(),
            config,
        );
        Self {
            clock,
            sts,
            membership,
            enrollment,
            operators,
            records,
            _folder: folder,
        }
    }

    fn proof(
        &self,
        session: &Session,
        purpose: &str,
        nonce: &[u8; 32],
        public_key: &[u8],
    ) -> Proof {
        let region: Region = "us-east-1".parse().unwrap();
        let binding = Binding {
            server_id: &self.enrollment.server_id(),
            purpose,
            account: account(),
            nonce,
            public_key,
        };
        let signed = sign(&session.credentials, &region, &binding, self.clock.now()).unwrap();
        Proof::new(
            &signed.region,
            &signed.access_key_id,
            &signed.session_token,
            &signed.amz_date,
            &signed.signature,
        )
        .unwrap()
    }

    async fn join(&self, session: &Session) -> Agent {
        let new = NewMember {
            account: account(),
            email: String::new(),
            name: String::new(),
            partition: Default::default(),
            role_name: None,
        };
        let _ = self.membership.create(new, "test").await;
        let sent = self.membership.invite(account(), 1, "test").await.unwrap();
        let key = PrivateKey::generate();
        let hello = Hello {
            invitation: sent.id,
            account: account(),
            region: "us-east-1".parse().unwrap(),
            csr: key.request().der,
            version: String::new(),
        };
        let (attempt, nonce) = self
            .enrollment
            .begin(hello, [127, 0, 0, 1].into())
            .await
            .unwrap();
        let proof = self.proof(session, &sent.id.to_string(), &nonce, &key.public_key());
        let claim = Claim {
            secret: sent.secret,
            proof,
        };
        let enrolled = self.enrollment.finish(attempt, claim).await.unwrap();
        agent_of(enrolled.agent, &enrolled.chain[0])
    }

    fn request(agent: &Agent, key: &PrivateKey) -> RenewalRequest {
        RenewalRequest {
            account: account(),
            agent: agent.id,
            leaf: (&agent.certificate).into(),
            public_key: agent.certificate.public_key.clone(),
            expires_at: agent.certificate.not_after,
            csr: key.request().der,
        }
    }

    /// Renews without a proof.
    async fn renew(&self, agent: &Agent) -> Result<Agent, enrollment::Error> {
        let key = PrivateKey::generate();
        match self.enrollment.renew(&Self::request(agent, &key)).await? {
            Renewal::Renewed(renewed) => Ok(agent_of(renewed.agent, &renewed.chain[0])),
            Renewal::ProofNeeded { .. } => panic!("a proof is asked for"),
        }
    }

    /// Renews with a proof, which must be asked for.
    async fn prove(&self, agent: &Agent, session: &Session) -> Result<Agent, enrollment::Error> {
        let key = PrivateKey::generate();
        let request = Self::request(agent, &key);
        let Renewal::ProofNeeded { nonce } = self.enrollment.renew(&request).await? else {
            panic!("no proof is asked for");
        };
        let proof = self.proof(session, "renew", &nonce, &key.public_key());
        let renewed = self
            .enrollment
            .renew_with_proof(&request, &nonce, &proof)
            .await?;
        Ok(agent_of(renewed.agent, &renewed.chain[0]))
    }

    async fn speaks(&self, agent: &Agent) -> bool {
        let standing = self
            .membership
            .standing(account(), agent.id, &agent.certificate)
            .await
            .unwrap();
        standing == Standing::Good
    }

    /// A week of renewals, every half day, until the proof of account is too old.
    async fn week(&self, mut agent: Agent) -> Agent {
        for _ in 0..13 {
            self.clock.advance(12 * HOUR);
            agent = self.renew(&agent).await.unwrap();
            assert!(self.speaks(&agent).await);
        }
        self.clock.advance(12 * HOUR);
        agent
    }
}

fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

fn agent_of(id: AgentId, leaf: &[u8]) -> Agent {
    let certificate = facts(leaf).unwrap();
    Agent { id, certificate }
}

#[tokio::test]
async fn r06_after_a_week_only_the_same_role_renews() {
    let rooms = Rooms::start().await;
    let session = rooms.sts.session(ACCOUNT, ROLE);
    let agent = rooms.join(&session).await;
    let agent = rooms.week(agent).await;
    let anew = rooms.sts.session_of(ACCOUNT, ROLE, "AROANEWNEWNEWNEW");
    let other_role = rooms.sts.session(ACCOUNT, "Other");
    let other_account = rooms.sts.session("444455556666", ROLE);
    for foreign in [anew, other_role, other_account] {
        assert!(rooms.prove(&agent, &foreign).await.is_err());
    }
    let renewed = rooms.prove(&agent, &session).await.unwrap();
    assert!(rooms.speaks(&renewed).await);
    // And that counts for another week.
    rooms.clock.advance(12 * HOUR);
    rooms.renew(&renewed).await.unwrap();
}

/// A server that was restored from a backup stands behind the certificates that it issued since. They count, what they
/// replaced does not; and an invitation that was open in the backup is void, for it may have been used.
#[tokio::test]
async fn what_was_issued_after_a_backup_counts_and_what_it_replaced_does_not() {
    let rooms = Rooms::start().await;
    let session = rooms.sts.session(ACCOUNT, ROLE);
    let first = rooms.join(&session).await;
    let key = format!("{ACCOUNT}/{}", first.id);
    let sent = rooms
        .membership
        .invite(account(), 72, "test")
        .await
        .unwrap();
    let backup: Option<serde_json::Value> = rooms
        .records
        .get(Table::Agents, key.as_str())
        .await
        .unwrap();
    let mut agents = vec![first];
    for _ in 0..2 {
        rooms.clock.advance(12 * HOUR);
        let renewed = rooms.renew(&agents[agents.len() - 1]).await.unwrap();
        assert!(rooms.speaks(&renewed).await);
        agents.push(renewed);
    }
    let restored = Draft::default().put(Table::Agents, key.as_str(), &backup.unwrap());
    rooms.records.commit(restored).await.unwrap();
    let [first, second, third] = agents.as_slice() else {
        panic!("three certificates");
    };
    assert!(rooms.speaks(third).await);
    assert!(!rooms.speaks(first).await && !rooms.speaks(second).await);
    let renewed = rooms.renew(third).await.unwrap();
    assert!(rooms.speaks(&renewed).await);
    let invitation: Option<Invitation> = rooms
        .records
        .get(Table::Invitations, sent.id.to_string())
        .await
        .unwrap();
    assert!(!invitation.unwrap().is_open(rooms.clock.now()));
}

/// The proof of a renewal takes seconds. Who was replaced or stopped in the meantime gets nothing.
#[tokio::test]
async fn r03_a_clone_that_is_replaced_while_sts_thinks_gets_no_certificate() {
    let rooms = Rooms::start().await;
    let session = rooms.sts.session(ACCOUNT, ROLE);
    let agent = rooms.join(&session).await;
    let agent = rooms.week(agent).await;
    let before = rooms.sts.asked().len();
    rooms.sts.answer(Reply::Held);
    let clone = rooms.prove(&agent, &session);
    let owner = async {
        muster_tests::eventually("STS is asked", async || rooms.sts.asked().len() > before).await;
        rooms.sts.answer(Reply::Honest);
        let renewed = rooms.prove(&agent, &session).await.unwrap();
        assert!(rooms.speaks(&renewed).await);
        rooms.sts.release();
        renewed
    };
    let (clone, owner) = futures::future::join(clone, owner).await;
    assert!(clone.is_err(), "a replaced certificate was renewed");
    // The copy is found out, and with it the agent is stopped.
    assert!(!rooms.speaks(&owner).await);
}

#[tokio::test]
async fn r03_a_member_that_parts_while_sts_thinks_gets_no_certificate() {
    let rooms = Rooms::start().await;
    let session = rooms.sts.session(ACCOUNT, ROLE);
    let agent = rooms.join(&session).await;
    let agent = rooms.week(agent).await;
    let before = rooms.sts.asked().len();
    rooms.sts.answer(Reply::Held);
    let renewing = rooms.prove(&agent, &session);
    let parting = async {
        muster_tests::eventually("STS is asked", async || rooms.sts.asked().len() > before).await;
        rooms
            .membership
            .disassociate(account(), "test")
            .await
            .unwrap();
        rooms.sts.release();
    };
    let (renewed, ()) = futures::future::join(renewing, parting).await;
    assert!(renewed.is_err(), "a removed member was certified");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r03_clones_in_a_race_never_both_go_on() {
    let rooms = Arc::new(Rooms::start().await);
    let session = rooms.sts.session(ACCOUNT, ROLE);
    for _ in 0..50 {
        let agent = rooms.join(&session).await;
        let mut clones = JoinSet::new();
        for _ in 0..3 {
            let (rooms, agent) = (Arc::clone(&rooms), agent.clone());
            clones.spawn(async move {
                let renewed = rooms.renew(&agent).await.ok()?;
                rooms.speaks(&renewed).await.then_some(renewed)
            });
        }
        let spoke: Vec<Agent> = clones.join_all().await.into_iter().flatten().collect();
        assert!(spoke.len() <= 1, "{} clones go on", spoke.len());
    }
}

/// Two administrators that revoke each other at the same moment: one stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_stays_even_in_a_race() {
    let rooms = Arc::new(Rooms::start().await);
    let admin = |name: String| -> OperatorId { name.parse().unwrap() };
    let csr = PrivateKey::generate().request().der;
    let mut last = admin("a0".to_owned());
    rooms
        .operators
        .create(&last, Role::Admin, &csr, "test")
        .await
        .unwrap();
    for round in 1..30 {
        let new = admin(format!("a{round}"));
        rooms
            .operators
            .create(&new, Role::Admin, &csr, "test")
            .await
            .unwrap();
        let mut revoking = JoinSet::new();
        for id in [last.clone(), new.clone()] {
            let rooms = Arc::clone(&rooms);
            revoking.spawn(async move { rooms.operators.revoke(&id, "test").await.is_ok() });
        }
        let revoked = revoking
            .join_all()
            .await
            .into_iter()
            .filter(|revoked| *revoked)
            .count();
        assert_eq!(revoked, 1, "round {round}");
        let (all, _) = rooms.operators.list(None, 100).await.unwrap();
        last = all
            .into_iter()
            .find(|operator| !operator.revoked)
            .unwrap()
            .id;
    }
}

/// M10: a connection that nobody has named, as behind a proxy or another transport, is not let through as anybody.
#[tokio::test]
async fn m10_a_connection_without_a_peer_reaches_no_handler() {
    let rooms = Rooms::start().await;
    let doorman = Doorman {
        calls: Calls::default(),
        membership: rooms.membership.clone(),
        operators: rooms.operators.clone(),
        audit: Audit::new(rooms.records.clone()),
        clock: rooms.clock.clone(),
    };
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let handler = tower::service_fn(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let guarded = doorman.layer(handler);
    for (method, _) in TABLE {
        let request = Request::post(*method).body(Body::empty()).unwrap();
        let response = guarded.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "16", "{method}");
    }
    assert_eq!(handled.load(Ordering::SeqCst), 0);
}

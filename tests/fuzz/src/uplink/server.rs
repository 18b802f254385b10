//! The server without a network: its rooms, its services and the doorman before them, over a store in memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use muster_admin::api::{
    AgentService, Calls, Doorman, EnrollmentService, Uplinks, agent_routes, enrollment_routes,
};
use muster_admin::audit::Audit;
use muster_admin::authority::{self, Authority};
use muster_admin::enrollment::{self, CallerIdentity, Claim, Enrollment, Hello, Prover, StsError};
use muster_admin::findings::Findings;
use muster_admin::ingest::{self, Ingest, Rate};
use muster_admin::inventory::{Asked, Inventory};
use muster_admin::membership::{self, Membership, NewMember, Sent};
use muster_admin::operators::{self, Operators};
use muster_admin::records::Records;
use muster_common::account::{AccountId, Partition};
use muster_common::clock::Clock;
use muster_common::identity::{Identity, TrustDomain};
use muster_common::proof::{Binding, Proof};
use muster_common::sample::World;
use muster_common::timestamp::Timestamp;
use muster_mtls::{CertificateFacts, Connections, Peer, PrivateKey, facts};
use muster_store::{Embedded, Ledger as _};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::util::BoxCloneService;
use tower::{Layer as _, ServiceExt as _};
use uuid::Uuid;

pub(super) const ACCOUNT: &str = "100000000000";
pub(super) const WORLD: World = World {
    accounts: 1,
    resources: 10,
    now: NOW,
};
const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// After so many calls the server starts anew, so that it does not grow for hours.
const CALLS_MAX: u32 = 4_000;
/// Nobody reads slowly here.
const PATIENCE: Duration = Duration::from_secs(60);

type Service = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

pub(super) struct Server {
    runtime: Runtime,
    agents: Service,
    strangers: Service,
    membership: Membership,
    store: Arc<Embedded>,
    inventory: Inventory,
    certificate: Arc<CertificateFacts>,
    open_invitation: String,
    calls: Cell<u32>,
    /// Somebody may have sent other findings under the numbers of earlier ones. Those count once.
    numbers_reused: Cell<bool>,
    _folder: TempDir,
}

/// What came back from a call.
#[derive(Debug)]
pub(super) struct Answered {
    pub messages: Vec<Bytes>,
    pub code: Code,
    #[expect(dead_code, reason = "it is shown when a promise is broken")]
    pub message: String,
}

/// Calls with the server of this thread.
pub(super) fn with_server(call: impl FnOnce(&Server)) {
    thread_local! {
        static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
    }
    SERVER.with_borrow_mut(|server| {
        let used_up = server
            .as_ref()
            .is_some_and(|server| server.calls.get() > CALLS_MAX);
        if used_up {
            *server = None;
        }
        call(server.get_or_insert_with(Server::start));
    });
}

pub(super) fn account() -> AccountId {
    ACCOUNT.parse().expect("it is an account")
}

/// Vouches for the one account.
struct Honest;

impl Prover for Honest {
    fn identify<'a>(
        &'a self,
        _: &'a Proof,
        _: &'a Binding<'a>,
    ) -> BoxFuture<'a, Result<CallerIdentity, StsError>> {
        let answer = serde_json::json!({ "GetCallerIdentityResponse": { "GetCallerIdentityResult": {
            "Account": ACCOUNT,
            "Arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/MusterAgent/fuzz"),
            "UserId": "AROAFUZZ:fuzz",
        }}});
        let identity = CallerIdentity::read(answer.to_string().as_bytes());
        Box::pin(std::future::ready(Ok(
            identity.expect("it names the account")
        )))
    }
}

/// The rooms that calls reach.
struct Rooms {
    membership: Membership,
    enrollment: Enrollment,
    operators: Operators,
    audit: Audit,
    store: Arc<Embedded>,
    inventory: Inventory,
    clock: Clock,
}

impl Rooms {
    fn build(folder: &Path) -> Self {
        let clock = Clock::standing_at(NOW);
        let domain: TrustDomain = "muster.example".parse().expect("it is a domain");
        let authority = Authority::create(&authority::folder(folder), &domain, clock.clone())
            .expect("the folder is empty");
        let store = Embedded::open(&muster_store::Config {
            path: folder.join("store"),
            cache_bytes: 1 << 20,
        });
        let store = Arc::new(store.expect("the folder is empty"));
        let records = Records::new(store.clone());
        let audit = Audit::new(records.clone());
        let connections = Connections::default();
        let membership = Membership::new(
            records.clone(),
            connections.clone(),
            clock.clone(),
            membership::Config {
                role_name: "MusterAgent".to_owned(),
                admin_account: None,
                invitation_hours: 24,
            },
        );
        let enrollment = Enrollment::new(
            enrollment::Deps {
                records: records.clone(),
                membership: membership.clone(),
                authority: authority.clone(),
                prover: Arc::new(Honest),
                audit: audit.clone(),
                clock: clock.clone(),
            },
            enrollment::Config {
                domain: domain.clone(),
                certificate_hours: 24,
            },
        );
        let config = operators::Config {
            domain,
            certificate_hours: 24,
        };
        Self {
            operators: Operators::new(records, authority, connections, clock.clone(), config),
            membership,
            enrollment,
            audit,
            store,
            inventory: inventory(folder, &clock),
            clock,
        }
    }

    fn services(&self) -> (Service, Service) {
        let doorman = Doorman {
            calls: Calls::default(),
            membership: self.membership.clone(),
            operators: self.operators.clone(),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
        };
        let findings = Findings::new(self.store.clone(), self.store.clone(), self.clock.clone());
        let ingest = Ingest::new(ingest::Deps {
            findings,
            membership: self.membership.clone(),
            audit: self.audit.clone(),
            rate: Rate::new(0),
            clock: self.clock.clone(),
            admin_account: None,
        });
        let agents = AgentService {
            ingest,
            membership: self.membership.clone(),
            enrollment: self.enrollment.clone(),
            ledger: self.store.clone(),
            clock: self.clock.clone(),
            inventory: self.inventory.clone(),
            uplinks: Uplinks::default(),
            observations: Uplinks::of_one(),
            answer_timeout: PATIENCE,
            silence_max: PATIENCE,
            stop: CancellationToken::new(),
        };
        let strangers = EnrollmentService {
            enrollment: self.enrollment.clone(),
            agent_endpoint: "muster.example:7701".to_owned(),
        };
        (
            BoxCloneService::new(doorman.clone().layer(agent_routes(agents))),
            BoxCloneService::new(doorman.layer(enrollment_routes(strangers))),
        )
    }

    async fn invite(&self) -> Sent {
        let sent = self.membership.invite(account(), 24, "fuzz").await;
        sent.expect("the member may be invited")
    }

    /// Enrolls the one agent. The answer is its certificate, in DER.
    async fn join(&self, key: &PrivateKey) -> Vec<u8> {
        let new = NewMember {
            account: account(),
            email: String::new(),
            name: String::new(),
            partition: Partition::default(),
            role_name: None,
        };
        let created = self.membership.create(new, "fuzz").await;
        created.expect("the member is new");
        let sent = self.invite().await;
        let hello = Hello {
            invitation: sent.id,
            account: account(),
            region: "us-east-1".parse().expect("it is a Region"),
            csr: key.request().der,
            version: String::new(),
        };
        let begun = self.enrollment.begin(hello, [127, 0, 0, 1].into()).await;
        let (attempt, _) = begun.expect("the hello is good");
        let proof = Proof::new(
            "us-east-1",
            "ASIAIOSFODNN7EXAMPLE",
            "",
            &NOW.amz_date(),
            &"0".repeat(64),
        );
        let claim = Claim {
            secret: sent.secret,
            proof: proof.expect("it has the form of a proof"),
        };
        let enrolled = self.enrollment.finish(attempt, claim).await;
        enrolled.expect("the claim is good").chain.remove(0)
    }
}

impl Server {
    fn start() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let folder = folder.expect("there is room for a store");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let rooms = Rooms::build(folder.path());
        let key = PrivateKey::generate();
        let (certificate, open) = runtime.block_on(async {
            let certificate = rooms.join(&key).await;
            (certificate, rooms.invite().await)
        });
        let (agents, strangers) = rooms.services();
        Self {
            runtime,
            agents,
            strangers,
            membership: rooms.membership,
            store: rooms.store,
            inventory: rooms.inventory,
            certificate: Arc::new(facts(&certificate).expect("it was issued")),
            open_invitation: open.id.to_string(),
            calls: Cell::new(0),
            numbers_reused: Cell::new(false),
            _folder: folder,
        }
    }

    /// A number that no call had before.
    pub(super) fn next(&self) -> u32 {
        self.calls.get()
    }

    /// The present resources of a type: place, id and version.
    pub(super) fn resources(&self, kind: &str) -> BTreeSet<(String, String, u8)> {
        #[derive(serde::Deserialize)]
        struct Told {
            id: String,
            state: BTreeMap<String, u8>,
        }
        let of = |place: &str| Asked {
            accounts: vec![account()],
            places: vec![place.to_owned()],
            kinds: vec![kind.to_owned()],
            ..Asked::default()
        };
        let places = ["eu-west-1", "aws-global"].into_iter();
        let all = places.flat_map(|place| {
            let asked = of(place);
            let listed = self.inventory.list(&asked, None, 100);
            let (held, _) = self.runtime.block_on(listed).expect("the store answers");
            held.into_iter().map(move |held| {
                let told: Told = serde_json::from_slice(&held.document).expect("as it was told");
                assert_eq!(told.id, held.id);
                (place.to_owned(), held.id, told.state["V"])
            })
        });
        all.collect()
    }

    /// Sends a whole stream of messages and waits for all that comes back.
    pub(super) fn call(&self, method: &str, certified: bool, body: Vec<u8>) -> Answered {
        let call = self.calls.get() + 1;
        self.calls.set(call);
        let peer = Peer::new(
            // Nobody waits for having failed before.
            SocketAddr::from((call.to_be_bytes(), 1)),
            certified.then(|| Arc::clone(&self.certificate)),
        );
        let request = Request::post(method)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .extension(peer)
            .body(Body::new(Full::new(Bytes::from(body))))
            .expect("it is a request");
        let service = if certified {
            self.agents.clone()
        } else {
            self.strangers.clone()
        };
        self.runtime.block_on(async {
            let response = service
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            let (parts, body) = response.into_parts();
            let collected = body.collect().await.expect("a body ends with its status");
            let trailers = collected.trailers().cloned().unwrap_or(parts.headers);
            let status = Status::from_header_map(&trailers);
            let status = status.unwrap_or_else(|| Status::unknown("no status"));
            Answered {
                messages: messages(collected.to_bytes()),
                code: status.code(),
                message: status.message().to_owned(),
            }
        })
    }

    /// A spool that nobody has sent from.
    pub(super) fn fresh_spool(&self) -> String {
        Uuid::from_u128(u128::from(self.calls.get()) + 1).to_string()
    }

    /// The name of an open invitation, or of none.
    pub(super) fn invitation(&self, open: bool) -> String {
        if open {
            self.open_invitation.clone()
        } else {
            Uuid::from_u128(7).to_string()
        }
    }

    /// A good certificate request, with a key of its own.
    pub(super) fn request(&self) -> Bytes {
        PrivateKey::generate().request().der.into()
    }

    /// Now, as proofs are dated.
    pub(super) fn date(&self) -> String {
        NOW.amz_date()
    }

    /// From here on spools may be sent from by anybody.
    pub(super) fn let_numbers_be_reused(&self) {
        self.numbers_reused.set(true);
    }

    /// Whether no uplink is counted as open.
    pub(super) fn is_alone(&self) -> bool {
        let Identity::Agent { agent, .. } = self.certificate.id.identity else {
            return false;
        };
        let seen = self.membership.presence().seen(agent);
        seen.is_none_or(|seen| seen.uplinks == 0)
    }

    pub(super) fn is_same_agent(&self, leaf: &[u8]) {
        let renewed = facts(leaf).expect("it was issued");
        assert_eq!(renewed.id, self.certificate.id);
        assert_ne!(renewed.serial, self.certificate.serial);
    }

    /// Sent = stored, what is stored is visible, and nobody but the member has anything.
    pub(super) fn books_agree(&self) {
        let entries = self.runtime.block_on(self.store.entries());
        for (owner, entry) in entries.expect("the store is well") {
            assert_eq!(owner, account(), "a foreign finding was stored");
            let stored = entry.created - entry.expired;
            assert!(stored <= entry.visible, "{entry:?}");
            assert!(
                stored == entry.visible || self.numbers_reused.get(),
                "{entry:?}"
            );
        }
    }
}

/// The messages of a body that the server wrote.
fn messages(mut body: Bytes) -> Vec<Bytes> {
    let mut found = Vec::new();
    while !body.is_empty() {
        assert_eq!(body.get_u8(), 0, "nobody asked for compression");
        let length = body.get_u32() as usize;
        found.push(body.split_to(length));
    }
    found
}

/// A store of its own, as the server has it.
fn inventory(folder: &Path, clock: &Clock) -> Inventory {
    let store = Embedded::open(&muster_store::Config {
        path: folder.join("inventory"),
        cache_bytes: 1 << 20,
    });
    let store = Arc::new(store.expect("the folder is empty"));
    let records = Records::new(store.clone());
    Inventory::new(store.clone(), store, records, clock.clone())
}

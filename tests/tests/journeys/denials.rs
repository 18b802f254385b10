//! Every call of the agent's policy, denied by itself: what needs it is not known, for that reason, and nothing else changes.
//!
//! An account of the stand-in is read once and every answer kept. From then on the agent's surveys run in this process over
//! what was kept, once for each call with that call denied; what they tell goes into the admin's inventory and is judged by
//! its compliance. What must follow stands in `denials/needs.toml`.

#[path = "denials/aws.rs"]
mod aws;
#[path = "denials/house.rs"]
mod house;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use muster_agent::board::Board;
use muster_agent::cloud::{Cloud, Endpoint};
use muster_agent::collectors::Sources;
use muster_agent::config::Config;
use muster_agent::state::{self, Admin, Lost, Portion, Reads, Surveying, Taken};
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::health::CollectorState;
use muster_tests::{World, root};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use aws::Aws;
use house::{House, Verdict};

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
/// Surveys of what is global, and of each Region.
const SURVEYS: usize = 3 + 10 * REGIONS.len();

/// An account of which everything is known.
struct Account {
    id: AccountId,
    credentials: aws_credential_types::Credentials,
    /// For what is asked only because something was denied.
    world: World,
    aws: Aws,
    house: House,
    /// What is found when nothing is denied.
    known: BTreeSet<Verdict>,
}

/// Keeps what the surveys tell.
#[derive(Default)]
struct Listener(Mutex<Vec<Portion>>);

impl Admin for Listener {
    fn read(&self, _: Reads) -> BoxFuture<'_, Result<(), Lost>> {
        std::future::ready(Ok(())).boxed()
    }

    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
        self.0.lock().push(portion);
        let refused = Vec::new();
        std::future::ready(Ok(Taken::Taken { refused })).boxed()
    }
}

impl Account {
    async fn read(account: &str, profile: &str) -> Self {
        let world = World::start().await;
        let seeded = world.configure(&[&format!("{account}:{profile}")], 1).await;
        let mut read = Self {
            id: account.parse().unwrap(),
            credentials: credentials(&seeded.of(account)),
            world,
            aws: Aws::default(),
            house: House::new().await,
            known: BTreeSet::new(),
        };
        let told = read.told(&read.aws).await;
        read.known = read.house.judge((read.id, read.id), &told).await;
        read
    }

    /// What the surveys tell, each once.
    async fn told(&self, aws: &Aws) -> Vec<Portion> {
        let home: Region = REGIONS[0].parse().unwrap();
        let clock = Clock::system();
        let endpoint = Endpoint {
            url: self.world.endpoint.clone(),
            credentials: self.credentials.clone(),
            client: SharedHttpClient::new(aws.clone()),
        };
        let cloud = Cloud::at(endpoint, &home, &clock).await;
        let config = Config {
            regions: REGIONS.map(|region| region.parse().unwrap()).to_vec(),
            ..Config::default()
        };
        let (listener, board) = (Arc::new(Listener::default()), Board::default());
        let surveying = Surveying {
            sources: Sources::new(&config, cloud, self.id, home),
            settings: config.state.clone(),
            board: board.clone(),
            clock,
            admin: listener.clone(),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(state::run(surveying, stop.clone()));
        let mut entries = board.watch();
        let told = entries.wait_for(|entries| {
            let pending = CollectorState::Pending;
            entries.len() == SURVEYS && entries.values().all(|survey| survey.state != pending)
        });
        told.await.unwrap();
        stop.cancel();
        running.await.unwrap();
        std::mem::take(&mut *listener.0.lock())
    }

    /// What is found when a call is denied; `None` if the account gives no reason to make it.
    async fn without(&self, number: usize, call: &str) -> Option<BTreeSet<Verdict>> {
        let aws = self.aws.denying(call);
        let told = self.told(&aws).await;
        let other = format!("4{number:011}").parse().unwrap();
        let found = self.house.judge((self.id, other), &told).await;
        (aws.denials() > 0).then_some(found)
    }
}

/// As the seeder wrote them.
fn credentials(folder: &Path) -> aws_credential_types::Credentials {
    let text = std::fs::read_to_string(folder.join("credentials")).unwrap();
    let values: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let value = |name: &str| values[name].to_owned();
    aws_credential_types::Credentials::new(
        value("aws_access_key_id"),
        value("aws_secret_access_key"),
        Some(value("aws_session_token")),
        None,
        "seeded",
    )
}

/// `denials/needs.toml`.
#[derive(Deserialize)]
struct Needs {
    families: BTreeMap<String, Vec<String>>,
    calls: BTreeMap<String, Vec<String>>,
    undecided: BTreeMap<String, Vec<String>>,
}

/// A control that needs a call, for resources whose id has a part; all of them have an empty one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Need<'a> {
    control: &'a str,
    part: &'a str,
}

impl<'a> Need<'a> {
    fn new(text: &'a str) -> Self {
        let (control, part) = text.split_once(' ').unwrap_or((text, ""));
        Self { control, part }
    }

    /// Whether a verdict of a resource needs the call.
    fn is_of(self, verdict: &Verdict) -> bool {
        verdict.control == self.control && verdict.resource.contains(self.part)
    }
}

impl Needs {
    fn read() -> Self {
        toml::from_str(include_str!("denials/needs.toml")).unwrap()
    }

    /// The calls, and the controls that need each.
    fn calls(&self) -> impl Iterator<Item = (&str, BTreeSet<Need<'_>>)> {
        self.calls.iter().map(|(call, needing)| {
            let controls = needing
                .iter()
                .flat_map(|name| match self.families.get(name) {
                    Some(family) => family.iter().map(|name| Need::new(name)).collect(),
                    None => vec![Need::new(name)],
                });
            (call.as_str(), controls.collect())
        })
    }

    /// As [`Needs::calls`], with the controls that need a call only where nothing else decides.
    fn calls_of_undecided(&self) -> impl Iterator<Item = (&str, BTreeSet<Need<'_>>)> {
        self.calls().map(|(call, mut controls)| {
            let more = self.undecided.get(call).into_iter().flatten();
            controls.extend(more.map(|name| Need::new(name)));
            (call, controls)
        })
    }
}

/// The codes in which services deny.
const CODES: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
];

/// Whether a verdict is that nothing is known, for the call was denied.
fn is_told(verdict: &Verdict, call: &str) -> bool {
    let (code, detail) = &verdict.reason;
    verdict.status == "NOT_AVAILABLE" && CODES.contains(&code.as_str()) && detail.contains(call)
}

/// What is wrong with what was found while a call was denied, in an account of which all was known and good.
fn wrong(
    call: &str,
    needing: &BTreeSet<Need<'_>>,
    known: &BTreeSet<Verdict>,
    found: &BTreeSet<Verdict>,
) -> Vec<String> {
    let mut told = invented(call, needing, known, found);
    for need in needing {
        let control = need.control;
        let mut verdicts = found.iter().filter(|verdict| verdict.control == control);
        if !verdicts.any(|verdict| is_told(verdict, call)) {
            told.push(format!(
                "{call}: {control} does not say that it is not known"
            ));
        }
        let passes = |verdict: &&Verdict| need.is_of(verdict) && verdict.status == "PASSED";
        if let Some(passed) = found.iter().find(passes) {
            told.push(format!("{call}: passes: {passed:?}"));
        }
    }
    told
}

/// What changed while a call was denied and should not have: anything of a control that does not need it, and any verdict
/// but that it is not known.
fn invented(
    call: &str,
    needing: &BTreeSet<Need<'_>>,
    known: &BTreeSet<Verdict>,
    found: &BTreeSet<Verdict>,
) -> Vec<String> {
    let needs = |verdict: &Verdict| needing.iter().any(|need| need.is_of(verdict));
    let lost = known.difference(found).filter(|verdict| !needs(verdict));
    let lost = lost.map(|verdict| format!("{call}: is no longer told: {verdict:?}"));
    // What could not be listed is told of the account.
    let may_tell = |verdict: &Verdict| {
        let mut needing = needing.iter();
        needing.any(|need| need.control == verdict.control) && is_told(verdict, call)
    };
    let new = found.difference(known).filter(|verdict| !may_tell(verdict));
    let new = new.map(|verdict| format!("{call}: should not be told: {verdict:?}"));
    lost.chain(new).collect()
}

#[test]
fn every_call_of_the_policy_has_a_row() {
    let policy = std::fs::read(root().join("deploy/agent-policy.json")).unwrap();
    let policy: serde_json::Value = serde_json::from_slice(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let configuration = statements
        .iter()
        .find(|statement| statement["Sid"] == "MusterAgentReadsConfiguration");
    let allowed = configuration.unwrap()["Action"].as_array().unwrap();
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(|call| call.as_str()).collect();
    let needs = Needs::read();
    assert_eq!(
        allowed,
        needs.calls().map(|(call, _)| call).collect(),
        "deploy/agent-policy.json and denials/needs.toml differ"
    );
    let catalog = muster_admin::compliance::Catalog::open(None);
    let named = needs.calls().flat_map(|(_, needing)| needing);
    let named: BTreeSet<&str> = named.map(|need| need.control).collect();
    let controls = catalog.entries().iter();
    let controls: BTreeSet<&str> = controls.map(|entry| entry.control().id.as_str()).collect();
    assert_eq!(controls, named, "the catalog and denials/needs.toml differ");
}

/// Calls that the hardened account gives no reason to make: its users have no inline policies.
const UNASKED: [&str; 1] = ["iam:GetUserPolicy"];

#[tokio::test]
async fn a_call_that_is_denied_makes_unknown_what_needs_it_and_nothing_else() {
    let account = Account::read("333344445555", "hardened").await;
    let (mut told, mut unasked) = (Vec::new(), BTreeSet::new());
    let needs = Needs::read();
    for (number, (call, needing)) in needs.calls().enumerate() {
        match account.without(number, call).await {
            Some(found) => told.extend(wrong(call, &needing, &account.known, &found)),
            None => {
                unasked.insert(call);
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(unasked, BTreeSet::from(UNASKED));
}

#[tokio::test]
async fn of_a_flawed_account_no_denied_call_makes_another_verdict() {
    let account = Account::read("222233334444", "mixed").await;
    let mut told = Vec::new();
    let needs = Needs::read();
    for (number, (call, needing)) in needs.calls_of_undecided().enumerate() {
        if let Some(found) = account.without(number, call).await {
            told.extend(invented(call, &needing, &account.known, &found));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

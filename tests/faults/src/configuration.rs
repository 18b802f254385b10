//! Configuration is told while server and agent are killed. It is not spooled: what is lost on the way is read again, so that
//! in the end what was told is stored, nothing was ever taken for gone, and nothing that is stored is told as new.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::clock::Clock;
use muster_common::drill::Limit;
use muster_common::timestamp::Timestamp;
use muster_tests::{Admin, Agent, World, eventually_within};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value as Json;
use tokio::time::sleep;

use crate::scenario::Run;
use crate::tally::Tally;

pub(crate) const ACCOUNT: &str = "111122223333";
/// How long it may take until everything was read.
const SETTLE: Duration = Duration::from_secs(180);

/// An account with resources in two Regions, and an agent that reads them.
pub(crate) struct Surveyed {
    pub world: World,
    pub admin: Admin,
    pub agent: Agent,
}

/// What is known of a resource: since when, and its state.
pub(crate) type Known = BTreeMap<String, (Json, Json)>;

pub(crate) async fn run(run: Run) -> Tally {
    let mut chance = StdRng::seed_from_u64(run.seed);
    let mut surveyed = Surveyed::new().await;
    for _ in 0..run.rounds {
        // The moment is the fault: somewhere between a listing and the answer to its end.
        sleep(Duration::from_millis(chance.random_range(0..1_500))).await;
        let which = chance.random_range(0..4);
        if which < 3 {
            surveyed.admin.kill().await;
        }
        if which >= 2 {
            surveyed.agent.kill().await;
            surveyed.agent.start();
        }
        if which < 3 {
            surveyed.admin.serve().await;
        }
    }
    let told = surveyed.read_anew().await;
    assert!(told.len() > 50, "{} resources", told.len());
    // Nobody is killed any more: the same is told, and nothing of it is new.
    assert_eq!(surveyed.read_anew().await, told);
    let said = surveyed.admin.log();
    assert!(!said.contains("panicked"), "{said}");
    let mut tally = Tally::default();
    tally.count("kills", u64::from(run.rounds));
    tally.count("resources told and stored", told.len() as u64);
    tally
}

impl Surveyed {
    /// Reading begins; it is told in small portions.
    pub(crate) async fn new() -> Self {
        let world = World::start().await;
        let seeded = world.configure(&[&format!("{ACCOUNT}:mixed")], 10).await;
        let mut admin = Admin::init(&world).await;
        admin.serve().await;
        let agent = Agent::new(&world, "agent", &seeded.of(ACCOUNT));
        let mut agent = agent.with_configuration();
        agent.set(Limit::PortionResources.variable(), Some("3"));
        let accepted = agent.accept(&admin.invite(ACCOUNT).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        agent.start();
        Self {
            world,
            admin,
            agent,
        }
    }

    /// Starts the agent again and waits until everything was read. The answer is what is known then.
    ///
    /// # Panics
    /// More or less is known than was told, or something is known as gone.
    pub(crate) async fn read_anew(&mut self) -> Known {
        self.agent.kill().await;
        let since = Clock::system().now();
        self.agent.start();
        self.read(since).await;
        let known = self.known().await;
        let told: u64 = self
            .coverage()
            .await
            .iter()
            .filter_map(|row| row["count"].as_u64())
            .sum();
        assert_eq!(told, known.len() as u64, "what was told is stored");
        known
    }

    async fn read(&self, since: Timestamp) {
        eventually_within(SETTLE, "every survey has come to its end", async || {
            let states = self.agent.surveys().await;
            states.len() > 10 && states.iter().all(|state| *state == "ok")
        })
        .await;
        eventually_within(SETTLE, "everything was read again", async || {
            let is_new = |row: &Json| {
                let complete = row["completeAt"].as_str()?.parse::<Timestamp>();
                complete.ok().filter(|complete| *complete >= since)
            };
            self.coverage()
                .await
                .iter()
                .all(|row| is_new(row).is_some())
        })
        .await;
    }

    pub(crate) async fn coverage(&self) -> Vec<Json> {
        let listed = self
            .admin
            .operator()
            .json(&["resource", "coverage", "--all"])
            .await;
        listed.as_array().cloned().unwrap_or_default()
    }

    async fn known(&self) -> Known {
        let ask = ["resource", "list", "--all", "--gone", "--state"];
        let listed = self.admin.operator().json(&ask).await;
        let resources = listed.as_array().cloned().unwrap_or_default();
        let known = resources.into_iter().map(|resource| {
            assert_eq!(resource["gone"], false, "{resource}");
            let name = resource["name"].as_str().unwrap_or_default().to_owned();
            (
                name,
                (resource["observedAt"].clone(), resource["state"].clone()),
            )
        });
        known.collect()
    }
}

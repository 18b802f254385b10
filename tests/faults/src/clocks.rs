//! Clocks that jump by an hour, the server's, an agent's or both, forwards and backwards, while both run.
//!
//! What is connected goes on as if nothing had happened. Who must connect while the clocks differ may be refused, and then
//! says that it is the clock; when the clocks are right again it goes on by itself, and everything has arrived once.

use std::time::Duration;

use muster_tests::{Admin, Agent, MovedClock, World, accounts, eventually, eventually_within};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::ground::{Ground, Member};
use crate::scenario::Run;
use crate::tally::Tally;

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "222233334444";
const HOUR: i64 = 3_600;
/// The server's clock and the agent's.
const JUMPS: [(i64, i64); 6] = [
    (0, HOUR),
    (0, -HOUR),
    (HOUR, 0),
    (-HOUR, 0),
    (HOUR, -HOUR),
    (-HOUR, HOUR),
];
/// Agents wait longer and longer after failed connections.
const ARRIVES_WITHIN: Duration = Duration::from_secs(90);

pub(crate) async fn run(run: Run) -> Tally {
    let mut chance = StdRng::seed_from_u64(run.seed);
    let mut tally = Tally::default();
    let mut jumps = JUMPS;
    let mut clocks = Clocks::new().await;
    for turn in 0..run.share(8).max(2) {
        let at = turn as usize % JUMPS.len();
        if at == 0 {
            jumps.shuffle(&mut chance);
        }
        let (server, agent) = jumps[at];
        clocks.jump(server, agent, &mut chance).await;
        tally.count("clocks moved", 1);
    }
    clocks.invited_at_another_hour().await;
    tally.close(clocks.ground.books().await);
    tally
}

struct Clocks {
    ground: Ground,
    server: MovedClock,
    agent: MovedClock,
    offered: u32,
    _folders: [TempDir; 2],
}

impl Clocks {
    async fn new() -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let [server, agent] = folders
            .each_ref()
            .map(|folder| MovedClock::new(folder.path()));
        let world = World::start().await;
        let mut admin = Admin::init_by(&world, Some(&server)).await;
        admin.serve().await;
        let mut ground = Ground {
            world,
            admin,
            members: Vec::new(),
        };
        let credentials = accounts::member(&ground.world, ACCOUNT).await;
        let mut own = Agent::new(&ground.world, "agent", &credentials).by(&agent);
        let accepted = own.accept(&ground.admin.invite(ACCOUNT).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        own.start();
        ground.members.push(Member::of(ACCOUNT, own));
        Self {
            ground,
            server,
            agent,
            offered: 0,
            _folders: folders,
        }
    }

    /// Moves the clocks, sends over the connection that is there and over a new one, and moves the clocks back.
    async fn jump(&mut self, server: i64, agent: i64, chance: &mut StdRng) {
        self.linked().await;
        self.set(server, agent);
        self.ground.members[0].make(chance.random_range(5..30), 5);
        self.nothing_waits().await;
        self.offer(10).await;
        if chance.random_bool(0.5) {
            self.ground.admin.kill().await;
            self.ground.admin.serve().await;
        } else {
            self.ground.members[0].agent.kill().await;
            self.ground.members[0].agent.start();
        }
        self.ground.members[0].make(chance.random_range(5..30), 5);
        self.goes_on_or_says_why(server, agent).await;
        self.set(0, 0);
        self.linked().await;
        self.arrived().await;
    }

    fn set(&self, server: i64, agent: i64) {
        self.server.move_to(server);
        self.agent.move_to(agent);
    }

    /// The agent is up, or names the clock.
    async fn goes_on_or_says_why(&self, server: i64, at_agent: i64) {
        let agent = &self.ground.members[0].agent;
        let mut told = Json::Null;
        let what =
            format!("the agent goes on or names the clock (server {server} s, agent {at_agent} s)");
        eventually(&what, async || {
            told = agent.told("/snapshot").await;
            let names = told["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("clock"));
            told["link"] == "up" || names
        })
        .await;
    }

    async fn linked(&self) {
        let agent = &self.ground.members[0].agent;
        eventually_within(ARRIVES_WITHIN, "the link is up", async || {
            agent.told("/snapshot/link").await == "up"
        })
        .await;
    }

    async fn nothing_waits(&self) {
        let member = &self.ground.members[0];
        eventually_within(ARRIVES_WITHIN, "nothing waits", async || {
            member.files_waiting() == 0 && member.agent.told("/snapshot/waiting").await == 0
        })
        .await;
    }

    async fn arrived(&self) {
        let member = &self.ground.members[0];
        eventually_within(ARRIVES_WITHIN, "everything has arrived", async || {
            self.ground.missing(member).await.is_empty()
        })
        .await;
        self.nothing_waits().await;
    }

    /// New findings in the account's Security Hub.
    async fn offer(&mut self, count: u32) {
        let member = &mut self.ground.members[0];
        let ids: Vec<String> = (self.offered..self.offered + count)
            .map(|number| format!("000-{number:06}"))
            .collect();
        let findings: Vec<Json> = ids
            .iter()
            .map(|id| accounts::finding(ACCOUNT, id, 0))
            .collect();
        self.ground
            .world
            .put("securityhub", ACCOUNT, "us-east-1", &findings)
            .await;
        member.made.extend(ids.into_iter().map(|id| (id, 0)));
        self.offered += count;
    }

    /// An invitation from a server whose clock is ahead: the proof is refused for its date, in words that name it; and the
    /// same invitation is good when the clock is right.
    async fn invited_at_another_hour(&self) {
        let Ground { world, admin, .. } = &self.ground;
        let credentials = accounts::member(world, OTHER).await;
        let agent = Agent::new(world, "other", &credentials).by(&self.agent);
        self.set(HOUR, 0);
        let invitation = admin.invite(OTHER).await;
        let refused = agent.accept(&invitation).await;
        assert_ne!(refused.code, 0, "{refused:?}");
        assert!(refused.err.contains("clock"), "{refused:?}");
        self.set(0, 0);
        let accepted = agent.accept(&invitation).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
    }
}

//! `kill -9` at random moments, of whoever runs, under load.
//!
//! Findings come through the drop folders of two agents, new ones and newer versions of old ones; meanwhile an operator
//! creates members. Afterwards every finding is there once and in its last version, and so is every member whose creation
//! was answered.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use crate::ground::Ground;
use crate::operator::Operator;
use crate::scenario::Run;
use crate::tally::Tally;

const ACCOUNTS: &[&str] = &["111122223333", "222233334444"];
/// The books are looked at after so many kills.
const SETTLE_EVERY: u32 = 20;

pub(crate) async fn run(run: Run) -> Tally {
    let mut chance = StdRng::seed_from_u64(run.seed);
    let mut ground = Ground::new(ACCOUNTS).await;
    let operator = Operator::start(ground.admin.operator());
    for round in 1..=run.rounds {
        for member in &mut ground.members {
            member.make(chance.random_range(10..60), chance.random_range(0..10));
        }
        // The moment is the fault: somewhere between the file and the acknowledgement.
        sleep(Duration::from_millis(chance.random_range(0..900))).await;
        kill(&mut ground, &mut chance).await;
        if round % SETTLE_EVERY == 0 {
            ground.settle().await;
            ground.books().await;
        }
    }
    let created = operator.stop().await;
    ground.settle().await;
    let mut tally = Tally::default();
    tally.count("kills", u64::from(run.rounds));
    tally.count("members created", created.count());
    tally.close(ground.books().await);
    created.check(&ground.admin.operator()).await;
    let said = ground.admin.log();
    assert!(!said.contains("panicked"), "{said}");
    tally
}

/// Kills the server, an agent, or both, and starts them again; at times once more while they start.
async fn kill(ground: &mut Ground, chance: &mut StdRng) {
    let which = chance.random_range(0..5);
    let again = chance.random_ratio(1, 4);
    let soon = Duration::from_millis(chance.random_range(0..120));
    if which < 3 {
        ground.admin.kill().await;
        if again {
            ground.admin.launch();
            sleep(soon).await;
            ground.admin.kill().await;
        }
    }
    if which >= 2 {
        let at = chance.random_range(0..ground.members.len());
        let agent = &mut ground.members[at].agent;
        agent.kill().await;
        agent.start();
        if again {
            sleep(soon).await;
            agent.kill().await;
            agent.start();
        }
    }
    if which < 3 {
        ground.admin.serve().await;
    }
}

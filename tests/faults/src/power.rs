//! The power goes at random moments, of server and agents under load: what they did not flush is gone, in all files and
//! folders from `muster-admin init` and `muster-agent accept` on.
//!
//! A killed process leaves its writes to the page cache; only this shows that every flush stands where it must.

use std::time::Duration;

use muster_tests::{Admin, Agent, World, accounts};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use crate::disk::{Disk, Host, Loss, cut};
use crate::ground::{Ground, Member};
use crate::operator::Operator;
use crate::scenario::Run;
use crate::tally::Tally;

const ACCOUNTS: [&str; 2] = ["111122223333", "222233334444"];
const SETTLE_EVERY: u32 = 10;

pub(crate) async fn run(run: Run) -> Tally {
    a_lying_disk_is_found_out().await;
    let cuts = run.share(2);
    let mut chance = StdRng::seed_from_u64(run.seed);
    let world = World::start().await;
    let disk = Disk::build(world.folder());
    let mut ground = ground(world, &disk).await;
    let operator = Operator::start(ground.admin.operator());
    for round in 1..=cuts {
        for member in &mut ground.members {
            member.make(chance.random_range(10..60), chance.random_range(0..10));
        }
        sleep(Duration::from_millis(chance.random_range(100..1_200))).await;
        one_cut(&mut ground, &disk, &mut chance).await;
        if round % SETTLE_EVERY == 0 {
            ground.settle().await;
            ground.books().await;
        }
    }
    let created = operator.stop().await;
    ground.settle().await;
    created.check(&ground.admin.operator()).await;
    let mut tally = Tally::default();
    tally.count("power cuts", u64::from(cuts));
    tally.count("members created", created.count());
    tally.close(ground.books().await);
    tally
}

/// The instrument itself: with a disk that says it has flushed and has not, something is missing.
async fn a_lying_disk_is_found_out() {
    let mut ground = Ground::new(&ACCOUNTS[..1]).await;
    let disk = Disk::build(ground.world.folder());
    ground.admin.kill().await;
    disk.lies(&mut ground.admin);
    ground.admin.serve().await;
    ground.members[0].make(20, 0);
    ground.settle().await;
    ground.members[0].agent.stop().await;
    cut(ground.admin.process()).await;
    Disk::remove(&mut ground.admin);
    ground.admin.serve().await;
    let left = ground.admin.operator().count(&[]).await;
    assert_eq!(left, 0, "what was not flushed is not gone");
}

/// Everything is made on disks that forget, and each process loses its power as soon as it has said that it is done.
async fn ground(world: World, disk: &Disk) -> Ground {
    let mut admin = Admin::new(&world, "admin");
    disk.forgets_at_exit(&mut admin, Loss::All);
    let made = admin.try_init(&admin.credential()).await;
    assert_eq!(made.code, 0, "{made:?}");
    disk.forgets(&mut admin, Loss::All);
    admin.serve().await;
    let mut members = Vec::new();
    for account in ACCOUNTS {
        let credentials = accounts::member(&world, account).await;
        let mut agent = Agent::new(&world, &format!("agent-{account}"), &credentials);
        disk.forgets_at_exit(&mut agent, Loss::All);
        let accepted = agent.accept(&admin.invite(account).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        disk.forgets(&mut agent, Loss::All);
        // Its drop folder is others' work and on no disk of ours: it is there before the agent.
        let mut member = Member::of(account, agent);
        member.agent.start();
        members.push(member);
    }
    Ground {
        world,
        admin,
        members,
    }
}

/// Cuts the power of the server, an agent, or both.
async fn one_cut(ground: &mut Ground, disk: &Disk, chance: &mut StdRng) {
    let which = chance.random_range(0..5);
    if which >= 2 {
        let at = chance.random_range(0..ground.members.len());
        let agent = &mut ground.members[at].agent;
        cut(agent.process()).await;
        next(agent, disk, chance);
        agent.start();
    }
    if which < 3 {
        cut(ground.admin.process()).await;
        next(&mut ground.admin, disk, chance);
        ground.admin.serve().await;
    }
}

/// What a host loses the next time.
fn next(host: &mut impl Host, disk: &Disk, chance: &mut StdRng) {
    let loss = if chance.random() {
        Loss::All
    } else {
        Loss::Some(chance.random())
    };
    disk.forgets(host, loss);
}

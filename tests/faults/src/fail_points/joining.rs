//! Enrollment: an invitation enrolls one agent, wherever server or agent end, and the same command finishes it.

use muster_common::drill::Point;
use muster_tests::{Admin, Agent, World, accounts};

use super::Play;
use crate::disk::{Disk, Loss};
use crate::ground::{Ground, Member};
use crate::tally::Tally;

pub(super) async fn accept(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[]).await;
    let disk = Disk::build(ground.world.folder());
    for (number, point) in play.points().into_iter().enumerate() {
        let account = format!("{}", 600_000_000_000 + number as u64);
        let agent = join(
            &mut play,
            &ground.world,
            &mut ground.admin,
            &disk,
            &account,
            point,
        )
        .await;
        let mut member = Member::of(&account, agent);
        member.make(5, 0);
        ground.members.push(member);
    }
    ground.settle().await;
    let agents = ground
        .admin
        .operator()
        .json(&["agent", "list", "--all"])
        .await;
    let count = agents.as_array().expect("a list").len();
    assert_eq!(count, ground.members.len(), "one each: {agents}");
    let mut tally = play.tally();
    tally.close(ground.books().await);
    tally
}

/// Joins an account with an end in between.
async fn join(
    play: &mut Play,
    world: &World,
    admin: &mut Admin,
    disk: &Disk,
    account: &str,
    point: Point,
) -> Agent {
    let credentials = accounts::member(world, account).await;
    let invitation = admin.invite(account).await;
    let mut agent = Agent::new(world, &format!("agent-{account}"), &credentials);
    std::fs::create_dir_all(agent.state()).expect("a folder");
    let of_admin = matches!(point, Point::ClaimProven | Point::ClaimEnrolled);
    if of_admin {
        admin.kill().await;
        play.arm(admin, disk, point, 1);
        admin.serve().await;
    } else {
        play.arm(&mut agent, disk, point, 1);
    }
    let cut_off = agent.accept(&invitation).await;
    assert_ne!(cut_off.code, 0, "{point:?}: {cut_off:?}");
    if of_admin {
        admin.process().ended().await;
        Play::disarm(admin);
        admin.serve().await;
    } else {
        assert_eq!(cut_off.code, -1, "{point:?}: {cut_off:?}");
        Play::disarm(&mut agent);
    }
    // Again, with the power gone right after it is done.
    disk.forgets_at_exit(&mut agent, Loss::All);
    let accepted = agent.accept(&invitation).await;
    let enrolled = accepted.err.contains("is enrolled already");
    assert!(accepted.code == 0 || enrolled, "{point:?}: {accepted:?}");
    Disk::remove(&mut agent);
    agent.start();
    agent
}

//! The agent: collecting, giving up what was acknowledged, and starting a new spool.

use std::process::Command;

use muster_common::drill::{Limit, Point};
use muster_tests::eventually;
use rand::Rng as _;

use super::{Play, lower};
use crate::disk::Disk;
use crate::ground::Ground;
use crate::tally::Tally;

const ACCOUNT: &str = "111122223333";

pub(super) async fn collect(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    lower(
        &mut ground.members[0].agent,
        Limit::SpoolSegmentBytes,
        2_000,
    );
    for point in play.points() {
        let member = &mut ground.members[0];
        member.agent.kill().await;
        let times = match point {
            Point::FileDrafted | Point::FileRenamed => play.chance.random_range(1..5),
            _ => play.chance.random_range(1..3),
        };
        play.arm(&mut member.agent, &disk, point, times);
        member.agent.start();
        eventually("the agent has ended", async || {
            if member.files_waiting() < 2 {
                member.make(4, 2);
            }
            member.agent.process().has_ended()
        })
        .await;
        Play::disarm(&mut member.agent);
        member.agent.kill().await;
        member.agent.start();
        ground.settle().await;
        ground.books().await;
    }
    let mut tally = play.tally();
    tally.close(ground.books().await);
    tally
}

/// The state folder comes back from a copy while findings wait in it: the admin stands beyond the copy.
pub(super) async fn anew(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    for point in play.points() {
        let state = ground.members[0].agent.state().to_owned();
        let copy = state.with_extension("copy");
        // Some findings wait in the copy.
        ground.admin.stop().await;
        ground.members[0].make(5, 0);
        eventually("they are spooled", async || {
            ground.members[0].agent.told("/snapshot/waiting").await == 5
        })
        .await;
        ground.members[0].agent.stop().await;
        copy_folder(&state, &copy);
        ground.members[0].agent.start();
        ground.admin.serve().await;
        ground.members[0].make(7, 0);
        ground.settle().await;
        let member = &mut ground.members[0];
        member.agent.stop().await;
        copy_folder(&copy, &state);
        play.arm(&mut member.agent, &disk, point, 1);
        member.agent.start();
        member.agent.process().ended().await;
        Play::disarm(&mut member.agent);
        member.agent.kill().await;
        member.agent.start();
        member.make(3, 0);
        ground.settle().await;
        ground.books_of_several_spools().await;
        let spools = std::fs::read_dir(state.join("spool")).expect("the spools");
        assert_eq!(spools.count(), 1, "{point:?}: the others are taken over");
    }
    let mut tally = play.tally();
    tally.close(ground.books_of_several_spools().await);
    tally
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp starts").success());
}

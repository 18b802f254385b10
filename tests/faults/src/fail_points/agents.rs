//! The agent: collecting, giving up what was acknowledged, and starting a new spool.

use muster_common::drill::{Limit, Point};
use muster_tests::eventually;
use rand::Rng as _;

use super::{End, Play, lower};
use crate::damage::{copy_folder, files_in};
use crate::disk::{Disk, Loss};
use crate::ground::{Ground, Member};
use crate::tally::{Books, Tally};

const ACCOUNT: &str = "111122223333";
const SEGMENT_BYTES: u64 = 2_000;
/// More than one segment of the spool.
const SPOOLED_BYTES: u64 = 8_000;

pub(super) async fn collect(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    lower(
        &mut ground.members[0].agent,
        Limit::SpoolSegmentBytes,
        SEGMENT_BYTES,
    );
    for point in play.points() {
        // First the spool fills, then the admin takes what is in it.
        ground.admin.kill().await;
        let member = &mut ground.members[0];
        member.agent.kill().await;
        let times = if matches!(
            point,
            Point::SpoolSegmentCreated | Point::SpoolSegmentRemoved
        ) {
            1
        } else {
            play.chance.random_range(1..3)
        };
        play.arm(&mut member.agent, &disk, point, times);
        member.agent.start();
        eventually("the spool fills, or the agent ends", async || {
            make_more(member);
            member.agent.process().has_ended() || spooled(member) > SPOOLED_BYTES
        })
        .await;
        ground.admin.serve().await;
        eventually(&format!("the agent ends at {point:?}"), async || {
            make_more(member);
            member.agent.process().has_ended()
        })
        .await;
        Play::disarm(&mut member.agent);
        member.agent.kill().await;
        member.agent.start();
        ground.settle().await;
        books(&ground, &play).await;
    }
    let mut tally = play.tally();
    tally.close(books(&ground, &play).await);
    tally
}

async fn books(ground: &Ground, play: &Play) -> Books {
    match play.end {
        End::Killed | End::Dark(Loss::All) => ground.books().await,
        End::Dark(Loss::Some(_)) => ground.books_after_holes().await,
    }
}

/// Keeps the agent busy.
fn make_more(member: &mut Member) {
    if member.files_waiting() < 2 {
        member.make(4, 2);
    }
}

/// Bytes in the spool's segments.
fn spooled(member: &Member) -> u64 {
    let segments = files_in(&member.agent.state().join("spool"), |name| {
        name.ends_with(".spool")
    });
    let sizes = segments.iter().filter_map(|path| path.metadata().ok());
    sizes.map(|facts| facts.len()).sum()
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

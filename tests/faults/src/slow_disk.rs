//! Every flush takes 200 ms to 2 s, on all sides: nothing times out wrongly, the newest version wins, and all stop in
//! order.

use muster_common::drill::Limit;

use crate::disk::Disk;
use crate::ground::Ground;
use crate::scenario::Run;
use crate::tally::Tally;

const LEAST_MS: u32 = 200;
const MOST_MS: u32 = 2_000;

pub(crate) async fn run(run: Run) -> Tally {
    let files = run.share(10);
    let mut ground = Ground::new(&["111122223333", "222233334444"]).await;
    let disk = Disk::build(ground.world.folder());
    ground.admin.kill().await;
    disk.is_slow(&mut ground.admin, LEAST_MS, MOST_MS);
    ground
        .admin
        .set(Limit::SegmentBytes.variable(), Some("65536"));
    ground.admin.serve().await;
    for member in &mut ground.members {
        member.agent.kill().await;
        disk.is_slow(&mut member.agent, LEAST_MS, MOST_MS);
        member.agent.start();
    }
    for _ in 0..files {
        for member in &mut ground.members {
            member.make(40, 20);
        }
    }
    ground.settle().await;
    ground.books().await;
    // What is under way when they are told to stop is finished or kept.
    for member in &mut ground.members {
        member.make(40, 20);
        assert_eq!(member.agent.stop().await, Some(0), "{}", member.agent.log());
    }
    assert_eq!(ground.admin.stop().await, Some(0), "{}", ground.admin.log());
    Disk::remove(&mut ground.admin);
    ground.admin.serve().await;
    for member in &mut ground.members {
        Disk::remove(&mut member.agent);
        member.agent.start();
    }
    ground.settle().await;
    let mut tally = Tally::default();
    tally.count("files over a slow disk", u64::from(files) * 2);
    tally.close(ground.books().await);
    tally
}

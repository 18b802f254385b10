//! The server: a durable step, opening after a torn end, compaction.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use muster_common::drill::{Limit, Point};
use muster_tests::{Admin, eventually};
use rand::Rng as _;

use super::{Play, lower};
use crate::disk::Disk;
use crate::ground::Ground;
use crate::operator::Created;
use crate::tally::Tally;

const ACCOUNT: &str = "111122223333";

pub(super) async fn serve(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    lower(&mut ground.admin, Limit::SegmentBytes, 4_096);
    lower(&mut ground.admin, Limit::FlushCommits, 3);
    let mut created = Created::default();
    for point in play.points() {
        ground.admin.kill().await;
        ground.members[0].make(30, 5);
        let times = play.chance.random_range(1..4);
        play.arm(&mut ground.admin, &disk, point, times);
        ground.admin.launch();
        create_until_it_ends(&mut ground.admin, &mut created).await;
        Play::disarm(&mut ground.admin);
        ground.admin.serve().await;
        ground.settle().await;
        ground.books().await;
    }
    created.check(&ground.admin.operator()).await;
    let mut tally = play.tally();
    tally.close(ground.books().await);
    tally
}

/// Writes into the tables, one step after the other.
async fn create_until_it_ends(admin: &mut Admin, created: &mut Created) {
    let muster = admin.operator();
    for _ in 0..500 {
        if admin.process().has_ended() {
            return;
        }
        created.one_more(&muster).await;
    }
    panic!("it did not end:\n{}", admin.log());
}

pub(super) async fn recover(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    for point in play.points() {
        ground.members[0].make(20, 5);
        ground.settle().await;
        ground.admin.kill().await;
        // As a write that was cut off leaves it.
        let mut last = OpenOptions::new()
            .append(true)
            .open(last_segment(&ground.admin))
            .expect("the log");
        last.write_all(&[7; 300]).expect("the log");
        play.arm(&mut ground.admin, &disk, point, 1);
        ground.admin.launch();
        ground.admin.process().ended().await;
        Play::disarm(&mut ground.admin);
        ground.admin.serve().await;
        ground.settle().await;
        ground.books().await;
        let kept = segments(&ground.admin, "cut");
        let longest = kept.iter().filter_map(|path| path.metadata().ok());
        let longest = longest.map(|facts| facts.len()).max();
        assert!(longest >= Some(300), "what was cut off is kept: {kept:?}");
    }
    let mut tally = play.tally();
    tally.close(ground.books().await);
    tally
}

pub(super) async fn compact(mut play: Play) -> Tally {
    let mut ground = Ground::new(&[ACCOUNT]).await;
    let disk = Disk::build(ground.world.folder());
    ground.admin.kill().await;
    for (key, value) in [
        ("MUSTER_ADMIN_FINDINGS__HISTORY_DAYS", "0"),
        ("MUSTER_ADMIN_FINDINGS__ACTIVE_DAYS", "never"),
        ("MUSTER_ADMIN_FINDINGS__ARCHIVED_DAYS", "never"),
    ] {
        ground.admin.set(key, Some(value));
    }
    lower(&mut ground.admin, Limit::SegmentBytes, 4_096);
    ground.admin.serve().await;
    ground.members[0].make(100, 0);
    ground.settle().await;
    for point in play.points() {
        for _ in 0..3 {
            ground.members[0].make(0, 100);
            ground.settle().await;
        }
        ground.admin.kill().await;
        lower(&mut ground.admin, Limit::RetentionSeconds, 1);
        play.arm(&mut ground.admin, &disk, point, 1);
        ground.admin.launch();
        ground.admin.process().ended().await;
        Play::disarm(&mut ground.admin);
        let before = compacted(&ground.admin);
        ground.admin.serve().await;
        // It was ended in the middle of the last one before it was told.
        if !matches!(point, Point::CompactionPlaced | Point::CompactionRemoved) {
            eventually("it is compacted", async || {
                compacted(&ground.admin) > before
            })
            .await;
        }
        ground.admin.kill().await;
        ground.admin.set(Limit::RetentionSeconds.variable(), None);
        ground.admin.serve().await;
        ground.settle().await;
        ground.books().await;
        assert_eq!(segments(&ground.admin, "draft"), Vec::<PathBuf>::new());
    }
    let mut tally = play.tally();
    tally.close(ground.books().await);
    tally
}

/// How often a segment was rewritten.
fn compacted(admin: &Admin) -> usize {
    admin.log().matches("compacted").count()
}

fn last_segment(admin: &Admin) -> PathBuf {
    segments(admin, "log").pop().expect("a segment")
}

/// The files of the log with an extension, in order.
pub(crate) fn segments(admin: &Admin, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(admin.data().join("store/log")).expect("the log");
    let paths = entries.map(|entry| entry.expect("the log").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == extension))
        .collect();
    found.sort();
    found
}

//! The inventory: between the resources of a portion and its answer, between what is gone or not read any more and the listing
//! that says so.

use muster_common::drill::Point;

use super::Play;
use crate::configuration::{Known, Surveyed};
use crate::disk::Disk;
use crate::tally::Tally;

const REGIONS: &str = "MUSTER_AGENT_REGIONS";

pub(super) async fn observe(mut play: Play) -> Tally {
    let mut surveyed = Surveyed::new().await;
    let disk = Disk::build(surveyed.world.folder());
    let truth = surveyed.read_anew().await;
    for point in play.points() {
        surveyed.admin.kill().await;
        surveyed.agent.kill().await;
        play.arm(&mut surveyed.admin, &disk, point, 1);
        surveyed.admin.launch();
        if point == Point::InventoryUnread {
            surveyed.agent.set(REGIONS, Some(r#"["us-east-1"]"#));
        }
        surveyed.agent.start();
        surveyed.admin.process().ended().await;
        Play::disarm(&mut surveyed.admin);
        surveyed.admin.serve().await;
        if point == Point::InventoryUnread {
            muster_tests::eventually("the other Region is given up", async || {
                let coverage = surveyed.coverage().await;
                coverage.iter().all(|row| row["region"] != "eu-west-1")
            })
            .await;
            surveyed.agent.set(REGIONS, Some("[]"));
            // Everything is there again; since when, is new.
            assert_eq!(states(surveyed.read_anew().await), states(truth.clone()));
        } else {
            assert_eq!(surveyed.read_anew().await, truth);
        }
    }
    play.tally()
}

fn states(known: Known) -> Vec<(String, serde_json::Value)> {
    let states = known.into_iter().map(|(name, (_, state))| (name, state));
    states.collect()
}

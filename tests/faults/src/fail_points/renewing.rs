//! Renewal: whoever ends in between renews again, and nobody is locked out.

use std::time::Duration;

use muster_common::drill::Point;
use muster_tests::{Admin, Agent, MovedClock, World, eventually};

use super::Play;
use crate::disk::Disk;
use crate::ground::{Ground, Member};
use crate::tally::Tally;

const ACCOUNT: &str = "111122223333";
/// Certificates live for 72 hours and are renewed within this.
const RENEW_SECONDS: i64 = 41 * 3_600;

pub(super) async fn renew(mut play: Play) -> Tally {
    let folder = std::env::temp_dir().join(format!("muster-faults-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let clock = MovedClock::new(&folder);
    let mut ground = ground(&clock).await;
    let disk = Disk::build(ground.world.folder());
    // Those that a first enrollment passes, too.
    let points = [Point::CredentialDrafted, Point::CredentialRenamed];
    for (number, point) in play.points().into_iter().chain(points).enumerate() {
        let agent = &mut ground.members[0].agent;
        let until = agent.told("/certificate_expires_at").await;
        let of_admin = point == Point::RenewalRecorded;
        if of_admin {
            ground.admin.kill().await;
            play.arm(&mut ground.admin, &disk, point, 1);
            ground.admin.serve().await;
        } else {
            agent.kill().await;
            play.arm(agent, &disk, point, 1);
            agent.start();
        }
        clock.move_to(RENEW_SECONDS * (number as i64 + 1));
        if of_admin {
            ground.admin.process().ended().await;
            Play::disarm(&mut ground.admin);
            ground.admin.serve().await;
        } else {
            agent.process().ended().await;
            Play::disarm(agent);
            agent.kill().await;
            agent.start();
        }
        eventually("the certificate is renewed", async || {
            agent.told("/certificate_expires_at").await != until
        })
        .await;
        // And what is sent under it is taken.
        ground.members[0].make(5, 2);
        ground.settle().await;
    }
    let mut tally = play.tally();
    tally.close(ground.books().await);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    tally
}

async fn ground(clock: &MovedClock) -> Ground {
    let world = World::start_with(|command| clock.rule(command)).await;
    let mut admin = Admin::init_by(&world, Some(clock))
        .await
        .with("CERTIFICATES__AGENT_HOURS", "72");
    admin.serve().await;
    let credentials = world.account(ACCOUNT, Duration::from_secs(2_000_000)).await;
    let mut agent = Agent::new(&world, "agent", &credentials).by(clock);
    let accepted = agent.accept(&admin.invite(ACCOUNT).await).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    agent.start();
    Ground {
        world,
        admin,
        members: vec![Member::of(ACCOUNT, agent)],
    }
}

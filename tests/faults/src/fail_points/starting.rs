//! `muster-admin init`: what it does not finish can be finished by what it says.

use muster_common::drill::Point;
use muster_tests::{Admin, World};
use rand::Rng as _;

use super::Play;
use crate::disk::Disk;
use crate::tally::Tally;

pub(super) async fn init(mut play: Play) -> Tally {
    let world = World::start().await;
    let disk = Disk::build(world.folder());
    for point in play.points() {
        // Three roots with a key and a certificate each, and the list of them.
        let times = if matches!(point, Point::RootDrafted | Point::RootRenamed) {
            play.chance.random_range(1..8)
        } else {
            1
        };
        let mut admin = Admin::new(&world, &format!("admin-{}", point.name()));
        std::fs::create_dir_all(admin.folder()).expect("a folder");
        play.arm(&mut admin, &disk, point, times);
        let ended = admin.try_init(&admin.credential()).await;
        assert_eq!(ended.code, -1, "{point:?}: {ended:?}");
        Play::disarm(&mut admin);
        finish(&mut admin, point).await;
    }
    play.tally()
}

/// Does as `init` says until there is an operator.
async fn finish(admin: &mut Admin, point: Point) {
    let mut credential = admin.credential();
    let mut said = admin.try_init(&credential).await;
    if said.err.contains("choose another place with --credential") {
        credential = admin.folder().join("second.toml");
        said = admin.try_init(&credential).await;
    }
    if said.err.contains("muster-admin rescue") {
        said = admin.try_rescue(&credential).await;
    }
    assert_eq!(said.code, 0, "{point:?}: {said:?}");
    if credential != admin.credential() {
        std::fs::rename(&credential, admin.credential()).expect("the credential");
    }
    admin.serve().await;
    let me = admin.operator().json(&["operator", "whoami"]).await;
    assert_eq!(me["role"], "admin", "{point:?}: {me}");
    admin.kill().await;
}

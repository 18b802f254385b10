//! What only the machine of the admin can do: its roots, their rotation, and a credential when all others are gone.

use muster_tests::{Admin, MovedClock, Muster, Printed, World};

const HOUR: i64 = 3_600;

async fn run(admin: &Admin, arguments: &[&str]) -> Printed {
    let output = admin.command(arguments).output().await.unwrap();
    Printed {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn a_credential_that_cannot_be_written_leaves_nothing_made() {
    let world = World::start().await;
    let admin = Admin::init(&world).await;
    let place = world.folder().join("other");
    let other = place.display().to_string();
    let init = async |credential: &str| {
        let arguments = ["init", "--data-dir", &other, "--credential", credential];
        run(&admin, &arguments).await
    };
    let refused = init("/proc/credential.toml").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let told = "cannot write /proc/credential.toml; choose another place";
    assert!(refused.err.contains(told), "{refused:?}");
    assert!(!place.exists());
    let credential = world.folder().join("other.toml").display().to_string();
    let made = init(&credential).await;
    assert_eq!(made.code, 0, "{made:?}");
    let again = init("again.toml").await;
    assert!(again.err.contains("muster-admin rescue"), "{again:?}");
    let unsound = run(&admin, &["rescue", "--endpoint", "nonsense"]).await;
    assert!(unsound.err.contains("host:port"), "{unsound:?}");
}

#[tokio::test]
async fn an_administrator_can_be_made_when_no_credential_counts() {
    let world = World::start().await;
    let mut admin = Admin::start(&world).await;
    let credential = world.folder().join("rescue.toml");
    let path = credential.display().to_string();
    let endpoint = admin.address("operators").to_string();
    let arguments = ["rescue", "--credential", &path, "--endpoint", &endpoint];
    let refused = run(&admin, &arguments).await;
    assert!(
        refused.err.contains("is in use by another process"),
        "{refused:?}"
    );
    assert!(!credential.exists());
    admin.stop().await;
    let made = run(&admin, &arguments).await;
    assert_eq!(made.code, 0, "{made:?}");
    admin.serve().await;
    let rescue = Muster {
        credential,
        clock: None,
    };
    let me = rescue.json(&["operator", "whoami"]).await;
    assert_eq!(me["role"], "admin", "{me}");
}

#[tokio::test]
async fn a_root_signs_when_everyone_has_learned_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovedClock::new(folder.path());
    let world = World::start_with(|command| clock.rule(command)).await;
    let mut admin = Admin::init_by(&world, Some(&clock)).await;
    admin.serve().await;
    let muster = admin.operator();
    muster.run(&["status"]).await;
    admin.stop().await;
    let prepared = run(&admin, &["authority", "prepare", "servers"]).await;
    assert_eq!(prepared.out, "servers key 2 is prepared\n", "{prepared:?}");
    let twice = run(&admin, &["authority", "prepare", "servers"]).await;
    assert!(
        twice.err.contains("has a prepared key already"),
        "{twice:?}"
    );
    let early = run(&admin, &["authority", "activate", "servers"]).await;
    assert_eq!(early.code, 1, "{early:?}");
    let told = "servers key 2 is prepared and must stay so until";
    assert!(early.err.contains(told), "{early:?}");

    // An operator renews at half of a month, and learns of the new root.
    clock.move_to(400 * HOUR);
    admin.serve().await;
    muster.run(&["status"]).await;
    admin.stop().await;
    clock.move_to(721 * HOUR);
    let active = run(&admin, &["authority", "activate", "servers"]).await;
    assert_eq!(active.out, "servers key 2 is active\n", "{active:?}");
    admin.serve().await;
    muster.run(&["status"]).await;
    admin.stop().await;
    let early = run(&admin, &["authority", "retire", "servers"]).await;
    assert!(early.err.contains("--now"), "{early:?}");
    let retired = run(&admin, &["authority", "retire", "servers", "--now"]).await;
    assert_eq!(retired.out, "servers key 1 is retired\n", "{retired:?}");
    admin.serve().await;
    muster.run(&["status"]).await;
}

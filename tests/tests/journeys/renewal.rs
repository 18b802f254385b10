//! Certificates across their expiry, with a clock that is moved.

use std::time::Duration;

use muster_tests::{Admin, Agent, MovedClock, World, eventually};

use serde_json::json;

use super::accounts::{ACCOUNT, findings};

const HOUR: i64 = 3_600;

/// Certificates live for 72 hours here and are renewed at about half of that; in the end the proof of account is a week
/// old and has to be given again.
#[tokio::test]
async fn a_certificate_renews_across_its_expiry() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovedClock::new(folder.path());
    let world = World::start_with(|command| clock.rule(command)).await;
    let mut admin = Admin::init_by(&world, Some(&clock))
        .await
        .with("CERTIFICATES__AGENT_HOURS", "72");
    admin.serve().await;
    let muster = admin.operator();
    let credentials = world.account(ACCOUNT, Duration::from_secs(2_000_000)).await;
    let mut agent = Agent::new(&world, "agent", &credentials).by(&clock);
    let accepted = agent.accept(&admin.invite(ACCOUNT).await).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    agent.start();

    let mut until = agent.told("/certificate_expires_at").await;
    let (mut put, mut asked) = (0, 0);
    for hours in [41, 82, 123, 170] {
        asked = world.asked(ACCOUNT, "sts", "GetCallerIdentity").await;
        clock.move_to(hours * HOUR);
        eventually("the certificate is renewed", async || {
            agent.told("/certificate_expires_at").await != until
        })
        .await;
        until = agent.told("/certificate_expires_at").await;
        // And what is sent under it is taken.
        let text = json!(findings(ACCOUNT, put..put + 5)).to_string();
        agent.drop_file("a.json", text.as_bytes());
        put += 5;
        eventually("findings arrive", async || {
            muster.count(&[]).await == u64::from(put)
        })
        .await;
    }
    assert_eq!(agent.told("/snapshot/link").await, "up");
    let renewals = muster
        .json(&["audit", "list", "--action", "agent.renew"])
        .await;
    assert_eq!(renewals.as_array().unwrap().len(), 4, "{renewals}");
    let agents = muster.json(&["agent", "list"]).await;
    assert_eq!(agents.as_array().unwrap().len(), 1, "{agents}");
    // The last one came with a new proof of account.
    let asked_again = world.asked(ACCOUNT, "sts", "GetCallerIdentity").await;
    assert_eq!(asked_again, asked + 1);
}

/// Who slept through the expiry is told what to do, and comes back with a new invitation and the same spool.
#[tokio::test]
async fn an_agent_that_slept_too_long_comes_back_with_a_new_invitation() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovedClock::new(folder.path());
    let world = World::start_with(|command| clock.rule(command)).await;
    let mut admin = Admin::init_by(&world, Some(&clock)).await;
    admin.serve().await;
    let credentials = world.account(ACCOUNT, Duration::from_secs(2_000_000)).await;
    let mut agent = Agent::new(&world, "agent", &credentials).by(&clock);
    assert_eq!(agent.accept(&admin.invite(ACCOUNT).await).await.code, 0);
    clock.move_to(50 * HOUR);
    agent.start();
    agent.drop_file(
        "a.json",
        json!(findings(ACCOUNT, 0..5)).to_string().as_bytes(),
    );
    eventually("findings wait in the spool", async || {
        agent.told("/snapshot/waiting").await == 5
    })
    .await;
    let doctor = agent.run(&["doctor"]).await;
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(
        doctor
            .out
            .contains("ask for a new invitation and run 'muster-agent accept --replace'"),
        "{doctor:?}"
    );
    agent.stop().await;
    let invitation = admin.invite(ACCOUNT).await;
    let refused = agent.accept(&invitation).await;
    assert!(
        refused.err.contains("this agent is enrolled already"),
        "{refused:?}"
    );
    let accepted = agent.run(&["accept", "--replace", &invitation]).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    agent.start();
    let muster = admin.operator();
    eventually("what waited arrives", async || muster.count(&[]).await == 5).await;
}

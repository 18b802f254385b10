//! The server goes away, agents die, the spool fills: nothing is missing afterwards, and nothing counts twice.

use std::time::Duration;

use muster_tests::{eventually, eventually_within};

use super::accounts::{ACCOUNT, balanced, findings, one};

#[tokio::test]
async fn what_happens_while_the_server_is_away_arrives_afterwards() {
    let mut one = one().await;
    one.put(&findings(ACCOUNT, 0..30)).await;
    eventually("the first are in", async || {
        one.muster.count(&[]).await == 30
    })
    .await;
    assert_eq!(one.admin.stop().await, Some(0));
    one.put(&findings(ACCOUNT, 30..80)).await;
    eventually("the agent has spooled the others", async || {
        one.agent.told("/snapshot/waiting").await == 50
    })
    .await;
    assert_eq!(one.agent.told("/snapshot/link").await, "down");
    // The spool also outlives the agent.
    assert_eq!(one.agent.stop().await, Some(0));
    one.agent.start();
    one.admin.serve().await;
    eventually("all are in", async || one.muster.count(&[]).await == 80).await;
    eventually("nothing waits", async || {
        one.agent.told("/snapshot/waiting").await == 0
    })
    .await;
    balanced(&one.muster, 80).await;
}

/// The promise of the product, with `kill -9` at moments that nobody chose.
#[tokio::test]
async fn ten_kills_of_server_and_agent_lose_nothing_and_count_nothing_twice() {
    let mut one = one().await;
    let mut put = 0;
    for round in 0..10_u32 {
        one.put(&findings(ACCOUNT, put..put + 40)).await;
        put += 40;
        // Somewhere between collecting and acknowledging: the round decides how far it gets.
        let visible = one.muster.count(&[]).await;
        let goal = visible + u64::from(round % 4) * 13;
        eventually("it got somewhere", async || {
            one.muster.count(&[]).await >= goal.min(u64::from(put))
        })
        .await;
        if round % 2 == 0 {
            one.admin.kill().await;
            one.admin.serve().await;
        } else {
            one.agent.kill().await;
            one.agent.start();
        }
    }
    let all = u64::from(put);
    eventually("all are in", async || one.muster.count(&[]).await == all).await;
    eventually("nothing waits", async || {
        one.agent.told("/snapshot/waiting").await == 0
    })
    .await;
    balanced(&one.muster, all).await;
}

#[tokio::test]
async fn a_full_spool_stops_the_source_and_loses_nothing() {
    let mut one = one().await;
    one.admin.stop().await;
    one.agent.stop().await;
    let mut agent = one.agent.with("MUSTER_AGENT_SPOOL__MAX_MIB", "1");
    // About 0.7 KB each. All before the agent looks: the later ones were updated before the first ones.
    for part in 0..4 {
        let batch = findings(ACCOUNT, part * 700..(part + 1) * 700);
        one.world
            .put("securityhub", ACCOUNT, "us-east-1", &batch)
            .await;
    }
    agent.start();
    eventually("the collector waits for room", async || {
        let collectors = agent.told("/snapshot/collectors").await;
        let is_blocked = |health: &serde_json::Value| health["state"] == "blocked";
        let collectors = collectors.as_array();
        collectors.is_some_and(|all| all.iter().any(is_blocked))
    })
    .await;
    let bytes = agent.told("/snapshot/spool_bytes").await;
    assert!(bytes.as_u64().unwrap() <= 1 << 20, "{bytes}");
    one.admin.serve().await;
    // The agent may have come to its longest pause before it looks for the admin again.
    eventually_within(Duration::from_secs(150), "all are in", async || {
        one.muster.count(&[]).await == 2_800
    })
    .await;
    balanced(&one.muster, 2_800).await;
}

/// What findings take on a disk that is full stays there only until the admin has them.
#[tokio::test]
async fn a_full_disk_is_freed_by_what_the_admin_takes() {
    let mut one = one().await;
    one.admin.stop().await;
    one.put(&findings(ACCOUNT, 0..50)).await;
    eventually("the agent has spooled them", async || {
        one.agent.told("/snapshot/waiting").await == 50
    })
    .await;
    // No new HEAD: there is no space for it.
    let spools = std::fs::read_dir(one.agent.state().join("spool")).unwrap();
    let spool = spools.flatten().next().unwrap().path();
    std::os::unix::fs::symlink("/dev/full", spool.join("HEAD.draft")).unwrap();
    one.admin.serve().await;
    eventually("nothing waits", async || {
        one.agent.told("/snapshot/waiting").await == 0
    })
    .await;
    assert_eq!(one.agent.told("/snapshot/spool_bytes").await, 0);
    assert!(
        one.agent.log().contains("the disk is full"),
        "{}",
        one.agent.log()
    );
    one.agent.kill().await;
    one.agent.start();
    one.put(&findings(ACCOUNT, 50..80)).await;
    eventually("all are in", async || one.muster.count(&[]).await == 80).await;
    balanced(&one.muster, 80).await;
}

/// Two copies of a state folder number different findings alike.
#[tokio::test]
async fn a_state_folder_from_a_backup_sends_from_a_new_spool() {
    let mut one = one().await;
    let state = one.agent.state().to_owned();
    let copy = state.with_extension("copy");
    let mut all = 0;
    for (round, count) in [5_u32, 7, 3].into_iter().enumerate() {
        let text = serde_json::json!(findings(ACCOUNT, all..all + count)).to_string();
        one.agent
            .drop_file(&format!("{round}.json"), text.as_bytes());
        all += count;
        eventually("they are in", async || {
            one.muster.count(&[]).await == u64::from(all)
        })
        .await;
        eventually("nothing waits", async || {
            one.agent.told("/snapshot/waiting").await == 0
        })
        .await;
        one.agent.stop().await;
        let (from, to) = if round == 0 {
            (&state, &copy)
        } else {
            (&copy, &state)
        };
        if round < 2 {
            let _ = std::fs::remove_dir_all(to);
            let copied = std::process::Command::new("cp")
                .arg("-a")
                .args([from, to])
                .status();
            assert!(copied.unwrap().success());
        }
        one.agent.start();
    }
    let log = one.agent.log();
    assert!(log.contains("the admin has 12 of this spool"), "{log}");
    balanced(&one.muster, u64::from(all)).await;
}

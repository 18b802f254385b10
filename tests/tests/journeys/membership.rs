//! How accounts come, go and come back, and who is turned away.

use std::time::Duration;

use muster_tests::{Admin, Agent, World, eventually, eventually_within};
use serde_json::json;

use super::accounts::{ACCOUNT, OTHER, finding, member, one};

#[tokio::test]
async fn a_stolen_invitation_and_another_accounts_certificate_are_refused() {
    let one = one().await;
    let thief = member(&one.world, OTHER).await;
    one.muster.run(&["member", "create", "333344445555"]).await;
    let invitation = one.admin.invite("333344445555").await;
    let stolen = Agent::new(&one.world, "thief", &thief);
    let refused = stolen.accept(&invitation).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("the invitation is for account 333344445555, but the AWS credentials here belong to 222233334444"),
        "{refused:?}"
    );
    let members = one.muster.json(&["member", "show", "333344445555"]).await;
    assert_eq!(members["status"], "INVITED", "{members}");

    // A copy of a certificate does not make its holder speak for his own account with it.
    let mut copied = Agent::new(&one.world, "copied", &thief);
    std::fs::create_dir_all(copied.state()).unwrap();
    std::fs::copy(
        one.agent.state().join("credential.toml"),
        copied.state().join("credential.toml"),
    )
    .unwrap();
    copied.start();
    copied.drop_file(
        "a.json",
        json!([finding(OTHER, "a", 1)]).to_string().as_bytes(),
    );
    eventually("it says whose credentials these are", async || {
        let collectors = copied.told("/snapshot/collectors").await;
        collectors.to_string().contains("the AWS credentials here belong to account 222233334444; this agent speaks for 111122223333")
    })
    .await;
    eventually("the finding is a dead letter", async || {
        copied.told("/snapshot/dead_letters").await == 1
    })
    .await;
    assert_eq!(one.muster.count(&[]).await, 0);
}

#[tokio::test]
async fn a_removed_member_is_cut_at_once_and_its_findings_stay() {
    let mut one = one().await;
    let muster = &one.muster;
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    eventually("the finding is in", async || muster.count(&[]).await == 1).await;
    muster.run(&["member", "disassociate", ACCOUNT]).await;
    eventually_within(Duration::from_secs(5), "the agent is cut", async || {
        muster.json(&["status"]).await["agentsConnected"] == 0
    })
    .await;
    eventually("the agent says why", async || {
        one.agent.told("/snapshot/link").await == "refused"
    })
    .await;
    let reason = one.agent.told("/snapshot/reason").await;
    assert!(reason.as_str().unwrap().contains("REMOVED"), "{reason}");
    let listed = muster.json(&["finding", "list", "--records"]).await;
    assert_eq!(listed[0]["memberStatus"], "REMOVED", "{listed}");

    // What is found meanwhile waits; a new invitation brings account and findings back.
    one.put(&[finding(ACCOUNT, "b", 2)]).await;
    eventually("it waits", async || {
        one.agent.told("/snapshot/waiting").await == 1
    })
    .await;
    one.agent.stop().await;
    let invitation = one.admin.invite(ACCOUNT).await;
    let accepted = one.agent.run(&["accept", "--replace", &invitation]).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    one.agent.start();
    eventually("both are in", async || muster.count(&[]).await == 2).await;
}

#[tokio::test]
async fn a_member_may_leave_and_decline() {
    let mut one = one().await;
    let muster = &one.muster;
    one.agent.stop().await;
    let left = one.agent.run(&["leave"]).await;
    assert_eq!(left.code, 0, "{left:?}");
    assert_eq!(
        muster.json(&["member", "show", ACCOUNT]).await["status"],
        "RESIGNED"
    );
    let again = one.agent.run(&["leave"]).await;
    assert_eq!(again.code, 1, "{again:?}");

    let invitation = one.admin.invite(ACCOUNT).await;
    let declined = one.agent.run(&["decline", &invitation]).await;
    assert_eq!(declined.code, 0, "{declined:?}");
    assert_eq!(
        muster.json(&["member", "show", ACCOUNT]).await["status"],
        "RESIGNED"
    );
    let refused = one.agent.run(&["accept", "--replace", &invitation]).await;
    assert!(refused.err.contains("declined"), "{refused:?}");
}

#[tokio::test]
async fn an_invitation_can_be_withdrawn_and_sent_again() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    let credentials = member(&world, ACCOUNT).await;
    let agent = Agent::new(&world, "agent", &credentials);
    let first = admin.invite(ACCOUNT).await;
    let second = admin.invite(ACCOUNT).await;
    let refused = agent.accept(&first).await;
    assert!(refused.err.contains("withdrawn"), "{refused:?}");
    let open = muster.json(&["invitation", "list"]).await;
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    let name = open[0]["id"].as_str().unwrap();
    muster.run(&["invitation", "withdraw", name]).await;
    let refused = agent.accept(&second).await;
    assert!(refused.err.contains("withdrawn"), "{refused:?}");
    let third = admin.invite(ACCOUNT).await;
    assert_eq!(agent.accept(&third).await.code, 0);
    // A second agent of the same account needs an invitation of its own.
    let twin = Agent::new(&world, "twin", &credentials);
    let refused = twin.accept(&third).await;
    assert!(refused.err.contains("used"), "{refused:?}");
    assert_eq!(twin.accept(&admin.invite(ACCOUNT).await).await.code, 0);
    assert_eq!(
        muster
            .json(&["agent", "list"])
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn suspending_stops_an_account_and_resuming_brings_the_same_agent_back() {
    let one = one().await;
    let muster = &one.muster;
    muster.run(&["member", "suspend", ACCOUNT]).await;
    eventually("the agent is refused", async || {
        one.agent.told("/snapshot/link").await == "refused"
    })
    .await;
    let refused = muster.try_run(&["member", "delete", ACCOUNT]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    muster.run(&["member", "resume", ACCOUNT]).await;
    // It asks again by itself, within a minute.
    eventually("the agent is back", async || {
        one.agent.told("/snapshot/link").await == "up"
    })
    .await;
    muster.run(&["member", "disassociate", ACCOUNT]).await;
    muster.run(&["member", "delete", ACCOUNT]).await;
    let gone = muster.json(&["member", "list"]).await;
    assert_eq!(gone.as_array().unwrap().len(), 0, "{gone}");
    let audit = muster
        .json(&[
            "audit",
            "list",
            "--subject",
            &format!("members/{ACCOUNT}"),
            "--all",
        ])
        .await;
    let actions: Vec<&str> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions.iter().rev().copied().collect::<Vec<_>>(),
        [
            "member.create",
            "member.invite",
            "enrollment.enroll",
            "member.suspend",
            "member.resume",
            "member.disassociate",
            "member.delete"
        ],
        "{audit}"
    );
}

/// Two agents of one account, as one per Region; revoking one leaves the other.
#[tokio::test]
async fn one_agent_of_several_can_be_revoked() {
    let one = one().await;
    let mut second = Agent::new(&one.world, "second", &one.credentials);
    assert_eq!(
        second.accept(&one.admin.invite(ACCOUNT).await).await.code,
        0
    );
    second.start();
    eventually("both are connected", async || {
        one.muster.json(&["status"]).await["agentsConnected"] == 2
    })
    .await;
    let id = second.told("/agent").await;
    one.muster
        .run(&[
            "agent",
            "revoke",
            id.as_str().unwrap(),
            "--reason",
            "replaced",
        ])
        .await;
    let again = one
        .muster
        .try_run(&["agent", "revoke", id.as_str().unwrap()])
        .await;
    assert!(again.err.contains("was stopped already"), "{again:?}");
    let status = one.muster.json(&["status"]).await;
    assert_eq!(status["agents"], 1, "{status}");
    eventually("one is refused", async || {
        second.told("/snapshot/link").await == "refused"
    })
    .await;
    assert!(
        second
            .told("/snapshot/reason")
            .await
            .to_string()
            .contains("replaced")
    );
    assert_eq!(one.agent.told("/snapshot/link").await, "up");
}

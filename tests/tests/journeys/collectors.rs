//! What an agent says of its sources, to whoever stands beside it and to the operator.

use muster_tests::{Agent, Muster, Printed, eventually};
use serde_json::{Value as Json, json};

use super::accounts::{ACCOUNT, OTHER, One, finding, one};

/// How a collector of the account's agent fares, as the operator sees it.
async fn health(muster: &Muster, collector: &str, region: &str) -> Json {
    let shown = muster.json(&["member", "show", ACCOUNT]).await;
    let agents = shown["agents"].as_array().cloned().unwrap_or_default();
    let mut all = agents
        .iter()
        .flat_map(|agent| agent["collectors"].as_array().cloned().unwrap_or_default());
    all.find(|health| health["collector"] == collector && health["region"] == region)
        .unwrap_or_default()
}

async fn becomes(one: &One, collector: &str, region: &str, state: &str) -> Json {
    eventually(&format!("{collector} is {state}"), async || {
        health(&one.muster, collector, region).await["state"] == state
    })
    .await;
    health(&one.muster, collector, region).await
}

async fn doctor(agent: &Agent) -> Printed {
    agent.run(&["doctor"]).await
}

#[tokio::test]
async fn a_missing_permission_is_told_and_the_other_sources_are_read() {
    let one = one().await;
    // A service that nobody switched on is no trouble.
    becomes(&one, "guardduty", "us-east-1", "disabled").await;
    let good = doctor(&one.agent).await;
    assert_eq!(good.code, 0, "{good:?}");

    one.world
        .fault(json!({ "kind": "deny", "service": "inspector2", "account": ACCOUNT, "operation": "ListFindings" }))
        .await;
    let denied = becomes(&one, "inspector2", "eu-west-1", "permission-missing").await;
    let message = denied["message"].as_str().unwrap();
    assert!(
        message.contains("is not authorized to perform: inspector2:ListFindings"),
        "{message}"
    );
    assert!(
        message.ends_with("allow it in the role's policy"),
        "{message}"
    );
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    eventually("other sources are read", async || {
        one.muster.count(&[]).await == 1
    })
    .await;
    let bad = doctor(&one.agent).await;
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.out.contains("bad   inspector2 us-east-1"), "{bad:?}");
    assert!(bad.out.contains("deploy/agent-policy.json"), "{bad:?}");

    one.world.mend().await;
    becomes(&one, "inspector2", "eu-west-1", "disabled").await;
}

#[tokio::test]
async fn a_service_that_is_ill_is_tried_again_and_nothing_is_missed() {
    let one = one().await;
    becomes(&one, "securityhub", "us-east-1", "ok").await;
    for kind in ["throttle", "error500", "html"] {
        one.world
            .fault(json!({ "kind": kind, "service": "securityhub", "account": ACCOUNT }))
            .await;
        let state = if kind == "throttle" {
            "throttled"
        } else {
            "failed"
        };
        becomes(&one, "securityhub", "us-east-1", state).await;
        one.world.mend().await;
        one.put(&[finding(ACCOUNT, kind, 1)]).await;
        becomes(&one, "securityhub", "us-east-1", "ok").await;
    }
    eventually("all are in", async || one.muster.count(&[]).await == 3).await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_kept_with_its_reason() {
    let one = one().await;
    let mut bad = finding(ACCOUNT, "bad", 1);
    bad["Severity"]["Label"] = json!("URGENT");
    let findings = json!([
        finding(ACCOUNT, "good", 1),
        bad,
        finding(OTHER, "foreign", 1)
    ]);
    one.agent
        .drop_file("mixed.json", findings.to_string().as_bytes());
    one.agent.drop_file("broken.json", b"[{\"SchemaVersion\":");
    eventually("the good one is in", async || {
        one.muster.count(&[]).await == 1
    })
    .await;
    eventually("the others are dead letters", async || {
        one.agent.told("/snapshot/dead_letters").await == 2
    })
    .await;
    let letters = std::fs::read_to_string(one.agent.state().join("dead-letters.jsonl")).unwrap();
    assert!(
        letters.contains("data.Severity.Label should be equal to one of the allowed values"),
        "{letters}"
    );
    assert!(
        letters.contains("the finding is of account 222233334444"),
        "{letters}"
    );
    eventually("the broken file is put aside", async || {
        one.agent.state().join("drop/bad/broken.json").exists()
    })
    .await;
    let reason =
        std::fs::read_to_string(one.agent.state().join("drop/bad/broken.json.reason.txt")).unwrap();
    assert!(reason.starts_with("line 1: EOF"), "{reason}");
    // The ledger knows of the refused one, and the operator sees it.
    let ledger = one.muster.json(&["status", "--accounts"]).await;
    assert_eq!(
        (&ledger[0]["sent"], &ledger[0]["refused"]),
        (&json!(2), &json!(1)),
        "{ledger}"
    );
    let looked = doctor(&one.agent).await;
    assert!(looked.out.contains("2 findings were refused"), "{looked:?}");
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_before_anything_runs() {
    let one = one().await;
    let fresh = Agent::new(&one.world, "fresh", &one.credentials);
    let said = doctor(&fresh).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("this agent is not enrolled"), "{said:?}");
    let nobody = Agent::new(&one.world, "nobody", one.world.folder());
    let said = doctor(&nobody).await;
    assert!(
        said.out.contains("there are no AWS credentials"),
        "{said:?}"
    );
    let homeless = Agent::new(&one.world, "homeless", &one.credentials).with("AWS_REGION", "");
    let said = homeless.run(&["run"]).await;
    assert!(said.err.contains("not enrolled"), "{said:?}");
    assert!(!fresh.state().exists(), "the doctor makes nothing");
    let status = fresh.run(&["status"]).await;
    assert_eq!(
        (status.code, status.err.lines().count()),
        (1, 1),
        "{status:?}"
    );
}

/// Runs a command with an output of its own. The answer is its code and what it says on standard error.
async fn into(agent: &Agent, command: &str, out: std::process::Stdio) -> (Option<i32>, String) {
    let mut command = agent.command(&[command]);
    command.stdout(out).stderr(std::process::Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().await.unwrap();
    (
        ended.status.code(),
        String::from_utf8(ended.stderr).unwrap(),
    )
}

/// What people see beside an agent: while it runs, after it was killed, and after its account has left.
#[tokio::test]
async fn the_status_tells_its_age_and_that_the_account_has_left() {
    let mut one = one().await;
    becomes(&one, "securityhub", "us-east-1", "ok").await;
    let running = one.agent.run(&["status"]).await;
    assert!(running.out.contains("running      yes"), "{running:?}");
    one.agent.kill().await;
    let killed = one.agent.run(&["status"]).await;
    assert_eq!(killed.code, 1, "{killed:?}");
    assert!(
        killed.out.contains("ago; the agent is not running"),
        "{killed:?}"
    );
    for command in ["status", "doctor"] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let (code, said) = into(&one.agent, command, full.into()).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.starts_with("muster-agent: cannot write to standard output"),
            "{said}"
        );
    }
    // A reader that is gone already.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let gone = into(&one.agent, "doctor", writer.into()).await;
    assert_eq!(gone, (Some(0), String::new()));

    assert_eq!(one.agent.run(&["leave"]).await.code, 0);
    let left = one.agent.run(&["status"]).await;
    assert!(left.out.contains("left         at "), "{left:?}");
    let doctor = doctor(&one.agent).await;
    assert!(doctor.out.contains("left the admin at"), "{doctor:?}");
    // It may come back as it came.
    let invitation = one.admin.invite(ACCOUNT).await;
    let line = format!("muster-agent accept '{invitation}'");
    let back = one.agent.accept(&line).await;
    assert_eq!(back.code, 0, "{back:?}");
    let status = one.agent.run(&["status"]).await;
    assert!(!status.out.contains("left  "), "{status:?}");
}

//! The agents that are the real binary: they collect from the stand-in for AWS what is updated there.

use std::path::PathBuf;
use std::time::Duration;

use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_tests::{Admin, Agent, World};
use serde_json::{Value as Json, json};

use crate::finding::document;

/// Findings of each.
pub(crate) const FINDINGS: u64 = 100;
/// Findings that get a new version at a time.
const UPDATED: u64 = 10;
const UPDATE_EVERY: Duration = Duration::from_secs(20);
const COLLECT_EVERY_SECONDS: &str = "20";
/// Longer than any run; the agent proves its account when it enrolls.
const SESSION: Duration = Duration::from_secs(43_200);

/// An account of the stand-in and the folder with its credentials.
pub(crate) async fn account(world: &World, account: AccountId) -> PathBuf {
    let on =
        json!({ "service": "securityhub", "account": account, "region": "us-east-1", "on": true });
    world.post("enable", on).await;
    world.account(account.as_str(), SESSION).await
}

/// An agent that is enrolled and does not run.
pub(crate) async fn enrolled(
    world: &World,
    admin: &Admin,
    account: AccountId,
) -> anyhow::Result<Agent> {
    let credentials = self::account(world, account).await;
    let mut agent = Agent::new(world, &format!("agent-{account}"), &credentials).with(
        "MUSTER_AGENT_COLLECTORS__SECURITYHUB__EVERY_SECONDS",
        COLLECT_EVERY_SECONDS,
    );
    for source in ["GUARDDUTY", "INSPECTOR2", "MACIE2", "DROP_FOLDER"] {
        agent = agent.with(
            &format!("MUSTER_AGENT_COLLECTORS__{source}__ENABLED"),
            "false",
        );
    }
    let accepted = agent.accept(&admin.invite(account.as_str()).await).await;
    anyhow::ensure!(accepted.code == 0, "{account}: {accepted:?}");
    Ok(agent)
}

/// Gives the account's Security Hub ever newer versions of its findings.
pub(crate) async fn update(world: &World, accounts: &[AccountId]) {
    let clock = Clock::system();
    for turn in 0_u64.. {
        for account in accounts {
            let numbers: Vec<u64> = if turn == 0 {
                (0..FINDINGS).collect()
            } else {
                (0..UPDATED)
                    .map(|at| (turn * UPDATED + at) % FINDINGS)
                    .collect()
            };
            let now = clock.now();
            let findings: Vec<Json> = numbers
                .into_iter()
                .map(|number| serde_json::from_str(&document(*account, number, now)).expect("JSON"))
                .collect();
            world
                .put("securityhub", account.as_str(), "us-east-1", &findings)
                .await;
        }
        tokio::time::sleep(UPDATE_EVERY).await;
    }
}

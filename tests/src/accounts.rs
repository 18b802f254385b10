//! What many tests start with: an account that has joined, and findings for it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::{Admin, Agent, Muster, World};

/// As long as AWS lets a session last where nobody says otherwise.
const SESSION: Duration = Duration::from_secs(3_600);
pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "222233334444";

/// One account that has joined, with Security Hub on and empty.
pub struct One {
    pub world: World,
    pub admin: Admin,
    pub muster: Muster,
    pub agent: Agent,
    pub credentials: PathBuf,
}

pub async fn one() -> One {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let credentials = member(&world, ACCOUNT).await;
    let agent = Agent::join(&world, &admin, ACCOUNT, &credentials).await;
    One {
        muster: admin.operator(),
        world,
        admin,
        agent,
        credentials,
    }
}

/// An account of the world with Security Hub on and empty. The answer is the folder with its credentials.
pub async fn member(world: &World, account: &str) -> PathBuf {
    let on =
        json!({ "service": "securityhub", "account": account, "region": "us-east-1", "on": true });
    world.post("enable", on).await;
    world.account(account, SESSION).await
}

/// A finding as Security Hub gives it; `minute` is when it was updated.
#[must_use]
pub fn finding(account: &str, id: &str, minute: u32) -> Json {
    let at = format!("2026-11-20T{:02}:{:02}:00.000Z", minute / 60, minute % 60);
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": format!("arn:aws:securityhub:us-east-1:{account}:product/{account}/default"),
        "GeneratorId": "journey",
        "AwsAccountId": account,
        "Region": "us-east-1",
        "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
        "CreatedAt": "2026-11-01T08:00:00.000Z",
        "UpdatedAt": at,
        "Severity": { "Label": "HIGH", "Normalized": 70 },
        "Title": format!("Finding {id}"),
        "Description": "Something is wrong.",
        "Resources": [{ "Type": "AwsEc2Instance", "Id": format!("arn:aws:ec2:us-east-1:{account}:instance/i-{id}") }],
    })
}

/// Findings with the numbers of a range.
#[must_use]
pub fn findings(account: &str, numbers: std::ops::Range<u32>) -> Vec<Json> {
    numbers
        .map(|number| finding(account, &format!("{number:06}"), number % 1_440))
        .collect()
}

impl One {
    /// Puts findings into the account's Security Hub.
    pub async fn put(&self, findings: &[Json]) {
        self.world
            .put("securityhub", ACCOUNT, "us-east-1", findings)
            .await;
    }
}

/// Checks that the ledger adds up, and that nothing was refused or is missing.
///
/// # Panics
/// It does not.
pub async fn balanced(muster: &Muster, visible: u64) {
    let ledger = muster.json(&["status", "--accounts"]).await;
    let sum = |key: &str| -> u64 {
        let entries = ledger.as_array().expect("a list").iter();
        entries
            .map(|entry| entry[key].as_u64().expect("a number"))
            .sum()
    };
    assert_eq!(sum("visible"), visible, "{ledger}");
    assert_eq!(sum("created"), visible, "{ledger}");
    assert_eq!((sum("refused"), sum("missing")), (0, 0), "{ledger}");
    assert_eq!(
        sum("sent"),
        sum("created") + sum("updated") + sum("unchanged"),
        "{ledger}"
    );
}

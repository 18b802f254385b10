//! Findings of an account: a fixed set of them, each in ever newer versions.

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use serde_json::json;

/// Every so often a source tells again what it has told.
const AGAIN_EVERY: u64 = 10;
const SEVERITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
/// What makes a finding as long as real ones are.
const ADVICE: &str = "Look at the access that this resource grants, compare it with what its users need, take away the rest, and write down who needs what is left and until when. ";

/// The findings of one account, in the order in which its agent sends them.
pub(crate) struct Findings {
    account: AccountId,
    /// When the newest version of each was updated; `None` before the first.
    updated: Vec<Option<Timestamp>>,
    made: u64,
}

impl Findings {
    pub(crate) fn new(account: AccountId, count: u64) -> Self {
        Self {
            account,
            updated: vec![None; count as usize],
            made: 0,
        }
    }

    pub(crate) const fn account(&self) -> AccountId {
        self.account
    }

    /// The next finding: a new version of it, or now and then the one that was sent last.
    pub(crate) fn next(&mut self, now: Timestamp) -> Bytes {
        let number = self.made % self.updated.len() as u64;
        let version = self.made / self.updated.len() as u64;
        let before = &mut self.updated[number as usize];
        let updated = match *before {
            Some(before) if self.made % AGAIN_EVERY == version % AGAIN_EVERY => before,
            Some(before) => now.max(before.plus(1)),
            None => now,
        };
        *before = Some(updated);
        self.made += 1;
        document(self.account, number, updated).into()
    }

    /// How many there are, without their versions.
    pub(crate) fn known(&self) -> u64 {
        self.updated.iter().flatten().count() as u64
    }

    /// Ids with the time of the newest version.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (String, String)> {
        let known = self.updated.iter().zip(0..);
        known.filter_map(|(updated, number)| {
            Some((id(self.account, number), updated.as_ref()?.to_string()))
        })
    }
}

fn id(account: AccountId, number: u64) -> String {
    format!("long-{account}-{number:06}")
}

/// A finding of about two KB. Equal arguments give an equal document.
pub(crate) fn document(account: AccountId, number: u64, updated: Timestamp) -> String {
    let turn = updated.as_seconds() as u64 + number;
    let resource = number / 3;
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id(account, number),
        "ProductArn": format!("arn:aws:securityhub:us-east-1:{account}:product/{account}/default"),
        "ProductName": "Long run",
        "CompanyName": "Example",
        "GeneratorId": format!("rule-{:03}", number % 120),
        "AwsAccountId": account.to_string(),
        "Region": "us-east-1",
        "Types": ["Software and Configuration Checks/AWS Security Best Practices"],
        "FirstObservedAt": "2026-11-01T08:00:00.000Z",
        "LastObservedAt": updated.to_string(),
        "CreatedAt": "2026-11-01T08:00:00.000Z",
        "UpdatedAt": updated.to_string(),
        "Severity": { "Label": SEVERITIES[(turn % 4) as usize] },
        "Title": format!("Rule {:03} does not hold", number % 120),
        "Description": ADVICE.repeat(1 + (number % 5) as usize),
        "Remediation": { "Recommendation": { "Text": ADVICE.repeat(2), "Url": format!("https://docs.example.com/rules/{:03}", number % 120) } },
        "ProductFields": { "Run": "long", "Turn": turn.to_string(), "Check": format!("check-{number:06}") },
        "Compliance": { "Status": if turn.is_multiple_of(3) { "PASSED" } else { "FAILED" } },
        "RecordState": if turn.is_multiple_of(11) { "ARCHIVED" } else { "ACTIVE" },
        "Resources": [{
            "Type": "AwsEc2Instance",
            "Id": format!("arn:aws:ec2:us-east-1:{account}:instance/i-{resource:017x}"),
            "Partition": "aws",
            "Region": "us-east-1",
            "Tags": { "Team": format!("team-{:02}", resource % 40), "Stage": "prod" },
            "Details": { "AwsEc2Instance": {
                "Type": "m7g.large",
                "ImageId": format!("ami-{:017x}", resource % 200),
                "VpcId": format!("vpc-{:017x}", resource % 40),
                "SubnetId": format!("subnet-{:017x}", resource % 160),
            } },
        }],
    })
    .to_string()
}

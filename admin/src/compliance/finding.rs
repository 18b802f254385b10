//! Control findings in AWS's shape. Pure.
//!
//! Source: Security Hub user guide, "Samples of control findings" and "Consolidated control findings"; see the room's head for
//! what is ours.

use std::collections::BTreeMap;

use muster_common::account::{AccountId, Partition, Region};
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_controls::{ACCOUNT, Control, Severity, Status, Verdict};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::GLOBAL;

/// Where the digest of a verdict stands, by which what is stored is recognized after a restart.
pub(super) const DIGEST: &str = "muster/digest";
/// Tells our findings from those that AWS's own Security Hub makes, and agents collect, of the same controls.
pub(super) const COMPANY: &str = "Muster";
const TYPE: &str = "Software and Configuration Checks/Industry and Regulatory Standards";
const DESCRIPTION_MAX: usize = 1_024;
const RECOMMENDATION_MAX: usize = 512;
const RESOURCE_ID_MAX: usize = 512;
const REQUIREMENTS_MAX: usize = 32;
const STANDARDS_MAX: usize = 20;

/// What all findings of a control in an account have in common.
#[derive(Clone)]
pub(super) struct Stamp {
    pub account: AccountId,
    pub partition: Partition,
    pub control: Control,
    /// As findings name the standards.
    pub standards: Vec<String>,
    pub requirements: Vec<String>,
    pub parameters: BTreeMap<String, Json>,
    /// Of all of the above, without the account.
    digest: [u8; 8],
}

/// What a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    pub kind: String,
    pub id: String,
    /// A Region of the account.
    pub region: String,
}

/// Where a finding is kept, and how it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub key: FindingKey,
    pub id: String,
    pub product: String,
}

/// When a finding was made, and when it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl About {
    /// The account itself.
    pub(super) fn account(account: AccountId, partition: Partition) -> Self {
        Self {
            kind: ACCOUNT.to_owned(),
            id: format!("AWS::::Account:{account}"),
            region: home(partition).to_owned(),
        }
    }

    /// A resource. What has no Region belongs to a fixed one; the account has one id, whatever it was observed under.
    pub(super) fn resource(
        account: AccountId,
        partition: Partition,
        kind: &str,
        id: &str,
        region: &str,
    ) -> Self {
        let region = if region == GLOBAL {
            home(partition)
        } else {
            region
        };
        let own = Self::account(account, partition);
        Self {
            id: if kind == ACCOUNT {
                own.id
            } else {
                id.to_owned()
            },
            kind: kind.to_owned(),
            region: region.to_owned(),
        }
    }
}

impl Stamp {
    pub(super) fn new(
        account: AccountId,
        partition: Partition,
        control: &Control,
        standards: &[&super::Standard],
        parameters: BTreeMap<String, Json>,
    ) -> Self {
        let ids = standards.iter().map(|standard| standard.standards_id());
        let requirements = standards.iter().flat_map(|standard| {
            let numbers = control.requirements.get(&standard.id);
            let numbers = numbers.into_iter().flatten();
            numbers.filter_map(|number| standard.requirement(number))
        });
        let standards: Vec<String> = ids.take(STANDARDS_MAX).collect();
        let requirements: Vec<String> = requirements.take(REQUIREMENTS_MAX).collect();
        let parts = json!([
            control.id,
            control.title,
            control.description,
            control.remediation,
            control.severity,
            standards,
            requirements,
            parameters,
            partition.as_str(),
        ]);
        Self {
            account,
            partition,
            control: control.clone(),
            digest: digest([parts.to_string().as_bytes()]),
            standards,
            requirements,
            parameters,
        }
    }

    pub(super) fn about(&self, kind: &str, id: &str, region: &str) -> About {
        About::resource(self.account, self.partition, kind, id, region)
    }

    /// The same for the same control and resource, always.
    pub(super) fn name(&self, about: &About) -> Name {
        let Self {
            account,
            partition,
            control,
            ..
        } = self;
        let About { kind, id, region } = about;
        let parts = [account.as_str(), &control.id, kind, id, region];
        let bytes: [u8; 16] = digest(parts.map(str::as_bytes));
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        let id = format!(
            "arn:{partition}:securityhub:{region}:{account}:security-control/{}/finding/{uuid}",
            control.id
        );
        let product = format!("arn:{partition}:securityhub:{region}::product/aws/securityhub");
        Name {
            key: FindingKey::new(*account, region, &product, &id),
            id,
            product,
        }
    }

    /// What makes two verdicts over a resource the same: all that readers see but the times.
    pub(super) fn digest(&self, verdict: &Verdict) -> u64 {
        let Verdict {
            status,
            reason,
            detail,
        } = verdict;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let parts = [status.name(), &text(reason), &text(detail)];
        let [status, reason, detail] = parts.map(str::as_bytes);
        u64::from_be_bytes(digest([&self.digest[..], status, reason, detail]))
    }

    /// The whole finding.
    pub(super) fn document(
        &self,
        name: &Name,
        about: &About,
        verdict: &Verdict,
        times: Times,
    ) -> Vec<u8> {
        let control = &self.control;
        let Times {
            created_at,
            updated_at,
        } = times;
        let (label, normalized) = match verdict.status {
            Status::Failed => severity(control.severity),
            Status::Passed | Status::Warning | Status::NotAvailable | Status::Skipped => {
                ("INFORMATIONAL", 0)
            }
        };
        let digest = format!("{:016x}", self.digest(verdict));
        let document = json!({
            "SchemaVersion": "2018-10-08",
            "Id": name.id,
            "ProductArn": name.product,
            "ProductName": "Security Hub",
            "CompanyName": COMPANY,
            "Region": about.region,
            "GeneratorId": format!("security-control/{}", control.id),
            "AwsAccountId": self.account.as_str(),
            "Types": [TYPE],
            "FirstObservedAt": created_at.to_string(),
            "LastObservedAt": updated_at.to_string(),
            "CreatedAt": created_at.to_string(),
            "UpdatedAt": updated_at.to_string(),
            "Severity": {"Label": label, "Normalized": normalized, "Original": label},
            "Title": cut(&control.title, 256),
            "Description": cut(&control.description, DESCRIPTION_MAX),
            "Remediation": {"Recommendation": {"Text": cut(&control.remediation, RECOMMENDATION_MAX)}},
            "ProductFields": {DIGEST: digest},
            "Resources": [{
                "Type": asff_type(&about.kind),
                "Id": cut(&about.id, RESOURCE_ID_MAX),
                "Partition": self.partition.as_str(),
                "Region": about.region,
            }],
            "Compliance": self.compliance(verdict),
            "WorkflowState": "NEW",
            "Workflow": {"Status": "NEW"},
            "RecordState": "ACTIVE",
            "FindingProviderFields": {
                "Severity": {"Label": label, "Original": label},
                "Types": [TYPE],
            },
        });
        document.to_string().into_bytes()
    }

    fn compliance(&self, verdict: &Verdict) -> Json {
        let Verdict {
            status,
            reason,
            detail,
        } = verdict;
        let standards = self.standards.iter().map(|id| json!({"StandardsId": id}));
        let mut compliance = json!({
            "Status": status.name(),
            "SecurityControlId": self.control.id,
            "AssociatedStandards": standards.collect::<Vec<_>>(),
        });
        if !self.requirements.is_empty() {
            compliance["RelatedRequirements"] = json!(self.requirements);
        }
        if let Some(reason) = reason {
            let text = detail.as_deref().unwrap_or(reason);
            compliance["StatusReasons"] =
                json!([{"ReasonCode": reason, "Description": cut(text, DESCRIPTION_MAX)}]);
        } else if let Some(detail) = detail {
            compliance["StatusReasons"] =
                json!([{"ReasonCode": status.name(), "Description": cut(detail, DESCRIPTION_MAX)}]);
        }
        if !self.parameters.is_empty() {
            let parameters = self
                .parameters
                .iter()
                .map(|(name, value)| json!({"Name": name, "Value": texts(value)}));
            compliance["SecurityControlParameters"] = parameters.collect();
        }
        compliance
    }
}

/// What is stored, archived: the control is off, or the resource is gone.
pub(super) fn archived(document: &[u8], now: Timestamp) -> Option<Vec<u8>> {
    let mut document: Json = serde_json::from_slice(document).ok()?;
    let fields = document.as_object_mut()?;
    // What operators own stands there too; on a finding that is stored, ingest passes over it.
    fields.insert("RecordState".to_owned(), json!("ARCHIVED"));
    fields.insert("UpdatedAt".to_owned(), json!(now.to_string()));
    Some(document.to_string().into_bytes())
}

/// The Region that findings of what has none belong to.
pub(super) const fn home(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => "us-east-1",
        Partition::China => "cn-north-1",
        Partition::GovCloud => "us-gov-west-1",
        Partition::EuropeanSovereign => "eusc-de-east-1",
    }
}

/// The partition of an account, by one of its Regions.
pub(super) fn partition<'a>(mut regions: impl Iterator<Item = &'a str>) -> Partition {
    let region = regions.find_map(|region| region.parse::<Region>().ok());
    region.map_or(Partition::Aws, |region| Partition::of(&region))
}

const fn severity(severity: Severity) -> (&'static str, u8) {
    match severity {
        Severity::Low => ("LOW", 1),
        Severity::Medium => ("MEDIUM", 40),
        Severity::High => ("HIGH", 70),
        Severity::Critical => ("CRITICAL", 90),
    }
}

/// A type as ASFF names it: `AWS::RDS::DBInstance` is `AwsRdsDbInstance`.
fn asff_type(kind: &str) -> String {
    kind.split("::").map(capitalized).collect()
}

/// Every word with one capital letter at its start, where a run of capitals is one word.
fn capitalized(part: &str) -> String {
    let letters: Vec<char> = part.chars().collect();
    let upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
    let lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
    let letters = letters.iter().enumerate().map(|(at, letter)| {
        let inside = at > 0 && upper(at - 1) && !lower(at + 1);
        if inside {
            letter.to_ascii_lowercase()
        } else {
            *letter
        }
    });
    letters.collect()
}

fn texts(value: &Json) -> Vec<String> {
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match value {
        Json::Array(values) => values.iter().map(text).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            vec![text(value)]
        }
    }
}

/// A text that fits; a longer one ends in dots.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max - 3).collect();
    short.push_str("...");
    short
}

/// The first bytes of a digest of parts.
fn digest<const N: usize, const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; N] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut bytes = [0; N];
    bytes.copy_from_slice(&digest.finalize()[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_asff() {
        for (kind, name) in [
            ("AWS::S3::Bucket", "AwsS3Bucket"),
            ("AWS::::Account", "AwsAccount"),
            ("AWS::EC2::VPC", "AwsEc2Vpc"),
            ("AWS::EC2::SecurityGroup", "AwsEc2SecurityGroup"),
            ("AWS::RDS::DBInstance", "AwsRdsDbInstance"),
            ("AWS::RDS::DBCluster", "AwsRdsDbCluster"),
            ("AWS::IAM::User", "AwsIamUser"),
            ("AWS::CloudTrail::Trail", "AwsCloudTrailTrail"),
            ("AWS::KMS::Key", "AwsKmsKey"),
            ("AWS::SNS::Topic", "AwsSnsTopic"),
            ("AWS::EFS::FileSystem", "AwsEfsFileSystem"),
        ] {
            assert_eq!(asff_type(kind), name);
        }
    }

    #[test]
    fn texts_that_are_too_long_are_cut() {
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("longer", 5), "lo...");
    }
}

//! What holds for all four mappings, on samples made up for it, on damaged ones, and on real ones if they are here.

mod damage;
mod real;

use muster_common::finding;
use serde_json::{Value, json};

use super::*;

type Mapping = fn(&Value, &Place) -> Result<Value, Unmappable>;

fn place() -> Place {
    Place {
        account: "111122223333".parse().unwrap(),
        partition: Partition::Aws,
        region: "eu-central-1".parse().unwrap(),
    }
}

macro_rules! samples {
    ($($mapping:ident: $($name:literal)*;)*) => {
        [$($((
            concat!(stringify!($mapping), "_", $name),
            $mapping as Mapping,
            include_str!(concat!("fixtures/", stringify!($mapping), "_", $name, ".json")),
        )),*),*]
    };
}

/// Name, mapping, finding.
const SAMPLES: [(&str, Mapping, &str); 25] = samples! {
    guardduty: "access_key" "attack_sequence" "brute_force" "bucket" "command_and_control" "database" "function"
        "kubernetes" "malicious_object" "malware_scan" "port_probe" "root_sign_in" "runtime";
    inspector2: "code" "image_package" "instance_package" "reachable_port" "repositories";
    macie2: "personal_data" "public_bucket";
    ocsf: "control" "hub_threat" "prowler" "prowler_4" "vulnerability";
};

fn sample(name: &str) -> (Mapping, Value) {
    let (_, mapping, text) = SAMPLES
        .into_iter()
        .find(|(known, _, _)| *known == name)
        .unwrap();
    (mapping, serde_json::from_str(text).unwrap())
}

/// The sample as it maps after a change.
fn mapped(name: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Unmappable> {
    let (mapping, mut finding) = sample(name);
    change(&mut finding);
    mapping(&finding, &place())
}

/// The refusal of the sample after a change.
fn refused(name: &str, change: impl FnOnce(&mut Value)) -> String {
    mapped(name, change).unwrap_err().to_string()
}

/// What the format says against a document.
fn fault(document: &Value) -> Option<String> {
    let text = serde_json::to_vec(document).unwrap();
    finding::read(&text).err().map(|error| error.to_string())
}

#[test]
fn every_sample_becomes_this_document() {
    for (name, mapping, text) in SAMPLES {
        let document = mapping(&serde_json::from_str(text).unwrap(), &place()).unwrap();
        assert_eq!(fault(&document), None, "{name}");
        insta::assert_snapshot!(name, serde_json::to_string_pretty(&document).unwrap());
    }
}

#[test]
fn the_account_and_the_region_are_the_findings_own() {
    let elsewhere = Place {
        account: "444455556666".parse().unwrap(),
        partition: Partition::China,
        region: "cn-north-1".parse().unwrap(),
    };
    for (name, mapping, text) in SAMPLES {
        let document = mapping(&serde_json::from_str(text).unwrap(), &elsewhere).unwrap();
        assert_eq!(document["AwsAccountId"], "111122223333", "{name}");
        assert_eq!(document["Region"], "eu-central-1", "{name}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let without = |name: &str, member: &str| {
        refused(name, |finding| {
            finding.as_object_mut().unwrap().remove(member);
        })
    };
    let refusals = [
        without("guardduty_bucket", "arn"),
        without("guardduty_bucket", "resource"),
        without("guardduty_bucket", "severity"),
        without("inspector2_code", "findingArn"),
        without("inspector2_code", "firstObservedAt"),
        without("macie2_public_bucket", "id"),
        without("macie2_public_bucket", "resourcesAffected"),
        without("ocsf_prowler", "finding_info"),
        without("ocsf_prowler", "cloud"),
        refused("guardduty_bucket", |finding| {
            finding["severity"] = json!(11)
        }),
        refused("guardduty_bucket", |finding| {
            finding["accountId"] = json!(111_122_223_333_u64);
        }),
        refused("inspector2_code", |finding| {
            finding["findingArn"] = json!("finding/1");
        }),
        refused("inspector2_code", |finding| {
            finding["severity"] = json!("BAD")
        }),
        refused("inspector2_instance_package", |finding| {
            finding["packageVulnerabilityDetails"]["vulnerabilityId"] = Value::Null;
        }),
        refused("ocsf_prowler", |finding| {
            finding["class_uid"] = json!(1001);
        }),
        refused("ocsf_prowler", |finding| {
            finding["cloud"]["provider"] = json!("azure");
        }),
        refused("ocsf_prowler", |finding| {
            finding["finding_info"]["uid"] = json!("x".repeat(513));
        }),
        refused("ocsf_prowler", |finding| {
            finding["metadata"]["product"] = json!({});
        }),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @"
    the finding has no arn
    the finding has no resource
    the finding has no severity
    the finding has no findingArn
    the finding has no firstObservedAt
    the finding has no id
    the finding has no resourcesAffected
    the finding has no finding_info/uid
    the finding has no cloud/provider
    severity: 11 is not between 0 and 10
    accountId: `111122223333` is no text
    findingArn: `finding/1` is no ARN
    severity: `BAD` is no severity; one of INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL
    the finding has no packageVulnerabilityDetails/vulnerabilityId
    class_uid: class 1001 is none of the findings (2001 to 2007)
    cloud/provider: `azure` is not AWS
    id: longer than 512 characters
    the finding has no metadata/product/name
    ");
}

#[test]
fn what_finds_no_room_is_counted() {
    let document = mapped("guardduty_brute_force", |finding| {
        for number in 0..60 {
            finding["service"][format!("extra{number:02}")] = json!(number);
        }
    })
    .unwrap();
    let fields = document["ProductFields"].as_object().unwrap();
    assert_eq!(fields.len(), 47);
    assert_eq!(fields["aws/guardduty/truncated"], "43");

    let document = mapped("guardduty_attack_sequence", |finding| {
        let resources = &mut finding["service"]["detection"]["sequence"]["resources"];
        *resources = (0..40)
            .map(|number| json!({ "uid": format!("stack-{number}"), "resourceType": "CLOUDFORMATION_STACK" }))
            .collect();
    })
    .unwrap();
    assert_eq!(document["Resources"].as_array().unwrap().len(), 32);
    assert_eq!(document["ProductFields"]["aws/guardduty/truncated"], "8");
    assert_eq!(fault(&document), None);
}

#[test]
fn a_finding_that_is_too_large_is_refused() {
    let refusal = refused("inspector2_instance_package", |finding| {
        let references = vec!["https://advisories.example.com/".repeat(10); 1000];
        finding["packageVulnerabilityDetails"]["referenceUrls"] = json!(references);
    });
    assert!(
        refusal.ends_with("bytes in ASFF; the limit is 245760"),
        "{refusal}"
    );
}

#[test]
fn long_texts_are_cut_to_the_format() {
    let long = "\u{df}".repeat(5000);
    let document = mapped("inspector2_instance_package", |finding| {
        finding["title"] = json!(long);
        finding["description"] = json!(long);
        finding["remediation"]["recommendation"]["text"] = json!(long);
        finding["resources"][0]["tags"]["Name"] = json!(long);
    })
    .unwrap();
    assert_eq!(fault(&document), None);
    assert!(
        document["Description"]
            .as_str()
            .unwrap()
            .ends_with("...Truncated")
    );
}

#[test]
fn a_closed_finding_is_archived() {
    let state = |name: &str, change: fn(&mut Value)| {
        mapped(name, change).unwrap()["RecordState"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(state("guardduty_bucket", |_| ()), "ACTIVE");
    let archive = |finding: &mut Value| finding["service"]["archived"] = json!(true);
    assert_eq!(state("guardduty_bucket", archive), "ARCHIVED");
    let suppress = |finding: &mut Value| finding["status"] = json!("SUPPRESSED");
    assert_eq!(state("inspector2_code", suppress), "ARCHIVED");
    assert_eq!(state("macie2_public_bucket", |_| ()), "ARCHIVED");
    let close = |finding: &mut Value| finding["activity_id"] = json!(3);
    assert_eq!(state("ocsf_prowler", close), "ARCHIVED");
}

#[test]
fn a_muted_check_of_prowler_is_a_warning_and_suppressed() {
    let document = mapped("ocsf_prowler", |finding| {
        finding["status"] = json!("Suppressed");
    })
    .unwrap();
    assert_eq!(document["Compliance"]["Status"], "WARNING");
    assert_eq!(document["Workflow"]["Status"], "SUPPRESSED");
}

#[test]
fn a_resource_without_an_id_is_told_by_the_account() {
    let document = mapped("guardduty_function", |finding| {
        finding["resource"]["lambdaDetails"] = json!({ "role": "unnamed" });
    })
    .unwrap();
    let resource = &document["Resources"][0];
    assert_eq!(resource["Id"], "AWS::::Account:111122223333");
    assert_eq!(
        resource["Details"]["Other"]["lambdaDetails/role"],
        "unnamed"
    );
}

//! A control that judges several types, and what is known of one Region and not of another.

use super::wishes::of_catalog;
use super::*;

impl House {
    /// A user, a group and a role; who has full access to CloudShell is named.
    fn principals(&self, holders: &[&str]) {
        for name in ["User", "Group", "Role"] {
            let full = json!({
                "PolicyArn": "arn:aws:iam::aws:policy/AWSCloudShellFullAccess",
                "PolicyName": "AWSCloudShellFullAccess",
            });
            let attached = match holders.contains(&name) {
                true => json!([full]),
                false => json!([]),
            };
            let state = json!({"AttachedPolicies": attached, "InlineDocuments": []});
            let kind = format!("AWS::IAM::{name}");
            self.world.put(&kind, &principal(name), GLOBAL, state);
        }
    }
}

fn principal(name: &str) -> String {
    format!("arn:aws:iam::{}:{}/it", account(), name.to_lowercase())
}

#[tokio::test]
async fn a_control_of_several_types_follows_the_resources_of_each() {
    let house = House::listed();
    house.principals(&["Role"]);
    house.evaluate().await;
    let [user, group, role] = ["User", "Group", "Role"].map(principal);
    let passed = |id: &str| row(id, "PASSED", "ACTIVE", "RESOLVED");
    assert_eq!(
        house.of("IAM.27").await,
        [
            passed(&group),
            row(&role, "FAILED", "ACTIVE", "NEW"),
            passed(&user)
        ]
    );
    let types: Vec<Json> = house
        .documents("IAM.27")
        .await
        .iter()
        .map(|document| document["Resources"][0]["Type"].clone())
        .collect();
    for kind in ["AwsIamUser", "AwsIamGroup", "AwsIamRole"] {
        assert!(types.contains(&json!(kind)), "{types:?}");
    }

    // Only groups changed: users and roles keep their findings.
    house.clock.advance(1_000);
    house.world.remove("AWS::IAM::Group", &group, GLOBAL);
    let changed = Extent::Looking(BTreeSet::from(["AWS::IAM::Group".to_owned()]));
    let done = house.compliance.evaluate(account(), &changed).await;
    assert_eq!(done.unwrap().archived, 2, "of IAM.27 and KMS.2");
    assert_eq!(
        house.of("IAM.27").await,
        [
            row(&group, "PASSED", "ARCHIVED", "RESOLVED"),
            row(&role, "FAILED", "ACTIVE", "NEW"),
            passed(&user),
        ]
    );
}

/// A type that may not be listed is not known for long; the others are judged as before.
#[tokio::test]
async fn what_is_not_known_of_one_type_leaves_the_others() {
    let house = House::listed();
    house.principals(&[]);
    house.evaluate().await;
    house.clock.advance(49 * HOUR);
    let now = house.clock.now();
    for kind in ["AWS::IAM::User", "AWS::IAM::Role"] {
        house.world.listed(kind, GLOBAL, now, None);
    }
    house
        .world
        .deny("AWS::IAM::Group", GLOBAL, "iam:ListGroups");
    house.evaluate().await;
    let of_account = format!("AWS::::Account:{}", account());
    let [user, group, role] = ["User", "Group", "Role"].map(principal);
    assert_eq!(
        house.of("IAM.27").await,
        [
            row(&of_account, "NOT_AVAILABLE", "ACTIVE", "NEW"),
            row(&group, "NOT_AVAILABLE", "ACTIVE", "NEW"),
            row(&role, "PASSED", "ACTIVE", "RESOLVED"),
            row(&user, "PASSED", "ACTIVE", "RESOLVED"),
        ]
    );
    for kind in ["User", "Group", "Role"] {
        let id = principal(kind);
        house
            .world
            .remove(&format!("AWS::IAM::{kind}"), &id, GLOBAL);
    }
    house.world.listed("AWS::IAM::Group", GLOBAL, now, None);
    house.evaluate().await;
    let documents = house.documents("IAM.27").await;
    let left = documents
        .iter()
        .find(|document| document["RecordState"] == "ACTIVE");
    let told = &left.unwrap()["Compliance"]["StatusReasons"][0]["Description"];
    assert_eq!(
        told,
        "the account has no AWS::IAM::Group or AWS::IAM::Role or AWS::IAM::User; all places were read"
    );
}

/// By Region: the status of a control of the account.
async fn by_region(house: &House, control: &str) -> Vec<String> {
    let mut told: Vec<String> = house
        .documents(control)
        .await
        .iter()
        .map(|document| {
            let text = |part: &Json| part.as_str().unwrap_or_default().to_owned();
            let status = text(&document["Compliance"]["Status"]);
            format!("{} {status}", text(&document["Region"]))
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn what_is_not_known_in_a_region_is_not_known_there() {
    let house = House::listed();
    let analyzer = "AWS::AccessAnalyzer::Analyzer";
    for region in ["eu-north-1", "eu-south-1"] {
        let kinds = house.world.0.lock().coverage.clone();
        for (kind, _) in kinds.keys().filter(|(_, place)| place == REGION) {
            house.world.listed(kind, region, NOW, None);
        }
        let id = format!("AWS::::Account:{}", account());
        let kind = muster_controls::ACCOUNT;
        house.world.put(kind, &id, region, json!({}));
    }
    for region in [REGION, "eu-north-1"] {
        let id = format!("arn:aws:access-analyzer:{region}:{}:analyzer/a", account());
        let state = json!({"Analyzer": {"type": "ACCOUNT", "status": "ACTIVE"}});
        house.world.put(analyzer, &id, region, state);
    }
    house
        .world
        .deny(analyzer, "eu-north-1", "access-analyzer:ListAnalyzers");
    house.evaluate().await;
    assert_eq!(
        by_region(&house, "IAM.28").await,
        [
            "eu-north-1 NOT_AVAILABLE",
            "eu-south-1 FAILED",
            "eu-west-1 PASSED"
        ]
    );
    // So is the state of the account itself.
    house.clock.advance(1_000);
    house
        .world
        .deny(analyzer, "eu-west-1", "access-analyzer:ListAnalyzers");
    let kind = muster_controls::ACCOUNT;
    let id = format!("AWS::::Account:{}", account());
    house.world.remove(kind, &id, "eu-south-1");
    house
        .world
        .deny(kind, "eu-south-1", "config:DescribeConfigurationRecorders");
    house.evaluate().await;
    let told = house.compliance.attempt(of_catalog("IAM.28")).await;
    let told = told.unwrap().verdicts.into_iter();
    let mut tried: Vec<String> = told
        .map(|tried| format!("{} {}", tried.region, tried.verdict.status.name()))
        .collect();
    tried.sort();
    let unknown =
        ["eu-north-1", "eu-south-1", "eu-west-1"].map(|place| format!("{place} NOT_AVAILABLE"));
    assert_eq!(by_region(&house, "IAM.28").await, unknown);
    assert_eq!(tried, unknown, "each Region is told once");
}

//! Of what was not read nothing passes.

use super::*;

/// Nothing was read: nothing passes.
#[tokio::test]
async fn nothing_passes_from_nothing() {
    let house = House::new();
    let evaluated = house.evaluate().await;
    assert!(evaluated.written > 50);
    assert!(house.controls_with("PASSED").await.is_empty());
    assert!(house.controls_with("FAILED").await.is_empty());
    assert_eq!(house.status("S3.8").await, ControlStatus::Unknown);
}

#[tokio::test]
async fn without_resources_an_account_passes_if_all_was_read() {
    let house = House::listed();
    house.evaluate().await;
    let documents = house.documents("RDS.2").await;
    assert_eq!(documents.len(), 1);
    let compliance = &documents[0]["Compliance"];
    assert_eq!(compliance["Status"], "PASSED");
    assert_eq!(
        compliance["StatusReasons"][0]["ReasonCode"],
        "CONFIG_EVALUATIONS_EMPTY"
    );
    assert_eq!(documents[0]["Resources"][0]["Type"], "AwsAccount");
    assert_eq!(documents[0]["Region"], "us-east-1");
}

/// A denied call turns just the controls that need its answer.
#[tokio::test]
async fn a_denied_call_turns_exactly_the_controls_that_need_it() {
    let house = House::listed();
    house.evaluate().await;
    let passed = house.controls_with("PASSED").await;
    let unknown = house.controls_with("NOT_AVAILABLE").await;
    house.clock.advance(1_000);
    let kind = "AWS::CloudTrail::Trail";
    house.world.deny(kind, REGION, "cloudtrail:DescribeTrails");
    house.evaluate().await;
    let catalog = Catalog::open(None);
    let choices = Choices::default();
    let needing: BTreeSet<String> = catalog
        .entries()
        .iter()
        .filter(|entry| entry.looks_at(kind))
        .filter(|entry| !choices.standards_of(&catalog, entry, None).is_empty())
        .map(|entry| entry.control().id.clone())
        .collect();
    assert!(needing.len() >= 5, "{needing:?}");
    let turned = house.controls_with("NOT_AVAILABLE").await;
    let expected: BTreeSet<String> = unknown.union(&needing).cloned().collect();
    assert_eq!(turned, expected);
    let left: BTreeSet<String> = passed.difference(&needing).cloned().collect();
    assert_eq!(house.controls_with("PASSED").await, left);
    let told = &house.documents("CloudTrail.2").await[0]["Compliance"]["StatusReasons"][0];
    assert_eq!(told["ReasonCode"], "AccessDenied");
    assert_eq!(
        told["Description"],
        "cloudtrail:DescribeTrails in eu-west-1 answered AccessDenied: no"
    );
}

/// A listing that breaks off changes nothing of what was seen before, but the control is Unknown at once; two days later
/// nothing counts of it.
#[tokio::test]
async fn what_broke_off_for_once_leaves_verdicts_and_not_the_status() {
    let house = House::listed();
    house.evaluate().await;
    house.clock.advance(1_000);
    house
        .world
        .deny("AWS::S3::Bucket", GLOBAL, "s3:ListAllMyBuckets");
    house.evaluate().await;
    let shop = "arn:aws:s3:::shop";
    let of_account = format!("AWS::::Account:{}", account());
    assert_eq!(
        house.of("S3.8").await,
        [
            row(&of_account, "NOT_AVAILABLE", "ACTIVE", "NEW"),
            row(shop, "PASSED", "ACTIVE", "RESOLVED"),
        ]
    );
    assert_eq!(house.status("S3.8").await, ControlStatus::Unknown);
    house.clock.advance(49 * HOUR);
    house.evaluate().await;
    let statuses: Vec<String> = house
        .of("S3.8")
        .await
        .into_iter()
        .map(|[_, status, ..]| status)
        .collect();
    assert_eq!(statuses, ["NOT_AVAILABLE", "NOT_AVAILABLE"]);
}

#[tokio::test]
async fn what_was_read_too_long_ago_is_not_known() {
    let house = House::listed();
    house.evaluate().await;
    house.clock.advance(49 * HOUR);
    house.evaluate().await;
    assert!(house.controls_with("PASSED").await.is_empty());
    assert!(house.controls_with("FAILED").await.is_empty());
    let reasons = house.documents("S3.8").await;
    let code = |document: &Json| document["Compliance"]["StatusReasons"][0]["ReasonCode"].clone();
    assert!(reasons.iter().all(|document| code(document) == "STALE"));
}

//! What is written: findings in AWS's shape, and no more of them than changed.

use super::*;

#[tokio::test]
async fn a_bucket_is_judged_and_its_finding_follows_it() {
    let house = House::listed();
    house.evaluate().await;
    let shop = "arn:aws:s3:::shop";
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "PASSED", "ACTIVE", "RESOLVED")]
    );
    assert_eq!(house.status("S3.8").await, ControlStatus::Passed);

    house.clock.advance(1_000);
    house.bucket("shop", false);
    house.evaluate().await;
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "FAILED", "ACTIVE", "NEW")]
    );
    assert_eq!(house.status("S3.8").await, ControlStatus::Failed);

    house.clock.advance(1_000);
    house.bucket("till", true);
    house.world.remove("AWS::S3::Bucket", shop, REGION);
    let evaluated = house.evaluate().await;
    assert!(evaluated.archived > 0);
    assert_eq!(
        house.of("S3.8").await,
        [
            row(shop, "FAILED", "ARCHIVED", "NEW"),
            row("arn:aws:s3:::till", "PASSED", "ACTIVE", "RESOLVED"),
        ]
    );
}

#[tokio::test]
async fn a_control_finding_looks_as_aws_makes_it() {
    let house = House::listed();
    house.bucket("shop", false);
    house.evaluate().await;
    let mut document = house.documents("S3.8").await.remove(0);
    let fields = document.as_object_mut().unwrap();
    UNSHOWN.iter().for_each(|name| drop(fields.remove(*name)));
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "AwsAccountId": "111122223333",
      "CompanyName": "Muster",
      "Compliance": {
        "AssociatedStandards": [
          {
            "StandardsId": "standards/aws-foundational-security-best-practices/v/1.0.0"
          },
          {
            "StandardsId": "standards/cis-aws-foundations-benchmark/v/3.0.0"
          }
        ],
        "RelatedRequirements": [
          "CIS AWS Foundations Benchmark v3.0.0/2.1.4"
        ],
        "SecurityControlId": "S3.8",
        "Status": "FAILED"
      },
      "CreatedAt": "2027-01-15T08:00:00.000Z",
      "FindingProviderFields": {
        "Severity": {
          "Label": "HIGH",
          "Original": "HIGH"
        },
        "Types": [
          "Software and Configuration Checks/Industry and Regulatory Standards"
        ]
      },
      "FirstObservedAt": "2027-01-15T08:00:00.000Z",
      "GeneratorId": "security-control/S3.8",
      "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/0bc62f64-e567-436c-99a4-c1469c5bb3b6",
      "LastObservedAt": "2027-01-15T08:00:00.000Z",
      "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
      "ProductName": "Security Hub",
      "RecordState": "ACTIVE",
      "Region": "eu-west-1",
      "Resources": [
        {
          "Id": "arn:aws:s3:::shop",
          "Partition": "aws",
          "Region": "eu-west-1",
          "Type": "AwsS3Bucket"
        }
      ],
      "SchemaVersion": "2018-10-08",
      "Severity": {
        "Label": "HIGH",
        "Normalized": 70,
        "Original": "HIGH"
      },
      "Title": "The bucket blocks public access",
      "UpdatedAt": "2027-01-15T08:00:00.000Z",
      "Workflow": {
        "Status": "NEW"
      },
      "WorkflowState": "NEW"
    }
    "#);
}

#[tokio::test]
async fn an_unchanged_account_writes_nothing_also_after_a_restart() {
    let house = House::listed();
    let first = house.evaluate().await;
    assert!(first.written > 20, "{first:?}");
    assert_eq!(first.refused, 0);
    house.clock.advance(DAY);
    let head = *house.findings.head().borrow();
    let stale = house.evaluate().await;
    assert_eq!((stale.written, stale.archived), (0, 0));
    let again = house.restarted();
    let after = again.evaluate(account(), &Extent::All).await.unwrap();
    assert_eq!((after.written, after.archived, after.refused), (0, 0, 0));
    assert_eq!(*house.findings.head().borrow(), head);

    house.clock.advance(31 * DAY);
    let refreshed = again.evaluate(account(), &Extent::All).await.unwrap();
    assert!(refreshed.written > 0, "or retention would take them");
}

/// The findings are the truth: what was done to them while nobody looked shows after a restart.
#[tokio::test]
async fn what_became_of_findings_is_known_after_a_restart() {
    let house = House::listed();
    house.bucket("web", false);
    house.evaluate().await;
    let web = "arn:aws:s3:::web";
    let of_web = Filter::field(Field::ResourceId, Test::Equals(web.to_owned()));
    let found = house.findings.list(of_web.clone(), Vec::new(), None, 100);
    let found = found.await.unwrap().findings.into_iter();
    let keys: Vec<FindingKey> = found.map(|finding| finding.key).collect();
    assert!(keys.len() > 3, "{keys:?}");
    let patch = Patch {
        workflow_status: Some("SUPPRESSED".to_owned()),
        ..Patch::default()
    };
    let suppressed = keys[..1].to_vec();
    house
        .findings
        .update(suppressed, &patch, "ana")
        .await
        .unwrap();
    let expired = keys[1..].iter().map(|key| {
        muster_store::Item::Change(Box::new(muster_store::Change::Expire {
            key: *key,
            unless_after: NOW.plus(DAY),
        }))
    });
    let batch = muster_store::Batch {
        actor: Arc::from("retention"),
        now: house.clock.now(),
        spool: None,
        items: expired.collect(),
    };
    house.findings.record(batch).await.unwrap();

    let again = house.restarted();
    let after = again.evaluate(account(), &Extent::All).await.unwrap();
    assert_eq!((after.written, after.archived), (keys.len() as u64 - 1, 0));
    let page = house
        .findings
        .list(of_web, Vec::new(), None, 100)
        .await
        .unwrap();
    assert_eq!(page.findings.len(), keys.len());
    let suppressed = house.findings.get(keys[0]).await.unwrap();
    let suppressed: Json = serde_json::from_slice(&suppressed.document).unwrap();
    assert_eq!(suppressed["Workflow"]["Status"], "SUPPRESSED");

    house.world.remove("AWS::S3::Bucket", web, REGION);
    let archived = again.evaluate(account(), &Extent::All).await.unwrap();
    assert_eq!(
        (archived.written, archived.archived),
        (0, keys.len() as u64)
    );
    let later = house.restarted();
    let later = later.evaluate(account(), &Extent::All).await.unwrap();
    assert_eq!((later.written, later.archived), (0, 0));
}

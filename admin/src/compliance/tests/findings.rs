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

//! The room on a real store, with a state that the tests make up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding::Patch;
use muster_common::timestamp::{DAY, HOUR, Timestamp};
use muster_mtls::Connections;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::*;
use crate::audit::{Audit, Selection};
use crate::ingest::{self, Rate};
use crate::membership::{self, Membership};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const REGION: &str = "eu-west-1";
const FSBP: &str = "aws-foundational-security-best-practices/v/1.0.0";
const CIS: &str = "cis-aws-foundations-benchmark/v/3.0.0";

/// Parts of a finding that are long, or told elsewhere.
const UNSHOWN: [&str; 5] = [
    "Description",
    "ProcessedAt",
    "ProductFields",
    "Remediation",
    "Types",
];

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

/// A state that the tests make up.
#[derive(Default)]
struct World(Mutex<Known>, watch::Sender<u64>);

#[derive(Default)]
struct Known {
    resources: BTreeMap<(String, String), Json>,
    coverage: BTreeMap<(String, String), Coverage>,
    changes: Vec<(u64, String)>,
}

impl World {
    fn put(&self, kind: &str, id: &str, region: &str, state: Json) {
        let document = json!({"type": kind, "id": id, "region": region, "state": state});
        let key = (kind.to_owned(), id.to_owned() + region);
        self.0.lock().resources.insert(key, document);
        self.changed(kind);
    }

    fn remove(&self, kind: &str, id: &str, region: &str) {
        let key = (kind.to_owned(), id.to_owned() + region);
        self.0.lock().resources.remove(&key);
        self.changed(kind);
    }

    fn listed(&self, kind: &str, place: &str, at: Timestamp, trouble: Option<Trouble>) {
        let mut known = self.0.lock();
        let key = (kind.to_owned(), place.to_owned());
        let before = known.coverage.get(&key).and_then(|row| row.complete_at);
        let row = Coverage {
            account: account(),
            kind: kind.to_owned(),
            place: place.to_owned(),
            complete_at: if trouble.is_some() { before } else { Some(at) },
            count: 0,
            tried_at: at,
            trouble,
        };
        known.coverage.insert(key, row);
        drop(known);
        self.changed(kind);
    }

    fn deny(&self, kind: &str, place: &str, call: &str) {
        let trouble = Trouble {
            code: "AccessDenied".to_owned(),
            call: call.to_owned(),
            message: "no".to_owned(),
        };
        self.listed(kind, place, NOW, Some(trouble));
    }

    fn changed(&self, kind: &str) {
        let next = *self.1.borrow() + 1;
        self.0.lock().changes.push((next, kind.to_owned()));
        self.1.send_replace(next);
    }
}

impl State for World {
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(async { Ok(vec![account()]) })
    }

    fn resources(
        &self,
        account: AccountId,
        kinds: Vec<String>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<Vec<Held>, Error>> {
        let known = self.0.lock();
        let of = |kind: &String| kinds.contains(kind);
        let held = known.resources.iter().filter(|((kind, _), _)| of(kind));
        let held = held.map(|((kind, _), document)| Held {
            account,
            kind: kind.clone(),
            document: Bytes::from(document.to_string()),
            observed_at: NOW,
            gone: false,
        });
        let held = Ok(held.collect());
        Box::pin(async { held })
    }

    fn coverage(&self, _: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>> {
        let rows = Ok(self.0.lock().coverage.values().cloned().collect());
        Box::pin(async { rows })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Changes, Error>> {
        let known = self.0.lock();
        let next: Vec<(u64, String)> = known
            .changes
            .iter()
            .filter(|(at, _)| *at > after)
            .take(limit)
            .cloned()
            .collect();
        let reached = next.last().map_or(after, |(at, _)| *at);
        let told = next.into_iter().map(|(_, kind)| (account(), kind));
        let told = Ok((told.collect(), reached));
        Box::pin(async { told })
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.1.subscribe()
    }
}

/// Everything to the left of the room.
struct House {
    compliance: Compliance,
    findings: Findings,
    audit: Audit,
    world: Arc<World>,
    clock: Clock,
    records: Records,
    ingest: Ingest,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = muster_store::Config {
            path: folder.path().to_owned(),
            cache_bytes: 1 << 20,
        };
        let store = Arc::new(muster_store::Embedded::open(&config).unwrap());
        let records = Records::new(store.clone());
        let clock = Clock::standing_at(NOW);
        let findings = Findings::new(store.clone(), store, clock.clone());
        let audit = Audit::new(records.clone());
        let membership = Membership::new(
            records.clone(),
            Connections::default(),
            clock.clone(),
            membership::Config {
                role_name: "MusterAgent".to_owned(),
                admin_account: Some(account()),
                invitation_hours: 24,
            },
        );
        let ingest = Ingest::new(ingest::Deps {
            findings: findings.clone(),
            membership,
            audit: audit.clone(),
            rate: Rate::new(0),
            clock: clock.clone(),
            admin_account: Some(account()),
        });
        let world = Arc::new(World::default());
        let deps = Deps {
            records: records.clone(),
            findings: findings.clone(),
            ingest: ingest.clone(),
            state: world.clone(),
            clock: clock.clone(),
        };
        Self {
            compliance: Compliance::new(deps, &config_of_the_room()),
            findings,
            audit,
            world,
            clock,
            records,
            ingest,
            _folder: folder,
        }
    }

    /// A house in which every type was listed everywhere.
    fn listed() -> Self {
        let house = Self::new();
        let catalog = Catalog::open(None);
        let kinds = catalog.entries().iter().flat_map(|entry| {
            let control = entry.control();
            control.reads.iter().chain([&control.resource_type])
        });
        let kinds: BTreeSet<String> = kinds.cloned().collect();
        for kind in kinds {
            let global = ["AWS::S3", "AWS::IAM"];
            if global.iter().any(|start| kind.starts_with(start)) {
                house.world.listed(&kind, GLOBAL, NOW, None);
            } else {
                house.world.listed(&kind, REGION, NOW, None);
            }
            if kind == muster_controls::ACCOUNT {
                house.world.listed(&kind, GLOBAL, NOW, None);
            }
        }
        for place in [GLOBAL, REGION] {
            let id = format!("AWS::::Account:{}", account());
            let kind = muster_controls::ACCOUNT;
            house
                .world
                .put(kind, &id, place, json!({"EbsEncryptionByDefault": true}));
        }
        house.bucket("shop", true);
        house
    }

    /// The room as it is after a restart.
    fn restarted(&self) -> Compliance {
        let deps = Deps {
            records: self.records.clone(),
            findings: self.findings.clone(),
            ingest: self.ingest.clone(),
            state: self.world.clone(),
            clock: self.clock.clone(),
        };
        Compliance::new(deps, &config_of_the_room())
    }

    fn bucket(&self, name: &str, blocked: bool) {
        let block = json!({
            "BlockPublicAcls": blocked, "IgnorePublicAcls": true, "BlockPublicPolicy": true,
            "RestrictPublicBuckets": true,
        });
        let id = format!("arn:aws:s3:::{name}");
        let state = json!({"Name": name, "PublicAccessBlock": block});
        self.world.put("AWS::S3::Bucket", &id, REGION, state);
    }

    async fn evaluate(&self) -> Evaluated {
        let done = self.compliance.evaluate(account(), &Extent::All).await;
        done.unwrap()
    }

    /// The findings of a control: resource, compliance status, record state, workflow.
    async fn of(&self, control: &str) -> Vec<[String; 4]> {
        let mut found: Vec<[String; 4]> = self
            .documents(control)
            .await
            .iter()
            .map(|document| {
                let text = |pointer: &str| document.pointer(pointer).unwrap().as_str().unwrap();
                [
                    text("/Resources/0/Id").to_owned(),
                    text("/Compliance/Status").to_owned(),
                    text("/RecordState").to_owned(),
                    text("/Workflow/Status").to_owned(),
                ]
            })
            .collect();
        found.sort();
        found
    }

    async fn documents(&self, control: &str) -> Vec<Json> {
        let filter = Filter::field(
            Field::ComplianceSecurityControlId,
            Test::Equals(control.to_owned()),
        );
        let page = self.findings.list(filter, Vec::new(), None, 1_000).await;
        let findings = page.unwrap().findings.into_iter();
        findings
            .map(|seen| serde_json::from_slice(&seen.document).unwrap())
            .collect()
    }

    async fn status(&self, control: &str) -> ControlStatus {
        let whose = Whose {
            standard: FSBP.to_owned(),
            account: None,
        };
        let score = self.compliance.score(whose).await.unwrap();
        let mut controls = score.controls.into_iter();
        let standing = controls.find(|standing| standing.control == control);
        standing.unwrap().status
    }

    /// Active findings by control, of a compliance status.
    async fn controls_with(&self, status: &str) -> BTreeSet<String> {
        let equals = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
        let filter =
            equals(Field::ComplianceStatus, status).and(equals(Field::RecordState, "ACTIVE"));
        let by = vec![Field::ComplianceSecurityControlId];
        let counts = self.findings.count(filter, by, 1_000).await.unwrap();
        let groups = counts.groups.into_iter();
        groups.map(|group| group.values[0].clone()).collect()
    }
}

fn config_of_the_room() -> Config {
    Config {
        controls: None,
        actor: "spiffe://muster.example/admin".to_owned(),
        active_days: Some(90),
    }
}

fn row(resource: &str, status: &str, state: &str, workflow: &str) -> [String; 4] {
    [resource, status, state, workflow].map(str::to_owned)
}

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

#[tokio::test]
async fn suppressing_what_failed_turns_a_control_passed() {
    let house = House::listed();
    house.bucket("web", false);
    house.evaluate().await;
    assert_eq!(house.status("S3.8").await, ControlStatus::Failed);
    let failed = Filter::field(
        Field::ResourceId,
        Test::Equals("arn:aws:s3:::web".to_owned()),
    );
    let page = house
        .findings
        .list(failed, Vec::new(), None, 100)
        .await
        .unwrap();
    let keys = page.findings.iter().map(|finding| finding.key).collect();
    let patch = Patch {
        workflow_status: Some("SUPPRESSED".to_owned()),
        ..Patch::default()
    };
    house.findings.update(keys, &patch, "ana").await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Passed);
}

#[tokio::test]
async fn what_is_off_is_archived_and_comes_back() {
    let house = House::listed();
    house.evaluate().await;
    let all = Place::Everywhere;
    let room = &house.compliance;
    room.switch_off("S3.8", &all, "the web", "ana")
        .await
        .unwrap();
    house.clock.advance(1_000);
    assert_eq!(house.evaluate().await.archived, 1);
    let shop = "arn:aws:s3:::shop";
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "PASSED", "ARCHIVED", "RESOLVED")]
    );
    assert_eq!(house.status("S3.8").await, ControlStatus::Disabled);
    let twice = room.switch_off("S3.8", &all, "again", "ana").await;
    insta::assert_snapshot!(twice.unwrap_err(), @"S3.8 is off everywhere already: the web");

    room.switch_on("S3.8", &all, "ana").await.unwrap();
    house.clock.advance(1_000);
    house.evaluate().await;
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "PASSED", "ACTIVE", "RESOLVED")]
    );

    for standard in [CIS, FSBP] {
        room.set_standard(standard, false, "ana").await.unwrap();
    }
    house.clock.advance(1_000);
    house.evaluate().await;
    let active = house.controls_with("PASSED").await;
    assert!(active.is_empty(), "{active:?}");
    let (events, _) = house
        .audit
        .list(&Selection::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<&str> = events
        .iter()
        .map(|(_, event)| event.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "standard.disable",
            "standard.disable",
            "control.enable",
            "control.disable"
        ]
    );
}

#[tokio::test]
async fn parameters_are_checked_and_told_in_findings() {
    let house = House::listed();
    let room = &house.compliance;
    let set = async |control: &str, name: &str, value: &str| {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let done = room.set_parameters(control, &values, "ana").await;
        done.map_err(|error| error.to_string())
    };
    let with = room.catalog().entries().iter().find(|entry| {
        let parameters = &entry.control().parameters;
        parameters.values().any(|parameter| parameter.max.is_some())
    });
    let control = with.unwrap().control();
    let (name, parameter) = control.parameters.iter().next().unwrap();
    let good = parameter.max.unwrap().to_string();
    assert!(
        set("S3.8", "colour", "1")
            .await
            .unwrap_err()
            .contains("has no parameter colour")
    );
    assert!(set(&control.id, name, "\"x\"").await.is_err());
    set(&control.id, name, &good).await.unwrap();
    let choices = room.choices().await.unwrap();
    let values = choices.parameters(with.unwrap());
    assert_eq!(values[name].to_string(), good);
    set(&control.id, name, "").await.unwrap();
    let choices = room.choices().await.unwrap();
    assert_eq!(choices.parameters(with.unwrap()), control.defaults());
}

#[tokio::test]
async fn following_judges_what_changed_and_keeps_scores_by_day() {
    let house = House::listed();
    let room = &house.compliance;
    room.catch_up().await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Passed);
    let head = *house.findings.head().borrow();
    room.catch_up().await.unwrap();
    assert_eq!(*house.findings.head().borrow(), head);

    house.clock.advance(2 * HOUR);
    house.bucket("web", false);
    room.catch_up().await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Failed);
    house.clock.advance(DAY);
    room.catch_up().await.unwrap();
    for account in [None, Some(account())] {
        let whose = Whose {
            standard: FSBP.to_owned(),
            account,
        };
        let days = room.history(&whose, 30).await.unwrap();
        let dates: Vec<&str> = days.iter().map(|(date, _)| date.as_str()).collect();
        assert_eq!(dates, ["2027-01-15", "2027-01-16"]);
        let now = room.score(whose).await.unwrap();
        assert_eq!(days[1].1, now.totals);
    }
    let accounts = room.account_scores(FSBP).await.unwrap();
    assert_eq!(accounts.len(), 1);

    let other = house.restarted();
    other
        .switch_off("S3.8", &Place::Account(account()), "web", "ana")
        .await
        .unwrap();
    other.catch_up().await.unwrap();
    let active = house.controls_with("FAILED").await;
    assert!(!active.contains("S3.8"), "choices are judged by at once");
}

#[tokio::test]
async fn an_attempt_tells_and_writes_nothing() {
    let house = House::listed();
    house.bucket("web", false);
    let files = muster_controls::CATALOG.iter();
    let files = files
        .copied()
        .find(|files| files.control.contains("\"S3.8\""))
        .unwrap();
    let attempt = Attempt {
        control: files.control.to_owned(),
        rule: files.rule.to_owned(),
        cases: files.cases.to_owned(),
        as_of: None,
        accounts: Vec::new(),
    };
    let told = house.compliance.attempt(attempt.clone()).await.unwrap();
    assert_eq!((told.tally.passed, told.tally.failed), (1, 1));
    assert_eq!(told.verdicts[0].id, "arn:aws:s3:::web");
    assert_eq!(*house.findings.head().borrow(), 0);

    let wrong = Attempt {
        cases: attempt.cases.replacen("\"FAILED\"", "\"PASSED\"", 1),
        ..attempt
    };
    let error = house.compliance.attempt(wrong).await.unwrap_err();
    assert!(
        error.to_string().contains("BlockPublicAcls is off"),
        "{error}"
    );
}

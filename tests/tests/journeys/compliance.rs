//! Configuration, from the collectors to the findings of controls: accounts of which it is written down what must be found.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_tests::{Admin, Agent, Judged, Muster, Seeded, World, eventually};
use serde_json::{Value as Json, json};

const BAD: &str = "111122223333";
const MIXED: &str = "222233334444";
const HARDENED: &str = "333344445555";
/// Every standard that comes with the product.
const STANDARDS: [&str; 5] = ["cis-1.2.0", "cis-1.4.0", "cis-3.0.0", "cis-5.0.0", "fsbp"];

/// Three accounts that are kept in different ways, and their agents.
struct Organization {
    world: World,
    admin: Admin,
    muster: Muster,
    seeded: Seeded,
    agents: Vec<Agent>,
}

/// With faults that are there before anything is read.
async fn organization(accounts: &[(&str, &str)], faults: &[Json]) -> Organization {
    let world = World::start().await;
    let seeds: Vec<String> = accounts
        .iter()
        .map(|(account, profile)| format!("{account}:{profile}"))
        .collect();
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let seeded = world.configure(&seeds, 10).await;
    for fault in faults {
        world.fault(fault.clone()).await;
    }
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    for standard in STANDARDS {
        muster.run(&["standard", "enable", standard]).await;
    }
    let mut agents = Vec::new();
    for (account, _) in accounts {
        let credentials = seeded.of(account);
        let name = format!("agent-{account}");
        let mut agent = Agent::new(&world, &name, &credentials).with_configuration();
        let accepted = agent.accept(&admin.invite(account).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        agent.start();
        agents.push(agent);
    }
    Organization {
        world,
        admin,
        muster,
        seeded,
        agents,
    }
}

impl Organization {
    /// Waits until everything was read since a time, and is judged.
    async fn settled(&self, since: Timestamp) {
        for agent in &self.agents {
            eventually("every survey has run", async || {
                let states = agent.surveys().await;
                states.len() > 10 && states.iter().all(|state| state != "pending")
            })
            .await;
        }
        eventually("the configuration was read again", async || {
            let listings = self.muster.json(&["resource", "coverage", "--all"]).await;
            let listings = listings.as_array().cloned().unwrap_or_default();
            let tried = |listing: &Json| {
                let tried = listing["triedAt"].as_str()?.parse::<Timestamp>();
                tried.ok().filter(|tried| *tried >= since)
            };
            listings.iter().all(|listing| tried(listing).is_some())
        })
        .await;
        eventually("everything is judged", async || {
            let metrics = self.metrics().await;
            let position = |room: &str| {
                let name = format!("muster_{room}_position ");
                let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
                line.map(str::to_owned)
            };
            let known = position("inventory");
            known.is_some() && known == position("compliance")
        })
        .await;
    }

    async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.admin.address("metrics"));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// The active findings of controls in an account.
    async fn verdicts(&self, account: &str) -> Vec<Verdict> {
        let out = self
            .muster
            .run(&[
                "finding",
                "list",
                "--account",
                account,
                "--field",
                "CompanyName=Muster",
                "--record-state",
                "active",
                "--limit",
                "100000",
                "--output",
                "jsonl",
            ])
            .await;
        let lines = out
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.map(|line| Verdict::of(&line)).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Verdict {
    control: String,
    region: String,
    resource: String,
    status: String,
    reason: String,
}

impl Verdict {
    fn of(finding: &Json) -> Self {
        let finding = finding.get("finding").unwrap_or(finding);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let compliance = &finding["Compliance"];
        Self {
            control: text(&compliance["SecurityControlId"]),
            region: text(&finding["Region"]),
            resource: text(&finding["Resources"][0]["Id"]),
            status: text(&compliance["Status"]),
            reason: text(&compliance["StatusReasons"][0]["ReasonCode"]),
        }
    }
}

/// What is written down of an account and was judged otherwise.
fn differences(seeded: &Seeded, account: &str, verdicts: &[Verdict]) -> Vec<String> {
    let mut told = Vec::new();
    let mut by_control: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        by_control
            .entry(&verdict.control)
            .or_default()
            .push(verdict);
    }
    for (control, places) in &seeded.accounts[account].controls {
        if EXCEPT.iter().any(|(except, _)| except == control) {
            continue;
        }
        let verdicts = by_control
            .get(control.as_str())
            .cloned()
            .unwrap_or_default();
        let once;
        let places = if is_judged_once(control) {
            once = BTreeMap::from([("global".to_owned(), somewhere(places))]);
            &once
        } else {
            places
        };
        for (place, judged) in places {
            let here = verdicts
                .iter()
                .filter(|verdict| place == "global" || verdict.region == *place);
            let with = |status: &str| -> BTreeSet<&str> {
                let some = here.clone().filter(|verdict| verdict.status == status);
                some.map(|verdict| verdict.resource.as_str()).collect()
            };
            let expected: BTreeSet<&str> = judged.failed.iter().map(String::as_str).collect();
            let (failed, passed) = (with("FAILED"), with("PASSED"));
            let place = format!("{account} {control} {place}");
            for resource in expected.difference(&failed) {
                told.push(format!("{place}: should fail: {resource}"));
            }
            // Names of automated snapshots have the time in them, so that nobody can write them down.
            let foreseen = |resource: &&&str| !resource.contains("snapshot:rds:");
            for resource in failed.difference(&expected).filter(foreseen) {
                told.push(format!("{place}: should not fail: {resource}"));
            }
            for resource in &judged.passed {
                if !passed.contains(resource.as_str()) {
                    told.push(format!("{place}: should pass: {resource}"));
                }
            }
        }
    }
    told
}

/// Controls that fail in an account though nothing is written down of them, as it is for all flaws of the hardened one.
fn unforeseen(seeded: &Seeded, account: &str, verdicts: &[Verdict]) -> Vec<String> {
    let foreseen = &seeded.accounts[account].controls;
    let failed = verdicts
        .iter()
        .filter(|verdict| verdict.status == "FAILED" && !foreseen.contains_key(&verdict.control));
    failed
        .map(|verdict| format!("{account}: nobody foresaw {verdict:?}"))
        .collect()
}

/// What the product judges otherwise, on purpose.
const EXCEPT: [(&str, &str); 2] = [
    (
        "IAM.21",
        "whoever may do anything may do anything in each service",
    ),
    ("S3.14", "not in the catalog"),
];

/// Controls over trails are judged once: a trail of all Regions is the account's.
fn is_judged_once(control: &str) -> bool {
    control.starts_with("CloudWatch.")
        || ["CloudTrail.1", "IAM.20", "S3.22", "S3.23"].contains(&control)
}

/// What fails in some Region fails.
fn somewhere(places: &BTreeMap<String, Judged>) -> Judged {
    let failed: BTreeSet<String> = places
        .values()
        .flat_map(|judged| judged.failed.clone())
        .collect();
    let passed: BTreeSet<String> = places
        .values()
        .flat_map(|judged| judged.passed.clone())
        .collect();
    Judged {
        passed: passed.difference(&failed).cloned().collect(),
        failed: failed.into_iter().collect(),
    }
}

/// By control: what its findings say, worst first.
fn statuses(verdicts: &[Verdict]) -> BTreeMap<String, BTreeSet<String>> {
    let mut statuses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for verdict in verdicts {
        let control = statuses.entry(verdict.control.clone()).or_default();
        control.insert(verdict.status.clone());
    }
    statuses
}

#[tokio::test]
async fn every_flaw_is_found_and_nothing_good_fails() {
    let organization = organization(
        &[(BAD, "bad"), (MIXED, "mixed"), (HARDENED, "hardened")],
        &[],
    )
    .await;
    organization.settled(Timestamp::default()).await;
    let mut told = Vec::new();
    for account in [BAD, MIXED, HARDENED] {
        let verdicts = organization.verdicts(account).await;
        told.extend(differences(&organization.seeded, account, &verdicts));
        if account == HARDENED {
            told.extend(unforeseen(&organization.seeded, account, &verdicts));
        }
    }
    assert!(
        told.is_empty(),
        "{} differences:\n{}",
        told.len(),
        told.join("\n")
    );

    let score = async |account: &str| {
        let arguments = ["standard", "score", "cis-3.0.0", "--account", account];
        let score = organization.muster.json(&arguments).await;
        score["percent"].as_u64().unwrap()
    };
    let (bad, mixed, hardened) = (score(BAD).await, score(MIXED).await, score(HARDENED).await);
    assert!(bad < mixed && mixed < hardened, "{bad} {mixed} {hardened}");
    assert_eq!(hardened, 100);
}

/// The calls that are denied, and the controls that need them.
const DENIED: &[(&str, &str, &[&str])] = &[
    ("account", "GetAlternateContact", &["Account.1"]),
    (
        "iam",
        "GetAccountPasswordPolicy",
        &[
            "IAM.7", "IAM.11", "IAM.12", "IAM.13", "IAM.14", "IAM.15", "IAM.16", "IAM.17",
        ],
    ),
    ("s3", "GetBucketLogging", &["S3.9", "CloudTrail.7"]),
    ("ec2", "DescribeFlowLogs", &["EC2.6"]),
    ("kms", "GetKeyRotationStatus", &["KMS.4"]),
    ("rds", "DescribeDBSnapshots", &["RDS.1", "RDS.4"]),
    ("rds", "DescribeDBClusterSnapshots", &["RDS.1", "RDS.4"]),
];

/// How services say it.
const CODES: [&str; 3] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
];

#[tokio::test]
async fn a_denied_call_makes_what_needs_it_unknown_and_nothing_else() {
    let deny = |(service, operation, _): &(&str, &str, &[&str])| json!({ "kind": "deny", "service": service, "account": HARDENED, "operation": operation });
    let faults: Vec<Json> = DENIED.iter().map(deny).collect();
    let mut organization = organization(&[(HARDENED, "hardened")], &faults).await;
    organization.settled(Timestamp::default()).await;
    let denied = organization.verdicts(HARDENED).await;
    let needing: BTreeSet<&str> = DENIED
        .iter()
        .flat_map(|(_, _, controls)| controls.iter().copied())
        .collect();
    let mut wrong = Vec::new();
    for verdict in &denied {
        let needs = needing.contains(verdict.control.as_str());
        let unknown = verdict.status == "NOT_AVAILABLE";
        let told = unknown && CODES.contains(&verdict.reason.as_str());
        if needs && !told || !needs && unknown {
            wrong.push(format!("{verdict:?}"));
        }
    }
    let judged: BTreeSet<&str> = denied
        .iter()
        .map(|verdict| verdict.control.as_str())
        .collect();
    wrong.extend(
        needing
            .difference(&judged)
            .map(|control| format!("{control} says nothing")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Once they are allowed again, everything is as it should be.
    organization.world.mend().await;
    organization.agents[0].kill().await;
    let since = Clock::system().now();
    organization.agents[0].start();
    organization.settled(since).await;
    let allowed = organization.verdicts(HARDENED).await;
    let unknown: Vec<&Verdict> = allowed
        .iter()
        .filter(|verdict| verdict.status == "NOT_AVAILABLE")
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let (before, after) = (statuses(&denied), statuses(&allowed));
    for (control, status) in before
        .iter()
        .filter(|(control, _)| !needing.contains(control.as_str()))
    {
        assert_eq!(Some(status), after.get(control), "{control}");
    }
}

#[tokio::test]
async fn a_region_that_is_not_read_any_more_is_not_waited_for() {
    let mut organization = organization(&[(MIXED, "mixed")], &[]).await;
    organization.settled(Timestamp::default()).await;
    let before = organization.verdicts(MIXED).await;
    // Buckets are listed without a Region, and have one of their own.
    let far = |verdicts: &[Verdict]| {
        let elsewhere = verdicts.iter().filter(|verdict| {
            let near = ["us-east-1", "aws-global"].contains(&verdict.region.as_str());
            !near && !verdict.resource.starts_with("arn:aws:s3:::")
        });
        elsewhere.cloned().collect::<Vec<_>>()
    };
    assert!(!far(&before).is_empty(), "there is one Region only");
    let instances = [
        "resource",
        "list",
        "--type",
        "AWS::EC2::VPC",
        "--gone",
        "--all",
    ];
    let listed = organization.muster.json(&instances).await;
    let is_far = |resource: &&Json| resource["region"] != "us-east-1";
    let one = listed.as_array().unwrap().iter().find(is_far).unwrap();
    let id = one["id"].as_str().unwrap().to_owned();

    // The setting is all that changes.
    assert_eq!(organization.agents[0].stop().await, Some(0));
    organization.agents[0].set("MUSTER_AGENT_REGIONS", Some(r#"["us-east-1"]"#));
    let since = Clock::system().now();
    organization.agents[0].start();
    eventually("the other Regions are given up", async || {
        let coverage = organization
            .muster
            .json(&["resource", "coverage", "--all"])
            .await;
        let rows = coverage.as_array().cloned().unwrap_or_default();
        let places: BTreeSet<String> = rows.iter().map(|row| row["region"].to_string()).collect();
        places.len() == 2
    })
    .await;
    organization.settled(since).await;
    let after = organization.verdicts(MIXED).await;
    assert_eq!(far(&after), []);
    assert!(after.iter().any(|verdict| verdict.region == "us-east-1"));
    let unknown = after
        .iter()
        .filter(|verdict| verdict.status == "NOT_AVAILABLE");
    assert_eq!(unknown.collect::<Vec<_>>(), [] as [&Verdict; 0]);
    let history = organization.muster.run(&["resource", "history", &id]).await;
    assert!(
        history.contains("not read any more") && !history.contains("gone"),
        "{history}"
    );
}

#[tokio::test]
async fn operators_decide_what_counts() {
    let organization = organization(&[(MIXED, "mixed")], &[]).await;
    organization.settled(Timestamp::default()).await;
    let muster = &organization.muster;
    let of_s3_8 = [
        "--account",
        MIXED,
        "--field",
        "ComplianceSecurityControlId=S3.8",
        "--field",
        "CompanyName=Muster",
    ];
    let active = [&of_s3_8[..], &["--record-state", "active"]].concat();
    let standing = async || {
        let score = muster
            .json(&["standard", "score", "cis-3.0.0", "--account", MIXED])
            .await;
        let controls = score["controls"].as_array().cloned().unwrap_or_default();
        let control = controls.iter().find(|control| control["control"] == "S3.8");
        (
            control.map(|control| control["status"].clone()),
            score["disabled"].clone(),
        )
    };
    assert_eq!(standing().await, (Some(json!("FAILED")), json!(0)));
    let before = muster.count(&active).await;
    assert!(before > 0);

    // Without a reason nothing is switched off.
    let refused = muster
        .try_run(&["control", "disable", "S3.8", "--account", MIXED])
        .await;
    assert_eq!(refused.code, 2, "{refused:?}");
    let reason = "public on purpose, WEB-7";
    muster
        .run(&[
            "control",
            "disable",
            "S3.8",
            "--account",
            MIXED,
            "--reason",
            reason,
        ])
        .await;
    eventually("its findings are archived", async || {
        muster.count(&active).await == 0
    })
    .await;
    assert_eq!(standing().await, (Some(json!("DISABLED")), json!(1)));
    let events = muster.run(&["audit", "list"]).await;
    assert!(events.contains(reason), "{events}");
    muster
        .run(&["control", "enable", "S3.8", "--account", MIXED])
        .await;
    eventually("they are active again", async || {
        muster.count(&active).await == before
    })
    .await;

    // A finding that is suppressed does not count.
    let failed = [&active[..], &["--field", "ComplianceStatus=FAILED"]].concat();
    let suppress = ["--set-workflow", "suppressed", "--yes"];
    muster
        .run(&[&["finding", "update"], &failed[..], &suppress[..]].concat())
        .await;
    assert_eq!(standing().await.0, Some(json!("PASSED")));
}

#[tokio::test]
async fn what_there_is_is_shown_and_reported() {
    let organization = organization(&[(MIXED, "mixed")], &[]).await;
    organization.settled(Timestamp::default()).await;
    let muster = &organization.muster;
    let bucket = muster
        .json(&[
            "resource",
            "list",
            "--type",
            "AWS::S3::Bucket",
            "--limit",
            "1",
        ])
        .await;
    let id = bucket[0]["id"].as_str().unwrap();
    let shown = muster.run(&["resource", "show", id]).await;
    assert!(shown.contains("PublicAccessBlock"), "{shown}");
    let history = muster.run(&["resource", "history", id]).await;
    assert!(history.contains("first seen"), "{history}");
    let missing = muster
        .try_run(&["resource", "show", "arn:aws:s3:::nowhere"])
        .await;
    assert_eq!(missing.code, 4, "{missing:?}");
    let coverage = muster
        .run(&["resource", "coverage", "--account", MIXED])
        .await;
    assert!(coverage.contains("AWS::EC2::Instance"), "{coverage}");

    // For an auditor.
    let out = organization.world.folder().join("report");
    let out = out.to_str().unwrap();
    muster
        .run(&["report", "--standard", "cis-3.0.0", "--out", out])
        .await;
    let page = std::fs::read_to_string(format!("{out}/report.html")).unwrap();
    assert!(page.contains("S3.5") && page.contains(MIXED));
    let csv = std::fs::read_to_string(format!("{out}/cis-3.0.0-controls.csv")).unwrap();
    assert_eq!(csv.lines().count(), 38, "{csv}");
}

//! Controls as users write them: what is taken, what is refused and with which words, and what is never invented.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use muster_controls::{Account, Definition, Files, Resource, Status, Verdict};
use serde_json::{Value as Json, json};

const CONTROL: &str = r#"
id = "Shop.1"
title = "Buckets have an owner"
description = "A bucket without an owner is nobody's."
remediation = "Tag the bucket with its owner."
severity = "LOW"
resource_type = "AWS::S3::Bucket"
needs = ["Tags"]
trigger = "change"

[parameters.tag]
type = "string"
default = "owner"
description = "The tag that names the owner"
"#;

const RULE: &str = r#"package control

verdict := "PASSED" if {
	some tag in input.resource.state.Tags
	tag.Key == input.parameters.tag
} else := {"status": "FAILED", "reason": "NO_OWNER"}
"#;

const CASES: &str = r#"[
  {"name": "has one", "resource": {"state": {"Tags": [{"Key": "owner", "Value": "ana"}]}}, "expect": "PASSED"},
  {"name": "has none", "resource": {"state": {"Tags": []}}, "expect": "FAILED", "reason": "NO_OWNER"},
  {"name": "another tag", "resource": {"state": {"Tags": [{"Key": "team"}]}}, "parameters": {"tag": "team"}, "expect": "PASSED"},
  {"name": "may not be read", "resource": {"state": {"Tags": {"Unavailable": {"Code": "AccessDenied", "Call": "s3:GetBucketTagging"}}}},
   "expect": "NOT_AVAILABLE", "reason": "AccessDenied"}
]"#;

fn parse(control: &str, rule: &str, cases: &str) -> Result<Definition, String> {
    let files = Files {
        control,
        rule,
        cases,
    };
    Definition::parse(files).map_err(|error| error.to_string())
}

fn judge(rule: &str, state: Json) -> Verdict {
    let mut definition = parse(CONTROL, rule, CASES).unwrap();
    let resource = Resource {
        kind: "AWS::S3::Bucket".to_owned(),
        id: "arn:aws:s3:::shop".to_owned(),
        region: "eu-west-1".to_owned(),
        state: serde_json::from_value(state).unwrap(),
    };
    let parameters = definition.control.defaults();
    let mut judge = definition.judge(&Account::default(), &parameters, "2026-11-01T00:00:00Z");
    judge(&resource)
}

fn unknown(reason: &str, detail: &str) -> Verdict {
    Verdict {
        status: Status::NotAvailable,
        reason: Some(reason.to_owned()),
        detail: Some(detail.to_owned()),
    }
}

#[test]
fn a_control_says_what_its_cases_expect() {
    assert_eq!(parse(CONTROL, RULE, CASES).unwrap().test(), []);
}

#[test]
fn a_case_that_comes_out_otherwise_is_told() {
    let cases = CASES.replace("\"NO_OWNER\"", "\"NOBODY\"");
    let mismatches = parse(CONTROL, RULE, &cases).unwrap().test();
    let told: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["has none: expected FAILED (NOBODY), got FAILED (NO_OWNER)"]
    );
}

#[test]
fn what_is_not_known_is_not_judged() {
    let denied =
        json!({"Tags": {"Unavailable": {"Code": "AccessDenied", "Call": "s3:GetBucketTagging"}}});
    assert_eq!(
        judge(RULE, denied),
        unknown("AccessDenied", "s3:GetBucketTagging answered AccessDenied")
    );
    assert_eq!(
        judge(RULE, json!({})),
        unknown("NOT_COLLECTED", "nobody has read Tags yet")
    );
}

#[test]
fn a_rule_that_says_nothing_passes_nobody() {
    let silent =
        "package control\n\nverdict := \"PASSED\" if count(input.resource.state.Tags) > 3\n";
    assert_eq!(
        judge(silent, json!({"Tags": []})),
        unknown("RULE_SAYS_NOTHING", "the rule gives no verdict")
    );
    let odd = "package control\n\nverdict := \"FINE\"\n";
    assert_eq!(
        judge(odd, json!({"Tags": []})).reason.unwrap(),
        "RULE_SAYS_NOTHING"
    );
    let invented = "package control\n\nverdict := {\"status\": \"PASSED\", \"because\": 1}\n";
    assert_eq!(
        judge(invented, json!({"Tags": []})).status,
        Status::NotAvailable
    );
}

#[test]
fn a_rule_without_end_is_ended() {
    let endless = "package control\n\nverdict := \"PASSED\" if {\n\tinput.resource.state.Tags == []\n\tmany := numbers.range(1, 100000)\n\tcount([1 | some a in many; some b in many; a + b == 0]) == 0\n}\n";
    let verdict = judge(endless, json!({"Tags": []}));
    assert_eq!(verdict.status, Status::NotAvailable);
    assert_eq!(verdict.reason.unwrap(), "RULE_FAILED");
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    let told = |control: &str, rule: &str, cases: &str| parse(control, rule, cases).err().unwrap();
    let all = [
        told(&CONTROL.replace("Shop.1", "shop"), RULE, CASES),
        told(&CONTROL.replace("needs", "wants"), RULE, CASES),
        told(&CONTROL.replace("\"owner\"", "7"), RULE, CASES),
        told(
            &CONTROL.replace("AWS::S3::Bucket", "AWS::::Account"),
            RULE,
            CASES,
        ),
        told(CONTROL, "package control\n\nverdict := nobody(1)\n", CASES),
        told(CONTROL, RULE, "[]"),
        told(CONTROL, RULE, &CASES.replace("PASSED", "FINE")),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    control.toml: "shop" is no id; one looks like S3.8
    ---
    control.toml: TOML parse error at line 8, column 1
      |
    8 | wants = ["Tags"]
      | ^^^^^
    unknown field `wants`, expected one of `id`, `title`, `description`, `remediation`, `severity`, `resource_type`, `scope`, `needs`, `reads`, `trigger`, `requirements`, `parameters`
    ---
    control.toml: parameter tag: the default is no text
    ---
    control.toml: `scope` goes with the resource type AWS::::Account, and only with it
    ---
    rule.rego: --> rule.rego:3:18
      |
    3 | verdict := nobody(1)
      |                  ^
    error: could not find function nobody
    ---
    cases.json: no case expects PASSED
    ---
    cases.json: unknown variant `FINE`, expected one of `PASSED`, `FAILED`, `WARNING`, `NOT_AVAILABLE`, `SKIPPED` at line 2 column 107
    "#);
}

#[test]
fn parameters_are_checked() {
    let definition = parse(CONTROL, RULE, CASES).unwrap();
    let tag = &definition.control.parameters["tag"];
    assert_eq!(tag.refuses(&json!("team")), None);
    assert_eq!(tag.refuses(&json!(3)).unwrap(), "is no text");
    assert_eq!(
        definition.control.defaults(),
        BTreeMap::from([("tag".to_owned(), json!("owner"))])
    );
}

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
    unknown field `wants`, expected one of `id`, `title`, `description`, `remediation`, `severity`, `resource_type`, `resource_types`, `scope`, `needs`, `reads`, `reads_here`, `trigger`, `requirements`, `parameters`
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

const HOLDERS: &str = r#"
id = "Shop.2"
title = "Nobody has a policy"
description = "Neither roles nor users have one."
remediation = "Detach it."
severity = "LOW"
resource_types = ["AWS::IAM::User", "AWS::IAM::Role"]
needs = ["AttachedPolicies"]
trigger = "change"
"#;

const NO_POLICIES: &str = "package control\n\nverdict := \"PASSED\" if {\n\tinput.resource.state.AttachedPolicies == []\n} else := {\"status\": \"FAILED\", \"detail\": input.resource.type}\n";

const OF_HOLDERS: &str = r#"[
  {"name": "none", "resource": {"state": {"AttachedPolicies": []}}, "expect": "PASSED"},
  {"name": "one", "resource": {"type": "AWS::IAM::Role", "state": {"AttachedPolicies": [1]}}, "expect": "FAILED"},
  {"name": "unread", "resource": {"state": {}}, "expect": "NOT_AVAILABLE"}
]"#;

#[test]
fn a_control_may_judge_several_types() {
    let mut definition = parse(HOLDERS, NO_POLICIES, OF_HOLDERS).unwrap();
    assert_eq!(definition.test(), []);
    let told: Vec<Option<String>> = ["AWS::IAM::User", "AWS::IAM::Role"]
        .map(|kind| {
            let resource = Resource {
                kind: kind.to_owned(),
                id: "arn:aws:iam::111122223333:any/one".to_owned(),
                region: "aws-global".to_owned(),
                state: BTreeMap::from([("AttachedPolicies".to_owned(), json!([1]))]),
            };
            let none = BTreeMap::new();
            let mut judge = definition.judge(&Account::default(), &none, "2026-11-01T00:00:00Z");
            judge(&resource).detail
        })
        .to_vec();
    assert_eq!(
        told,
        ["AWS::IAM::User", "AWS::IAM::Role"].map(|kind| Some(kind.to_owned()))
    );
}

#[test]
fn what_is_wrong_with_types_is_told() {
    let types = r#"resource_types = ["AWS::IAM::User", "AWS::IAM::Role"]"#;
    let told = |types_instead: &str, cases: &str| {
        let control = HOLDERS.replace(types, types_instead);
        let error = parse(&control, NO_POLICIES, cases).err().unwrap();
        error.lines().last().unwrap().to_owned()
    };
    let needing = |needs: &str| {
        let control = HOLDERS.replace(r#"["AttachedPolicies"]"#, needs);
        let error = parse(&control, NO_POLICIES, OF_HOLDERS).err().unwrap();
        error.lines().last().unwrap().to_owned()
    };
    let all = [
        told("resource_types = []", OF_HOLDERS),
        told(
            r#"resource_types = ["AWS::IAM::User", "AWS::IAM::User"]"#,
            OF_HOLDERS,
        ),
        told(
            r#"resource_types = ["AWS::IAM::User", "AWS::::Account"]"#,
            OF_HOLDERS,
        ),
        told("resource_types = 7", OF_HOLDERS),
        told("", OF_HOLDERS),
        told(
            &format!("{types}\nresource_type = \"AWS::IAM::User\""),
            OF_HOLDERS,
        ),
        told(
            &format!("{types}\nreads = [\"A\"]\nreads_here = [\"A\"]"),
            OF_HOLDERS,
        ),
        needing(r#"{"AWS::IAM::User" = ["A"]}"#),
        needing(r#"{"AWS::IAM::User" = [], "AWS::IAM::Role" = [], "AWS::S3::Bucket" = []}"#),
        needing(r#"{"AWS::IAM::User" = [], "AWS::IAM::Role" = []}"#),
        needing("7"),
        told(
            types,
            &OF_HOLDERS.replace("\"type\": \"AWS::IAM::Role\", ", ""),
        ),
        told(
            types,
            &OF_HOLDERS.replacen(
                "{\"state\": {}}",
                "{\"type\": \"AWS::IAM::Group\", \"state\": {}}",
                1,
            ),
        ),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    control.toml: `resource_types` has to name 1 to 16 types
    control.toml: `resource_types` names AWS::IAM::User twice
    control.toml: AWS::::Account is judged alone; make a second control for the other types
    expected a resource type or a list of them
    missing field `resource_types`
    duplicate field `resource_types`
    control.toml: A is in `reads` and in `reads_here`; it is read in all Regions or in one
    control.toml: `needs` says nothing of AWS::IAM::Role
    control.toml: `needs` names AWS::S3::Bucket, which is not judged
    control.toml: neither `needs` nor `reads` names anything to look at
    expected a list of parts, or one for each resource type
    cases.json: no case is about AWS::IAM::Role
    cases.json: unread: the control does not judge AWS::IAM::Group
    ");
}

#[test]
fn each_type_may_need_parts_of_its_own() {
    let control = HOLDERS.replace(
        r#"["AttachedPolicies"]"#,
        r#"{"AWS::IAM::User" = ["AttachedPolicies"], "AWS::IAM::Role" = ["InlineDocuments"]}"#,
    );
    let cases = OF_HOLDERS.replace("[1]", "[1], \"InlineDocuments\": []");
    let mut definition = parse(&control, NO_POLICIES, &cases).unwrap();
    assert_eq!(definition.test(), []);
    let none = BTreeMap::new();
    let mut judge = definition.judge(&Account::default(), &none, "2026-11-01T00:00:00Z");
    let role = Resource {
        kind: "AWS::IAM::Role".to_owned(),
        id: "arn:aws:iam::111122223333:role/one".to_owned(),
        region: "aws-global".to_owned(),
        state: BTreeMap::from([("AttachedPolicies".to_owned(), json!([]))]),
    };
    assert_eq!(
        judge(&role),
        unknown("NOT_COLLECTED", "nobody has read InlineDocuments yet")
    );
}

/// What has no Region is seen from everywhere, and what the control does not name from nowhere.
#[test]
fn a_rule_sees_what_it_reads_here_and_nothing_of_other_regions() {
    let control = CONTROL.replace(
        "trigger",
        "reads_here = [\"Far::Near\"]\nreads = [\"Far::Off\"]\ntrigger",
    );
    let rule = r#"package control

ids(type) := [one.id | some one in input.account.resources[type]]

verdict := {"status": "FAILED", "detail": concat(" ", array.concat(ids("Far::Near"), ids("Far::Off")))} if {
	not input.account.resources["Far::Unread"]
} else := "PASSED"
"#;
    let mut definition = parse(&control, rule, CASES).unwrap();
    let of = |kind: &str, id: &str, region: &str| Resource {
        kind: kind.to_owned(),
        id: id.to_owned(),
        region: region.to_owned(),
        state: BTreeMap::from([("Tags".to_owned(), json!([]))]),
    };
    let all = |kind: &str, letters: [&str; 3]| {
        let regions = ["eu-west-1", "us-east-1", "aws-global"];
        let each = letters.iter().zip(regions);
        let each = each.map(|(letter, region)| of(kind, letter, region));
        (kind.to_owned(), each.collect())
    };
    let account = Account {
        id: "111122223333".to_owned(),
        resources: BTreeMap::from([
            all("Far::Near", ["a", "b", "c"]),
            all("Far::Off", ["x", "y", "z"]),
            all("Far::Unread", ["1", "2", "3"]),
        ]),
    };
    let none = BTreeMap::new();
    let mut judge = definition.judge(&account, &none, "2026-11-01T00:00:00Z");
    let seen = ["eu-west-1", "us-east-1", "ap-east-1"].map(|region| {
        judge(&of("AWS::S3::Bucket", "shop", region))
            .detail
            .unwrap()
    });
    assert_eq!(seen, ["a c x y z", "b c x y z", "c x y z"]);
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

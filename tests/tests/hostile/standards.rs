//! Z09: what operators may not ask of standards and controls, method by method: code, words, and that nothing changed.

use std::fmt::Debug;

use muster_proto::v1 as wire;
use muster_proto::v1::standards_client::StandardsClient;
use muster_proto::v1::update_control_request::Change;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::authorization::operator;
use super::world::{ACCOUNT, World};

const CIS: &str = "standards/cis-aws-foundations-benchmark/v/3.0.0";
const NO_STANDARD: &str = "there is no standard pci/v/9; 'muster standard list' shows them";
const NO_CONTROL: &str = "there is no control S3.999; 'muster control list' shows them";
const BAD_ACCOUNT: &str = "account: `12`";
const CONTROL: &str = r#"id = "Shop.1"
title = "Buckets have an owner"
description = "A bucket without an owner is nobody's."
remediation = "Tag the bucket with its owner."
severity = "LOW"
resource_type = "AWS::S3::Bucket"
needs = ["Tags"]
trigger = "change"
"#;
const RULE: &str = "package control\n\nverdict := \"PASSED\"\n";
const CASES: &str = r#"[
  {"name": "one", "resource": {"state": {"Tags": [1]}}, "expect": "PASSED"},
  {"name": "none", "resource": {"state": {"Tags": []}}, "expect": "FAILED"},
  {"name": "unread", "resource": {"state": {}}, "expect": "NOT_AVAILABLE"}
]"#;

/// A call was refused with this code, and says so in words that start like these.
#[track_caller]
fn refused<T: Debug>(answer: Result<Response<T>, Status>, code: Code, words: &str) {
    let status = answer.expect_err("it has to be refused");
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().starts_with(words), "{}", status.message());
}

async fn standards(world: &World) -> StandardsClient<Channel> {
    StandardsClient::new(world.operator(None).await)
}

fn update(name: &str, change: Option<Change>) -> wire::UpdateControlRequest {
    wire::UpdateControlRequest {
        name: format!("controls/{name}"),
        change,
    }
}

fn at(standard: &str, account: &str, reason: &str) -> wire::Disabling {
    wire::Disabling {
        standard: standard.to_owned(),
        account: account.to_owned(),
        reason: reason.to_owned(),
        ..wire::Disabling::default()
    }
}

fn set(name: &str, value: &str) -> Option<Change> {
    let values = [(name.to_owned(), value.to_owned())];
    Some(Change::Parameters(wire::ParameterValues {
        values: values.into(),
    }))
}

fn score(standard: &str, account: &str) -> wire::GetScoreRequest {
    wire::GetScoreRequest {
        standard: standard.to_owned(),
        account: account.to_owned(),
    }
}

fn history(standard: &str, account: &str, days: u32) -> wire::ListScoreHistoryRequest {
    wire::ListScoreHistoryRequest {
        standard: standard.to_owned(),
        account: account.to_owned(),
        days,
    }
}

#[tokio::test]
async fn z09_what_there_is_not_is_told_and_where_to_look() {
    let world = World::start().await;
    let mut client = standards(&world).await;
    let name = "standards/pci/v/9".to_owned();
    let enable = wire::EnableStandardRequest { name: name.clone() };
    refused(
        client.enable_standard(enable).await,
        Code::NotFound,
        NO_STANDARD,
    );
    let disable = wire::DisableStandardRequest { name: name.clone() };
    refused(
        client.disable_standard(disable).await,
        Code::NotFound,
        NO_STANDARD,
    );
    let answer = client.get_score(score(&name, "")).await;
    refused(answer, Code::NotFound, NO_STANDARD);
    let answer = client.get_score(score(CIS, "12")).await;
    refused(answer, Code::InvalidArgument, BAD_ACCOUNT);
    let accounts = wire::ListAccountScoresRequest {
        standard: name.clone(),
        ..wire::ListAccountScoresRequest::default()
    };
    refused(
        client.list_account_scores(accounts).await,
        Code::NotFound,
        NO_STANDARD,
    );
    let answer = client.list_score_history(history(&name, "", 0)).await;
    refused(answer, Code::NotFound, NO_STANDARD);
    let answer = client.list_score_history(history(CIS, "12", 0)).await;
    refused(answer, Code::InvalidArgument, BAD_ACCOUNT);
    let controls = wire::ListControlsRequest {
        standard: name,
        ..wire::ListControlsRequest::default()
    };
    refused(
        client.list_controls(controls).await,
        Code::NotFound,
        NO_STANDARD,
    );
    let control = wire::GetControlRequest {
        name: "controls/S3.999".to_owned(),
    };
    refused(
        client.get_control(control).await,
        Code::NotFound,
        NO_CONTROL,
    );
    for change in [
        Change::Disable(at("", "", "a reason")),
        Change::Enable(at("", "", "")),
        Change::Parameters(wire::ParameterValues::default()),
    ] {
        let answer = client.update_control(update("S3.999", Some(change))).await;
        refused(answer, Code::NotFound, NO_CONTROL);
    }
}

#[tokio::test]
async fn z09_pages_and_days_have_limits_and_tokens_their_list() {
    let world = World::start().await;
    let mut client = standards(&world).await;
    let controls = |page_size: u32, page_token: &str| wire::ListControlsRequest {
        page_size,
        page_token: page_token.to_owned(),
        ..wire::ListControlsRequest::default()
    };
    let accounts = |page_size: u32, page_token: &str| wire::ListAccountScoresRequest {
        page_size,
        page_token: page_token.to_owned(),
        ..wire::ListAccountScoresRequest::default()
    };
    let large = "page_size: 1001 is too large; at most 1000";
    let answer = client.list_controls(controls(1_001, "")).await;
    refused(answer, Code::InvalidArgument, large);
    let answer = client.list_account_scores(accounts(1_001, "")).await;
    refused(answer, Code::InvalidArgument, large);
    let page = client
        .list_controls(controls(1, ""))
        .await
        .unwrap()
        .into_inner();
    for token in [&page.next_page_token[..], "none of ours"] {
        let answer = client.list_account_scores(accounts(1, token)).await;
        refused(answer, Code::InvalidArgument, "page_token: ");
    }
    let answer = client
        .list_score_history(history(CIS, "", 4_000_000_000))
        .await;
    refused(
        answer,
        Code::InvalidArgument,
        "days: 4000000000 is too many; at most ",
    );
}

fn off(standard: &str, account: &str, reason: &str) -> Option<Change> {
    Some(Change::Disable(at(standard, account, reason)))
}

/// Wishes for IAM.3 that cannot be granted, and what is answered.
fn wishes() -> Vec<(Option<Change>, Code, &'static str)> {
    let nothing = "nothing is to be changed; name what";
    let reason = "to switch a control off takes a reason of 1 to 256 visible characters";
    let two = "a control is off everywhere, in one standard or in one account; name at most one";
    let years = "IAM.3 has no parameter years; it has days";
    let no_json = "parameter days of IAM.3: is no JSON: ";
    let range = "parameter days of IAM.3: the value ";
    let none = Some(Change::Parameters(wire::ParameterValues::default()));
    let on = Some(Change::Enable(at("", "", "")));
    let invalid = [
        (None, nothing),
        (none, nothing),
        (off("", "", ""), reason),
        (off("", "", "  "), reason),
        (off("", "", "a\u{1b}[2J"), reason),
        (off("", "", &"x".repeat(257)), reason),
        (off(CIS, ACCOUNT, "why"), two),
        (off("", "12", "why"), BAD_ACCOUNT),
        (set("years", "1"), years),
        (set("days", "soon"), no_json),
        (set("days", "0"), range),
        (set("days", "366"), range),
        (set("days", "\"90\""), range),
    ];
    let invalid = invalid.into_iter();
    invalid
        .map(|(change, words)| (change, Code::InvalidArgument, words))
        .chain([
            (
                off("standards/pci/v/9", "", "why"),
                Code::NotFound,
                NO_STANDARD,
            ),
            (on, Code::FailedPrecondition, "IAM.3 is not off "),
        ])
        .collect()
}

async fn iam_3(client: &mut StandardsClient<Channel>) -> wire::Control {
    let request = wire::GetControlRequest {
        name: "controls/IAM.3".to_owned(),
    };
    client.get_control(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn z09_a_wish_that_is_refused_changes_nothing() {
    let world = World::start().await;
    let mut client = standards(&world).await;
    let before = iam_3(&mut client).await;
    for (change, code, words) in wishes() {
        let answer = client.update_control(update("IAM.3", change)).await;
        refused(answer, code, words);
    }
    let elsewhere = client.update_control(update("IAM.7", off(CIS, "", "why")));
    let words = "IAM.7 has no requirement in cis-aws-foundations-benchmark/v/3.0.0";
    refused(elsewhere.await, Code::InvalidArgument, words);
    assert_eq!(iam_3(&mut client).await, before);
    assert_eq!(world.audit("control.").await.len(), 0);

    let granted = client.update_control(update("IAM.3", off("", "", "why")));
    assert_ne!(granted.await.unwrap().into_inner(), before);
    let again = client.update_control(update("IAM.3", off("", "", "again")));
    refused(again.await, Code::FailedPrecondition, "IAM.3 is off ");
    assert_eq!(world.audit("control.").await.len(), 1);
}

#[tokio::test]
async fn z09_nobody_wishes_or_tries_beyond_their_role() {
    let world = World::start().await;
    let attempt = |control: &str, accounts: Vec<String>| wire::TryControlRequest {
        control_toml: control.to_owned(),
        rule_rego: RULE.to_owned(),
        cases_json: CASES.to_owned(),
        as_of: None,
        accounts,
    };
    let denied = Code::PermissionDenied;
    let case = "a case came out otherwise than expected: none: expected FAILED, got PASSED";
    let try_it = "this needs the role analyst; vi is viewer";
    let (vi, an) = (
        "this needs the role admin; vi is viewer",
        "this needs the role admin; an is analyst",
    );
    for (name, role, words, tries) in [
        ("vi", wire::Role::Viewer, vi, (denied, try_it)),
        ("an", wire::Role::Analyst, an, (Code::InvalidArgument, case)),
    ] {
        let mut client = StandardsClient::new(operator(&world, name, role).await);
        client
            .list_standards(wire::ListStandardsRequest {})
            .await
            .unwrap();
        let name = CIS.to_owned();
        let enable = wire::EnableStandardRequest { name: name.clone() };
        refused(client.enable_standard(enable).await, denied, words);
        let disable = wire::DisableStandardRequest { name };
        refused(client.disable_standard(disable).await, denied, words);
        let wish = update("IAM.3", set("days", "30"));
        refused(client.update_control(wish).await, denied, words);
        let (code, words) = tries;
        let tried = client.try_control(attempt(CONTROL, Vec::new())).await;
        refused(tried, code, words);
    }
    let mut client = standards(&world).await;
    let answer = client.try_control(attempt("id = 7", Vec::new())).await;
    refused(answer, Code::InvalidArgument, "control.toml");
    let many = vec![ACCOUNT.to_owned(); 1_001];
    let answer = client.try_control(attempt(CONTROL, many)).await;
    let words = "accounts: 1001 were given, at most 1000 are allowed";
    refused(answer, Code::InvalidArgument, words);
    let answer = client
        .try_control(attempt(CONTROL, vec!["12".to_owned()]))
        .await;
    refused(answer, Code::InvalidArgument, BAD_ACCOUNT);
    assert_eq!(world.audit("standard.").await.len(), 0);
    assert_eq!(world.audit("control.").await.len(), 0);
}

/// What the server passes over at its start it tells operators and whoever looks after it.
#[tokio::test]
async fn z09_a_control_that_was_refused_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, control) in [("wrong", CONTROL), ("broken", "id = 7")] {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let files = [
            ("control.toml", control),
            ("rule.rego", RULE),
            ("cases.json", CASES),
        ];
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
    }
    let controls = folder.path().to_owned();
    let world = World::with(|config| config.compliance.controls = Some(controls)).await;
    let mut status = world.status().await;
    let report = status.get_status(wire::GetStatusRequest {}).await.unwrap();
    let report = report.into_inner();
    assert_eq!(report.refused_control_count, 2);
    let [broken, wrong] = &report.refused_controls[..] else {
        panic!("{:?}", report.refused_controls);
    };
    assert_eq!(
        broken.folder,
        folder.path().join("broken").display().to_string()
    );
    assert!(broken.reason.contains("control.toml"), "{}", broken.reason);
    assert_eq!(
        wrong.folder,
        folder.path().join("wrong").display().to_string()
    );
    assert_eq!(
        wrong.reason,
        "a case came out otherwise: none: expected FAILED, got PASSED"
    );
    let ready = format!("http://{}/readyz", world.addresses().metrics);
    let ready = reqwest::get(ready).await.unwrap();
    assert_eq!(ready.status(), 200, "the others count");
    assert_eq!(
        ready.text().await.unwrap(),
        format!(
            "ready\ncontrols are refused and do not count: {} and 1 more; 'muster status' says why\n",
            broken.folder
        )
    );
    // Servers of one process count into one recorder, so that only the name is looked for.
    assert!(world.metrics().await.contains("\nmuster_controls_refused "));
}

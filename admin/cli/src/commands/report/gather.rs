//! The questions of a report.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::unknowns::{Unknowns, gap};
use super::{Facts, Held};
use crate::commands::control::list;
use crate::commands::finding::row;
use crate::commands::standard;
use crate::failure::Failure;
use crate::naming;
use crate::session::Session;

const PAGE_SIZE: u32 = 1_000;
const ACCOUNTS_MAX: usize = 20_000;
const DAYS: u32 = 90;
const RESOURCES_MAX: u32 = 1_000;
const UNKNOWNS_MAX: u64 = 20_000;
const TROUBLES_MAX: usize = 10_000;
const MEMBERS_MAX: usize = 20_000;

/// Asks all of it. `standards` come with the names of their files.
pub(super) async fn facts(
    standards: Vec<(wire::Standard, String)>,
    session: &Session,
    now: Timestamp,
    bar: &ProgressBar,
) -> Result<Facts, Failure> {
    let status = status(session).await?;
    let names: Vec<String> = standards
        .iter()
        .map(|(standard, _)| as_findings_name(standard))
        .collect();
    let mut held = Vec::new();
    for (standard, short) in standards {
        held.push(self::held(standard, short, session).await?);
        bar.inc(1);
    }
    let members = members(session).await?;
    let unknowns = unknowns(&names, session).await?;
    let (troubles, troubles_cut) = troubles(session, now).await?;
    let after = self::status(session).await?;
    Ok(Facts {
        trust_domain: status.trust_domain.clone(),
        version: status.version.clone(),
        generated_at: now,
        sequences: (sequence(&status), sequence(&after)),
        disabled: disabled(&held),
        standards: held,
        members,
        unknowns,
        troubles,
        troubles_cut,
    })
}

async fn status(session: &Session) -> Result<wire::StatusReport, Failure> {
    let request = wire::GetStatusRequest {};
    Ok(session.status().get_status(request).await?.into_inner())
}

fn sequence(status: &wire::StatusReport) -> u64 {
    status.store.as_ref().map_or(0, |store| store.sequence)
}

async fn held(standard: wire::Standard, short: String, session: &Session) -> Result<Held, Failure> {
    let name = standard.name.as_str();
    let score = standard::of(name, "", session).await?;
    let (accounts, accounts_cut) = accounts(name, session).await?;
    let request = wire::ListScoreHistoryRequest {
        standard: name.to_owned(),
        days: DAYS,
        ..wire::ListScoreHistoryRequest::default()
    };
    let history = session
        .standards()
        .list_score_history(request)
        .await?
        .into_inner()
        .days;
    let controls = list::fetch(name, session).await?;
    let request = wire::CountFindingsRequest {
        filter: Some(counting("FAILED", &[as_findings_name(&standard)])),
        group_by: ["ResourceId", "ResourceType", "AwsAccountId"]
            .map(str::to_owned)
            .into(),
        limit: RESOURCES_MAX,
    };
    let resources = session
        .findings()
        .count_findings(request)
        .await?
        .into_inner();
    Ok(Held {
        score,
        accounts,
        accounts_cut,
        history,
        controls,
        resources,
        standard,
        short,
    })
}

/// The accounts with their scores, and whether there are more.
async fn accounts(standard: &str, session: &Session) -> Result<(Vec<wire::Score>, bool), Failure> {
    let (mut scores, mut page_token) = (Vec::new(), String::new());
    while scores.len() < ACCOUNTS_MAX {
        let request = wire::ListAccountScoresRequest {
            standard: standard.to_owned(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = session
            .standards()
            .list_account_scores(request)
            .await?
            .into_inner();
        scores.extend(page.scores);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((scores, false));
        }
    }
    Ok((scores, true))
}

/// What could not be evaluated, of any of the standards.
async fn unknowns(standards: &[String], session: &Session) -> Result<Unknowns, Failure> {
    let filter = counting("NOT_AVAILABLE", standards);
    let request = wire::CountFindingsRequest {
        filter: Some(filter.clone()),
        ..wire::CountFindingsRequest::default()
    };
    let counted = session.findings().count_findings(request).await?;
    let mut unknowns = Unknowns::of(counted.into_inner().total);
    let mut page_token = String::new();
    while unknowns.seen < UNKNOWNS_MAX {
        let request = wire::ListFindingsRequest {
            filter: Some(filter.clone()),
            page_size: PAGE_SIZE,
            page_token,
            format: wire::FindingFormat::Asff.into(),
            ..wire::ListFindingsRequest::default()
        };
        let page = session
            .findings()
            .list_findings(request)
            .await?
            .into_inner();
        for record in &page.findings {
            unknowns.add(&row::document(record)?);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    // Findings come and go meanwhile.
    unknowns.total = unknowns.total.max(unknowns.seen);
    Ok(unknowns)
}

async fn members(session: &Session) -> Result<BTreeMap<String, wire::Member>, Failure> {
    let (mut members, mut page_token) = (BTreeMap::new(), String::new());
    while members.len() < MEMBERS_MAX {
        let request = wire::ListMembersRequest {
            page_size: PAGE_SIZE,
            page_token,
            ..wire::ListMembersRequest::default()
        };
        let page = session.members().list_members(request).await?.into_inner();
        let named = page.members.into_iter();
        members.extend(named.map(|member| (member.account_id.clone(), member)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(members)
}

async fn troubles(
    session: &Session,
    now: Timestamp,
) -> Result<(Vec<wire::Coverage>, bool), Failure> {
    let (mut troubles, mut page_token) = (Vec::new(), String::new());
    while troubles.len() < TROUBLES_MAX {
        let request = wire::ListCoverageRequest {
            page_size: PAGE_SIZE,
            page_token,
            ..wire::ListCoverageRequest::default()
        };
        let page = session
            .resources()
            .list_coverage(request)
            .await?
            .into_inner();
        let gaps = page.coverage.into_iter();
        troubles.extend(gaps.filter(|coverage| gap(coverage, now).is_some()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((troubles, false));
        }
    }
    Ok((troubles, true))
}

/// Where controls of the standards are off; each control once.
fn disabled(standards: &[Held]) -> Vec<(wire::Control, wire::Disabling)> {
    let controls: BTreeMap<&str, &wire::Control> = standards
        .iter()
        .flat_map(|held| &held.controls)
        .map(|control| (naming::id(&control.name), control))
        .collect();
    controls
        .into_values()
        .flat_map(|control| {
            let places = control.disabled.iter().cloned();
            places.map(|place| (control.clone(), place))
        })
        .collect()
}

/// Findings that count as the server counts them for scores, of a status and of any of the standards.
fn counting(status: &str, standards: &[String]) -> wire::Filter {
    let test =
        |comparison: &str, value: &str| json!([{ "Comparison": comparison, "Value": value }]);
    let standards: Vec<Json> = standards
        .iter()
        .map(|id| json!({ "Comparison": "EQUALS", "Value": id }))
        .collect();
    let filter = json!({
        "CompanyName": test("EQUALS", "Muster"),
        "ComplianceStatus": test("EQUALS", status),
        "RecordState": test("EQUALS", "ACTIVE"),
        "WorkflowStatus": test("NOT_EQUALS", "SUPPRESSED"),
        "ComplianceAssociatedStandardsId": standards,
    });
    wire::Filter {
        kind: Some(wire::filter::Kind::SecurityHubJson(filter.to_string())),
    }
}

/// A standard as findings name it: the resource of its ARN, such as `ruleset/cis-aws-foundations-benchmark/v/1.2.0`.
fn as_findings_name(standard: &wire::Standard) -> String {
    let resource = standard.arn.splitn(6, ':').nth(5);
    resource.unwrap_or(&standard.name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standards_are_asked_for_as_findings_name_them() {
        let names: Vec<String> = naming::tests::standards()
            .iter()
            .map(as_findings_name)
            .collect();
        assert_eq!(names[1], "ruleset/cis-aws-foundations-benchmark/v/1.2.0");
        assert_eq!(names[2], "standards/cis-aws-foundations-benchmark/v/3.0.0");
        let bare = wire::Standard {
            name: "standards/x/v/1".to_owned(),
            ..wire::Standard::default()
        };
        assert_eq!(as_findings_name(&bare), "standards/x/v/1");
    }

    #[test]
    fn only_findings_that_count_are_asked_for() {
        let filter = counting("FAILED", &["standards/a/v/1".to_owned()]);
        let Some(wire::filter::Kind::SecurityHubJson(json)) = filter.kind else {
            panic!("no JSON");
        };
        muster_common::filter::from_json(&json).unwrap();
        insta::assert_snapshot!(json, @r#"{"CompanyName":[{"Comparison":"EQUALS","Value":"Muster"}],"ComplianceAssociatedStandardsId":[{"Comparison":"EQUALS","Value":"standards/a/v/1"}],"ComplianceStatus":[{"Comparison":"EQUALS","Value":"FAILED"}],"RecordState":[{"Comparison":"EQUALS","Value":"ACTIVE"}],"WorkflowStatus":[{"Comparison":"NOT_EQUALS","Value":"SUPPRESSED"}]}"#);
    }
}

//! A report of a made-up organization, with texts that would do harm if they were markup or formulas.

use muster_common::timestamp::{DAY, Timestamp, to_wire};
use muster_proto::v1 as wire;
use muster_proto::v1::{ControlStatus, MemberStatus};
use serde_json::json;

use super::unknowns::Unknowns;
use super::{Facts, Held};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(crate) fn facts() -> Facts {
    let control = control(
        "S3.8",
        "HIGH",
        "Turn on <all four> settings & keep them on.",
    );
    Facts {
        trust_domain: "muster.example.com".to_owned(),
        version: "0.1.0".to_owned(),
        generated_at: NOW,
        sequences: (1_020, 1_024),
        standards: vec![held()],
        members: [
            (
                "111122223333",
                "payments & <billing>",
                MemberStatus::Enabled,
            ),
            ("222233334444", "", MemberStatus::Enabled),
            ("333344445555", "new", MemberStatus::Enabled),
            ("444455556666", "old", MemberStatus::AccountSuspended),
        ]
        .map(|(id, name, status)| (id.to_owned(), member(id, name, status)))
        .into(),
        unknowns: unknowns(),
        troubles: vec![coverage()],
        troubles_cut: false,
        disabled: vec![(
            control,
            wire::Disabling {
                account: "111122223333".to_owned(),
                reason: "=HYPERLINK(\"x\"), a public \"website\"".to_owned(),
                actor: "ana".to_owned(),
                at: Some(to_wire(NOW.plus(-30 * DAY))),
                ..wire::Disabling::default()
            },
        )],
    }
}

fn member(id: &str, name: &str, status: MemberStatus) -> wire::Member {
    wire::Member {
        account_id: id.to_owned(),
        account_name: name.to_owned(),
        status: status.into(),
        agent_count: 1,
        ..wire::Member::default()
    }
}

fn held() -> Held {
    let controls = vec![
        standing(
            "S3.8",
            "HIGH",
            "2.1.4",
            ControlStatus::Failed,
            [17, 3, 0, 1],
        ),
        standing(
            "IAM.6",
            "CRITICAL",
            "1.6",
            ControlStatus::Failed,
            [0, 1, 0, 0],
        ),
        standing(
            "IAM.3",
            "MEDIUM",
            "1.14",
            ControlStatus::Passed,
            [9, 0, 0, 0],
        ),
        standing(
            "CloudTrail.1",
            "HIGH",
            "3.1",
            ControlStatus::Unknown,
            [0, 0, 0, 2],
        ),
        standing("RDS.3", "MEDIUM", "2.3.1", ControlStatus::NoData, [0; 4]),
        standing("KMS.4", "MEDIUM", "3.6", ControlStatus::Disabled, [0; 4]),
    ];
    let day = |at: u32| wire::DailyScore {
        date: format!("2026-11-{at:02}"),
        score: (at != 7).then(|| score("", 10 + at, controls.clone())),
    };
    Held {
        standard: wire::Standard {
            name: "standards/cis-aws-foundations-benchmark/v/3.0.0".to_owned(),
            title: "CIS AWS Foundations Benchmark v3.0.0".to_owned(),
            enabled: true,
            control_count: 37,
            arn: "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/3.0.0"
                .to_owned(),
        },
        short: "cis-3.0.0".to_owned(),
        score: score("", 25, controls.clone()),
        accounts: vec![
            score("111122223333", 25, Vec::new()),
            score("222233334444", 60, Vec::new()),
        ],
        accounts_cut: false,
        history: (1..=18).map(day).collect(),
        controls: vec![
            control(
                "S3.8",
                "HIGH",
                "Turn on <all four> settings & keep them on.",
            ),
            control("IAM.6", "CRITICAL", "Give the root user a hardware token."),
        ],
        resources: wire::CountFindingsResponse {
            total: 4,
            groups: vec![
                group("arn:aws:s3:::ledger-exports", "AwsS3Bucket", 3),
                group("AWS::::Account:111122223333", "AwsAccount", 1),
            ],
            group_count: 2,
        },
    }
}

fn score(account: &str, percent: u32, controls: Vec<wire::ControlStanding>) -> wire::Score {
    wire::Score {
        standard: "standards/cis-aws-foundations-benchmark/v/3.0.0".to_owned(),
        account: account.to_owned(),
        percent: Some(percent),
        percent_least: Some(percent),
        percent_most: Some(percent + 25),
        passed: 1,
        failed: 2,
        unknown: 1,
        no_data: 1,
        disabled: 1,
        controls,
    }
}

fn standing(
    id: &str,
    severity: &str,
    requirement: &str,
    status: ControlStatus,
    [passed, failed, warning, not_available]: [u64; 4],
) -> wire::ControlStanding {
    wire::ControlStanding {
        control: format!("controls/{id}"),
        title: format!("What {id} is about stands as it should"),
        severity: severity.to_owned(),
        requirements: vec![requirement.to_owned()],
        status: status.into(),
        passed,
        failed,
        warning,
        not_available,
    }
}

fn control(id: &str, severity: &str, remediation: &str) -> wire::Control {
    wire::Control {
        name: format!("controls/{id}"),
        title: format!("What {id} is about stands as it should"),
        severity: severity.to_owned(),
        remediation: remediation.to_owned(),
        enabled: true,
        ..wire::Control::default()
    }
}

fn group(resource: &str, kind: &str, count: u64) -> wire::Group {
    wire::Group {
        values: [resource, kind, "111122223333"].map(str::to_owned).into(),
        count,
    }
}

fn unknowns() -> Unknowns {
    let mut unknowns = Unknowns::default();
    for account in ["111122223333", "222233334444"] {
        unknowns.add(&json!({
            "AwsAccountId": account,
            "Compliance": {
                "SecurityControlId": "CloudTrail.1",
                "StatusReasons": [{
                    "ReasonCode": "AccessDenied",
                    "Description": "cloudtrail:GetTrailStatus answered <AccessDenied>",
                }],
            },
        }));
    }
    unknowns.total = 30;
    unknowns
}

fn coverage() -> wire::Coverage {
    wire::Coverage {
        account: "222233334444".to_owned(),
        region: "eu-west-1".to_owned(),
        resource_type: "AWS::RDS::DBInstance".to_owned(),
        complete_at: Some(to_wire(NOW.plus(-DAY))),
        tried_at: Some(to_wire(NOW)),
        trouble_code: "AccessDenied".to_owned(),
        trouble_call: "rds:DescribeDBInstances".to_owned(),
        trouble_message: "no <identity-based> policy allows it".to_owned(),
        ..wire::Coverage::default()
    }
}

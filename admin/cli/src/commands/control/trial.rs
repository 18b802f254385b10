//! `muster control try`.

use std::path::{Path, PathBuf};

use clap::Args;
use muster_common::clock::Clock;
use muster_common::timestamp::to_wire;
use muster_controls::Definition;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use crate::argument::{Extent, account};
use crate::failure::Failure;
use crate::output::{Cell, Format, Paint, Printer, print_line};
use crate::session::Session;
use crate::span::Moment;

const HEADERS: &[&str] = &["STATUS", "ACCOUNT", "REGION", "RESOURCE", "REASON"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the control
    folder: PathBuf,
    /// On what was there then: 7d ago, 2026-11-01 (as that day began) or 2026-11-01T08:00:00Z
    #[arg(long, value_name = "DATE")]
    as_of: Option<Moment>,
    /// In these accounts only
    #[arg(long, value_delimiter = ',', value_name = "ID", value_parser = account)]
    account: Vec<String>,
    #[command(flatten)]
    extent: Extent,
}

pub(super) async fn run(
    arguments: Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let [control_toml, rule_rego, cases_json] = files(&arguments.folder)?;
    let request = wire::TryControlRequest {
        control_toml,
        rule_rego,
        cases_json,
        as_of: arguments.as_of.map(|moment| to_wire(moment.at(now))),
        accounts: arguments.account,
    };
    let answer = session.standards().try_control(request).await?.into_inner();
    match printer.format {
        Format::Json => return printer.one(&[], &document(&answer)),
        Format::Table => {
            print_line(&summary(&answer))?;
            if !answer.verdicts.is_empty() {
                print_line("")?;
            }
        }
        Format::Jsonl | Format::Csv => {}
    }
    let shown = arguments
        .extent
        .next_page(0, answer.verdicts.len())
        .unwrap_or(0) as usize;
    let mut list = printer.list(HEADERS);
    for verdict in answer.verdicts.iter().take(shown) {
        list.push(row(verdict), || verdict_document(verdict))?;
    }
    list.finish(&note(shown, &answer))
}

/// The three files of a control that can be read as one.
fn files(folder: &Path) -> Result<[String; 3], Failure> {
    // The same words as at home, and no call for what nobody could run.
    Definition::open(folder)
        .map_err(|error| Failure::Usage(format!("{}: {error}", folder.display())))?;
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
    };
    Ok([
        read("control.toml")?,
        read("rule.rego")?,
        read("cases.json")?,
    ])
}

fn all(answer: &wire::TryControlResponse) -> u64 {
    answer.passed + answer.failed + answer.warning + answer.not_available
}

fn summary(answer: &wire::TryControlResponse) -> String {
    format!(
        "{} passed, {} failed, {} with a warning, {} not available",
        answer.passed, answer.failed, answer.warning, answer.not_available
    )
}

fn note(shown: usize, answer: &wire::TryControlResponse) -> String {
    let (shown, sent) = (shown as u64, answer.verdicts.len() as u64);
    match all(answer) {
        0 => "nothing to judge: no resource of its type is known there".to_owned(),
        all if shown == all => format!("{all} judged; nothing was written"),
        all if shown < sent => {
            format!("{shown} of {all} judged shown; there are more: --limit N or --all")
        }
        all => format!("{shown} of {all} judged shown, those that failed first"),
    }
}

fn row(verdict: &wire::TriedVerdict) -> Vec<Cell> {
    let paint = match verdict.status.as_str() {
        "PASSED" => Paint::Good,
        "FAILED" => Paint::Bad,
        "WARNING" => Paint::Warning,
        _ => Paint::Dim,
    };
    let reason = match (verdict.reason.as_str(), verdict.detail.as_str()) {
        ("", detail) => detail.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, detail) => format!("{reason}: {detail}"),
    };
    vec![
        Cell::new(verdict.status.as_str(), paint),
        verdict.account.as_str().into(),
        verdict.region.as_str().into(),
        Cell::free(verdict.resource_id.as_str()),
        Cell::free(reason),
    ]
}

fn verdict_document(verdict: &wire::TriedVerdict) -> Json {
    json!({
        "account": verdict.account,
        "region": verdict.region,
        "resourceType": verdict.resource_type,
        "resourceId": verdict.resource_id,
        "status": verdict.status,
        "reason": verdict.reason,
        "detail": verdict.detail,
    })
}

fn document(answer: &wire::TryControlResponse) -> Json {
    let verdicts: Vec<Json> = answer.verdicts.iter().map(verdict_document).collect();
    json!({
        "passed": answer.passed,
        "failed": answer.failed,
        "warning": answer.warning,
        "notAvailable": answer.not_available,
        "verdicts": verdicts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;

    fn verdict(status: &str, reason: &str, detail: &str) -> wire::TriedVerdict {
        wire::TriedVerdict {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            resource_type: "AWS::S3::Bucket".to_owned(),
            resource_id: "arn:aws:s3:::ledger-exports".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn verdicts_are_a_table() {
        let rows = [
            row(&verdict("FAILED", "", "versioning is off")),
            row(&verdict("NOT_AVAILABLE", "AccessDenied", "s3:GetBucketAcl")),
            row(&verdict("PASSED", "", "")),
        ];
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        STATUS         ACCOUNT       REGION     RESOURCE             REASON
        FAILED         111122223333  eu-west-1  arn:aws:s3:::ledge…  versioning is off
        NOT_AVAILABLE  111122223333  eu-west-1  arn:aws:s3:::ledge…  AccessDenied:…
        PASSED         111122223333  eu-west-1  arn:aws:s3:::ledge…
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        STATUS         ACCOUNT       REGION     RESOURCE                     REASON
        FAILED         111122223333  eu-west-1  arn:aws:s3:::ledger-exports  versioning is off
        NOT_AVAILABLE  111122223333  eu-west-1  arn:aws:s3:::ledger-exports  AccessDenied: s3:GetBucketAcl
        PASSED         111122223333  eu-west-1  arn:aws:s3:::ledger-exports
        ");
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut answer = wire::TryControlResponse::default();
        assert_eq!(
            note(0, &answer),
            "nothing to judge: no resource of its type is known there"
        );
        answer.verdicts = vec![verdict("PASSED", "", ""); 3];
        answer.passed = 3;
        assert_eq!(note(3, &answer), "3 judged; nothing was written");
        assert_eq!(
            note(2, &answer),
            "2 of 3 judged shown; there are more: --limit N or --all"
        );
        answer.failed = 2_000;
        assert_eq!(
            note(3, &answer),
            "3 of 2003 judged shown, those that failed first"
        );
    }

    #[test]
    fn a_folder_that_is_no_control_is_told_before_any_call() {
        let failure = files(Path::new("/nowhere")).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)), "{failure}");
        assert!(failure.to_string().contains("control.toml"), "{failure}");
    }
}

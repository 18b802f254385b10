//! The credential report: a CSV with a row for each user and for root.
//!
//! Source: IAM User Guide, "Get credential reports for your AWS account".

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use csv::StringRecord;
use serde_json::{Value as Json, json};

use crate::cloud::{CallError, Problem, Service};
use crate::state::document::unavailable;
use crate::state::site::{Refused, Site, text};

pub(super) const CALL: &str = "iam:GetCredentialReport";
const GENERATE: &str = "iam:GenerateCredentialReport";
const ROOT: &str = "<root_account>";
/// How often, and how many times, it is asked whether the report is there.
const POLL_EVERY: Duration = Duration::from_secs(2);
const POLLS_MAX: u32 = 45;

/// A report, by user.
#[derive(Debug)]
pub(in crate::state) struct Report {
    columns: StringRecord,
    rows: HashMap<String, StringRecord>,
}

impl Report {
    /// Has a report made, and reads it.
    pub(in crate::state) async fn fetch(site: &Site) -> Result<Self, Refused> {
        let mut polls = 0;
        loop {
            let made = site.act(Service::Iam, GENERATE, &json!({})).await?;
            if text(&made, "State") == "COMPLETE" {
                break;
            }
            polls += 1;
            if polls == POLLS_MAX {
                return Err(failed(GENERATE, "ReportNotReady", "the report is not made"));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        let report = site.act(Service::Iam, CALL, &json!({})).await?;
        let unreadable = |_| failed(CALL, "UnreadableAnswer", "the report cannot be read");
        let content = STANDARD.decode(text(&report, "Content").trim());
        Self::read(&content.map_err(|_| unreadable(()))?).map_err(|_| unreadable(()))
    }

    fn read(content: &[u8]) -> Result<Self, csv::Error> {
        let mut reader = csv::Reader::from_reader(content);
        let columns = reader.headers()?.clone();
        let mut rows = HashMap::new();
        for row in reader.into_records() {
            let row = row?;
            rows.insert(row.get(0).unwrap_or_default().to_owned(), row);
        }
        Ok(Self { columns, rows })
    }

    /// The row of a user.
    pub(super) fn user(&self, name: &str) -> Option<Json> {
        let row = self.rows.get(name)?;
        let columns = self.columns.iter().zip(row);
        Some(Json::Object(
            columns
                .map(|(column, value)| (column.to_owned(), known(value)))
                .collect(),
        ))
    }

    /// The row of root.
    pub(in crate::state) fn root(&self) -> Json {
        self.user(ROOT)
            .unwrap_or_else(|| unavailable("NotInReport", CALL))
    }
}

/// A value; null if the report has none.
fn known(value: &str) -> Json {
    match value {
        "true" | "TRUE" => true.into(),
        "false" | "FALSE" => false.into(),
        "" | "N/A" | "no_information" | "not_supported" => Json::Null,
        value => value.into(),
    }
}

fn failed(call: &'static str, code: &str, message: &str) -> Refused {
    Refused {
        call,
        error: CallError {
            problem: Problem::Failed,
            code: code.to_owned(),
            message: message.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_user() {
        let csv = "user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated\n\
            <root_account>,arn:aws:iam::1:root,not_supported,2026-01-01T00:00:00+00:00,true,false,N/A\n\
            ann,arn:aws:iam::1:user/ann,true,no_information,false,true,2025-01-01T00:00:00+00:00\n";
        let report = Report::read(csv.as_bytes()).unwrap();
        assert_eq!(
            report.root(),
            json!({
                "user": "<root_account>", "arn": "arn:aws:iam::1:root", "password_enabled": null,
                "password_last_used": "2026-01-01T00:00:00+00:00", "mfa_active": true,
                "access_key_1_active": false, "access_key_1_last_rotated": null,
            })
        );
        let ann = report.user("ann").unwrap();
        assert_eq!(ann["password_last_used"], Json::Null);
        assert_eq!(ann["access_key_1_active"], true);
        assert_eq!(report.user("bob"), None);
        assert!(Report::read(b"a,b\n1,2,3\n").is_err());
    }
}

//! One finding as a row of a table.

use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::output::{Cell, Format, Paint};
use crate::when::{absolute, relative};

/// The digits of a name that tables show; commands take them.
const SHOWN: usize = 10;

pub(crate) const HEADERS: &[&str] = &[
    "NAME", "SEVERITY", "TITLE", "RESOURCE", "ACCOUNT", "WORKFLOW", "UPDATED",
];

/// The ASFF document of a record.
pub(crate) fn document(record: &wire::FindingRecord) -> Result<Json, Failure> {
    match &record.document {
        Some(wire::finding_record::Document::Asff(text)) => serde_json::from_slice(text)
            .map_err(|error| Failure::other(format!("the server sent no JSON: {error}"))),
        Some(wire::finding_record::Document::Finding(_)) | None => Ok(Json::Null),
    }
}

/// What the admin knows beside a finding, and the finding.
pub(crate) fn envelope(record: &wire::FindingRecord, finding: Json) -> Json {
    json!({
        "name": record.name,
        "sequence": record.sequence,
        "recordedAt": absolute(record.recorded_at.as_ref()),
        "memberStatus": record.member_status,
        "finding": finding,
    })
}

/// How findings stand in JSON.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// In JSON, put each finding beside its name, its member's status and when it was recorded
    #[arg(long)]
    records: bool,
}

impl Shape {
    pub(crate) fn of(self, record: &wire::FindingRecord, finding: Json) -> Json {
        if self.records {
            envelope(record, finding)
        } else {
            finding
        }
    }
}

pub(crate) fn cells(
    record: &wire::FindingRecord,
    finding: &Json,
    format: Format,
    now: Timestamp,
) -> Vec<Cell> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let name = record.name.trim_start_matches("findings/");
    let updated = text(&finding["UpdatedAt"]);
    // Programs get everything whole.
    let (name, resource, updated) = match format {
        Format::Table => (
            name.get(..SHOWN).unwrap_or(name).to_owned(),
            short(&text(&finding["Resources"][0]["Id"])),
            updated
                .parse()
                .map(|time| relative(Some(&muster_common::timestamp::to_wire(time)), now))
                .unwrap_or(updated),
        ),
        Format::Csv | Format::Json | Format::Jsonl => (
            name.to_owned(),
            text(&finding["Resources"][0]["Id"]),
            updated,
        ),
    };
    let workflow = text(&finding["Workflow"]["Status"]);
    let state = match (
        finding["RecordState"].as_str(),
        record.member_status.as_str(),
    ) {
        (Some("ARCHIVED"), _) => format!("{workflow}, archived"),
        (_, "ENABLED" | "") => workflow,
        (_, status) => format!("{workflow}, {}", status.to_lowercase()),
    };
    vec![
        Cell::new(name, Paint::Dim),
        severity(&finding["Severity"]["Label"]),
        Cell::free(text(&finding["Title"])),
        Cell::free(resource),
        text(&finding["AwsAccountId"]).into(),
        state.into(),
        updated.into(),
    ]
}

pub(crate) fn severity(label: &Json) -> Cell {
    crate::score::severity(label.as_str().unwrap_or_default())
}

/// The part of an ARN that names the thing: what follows the account.
fn short(resource: &str) -> String {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, _, _, _, rest] if !rest.is_empty() => rest.to_owned(),
        _ => resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_shortened_to_what_names_them() {
        assert_eq!(
            short("arn:aws:ec2:us-east-1:111122223333:instance/i-0abc"),
            "instance/i-0abc"
        );
        assert_eq!(short("arn:aws:s3:::data"), "data");
        assert_eq!(
            short("AWS::IAM::AccessKey:AKIA"),
            "AWS::IAM::AccessKey:AKIA"
        );
    }
}

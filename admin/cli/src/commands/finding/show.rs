//! `muster finding show`.

use muster_proto::v1 as wire;
use serde_json::Value as Json;

use super::row::{Shape, document, severity};
use crate::failure::Failure;
use crate::output::{Cell, Format, Printer, print_line};
use crate::session::Session;

pub(crate) async fn run(
    name: String,
    shape: Shape,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = wire::GetFindingRequest {
        name: name.clone(),
        format: wire::FindingFormat::Asff.into(),
    };
    let record = match session.findings().get_finding(request).await {
        Ok(record) => record.into_inner(),
        Err(status) => return Err(hinted(&name, status.into())),
    };
    let finding = document(&record)?;
    let lines = lines(&record, &finding);
    printer.one(&lines, &shape.of(&record, finding.clone()))?;
    if printer.format == Format::Table {
        section("description", &finding["Description"])?;
        section(
            "remediation",
            &finding["Remediation"]["Recommendation"]["Text"],
        )?;
        section("", &finding["Remediation"]["Recommendation"]["Url"])?;
        section("note", &finding["Note"]["Text"])?;
        print_line("\nThe whole document: --output json")?;
    }
    Ok(())
}

/// Findings are named by what the list shows, not by the id that their provider gave them.
pub(super) fn hinted(name: &str, failure: Failure) -> Failure {
    let digits = name.trim_start_matches("findings/");
    let is_name = digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_name || !matches!(failure, Failure::NotFound(_) | Failure::Usage(_)) {
        return failure;
    }
    failure.and("'muster finding list --id ID' finds one by its ASFF id")
}

fn lines(record: &wire::FindingRecord, finding: &Json) -> Vec<(&'static str, Cell)> {
    let text = |value: &Json| Cell::from(value.as_str().unwrap_or_default());
    let resources: Vec<&str> = finding["Resources"]
        .as_array()
        .map(|resources| {
            resources
                .iter()
                .filter_map(|resource| resource["Id"].as_str())
                .collect()
        })
        .unwrap_or_default();
    let mut lines = vec![
        (
            "name",
            Cell::from(record.name.trim_start_matches("findings/")),
        ),
        ("title", text(&finding["Title"])),
        ("severity", severity(&finding["Severity"]["Label"])),
        ("workflow", text(&finding["Workflow"]["Status"])),
        ("record state", text(&finding["RecordState"])),
        ("compliance", text(&finding["Compliance"]["Status"])),
        ("account", text(&finding["AwsAccountId"])),
        ("member", record.member_status.as_str().into()),
        ("region", text(&finding["Region"])),
        ("product", text(&finding["ProductName"])),
        ("type", text(&finding["Types"][0])),
        ("generator", text(&finding["GeneratorId"])),
        ("created", text(&finding["CreatedAt"])),
        ("updated", text(&finding["UpdatedAt"])),
        ("id", text(&finding["Id"])),
        ("source", text(&finding["SourceUrl"])),
    ];
    lines.retain(|(_, cell)| *cell != Cell::from(""));
    lines.extend(
        resources
            .into_iter()
            .map(|resource| ("resource", resource.into())),
    );
    lines
}

fn section(title: &str, text: &Json) -> Result<(), Failure> {
    let Some(text) = text.as_str() else {
        return Ok(());
    };
    if !title.is_empty() {
        print_line(&format!("\n{title}"))?;
    }
    print_line(&format!("  {}", Cell::from(text).painted()))
}

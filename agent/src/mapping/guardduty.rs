//! GuardDuty findings.
//!
//! Source: GuardDuty user guide, "Integrating with AWS Security Hub"; GuardDuty API Reference, `Finding`; findings as
//! Security Hub shows them. Decided here: `Severity.Normalized` is ten times GuardDuty's severity (the real one gives
//! low ones 40, which contradicts their label); archived findings are sent as archived (the real one sends nothing).

mod action;
mod resources;
mod sequence;
mod threat;
mod types;

use muster_common::account::Partition;
use muster_common::finding::Severity;
use serde_json::Value;

use super::document::{Document, Required};
use super::fields::Fields;
use super::native::Native;
use super::object::Object;
use super::{Place, Unmappable};

/// The product fields stand below this.
const FIELDS: &str = "aws/guardduty/service";

pub(super) fn document(finding: &Value, place: &Place) -> Result<Value, Unmappable> {
    let finding = Native::new(finding);
    let own = finding.need_place(["accountId", "region", "partition"], place)?;
    let arn = finding.need_text("arn")?;
    let kind = finding.need_text("type")?;
    let title = finding.text("title").unwrap_or(kind);
    let detector = arn.split_once("/finding/").map_or(arn, |parts| parts.0);
    let mut document = Document::new(Required {
        product: "aws/guardduty",
        id: arn,
        generator: detector,
        types: types::of(kind),
        created_at: finding.need_moment("createdAt")?,
        updated_at: finding.need_moment("updatedAt")?,
        severity: severity(finding)?,
        title: unmarked(title),
        description: unmarked(finding.text("description").unwrap_or(title)),
        place: own,
    })?;
    if !finding.at("resource").exists() {
        return Err(Unmappable::Missing("resource"));
    }
    let service = finding.at("service");
    let additional = additional_info(service);
    let observed = |path| service.moment(path);
    document.set("FirstObservedAt", observed("eventFirstSeen"));
    document.set("LastObservedAt", observed("eventLastSeen"));
    document.archive(service.flag("archived") == Some(true));
    document.set("Sample", is_sample(title, service, additional.as_ref()));
    document.set("SourceUrl", console(finding, &document.place));
    document.set("RelatedFindings", related(finding, detector, &document));
    document.set("Action", action::action(service));
    document.set("Network", action::network(service));
    document.set("Process", threat::process(service));
    document.set("ThreatIntelIndicators", threat::indicators(service, kind));
    document.set("Malware", threat::malware(service));
    let detection = sequence::detection(service, &mut document);
    document.set("Detection", detection);
    document.list("Threats", threat::threats(service), threat::THREATS_MAX);
    product_fields(service, additional.as_ref(), &mut document.fields);
    document.fields.rest("aws/guardduty/", finding, &TOLD);
    resources::add(finding.at("resource"), service, &mut document);
    document.finish("aws/guardduty/truncated")
}

/// The members that stand elsewhere in the document.
const TOLD: [&str; 15] = [
    "accountId",
    "arn",
    "associatedAttackSequenceArn",
    "createdAt",
    "description",
    "id",
    "partition",
    "region",
    "resource",
    "schemaVersion",
    "service",
    "severity",
    "title",
    "type",
    "updatedAt",
];

/// Low 0.1 to 3.9, medium 4 to 6.9, high 7 to 8.9, critical 9 to 10; the bands of `Normalized` are the same.
fn severity(finding: Native<'_>) -> Result<Object, Unmappable> {
    let severity = finding.need_number("severity")?;
    if !(0.0..=10.0).contains(&severity) {
        return Err(Unmappable::Wrong {
            field: "severity",
            what: format!("{severity} is not between 0 and 10"),
        });
    }
    let normalized = (severity * 10.0).round();
    Ok(Object::default()
        .with("Product", finding.number("severity"))
        .with("Label", Severity::of(normalized).label())
        .with("Normalized", normalized as i64))
}

/// Security Hub shows samples without the mark that GuardDuty gives them.
fn unmarked(text: &str) -> &str {
    let unmarked = text.strip_prefix(SAMPLE_MARK);
    let visible = unmarked.filter(|text| !text.trim().is_empty());
    visible.unwrap_or(text)
}

const SAMPLE_MARK: &str = "[SAMPLE] ";

/// What stands as JSON text in `additionalInfo.value`.
fn additional_info(service: Native<'_>) -> Option<Value> {
    serde_json::from_str(service.text("additionalInfo/value")?).ok()
}

fn is_sample(title: &str, service: Native<'_>, additional: Option<&Value>) -> bool {
    let says_so = |info: Native<'_>| info.flag("sample") == Some(true);
    title.starts_with(SAMPLE_MARK)
        || says_so(service.at("additionalInfo"))
        || additional.is_some_and(|info| says_so(Native::new(info)))
}

/// The page of the finding in the console.
fn console(finding: Native<'_>, place: &Place) -> Option<String> {
    let host = match place.partition {
        Partition::Aws => "console.aws.amazon.com",
        Partition::China => "console.amazonaws.cn",
        Partition::GovCloud => "console.amazonaws-us-gov.com",
        Partition::EuropeanSovereign => "console.amazonaws-eusc.eu",
    };
    let (region, id) = (&place.region, finding.text("id")?);
    Some(format!(
        "https://{region}.{host}/guardduty/home?region={region}#/findings?macros=current&fId={id}"
    ))
}

/// The attack sequence that the finding is part of, and the finding that set off a malware scan.
fn related(finding: Native<'_>, detector: &str, document: &Document) -> Vec<Object> {
    let sequence = finding
        .text("associatedAttackSequenceArn")
        .map(str::to_owned);
    let trigger = finding
        .text("service/ebsVolumeScanDetails/triggerFindingId")
        .map(|id| format!("{detector}/finding/{id}"));
    [sequence, trigger]
        .iter()
        .flatten()
        .map(|id| document.related(id))
        .collect()
}

/// The service part under its paths, what is most asked for first. Of an attack sequence only what `Detection` and
/// `Resources` have no place for.
fn product_fields(service: Native<'_>, additional: Option<&Value>, fields: &mut Fields) {
    const NESTED: [&str; 4] = ["action", "additionalInfo", "evidence", "runtimeDetails"];
    let path = |name: &str| format!("{FIELDS}/{name}");
    let nested = |member: Native<'_>| {
        member
            .value()
            .is_some_and(|value| value.is_object() || value.is_array())
    };
    for (name, member) in service.members().filter(|(_, member)| !nested(*member)) {
        fields.flatten(&path(name), member);
    }
    fields.flatten(&path("action"), service.at("action"));
    additional_fields(service.at("additionalInfo"), additional, fields);
    fields.flatten(&path("evidence"), service.at("evidence"));
    fields.flatten(&path("runtimeDetails"), service.at("runtimeDetails"));
    for (name, member) in service.members() {
        if name == "detection" {
            sequence::product_fields(service, FIELDS, fields);
        } else if nested(member) && !NESTED.contains(&name.as_str()) {
            fields.flatten(&path(name), member);
        }
    }
}

/// Both the text and what it says, as Security Hub shows it; the text only if it fits. What is usual comes last, as it
/// is long.
fn additional_fields(info: Native<'_>, additional: Option<&Value>, fields: &mut Fields) {
    let path = format!("{FIELDS}/additionalInfo");
    let Some(said) = additional.filter(|said| said.is_object()).map(Native::new) else {
        fields.flatten(&path, info);
        return;
    };
    fields.rest(&format!("{path}/"), info, &["value"]);
    let text = info.text("value").unwrap_or_default();
    if said.members().next().is_none() {
        fields.push(format!("{path}/value"), "");
    } else if text.len() <= 2048 {
        fields.push(format!("{path}/value"), text);
    }
    fields.rest(&format!("{path}/"), said, &["profiledBehavior"]);
    fields.flatten(
        &format!("{path}/profiledBehavior"),
        said.at("profiledBehavior"),
    );
}

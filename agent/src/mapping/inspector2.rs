//! Inspector findings.
//!
//! Source: Inspector user guide, "Integration with Security Hub"; Inspector API Reference, `Finding`; Security Hub API
//! Reference, `Vulnerability`, `NetworkPathComponent` and `GeneratorDetails`; findings as Security Hub shows them. Those
//! are all about packages. Decided here, for reachable ports and for code: their types, after the managed insights and
//! the pattern of the others, and that what ASFF has no place for stands in the product fields under the names of the
//! API. Also decided here: what Inspector has not triaged is informational.

mod resources;
mod vulnerability;

use muster_common::finding::Severity;
use serde_json::Value;

use super::document::{Document, Required, labeled};
use super::fields::Fields;
use super::native::{Native, invalid, place_of_arn};
use super::object::{Object, capitalized};
use super::text::{cut, marked};
use super::{Place, Unmappable};

/// The product fields stand below this.
const FIELDS: &str = "aws/inspector";

/// Where Inspector itself cuts descriptions, and how it shows that it did.
const DESCRIPTION_MAX: usize = 1024;
const DESCRIPTION_MARK: &str = "...Truncated";

/// What Inspector says where a package has a fix and no advice of its own.
const FIX_AVAILABLE: &str = "Remediation is available. Please refer to the Fixed version in the vulnerability details \
    section above.For detailed remediation guidance for each of the affected packages, refer to the vulnerabilities \
    section of the detailed finding JSON.";

pub(super) fn document(finding: &Value) -> Result<Value, Unmappable> {
    let finding = Native::new(finding);
    let arn = finding.need_text("findingArn")?;
    let title = finding.text("title").unwrap_or(arn);
    let description = finding.text("description").unwrap_or(title);
    // A finding names its account; the Region stands only in its ARN.
    let own = Place {
        account: finding.need_account("awsAccountId")?,
        ..place_of_arn("findingArn", arn)?
    };
    let last_observed = finding.need_moment("lastObservedAt")?;
    let vulnerabilities = vulnerability::all(finding)?;
    let mut document = Document::new(Required {
        place: own,
        product: "aws/inspector",
        id: arn,
        generator: "AWSInspector",
        types: vec![kind(finding)?.to_owned()],
        created_at: finding.need_moment("firstObservedAt")?,
        updated_at: finding.moment("updatedAt").unwrap_or(last_observed),
        severity: severity(finding)?,
        title,
        description: &marked(description, DESCRIPTION_MAX, DESCRIPTION_MARK),
    })?;
    document.set("FirstObservedAt", finding.moment("firstObservedAt"));
    document.set("LastObservedAt", last_observed);
    document.archive(finding.text("status") != Some("ACTIVE"));
    let recommendation = finding.at("remediation/recommendation");
    document.recommend(advice(finding), recommendation.text("Url"));
    document.set("Vulnerabilities", vulnerabilities);
    let reachability = finding.at("networkReachabilityDetails");
    document.set("Network", network(reachability));
    document.set("NetworkPath", network_path(reachability));
    document.set("GeneratorDetails", vulnerability::detector(finding));
    product_fields(finding, &mut document.fields);
    for resource in finding.items("resources") {
        if let Some(resource) = resources::resource(resource, &document.place) {
            document.resource(resource);
        }
    }
    document.finish("aws/inspector/truncated")
}

fn kind(finding: Native<'_>) -> Result<&'static str, Unmappable> {
    match finding.need_text("type")? {
        "PACKAGE_VULNERABILITY" => Ok("Software and Configuration Checks/Vulnerabilities/CVE"),
        "CODE_VULNERABILITY" => Ok("Software and Configuration Checks/Vulnerabilities/CWE"),
        "NETWORK_REACHABILITY" => {
            Ok("Software and Configuration Checks/AWS Security Best Practices/Network Reachability")
        }
        _ => Ok("Software and Configuration Checks"),
    }
}

fn severity(finding: Native<'_>) -> Result<Object, Unmappable> {
    const FIELD: &str = "severity";
    match finding.need_text(FIELD)? {
        text @ "UNTRIAGED" => Ok(labeled(Severity::Informational).with("Original", text)),
        text => match text.parse() {
            Ok(severity) => Ok(labeled(severity)),
            Err(error) => Err(invalid(FIELD, &error)),
        },
    }
}

/// Inspector gives packages no text of their own; Security Hub then shows where the fix stands.
fn advice(finding: Native<'_>) -> Option<&str> {
    let text = finding.text("remediation/recommendation/text");
    let fixable = matches!(finding.text("fixAvailable"), Some("YES" | "PARTIAL"));
    let silent = matches!(text, None | Some("None Provided"));
    if fixable && silent {
        Some(FIX_AVAILABLE)
    } else {
        text
    }
}

fn network(reachability: Native<'_>) -> Object {
    if !reachability.exists() {
        return Object::default();
    }
    let ports = reachability.at("openPortRange");
    let (begin, end) = (ports.whole("begin"), ports.whole("end"));
    let protocol = reachability.text("protocol");
    Object::default()
        .with("Direction", "IN")
        .with("Protocol", protocol.map(|protocol| cut(protocol, 16)))
        .with("OpenPortRange", capitalized(ports))
        .with("DestinationPort", begin.filter(|_| begin == end))
}

/// The steps from the outside to the resource.
fn network_path(reachability: Native<'_>) -> Vec<Object> {
    let steps = reachability.items("networkPath/steps");
    let component = |step: Native<'_>| {
        Object::default()
            .with("ComponentId", step.text("componentId"))
            .with("ComponentType", step.text("componentType"))
    };
    steps.map(component).collect()
}

fn product_fields(finding: Native<'_>, fields: &mut Fields) {
    fields.push(format!("{FIELDS}/ProductVersion"), "2");
    fields.flatten(&format!("{FIELDS}/FindingStatus"), finding.at("status"));
    fields.flatten(
        &format!("{FIELDS}/inspectorScore"),
        finding.at("inspectorScore"),
    );
    resources::product_fields(finding, FIELDS, fields);
    vulnerability::product_fields(finding, FIELDS, fields);
    let reachability = finding.at("networkReachabilityDetails");
    let path = format!("{FIELDS}/networkReachabilityDetails/");
    fields.rest(&path, reachability, &["networkPath"]);
    fields.rest(&format!("{FIELDS}/"), finding, &TOLD);
}

/// The members that stand elsewhere in the document.
const TOLD: [&str; 21] = [
    "awsAccountId",
    "codeVulnerabilityDetails",
    "description",
    "epss",
    "exploitAvailable",
    "exploitabilityDetails",
    "findingArn",
    "firstObservedAt",
    "fixAvailable",
    "inspectorScore",
    "inspectorScoreDetails",
    "lastObservedAt",
    "networkReachabilityDetails",
    "packageVulnerabilityDetails",
    "remediation",
    "resources",
    "severity",
    "status",
    "title",
    "type",
    "updatedAt",
];

//! Findings in the Open Cybersecurity Schema Framework, as Prowler and Security Hub V2 write them.
//!
//! Source: OCSF 1.6.0, classes 2001 to 2007; Prowler's OCSF and ASFF outputs, of which the second says how Prowler maps
//! to ASFF itself; findings as Security Hub V2 shows them. Decided here: the finding's `uid` is the id; a product that
//! names no Security Hub product is `product/{vendor}/{name}`, in lower case with hyphens; a closed finding is archived;
//! what ASFF has no place for stands in the product fields below the product.

mod compliance;
mod resources;
mod vulnerabilities;

use muster_common::account::{Partition, Region};
use muster_common::finding::Severity;
use muster_common::timestamp::Timestamp;
use serde_json::Value;

use super::document::{Document, Required, labeled};
use super::fields::Fields;
use super::native::{Native, invalid};
use super::object::Object;
use super::text::cut;
use super::{Place, Unmappable};

const PROWLER: &str = "prowler/prowler";

pub(super) fn document(finding: &Value, fallback: &Place) -> Result<Value, Unmappable> {
    let finding = Native::new(finding);
    check_class(finding)?;
    let place = place(finding, fallback)?;
    let info = info(finding);
    let product = product(finding)?;
    let generator = generator(finding, &product);
    let title = title(finding)?;
    let created_at = created_at(finding)?;
    let types = info.texts("types").into_iter().map(str::to_owned);
    let mut document = Document::new(Required {
        place,
        product: &product,
        id: id(finding)?,
        generator: &generator,
        types: types.collect(),
        created_at,
        updated_at: updated_at(finding).unwrap_or(created_at),
        severity: severity(finding)?,
        title,
        description: description(finding, &product).unwrap_or(title),
    })?;
    // Prowler knows no other time than that of its scan.
    let scanned = (product == PROWLER).then_some(created_at);
    document.set(
        "FirstObservedAt",
        moment(info, "first_seen_time").or(scanned),
    );
    document.set("LastObservedAt", moment(info, "last_seen_time"));
    document.set("Confidence", confidence(finding));
    document.archive(is_closed(finding));
    let url = references(finding).find(|text| text.starts_with("http"));
    document.recommend(finding.text("remediation/desc"), url);
    document.set("SourceUrl", info.text("src_url"));
    document.set("Workflow", workflow(finding));
    document.set("Compliance", compliance::compliance(finding));
    document.set("Vulnerabilities", vulnerabilities::all(finding));
    let related = info.items("related_events");
    let related = related.filter_map(|event| Some(document.related(event.text("uid")?)));
    let related = related.collect();
    document.list("RelatedFindings", related, RELATED_MAX);
    document.fields.keeps_empty = false;
    product_fields(finding, &product, &mut document.fields);
    for resource in finding.items("resources") {
        if let Some(resource) = resources::resource(resource, &document.place) {
            document.resource(resource);
        }
    }
    document.finish(&format!("{product}/truncated"))
}

/// Source: Security Hub API Reference, `AwsSecurityFinding`.
const RELATED_MAX: usize = 10;

/// # Errors
/// The document is no finding.
fn check_class(finding: Native<'_>) -> Result<(), Unmappable> {
    const FIELD: &str = "class_uid";
    let of_type = || finding.whole("type_uid").map(|kind| kind / 100);
    match finding.whole(FIELD).or_else(of_type) {
        Some(2000..3000) => Ok(()),
        Some(class) => Err(Unmappable::Wrong {
            field: FIELD,
            what: format!("class {class} is none of the findings (2001 to 2007)"),
        }),
        None => Err(Unmappable::Missing(FIELD)),
    }
}

/// # Errors
/// The finding is about another cloud, or does not say about which account and Region it is.
fn place(finding: Native<'_>, fallback: &Place) -> Result<Place, Unmappable> {
    const PROVIDER: &str = "cloud/provider";
    const REGION: &str = "cloud/region";
    let provider = finding.need_text(PROVIDER)?;
    if !provider.eq_ignore_ascii_case("aws") {
        return Err(Unmappable::Wrong {
            field: PROVIDER,
            what: format!("`{}` is not AWS", cut(provider, 64)),
        });
    }
    let first = finding.items("resources").next().unwrap_or_default();
    let region: Region = match (finding.text(REGION), first.text("region")) {
        (None, Some(text)) => text
            .parse()
            .map_err(|error| invalid("resources/region", &error))?,
        (Some(_), _) | (None, None) => finding.need_region(REGION)?,
    };
    let partition = finding
        .text("cloud/cloud_partition")
        .or_else(|| first.text("cloud_partition"));
    let partition: Partition = match partition {
        Some(text) => text
            .parse()
            .map_err(|error| invalid("cloud_partition", &error))?,
        None => fallback.partition,
    };
    Ok(Place {
        account: finding.need_account("cloud/account/uid")?,
        partition,
        region,
    })
}

/// What the finding is; the deprecated class 2001 has it in another place.
fn info(finding: Native<'_>) -> Native<'_> {
    match finding.at("finding_info") {
        info if info.exists() => info,
        _ => finding.at("finding"),
    }
}

fn id(finding: Native<'_>) -> Result<&str, Unmappable> {
    info(finding)
        .text("uid")
        .ok_or(Unmappable::Missing("finding_info/uid"))
}

fn title(finding: Native<'_>) -> Result<&str, Unmappable> {
    info(finding)
        .text("title")
        .or_else(|| finding.text("message"))
        .ok_or(Unmappable::Missing("finding_info/title"))
}

/// Prowler says in the description what the check is about, and in the status what it found.
fn description<'a>(finding: Native<'a>, product: &str) -> Option<&'a str> {
    let description = info(finding).text("desc");
    let detail = finding.text("status_detail");
    let message = finding.text("message");
    if product == PROWLER {
        detail.or(message).or(description)
    } else {
        description.or(message).or(detail)
    }
}

/// # Errors
/// Nothing names the product.
fn product(finding: Native<'_>) -> Result<String, Unmappable> {
    let product = finding.at("metadata/product");
    let of_hub = product.text("uid").and_then(hub_product);
    if let Some(known) = of_hub {
        return Ok(known);
    }
    let named = |path| product.text(path).map(slug).filter(|slug| !slug.is_empty());
    let (vendor, name) = (named("vendor_name"), named("name"));
    match (vendor, name) {
        (Some(vendor), Some(name)) => Ok(format!("{vendor}/{name}")),
        (Some(only), None) | (None, Some(only)) => Ok(format!("{only}/{only}")),
        (None, None) => Err(Unmappable::Missing("metadata/product/name")),
    }
}

/// The product of a Security Hub ARN, `arn:aws:securityhub:us-east-1::productv2/aws/guardduty`.
fn hub_product(arn: &str) -> Option<String> {
    let (_, product) = arn
        .split_once(":productv2/")
        .or_else(|| arn.split_once(":product/"))?;
    let (company, name) = product.split_once('/')?;
    let (company, name) = (slug(company), slug(name));
    (!company.is_empty() && !name.is_empty()).then(|| format!("{company}/{name}"))
}

fn slug(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    cut(&words.join("-").to_ascii_lowercase(), 128).to_owned()
}

/// What found it: the check, the control, the rule; else the product.
fn generator(finding: Native<'_>, product: &str) -> String {
    let event = finding.text("metadata/event_code");
    if let (PROWLER, Some(check)) = (product, event) {
        return format!("prowler-{check}");
    }
    let analytic = info(finding).at("analytic");
    event
        .or_else(|| finding.text("compliance/control"))
        .or_else(|| analytic.text("uid"))
        .or_else(|| analytic.text("name"))
        .unwrap_or(product)
        .to_owned()
}

/// The time at this name or, as text, at the name with `_dt`.
fn moment(native: Native<'_>, name: &str) -> Option<Timestamp> {
    native
        .moment(&format!("{name}_dt"))
        .or_else(|| native.moment(name))
}

fn created_at(finding: Native<'_>) -> Result<Timestamp, Unmappable> {
    moment(info(finding), "created_time")
        .or_else(|| event_time(finding))
        .ok_or(Unmappable::Missing("time"))
}

fn updated_at(finding: Native<'_>) -> Option<Timestamp> {
    moment(info(finding), "modified_time").or_else(|| event_time(finding))
}

/// Prowler before version 4.5 calls it `event_time`.
fn event_time(finding: Native<'_>) -> Option<Timestamp> {
    moment(finding, "time").or_else(|| finding.moment("event_time"))
}

/// 1 is informational, 5 critical, 6 fatal; 0 and 99 say nothing, and the word may.
fn severity(finding: Native<'_>) -> Result<Object, Unmappable> {
    const FIELD: &str = "severity_id";
    let word = finding.text("severity");
    let spoken = word.and_then(|word| word.to_ascii_uppercase().parse().ok());
    let severity = match finding.whole(FIELD) {
        Some(1) => Severity::Informational,
        Some(2) => Severity::Low,
        Some(3) => Severity::Medium,
        Some(4) => Severity::High,
        Some(5 | 6) => Severity::Critical,
        Some(_) => spoken.unwrap_or(Severity::Informational),
        None => spoken.ok_or(Unmappable::Missing(FIELD))?,
    };
    Ok(labeled(severity).with("Original", word.map(|word| cut(word, 64))))
}

fn confidence(finding: Native<'_>) -> Option<i64> {
    let score = finding.whole("confidence_score");
    score.filter(|score| (0..=100).contains(score))
}

/// Activity 3 is close, status 5 archived.
fn is_closed(finding: Native<'_>) -> bool {
    finding.whole("activity_id") == Some(3) || finding.whole("status_id") == Some(5)
}

/// Only the words count: Prowler 4 numbers what is new as suppressed.
fn workflow(finding: Native<'_>) -> Object {
    let status = match finding.text("status") {
        Some("Suppressed") => Some("SUPPRESSED"),
        Some("Resolved") => Some("RESOLVED"),
        Some(_) | None => None,
    };
    Object::default().with("Status", status)
}

fn references<'a>(finding: Native<'a>) -> impl Iterator<Item = &'a str> {
    finding.texts("remediation/references").into_iter()
}

/// First what Prowler puts into its own ASFF.
fn product_fields(finding: Native<'_>, product: &str, fields: &mut Fields) {
    if product == PROWLER {
        fields.push("ProviderName", "Prowler");
        fields.flatten("ProviderVersion", finding.at("metadata/product/version"));
        let first = finding.items("resources").next().unwrap_or_default();
        fields.flatten("ProwlerResourceName", first.at("uid"));
    }
    let described = description(finding, product);
    for path in ["finding_info/desc", "message", "status_detail"] {
        if finding.text(path) != described {
            fields.flatten(&format!("{product}/{path}"), finding.at(path));
        }
    }
    for (path, told) in TOLD {
        let prefix = match *path {
            "" => format!("{product}/"),
            path => format!("{product}/{path}/"),
        };
        fields.rest(&prefix, finding.at(path), told);
    }
    compliance::product_fields(finding, &format!("{product}/compliance"), fields);
}

/// The members, by where they are, that stand elsewhere in the document, and the names of numbers that stand there.
const TOLD: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "activity_id",
            "activity_name",
            "category_name",
            "category_uid",
            "class_name",
            "class_uid",
            "cloud",
            "compliance",
            "confidence_score",
            "event_time",
            "finding_info",
            "message",
            "metadata",
            "remediation",
            "resources",
            "severity",
            "severity_id",
            "status_detail",
            "status_id",
            "time",
            "time_dt",
            "type_name",
            "type_uid",
            "unmapped",
            "vulnerabilities",
        ],
    ),
    (
        "finding_info",
        &[
            "created_time",
            "created_time_dt",
            "desc",
            "first_seen_time",
            "first_seen_time_dt",
            "last_seen_time",
            "last_seen_time_dt",
            "modified_time",
            "modified_time_dt",
            "product_uid",
            "related_events",
            "src_url",
            "title",
            "types",
            "uid",
        ],
    ),
    ("unmapped", &["compliance"]),
    (
        "compliance",
        &[
            "control",
            "control_parameters",
            "requirements",
            "standards",
            "status",
            "status_id",
        ],
    ),
    ("remediation", &["desc"]),
    (
        "cloud",
        &["account", "cloud_partition", "provider", "region"],
    ),
    ("cloud/account", &["type", "type_id", "uid"]),
    ("metadata", &["event_code", "product", "profiles"]),
    ("metadata/product", &["name", "uid", "vendor_name"]),
];

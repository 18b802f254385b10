//! `Vulnerabilities` of class 2002.
//!
//! Source: OCSF 1.6.0, `vulnerability`; Security Hub API Reference, `Vulnerability`.

use super::super::native::Native;
use super::super::object::Object;
use super::moment;

pub(super) fn all(finding: Native<'_>) -> Vec<Object> {
    finding
        .items("vulnerabilities")
        .filter_map(vulnerability)
        .collect()
}

/// What names no vulnerability is none.
fn vulnerability(native: Native<'_>) -> Option<Object> {
    let id = native
        .text("cve/uid")
        .or_else(|| native.text("advisory/uid"))
        .or_else(|| native.text("cwe/uid"))
        .or_else(|| native.text("title"))?;
    let packages = native.items("affected_packages").map(package);
    let scores = native.items("cve/cvss").map(score);
    let fixable = native
        .flag("is_fix_available")
        .or_else(|| native.flag("fix_available"));
    let vendor = native.text("vendor_name").map(|name| {
        Object::default()
            .with("Name", name)
            .with("Url", native.text("cve/references"))
            .with("VendorSeverity", native.text("severity"))
            .with("VendorCreatedAt", moment(native.at("cve"), "created_time"))
            .with("VendorUpdatedAt", moment(native.at("cve"), "modified_time"))
    });
    let epss = native.at("cve/epss/score");
    let epss = epss.number("").cloned().or_else(|| {
        let text = epss.text("")?;
        serde_json::Number::from_f64(text.parse().ok()?)
    });
    let vulnerability = Object::default()
        .with("Id", id)
        .with("VulnerablePackages", packages.collect::<Vec<_>>())
        .with("Cvss", scores.collect::<Vec<_>>())
        .with(
            "RelatedVulnerabilities",
            native.texts("related_vulnerabilities"),
        )
        .with("Vendor", vendor)
        .with("ReferenceUrls", native.texts("references"))
        .with("FixAvailable", fixable.map(answer))
        .with("EpssScore", epss.as_ref())
        .with(
            "ExploitAvailable",
            native.flag("is_exploit_available").map(answer),
        )
        .with(
            "LastKnownExploitAt",
            moment(native, "exploit_last_seen_time"),
        )
        .with("CodeVulnerabilities", code(native));
    Some(vulnerability)
}

fn answer(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn package(native: Native<'_>) -> Object {
    let epoch = native.whole("epoch").map(|epoch| epoch.to_string());
    Object::default()
        .with("Name", native.text("name"))
        .with("Version", native.text("version"))
        .with("Epoch", epoch)
        .with("Release", native.text("release"))
        .with("Architecture", native.text("architecture"))
        .with("PackageManager", native.text("package_manager"))
        .with("FilePath", native.text("path"))
        .with("FixedInVersion", native.text("fixed_in_version"))
        .with("Remediation", native.text("remediation/desc"))
}

fn score(native: Native<'_>) -> Object {
    let source = native.text("vendor_name");
    Object::default()
        .with("Version", native.text("version"))
        .with("BaseScore", native.number("base_score"))
        .with("BaseVector", native.text("vector_string"))
        .with("Source", source.or_else(|| native.text("src_url")))
}

fn code(native: Native<'_>) -> Vec<Object> {
    let cwes: Vec<&str> = native.text("cwe/uid").into_iter().collect();
    let places = native.items("affected_code").map(|place| {
        let file = Object::default()
            .with("FileName", place.text("file/name"))
            .with("FilePath", place.text("file/path"))
            .with("StartLine", place.whole("start_line"))
            .with("EndLine", place.whole("end_line"));
        Object::default()
            .with("Cwes", cwes.clone())
            .with("FilePath", file)
    });
    places.collect()
}

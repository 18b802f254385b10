//! `Compliance`: what a control or a check came to.
//!
//! Source: OCSF 1.6.0, `compliance`; Prowler's ASFF output.

use super::super::fields::Fields;
use super::super::native::Native;
use super::super::object::Object;
use super::super::text::abridged;

/// Limits of the format. Source: Security Hub API Reference, `Compliance`.
const STANDARDS_MAX: usize = 20;
const REQUIREMENTS_MAX: usize = 32;
const REQUIREMENT_MAX: usize = 64;
const REASONS_MAX: usize = 20;

pub(super) fn compliance(finding: Native<'_>) -> Object {
    let compliance = finding.at("compliance");
    let Some(status) = status(finding) else {
        return Object::default();
    };
    let standards = standards(finding).into_iter().take(STANDARDS_MAX);
    let standards = standards.map(|id| Object::default().with("StandardsId", id));
    let requirements = requirements(finding).into_iter().take(REQUIREMENTS_MAX);
    let parameters = compliance.items("control_parameters").map(|parameter| {
        Object::default()
            .with("Name", parameter.text("name"))
            .with("Value", parameter.texts("values"))
    });
    let reasons = reasons(compliance).take(REASONS_MAX);
    Object::default()
        .with("Status", status)
        .with("StatusReasons", reasons.collect::<Vec<_>>())
        .with("SecurityControlId", compliance.text("control"))
        .with("AssociatedStandards", standards.collect::<Vec<_>>())
        .with("RelatedRequirements", requirements.collect::<Vec<_>>())
        .with("SecurityControlParameters", parameters.collect::<Vec<_>>())
}

/// The status of a compliance finding, else Prowler's, to which what is muted is a warning. Other findings have none.
fn status(finding: Native<'_>) -> Option<&'static str> {
    let compliance = finding.at("compliance");
    if compliance.exists() {
        return Some(match compliance.whole("status_id") {
            Some(1) => "PASSED",
            Some(2) => "WARNING",
            Some(3) => "FAILED",
            Some(_) | None => spoken(compliance.text("status").unwrap_or_default()),
        });
    }
    match (finding.text("status_code")?, finding.text("status")) {
        ("PASS" | "FAIL" | "MANUAL", Some("Suppressed")) => Some("WARNING"),
        (code @ ("PASS" | "FAIL" | "MANUAL"), _) => Some(spoken(code)),
        (_, _) => None,
    }
}

fn spoken(word: &str) -> &'static str {
    match word.to_ascii_uppercase().as_str() {
        "PASS" => "PASSED",
        "WARNING" => "WARNING",
        "FAIL" => "FAILED",
        _ => "NOT_AVAILABLE",
    }
}

/// What was not met.
fn reasons<'a>(compliance: Native<'a>) -> impl Iterator<Item = Object> {
    let failed = compliance.items("assessments");
    let failed = failed.filter(|assessment| assessment.flag("meets_criteria") == Some(false));
    failed.filter_map(|assessment| {
        let reason = Object::default()
            .with("ReasonCode", assessment.text("name")?)
            .with("Description", assessment.text("desc"));
        Some(reason)
    })
}

fn standards(finding: Native<'_>) -> Vec<&str> {
    let own = finding.texts("compliance/standards");
    let prowler = finding.at("unmapped/compliance").members();
    let prowler = prowler.map(|(framework, _)| framework.as_str());
    let named = prowler.filter(|framework| !framework.trim().is_empty());
    own.into_iter().chain(named).collect()
}

/// Prowler's in its own form: a framework and the numbers in it.
fn requirements(finding: Native<'_>) -> Vec<String> {
    let own = finding.texts("compliance/requirements");
    let own = own.into_iter().map(str::to_owned);
    let prowler = finding.at("unmapped/compliance").members();
    let prowler = prowler.map(|(framework, numbers)| {
        let numbers = numbers.texts("").join(" ");
        format!("{framework} {numbers}")
    });
    own.chain(prowler)
        .map(|text| abridged(text.trim(), REQUIREMENT_MAX))
        .filter(|text| !text.is_empty())
        .collect()
}

/// All requirements, if `Compliance` has no room for all.
pub(super) fn product_fields(finding: Native<'_>, path: &str, fields: &mut Fields) {
    let requirements = requirements(finding);
    if requirements.len() > REQUIREMENTS_MAX || standards(finding).len() > STANDARDS_MAX {
        fields.push(format!("{path}/requirements"), &requirements.join(", "));
    }
}

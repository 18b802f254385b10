//! The report as CSV files: all rows, where the page has the first ones.

use muster_proto::v1 as wire;

use super::unknowns::gap;
use super::{Facts, Held};
use crate::commands::control::place;
use crate::commands::member::status_name as status_of;
use crate::failure::Failure;
use crate::naming;
use crate::output::Cell;
use crate::score::{numbers, status_name};
use crate::when::absolute;

/// A file of a report.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub content: Vec<u8>,
}

/// A name that any file system takes.
pub(super) fn safe(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|char| match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' => char,
            _ => '-',
        })
        .take(80)
        .collect();
    // No hidden file.
    match safe.strip_prefix('.') {
        Some(rest) => format!("-{rest}"),
        None => safe,
    }
}

pub(super) fn all(facts: &Facts) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    for held in &facts.standards {
        files.extend([
            controls(held)?,
            accounts(held)?,
            history(held)?,
            resources(held)?,
        ]);
    }
    files.extend([
        unknowns(facts)?,
        coverage(facts)?,
        disabled(facts)?,
        members(facts)?,
    ]);
    Ok(files)
}

/// A table. Texts that a spreadsheet would run as formulas are disarmed.
fn csv(name: &str, headers: &[&str], rows: Vec<Vec<String>>) -> Result<File, Failure> {
    let failed = |error: csv::Error| Failure::other(format!("{name}: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(headers).map_err(failed)?;
    for row in rows {
        let plain = row.into_iter().map(|text| Cell::from(text).plain());
        writer.write_record(plain).map_err(failed)?;
    }
    let content = writer
        .into_inner()
        .map_err(|error| Failure::other(format!("{name}: {error}")))?;
    Ok(File {
        name: name.to_owned(),
        content,
    })
}

fn of(held: &Held, what: &str) -> String {
    format!("{}-{what}.csv", held.short)
}

/// A table of scores; the first column says of whom or when.
fn scores<'a>(
    name: &str,
    first: &str,
    scores: impl Iterator<Item = (&'a str, &'a wire::Score)>,
) -> Result<File, Failure> {
    let headers = [
        first,
        "percent",
        "percent_least",
        "percent_most",
        "passed",
        "failed",
        "unknown",
        "no_data",
        "disabled",
    ];
    let row = |(first, score): (&str, &wire::Score)| {
        let percents = [score.percent, score.percent_least, score.percent_most];
        let known = |percent: Option<u32>| percent.map_or_else(String::new, |one| one.to_string());
        let mut row = vec![first.to_owned()];
        row.extend(percents.map(known));
        row.extend(numbers(score).map(|count| count.to_string()));
        row
    };
    csv(name, &headers, scores.map(row).collect())
}

fn controls(held: &Held) -> Result<File, Failure> {
    let headers = [
        "control",
        "status",
        "severity",
        "requirements",
        "passed",
        "failed",
        "warning",
        "not_available",
        "title",
        "remediation",
    ];
    let row = |standing: &wire::ControlStanding| {
        let id = naming::id(&standing.control);
        let control = held.control(id);
        vec![
            id.to_owned(),
            status_name(standing.status()).to_owned(),
            standing.severity.clone(),
            standing.requirements.join(" "),
            standing.passed.to_string(),
            standing.failed.to_string(),
            standing.warning.to_string(),
            standing.not_available.to_string(),
            standing.title.clone(),
            control.map_or_else(String::new, |control| control.remediation.clone()),
        ]
    };
    let rows = held.score.controls.iter().map(row).collect();
    csv(&of(held, "controls"), &headers, rows)
}

fn accounts(held: &Held) -> Result<File, Failure> {
    let accounts = held.accounts.iter();
    let accounts = accounts.map(|score| (score.account.as_str(), score));
    scores(&of(held, "accounts"), "account", accounts)
}

fn history(held: &Held) -> Result<File, Failure> {
    let unknown = wire::Score::default();
    let days = held.history.iter();
    let days = days.map(|day| (day.date.as_str(), day.score.as_ref().unwrap_or(&unknown)));
    scores(&of(held, "history"), "date", days)
}

fn resources(held: &Held) -> Result<File, Failure> {
    let row = |group: &wire::Group| {
        let mut row = group.values.clone();
        row.resize(3, String::new());
        row.push(group.count.to_string());
        row
    };
    csv(
        &of(held, "resources"),
        &["resource", "type", "account", "failed"],
        held.resources.groups.iter().map(row).collect(),
    )
}

fn unknowns(facts: &Facts) -> Result<File, Failure> {
    let ranked = facts.unknowns.ranked();
    let rows = ranked.into_iter().map(|(reason, group)| {
        let listed = |items: &std::collections::BTreeSet<String>| {
            items
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(" ")
        };
        vec![
            reason.code.clone(),
            reason.text.clone(),
            group.findings.to_string(),
            listed(&group.controls),
            listed(&group.accounts),
        ]
    });
    csv(
        "unknown.csv",
        &["reason", "detail", "findings", "controls", "accounts"],
        rows.collect(),
    )
}

fn coverage(facts: &Facts) -> Result<File, Failure> {
    let row = |coverage: &wire::Coverage| {
        vec![
            coverage.account.clone(),
            coverage.region.clone(),
            coverage.resource_type.clone(),
            absolute(coverage.complete_at.as_ref()),
            absolute(coverage.tried_at.as_ref()),
            gap(coverage, facts.generated_at).unwrap_or_default(),
        ]
    };
    csv(
        "unread.csv",
        &[
            "account", "region", "type", "read_at", "tried_at", "trouble",
        ],
        facts.troubles.iter().map(row).collect(),
    )
}

fn disabled(facts: &Facts) -> Result<File, Failure> {
    let row = |(control, disabling): &(wire::Control, wire::Disabling)| {
        vec![
            naming::id(&control.name).to_owned(),
            control.severity.clone(),
            place(disabling),
            disabling.reason.clone(),
            disabling.actor.clone(),
            absolute(disabling.at.as_ref()),
            control.title.clone(),
        ]
    };
    csv(
        "disabled.csv",
        &[
            "control", "severity", "where", "reason", "by", "at", "title",
        ],
        facts.disabled.iter().map(row).collect(),
    )
}

fn members(facts: &Facts) -> Result<File, Failure> {
    let row = |member: &wire::Member| {
        vec![
            member.account_id.clone(),
            member.account_name.clone(),
            status_of(member.status()).to_owned(),
            member.agent_count.to_string(),
        ]
    };
    csv(
        "members.csv",
        &["account", "name", "status", "agents"],
        facts.members.values().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn text(name: &str) -> String {
        let file = all(&sample::facts())
            .unwrap()
            .into_iter()
            .find(|file| file.name == name)
            .unwrap();
        String::from_utf8(file.content).unwrap()
    }

    #[test]
    fn every_standard_has_its_files() {
        let files = all(&sample::facts()).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        insta::assert_snapshot!(names.join("\n"), @"
        cis-3.0.0-controls.csv
        cis-3.0.0-accounts.csv
        cis-3.0.0-history.csv
        cis-3.0.0-resources.csv
        unknown.csv
        unread.csv
        disabled.csv
        members.csv
        ");
    }

    #[test]
    fn rows_are_quoted_and_run_nothing() {
        insta::assert_snapshot!(text("disabled.csv"), @r#"
        control,severity,where,reason,by,at,title
        S3.8,HIGH,in account 111122223333,"'=HYPERLINK(""x""), a public ""website""",ana,2026-10-19T11:06:40.000Z,What S3.8 is about stands as it should
        "#);
        insta::assert_snapshot!(text("unknown.csv"), @"
        reason,detail,findings,controls,accounts
        AccessDenied,cloudtrail:GetTrailStatus answered <AccessDenied>,2,CloudTrail.1,111122223333 222233334444
        ");
        insta::assert_snapshot!(text("cis-3.0.0-accounts.csv"), @"
        account,percent,percent_least,percent_most,passed,failed,unknown,no_data,disabled
        111122223333,25,25,50,1,2,1,1,1
        222233334444,60,60,85,1,2,1,1,1
        ");
    }

    #[test]
    fn names_of_files_lead_nowhere_else() {
        assert_eq!(safe("cis-3.0.0"), "cis-3.0.0");
        assert_eq!(safe("../../etc/passwd"), "-.-..-etc-passwd");
        assert_eq!(safe("a/b\\c:d\n"), "a-b-c-d-");
        assert_eq!(safe(&"x".repeat(500)).len(), 80);
    }
}

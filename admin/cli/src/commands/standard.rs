//! `muster standard`.

mod score;

use clap::Subcommand;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::counted;
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Paint, Printer};
use crate::score as scores;
use crate::session::Session;

const HEADERS: &[&str] = &["ID", "TITLE", "ENABLED", "CONTROLS", "SCORE"];

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List standards with their scores
    #[command(
        after_help = "A standard may be named in short, such as cis-3.0 or fsbp.\n\nExamples:\n  muster standard list\n  muster standard list -o json"
    )]
    List,
    /// Check every account against a standard from now on
    #[command(after_help = "Examples:\n  muster standard enable cis-3.0.0")]
    Enable {
        /// As 'muster standard list' shows it, or shorter
        name: String,
    },
    /// Check against a standard no more: controls that only it has stop, and their findings are archived
    #[command(after_help = "Examples:\n  muster standard disable cis-1.2.0")]
    Disable {
        /// As 'muster standard list' shows it, or shorter
        name: String,
    },
    /// How the organization or an account stands: the score, and the status of every control
    #[command(
        after_help = "A score is the share of controls that passed among those that passed, failed or are unknown. The interval says what it could be if every unknown control failed, and if every one passed.\n\nExamples:\n  muster standard score cis-3.0 --failed\n  muster standard score fsbp --account 111122223333\n  muster standard score fsbp --accounts --limit 10\n  muster standard score --history --days 90"
    )]
    Score(score::Arguments),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List => list(session, printer).await,
        Command::Enable { name } => {
            let standards = all(session).await?;
            let name = naming::standard(&name, &standards)?.name.clone();
            let request = wire::EnableStandardRequest { name };
            let answer = session.standards().enable_standard(request).await?;
            told(&answer.into_inner(), "enabled", &standards, printer)
        }
        Command::Disable { name } => {
            let standards = all(session).await?;
            let name = naming::standard(&name, &standards)?.name.clone();
            let request = wire::DisableStandardRequest { name };
            let answer = session.standards().disable_standard(request).await?;
            told(&answer.into_inner(), "disabled", &standards, printer)
        }
        Command::Score(arguments) => score::run(&arguments, session, printer).await,
    }
}

/// Every standard there is.
pub(crate) async fn all(session: &Session) -> Result<Vec<wire::Standard>, Failure> {
    let request = wire::ListStandardsRequest {};
    let answer = session.standards().list_standards(request).await?;
    Ok(answer.into_inner().standards)
}

/// The standard that a short name means.
pub(crate) async fn named(given: &str, session: &Session) -> Result<wire::Standard, Failure> {
    naming::standard(given, &all(session).await?).cloned()
}

async fn list(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let standards = all(session).await?;
    let mut list = printer.list(HEADERS);
    for standard in &standards {
        let score = match standard.enabled {
            true => Some(of(&standard.name, "", session).await?),
            false => None,
        };
        let short = naming::short(&standard.name, &standards);
        list.push(
            row(standard, &short, score.as_ref(), printer.format),
            || document(standard, &short, score.as_ref()),
        )?;
    }
    let enabled = standards.iter().filter(|standard| standard.enabled).count();
    let all = counted(standards.len() as u64, "standard", "standards");
    list.finish(&format!("{all}, {enabled} enabled"))
}

/// The score of the organization or of an account, by a standard or by all enabled controls.
pub(crate) async fn of(
    standard: &str,
    account: &str,
    session: &Session,
) -> Result<wire::Score, Failure> {
    let request = wire::GetScoreRequest {
        standard: standard.to_owned(),
        account: account.to_owned(),
    };
    Ok(session.standards().get_score(request).await?.into_inner())
}

fn row(
    standard: &wire::Standard,
    short: &str,
    score: Option<&wire::Score>,
    format: Format,
) -> Vec<Cell> {
    let enabled = if standard.enabled {
        Cell::new("yes", Paint::Good)
    } else {
        Cell::new("no", Paint::Dim)
    };
    // Programs get the whole id.
    let id = match format {
        Format::Table => short,
        Format::Json | Format::Jsonl | Format::Csv => naming::id(&standard.name),
    };
    vec![
        id.into(),
        Cell::free(standard.title.as_str()),
        enabled,
        u64::from(standard.control_count).into(),
        score.map_or_else(|| Cell::exactly("-", "").dim(), scores::cell),
    ]
}

fn document(standard: &wire::Standard, short: &str, score: Option<&wire::Score>) -> Json {
    json!({
        "id": naming::id(&standard.name),
        "short": short,
        "title": standard.title,
        "enabled": standard.enabled,
        "controls": standard.control_count,
        "arn": standard.arn,
        "percent": score.and_then(|score| score.percent),
        "percentLeast": score.and_then(|score| score.percent_least),
        "percentMost": score.and_then(|score| score.percent_most),
    })
}

fn told(
    standard: &wire::Standard,
    what: &str,
    standards: &[wire::Standard],
    printer: &Printer,
) -> Result<(), Failure> {
    let id = naming::id(&standard.name);
    match printer.format {
        Format::Table => {
            let controls = counted(u64::from(standard.control_count), "control", "controls");
            printer.done(&format!("{id} {what}: {controls}"))
        }
        Format::Json | Format::Jsonl | Format::Csv => {
            let short = naming::short(&standard.name, standards);
            printer.one(&[("id", id.into())], &document(standard, &short, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;

    #[test]
    fn standards_are_a_table() {
        let standards = naming::tests::standards();
        let score = wire::Score {
            percent: Some(71),
            percent_least: Some(69),
            percent_most: Some(80),
            ..wire::Score::default()
        };
        let rows: Vec<Vec<Cell>> = standards
            .iter()
            .map(|standard| {
                let short = naming::short(&standard.name, &standards);
                let score = standard.enabled.then_some(&score);
                row(standard, &short, score, Format::Table)
            })
            .collect();
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        ID           TITLE                          ENABLED  CONTROLS  SCORE
        fsbp-1.0.0   AWS Foundational Security…     yes      37        71 % (69 to 80 %)
        cis-1.2.0    CIS AWS Foundations Benchmar…  no       37        -
        cis-3.0.0    CIS AWS Foundations Benchmar…  yes      37        71 % (69 to 80 %)
        house-rules  Rules of the house             yes      37        71 % (69 to 80 %)
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        ID           TITLE                                            ENABLED  CONTROLS  SCORE
        fsbp-1.0.0   AWS Foundational Security Best Practices v1.0.0  yes      37        71 % (69 to 80 %)
        cis-1.2.0    CIS AWS Foundations Benchmark v1.2.0             no       37        -
        cis-3.0.0    CIS AWS Foundations Benchmark v3.0.0             yes      37        71 % (69 to 80 %)
        house-rules  Rules of the house                               yes      37        71 % (69 to 80 %)
        ");
    }
}

//! `muster standard score`.

use clap::Args;
use muster_proto::v1 as wire;
use muster_proto::v1::ControlStatus;
use serde_json::json;

use crate::argument::{Extent, account};
use crate::commands::{counted, tally};
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Printer, print_line};
use crate::score::{
    bar, cell, counts, document, line, numbers, severity, severity_rank, spark, standing,
    status_cell,
};
use crate::session::Session;

const PAGE_MAX: usize = 1_000;

const CONTROLS: &[&str] = &[
    "CONTROL",
    "STATUS",
    "SEVERITY",
    "FAILED",
    "REQUIREMENTS",
    "TITLE",
];
const ACCOUNTS: &[&str] = &[
    "ACCOUNT", "SCORE", "PASSED", "FAILED", "UNKNOWN", "NO DATA", "DISABLED",
];
const DAYS: &[&str] = &["DATE", "SCORE", "PASSED", "FAILED", "UNKNOWN"];
/// For people with a bar.
const DRAWN_DAYS: &[&str] = &["DATE", "SCORE", "", "PASSED", "FAILED", "UNKNOWN"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// As 'muster standard list' shows it, or shorter [default: all enabled controls]
    name: Option<String>,
    /// Of one account instead of the organization
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// The score of every account, the lowest first
    #[arg(long, conflicts_with_all = ["account", "history", "failed"])]
    accounts: bool,
    /// The score day by day
    #[arg(long, conflicts_with = "failed")]
    history: bool,
    /// How far back the history goes
    #[arg(long, requires = "history", default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// Only controls that failed, the most severe first
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    extent: Extent,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let standard = match &arguments.name {
        Some(name) => Some(super::named(name, session).await?),
        None => None,
    };
    let name = standard.as_ref().map_or("", |standard| &standard.name);
    if arguments.accounts {
        return accounts(name, arguments.extent, session, printer).await;
    }
    let account = arguments.account.as_deref().unwrap_or_default();
    if arguments.history {
        return history(name, account, arguments.days, session, printer).await;
    }
    let mut score = super::of(name, account, session).await?;
    let title = standard.map_or_else(String::new, |standard| standard.title);
    if arguments.failed {
        worst(&mut score.controls);
    }
    print(&score, &title, arguments, printer)
}

/// Leaves those that failed, the most severe first.
fn worst(controls: &mut Vec<wire::ControlStanding>) {
    controls.retain(|standing| standing.status() == ControlStatus::Failed);
    controls.sort_by_key(|standing| {
        (
            severity_rank(&standing.severity),
            std::cmp::Reverse(standing.failed),
        )
    });
}

fn print(
    score: &wire::Score,
    title: &str,
    arguments: &Arguments,
    printer: &Printer,
) -> Result<(), Failure> {
    match printer.format {
        Format::Json | Format::Jsonl => return printer.one(&[], &document(score)),
        Format::Table => {
            printer.one(&head(score, title), &document(score))?;
            if !score.controls.is_empty() {
                print_line("")?;
            }
        }
        Format::Csv => {}
    }
    let mut list = printer.list(CONTROLS);
    let wanted = arguments
        .extent
        .next_page(0, score.controls.len())
        .unwrap_or(0) as usize;
    for control in score.controls.iter().take(wanted) {
        list.push(control_row(control), || standing(control))?;
    }
    let (one, many) = if arguments.failed {
        ("control failed", "controls failed")
    } else {
        ("control", "controls")
    };
    list.finish(&tally(wanted, wanted < score.controls.len(), one, many))
}

/// What stands above the controls.
fn head(score: &wire::Score, title: &str) -> Vec<(&'static str, Cell)> {
    let standard = match title {
        "" => "all enabled controls",
        title => title,
    };
    let of = match score.account.as_str() {
        "" => "the organization: each control as in its worst account".to_owned(),
        account => format!("account {account}"),
    };
    vec![
        ("standard", standard.into()),
        ("of", of.into()),
        ("score", line(score).into()),
        ("controls", counts(score).into()),
    ]
}

fn control_row(control: &wire::ControlStanding) -> Vec<Cell> {
    let all = control.passed + control.failed + control.warning + control.not_available;
    let failed = match all {
        0 => Cell::exactly("-", "0").dim(),
        all => Cell::exactly(
            format!("{} of {all}", control.failed),
            control.failed.to_string(),
        ),
    };
    vec![
        naming::id(&control.control).into(),
        status_cell(control.status()),
        severity(&control.severity),
        failed,
        Cell::free(control.requirements.join(", ")).dim(),
        Cell::free(control.title.as_str()),
    ]
}

async fn accounts(
    standard: &str,
    extent: Extent,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut list = printer.list(ACCOUNTS);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListAccountScoresRequest {
            standard: standard.to_owned(),
            page_size,
            page_token: token,
        };
        let page = session
            .standards()
            .list_account_scores(request)
            .await?
            .into_inner();
        for score in page.scores {
            shown += 1;
            list.push(account_row(&score), || document(&score))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "account", "accounts"))
}

fn account_row(score: &wire::Score) -> Vec<Cell> {
    let mut cells = vec![score.account.as_str().into(), cell(score)];
    cells.extend(numbers(score).map(|count| Cell::from(u64::from(count))));
    cells
}

async fn history(
    standard: &str,
    account: &str,
    days: u32,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = wire::ListScoreHistoryRequest {
        standard: standard.to_owned(),
        account: account.to_owned(),
        days,
    };
    let days = session
        .standards()
        .list_score_history(request)
        .await?
        .into_inner()
        .days;
    if printer.format == Format::Table && !days.is_empty() {
        print_line(&trend(&days))?;
        print_line("")?;
    }
    let headers = match printer.format {
        Format::Table => DRAWN_DAYS,
        Format::Json | Format::Jsonl | Format::Csv => DAYS,
    };
    let mut list = printer.list(headers);
    for day in &days {
        let score = day.score.clone().unwrap_or_default();
        list.push(day_row(&day.date, &score, printer.format), || {
            let mut document = document(&score);
            document["date"] = json!(day.date);
            document
        })?;
    }
    list.finish(&counted(days.len() as u64, "day", "days"))
}

/// `▃▃▅▆  62 % to 71 % in 30 days`.
fn trend(days: &[wire::DailyScore]) -> String {
    let percents: Vec<Option<u32>> = days
        .iter()
        .map(|day| day.score.as_ref().and_then(|score| score.percent))
        .collect();
    let known = || percents.iter().flatten();
    let from_to = match (known().next(), known().next_back()) {
        (Some(first), Some(last)) => format!("{first} % to {last} %"),
        (_, _) => "no score yet".to_owned(),
    };
    let count = counted(days.len() as u64, "day", "days");
    format!("{}  {from_to} in {count}", spark(&percents))
}

fn day_row(date: &str, score: &wire::Score, format: Format) -> Vec<Cell> {
    let mut cells = vec![date.into(), cell(score)];
    match format {
        Format::Table => cells.push(bar(score).into()),
        Format::Json | Format::Jsonl | Format::Csv => {}
    }
    let counts = [score.passed, score.failed, score.unknown];
    cells.extend(counts.map(|count| Cell::from(u64::from(count))));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;

    fn control(id: &str, status: ControlStatus, failed: u64) -> wire::ControlStanding {
        wire::ControlStanding {
            control: format!("controls/{id}"),
            title: format!("What {id} says of things that somebody configured"),
            severity: if failed > 2 { "CRITICAL" } else { "MEDIUM" }.to_owned(),
            requirements: vec!["2.1.4".to_owned(), "2.1.5".to_owned()],
            status: status.into(),
            passed: if status == ControlStatus::NoData {
                0
            } else {
                17
            },
            failed,
            ..wire::ControlStanding::default()
        }
    }

    fn controls() -> Vec<wire::ControlStanding> {
        vec![
            control("S3.8", ControlStatus::Failed, 2),
            control("IAM.6", ControlStatus::Passed, 0),
            control("CloudTrail.1", ControlStatus::Unknown, 0),
            control("EC2.172", ControlStatus::Failed, 3),
            control("RDS.1", ControlStatus::NoData, 0),
            control("KMS.4", ControlStatus::Disabled, 0),
        ]
    }

    fn score(account: &str, percent: u32) -> wire::Score {
        wire::Score {
            account: account.to_owned(),
            percent: Some(percent),
            percent_most: Some(percent + 9),
            passed: 24,
            failed: 9,
            unknown: 3,
            ..wire::Score::default()
        }
    }

    #[test]
    fn controls_of_a_score_are_a_table() {
        let rows: Vec<Vec<Cell>> = controls().iter().map(control_row).collect();
        insta::assert_snapshot!(at_width(80, CONTROLS, &rows), @"
        CONTROL       STATUS    SEVERITY  FAILED   REQUIREMENTS  TITLE
        S3.8          failed    MEDIUM    2 of 19  2.1.4, 2.1.5  What S3.8 says of…
        IAM.6         passed    MEDIUM    0 of 17  2.1.4, 2.1.5  What IAM.6 says of…
        CloudTrail.1  unknown   MEDIUM    0 of 17  2.1.4, 2.1.5  What CloudTrail.1 says…
        EC2.172       failed    CRITICAL  3 of 20  2.1.4, 2.1.5  What EC2.172 says of…
        RDS.1         no data   MEDIUM    -        2.1.4, 2.1.5  What RDS.1 says of…
        KMS.4         disabled  MEDIUM    0 of 17  2.1.4, 2.1.5  What KMS.4 says of…
        ");
        insta::assert_snapshot!(at_width(200, CONTROLS, &rows), @"
        CONTROL       STATUS    SEVERITY  FAILED   REQUIREMENTS  TITLE
        S3.8          failed    MEDIUM    2 of 19  2.1.4, 2.1.5  What S3.8 says of things that somebody configured
        IAM.6         passed    MEDIUM    0 of 17  2.1.4, 2.1.5  What IAM.6 says of things that somebody configured
        CloudTrail.1  unknown   MEDIUM    0 of 17  2.1.4, 2.1.5  What CloudTrail.1 says of things that somebody configured
        EC2.172       failed    CRITICAL  3 of 20  2.1.4, 2.1.5  What EC2.172 says of things that somebody configured
        RDS.1         no data   MEDIUM    -        2.1.4, 2.1.5  What RDS.1 says of things that somebody configured
        KMS.4         disabled  MEDIUM    0 of 17  2.1.4, 2.1.5  What KMS.4 says of things that somebody configured
        ");
    }

    #[test]
    fn the_worst_come_first() {
        let mut controls = controls();
        worst(&mut controls);
        let left: Vec<&str> = controls
            .iter()
            .map(|one| naming::id(&one.control))
            .collect();
        assert_eq!(left, ["EC2.172", "S3.8"]);
    }

    #[test]
    fn accounts_and_days_are_tables() {
        let accounts = ["111122223333", "222233334444"].map(|id| account_row(&score(id, 50)));
        insta::assert_snapshot!(at_width(80, ACCOUNTS, &accounts), @"
        ACCOUNT       SCORE              PASSED  FAILED  UNKNOWN  NO DATA  DISABLED
        111122223333  50 % (50 to 59 %)  24      9       3        0        0
        222233334444  50 % (50 to 59 %)  24      9       3        0        0
        ");
        let mut days: Vec<wire::DailyScore> = (1..4)
            .map(|day| wire::DailyScore {
                date: format!("2026-11-0{day}"),
                score: Some(score("", 30 * day)),
            })
            .collect();
        days[0].score = Some(wire::Score::default());
        insta::assert_snapshot!(trend(&days), @"·▅█  60 % to 90 % in 3 days");
        let rows: Vec<Vec<Cell>> = days
            .iter()
            .map(|day| day_row(&day.date, day.score.as_ref().unwrap(), Format::Table))
            .collect();
        insta::assert_snapshot!(at_width(80, DRAWN_DAYS, &rows), @"
        DATE        SCORE                                   PASSED  FAILED  UNKNOWN
        2026-11-01  no score yet                            0       0       0
        2026-11-02  60 % (60 to 69 %)  ████████████░        24      9       3
        2026-11-03  90 % (90 to 99 %)  ██████████████████░  24      9       3
        ");
    }
}

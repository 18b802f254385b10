//! The commands about standards, controls and resources, word for word, against a server that knows one small organization.

use clap::Parser as _;

use super::{Command, fake};
use crate::failure::Failure;
use crate::output::{Format, Printer, said};
use crate::session::Session;

#[derive(clap::Parser)]
#[command(name = "muster")]
struct Line {
    #[arg(long, short, global = true, value_enum, default_value = "table")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

async fn run(line: &str, session: &Session) -> Result<(), Failure> {
    let words = std::iter::once("muster").chain(line.split_whitespace());
    let Line { output, command } = Line::try_parse_from(words).unwrap();
    super::run(command, session, &Printer::new(output)).await
}

/// Runs commands one after the other and writes down all of it.
async fn session(lines: &[&str]) -> String {
    let session = fake::session().await;
    let mut all = String::new();
    for line in lines {
        let result = run(line, &session).await;
        all.push_str(&format!("$ muster {line}\n{}", said()));
        if let Err(failure) = result {
            all.push_str(&format!("! muster: {failure}\n"));
        }
        all.push('\n');
    }
    all
}

fn times() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ (s|min|h|d) ago|in \d+ (s|min|h|d)\b", "[when]");
    settings
}

#[tokio::test]
async fn standards() {
    let said = session(&[
        "standard list",
        "standard list -o csv",
        "standard enable cis-1.2",
        "standard disable cis-1.2 -o json",
        "standard enable cis",
        "standard score",
        "standard score cis-3.0 --failed",
        "standard score fsbp --account 111122223333 --limit 1 -o csv",
        "standard score cis-3 -o jsonl",
        "standard score --accounts",
        "standard score --accounts --limit 1",
        "standard score fsbp --history --days 5",
        "standard score fsbp --history --days 2 -o csv",
        "standard score pci",
    ])
    .await;
    times().bind(|| insta::assert_snapshot!("standards", said));
}

#[tokio::test]
async fn controls() {
    let said = session(&[
        "control list",
        "control list --standard cis-3 --status failed,off --limit 2",
        "control list --all -o jsonl",
        "control show S3.8",
        "control show S3.8 -o json",
        "control show S3.9",
        "control disable IAM.6 --reason later",
        "control disable IAM.6 --reason later --standard cis-3",
        "control enable S3.8 --account 111122223333 -o jsonl",
        "control set S3.8 ports=80,443",
        "control set S3.8 ports= -o csv",
        "control set S3.8 port=80",
        "control try ../../common/controls/catalog/S3.8 --as-of 7d",
        "control try ../../common/controls/catalog/S3.8 --account 222233334444 --limit 1 -o csv",
        "control try ../../common/controls/catalog",
    ])
    .await;
    times().bind(|| insta::assert_snapshot!("controls", said));
}

#[tokio::test]
async fn resources() {
    let said = session(&[
        "resource list --gone",
        "resource list --limit 1",
        "resource list --type S3::Bucket --state --limit 1 -o jsonl",
        "resource list --count type",
        "resource list --count type,account -o json",
        "resource list --count type,type",
        "resource show 3f9ac",
        "resource show arn:aws:s3:::ledger-exports --as-of 2026-11-01 -o json",
        "resource show nothing",
        "resource history 3f9ac",
        "resource history 3f9ac --limit 2",
        "resource history 3f9ac --all -o jsonl",
        "resource coverage",
        "resource coverage --trouble -o csv",
        "resource coverage --limit 1",
    ])
    .await;
    times().bind(|| insta::assert_snapshot!("resources", said));
}

/// The files of a report are there, and so is what a script asks of it.
#[tokio::test]
async fn a_report_is_written() {
    let folder = std::env::temp_dir().join(format!("muster-report-{}", std::process::id()));
    let session = fake::session().await;
    let line = format!("report --standard cis-3 --out {}", folder.display());
    run(&line, &session).await.unwrap();
    let told = said().replace(&folder.display().to_string(), "[folder]");
    insta::assert_snapshot!(told, @"
    STANDARD                              SCORE              CONTROLS
    CIS AWS Foundations Benchmark v3.0.0  25 % (25 to 50 %)  1 passed, 2 failed, 1 unknown, 1 without data, 1 disabled
    ! 9 files written; open [folder]/report.html
    ");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    insta::assert_snapshot!(names.join("\n"), @"
    cis-3.0.0-accounts.csv
    cis-3.0.0-controls.csv
    cis-3.0.0-history.csv
    cis-3.0.0-resources.csv
    disabled.csv
    members.csv
    report.html
    unknown.csv
    unread.csv
    ");
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("CIS AWS Foundations Benchmark v3.0.0"));
    assert!(page.contains("as of change 1020 of the feed"));
    run(&format!("{line} -o json"), &session).await.unwrap();
    let document: serde_json::Value = serde_json::from_str(&said()).unwrap();
    assert_eq!(document["standards"][0]["percent"], 25, "{document}");
    assert_eq!(document["files"].as_array().unwrap().len(), names.len());
    std::fs::remove_dir_all(&folder).unwrap();
    let refused = run("report --out /proc/nowhere", &session).await;
    assert!(matches!(refused, Err(Failure::Usage(_))), "{refused:?}");
}

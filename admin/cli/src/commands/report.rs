//! `muster report`: how the organization stands, as a page for people and tables for spreadsheets.
//!
//! In: the answers of the server, one after the other. Out: `report.html`, which needs nothing beside itself, and CSV files.
//! Always: what came from outside is text and nothing else; what was left out is said, and so is when and on what the report
//! was made. Not here: judging (the server does), and sending the report anywhere.

mod chart;
mod files;
mod gather;
mod html;
mod page;
#[cfg(test)]
pub(super) mod sample;
mod section;
mod unknowns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::{counted, standard};
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Printer, print_note, progress};
use crate::score;
use crate::session::Session;

const PAGE: &str = "report.html";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Such as cis-3.0; repeat for several [default: every enabled standard]
    #[arg(long, value_name = "NAME")]
    standard: Vec<String>,
    /// Where to write; the folder is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// What a report tells.
pub(super) struct Facts {
    pub trust_domain: String,
    pub version: String,
    pub generated_at: Timestamp,
    /// Where the feed stood before the first and after the last question.
    pub sequences: (u64, u64),
    pub standards: Vec<Held>,
    /// All but the deleted ones, by account.
    pub members: BTreeMap<String, wire::Member>,
    pub unknowns: unknowns::Unknowns,
    /// What could not be read at the last try, or was not for long.
    pub troubles: Vec<wire::Coverage>,
    /// Not all troubles are there.
    pub troubles_cut: bool,
    pub disabled: Vec<(wire::Control, wire::Disabling)>,
}

/// A standard, and how the organization is held to it.
pub(super) struct Held {
    pub standard: wire::Standard,
    /// Begins the names of its files.
    pub short: String,
    pub score: wire::Score,
    /// The lowest first.
    pub accounts: Vec<wire::Score>,
    /// Not all accounts are there.
    pub accounts_cut: bool,
    /// The oldest first.
    pub history: Vec<wire::DailyScore>,
    pub controls: Vec<wire::Control>,
    /// By id, type and account.
    pub resources: wire::CountFindingsResponse,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let standards = chosen(&arguments.standard, standard::all(session).await?)?;
    // Before minutes of questions.
    std::fs::create_dir_all(&arguments.out).map_err(|error| unwritten(&arguments.out, &error))?;
    let bar = progress(standards.len() as u64, "asking");
    let facts = gather::facts(standards, session, Clock::system().now(), &bar).await?;
    bar.finish_and_clear();
    let mut written = files::all(&facts)?;
    let names: Vec<&str> = written.iter().map(|file| file.name.as_str()).collect();
    let page = page::render(&facts, &names);
    // The page comes last: where it is, the rest is.
    written.push(files::File {
        name: PAGE.to_owned(),
        content: page.into_bytes(),
    });
    for file in &written {
        write(&arguments.out, file)?;
    }
    told(&facts, &written, &arguments.out, printer)
}

/// The standards to report on.
fn chosen(
    given: &[String],
    standards: Vec<wire::Standard>,
) -> Result<Vec<(wire::Standard, String)>, Failure> {
    let mut chosen: Vec<&wire::Standard> = match given {
        [] => standards
            .iter()
            .filter(|standard| standard.enabled)
            .collect(),
        given => given
            .iter()
            .map(|name| naming::standard(name, &standards))
            .collect::<Result<_, _>>()?,
    };
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|standard| seen.insert(standard.name.as_str()));
    if chosen.is_empty() {
        return Err(Failure::Usage(
            "no standard is enabled; enable one with 'muster standard enable', or name one with --standard"
                .to_owned(),
        ));
    }
    let mut names: Vec<String> = Vec::new();
    for standard in &chosen {
        let name = files::safe(&naming::short(&standard.name, &standards));
        let taken = names.iter().filter(|other| **other == name).count();
        names.push(match taken {
            0 => name,
            taken => format!("{name}.{}", taken + 1),
        });
    }
    Ok(chosen.into_iter().cloned().zip(names).collect())
}

/// Writes a file whole, or leaves the one before.
fn write(folder: &Path, file: &files::File) -> Result<(), Failure> {
    let path = folder.join(&file.name);
    let partial = folder.join(format!(".{}.partial", file.name));
    std::fs::write(&partial, &file.content)
        .and_then(|()| std::fs::rename(&partial, &path))
        .map_err(|error| unwritten(&path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!(
        "cannot write {}: {error}; name another folder with --out",
        path.display()
    ))
}

fn told(
    facts: &Facts,
    written: &[files::File],
    folder: &Path,
    printer: &Printer,
) -> Result<(), Failure> {
    match printer.format {
        Format::Json | Format::Jsonl => return printer.one(&[], &document(facts, written, folder)),
        Format::Table | Format::Csv => {}
    }
    let mut list = printer.list(&["STANDARD", "SCORE", "CONTROLS"]);
    for held in &facts.standards {
        list.push(
            vec![
                held.standard.title.as_str().into(),
                score::cell(&held.score),
                Cell::free(score::counts(&held.score)),
            ],
            || Json::Null,
        )?;
    }
    list.finish("")?;
    print_note(&format!(
        "{} written; open {}",
        counted(written.len() as u64, "file", "files"),
        folder.join(PAGE).display()
    ));
    Ok(())
}

fn document(facts: &Facts, written: &[files::File], folder: &Path) -> Json {
    let standards: Vec<Json> = facts
        .standards
        .iter()
        .map(|held| score::document(&held.score))
        .collect();
    let files: Vec<String> = written
        .iter()
        .map(|file| folder.join(&file.name).display().to_string())
        .collect();
    json!({
        "generatedAt": facts.generated_at.to_string(),
        "sequenceFrom": facts.sequences.0,
        "sequenceTo": facts.sequences.1,
        "standards": standards,
        "files": files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_is_reported_once_and_has_its_own_files() {
        let standards = naming::tests::standards();
        let names = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
            chosen(&given, standards.clone())
                .map(|chosen| chosen.into_iter().map(|(_, name)| name).collect::<Vec<_>>())
                .map_err(|failure| failure.to_string())
        };
        assert_eq!(
            names(&[]).unwrap(),
            ["fsbp-1.0.0", "cis-3.0.0", "house-rules"]
        );
        assert_eq!(names(&["cis-1.2", "cis-1"]).unwrap(), ["cis-1.2.0"]);
        assert!(names(&["nothing"]).is_err());
        let alike = ["a/b", "a:b"].map(|id| wire::Standard {
            name: format!("standards/{id}"),
            enabled: true,
            ..wire::Standard::default()
        });
        let names: Vec<String> = chosen(&[], alike.into())
            .unwrap()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["a-b", "a-b.2"]);
        assert!(chosen(&[], Vec::new()).is_err());
    }
}

//! `muster finding import`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use muster_common::finding::{IMPORT_FINDINGS_MAX, documents};
use muster_proto::v1 as wire;
use serde_json::json;

use crate::commands::settle;
use crate::failure::Failure;
use crate::output::{Printer, print_note, progress};
use crate::session::Session;

/// Calls at a time.
const CALLS: usize = 4;
/// Bytes of one call.
const CALL_BYTES: usize = 6 << 20;
/// Refusals that are told one by one.
const TOLD_MAX: usize = 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Default)]
struct Effects {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: Vec<(String, String)>,
    refused_count: usize,
}

pub(crate) async fn run(
    arguments: Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for file in &arguments.files {
        let text = read(file)?;
        let found = documents(&text).map_err(|error| {
            Failure::Usage(format!("{}: {error}; nothing was imported", file.display()))
        })?;
        if found.is_empty() {
            print_note(&format!("muster: {}: no findings in it", file.display()));
        }
        findings.extend(found.into_iter().map(Bytes::from));
    }
    let all = findings.len();
    let bar = progress(all as u64, "importing");
    let mut effects = Effects::default();
    let imported = stream::iter(calls(findings))
        .map(|(first, items)| {
            let mut client = session.findings();
            async move {
                let count = items.len();
                let response = client
                    .import_findings(wire::ImportFindingsRequest { items })
                    .await?;
                Ok::<_, Failure>((first, count, response.into_inner().results))
            }
        })
        .buffered(CALLS)
        .try_for_each(|(first, count, results)| {
            bar.inc(count as u64);
            effects.add(first, results);
            futures::future::ready(Ok(()))
        })
        .await;
    bar.finish_and_clear();
    imported.map_err(|failure| interrupted(failure, effects.stored(), all))?;
    let Effects {
        created,
        updated,
        unchanged,
        refused,
        refused_count,
    } = effects;
    let lines = [
        ("created", created.into()),
        ("updated", updated.into()),
        ("unchanged", unchanged.into()),
        ("refused", (refused_count as u64).into()),
    ];
    let document = json!({ "created": created, "updated": updated, "unchanged": unchanged, "refused": refused_count });
    printer.one(&lines, &document)?;
    match settle(&refused, all) {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::Part {
            failed: refused_count,
            all,
        }),
    }
}

/// Says what became of an import that broke off.
fn interrupted(failure: Failure, stored: u64, all: usize) -> Failure {
    if stored == 0 && !matches!(failure, Failure::Unreachable(_)) {
        return failure;
    }
    failure.and(&format!(
        "{stored} of {all} findings are stored for certain; import all again, which does not change those"
    ))
}

impl Effects {
    const fn stored(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }

    fn add(&mut self, first: usize, results: Vec<wire::ImportResult>) {
        for (number, result) in (first + 1..).zip(results) {
            match result.outcome {
                Some(wire::import_result::Outcome::Imported(imported)) => match imported.effect() {
                    wire::ImportEffect::Created => self.created += 1,
                    wire::ImportEffect::Updated => self.updated += 1,
                    wire::ImportEffect::Unchanged | wire::ImportEffect::Unspecified => {
                        self.unchanged += 1
                    }
                },
                Some(wire::import_result::Outcome::Error(error)) => {
                    self.refused_count += 1;
                    if self.refused.len() < TOLD_MAX {
                        self.refused
                            .push((format!("finding {number}"), error.message));
                    }
                }
                None => self.refused_count += 1,
            }
        }
    }
}

/// Findings in calls of at most 100 and 6 MB, each with the number of findings before it.
fn calls(findings: Vec<Bytes>) -> Vec<(usize, Vec<wire::ImportItem>)> {
    let mut calls: Vec<(usize, Vec<wire::ImportItem>)> = Vec::new();
    let mut bytes = 0;
    for (number, finding) in findings.into_iter().enumerate() {
        bytes += finding.len();
        let full = calls
            .last()
            .is_none_or(|(_, items)| items.len() == IMPORT_FINDINGS_MAX || bytes > CALL_BYTES);
        if full {
            bytes = finding.len();
            calls.push((number, Vec::new()));
        }
        if let Some((_, items)) = calls.last_mut() {
            items.push(wire::ImportItem {
                document: Some(wire::import_item::Document::Asff(finding)),
            });
        }
    }
    calls
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text))
    };
    read.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_import_says_what_is_stored() {
        let lost = || Failure::Unreachable("the connection was lost".to_owned());
        insta::assert_snapshot!(interrupted(lost(), 300, 1_000), @"the connection was lost; 300 of 1000 findings are stored for certain; import all again, which does not change those");
        let denied = Failure::Denied("needs the role analyst".to_owned());
        insta::assert_snapshot!(interrupted(denied, 0, 5), @"needs the role analyst");
    }
}

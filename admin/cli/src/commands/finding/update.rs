//! `muster finding update`.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use serde_json::json;

use crate::commands::{counted, settle};
use crate::failure::Failure;
use crate::filter::FilterArgs;
use crate::output::{Printer, progress};
use crate::session::Session;

/// Findings of one call.
const CALL_MAX: usize = 100;
const PAGE_SIZE: u32 = 1_000;

#[derive(Args)]
pub(crate) struct Arguments {
    /// As 'muster finding list' shows them; the first digits are enough
    names: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    patch: PatchArgs,
    /// Do not ask before updating what a filter selects
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args)]
#[command(next_help_heading = "What to set")]
pub(crate) struct PatchArgs {
    /// new, notified, resolved, suppressed
    #[arg(long, value_name = "STATUS")]
    set_workflow: Option<String>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// informational, low, medium, high, critical
    #[arg(long, value_name = "LABEL")]
    set_severity: Option<String>,
    /// unknown, true_positive, false_positive, benign_positive
    #[arg(long, value_name = "STATE")]
    set_verification: Option<String>,
    /// 0 to 100
    #[arg(long, value_name = "N")]
    set_confidence: Option<i32>,
    /// 0 to 100
    #[arg(long, value_name = "N")]
    set_criticality: Option<i32>,
    /// Types, in place of the provider's
    #[arg(long, value_name = "TYPE")]
    set_type: Vec<String>,
    /// KEY=VALUE of the user-defined fields; all of them are replaced
    #[arg(long, value_name = "KEY=VALUE")]
    set_field: Vec<String>,
}

pub(crate) async fn run(
    arguments: Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let patch = arguments.patch.read()?;
    let filter = arguments.filter.read(Clock::system().now())?;
    let names = match (arguments.names.is_empty(), filter) {
        (false, None) => arguments.names,
        (true, Some(filter)) => {
            may_update(session).await?;
            let names = select(filter, session).await?;
            if names.is_empty() {
                return printer.done("no findings match");
            }
            if !arguments.yes && !confirmed(names.len())? {
                return Err(Failure::other("nothing was updated"));
            }
            names
        }
        (true, None) => {
            return Err(Failure::Usage(
                "name findings, or select them with a filter".to_owned(),
            ));
        }
        (false, Some(_)) => {
            return Err(Failure::Usage(
                "name findings or give a filter, not both".to_owned(),
            ));
        }
    };
    let all = names.len();
    let bar = progress(all as u64, "updating");
    let mut refused = Vec::new();
    for names in names.chunks(CALL_MAX) {
        let findings = names
            .iter()
            .map(|name| wire::FindingIdentifier {
                name: name.clone(),
                ..wire::FindingIdentifier::default()
            })
            .collect();
        let request = wire::UpdateFindingsRequest {
            findings,
            patch: Some(patch.clone()),
        };
        let results = session
            .findings()
            .update_findings(request)
            .await?
            .into_inner()
            .results;
        bar.inc(names.len() as u64);
        for (name, result) in names.iter().zip(results) {
            if let Some(wire::update_result::Outcome::Error(error)) = result.outcome {
                refused.push((name.clone(), error.message));
            }
        }
    }
    bar.finish_and_clear();
    let updated = (all - refused.len()) as u64;
    printer.one(
        &[("updated", updated.into())],
        &json!({ "updated": updated, "refused": refused.len() }),
    )?;
    settle(&refused, all)
}

/// Refuses before anybody is asked whether to go on.
async fn may_update(session: &Session) -> Result<(), Failure> {
    let caller = session
        .operators()
        .get_caller(wire::GetCallerRequest {})
        .await?
        .into_inner();
    if caller.role() == wire::Role::Viewer {
        return Err(Failure::Denied(
            "updating findings needs the role analyst".to_owned(),
        ));
    }
    Ok(())
}

/// The names of all findings that a filter selects.
async fn select(filter: wire::Filter, session: &Session) -> Result<Vec<String>, Failure> {
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let request = wire::ListFindingsRequest {
            filter: Some(filter.clone()),
            page_size: PAGE_SIZE,
            page_token: token,
            format: wire::FindingFormat::Asff.into(),
            ..wire::ListFindingsRequest::default()
        };
        let page = session
            .findings()
            .list_findings(request)
            .await?
            .into_inner();
        names.extend(page.findings.into_iter().map(|record| record.name));
        token = page.next_page_token;
        if token.is_empty() {
            return Ok(names);
        }
    }
}

#[expect(clippy::print_stderr, reason = "the command line's voice")]
fn confirmed(count: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{} would be updated; say so with --yes",
            counted(count as u64, "finding", "findings")
        )));
    }
    eprint!(
        "update {}? [y/N] ",
        counted(count as u64, "finding", "findings")
    );
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl PatchArgs {
    fn read(&self) -> Result<wire::FindingPatch, Failure> {
        let fields = self
            .set_field
            .iter()
            .map(|pair| {
                pair.split_once('=')
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .ok_or_else(|| {
                        Failure::Usage(format!("--set-field {pair}: should be KEY=VALUE"))
                    })
            })
            .collect::<Result<std::collections::BTreeMap<_, _>, _>>()?;
        let patch = wire::FindingPatch {
            note: self.note.clone().map(|text| wire::NotePatch {
                text,
                updated_by: String::new(),
            }),
            severity: self.set_severity.as_ref().map(|label| wire::Severity {
                label: label.to_uppercase(),
                ..wire::Severity::default()
            }),
            verification_state: self
                .set_verification
                .as_ref()
                .map(|state| state.to_uppercase()),
            confidence: self.set_confidence,
            criticality: self.set_criticality,
            types: (!self.set_type.is_empty()).then(|| wire::StringList {
                values: self.set_type.clone(),
            }),
            user_defined_fields: (!fields.is_empty())
                .then_some(wire::StringMap { entries: fields }),
            workflow: self.set_workflow.as_ref().map(|status| wire::Workflow {
                status: status.to_uppercase(),
            }),
            related_findings: None,
        };
        if patch == wire::FindingPatch::default() {
            return Err(Failure::Usage(
                "say what to set, such as --set-workflow notified or --note 'ticket SEC-12'"
                    .to_owned(),
            ));
        }
        Ok(patch)
    }
}

//! The commands: a noun each, a verb each.

mod agent;
mod audit;
pub(crate) mod completion;
pub(crate) mod control;
#[cfg(test)]
mod fake;
mod finding;
mod insight;
mod invitation;
mod member;
mod operator;
mod report;
mod resource;
#[cfg(test)]
mod sessions;
mod standard;
mod status;

use clap::Subcommand;

use crate::failure::Failure;
use crate::output::{Printer, print_note};
use crate::session::Session;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Accounts that the admin manages
    #[command(subcommand)]
    Member(member::Command),
    /// Offers to members
    #[command(subcommand)]
    Invitation(invitation::Command),
    /// Processes in member accounts
    #[command(subcommand)]
    Agent(agent::Command),
    /// What is wrong
    #[command(subcommand)]
    Finding(finding::Command),
    /// What matters: saved filters with a grouping
    #[command(subcommand)]
    Insight(insight::Command),
    /// What accounts are held to, and how they stand
    #[command(subcommand)]
    Standard(standard::Command),
    /// What is checked of an account's configuration
    #[command(subcommand)]
    Control(control::Command),
    /// What there is in the accounts, now and before
    #[command(subcommand)]
    Resource(resource::Command),
    /// Write a compliance report for people and spreadsheets
    #[command(
        after_help = "The folder gets report.html, which needs nothing else, and CSV files. Files of an earlier report are replaced.\n\nExamples:\n  muster report --out ./report\n  muster report --standard cis-3.0.0 --standard fsbp --out ./audit-2026\n  muster report --out ./report -o json | jq '.standards[].percent'"
    )]
    Report(report::Arguments),
    /// People and programs that use the admin
    #[command(subcommand)]
    Operator(operator::Command),
    /// Every refusal and every change of membership, credentials and definitions
    #[command(subcommand)]
    Audit(audit::Command),
    /// How the admin, its members and its agents fare
    #[command(
        after_help = "Examples:\n  muster status\n  muster status --accounts\n  muster status -o json | jq .store"
    )]
    Status(status::Arguments),
    /// Completions for a shell
    #[command(
        after_help = "Examples:\n  muster completion bash > /etc/bash_completion.d/muster\n  muster completion zsh > ~/.zfunc/_muster"
    )]
    Completion(completion::Arguments),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::Member(command) => member::run(command, session, printer).await,
        Command::Invitation(command) => invitation::run(command, session, printer).await,
        Command::Agent(command) => agent::run(command, session, printer).await,
        Command::Finding(command) => finding::run(command, session, printer).await,
        Command::Insight(command) => insight::run(command, session, printer).await,
        Command::Standard(command) => standard::run(command, session, printer).await,
        Command::Control(command) => control::run(command, session, printer).await,
        Command::Resource(command) => resource::run(command, session, printer).await,
        Command::Report(arguments) => report::run(&arguments, session, printer).await,
        Command::Operator(command) => operator::run(command, session, printer).await,
        Command::Audit(command) => audit::run(command, session, printer).await,
        Command::Status(arguments) => status::run(&arguments, session, printer).await,
        Command::Completion(arguments) => completion::run(&arguments),
    }
}

/// What stands below a table.
fn tally(shown: usize, more: bool, one: &str, many: &str) -> String {
    match (shown, more) {
        (0, _) => format!("no {many}"),
        (1, true) => format!("1 {one} shown; there are more: --limit N or --all"),
        (shown, true) => format!("{shown} {many} shown; there are more: --limit N or --all"),
        (shown, false) => counted(shown as u64, one, many),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// Tells what was refused of several items, and fails if anything was.
fn settle(refused: &[(String, String)], all: usize) -> Result<(), Failure> {
    for (item, why) in refused {
        // Most say themselves what they are about.
        if why.contains(item) {
            print_note(&format!("muster: {why}"));
        } else {
            print_note(&format!("muster: {item}: {why}"));
        }
    }
    match refused.len() {
        0 => Ok(()),
        failed => Err(Failure::Part { failed, all }),
    }
}

//! `muster finding`.

mod count;
mod history;
mod import;
mod list;
pub(crate) mod row;
mod show;
mod update;
mod watch;

use clap::Subcommand;

use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Import findings from files: ASFF as JSON, an array, BatchImportFindings input, or one per line
    #[command(
        after_help = "Examples:\n  muster finding import findings.json\n  prowler ... -M json-asff && muster finding import output/*.asff.json\n  muster finding list --all -o jsonl | muster --credential other.toml finding import -"
    )]
    Import(import::Arguments),
    /// List findings, the latest updates first
    #[command(
        after_help = "Examples:\n  muster finding list --severity high,critical --updated 7d --not-workflow suppressed\n  muster finding list --resource-type AwsEc2Instance --sort SeverityNormalized:desc --limit 20\n  muster finding list --filter '{\"SeverityLabel\":[{\"Comparison\":\"EQUALS\",\"Value\":\"HIGH\"}]}' -o json\n  muster finding list --all -o csv > findings.csv"
    )]
    List(list::Arguments),
    /// Show one finding
    Show {
        /// As 'muster finding list' shows it; the first digits are enough
        name: String,
        #[command(flatten)]
        shape: row::Shape,
    },
    /// Triage findings: by name, or all that a filter selects
    #[command(
        after_help = "Examples:\n  muster finding update 3f9ac01b2d --set-workflow notified --note 'ticket SEC-12'\n  muster finding update --product Inspector --severity low --set-workflow suppressed --yes"
    )]
    Update(update::Arguments),
    /// What changed in one finding, newest first
    History(history::Arguments),
    /// Follow changes as they are recorded
    #[command(
        after_help = "Examples:\n  muster finding watch --severity critical\n  muster finding watch --after 0 -o jsonl > everything.jsonl"
    )]
    Watch(watch::Arguments),
    /// Count findings, by groups if --by is given
    #[command(
        after_help = "Examples:\n  muster finding count --severity critical\n  muster finding count --by SeverityLabel,AwsAccountId\n  muster finding count --by ResourceId --workflow new --limit 20"
    )]
    Count(count::Arguments),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::Import(arguments) => import::run(arguments, session, printer).await,
        Command::List(arguments) => list::run(&arguments, session, printer).await,
        Command::Show { name, shape } => show::run(name, shape, session, printer).await,
        Command::Update(arguments) => update::run(arguments, session, printer).await,
        Command::History(arguments) => history::run(&arguments, session, printer).await,
        Command::Watch(arguments) => watch::run(&arguments, session, printer).await,
        Command::Count(arguments) => count::run(&arguments, session, printer).await,
    }
}

//! `muster control`.

mod change;
pub(crate) mod list;
mod show;
pub(crate) mod test;
mod trial;

use clap::Subcommand;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::naming;
use crate::output::Printer;
use crate::session::Session;
use crate::when::absolute;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List controls and how they stand
    #[command(
        after_help = "Examples:\n  muster control list\n  muster control list --standard cis-3.0 --status failed,unknown\n  muster control list --all -o csv > controls.csv"
    )]
    List(list::Arguments),
    /// Show one control: what it means, its parameters, where it is off
    #[command(after_help = "Examples:\n  muster control show S3.8")]
    Show {
        /// Such as S3.8
        id: String,
    },
    /// Switch a control off, everywhere, in one standard or in one account; says why
    #[command(
        after_help = "Its findings there are archived. Reports list what is off, with the reason.\n\nExamples:\n  muster control disable IAM.6 --reason 'hardware tokens come in March, SEC-12'\n  muster control disable S3.8 --account 111122223333 --reason 'public website'"
    )]
    Disable(change::Disable),
    /// Switch a control on again, where it was switched off
    #[command(
        after_help = "Examples:\n  muster control enable IAM.6\n  muster control enable S3.8 --account 111122223333"
    )]
    Enable(change::Enable),
    /// Set parameters of a control; 'name=' sets the default again
    #[command(
        after_help = "Lists are written with commas, or as JSON.\n\nExamples:\n  muster control set IAM.3 days=60\n  muster control set EC2.18 tcp_ports=80,443,8443\n  muster control set EC2.18 tcp_ports="
    )]
    Set(change::Set),
    /// Run the cases of controls, here and without a server
    #[command(
        after_help = "A control is a folder with control.toml, rule.rego and cases.json.\n\nExamples:\n  muster control test ./controls/Shop.1\n  muster control test ./controls/*"
    )]
    Test(test::Arguments),
    /// What a control would say on what the server knows, now or as of an earlier time; changes nothing
    #[command(
        after_help = "Examples:\n  muster control try ./controls/Shop.1\n  muster control try ./controls/Shop.1 --as-of 2026-11-01 --account 111122223333\n  muster control try ./controls/Shop.1 --as-of 7d -o csv"
    )]
    Try(trial::Arguments),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, session, printer).await,
        Command::Show { id } => show::run(&id, session, printer).await,
        Command::Disable(arguments) => change::disable(arguments, session, printer).await,
        Command::Enable(arguments) => change::enable(arguments, session, printer).await,
        Command::Set(arguments) => change::set(arguments, session, printer).await,
        Command::Test(arguments) => test::run(&arguments, printer),
        Command::Try(arguments) => trial::run(arguments, session, printer).await,
    }
}

/// A control as a document.
fn document(control: &wire::Control) -> Json {
    let requirements = control.requirements.iter();
    let requirements: serde_json::Map<String, Json> = requirements
        .map(|one| (naming::id(&one.standard).to_owned(), json!(one.numbers)))
        .collect();
    let parameters: Vec<Json> = control.parameters.iter().map(parameter).collect();
    let disabled: Vec<Json> = control.disabled.iter().map(disabling).collect();
    json!({
        "id": naming::id(&control.name),
        "title": control.title,
        "description": control.description,
        "remediation": control.remediation,
        "severity": control.severity,
        "resourceTypes": control.resource_types,
        "reads": control.reads,
        "requirements": requirements,
        "parameters": parameters,
        "enabled": control.enabled,
        "disabled": disabled,
        "custom": control.custom,
    })
}

fn parameter(parameter: &wire::ControlParameter) -> Json {
    let read = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_default();
    json!({
        "name": parameter.name,
        "description": parameter.description,
        "default": read(&parameter.default_json),
        "value": if parameter.value_json.is_empty() {
            read(&parameter.default_json)
        } else {
            read(&parameter.value_json)
        },
    })
}

fn disabling(disabling: &wire::Disabling) -> Json {
    json!({
        "standard": naming::id(&disabling.standard),
        "account": disabling.account,
        "reason": disabling.reason,
        "actor": disabling.actor,
        "at": absolute(disabling.at.as_ref()),
    })
}

/// Where a control is off.
pub(crate) fn place(disabling: &wire::Disabling) -> String {
    let standard = naming::id(&disabling.standard);
    match (standard, disabling.account.as_str()) {
        ("", "") => "everywhere".to_owned(),
        (standard, "") => format!("in {standard}"),
        ("", account) => format!("in account {account}"),
        (standard, account) => format!("in {standard} in account {account}"),
    }
}

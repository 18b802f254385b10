//! `muster resource`.

pub(crate) mod coverage;
mod difference;
mod history;
mod list;
mod show;

use clap::Subcommand;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::naming;
use crate::output::Printer;
use crate::session::Session;
use crate::when::absolute;

/// The digits of a name that tables show; commands take them.
const SHOWN: usize = 10;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List resources, the latest changes first; or count them
    #[command(
        after_help = "Examples:\n  muster resource list --type AWS::S3::Bucket --account 111122223333\n  muster resource list --id 'arn:aws:iam::111122223333:user/*'\n  muster resource list --count type,account\n  muster resource list --type AWS::EC2::Volume --all --state -o jsonl > volumes.jsonl"
    )]
    List(list::Arguments),
    /// Show one resource as its collector saw it, now or earlier
    #[command(
        after_help = "Examples:\n  muster resource show 3f9ac01b2d\n  muster resource show arn:aws:s3:::ledger-exports --as-of 2026-11-01\n  muster resource show 3f9ac01b2d -o json | jq .state.Policy"
    )]
    Show(show::Arguments),
    /// What changed in one resource, newest first
    #[command(
        after_help = "Examples:\n  muster resource history arn:aws:s3:::ledger-exports\n  muster resource history 3f9ac01b2d --limit 5 -o json"
    )]
    History(history::Arguments),
    /// What was read of the accounts, when, and what could not be read and why
    #[command(
        after_help = "Examples:\n  muster resource coverage --account 111122223333\n  muster resource coverage --trouble"
    )]
    Coverage(coverage::Arguments),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, session, printer).await,
        Command::Show(arguments) => show::run(&arguments, session, printer).await,
        Command::History(arguments) => history::run(&arguments, session, printer).await,
        Command::Coverage(arguments) => coverage::run(&arguments, session, printer).await,
    }
}

/// The state of a resource by part; `null` if it was not asked for.
fn state(resource: &wire::ObservedResource) -> Result<Json, Failure> {
    match resource.state_json.as_str() {
        "" => Ok(Json::Null),
        text => serde_json::from_str(text)
            .map_err(|error| Failure::other(format!("the server sent no JSON: {error}"))),
    }
}

fn document(resource: &wire::ObservedResource, state: &Json) -> Json {
    let mut document = json!({
        "name": naming::id(&resource.name),
        "account": resource.account,
        "region": resource.region,
        "type": resource.resource_type,
        "id": resource.id,
        "observedAt": absolute(resource.observed_at.as_ref()),
        "gone": resource.gone,
        "unread": resource.unread,
    });
    if !state.is_null() {
        document["state"] = state.clone();
    }
    document
}

/// Resources are named by what the list shows, or by an id that only one account has.
fn hinted(status: tonic::Status) -> Failure {
    Failure::from(status).hinted("'muster resource list --id ID' finds one by its id")
}

/// A resource as the server takes it: an id, or the digits of a name.
fn named(given: &str) -> String {
    let digits = naming::id(given);
    let is_key = digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_key {
        format!("resources/{digits}")
    } else {
        given.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_named_by_digits_or_by_id() {
        assert_eq!(named("3f9ac01b2d"), "resources/3f9ac01b2d");
        assert_eq!(named("resources/3f9a"), "resources/3f9a");
        assert_eq!(named("arn:aws:s3:::data"), "arn:aws:s3:::data");
    }
}

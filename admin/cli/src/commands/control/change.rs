//! `muster control disable`, `enable` and `set`.

use std::collections::BTreeMap;

use clap::Args;
use muster_proto::v1 as wire;
use muster_proto::v1::update_control_request::Change;
use serde_json::Value as Json;

use super::show::{get, hinted};
use super::{document, place};
use crate::argument::account;
use crate::commands::standard;
use crate::failure::Failure;
use crate::naming;
use crate::output::{Format, Printer};
use crate::session::Session;

#[derive(Args)]
pub(crate) struct Disable {
    /// Such as S3.8
    id: String,
    /// Why; reports and 'muster control show' say it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct Enable {
    /// Such as S3.8
    id: String,
    #[command(flatten)]
    place: Place,
}

/// Where; everywhere if nothing is given.
#[derive(Args)]
struct Place {
    /// In this standard only, such as cis-3.0
    #[arg(long, value_name = "NAME", conflicts_with = "account")]
    standard: Option<String>,
    /// In this account only
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
}

#[derive(Args)]
pub(crate) struct Set {
    /// Such as IAM.3
    id: String,
    /// Such as days=45; 'muster control show' has the names
    #[arg(required = true, value_name = "NAME=VALUE")]
    values: Vec<String>,
}

pub(super) async fn disable(
    arguments: Disable,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let Disable { id, reason, place } = arguments;
    if reason.trim().is_empty() {
        return Err(Failure::Usage(
            "--reason should say why, such as --reason 'accepted until March, SEC-12'".to_owned(),
        ));
    }
    let disabling = wire::Disabling {
        reason,
        ..place.read(session).await?
    };
    let what = format!("disabled {}", self::place(&disabling));
    update(&id, Change::Disable(disabling), &what, session, printer).await
}

pub(super) async fn enable(
    arguments: Enable,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let Enable { id, place } = arguments;
    let disabling = place.read(session).await?;
    let what = format!("enabled {}", self::place(&disabling));
    update(&id, Change::Enable(disabling), &what, session, printer).await
}

pub(super) async fn set(
    arguments: Set,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let control = get(&arguments.id, session).await?;
    let values = read(&arguments.values, &control)?;
    let said: Vec<String> = values
        .iter()
        .map(|(name, value)| match value.as_str() {
            "" => format!("{name} as by default"),
            value => format!("{name} = {value}"),
        })
        .collect();
    let change = Change::Parameters(wire::ParameterValues { values });
    update(&arguments.id, change, &said.join(", "), session, printer).await
}

impl Place {
    async fn read(self, session: &Session) -> Result<wire::Disabling, Failure> {
        let standard = match self.standard {
            Some(name) => standard::named(&name, session).await?.name,
            None => String::new(),
        };
        Ok(wire::Disabling {
            standard,
            account: self.account.unwrap_or_default(),
            ..wire::Disabling::default()
        })
    }
}

async fn update(
    id: &str,
    change: Change,
    what: &str,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = wire::UpdateControlRequest {
        name: naming::control(id),
        change: Some(change),
    };
    let answer = session.standards().update_control(request).await;
    let control = answer.map_err(hinted)?.into_inner();
    let id = naming::id(&control.name);
    match printer.format {
        Format::Table => printer.done(&format!("{id}: {what}")),
        Format::Json | Format::Jsonl | Format::Csv => {
            printer.one(&[("id", id.into())], &document(&control))
        }
    }
}

/// Parameters as they were typed, in JSON.
fn read(given: &[String], control: &wire::Control) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for pair in given {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("`{pair}` should be NAME=VALUE")))?;
        let parameter = control
            .parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| unknown(name, control))?;
        let value = value_json(value, &parameter.default_json)
            .map_err(|what| Failure::Usage(format!("{name}: {what}")))?;
        if values.insert(name.to_owned(), value).is_some() {
            return Err(Failure::Usage(format!("{name} is given twice")));
        }
    }
    Ok(values)
}

fn unknown(name: &str, control: &wire::Control) -> Failure {
    let id = naming::id(&control.name);
    let names: Vec<&str> = control
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    Failure::Usage(match names[..] {
        [] => format!("{id} has no parameters"),
        [..] => format!(
            "{id} has no parameter `{name}`; it has {}",
            names.join(", ")
        ),
    })
}

/// A value of the kind that the default is of. Nothing stays nothing: it asks for the default.
fn value_json(given: &str, default_json: &str) -> Result<String, String> {
    if given.is_empty() {
        return Ok(String::new());
    }
    let default: Json = serde_json::from_str(default_json).unwrap_or_default();
    let value = match default {
        Json::String(_) => match serde_json::from_str(given) {
            Ok(Json::String(text)) => Json::String(text),
            Ok(_) | Err(_) => Json::String(given.to_owned()),
        },
        Json::Array(_) => match serde_json::from_str(given) {
            Ok(Json::Array(items)) => Json::Array(items),
            Ok(_) | Err(_) => given.split(',').map(str::trim).collect(),
        },
        Json::Number(_) => {
            let number = given.parse::<i64>();
            Json::from(number.map_err(|_| format!("`{given}` should be a whole number"))?)
        }
        Json::Bool(_) => match given {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            other => return Err(format!("`{other}` should be true or false")),
        },
        Json::Null | Json::Object(_) => serde_json::from_str(given)
            .map_err(|error| format!("`{given}` should be JSON: {error}"))?,
    };
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_the_kind_of_the_default() {
        assert_eq!(value_json("45", "90"), Ok("45".to_owned()));
        assert_eq!(value_json("", "90"), Ok(String::new()));
        assert_eq!(
            value_json("soon", "90"),
            Err("`soon` should be a whole number".to_owned())
        );
        assert_eq!(value_json("45", "\"x\""), Ok("\"45\"".to_owned()));
        assert_eq!(value_json("\"45\"", "\"x\""), Ok("\"45\"".to_owned()));
        assert_eq!(
            value_json("80, 443", "[]"),
            Ok(r#"["80","443"]"#.to_owned())
        );
        assert_eq!(value_json(r#"["80"]"#, "[]"), Ok(r#"["80"]"#.to_owned()));
        assert_eq!(value_json("true", "false"), Ok("true".to_owned()));
        assert!(value_json("yes", "false").is_err());
        assert!(value_json("{", "").is_err());
    }

    #[test]
    fn wrong_parameters_are_told_with_those_there_are() {
        let parameter = |name: &str| wire::ControlParameter {
            name: name.to_owned(),
            default_json: "90".to_owned(),
            ..wire::ControlParameter::default()
        };
        let mut control = wire::Control {
            name: "controls/IAM.3".to_owned(),
            parameters: vec![parameter("days"), parameter("grace")],
            ..wire::Control::default()
        };
        let says = |given: &[&str], control: &wire::Control| {
            let given: Vec<String> = given.iter().map(|&pair| pair.to_owned()).collect();
            match read(&given, control) {
                Ok(values) => format!("{values:?}"),
                Err(failure) => failure.to_string(),
            }
        };
        assert_eq!(
            says(&["days=45", "grace="], &control),
            r#"{"days": "45", "grace": ""}"#
        );
        assert_eq!(
            says(&["day=45"], &control),
            "IAM.3 has no parameter `day`; it has days, grace"
        );
        assert_eq!(says(&["days"], &control), "`days` should be NAME=VALUE");
        assert_eq!(says(&["days=1", "days=2"], &control), "days is given twice");
        control.parameters.clear();
        assert_eq!(says(&["days=45"], &control), "IAM.3 has no parameters");
    }
}

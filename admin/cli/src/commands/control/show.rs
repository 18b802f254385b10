//! `muster control show`.

use muster_proto::v1 as wire;
use muster_proto::v1::ControlStatus;
use serde_json::json;

use super::{document, place};
use crate::commands::standard;
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Format, Paint, Printer, print_line};
use crate::score::{severity, status_cell, status_name, status_word};
use crate::session::Session;
use crate::when::moment_cell;

pub(super) async fn run(id: &str, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let control = get(id, session).await?;
    let score = standard::of("", "", session).await?;
    let standing = score
        .controls
        .into_iter()
        .find(|standing| naming::id(&standing.control) == naming::id(&control.name));
    let mut whole = document(&control);
    whole["status"] = json!(standing.as_ref().map(|one| status_name(one.status())));
    printer.one(&lines(&control, standing.as_ref()), &whole)?;
    if printer.format == Format::Table {
        for (title, text) in [
            ("description", &control.description),
            ("remediation", &control.remediation),
        ] {
            if !text.is_empty() {
                print_line(&format!(
                    "\n{title}\n  {}",
                    Cell::from(text.as_str()).painted()
                ))?;
            }
        }
    }
    Ok(())
}

pub(super) async fn get(id: &str, session: &Session) -> Result<wire::Control, Failure> {
    let request = wire::GetControlRequest {
        name: naming::control(id),
    };
    let answer = session.standards().get_control(request).await;
    answer.map(tonic::Response::into_inner).map_err(hinted)
}

/// What there is, where a name is wrong.
pub(super) fn hinted(status: tonic::Status) -> Failure {
    Failure::from(status).hinted("'muster control list' shows what there is")
}

fn lines(
    control: &wire::Control,
    standing: Option<&wire::ControlStanding>,
) -> Vec<(&'static str, Cell)> {
    let mut lines = vec![
        ("control", Cell::from(naming::id(&control.name))),
        ("title", control.title.as_str().into()),
        ("severity", severity(&control.severity)),
        ("status", status(control, standing)),
        ("judges", control.resource_types.join(", ").into()),
        ("reads", control.reads.join(", ").into()),
    ];
    if control.custom {
        lines.push(("made by", "your organization".into()));
    }
    lines.extend(control.requirements.iter().map(|one| {
        let numbers = one.numbers.join(", ");
        let text = format!("{} of {}", numbers, naming::id(&one.standard));
        ("requirement", text.into())
    }));
    lines.extend(
        control
            .parameters
            .iter()
            .map(|parameter| ("parameter", parameter_cell(parameter))),
    );
    lines.extend(control.disabled.iter().map(|disabling| {
        let when = moment_cell(disabling.at.as_ref()).painted();
        let by: Vec<&str> = [disabling.actor.as_str(), &when]
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();
        let text = format!(
            "{}: {} ({})",
            place(disabling),
            disabling.reason,
            by.join(", ")
        );
        ("off", Cell::new(text, Paint::Warning))
    }));
    lines
}

fn status(control: &wire::Control, standing: Option<&wire::ControlStanding>) -> Cell {
    match standing {
        None if control.enabled => status_cell(ControlStatus::NoData),
        None => Cell::from("off: in no enabled standard, or disabled everywhere").dim(),
        Some(standing) => {
            let word = status_word(standing.status());
            let counts = [
                (standing.failed, "failed"),
                (standing.passed, "passed"),
                (standing.warning, "with a warning"),
                (standing.not_available, "not available"),
            ];
            let counts: Vec<String> = counts
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            match counts.is_empty() {
                true => status_cell(standing.status()),
                false => Cell::from(format!("{word}: {}", counts.join(", "))),
            }
        }
    }
}

fn parameter_cell(parameter: &wire::ControlParameter) -> Cell {
    let wire::ControlParameter {
        name,
        description,
        default_json,
        value_json,
    } = parameter;
    let value = match value_json.as_str() {
        "" => format!("{default_json}, the default"),
        value if value == default_json => format!("{value}, the default"),
        value => format!("{value} instead of {default_json}"),
    };
    format!("{name} = {value}: {description}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> wire::Control {
        let parameter = |name: &str, value: &str| wire::ControlParameter {
            name: name.to_owned(),
            description: "How old a key may be".to_owned(),
            default_json: "90".to_owned(),
            value_json: value.to_owned(),
        };
        wire::Control {
            name: "controls/IAM.3".to_owned(),
            title: "Access keys are rotated".to_owned(),
            severity: "MEDIUM".to_owned(),
            resource_types: ["AWS::IAM::User", "AWS::IAM::Role"]
                .map(str::to_owned)
                .to_vec(),
            requirements: vec![wire::Requirements {
                standard: "standards/cis-aws-foundations-benchmark/v/3.0.0".to_owned(),
                numbers: vec!["1.14".to_owned()],
            }],
            parameters: vec![parameter("days", "45"), parameter("grace", "")],
            enabled: true,
            disabled: vec![wire::Disabling {
                account: "111122223333".to_owned(),
                reason: "no people there".to_owned(),
                actor: "ana".to_owned(),
                ..wire::Disabling::default()
            }],
            ..wire::Control::default()
        }
    }

    #[test]
    fn a_control_says_where_it_is_off_and_what_is_set() {
        let standing = wire::ControlStanding {
            status: ControlStatus::Failed.into(),
            failed: 3,
            not_available: 1,
            ..wire::ControlStanding::default()
        };
        let text: Vec<String> = lines(&control(), Some(&standing))
            .iter()
            .map(|(name, cell)| format!("{name}: {}", cell.painted()))
            .collect();
        insta::assert_snapshot!(text.join("\n"), @"
        control: IAM.3
        title: Access keys are rotated
        severity: MEDIUM
        status: failed: 3 failed, 1 not available
        judges: AWS::IAM::User, AWS::IAM::Role
        reads: 
        requirement: 1.14 of cis-aws-foundations-benchmark/v/3.0.0
        parameter: days = 45 instead of 90: How old a key may be
        parameter: grace = 90, the default: How old a key may be
        off: in account 111122223333: no people there (ana)
        ");
    }
}

//! Standards, controls and scores as the wire has them.

use muster_common::timestamp::to_wire;
use muster_controls::Severity;
use muster_proto::v1 as wire;

use crate::compliance::{
    Attempted, Catalog, Choices, ControlStatus, Disabling, Entry, Place, Score, Standard, Standing,
    Tally, Totals, TriedVerdict, Whose,
};

pub(super) fn standard(catalog: &Catalog, choices: &Choices, of: &Standard) -> wire::Standard {
    let count = catalog.of_standard(&of.id).len();
    wire::Standard {
        name: format!("standards/{}", of.id),
        title: of.title.clone(),
        enabled: choices.is_on(&of.id),
        control_count: u32::try_from(count).unwrap_or(u32::MAX),
        arn: of.arn(),
    }
}

pub(super) fn control(catalog: &Catalog, choices: &Choices, of: &Entry) -> wire::Control {
    let control = of.control();
    let chosen = choices.of(&control.id);
    let requirements = control
        .requirements
        .iter()
        .map(|(standard, numbers)| wire::Requirements {
            standard: standard.clone(),
            numbers: numbers.clone(),
        });
    let defaults = control.defaults();
    let parameters = control.parameters.iter().map(|(name, parameter)| {
        let json =
            |value: Option<&serde_json::Value>| value.map(ToString::to_string).unwrap_or_default();
        wire::ControlParameter {
            name: name.clone(),
            description: parameter.description.clone(),
            default_json: json(defaults.get(name)),
            value_json: json(chosen.and_then(|chosen| chosen.parameters.get(name))),
        }
    });
    let disabled = chosen.into_iter().flat_map(|chosen| &chosen.disabled);
    wire::Control {
        name: format!("controls/{}", control.id),
        title: control.title.clone(),
        description: control.description.clone(),
        remediation: control.remediation.clone(),
        severity: severity(control.severity),
        resource_types: control.resource_types.clone(),
        reads: control.read_types().map(str::to_owned).collect(),
        requirements: requirements.collect(),
        parameters: parameters.collect(),
        enabled: !choices.standards_of(catalog, of, None).is_empty(),
        disabled: disabled.map(disabling).collect(),
        custom: of.custom,
    }
}

fn disabling(of: &Disabling) -> wire::Disabling {
    let Disabling {
        place,
        reason,
        actor,
        at,
    } = of;
    let (standard, account) = match place {
        Place::Everywhere => (String::new(), String::new()),
        Place::Standard(id) => (id.clone(), String::new()),
        Place::Account(account) => (String::new(), account.to_string()),
    };
    wire::Disabling {
        standard,
        account,
        reason: reason.clone(),
        actor: actor.clone(),
        at: Some(to_wire(*at)),
    }
}

pub(super) fn score(of: Score) -> wire::Score {
    let Score {
        whose,
        totals: all,
        controls,
    } = of;
    wire::Score {
        controls: controls.into_iter().map(standing).collect(),
        ..totals(&whose, all)
    }
}

/// A score without its controls.
pub(super) fn totals(whose: &Whose, of: Totals) -> wire::Score {
    let Totals {
        passed,
        failed,
        unknown,
        no_data,
        disabled,
    } = of;
    wire::Score {
        standard: whose.standard.clone(),
        account: whose
            .account
            .map(|account| account.to_string())
            .unwrap_or_default(),
        percent: of.percent(),
        percent_least: of.percent_least(),
        percent_most: of.percent_most(),
        passed,
        failed,
        unknown,
        no_data,
        disabled,
        controls: Vec::new(),
    }
}

pub(super) fn daily(whose: &Whose, date: String, of: Totals) -> wire::DailyScore {
    wire::DailyScore {
        date,
        score: Some(totals(whose, of)),
    }
}

fn standing(of: Standing) -> wire::ControlStanding {
    let Standing {
        control,
        title,
        severity: of_control,
        requirements,
        status,
        tally,
    } = of;
    let Tally {
        passed,
        failed,
        warning,
        not_available,
    } = tally;
    wire::ControlStanding {
        control,
        title,
        severity: severity(of_control),
        requirements,
        status: control_status(status).into(),
        passed,
        failed,
        warning,
        not_available,
    }
}

const fn control_status(of: ControlStatus) -> wire::ControlStatus {
    match of {
        ControlStatus::Passed => wire::ControlStatus::Passed,
        ControlStatus::Failed => wire::ControlStatus::Failed,
        ControlStatus::Unknown => wire::ControlStatus::Unknown,
        ControlStatus::NoData => wire::ControlStatus::NoData,
        ControlStatus::Disabled => wire::ControlStatus::Disabled,
    }
}

pub(super) fn attempted(of: Attempted) -> wire::TryControlResponse {
    let Attempted { tally, verdicts } = of;
    let Tally {
        passed,
        failed,
        warning,
        not_available,
    } = tally;
    wire::TryControlResponse {
        passed,
        failed,
        warning,
        not_available,
        verdicts: verdicts.into_iter().map(tried).collect(),
    }
}

fn tried(of: TriedVerdict) -> wire::TriedVerdict {
    let TriedVerdict {
        account,
        region,
        kind,
        id,
        verdict,
    } = of;
    wire::TriedVerdict {
        account: account.to_string(),
        region,
        resource_type: kind,
        resource_id: id,
        status: verdict.status.name().to_owned(),
        reason: verdict.reason.unwrap_or_default(),
        detail: verdict.detail.unwrap_or_default(),
    }
}

fn severity(of: Severity) -> String {
    let name = match of {
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    };
    name.to_owned()
}

//! `muster control list`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use muster_proto::v1 as wire;
use muster_proto::v1::ControlStatus;
use serde_json::json;

use crate::argument::Extent;
use crate::commands::{standard, tally};
use crate::failure::Failure;
use crate::naming;
use crate::output::{Cell, Printer};
use crate::score::{severity, status_cell, status_name};
use crate::session::Session;

const PAGE_SIZE: u32 = 1_000;

const HEADERS: &[&str] = &["CONTROL", "STATUS", "SEVERITY", "RESOURCE TYPE", "TITLE"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only those of one standard, such as cis-3.0
    #[arg(long, value_name = "NAME")]
    standard: Option<String>,
    /// Only those that stand so
    #[arg(long, value_delimiter = ',', value_name = "STATUS", ignore_case = true)]
    status: Vec<Status>,
    #[command(flatten)]
    extent: Extent,
}

/// How a control stands, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Passed,
    Failed,
    Unknown,
    NoData,
    /// Disabled here
    Disabled,
    /// In no enabled standard, or disabled everywhere
    Off,
}

impl Status {
    /// As programs read it.
    const fn name(self) -> &'static str {
        match self {
            Self::Passed => status_name(ControlStatus::Passed),
            Self::Failed => status_name(ControlStatus::Failed),
            Self::Unknown => status_name(ControlStatus::Unknown),
            Self::NoData => status_name(ControlStatus::NoData),
            Self::Disabled => status_name(ControlStatus::Disabled),
            Self::Off => "OFF",
        }
    }

    fn of(control: &wire::Control, status: ControlStatus) -> Self {
        match status {
            ControlStatus::Passed => Self::Passed,
            ControlStatus::Failed => Self::Failed,
            ControlStatus::Unknown => Self::Unknown,
            ControlStatus::NoData => Self::NoData,
            ControlStatus::Disabled => Self::Disabled,
            ControlStatus::Unspecified if control.enabled => Self::NoData,
            ControlStatus::Unspecified => Self::Off,
        }
    }
}

pub(super) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let standard = match &arguments.standard {
        Some(name) => standard::named(name, session).await?.name,
        None => String::new(),
    };
    let statuses: BTreeMap<String, ControlStatus> = standard::of(&standard, "", session)
        .await?
        .controls
        .into_iter()
        .map(|standing| (naming::id(&standing.control).to_owned(), standing.status()))
        .collect();
    let mut controls: Vec<(wire::Control, ControlStatus)> = fetch(&standard, session)
        .await?
        .into_iter()
        .map(|control| {
            let status = statuses.get(naming::id(&control.name)).copied();
            (control, status.unwrap_or_default())
        })
        .collect();
    controls.retain(|(control, status)| {
        arguments.status.is_empty() || arguments.status.contains(&Status::of(control, *status))
    });
    let wanted = arguments.extent.next_page(0, controls.len()).unwrap_or(0) as usize;
    let mut list = printer.list(HEADERS);
    for (control, status) in controls.iter().take(wanted) {
        list.push(row(control, *status), || {
            let mut document = super::document(control);
            document["status"] = json!(Status::of(control, *status).name());
            document
        })?;
    }
    list.finish(&tally(
        wanted,
        wanted < controls.len(),
        "control",
        "controls",
    ))
}

/// All controls, or all of a standard.
pub(crate) async fn fetch(
    standard: &str,
    session: &Session,
) -> Result<Vec<wire::Control>, Failure> {
    let (mut controls, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = wire::ListControlsRequest {
            standard: standard.to_owned(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = session
            .standards()
            .list_controls(request)
            .await?
            .into_inner();
        controls.extend(page.controls);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(controls);
        }
    }
}

fn row(control: &wire::Control, status: ControlStatus) -> Vec<Cell> {
    let status = match Status::of(control, status) {
        off @ Status::Off => Cell::exactly("off", off.name()).dim(),
        Status::NoData => status_cell(ControlStatus::NoData),
        Status::Passed | Status::Failed | Status::Unknown | Status::Disabled => status_cell(status),
    };
    vec![
        naming::id(&control.name).into(),
        status,
        severity(&control.severity),
        Cell::free(control.resource_types.join(", ")).dim(),
        Cell::free(control.title.as_str()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;

    #[test]
    fn controls_are_a_table() {
        let control = |id: &str, enabled| wire::Control {
            name: format!("controls/{id}"),
            title: "Snapshots are not shared with everybody".to_owned(),
            severity: "CRITICAL".to_owned(),
            resource_types: vec!["AWS::EC2::Snapshot".to_owned()],
            enabled,
            ..wire::Control::default()
        };
        let rows = [
            row(&control("EC2.1", true), ControlStatus::Failed),
            row(&control("EC2.172", true), ControlStatus::Unspecified),
            row(&control("CloudTrail.10", false), ControlStatus::Unspecified),
        ];
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        CONTROL        STATUS   SEVERITY  RESOURCE TYPE       TITLE
        EC2.1          failed   CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared…
        EC2.172        no data  CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared…
        CloudTrail.10  off      CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared…
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        CONTROL        STATUS   SEVERITY  RESOURCE TYPE       TITLE
        EC2.1          failed   CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared with everybody
        EC2.172        no data  CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared with everybody
        CloudTrail.10  off      CRITICAL  AWS::EC2::Snapshot  Snapshots are not shared with everybody
        ");
    }
}

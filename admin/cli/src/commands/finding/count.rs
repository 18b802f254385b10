//! `muster finding count`.

use clap::Args;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use serde_json::json;

use crate::commands::insight::groups;
use crate::failure::Failure;
use crate::filter::FilterArgs;
use crate::output::{Format, Printer, print_line};
use crate::session::Session;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: FilterArgs,
    /// Up to three fields to group by, such as ResourceId
    #[arg(long, value_delimiter = ',', value_name = "FIELD")]
    by: Vec<String>,
    /// The most groups to show
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=groups::GROUPS_MAX))]
    limit: u32,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = wire::CountFindingsRequest {
        filter: arguments.filter.read(Clock::system().now())?,
        group_by: arguments.by.clone(),
        limit: arguments.limit,
    };
    let counts = session
        .findings()
        .count_findings(request)
        .await?
        .into_inner();
    if !arguments.by.is_empty() {
        let ranked = groups::Ranked {
            fields: &arguments.by,
            groups: &counts.groups,
            total: counts.total,
            group_count: counts.group_count,
        };
        return groups::print(&ranked, printer);
    }
    match printer.format {
        Format::Table => print_line(&counts.total.to_string()),
        Format::Json | Format::Jsonl | Format::Csv => printer.one(
            &[("total", counts.total.into())],
            &json!({ "total": counts.total }),
        ),
    }
}

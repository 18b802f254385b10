//! `muster insight`.

pub(crate) mod groups;

use clap::{Args, Subcommand};
use muster_common::clock::Clock;
use muster_common::text::visible;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::tally;
use crate::argument::Extent;
use crate::contact::{Contact, ended};
use crate::failure::Failure;
use crate::filter::FilterArgs;
use crate::output::{Cell, Format, Printer, print_json, print_line};
use crate::session::Session;
use crate::when::absolute;

const PAGE_SIZE: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List insights: 35 managed ones, and your own
    List {
        /// Only your own
        #[arg(long)]
        custom: bool,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show what an insight ranks now; or rank without saving, with --by and a filter
    #[command(
        after_help = "Examples:\n  muster insight show managed-1\n  muster insight show --by ResourceId --severity critical\n  muster insight show --by AwsAccountId,SeverityLabel --workflow new --limit 20"
    )]
    Show(Show),
    /// Follow an insight live
    Watch {
        /// As 'muster insight list' shows it
        id: String,
        /// The most groups to show
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=groups::GROUPS_MAX))]
        limit: u32,
    },
    /// Save an insight
    #[command(
        after_help = "Examples:\n  muster insight create 'Open critical by account' --by AwsAccountId --severity critical --workflow new"
    )]
    Create(Create),
    /// Change an insight of your own
    Update(Update),
    /// Delete an insight of your own
    Delete {
        /// As 'muster insight list' shows it
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct Show {
    /// As 'muster insight list' shows it
    #[arg(value_name = "ID")]
    insight: Option<String>,
    /// Up to three fields to group by
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "FIELD",
        conflicts_with = "insight"
    )]
    by: Vec<String>,
    /// The most groups to show
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=groups::GROUPS_MAX))]
    limit: u32,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Args)]
pub(crate) struct Create {
    title: String,
    /// Up to three fields to group by
    #[arg(long, value_delimiter = ',', value_name = "FIELD", required = true)]
    by: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Args)]
pub(crate) struct Update {
    /// As 'muster insight list' shows it
    #[arg(value_name = "ID")]
    insight: String,
    #[arg(long)]
    title: Option<String>,
    #[arg(long, value_delimiter = ',', value_name = "FIELD")]
    by: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List { custom, extent } => list(custom, extent, session, printer).await,
        Command::Show(show) => self::show(show, session, printer).await,
        Command::Watch { id, limit } => watch(id, limit, session, printer).await,
        Command::Create(create) => {
            let request = wire::CreateInsightRequest {
                title: create.title,
                filter: create.filter.read(Clock::system().now())?,
                group_by: create.by,
            };
            let created = session
                .insights()
                .create_insight(request)
                .await?
                .into_inner();
            told(&created, "created", printer)
        }
        Command::Update(update) => {
            let request = wire::UpdateInsightRequest {
                name: update.insight,
                title: update.title,
                filter: update.filter.read(Clock::system().now())?,
                group_by: (!update.by.is_empty()).then_some(wire::StringList { values: update.by }),
            };
            let updated = session
                .insights()
                .update_insight(request)
                .await?
                .into_inner();
            told(&updated, "updated", printer)
        }
        Command::Delete { id } => {
            let request = wire::DeleteInsightRequest { name: id.clone() };
            session.insights().delete_insight(request).await?;
            printer.done(&format!("{id} deleted"))
        }
    }
}

fn told(insight: &wire::Insight, what: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.format {
        Format::Table => print_line(&format!("{} {what}", id(insight))),
        Format::Json | Format::Jsonl | Format::Csv => {
            printer.one(&[("id", id(insight).into())], &document(insight))
        }
    }
}

async fn list(
    custom: bool,
    extent: Extent,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let kind = if custom {
        wire::InsightKind::Custom
    } else {
        wire::InsightKind::Unspecified
    };
    let mut insights = fetch(kind, session).await?;
    insights.sort_by_key(place);
    let mut list = printer.list(&["ID", "TITLE", "GROUPED BY"]);
    let wanted = extent.next_page(0, insights.len()).unwrap_or(0) as usize;
    for insight in insights.iter().take(wanted) {
        let cells = vec![
            id(insight).into(),
            Cell::free(insight.title.as_str()),
            Cell::free(insight.group_by.join(", ")).dim(),
        ];
        list.push(cells, || document(insight))?;
    }
    list.finish(&tally(
        wanted,
        wanted < insights.len(),
        "insight",
        "insights",
    ))
}

/// All insights of a kind: the server keeps a thousand at most.
async fn fetch(kind: wire::InsightKind, session: &Session) -> Result<Vec<wire::Insight>, Failure> {
    let (mut insights, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = wire::ListInsightsRequest {
            page_size: PAGE_SIZE,
            page_token,
            kind: kind.into(),
        };
        let page = session
            .insights()
            .list_insights(request)
            .await?
            .into_inner();
        insights.extend(page.insights);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(insights);
        }
    }
}

/// Managed ones by number, and one's own after them.
fn place(insight: &wire::Insight) -> (bool, u32) {
    let number = id(insight)
        .strip_prefix("managed-")
        .and_then(|number| number.parse().ok());
    (number.is_none(), number.unwrap_or(0))
}

async fn show(show: Show, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let filter = show.filter.read(Clock::system().now())?;
    let Some(name) = show.insight else {
        if show.by.is_empty() {
            return Err(Failure::Usage(
                "name an insight, or group with --by, such as --by ResourceId".to_owned(),
            ));
        }
        let request = wire::CountFindingsRequest {
            filter,
            group_by: show.by.clone(),
            limit: show.limit,
        };
        let counts = session
            .findings()
            .count_findings(request)
            .await?
            .into_inner();
        let ranked = groups::Ranked {
            fields: &show.by,
            groups: &counts.groups,
            total: counts.total,
            group_count: counts.group_count,
        };
        return groups::print(&ranked, printer);
    };
    if filter.is_some() {
        return Err(Failure::Usage(
            "an insight has its own filter; leave the id out to rank with another".to_owned(),
        ));
    }
    let request = wire::GetInsightResultsRequest {
        name,
        limit: show.limit,
    };
    let results = session
        .insights()
        .get_insight_results(request)
        .await?
        .into_inner();
    print_results(&results, printer)
}

fn print_results(results: &wire::InsightResults, printer: &Printer) -> Result<(), Failure> {
    let insight = results.insight.clone().unwrap_or_default();
    if printer.format == Format::Table {
        print_line(&visible(&insight.title))?;
        print_line("")?;
    }
    let ranked = groups::Ranked {
        fields: &insight.group_by,
        groups: &results.groups,
        total: results.total,
        group_count: results.group_count,
    };
    groups::print(&ranked, printer)
}

async fn watch(
    name: String,
    limit: u32,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = wire::WatchInsightRequest { name, limit };
    let mut contact = Contact::default();
    let mut reconnected = None;
    loop {
        let session = reconnected.as_ref().unwrap_or(session);
        let failure = match follow(&request, &mut contact, session, printer).await {
            Ok(()) => ended(),
            Err(failure) => failure,
        };
        reconnected = Some(contact.again(session, failure).await?);
    }
}

/// Prints results until the stream ends.
async fn follow(
    request: &wire::WatchInsightRequest,
    contact: &mut Contact,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    use std::io::IsTerminal as _;
    let mut changes = session
        .insights()
        .watch_insight(request.clone())
        .await?
        .into_inner();
    contact.heard();
    while let Some(results) = changes.message().await? {
        match printer.format {
            Format::Table | Format::Csv => {
                if std::io::stdout().is_terminal() {
                    // Clear the screen and go home.
                    print_line("\u{1b}[2J\u{1b}[H")?;
                }
                print_results(&results, printer)?;
            }
            Format::Json | Format::Jsonl => {
                let groups: Vec<Json> = results
                    .groups
                    .iter()
                    .map(|group| json!({ "values": group.values, "count": group.count }))
                    .collect();
                let line = json!({ "sequence": results.sequence, "total": results.total, "groups": groups });
                print_json(&line)?;
            }
        }
    }
    Ok(())
}

fn id(insight: &wire::Insight) -> &str {
    insight.name.trim_start_matches("insights/")
}

fn document(insight: &wire::Insight) -> Json {
    json!({
        "id": id(insight),
        "title": insight.title,
        "managed": insight.managed,
        "filters": serde_json::from_str::<Json>(&insight.filters_json).unwrap_or_default(),
        "groupBy": insight.group_by,
        "owner": insight.owner,
        "createdAt": absolute(insight.created_at.as_ref()),
        "updatedAt": absolute(insight.updated_at.as_ref()),
    })
}

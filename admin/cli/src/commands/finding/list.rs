//! `muster finding list`.

use clap::Args;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;

use super::row::{HEADERS, Shape, cells, document};
use crate::argument::Extent;
use crate::commands::tally;
use crate::failure::Failure;
use crate::filter::FilterArgs;
use crate::output::Printer;
use crate::session::Session;

const PAGE_MAX: usize = 1_000;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: FilterArgs,
    /// FIELD, FIELD:asc or FIELD:desc; repeat for ties
    #[arg(long, value_name = "FIELD")]
    sort: Vec<String>,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    shape: Shape,
}

pub(crate) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let filter = arguments.filter.read(now)?;
    let order_by = arguments
        .sort
        .iter()
        .map(|sort| criterion(sort))
        .collect::<Result<Vec<_>, _>>()?;
    let mut list = printer.list(HEADERS);
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = arguments.extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListFindingsRequest {
            filter: filter.clone(),
            order_by: order_by.clone(),
            page_size,
            page_token: token,
            format: wire::FindingFormat::Asff.into(),
        };
        let page = session
            .findings()
            .list_findings(request)
            .await?
            .into_inner();
        for record in page.findings {
            shown += 1;
            let finding = document(&record)?;
            let cells = cells(&record, &finding, printer.format, now);
            list.push(cells, || arguments.shape.of(&record, finding))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "finding", "findings"))
}

fn criterion(text: &str) -> Result<wire::SortCriterion, Failure> {
    let (field, direction) = text.split_once(':').unwrap_or((text, "asc"));
    let descending = match direction {
        "asc" => false,
        "desc" => true,
        other => {
            return Err(Failure::Usage(format!(
                "--sort {text}: `{other}` should be asc or desc"
            )));
        }
    };
    Ok(wire::SortCriterion {
        field: field.to_owned(),
        descending,
    })
}

//! `muster resource coverage`.

use clap::Args;
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use crate::argument::{Extent, account};
use crate::commands::tally;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer};
use crate::session::Session;
use crate::when::{absolute, time_cell};

const PAGE_MAX: usize = 1_000;

const HEADERS: &[&str] = &[
    "ACCOUNT", "REGION", "TYPE", "COUNT", "READ", "TRIED", "TROUBLE",
];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Of one account
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// Only what could not be read at the last try, or never was
    #[arg(long)]
    trouble: bool,
    #[command(flatten)]
    extent: Extent,
}

pub(super) async fn run(
    arguments: &Arguments,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let mut list = printer.list(HEADERS);
    let (mut shown, mut token, mut more) = (0, String::new(), false);
    'pages: loop {
        let request = wire::ListCoverageRequest {
            account: arguments.account.clone().unwrap_or_default(),
            page_size: u32::try_from(PAGE_MAX).unwrap_or(0),
            page_token: token,
        };
        let page = session
            .resources()
            .list_coverage(request)
            .await?
            .into_inner();
        for coverage in page.coverage {
            if arguments.trouble && !troubled(&coverage) {
                continue;
            }
            if arguments.extent.next_page(shown, PAGE_MAX).is_none() {
                more = true;
                break 'pages;
            }
            shown += 1;
            list.push(row(&coverage, now), || document(&coverage))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let (one, many) = match arguments.trouble {
        true => ("trouble", "troubles"),
        false => ("listing", "listings"),
    };
    list.finish(&tally(shown, more, one, many))
}

/// Whether the last try gave nothing, or there was none.
fn troubled(coverage: &wire::Coverage) -> bool {
    !coverage.trouble_code.is_empty() || coverage.complete_at.is_none()
}

/// `AccessDenied from rds:DescribeDBInstances: not authorized`.
pub(crate) fn trouble(coverage: &wire::Coverage) -> String {
    let wire::Coverage {
        trouble_code: code,
        trouble_call: call,
        trouble_message: message,
        ..
    } = coverage;
    let mut text = code.clone();
    if !call.is_empty() {
        text.push_str(&format!(" from {call}"));
    }
    if !message.is_empty() {
        text.push_str(&format!(": {message}"));
    }
    text
}

fn row(coverage: &wire::Coverage, now: Timestamp) -> Vec<Cell> {
    let read = match coverage.complete_at {
        Some(_) => time_cell(coverage.complete_at.as_ref(), now),
        None => Cell::exactly("never", "").painted_as(Paint::Warning),
    };
    vec![
        coverage.account.as_str().into(),
        coverage.region.as_str().into(),
        coverage.resource_type.as_str().into(),
        coverage.count.into(),
        read,
        time_cell(coverage.tried_at.as_ref(), now),
        Cell::free(trouble(coverage)).painted_as(Paint::Bad),
    ]
}

fn document(coverage: &wire::Coverage) -> Json {
    json!({
        "account": coverage.account,
        "region": coverage.region,
        "type": coverage.resource_type,
        "completeAt": absolute(coverage.complete_at.as_ref()),
        "count": coverage.count,
        "triedAt": absolute(coverage.tried_at.as_ref()),
        "troubleCode": coverage.trouble_code,
        "troubleCall": coverage.trouble_call,
        "troubleMessage": coverage.trouble_message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::at_width;
    use muster_common::timestamp::{HOUR, to_wire};

    #[test]
    fn coverage_is_a_table() {
        let now = Timestamp::from_millis(100 * HOUR);
        let coverage = |code: &str, complete| wire::Coverage {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            resource_type: "AWS::RDS::DBInstance".to_owned(),
            complete_at: complete,
            count: 12,
            tried_at: Some(to_wire(now.plus(-HOUR))),
            trouble_code: code.to_owned(),
            trouble_call: if code.is_empty() {
                ""
            } else {
                "rds:DescribeDBInstances"
            }
            .to_owned(),
            trouble_message: String::new(),
        };
        let rows = [
            row(&coverage("", Some(to_wire(now.plus(-HOUR)))), now),
            row(&coverage("AccessDenied", None), now),
        ];
        insta::assert_snapshot!(at_width(80, HEADERS, &rows), @"
        ACCOUNT       REGION     TYPE                  COUNT  READ        TRIED       TROUBLE
        111122223333  eu-west-1  AWS::RDS::DBInstance  12     60 min ago  60 min ago
        111122223333  eu-west-1  AWS::RDS::DBInstance  12     never       60 min ago  AccessDenie…
        ");
        insta::assert_snapshot!(at_width(200, HEADERS, &rows), @"
        ACCOUNT       REGION     TYPE                  COUNT  READ        TRIED       TROUBLE
        111122223333  eu-west-1  AWS::RDS::DBInstance  12     60 min ago  60 min ago
        111122223333  eu-west-1  AWS::RDS::DBInstance  12     never       60 min ago  AccessDenied from rds:DescribeDBInstances
        ");
    }
}

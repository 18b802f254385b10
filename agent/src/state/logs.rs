//! CloudWatch Logs: log groups and metric filters.

use serde_json::Value as Json;

use super::site::{Paging, Site, text};
use super::survey::{self, Entries, Id, List, Listing, Survey};
use crate::cloud::Service;

const PAGING: Paging = Paging {
    ask: "nextToken",
    told: "nextToken",
};

pub(super) const SURVEY: Survey = Survey {
    name: "config-logs",
    listings: &[
        Listing {
            kind: "AWS::Logs::MetricFilter",
            list: List::Entries(Entries {
                service: Service::Logs,
                call: "logs:DescribeMetricFilters",
                parameters: &[],
                paging: PAGING,
                list: "metricFilters",
                part: "MetricFilter",
                measured: &[],
                id: Id::Made(filter),
            }),
        },
        Listing {
            kind: "AWS::Logs::LogGroup",
            list: List::Entries(Entries {
                service: Service::Logs,
                call: "logs:DescribeLogGroups",
                parameters: &[],
                paging: PAGING,
                list: "logGroups",
                part: "LogGroup",
                measured: &["storedBytes"],
                id: Id::Made(group),
            }),
        },
    ],
    check: |site| survey::check(site, Service::Logs, "logs:DescribeMetricFilters", &[]),
};

/// AWS gives metric filters no ARN.
fn filter(filter: &Json, site: &Site) -> String {
    let (group, name) = (text(filter, "logGroupName"), text(filter, "filterName"));
    site.arn("logs", &format!("log-group:{group}:metric-filter:{name}"))
}

fn group(group: &Json, site: &Site) -> String {
    let name = text(group, "logGroupName");
    site.arn("logs", &format!("log-group:{name}"))
}

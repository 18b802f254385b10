//! CloudWatch: alarms on metrics.

use super::site::NEXT_TOKEN;
use super::survey::{self, Entries, Id, List, Listing, Survey};
use crate::cloud::Service;

const LIST: &str = "cloudwatch:DescribeAlarms";

pub(super) const SURVEY: Survey = Survey {
    name: "config-cloudwatch",
    listings: &[Listing {
        kind: "AWS::CloudWatch::Alarm",
        list: List::Entries(Entries {
            service: Service::CloudWatch,
            call: LIST,
            parameters: &[("MaxRecords", "100")],
            paging: NEXT_TOKEN,
            list: "MetricAlarms",
            part: "Alarm",
            measured: &[
                "EvaluationState",
                "StateReason",
                "StateReasonData",
                "StateTransitionedTimestamp",
                "StateUpdatedTimestamp",
                "StateValue",
            ],
            id: Id::Arn("AlarmArn"),
        }),
    }],
    check: |site| survey::check(site, Service::CloudWatch, LIST, &[("MaxRecords", "1")]),
};

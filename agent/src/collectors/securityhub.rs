//! Security Hub itself: what other products and its own checks have put there. Permission: `securityhub:GetFindings`.

use serde_json::{Value as Json, json};

use super::Setback;
use super::sweep::{Ask, Page, Source, list};
use crate::cloud::{Cloud, Service};
use crate::mapping::{Place, Unmappable};

/// Source: Security Hub API Reference, GetFindings.
const PAGE_MAX: u32 = 100;
/// Services with a collector of their own, by the name that Security Hub gives them.
const DETECTORS: [&str; 3] = ["GuardDuty", "Inspector", "Macie"];

pub(super) struct SecurityHub {
    pub cloud: Cloud,
    /// Also what [`DETECTORS`] sent there.
    pub include_detectors: bool,
}

impl SecurityHub {
    /// An administrator's hub also lists its members' findings, and a home Region those of other Regions, which other
    /// collectors send.
    fn filters(&self, ask: Ask<'_>) -> Json {
        let equals = |value: &str| json!([{ "Comparison": "EQUALS", "Value": value }]);
        let mut filters = json!({
            "AwsAccountId": equals(ask.place.account.as_str()),
            "Region": equals(ask.place.region.as_str()),
        });
        if let Some(from) = ask.from {
            filters["UpdatedAt"] = json!([{
                "Start": from.to_string(),
                "End": "9999-12-31T23:59:59.999Z",
            }]);
        }
        if !self.include_detectors {
            filters["ProductName"] = DETECTORS
                .map(|name| json!({ "Comparison": "NOT_EQUALS", "Value": name }))
                .as_slice()
                .into();
        }
        filters
    }
}

impl Source for SecurityHub {
    const NAME: &'static str = "securityhub";
    const ORDERED: bool = true;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        let mut body = json!({
            "MaxResults": PAGE_MAX,
            "Filters": self.filters(ask),
            "SortCriteria": [{ "Field": "UpdatedAt", "SortOrder": "asc" }],
        });
        if let Some(token) = ask.token {
            body["NextToken"] = token.into();
        }
        let mut answer = self
            .cloud
            .call(
                Service::SecurityHub,
                &ask.place.region,
                "POST",
                "/findings",
                Some(&body),
            )
            .await
            .map_err(Setback::of_call)?;
        Ok(Page {
            next: answer["NextToken"].as_str().map(str::to_owned),
            findings: list(answer.get_mut("Findings").map(Json::take)),
        })
    }

    /// They are ASFF documents already.
    fn map(&self, finding: &Json, _place: &Place) -> Result<Json, Unmappable> {
        if finding.is_object() {
            return Ok(finding.clone());
        }
        Err(Unmappable::Missing("Id"))
    }
}

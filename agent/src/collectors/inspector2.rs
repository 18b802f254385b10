//! Inspector. Permission: `inspector2:ListFindings`.

use muster_common::timestamp::SECOND;
use serde_json::{Value as Json, json};

use super::Setback;
use super::sweep::{Ask, Page, Source, list};
use crate::cloud::{Cloud, Service};
use crate::mapping::{self, Place, Unmappable};

/// Source: Inspector API Reference, ListFindings.
const PAGE_MAX: u32 = 100;

pub(super) struct Inspector2(pub Cloud);

impl Source for Inspector2 {
    const NAME: &'static str = "inspector2";
    /// Inspector cannot sort by `updatedAt`.
    const ORDERED: bool = false;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        let Ask { place, from, token } = ask;
        let mut criteria = json!({
            "awsAccountId": [{ "comparison": "EQUALS", "value": place.account.as_str() }],
        });
        if let Some(from) = from {
            let seconds = from.as_millis() as f64 / SECOND as f64;
            criteria["updatedAt"] = json!([{ "startInclusive": seconds }]);
        }
        let mut body = json!({
            "maxResults": PAGE_MAX,
            "filterCriteria": criteria,
            "sortCriteria": { "field": "LAST_OBSERVED_AT", "sortOrder": "ASC" },
        });
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        let mut answer = self
            .0
            .call(
                Service::Inspector2,
                &place.region,
                "POST",
                "/findings/list",
                Some(&body),
            )
            .await
            .map_err(Setback::of_call)?;
        Ok(Page {
            next: answer["nextToken"].as_str().map(str::to_owned),
            findings: list(answer.get_mut("findings").map(Json::take)),
        })
    }

    fn map(&self, finding: &Json, place: &Place) -> Result<Json, Unmappable> {
        mapping::inspector2(finding, place)
    }
}

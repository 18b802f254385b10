//! Macie. Permissions: `macie2:ListFindings`, `macie2:GetFindings`.

use muster_common::timestamp::Timestamp;
use serde_json::{Value as Json, json};

use super::Setback;
use super::sweep::{Ask, Page, Source, list};
use crate::cloud::{Cloud, Service};
use crate::mapping::{self, Place, Unmappable};

/// Source: Macie API Reference, ListFindings and GetFindings.
const PAGE_MAX: u32 = 50;

pub(super) struct Macie2(pub Cloud);

impl Macie2 {
    async fn call(&self, place: &Place, path: &str, body: &Json) -> Result<Json, Setback> {
        self.0
            .call(Service::Macie2, &place.region, "POST", path, Some(body))
            .await
            .map_err(Setback::of_call)
    }
}

impl Source for Macie2 {
    const NAME: &'static str = "macie2";
    const ORDERED: bool = true;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        let Ask { place, from, token } = ask;
        let ids = self
            .call(place, "/findings", &ask_for_ids(place, from, token))
            .await?;
        let found = match ids["findingIds"].as_array() {
            Some(ids) if !ids.is_empty() => {
                let body = json!({ "findingIds": ids, "sortCriteria": sorted() });
                self.call(place, "/findings/describe", &body)
                    .await?
                    .get_mut("findings")
                    .map(Json::take)
            }
            Some(_) | None => None,
        };
        Ok(Page {
            next: ids["nextToken"].as_str().map(str::to_owned),
            findings: list(found),
        })
    }

    fn map(&self, finding: &Json, place: &Place) -> Result<Json, Unmappable> {
        mapping::macie2(finding, place)
    }
}

fn ask_for_ids(place: &Place, from: Option<Timestamp>, token: Option<&str>) -> Json {
    let mut criterion = json!({ "accountId": { "eq": [place.account.as_str()] } });
    if let Some(from) = from {
        criterion["updatedAt"] = json!({ "gte": from.as_millis() });
    }
    let mut body = json!({
        "maxResults": PAGE_MAX,
        "findingCriteria": { "criterion": criterion },
        "sortCriteria": sorted(),
    });
    if let Some(token) = token {
        body["nextToken"] = token.into();
    }
    body
}

fn sorted() -> Json {
    json!({ "attributeName": "updatedAt", "orderBy": "ASC" })
}

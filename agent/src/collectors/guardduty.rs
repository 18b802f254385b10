//! GuardDuty. Permissions: `guardduty:ListDetectors`, `guardduty:ListFindings`, `guardduty:GetFindings`.

use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::Setback;
use super::sweep::{Ask, Page, Source, list};
use crate::cloud::{Cloud, Service};
use crate::mapping::{self, Place, Unmappable};

/// Source: GuardDuty API Reference, ListFindings and GetFindings.
const PAGE_MAX: u32 = 50;

pub(super) struct GuardDuty {
    cloud: Cloud,
    /// As the first page of a run found it.
    detector: Mutex<String>,
}

impl GuardDuty {
    pub(super) fn new(cloud: Cloud) -> Self {
        Self {
            cloud,
            detector: Mutex::default(),
        }
    }

    /// An account has one detector in a Region.
    async fn detector(&self, ask: Ask<'_>) -> Result<String, Setback> {
        if ask.token.is_some() {
            return Ok(self.detector.lock().clone());
        }
        let detectors = self.call(ask.place, "GET", "/detector", None).await?;
        let Some(detector) = detectors["detectorIds"][0].as_str() else {
            return Err(Setback::Off(format!(
                "GuardDuty is not enabled in {}",
                ask.place.region
            )));
        };
        detector.clone_into(&mut self.detector.lock());
        Ok(detector.to_owned())
    }

    async fn call(
        &self,
        place: &Place,
        method: &'static str,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, Setback> {
        self.cloud
            .call(Service::GuardDuty, &place.region, method, path, body)
            .await
            .map_err(Setback::of_call)
    }
}

impl Source for GuardDuty {
    const NAME: &'static str = "guardduty";
    const ORDERED: bool = true;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        let Ask { place, from, token } = ask;
        let detector = self.detector(ask).await?;
        let ids = self
            .call(
                place,
                "POST",
                &format!("/detector/{detector}/findings"),
                Some(&ask_for_ids(place, from, token)),
            )
            .await?;
        let next = ids["nextToken"].as_str().filter(|token| !token.is_empty());
        let found = match ids["findingIds"].as_array() {
            Some(ids) if !ids.is_empty() => {
                let path = format!("/detector/{detector}/findings/get");
                let body = json!({ "findingIds": ids, "sortCriteria": sorted() });
                self.call(place, "POST", &path, Some(&body))
                    .await?
                    .get_mut("findings")
                    .map(Json::take)
            }
            Some(_) | None => None,
        };
        Ok(Page {
            next: next.map(str::to_owned),
            findings: list(found),
        })
    }

    fn map(&self, finding: &Json, place: &Place) -> Result<Json, Unmappable> {
        mapping::guardduty(finding, place)
    }
}

/// An administrator's detector also lists the findings of its members, which their own agents send.
fn ask_for_ids(place: &Place, from: Option<Timestamp>, token: Option<&str>) -> Json {
    let mut criterion = json!({ "accountId": { "equals": [place.account.as_str()] } });
    if let Some(from) = from {
        criterion["updatedAt"] = json!({ "greaterThanOrEqual": from.as_millis() });
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

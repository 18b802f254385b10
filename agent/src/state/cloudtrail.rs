//! CloudTrail: the trails whose home is a Region, also the organization's; their shadows in other Regions are not told.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value as Json, json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Refused, Site, listed, state, taken, text};
use super::survey::{self, List, Listing, Survey, describe, leave_out};
use crate::cloud::Service;

pub(super) const SURVEY: Survey = Survey {
    name: "config-cloudtrail",
    listings: &[Listing {
        kind: "AWS::CloudTrail::Trail",
        list: List::Own(trails),
    }],
    check: |site| survey::check(site, Service::CloudTrail, "cloudtrail:DescribeTrails", &[]),
};

/// When something was last delivered, which is every few minutes.
const DELIVERIES: &[&str] = &[
    "LatestCloudWatchLogsDeliveryTime",
    "LatestDeliveryAttemptSucceeded",
    "LatestDeliveryAttemptTime",
    "LatestDeliveryTime",
    "LatestDigestDeliveryTime",
    "LatestNotificationAttemptSucceeded",
    "LatestNotificationAttemptTime",
    "LatestNotificationTime",
];

fn trails<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        // To an account that is not its owner, an organization's trail is a shadow in its home Region, too.
        let all = json!({ "includeShadowTrails": true });
        let call = "cloudtrail:DescribeTrails";
        let mut answer = listed(call, site.act(Service::CloudTrail, call, &all).await?)?;
        let mut trails = taken(&mut answer, "trailList");
        trails.retain(|trail| is_home(trail, site));
        describe(trails, out, |entry| trail(site, entry).boxed()).await
    }
    .boxed()
}

fn is_home(trail: &Json, site: &Site) -> bool {
    let home = trail["HomeRegion"].as_str();
    home.is_none_or(|home| home == site.place)
}

async fn trail(site: &Site, trail: Json) -> Result<Resource, Refused> {
    let arn = text(&trail, "TrailARN").to_owned();
    let ask = |call, parameters: Json| async move {
        let answer = site.act(Service::CloudTrail, call, &parameters).await;
        site.part(answer, &[])
    };
    let mut status = ask("cloudtrail:GetTrailStatus", json!({ "Name": arn })).await?;
    leave_out(DELIVERIES, &mut status);
    let selectors = json!({ "TrailName": arn });
    let selectors = ask("cloudtrail:GetEventSelectors", selectors).await?;
    Ok(Resource {
        id: arn,
        region: site.place.clone(),
        state: state([
            ("Trail", trail),
            ("Status", status),
            ("EventSelectors", selectors),
        ]),
    })
}

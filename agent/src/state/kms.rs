//! KMS: keys, those of AWS too.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value as Json, json};

use super::document::{Resource, policy};
use super::epoch::{Broken, Telling};
use super::site::{Paging, Refused, Site, member, state, taken, text};
use super::survey::{self, List, Listing, Survey, describe};
use crate::cloud::Service;

const LIST: &str = "kms:ListKeys";
const PAGING: Paging = Paging {
    ask: "Marker",
    told: "NextMarker",
};

pub(super) const SURVEY: Survey = Survey {
    name: "config-kms",
    listings: &[Listing {
        kind: "AWS::KMS::Key",
        list: List::Own(keys),
    }],
    check: |site| survey::check(site, Service::Kms, LIST, &[]),
};

fn keys<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let mut pages = site.pages(Service::Kms, LIST, json!({ "Limit": 500 }), PAGING);
        while let Some(mut page) = pages.next().await? {
            let one = |entry: Json| async move { key(site, &entry).await }.boxed();
            describe(taken(&mut page, "Keys"), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn key(site: &Site, entry: &Json) -> Result<Resource, Refused> {
    let id = &entry["KeyId"];
    let ask =
        |call, parameters: Json| async move { site.act(Service::Kms, call, &parameters).await };
    let metadata = ask("kms:DescribeKey", json!({ "KeyId": id })).await;
    let rotation = ask("kms:GetKeyRotationStatus", json!({ "KeyId": id })).await;
    let named = json!({ "KeyId": id, "PolicyName": "default" });
    let document = member(ask("kms:GetKeyPolicy", named).await, "Policy");
    Ok(Resource {
        id: text(entry, "KeyArn").to_owned(),
        region: site.place.clone(),
        state: state([
            (
                "KeyMetadata",
                site.part(member(metadata, "KeyMetadata"), &[])?,
            ),
            ("Rotation", site.part(rotation, &[])?),
            ("Policy", policy(&site.part(document, &[])?)),
        ]),
    })
}

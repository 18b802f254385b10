//! SNS: topics and who subscribes to them.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value as Json, json};

use super::document::{Resource, policy};
use super::epoch::{Broken, Telling};
use super::site::{NEXT_TOKEN, Refused, Site, member, state, taken, text};
use super::survey::{self, List, Listing, Survey, describe};
use crate::cloud::Service;

const LIST: &str = "sns:ListTopics";

pub(super) const SURVEY: Survey = Survey {
    name: "config-sns",
    listings: &[Listing {
        kind: "AWS::SNS::Topic",
        list: List::Own(topics),
    }],
    check: |site| survey::check(site, Service::Sns, LIST, &[]),
};

fn topics<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let mut pages = site.pages(Service::Sns, LIST, json!({}), NEXT_TOKEN);
        while let Some(mut page) = pages.next().await? {
            let one = |entry: Json| async move { topic(site, &entry).await }.boxed();
            describe(taken(&mut page, "Topics"), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn topic(site: &Site, entry: &Json) -> Result<Resource, Refused> {
    let named = json!({ "TopicArn": entry["TopicArn"] });
    let answer = site.act(Service::Sns, "sns:GetTopicAttributes", &named);
    let attributes = member(answer.await, "Attributes").map(|mut attributes| {
        if let Some(text) = attributes.get_mut("Policy") {
            *text = policy(text);
        }
        attributes
    });
    let call = "sns:ListSubscriptionsByTopic";
    let subscriptions = site.pages(Service::Sns, call, named, NEXT_TOKEN);
    let subscriptions = site.whole(subscriptions, "Subscriptions").await;
    Ok(Resource {
        id: text(entry, "TopicArn").to_owned(),
        region: site.place.clone(),
        state: state([
            ("Attributes", site.part(attributes, &[])?),
            (
                "Subscriptions",
                site.part(subscriptions.map(Json::Array), &[])?,
            ),
        ]),
    })
}

//! S3: the buckets of all Regions, each asked about in its own.

use std::collections::HashMap;

use futures::future::{BoxFuture, FutureExt as _};
use muster_common::account::{Partition, Region};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Ask, Paging, Refused, Site, taken, text};
use super::survey::{List, Listing, Survey, describe};
use crate::cloud::Service;

const LIST: &str = "s3:ListAllMyBuckets";
const PAGING: Paging = Paging {
    ask: "continuation-token",
    told: "ContinuationToken",
};

pub(super) const SURVEY: Survey = Survey {
    name: "config-s3",
    listings: &[Listing {
        kind: "AWS::S3::Bucket",
        list: List::Own(buckets),
    }],
    check: |site| {
        async move {
            let answer = site.get(Service::S3, LIST, "/?max-buckets=1").await;
            answer.map(|_| ())
        }
        .boxed()
    },
};

/// A part of a bucket: what to ask for, the permission, and the code that says there is none.
struct Part {
    name: &'static str,
    query: &'static str,
    call: &'static str,
    nothing: &'static str,
}

const fn part(
    name: &'static str,
    query: &'static str,
    call: &'static str,
    nothing: &'static str,
) -> Part {
    Part {
        name,
        query,
        call,
        nothing,
    }
}

const PARTS: [Part; 11] = [
    part("Acl", "acl", "s3:GetBucketAcl", ""),
    part(
        "Policy",
        "policy",
        "s3:GetBucketPolicy",
        "NoSuchBucketPolicy",
    ),
    part(
        "PolicyStatus",
        "policyStatus",
        "s3:GetBucketPolicyStatus",
        "NoSuchBucketPolicy",
    ),
    part(
        "PublicAccessBlock",
        "publicAccessBlock",
        "s3:GetBucketPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
    ),
    part(
        "Encryption",
        "encryption",
        "s3:GetEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    part("Versioning", "versioning", "s3:GetBucketVersioning", ""),
    part("Logging", "logging", "s3:GetBucketLogging", ""),
    part(
        "OwnershipControls",
        "ownershipControls",
        "s3:GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
    ),
    part(
        "Lifecycle",
        "lifecycle",
        "s3:GetLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
    ),
    part(
        "ObjectLock",
        "object-lock",
        "s3:GetBucketObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
    ),
    part(
        "EventNotifications",
        "notification",
        "s3:GetBucketNotification",
        "",
    ),
];

/// Regions that nothing is heard from, and what the first call was refused for.
type Silent = Mutex<HashMap<Region, Refused>>;

fn buckets<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let silent = Silent::default();
        let silent = &silent;
        let mut pages = site.paths(Service::S3, LIST, "/?max-buckets=500", PAGING);
        while let Some(mut page) = pages.next().await? {
            let one = |entry: Json| async move { bucket(site, silent, &entry).await }.boxed();
            describe(taken(&mut page, "Buckets"), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn bucket(site: &Site, silent: &Silent, entry: &Json) -> Result<Resource, Refused> {
    let name = text(entry, "Name");
    let mut state = Map::new();
    state.insert("Name".to_owned(), name.into());
    let region = match region(site, entry).await? {
        Ok(region) => region,
        // Whoever asks elsewhere is told of somewhere else, so that nothing is known of it; it stands in the home Region.
        Err(unavailable) => {
            let parts = PARTS
                .iter()
                .map(|part| (part.name.to_owned(), unavailable.clone()));
            state.extend(parts);
            return Ok(resource(name, &site.region, state));
        }
    };
    for part in &PARTS {
        let path = format!("/{name}?{}", part.query);
        let known = silent.lock().get(&region).cloned();
        let answer = match known {
            Some(refused) => Err(Refused {
                call: part.call,
                ..refused
            }),
            None => {
                let path = path.as_str();
                let ask = Ask::Get { path, headers: &[] };
                site.ask(&region, Service::S3, part.call, ask).await
            }
        };
        let read = part.read(answer, &region, silent, site)?;
        state.insert(part.name.to_owned(), read);
    }
    Ok(resource(name, &region, state))
}

fn resource(name: &str, region: &Region, state: Map<String, Json>) -> Resource {
    let partition = Partition::of(region).as_str();
    Resource {
        id: format!("arn:{partition}:s3:::{name}"),
        region: region.to_string(),
        state,
    }
}

impl Part {
    /// What an answer from a Region is as a part. Fails only if the survey cannot go on.
    fn read(
        &self,
        answer: Result<Json, Refused>,
        region: &Region,
        silent: &Silent,
        site: &Site,
    ) -> Result<Json, Refused> {
        match answer.map(|answer| self.trimmed(answer)) {
            // Of one Region; the other buckets are none the worse for it.
            Err(refused) if refused.is_silence() && *region != site.region => {
                silent.lock().insert(region.clone(), refused.clone());
                site.note(&refused);
                Ok(refused.part())
            }
            answer => site.part(answer, &[self.nothing]),
        }
    }

    /// Some answers have a frame around what matters.
    fn trimmed(&self, mut answer: Json) -> Json {
        match self.name {
            "Logging" => {
                let enabled = answer.get_mut("LoggingEnabled");
                enabled.map(Json::take).unwrap_or_default()
            }
            _ => answer,
        }
    }
}

/// The Region of a bucket. The list names it, from services that are new enough. One that may not be asked for is a part
/// that says so.
async fn region(site: &Site, entry: &Json) -> Result<Result<Region, Json>, Refused> {
    if let Ok(region) = text(entry, "BucketRegion").parse() {
        return Ok(Ok(region));
    }
    let path = format!("/{}?location", text(entry, "Name"));
    let ask = Ask::Get {
        path: &path,
        headers: &[],
    };
    let call = "s3:GetBucketLocation";
    let answer = site.ask(&knowing(site), Service::S3, call, ask).await;
    let answer = site.part(answer, &[])?;
    if answer.get("Unavailable").is_some() {
        return Ok(Err(answer));
    }
    let named = match answer.as_str() {
        None | Some("") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(name) => name,
    };
    Ok(Ok(named.parse().unwrap_or_else(|_| site.region.clone())))
}

/// The Region that knows where every bucket of the partition is; elsewhere only those of the Region are known.
fn knowing(site: &Site) -> Region {
    let region = match site.partition() {
        Partition::Aws => "us-east-1".parse().ok(),
        Partition::China | Partition::GovCloud | Partition::EuropeanSovereign => None,
    };
    region.unwrap_or_else(|| site.region.clone())
}

#[cfg(test)]
mod tests {
    use muster_common::clock::Clock;

    use super::*;
    use crate::cloud::{CallError, Cloud, Problem};

    fn refused(problem: Problem, code: &str) -> Refused {
        Refused {
            call: PARTS[0].call,
            error: CallError {
                problem,
                code: code.to_owned(),
                message: "no".to_owned(),
            },
        }
    }

    #[tokio::test]
    async fn another_region_may_be_silent_and_one_that_is_slow_breaks_the_listing_off() {
        let home: Region = "eu-west-1".parse().unwrap();
        let cloud = Cloud::connect(Some(&home), &Clock::system()).await;
        let account = "111122223333".parse().unwrap();
        let site = Site::new(cloud, account, home.clone(), "aws-global".to_owned());
        let (far, silent) = ("eu-north-1".parse().unwrap(), Silent::default());
        let read = |refused, region| PARTS[0].read(Err(refused), region, &silent, &site);
        let slow = refused(Problem::Throttled, "SlowDown");
        for region in [&home, &far] {
            assert_eq!(read(slow.clone(), region), Err(slow.clone()));
        }
        assert!(silent.lock().is_empty() && site.refused().is_empty());
        let mute = refused(Problem::Unreachable, "");
        assert_eq!(read(mute.clone(), &home), Err(mute.clone()));
        assert_eq!(read(mute.clone(), &far), Ok(mute.part()));
        assert_eq!(silent.lock().get(&far), Some(&mute));
    }
}

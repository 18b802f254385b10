//! RDS: instances, clusters (those of Neptune and DocumentDB too, which AWS lists with them) and snapshots of both.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value as Json, json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{MARKER, Refused, Site, member, state, taken, text};
use super::survey::{self, Entries, Id, List, Listing, Survey, describe, parameters};
use crate::cloud::Service;

const PAGE: &[(&str, &str)] = &[("MaxRecords", "100")];

pub(super) const SURVEY: Survey = Survey {
    name: "config-rds",
    listings: &[
        Listing {
            kind: "AWS::RDS::DBInstance",
            list: List::Entries(Entries {
                service: Service::Rds,
                call: "rds:DescribeDBInstances",
                parameters: PAGE,
                paging: MARKER,
                list: "DBInstances",
                part: "DBInstance",
                measured: &["LatestRestorableTime"],
                id: Id::Arn("DBInstanceArn"),
            }),
        },
        Listing {
            kind: "AWS::RDS::DBCluster",
            list: List::Entries(Entries {
                service: Service::Rds,
                call: "rds:DescribeDBClusters",
                parameters: PAGE,
                paging: MARKER,
                list: "DBClusters",
                part: "DBCluster",
                measured: &[
                    "BacktrackConsumedChangeRecords",
                    "Capacity",
                    "EarliestBacktrackTime",
                    "EarliestRestorableTime",
                    "LatestRestorableTime",
                ],
                id: Id::Arn("DBClusterArn"),
            }),
        },
        Listing {
            kind: "AWS::RDS::DBSnapshot",
            list: List::Own(|site, out| snapshots(site, out, &OF_INSTANCES)),
        },
        Listing {
            kind: "AWS::RDS::DBClusterSnapshot",
            list: List::Own(|site, out| snapshots(site, out, &OF_CLUSTERS)),
        },
    ],
    check: |site| {
        let least = &[("MaxRecords", "20")];
        survey::check(site, Service::Rds, "rds:DescribeDBInstances", least)
    },
};

/// How the API speaks of one kind of snapshots.
struct Snapshots {
    call: &'static str,
    list: &'static str,
    part: &'static str,
    arn: &'static str,
    name: &'static str,
    attributes: &'static str,
    /// Where its answer has what `shared` names.
    result: &'static str,
    shared: &'static str,
}

const OF_INSTANCES: Snapshots = Snapshots {
    call: "rds:DescribeDBSnapshots",
    list: "DBSnapshots",
    part: "DBSnapshot",
    arn: "DBSnapshotArn",
    name: "DBSnapshotIdentifier",
    attributes: "rds:DescribeDBSnapshotAttributes",
    result: "DBSnapshotAttributesResult",
    shared: "DBSnapshotAttributes",
};

const OF_CLUSTERS: Snapshots = Snapshots {
    call: "rds:DescribeDBClusterSnapshots",
    list: "DBClusterSnapshots",
    part: "DBClusterSnapshot",
    arn: "DBClusterSnapshotArn",
    name: "DBClusterSnapshotIdentifier",
    attributes: "rds:DescribeDBClusterSnapshotAttributes",
    result: "DBClusterSnapshotAttributesResult",
    shared: "DBClusterSnapshotAttributes",
};

fn snapshots<'a>(
    site: &'a Site,
    out: &'a mut Telling,
    words: &'static Snapshots,
) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let mut pages = site.pages(Service::Rds, words.call, parameters(PAGE), MARKER);
        while let Some(mut page) = pages.next().await? {
            let one = |entry| snapshot(site, entry, words).boxed();
            describe(taken(&mut page, words.list), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn snapshot(site: &Site, snapshot: Json, words: &Snapshots) -> Result<Resource, Refused> {
    let named = json!({ words.name: snapshot[words.name] });
    let answer = site.act(Service::Rds, words.attributes, &named).await;
    let attributes = member(answer, words.result);
    let attributes = site.part(member(attributes, words.shared), &[])?;
    Ok(Resource {
        id: text(&snapshot, words.arn).to_owned(),
        region: site.place.clone(),
        state: state([(words.part, snapshot), ("Attributes", attributes)]),
    })
}

//! RDS: instances, clusters (those of Neptune and DocumentDB too, which AWS lists with them) and snapshots of instances.

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
                measured: &["EarliestRestorableTime", "LatestRestorableTime"],
                id: Id::Arn("DBClusterArn"),
            }),
        },
        Listing {
            kind: "AWS::RDS::DBSnapshot",
            list: List::Own(snapshots),
        },
    ],
    check: |site| {
        let least = &[("MaxRecords", "20")];
        survey::check(site, Service::Rds, "rds:DescribeDBInstances", least)
    },
};

fn snapshots<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let call = "rds:DescribeDBSnapshots";
        let mut pages = site.pages(Service::Rds, call, parameters(PAGE), MARKER);
        while let Some(mut page) = pages.next().await? {
            let one = |entry| snapshot(site, entry).boxed();
            describe(taken(&mut page, "DBSnapshots"), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn snapshot(site: &Site, snapshot: Json) -> Result<Resource, Refused> {
    let named = json!({ "DBSnapshotIdentifier": snapshot["DBSnapshotIdentifier"] });
    let call = "rds:DescribeDBSnapshotAttributes";
    let answer = site.act(Service::Rds, call, &named).await;
    let attributes = member(answer, "DBSnapshotAttributesResult");
    let attributes = site.part(member(attributes, "DBSnapshotAttributes"), &[])?;
    Ok(Resource {
        id: text(&snapshot, "DBSnapshotArn").to_owned(),
        region: site.place.clone(),
        state: state([("DBSnapshot", snapshot), ("Attributes", attributes)]),
    })
}

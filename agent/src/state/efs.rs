//! EFS: file systems, how they are backed up and where they are mounted.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::Value as Json;

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Paging, Refused, Site, member, state, taken, text};
use super::survey::{List, Listing, Survey, describe, leave_out};
use crate::cloud::Service;

const LIST: &str = "elasticfilesystem:DescribeFileSystems";
const PAGING: Paging = Paging {
    ask: "Marker",
    told: "NextMarker",
};

pub(super) const SURVEY: Survey = Survey {
    name: "config-efs",
    listings: &[Listing {
        kind: "AWS::EFS::FileSystem",
        list: List::Own(file_systems),
    }],
    check: |site| {
        async move {
            let path = "/2015-02-01/file-systems?MaxItems=1";
            let answer = site.get(Service::Efs, LIST, path).await;
            answer.map(|_| ())
        }
        .boxed()
    },
};

fn file_systems<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let path = "/2015-02-01/file-systems?MaxItems=100";
        let mut pages = site.paths(Service::Efs, LIST, path, PAGING);
        while let Some(mut page) = pages.next().await? {
            let one = |entry| file_system(site, entry).boxed();
            describe(taken(&mut page, "FileSystems"), out, one).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn file_system(site: &Site, mut file_system: Json) -> Result<Resource, Refused> {
    let id = text(&file_system, "FileSystemId");
    let path = format!("/2015-02-01/file-systems/{id}/backup-policy");
    let call = "elasticfilesystem:DescribeBackupPolicy";
    let answer = site.get(Service::Efs, call, &path).await;
    let backup = site.part(member(answer, "BackupPolicy"), &["PolicyNotFound"])?;
    let path = format!("/2015-02-01/mount-targets?MaxItems=100&FileSystemId={id}");
    let targets = site.part(targets(site, &path).await, &[])?;
    leave_out(&["SizeInBytes"], &mut file_system);
    let arn = text(&file_system, "FileSystemArn");
    Ok(Resource {
        id: match arn {
            "" => {
                let id = text(&file_system, "FileSystemId");
                site.arn("elasticfilesystem", &format!("file-system/{id}"))
            }
            arn => arn.to_owned(),
        },
        region: site.place.clone(),
        state: state([
            ("FileSystem", file_system),
            ("BackupPolicy", backup),
            ("MountTargets", targets),
        ]),
    })
}

async fn targets(site: &Site, path: &str) -> Result<Json, Refused> {
    let call = "elasticfilesystem:DescribeMountTargets";
    let mut pages = site.paths(Service::Efs, call, path, PAGING);
    let mut targets = Vec::new();
    while let Some(mut page) = pages.next().await? {
        targets.append(&mut taken(&mut page, "MountTargets"));
    }
    Ok(Json::Array(targets))
}

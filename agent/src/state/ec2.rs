//! EC2: networks, what guards them, and what runs and stores in them.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value as Json, json};

use super::document::{Resource, policy};
use super::epoch::{Broken, Telling};
use super::site::{NEXT_TOKEN, Refused, Site, member, state, taken};
use super::survey::{self, Entries, Id, List, Listing, Survey, describe, is_foreign, parameters};
use crate::cloud::Service;

const PAGE: &[(&str, &str)] = &[("MaxResults", "100")];
/// Of groups, each of which has up to 60 rules in either direction, and more if AWS is asked for more.
const FEW: &[(&str, &str)] = &[("MaxResults", "50")];
const INSTANCE: Id = id("instance", "InstanceId");
const SNAPSHOT: Id = id("snapshot", "SnapshotId");
const VPC: Id = id("vpc", "VpcId");

pub(super) const SURVEY: Survey = Survey {
    name: "config-ec2",
    listings: &[
        own("AWS::EC2::VPC", vpcs),
        entries(
            "AWS::EC2::Subnet",
            ("ec2:DescribeSubnets", "Subnets", "Subnet"),
            &["AvailableIpAddressCount"],
            id("subnet", "SubnetId"),
        ),
        Listing {
            kind: "AWS::EC2::SecurityGroup",
            list: List::Entries(Entries {
                service: Service::Ec2,
                call: "ec2:DescribeSecurityGroups",
                parameters: FEW,
                paging: NEXT_TOKEN,
                list: "SecurityGroups",
                part: "SecurityGroup",
                measured: &[],
                id: id("security-group", "GroupId"),
            }),
        },
        entries(
            "AWS::EC2::NetworkAcl",
            ("ec2:DescribeNetworkAcls", "NetworkAcls", "NetworkAcl"),
            &[],
            id("network-acl", "NetworkAclId"),
        ),
        entries(
            "AWS::EC2::FlowLog",
            ("ec2:DescribeFlowLogs", "FlowLogs", "FlowLog"),
            &[],
            id("vpc-flow-log", "FlowLogId"),
        ),
        entries(
            "AWS::EC2::Volume",
            ("ec2:DescribeVolumes", "Volumes", "Volume"),
            &[],
            id("volume", "VolumeId"),
        ),
        own("AWS::EC2::Instance", instances),
        own("AWS::EC2::Snapshot", snapshots),
        Listing {
            kind: "AWS::EC2::Address",
            list: List::Entries(Entries {
                service: Service::Ec2,
                call: "ec2:DescribeAddresses",
                parameters: &[],
                paging: NEXT_TOKEN,
                list: "Addresses",
                part: "Address",
                measured: &[],
                id: id("elastic-ip", "AllocationId"),
            }),
        },
        entries(
            "AWS::EC2::NetworkInterface",
            (
                "ec2:DescribeNetworkInterfaces",
                "NetworkInterfaces",
                "NetworkInterface",
            ),
            &[],
            id("network-interface", "NetworkInterfaceId"),
        ),
    ],
    check: |site| {
        let least = &[("MaxResults", "5")];
        survey::check(site, Service::Ec2, "ec2:DescribeVpcs", least)
    },
};

type Own = for<'a> fn(&'a Site, &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>>;

const fn id(kind: &'static str, member: &'static str) -> Id {
    Id::Named {
        service: "ec2",
        kind,
        member,
    }
}

const fn own(kind: &'static str, list: Own) -> Listing {
    Listing {
        kind,
        list: List::Own(list),
    }
}

const fn entries(
    kind: &'static str,
    (call, list, part): (&'static str, &'static str, &'static str),
    measured: &'static [&'static str],
    id: Id,
) -> Listing {
    Listing {
        kind,
        list: List::Entries(Entries {
            service: Service::Ec2,
            call,
            parameters: PAGE,
            paging: NEXT_TOKEN,
            list,
            part,
            measured,
            id,
        }),
    }
}

fn vpcs<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let call = "ec2:DescribeVpcs";
        let mut pages = site.pages(Service::Ec2, call, parameters(PAGE), NEXT_TOKEN);
        while let Some(mut page) = pages.next().await? {
            let mut vpcs = taken(&mut page, "Vpcs");
            vpcs.retain(|vpc| !is_foreign(vpc, site));
            describe(vpcs, out, |entry| vpc(site, entry).boxed()).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn vpc(site: &Site, vpc: Json) -> Result<Resource, Refused> {
    let here = json!({
        "Filter": [{ "Name": "vpc-id", "Value": [vpc["VpcId"]] }],
        "MaxResults": 100,
    });
    let endpoints = site.pages(Service::Ec2, "ec2:DescribeVpcEndpoints", here, NEXT_TOKEN);
    let endpoints = site.whole(endpoints, "VpcEndpoints").await;
    let endpoints = endpoints.map(|mut endpoints| {
        for endpoint in &mut endpoints {
            if let Some(text) = endpoint.get_mut("PolicyDocument") {
                *text = policy(text);
            }
        }
        Json::Array(endpoints)
    });
    Ok(Resource {
        id: VPC.of(&vpc, site),
        region: site.place.clone(),
        state: state([("Vpc", vpc), ("VpcEndpoints", site.part(endpoints, &[])?)]),
    })
}

/// Instances come by reservation, which says whose they are.
fn instances<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let call = "ec2:DescribeInstances";
        let few = json!({ "MaxResults": 100 });
        let mut pages = site.pages(Service::Ec2, call, few, NEXT_TOKEN);
        while let Some(mut page) = pages.next().await? {
            for mut reservation in taken(&mut page, "Reservations") {
                if is_foreign(&reservation, site) {
                    continue;
                }
                for instance in taken(&mut reservation, "Instances") {
                    out.add(Resource {
                        id: INSTANCE.of(&instance, site),
                        region: site.place.clone(),
                        state: state([("Instance", instance)]),
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }
    .boxed()
}

fn snapshots<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let call = "ec2:DescribeSnapshots";
        let own = json!({ "Owner": ["self"], "MaxResults": 100 });
        let mut pages = site.pages(Service::Ec2, call, own, NEXT_TOKEN);
        while let Some(mut page) = pages.next().await? {
            let mut snapshots = taken(&mut page, "Snapshots");
            snapshots.retain(|snapshot| !is_foreign(snapshot, site));
            describe(snapshots, out, |entry| snapshot(site, entry).boxed()).await?;
        }
        Ok(())
    }
    .boxed()
}

async fn snapshot(site: &Site, snapshot: Json) -> Result<Resource, Refused> {
    let asked = json!({
        "SnapshotId": snapshot["SnapshotId"],
        "Attribute": "createVolumePermission",
    });
    let call = "ec2:DescribeSnapshotAttribute";
    let answer = site.act(Service::Ec2, call, &asked).await;
    let permission = member(answer, "CreateVolumePermissions");
    let permission = site.part(permission, &[])?;
    Ok(Resource {
        id: SNAPSHOT.of(&snapshot, site),
        region: site.place.clone(),
        state: state([
            ("Snapshot", snapshot),
            ("CreateVolumePermission", permission),
        ]),
    })
}

//! What it happened to: `Resources`.
//!
//! Source: Security Hub API Reference, `ResourceDetails`; GuardDuty API Reference, `Resource`; findings as Security Hub
//! shows them. Decided here: the containers of a workload are resources; what is neither a resource of its own nor part
//! of one (a Kubernetes user, a database user) stands in `Details.Other` of the first resource.

mod compute;
mod storage;

use super::super::Place;
use super::super::document::Document;
use super::super::native::Native;
use super::super::object::Object;
use super::super::resource::Resource;
use super::sequence;

pub(super) fn add(resource: Native<'_>, service: Native<'_>, document: &mut Document) {
    let parts = parts(resource, &document.place);
    let told = told(&parts);
    let mut resources = parts.into_iter().flat_map(|(_, resources)| resources);
    let first = resources.next().or_else(|| {
        let untold = resource.members().any(|(name, _)| name != "resourceType");
        untold.then(|| Resource::account(&document.place))
    });
    let first = first.map(|first| with_the_rest(first, resource, &told));
    for resource in first.into_iter().chain(resources) {
        document.resource(resource);
    }
    sequence::resources(service, document);
}

/// The members that are resources, with what they became.
fn parts(resource: Native<'_>, place: &Place) -> Vec<(&'static str, Vec<Resource>)> {
    let one = |name, mapped: fn(Native<'_>) -> Option<Resource>| {
        (name, mapped(resource.at(name)).into_iter().collect())
    };
    let many = |name, mapped: fn(Native<'_>) -> Vec<Resource>| (name, mapped(resource.at(name)));
    let instance = compute::instance(resource.at("instanceDetails"), place);
    vec![
        ("instanceDetails", instance.into_iter().collect()),
        one("accessKeyDetails", access_key),
        many("s3BucketDetails", storage::buckets),
        one("eksClusterDetails", compute::eks_cluster),
        many("ecsClusterDetails", compute::ecs),
        many(KUBERNETES, compute::workload),
        one("containerDetails", compute::container),
        one("lambdaDetails", compute::function),
        one("rdsDbInstanceDetails", storage::database),
        one("rdsLimitlessDbDetails", storage::shard_group),
        many("ebsVolumeDetails", storage::volumes),
        one("ebsSnapshotDetails", storage::snapshot),
        one("ec2ImageDetails", storage::image),
        one("recoveryPointDetails", storage::recovery_point),
    ]
}

const KUBERNETES: &str = "kubernetesDetails";

/// The members that need not be told elsewhere. Of a Kubernetes workload only the containers are resources.
fn told(parts: &[(&'static str, Vec<Resource>)]) -> Vec<&'static str> {
    let mapped = parts.iter().filter(|(_, resources)| !resources.is_empty());
    let mut told: Vec<&str> = mapped.map(|(name, _)| *name).collect();
    told.extend(["resourceType", KUBERNETES]);
    told
}

fn with_the_rest(first: Resource, resource: Native<'_>, told: &[&str]) -> Resource {
    const WORKLOAD: &str = "kubernetesWorkloadDetails";
    let workload = resource.at(KUBERNETES).at(WORKLOAD);
    first
        .rest(resource, told)
        .part(KUBERNETES, resource.at(KUBERNETES), &[WORKLOAD])
        .part(
            &format!("{KUBERNETES}/{WORKLOAD}"),
            workload,
            &["containers"],
        )
}

/// A sign-in to the console has no key; its principal stands for it.
fn access_key(key: Native<'_>) -> Option<Resource> {
    let id = key
        .text("accessKeyId")
        .or_else(|| key.text("principalId"))
        .or_else(|| key.text("userName"))?;
    let details = Object::default()
        .with("PrincipalId", key.text("principalId"))
        .with("PrincipalName", key.text("userName"))
        .with("PrincipalType", key.text("userType"));
    let resource = Resource::new("AwsIamAccessKey", &format!("AWS::IAM::AccessKey:{id}"))
        .details("AwsIamAccessKey", details)
        .rest(key, &["accessKeyId", "principalId", "userName", "userType"]);
    Some(resource)
}

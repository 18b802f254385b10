//! What runs code: instances, clusters, tasks, containers, functions.

use super::super::super::Place;
use super::super::super::native::Native;
use super::super::super::object::{Object, capitalized};
use super::super::super::resource::{Resource, instance_arn};

pub(super) fn instance(instance: Native<'_>, place: &Place) -> Option<Resource> {
    const NAMED: [&str; 7] = [
        "iamInstanceProfile",
        "imageId",
        "instanceId",
        "instanceType",
        "launchTime",
        "tags",
        "networkInterfaces",
    ];
    let id = instance.text("instanceId")?;
    let interfaces = || instance.items("networkInterfaces");
    let first = interfaces().next().unwrap_or_default();
    let ids = interfaces().map(|interface| {
        Object::default().with("NetworkInterfaceId", interface.text("networkInterfaceId"))
    });
    let details = Object::default()
        .with("Type", instance.text("instanceType"))
        .with("ImageId", instance.text("imageId"))
        .with("IpV4Addresses", distinct(interfaces().flat_map(addresses)))
        .with(
            "IpV6Addresses",
            distinct(interfaces().flat_map(|interface| interface.texts("ipv6Addresses"))),
        )
        .with(
            "IamInstanceProfileArn",
            instance.text("iamInstanceProfile/arn"),
        )
        .with("VpcId", first.text("vpcId"))
        .with("SubnetId", first.text("subnetId"))
        .with("LaunchedAt", instance.moment("launchTime"))
        .with("NetworkInterfaces", ids.collect::<Vec<_>>());
    let resource = Resource::new("AwsEc2Instance", &instance_arn(place, None, id))
        .tags(instance.at("tags"))
        .details("AwsEc2Instance", details)
        .rest(instance, &NAMED)
        .part(
            "iamInstanceProfile",
            instance.at("iamInstanceProfile"),
            &["arn"],
        );
    let all = interfaces().enumerate();
    Some(all.fold(resource, |resource, (at, interface)| {
        let name = format!("networkInterfaces.{at}_");
        let told = match at {
            0 => &TOLD_OF_INTERFACE[..],
            _ => &TOLD_OF_INTERFACE[2..],
        };
        resource.part(&name, interface, told)
    }))
}

/// What the details tell of an interface; the first two only of the first one.
const TOLD_OF_INTERFACE: [&str; 7] = [
    "subnetId",
    "vpcId",
    "ipv6Addresses",
    "networkInterfaceId",
    "privateIpAddress",
    "privateIpAddresses",
    "publicIp",
];

fn addresses(interface: Native<'_>) -> impl Iterator<Item = &str> {
    let private = interface.items("privateIpAddresses");
    let private = private.filter_map(|address| address.text("privateIpAddress"));
    let own = [
        interface.text("publicIp"),
        interface.text("privateIpAddress"),
    ];
    own.into_iter().flatten().chain(private)
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.fold(Vec::new(), |mut distinct, text| {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
        distinct
    })
}

pub(super) fn eks_cluster(cluster: Native<'_>) -> Option<Resource> {
    let details = Object::default()
        .with("Arn", cluster.text("arn"))
        .with("Name", cluster.text("name"))
        .with("ClusterStatus", cluster.text("status"));
    let id = cluster.text("arn").or_else(|| cluster.text("name"))?;
    let resource = Resource::new("AwsEksCluster", id)
        .tags(cluster.at("tags"))
        .details("AwsEksCluster", details)
        .rest(cluster, &["arn", "name", "status", "tags"]);
    Some(resource)
}

/// A cluster, its task and the containers of that.
pub(super) fn ecs(cluster: Native<'_>) -> Vec<Resource> {
    let containers = cluster.items("taskDetails/containers");
    ecs_cluster(cluster)
        .into_iter()
        .chain(task(cluster))
        .chain(containers.filter_map(container))
        .collect()
}

fn ecs_cluster(cluster: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 8] = [
        "activeServicesCount",
        "arn",
        "name",
        "registeredContainerInstancesCount",
        "runningTasksCount",
        "status",
        "tags",
        "taskDetails",
    ];
    let whole = |name: &str| cluster.whole(name);
    let details = Object::default()
        .with("ClusterArn", cluster.text("arn"))
        .with("ClusterName", cluster.text("name"))
        .with("Status", cluster.text("status"))
        .with("ActiveServicesCount", whole("activeServicesCount"))
        .with(
            "RegisteredContainerInstancesCount",
            whole("registeredContainerInstancesCount"),
        )
        .with("RunningTasksCount", whole("runningTasksCount"));
    let id = cluster.text("arn").or_else(|| cluster.text("name"))?;
    let resource = Resource::new("AwsEcsCluster", id)
        .tags(cluster.at("tags"))
        .details("AwsEcsCluster", details)
        .rest(cluster, &NAMED);
    Some(resource)
}

fn task(cluster: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 10] = [
        "arn",
        "containers",
        "createdAt",
        "definitionArn",
        "group",
        "startedAt",
        "startedBy",
        "tags",
        "version",
        "volumes",
    ];
    let task = cluster.at("taskDetails");
    let volumes = task.items("volumes").map(|volume| {
        let host = Object::default().with("SourcePath", volume.text("hostPath/path"));
        Object::default()
            .with("Name", volume.text("name"))
            .with("Host", host)
    });
    let containers = task.items("containers").map(|container| {
        let mounts = container.items("volumeMounts").map(|mount| {
            Object::default()
                .with("SourceVolume", mount.text("name"))
                .with("ContainerPath", mount.text("mountPath"))
        });
        Object::default()
            .with("Name", container.text("name"))
            .with("Image", container.text("image"))
            .with("MountPoints", mounts.collect::<Vec<_>>())
            .with("Privileged", container.flag("securityContext/privileged"))
    });
    let details = Object::default()
        .with("ClusterArn", cluster.text("arn"))
        .with("TaskDefinitionArn", task.text("definitionArn"))
        .with("Version", task.text("version"))
        .with("CreatedAt", task.moment("createdAt"))
        .with("StartedAt", task.moment("startedAt"))
        .with("StartedBy", task.text("startedBy"))
        .with("Group", task.text("group"))
        .with("Volumes", volumes.collect::<Vec<_>>())
        .with("Containers", containers.collect::<Vec<_>>());
    let resource = Resource::new("AwsEcsTask", task.text("arn")?)
        .tags(task.at("tags"))
        .details("AwsEcsTask", details)
        .rest(task, &NAMED);
    Some(resource)
}

/// The containers of a Kubernetes workload.
pub(super) fn workload(kubernetes: Native<'_>) -> Vec<Resource> {
    let containers = kubernetes.items("kubernetesWorkloadDetails/containers");
    containers.filter_map(container).collect()
}

pub(super) fn container(container: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 6] = [
        "containerRuntime",
        "id",
        "image",
        "name",
        "securityContext",
        "volumeMounts",
    ];
    let id = container
        .text("id")
        .or_else(|| container.text("name"))
        .or_else(|| container.text("image"))?;
    let mounts = container.items("volumeMounts").map(capitalized);
    let details = Object::default()
        .with("ContainerRuntime", container.text("containerRuntime"))
        .with("Name", container.text("name"))
        .with("ImageName", container.text("image"))
        .with("VolumeMounts", mounts.collect::<Vec<_>>())
        .with("Privileged", container.flag("securityContext/privileged"));
    let resource = Resource::new("Container", id)
        .details("Container", details)
        .rest(container, &NAMED)
        .part(
            "securityContext",
            container.at("securityContext"),
            &["privileged"],
        );
    Some(resource)
}

pub(super) fn function(function: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 8] = [
        "functionArn",
        "functionName",
        "functionVersion",
        "lastModifiedAt",
        "revisionId",
        "role",
        "tags",
        "vpcConfig",
    ];
    let vpc = function.at("vpcConfig");
    let groups = vpc.items("securityGroups");
    let vpc_config = Object::default()
        .with("VpcId", vpc.text("vpcId"))
        .with("SubnetIds", vpc.texts("subnetIds"))
        .with(
            "SecurityGroupIds",
            groups
                .filter_map(|group| group.text("groupId"))
                .collect::<Vec<_>>(),
        );
    let details = Object::default()
        .with("FunctionName", function.text("functionName"))
        .with("Version", function.text("functionVersion"))
        .with("Role", function.text("role"))
        .with("RevisionId", function.text("revisionId"))
        .with("LastModified", function.moment("lastModifiedAt"))
        .with("VpcConfig", vpc_config);
    let id = function
        .text("functionArn")
        .or_else(|| function.text("functionName"))?;
    let resource = Resource::new("AwsLambdaFunction", id)
        .tags(function.at("tags"))
        .details("AwsLambdaFunction", details)
        .rest(function, &NAMED);
    Some(resource)
}

//! `Resources`: instances, images, functions, and what else Inspector scans.

use super::super::Place;
use super::super::fields::Fields;
use super::super::native::Native;
use super::super::object::Object;
use super::super::resource::{Resource, instance_arn};

pub(super) fn resource(resource: Native<'_>, place: &Place) -> Option<Resource> {
    let id = resource.text("id")?;
    let region = resource.text("region");
    let details = resource.at("details");
    let mapped = match resource.text("type") {
        Some("AWS_EC2_INSTANCE") => {
            let id = instance_arn(place, region, id);
            instance(&id, details.at("awsEc2Instance"))
        }
        Some("AWS_ECR_CONTAINER_IMAGE") => image(id, details.at("awsEcrContainerImage")),
        Some("AWS_ECR_REPOSITORY") => repository(id, details.at("awsEcrRepository")),
        Some("AWS_LAMBDA_FUNCTION") => function(id, details.at("awsLambdaFunction")),
        Some("CODE_REPOSITORY") => code_repository(id, details.at("codeRepository")),
        kind => {
            let mut other = Resource::new("Other", id);
            other.note("type", kind.unwrap_or_default());
            details
                .members()
                .fold(other, |other, (name, part)| other.part(name, part, &[]))
        }
    };
    Some(mapped.region(region).tags(resource.at("tags")).rest(
        resource,
        &["details", "id", "partition", "region", "tags", "type"],
    ))
}

fn instance(id: &str, instance: Native<'_>) -> Resource {
    const NAMED: [&str; 9] = [
        "iamInstanceProfileArn",
        "imageId",
        "ipV4Addresses",
        "ipV6Addresses",
        "keyName",
        "launchedAt",
        "subnetId",
        "type",
        "vpcId",
    ];
    let details = Object::default()
        .with("Type", instance.text("type"))
        .with("ImageId", instance.text("imageId"))
        .with("IpV4Addresses", instance.texts("ipV4Addresses"))
        .with("IpV6Addresses", instance.texts("ipV6Addresses"))
        .with("KeyName", instance.text("keyName"))
        .with(
            "IamInstanceProfileArn",
            instance.text("iamInstanceProfileArn"),
        )
        .with("VpcId", instance.text("vpcId"))
        .with("SubnetId", instance.text("subnetId"))
        .with("LaunchedAt", instance.moment("launchedAt"));
    Resource::new("AwsEc2Instance", id)
        .details("AwsEc2Instance", details)
        .rest(instance, &told(&NAMED))
}

fn image(id: &str, image: Native<'_>) -> Resource {
    const NAMED: [&str; 6] = [
        "architecture",
        "imageHash",
        "imageTags",
        "pushedAt",
        "registry",
        "repositoryName",
    ];
    let details = Object::default()
        .with("RegistryId", image.text("registry"))
        .with("RepositoryName", image.text("repositoryName"))
        .with("Architecture", image.text("architecture"))
        .with("ImageDigest", image.text("imageHash"))
        .with("ImageTags", image.texts("imageTags"))
        .with("ImagePublishedAt", image.moment("pushedAt"));
    Resource::new("AwsEcrContainerImage", id)
        .details("AwsEcrContainerImage", details)
        .rest(image, &told(&NAMED))
}

fn repository(id: &str, repository: Native<'_>) -> Resource {
    let name = id.split_once(":repository/").map(|(_, name)| name);
    let details = Object::default()
        .with("Arn", id)
        .with("RepositoryName", name);
    Resource::new("AwsEcrRepository", id)
        .details("AwsEcrRepository", details)
        .rest(repository, &[])
}

fn function(id: &str, function: Native<'_>) -> Resource {
    const NAMED: [&str; 10] = [
        "architectures",
        "codeSha256",
        "executionRoleArn",
        "functionName",
        "lastModifiedAt",
        "layers",
        "packageType",
        "runtime",
        "version",
        "vpcConfig",
    ];
    let vpc = function.at("vpcConfig");
    let layers = function.texts("layers").into_iter();
    let layers = layers.map(|layer| Object::default().with("Arn", layer));
    let vpc_config = Object::default()
        .with("VpcId", vpc.text("vpcId"))
        .with("SubnetIds", vpc.texts("subnetIds"))
        .with("SecurityGroupIds", vpc.texts("securityGroupIds"));
    let details = Object::default()
        .with("FunctionName", function.text("functionName"))
        .with("Runtime", function.text("runtime"))
        .with("CodeSha256", function.text("codeSha256"))
        .with("Version", function.text("version"))
        .with("Role", function.text("executionRoleArn"))
        .with("Layers", layers.collect::<Vec<_>>())
        .with("VpcConfig", vpc_config)
        .with("PackageType", function.text("packageType"))
        .with("Architectures", function.texts("architectures"))
        .with("LastModified", function.moment("lastModifiedAt"));
    Resource::new("AwsLambdaFunction", id)
        .details("AwsLambdaFunction", details)
        .rest(function, &NAMED)
}

fn code_repository(id: &str, repository: Native<'_>) -> Resource {
    const NAMED: [&str; 3] = ["integrationArn", "projectName", "providerType"];
    let details = Object::default()
        .with("ProviderType", repository.text("providerType"))
        .with("ProjectName", repository.text("projectName"))
        .with(
            "CodeSecurityIntegrationArn",
            repository.text("integrationArn"),
        );
    Resource::new("CodeRepository", id)
        .details("CodeRepository", details)
        .rest(repository, &NAMED)
}

/// The platform stands in the product fields.
fn told<'a>(named: &[&'a str]) -> Vec<&'a str> {
    [named, &["platform"]].concat()
}

/// What Security Hub shows of resources in the product fields: the platforms, and the id of an instance.
pub(super) fn product_fields(finding: Native<'_>, path: &str, fields: &mut Fields) {
    for (at, resource) in finding.items("resources").enumerate() {
        if let (Some("AWS_EC2_INSTANCE"), Some(id)) = (resource.text("type"), resource.text("id")) {
            fields.push(format!("{path}/instanceId"), id);
        }
        for name in ["awsEc2Instance", "awsEcrContainerImage"] {
            let platform = resource.at("details").at(name).at("platform");
            let part = format!("{path}/resources/{}/resourceDetails/{name}Details", at + 1);
            fields.flatten(&format!("{part}/platform"), platform);
        }
    }
}

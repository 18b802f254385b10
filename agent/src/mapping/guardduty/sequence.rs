//! Attack sequences: `Detection`, and the resources that a sequence names.
//!
//! Source: Security Hub API Reference, `Sequence`; GuardDuty API Reference, `Sequence`. Its times are milliseconds since
//! 1970. Decided here: the title of a signal is GuardDuty's description of it; resources get the ids that other findings
//! have for them.

use super::super::Place;
use super::super::document::Document;
use super::super::fields::Fields;
use super::super::native::Native;
use super::super::object::{Object, capitalized};
use super::super::resource::{Resource, instance_arn};

/// Limits of the format. Source: Security Hub API Reference, `Sequence`.
const ACTORS_MAX: usize = 10;
const ENDPOINTS_MAX: usize = 10;
const SIGNALS_MAX: usize = 100;
const INDICATORS_MAX: usize = 100;

fn sequence(service: Native<'_>) -> Native<'_> {
    service.at("detection/sequence")
}

pub(super) fn detection(service: Native<'_>, document: &mut Document) -> Object {
    let sequence = sequence(service);
    let actors = sequence.items("actors").map(actor).collect();
    let endpoints = sequence.items("endpoints").map(capitalized).collect();
    let signals = sequence.items("signals");
    let signals = signals.map(|seen| signal(seen, document)).collect();
    let indicators = sequence.items("sequenceIndicators").map(capitalized);
    let mapped = Object::default()
        .with("Uid", sequence.text("uid"))
        .with("Actors", document.limited(actors, ACTORS_MAX))
        .with("Endpoints", document.limited(endpoints, ENDPOINTS_MAX))
        .with("Signals", document.limited(signals, SIGNALS_MAX))
        .with(
            "SequenceIndicators",
            document.limited(indicators.collect(), INDICATORS_MAX),
        );
    Object::default().with("Sequence", mapped)
}

fn actor(actor: Native<'_>) -> Object {
    let (user, session) = (actor.at("user"), actor.at("session"));
    let account = Object::default()
        .with("Uid", user.text("account/uid"))
        .with("Name", user.text("account/account"));
    let user = Object::default()
        .with("Name", user.text("name"))
        .with("Uid", user.text("uid"))
        .with("Type", user.text("type"))
        .with("CredentialUid", user.text("credentialUid"))
        .with("Account", account);
    let session = Object::default()
        .with("Uid", session.text("uid"))
        .with("MfaStatus", session.text("mfaStatus"))
        .with("CreatedTime", millis(session, "createdTime"))
        .with("Issuer", session.text("issuer"));
    Object::default()
        .with("Id", actor.text("id"))
        .with("User", user)
        .with("Session", session)
}

fn signal(signal: Native<'_>, document: &Document) -> Object {
    let indicators: Vec<_> = signal.items("signalIndicators").map(capitalized).collect();
    Object::default()
        .with("Type", signal.text("type"))
        .with("Id", signal.text("uid"))
        .with("Name", signal.text("name"))
        .with("Title", signal.text("description"))
        .with("ProductArn", document.product_arn())
        .with("ResourceIds", signal.texts("resourceUids"))
        .with("ActorIds", signal.texts("actorIds"))
        .with("EndpointIds", signal.texts("endpointIds"))
        .with("SignalIndicators", indicators)
        .with("CreatedAt", millis(signal, "createdAt"))
        .with("UpdatedAt", millis(signal, "updatedAt"))
        .with("FirstSeenAt", millis(signal, "firstSeenAt"))
        .with("LastSeenAt", millis(signal, "lastSeenAt"))
        .with("Severity", signal.number("severity"))
        .with("Count", signal.whole("count"))
}

fn millis(native: Native<'_>, path: &str) -> Option<i64> {
    native.moment(path).map(|time| time.as_millis())
}

/// What `Detection` has no place for.
pub(super) fn product_fields(service: Native<'_>, path: &str, fields: &mut Fields) {
    const PLACED: [&str; 6] = [
        "uid",
        "actors",
        "endpoints",
        "resources",
        "signals",
        "sequenceIndicators",
    ];
    let sequence = sequence(service);
    fields.rest(&format!("{path}/detection/sequence/"), sequence, &PLACED);
    for (at, actor) in sequence.items("actors").enumerate() {
        let path = format!("{path}/detection/sequence/actors.{at}_/process");
        fields.flatten(&path, actor.at("process"));
    }
    let detection = service.at("detection");
    fields.rest(&format!("{path}/detection/"), detection, &["sequence"]);
}

pub(super) fn resources(service: Native<'_>, document: &mut Document) {
    for named in sequence(service).items("resources") {
        if let Some(resource) = resource(named, &document.place) {
            document.resource(resource);
        }
    }
}

fn resource(named: Native<'_>, place: &Place) -> Option<Resource> {
    const TOLD: [&str; 5] = ["uid", "region", "cloudPartition", "tags", "data"];
    let uid = named.text("uid")?;
    let kind = match named.text("resourceType") {
        Some("ACCESS_KEY") => "AwsIamAccessKey",
        Some("AUTOSCALING_AUTO_SCALING_GROUP") => "AwsAutoScalingAutoScalingGroup",
        Some("CLOUDFORMATION_STACK") => "AwsCloudFormationStack",
        Some("CONTAINER") => "Container",
        Some("EC2_INSTANCE") => "AwsEc2Instance",
        Some("EC2_LAUNCH_TEMPLATE") => "AwsEc2LaunchTemplate",
        Some("EC2_NETWORK_INTERFACE") => "AwsEc2NetworkInterface",
        Some("EC2_VPC") => "AwsEc2Vpc",
        Some("ECS_CLUSTER") => "AwsEcsCluster",
        Some("ECS_TASK") => "AwsEcsTask",
        Some("EKS_CLUSTER") => "AwsEksCluster",
        Some("S3_BUCKET") => "AwsS3Bucket",
        Some("S3_OBJECT") => "AwsS3Object",
        Some(_) | None => "Other",
    };
    let region = named.text("region");
    let id = match kind {
        _ if uid.contains(':') => uid.to_owned(),
        "AwsIamAccessKey" => format!("AWS::IAM::AccessKey:{uid}"),
        "AwsEc2Instance" => instance_arn(place, region, uid),
        "AwsS3Bucket" => format!("arn:{}:s3:::{uid}", place.partition),
        _ => uid.to_owned(),
    };
    let mut told = TOLD.to_vec();
    if kind != "Other" {
        told.extend(["resourceType", "service"]);
    }
    if named.text("accountId") == Some(place.account.as_str()) {
        told.push("accountId");
    }
    let data = named.at("data");
    let (details, placed) = details(kind, data);
    let resource = Resource::new(kind, &id)
        .region(region)
        .tags(named.at("tags"))
        .details(kind, details)
        .rest(named, &told);
    Some(data.members().fold(resource, |resource, (name, part)| {
        resource.part(&format!("data/{name}"), part, placed)
    }))
}

/// The details that ASFF has a place for, and the names of those that are then told.
fn details(kind: &str, data: Native<'_>) -> (Object, &'static [&'static str]) {
    match kind {
        "AwsIamAccessKey" => {
            let key = data.at("accessKey");
            let details = Object::default()
                .with("PrincipalId", key.text("principalId"))
                .with("PrincipalName", key.text("userName"))
                .with("PrincipalType", key.text("userType"));
            (details, &["principalId", "userName", "userType"])
        }
        "AwsEc2Instance" => {
            let instance = data.at("ec2Instance");
            let details = Object::default()
                .with("Type", instance.text("instanceType"))
                .with(
                    "IamInstanceProfileArn",
                    instance.text("IamInstanceProfile/arn"),
                );
            (details, &["instanceType"])
        }
        "AwsS3Bucket" => {
            let details = bucket(data.at("s3Bucket"));
            (details, &["bucketPublicAccess", "createdAt", "ownerId"])
        }
        "AwsS3Object" => {
            let object = data.at("s3Object");
            let details = Object::default()
                .with("ETag", object.text("eTag"))
                .with("VersionId", object.text("versionId"));
            (details, &["eTag", "versionId"])
        }
        _ => (Object::default(), &[]),
    }
}

fn bucket(bucket: Native<'_>) -> Object {
    let said = |name: &str, word: &str| {
        let answer = bucket.text(&format!("bucketPublicAccess/{name}"));
        answer.map(|answer| answer == word)
    };
    let block = Object::default()
        .with("BlockPublicAcls", said("publicAclAccess", "BLOCKED"))
        .with("BlockPublicPolicy", said("publicPolicyAccess", "BLOCKED"))
        .with(
            "IgnorePublicAcls",
            said("publicAclIgnoreBehavior", "IGNORED"),
        )
        .with(
            "RestrictPublicBuckets",
            said("publicBucketRestrictBehavior", "RESTRICTED"),
        );
    Object::default()
        .with("OwnerId", bucket.text("ownerId"))
        .with("CreatedAt", bucket.moment("createdAt"))
        .with("PublicAccessBlockConfiguration", block)
}

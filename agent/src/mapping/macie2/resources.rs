//! `Resources`: the bucket, and the object in it where the finding is about its data.

use super::super::document::Document;
use super::super::native::Native;
use super::super::object::{Object, capitalized};
use super::super::resource::Resource;
use super::super::s3;

pub(super) fn add(finding: Native<'_>, document: &mut Document) {
    let affected = finding.at("resourcesAffected");
    let account = document.place.account;
    let bucket = bucket(affected.at("s3Bucket"), account.as_str());
    let object = object(affected.at("s3Object"), document.place.partition.as_str());
    let classification = classification(finding.at("classificationDetails"));
    let mut resources: Vec<Resource> = bucket.into_iter().chain(object).collect();
    if resources.is_empty() {
        resources.push(Resource::account(&document.place));
    }
    let last = resources.pop().map(|last| {
        last.classification(classification)
            .rest(affected, &["s3Bucket", "s3Object"])
    });
    for resource in resources.into_iter().chain(last) {
        document.resource(resource);
    }
}

fn bucket(bucket: Native<'_>, account: &str) -> Option<Resource> {
    const NAMED: [&str; 8] = [
        "allowsUnencryptedObjectUploads",
        "arn",
        "createdAt",
        "defaultServerSideEncryption",
        "name",
        "owner",
        "publicAccess",
        "tags",
    ];
    let id = bucket.text("arn").or_else(|| bucket.text("name"))?;
    let encryption = bucket.at("defaultServerSideEncryption");
    let details = Object::default()
        .with("Name", bucket.text("name"))
        .with("OwnerId", bucket.text("owner/id"))
        .with("OwnerName", bucket.text("owner/displayName"))
        .with("OwnerAccountId", account)
        .with("CreatedAt", bucket.moment("createdAt"))
        .with(
            "ServerSideEncryptionConfiguration",
            s3::encryption(
                encryption.text("encryptionType"),
                encryption.text("kmsMasterKeyId"),
            ),
        )
        .with(
            "PublicAccessBlockConfiguration",
            s3::public_access_block(bucket.at("publicAccess")),
        );
    let resource = Resource::new("AwsS3Bucket", id)
        .tags(bucket.at("tags"))
        .details("AwsS3Bucket", details)
        .rest(bucket, &NAMED);
    Some(s3::with_access(resource, bucket.at("publicAccess")))
}

fn object(object: Native<'_>, partition: &str) -> Option<Resource> {
    const NAMED: [&str; 12] = [
        "bucketArn",
        "eTag",
        "extension",
        "key",
        "lastModified",
        "path",
        "publicAccess",
        "serverSideEncryption",
        "size",
        "storageClass",
        "tags",
        "versionId",
    ];
    let id = match (object.text("bucketArn"), object.text("key")) {
        (Some(bucket), Some(key)) => format!("{bucket}/{key}"),
        (_, _) => format!("arn:{partition}:s3:::{}", object.text("path")?),
    };
    let encryption = object.at("serverSideEncryption");
    let details = Object::default()
        .with("LastModified", object.moment("lastModified"))
        .with("ETag", object.text("eTag"))
        .with("VersionId", object.text("versionId"))
        .with("ServerSideEncryption", encryption.text("encryptionType"))
        .with("SSEKMSKeyId", encryption.text("kmsMasterKeyId"));
    let resource = Resource::new("AwsS3Object", &id)
        .tags(object.at("tags"))
        .details("AwsS3Object", details)
        .rest(object, &NAMED);
    Some(resource)
}

fn classification(details: Native<'_>) -> Object {
    Object::default()
        .with(
            "DetailedResultsLocation",
            details.text("detailedResultsLocation"),
        )
        .with("Result", capitalized(details.at("result")))
}

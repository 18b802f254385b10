//! What holds data: buckets and their objects, databases, volumes and the copies of them.

use super::super::super::native::Native;
use super::super::super::object::Object;
use super::super::super::resource::Resource;
use super::super::super::s3;

/// Each bucket, and after it the objects that are named.
pub(super) fn buckets(buckets: Native<'_>) -> Vec<Resource> {
    let resources = buckets.list().flat_map(|details| {
        let objects = details.items("s3ObjectDetails").map(object);
        std::iter::once(bucket(details)).chain(objects)
    });
    resources.flatten().collect()
}

fn bucket(bucket: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 8] = [
        "arn",
        "createdAt",
        "defaultServerSideEncryption",
        "name",
        "owner",
        "publicAccess",
        "s3ObjectDetails",
        "tags",
    ];
    let id = bucket.text("arn").or_else(|| bucket.text("name"))?;
    let encryption = bucket.at("defaultServerSideEncryption");
    let details = Object::default()
        .with("Name", bucket.text("name"))
        .with("OwnerId", bucket.text("owner/id"))
        .with("CreatedAt", bucket.moment("createdAt"))
        .with(
            "ServerSideEncryptionConfiguration",
            s3::encryption(
                encryption.text("encryptionType"),
                encryption.text("kmsMasterKeyArn"),
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

fn object(object: Native<'_>) -> Option<Resource> {
    let id = object.text("objectArn").or_else(|| object.text("key"))?;
    let details = Object::default()
        .with("ETag", object.text("eTag"))
        .with("VersionId", object.text("versionId"));
    let resource = Resource::new("AwsS3Object", id)
        .details("AwsS3Object", details)
        .rest(object, &["objectArn", "eTag", "versionId"]);
    Some(resource)
}

pub(super) fn database(database: Native<'_>) -> Option<Resource> {
    const NAMED: [&str; 7] = [
        "dbClusterIdentifier",
        "dbInstanceArn",
        "dbInstanceIdentifier",
        "dbiResourceId",
        "engine",
        "engineVersion",
        "tags",
    ];
    let id = database
        .text("dbInstanceArn")
        .or_else(|| database.text("dbInstanceIdentifier"))?;
    let details = Object::default()
        .with(
            "DBInstanceIdentifier",
            database.text("dbInstanceIdentifier"),
        )
        .with("DBClusterIdentifier", database.text("dbClusterIdentifier"))
        .with("DbiResourceId", database.text("dbiResourceId"))
        .with("Engine", database.text("engine"))
        .with("EngineVersion", database.text("engineVersion"));
    let resource = Resource::new("AwsRdsDbInstance", id)
        .tags(database.at("tags"))
        .details("AwsRdsDbInstance", details)
        .rest(database, &NAMED);
    Some(resource)
}

/// ASFF has no type for the shard groups of a limitless database.
pub(super) fn shard_group(group: Native<'_>) -> Option<Resource> {
    let id = group
        .text("dbShardGroupArn")
        .or_else(|| group.text("dbShardGroupIdentifier"))?;
    let resource = Resource::new("Other", id)
        .tags(group.at("tags"))
        .rest(group, &["dbShardGroupArn", "tags"]);
    Some(resource)
}

/// The volumes that a scan read, and those that it did not.
pub(super) fn volumes(volumes: Native<'_>) -> Vec<Resource> {
    let of = |list, status| {
        let items = volumes.items(list);
        items.filter_map(move |details| volume(details, status))
    };
    of("scannedVolumeDetails", "SCANNED")
        .chain(of("skippedVolumeDetails", "SKIPPED"))
        .collect()
}

fn volume(volume: Native<'_>, status: &str) -> Option<Resource> {
    const NAMED: [&str; 5] = [
        "deviceName",
        "kmsKeyArn",
        "volumeArn",
        "volumeSizeInGB",
        "volumeType",
    ];
    let details = Object::default()
        .with("DeviceName", volume.text("deviceName"))
        .with("Size", volume.whole("volumeSizeInGB"))
        .with("VolumeType", volume.text("volumeType"))
        .with("KmsKeyId", volume.text("kmsKeyArn"))
        .with("VolumeScanStatus", status);
    let resource = Resource::new("AwsEc2Volume", volume.text("volumeArn")?)
        .details("AwsEc2Volume", details)
        .rest(volume, &NAMED);
    Some(resource)
}

/// ASFF has no type for snapshots.
pub(super) fn snapshot(snapshot: Native<'_>) -> Option<Resource> {
    let id = snapshot.text("snapshotArn")?;
    Some(Resource::new("Other", id).rest(snapshot, &["snapshotArn"]))
}

/// Nor for images.
pub(super) fn image(image: Native<'_>) -> Option<Resource> {
    let id = image.text("imageArn")?;
    Some(Resource::new("Other", id).rest(image, &["imageArn"]))
}

pub(super) fn recovery_point(point: Native<'_>) -> Option<Resource> {
    let arn = point.text("recoveryPointArn")?;
    let details = Object::default()
        .with("RecoveryPointArn", arn)
        .with("BackupVaultName", point.text("backupVaultName"));
    let resource = Resource::new("AwsBackupRecoveryPoint", arn)
        .details("AwsBackupRecoveryPoint", details)
        .rest(point, &["recoveryPointArn", "backupVaultName"]);
    Some(resource)
}

//! What GuardDuty and Macie say alike of S3 buckets.

use super::native::Native;
use super::object::Object;
use super::resource::Resource;

/// `ServerSideEncryptionConfiguration` of a bucket.
pub(super) fn encryption(algorithm: Option<&str>, key: Option<&str>) -> Object {
    let by_default = Object::default()
        .with("SSEAlgorithm", algorithm)
        .with("KMSMasterKeyID", key);
    let rule = Object::default().with("ApplyServerSideEncryptionByDefault", by_default);
    Object::default().with("Rules", vec![rule])
}

/// `PublicAccessBlockConfiguration` of a bucket, from its `publicAccess`.
pub(super) fn public_access_block(public_access: Native<'_>) -> Object {
    let blocked =
        public_access.at("permissionConfiguration/bucketLevelPermissions/blockPublicAccess");
    Object::default()
        .with("BlockPublicAcls", blocked.flag("blockPublicAcls"))
        .with("BlockPublicPolicy", blocked.flag("blockPublicPolicy"))
        .with("IgnorePublicAcls", blocked.flag("ignorePublicAcls"))
        .with(
            "RestrictPublicBuckets",
            blocked.flag("restrictPublicBuckets"),
        )
}

/// What else `publicAccess` says.
pub(super) fn with_access(resource: Resource, public_access: Native<'_>) -> Resource {
    const OF_ALL: &str = "permissionConfiguration";
    const OF_BUCKET: &str = "bucketLevelPermissions";
    let all = public_access.at(OF_ALL);
    let bucket = all.at(OF_BUCKET);
    resource
        .part("publicAccess", public_access, &[OF_ALL])
        .part(&format!("publicAccess/{OF_ALL}"), all, &[OF_BUCKET])
        .part(
            &format!("publicAccess/{OF_ALL}/{OF_BUCKET}"),
            bucket,
            &["blockPublicAccess"],
        )
}

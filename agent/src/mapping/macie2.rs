//! Macie findings.
//!
//! Source: Macie user guide, "Evaluating findings with Security Hub", its table of types and its example; Macie API
//! Reference, `Finding`; Security Hub API Reference, `DataClassificationDetails`. There was no published finding to
//! compare with. Decided here: what changed a bucket's policy is the `Action`, and who did it stands in the product
//! fields, under the names of the API.

mod resources;

use muster_common::finding::Severity;
use serde_json::Value;

use super::document::{Document, Required, labeled};
use super::fields::Fields;
use super::native::{Native, invalid};
use super::object::Object;
use super::{Place, Unmappable};

/// Product fields of our own stand below this.
const FIELDS: &str = "aws/macie";

pub(super) fn document(finding: &Value, place: &Place) -> Result<Value, Unmappable> {
    let finding = Native::new(finding);
    let kind = finding.need_text("type")?;
    let title = finding.text("title").unwrap_or(kind);
    let mut document = Document::new(Required {
        place: finding.need_place(["accountId", "region", "partition"], place)?,
        product: "aws/macie",
        id: finding.need_text("id")?,
        generator: "aws/macie",
        types: vec![asff_type(kind)],
        created_at: finding.need_moment("createdAt")?,
        updated_at: finding.need_moment("updatedAt")?,
        severity: severity(finding)?,
        title,
        description: finding.text("description").unwrap_or(title),
    })?;
    if !finding.at("resourcesAffected").exists() {
        return Err(Unmappable::Missing("resourcesAffected"));
    }
    document.archive(finding.flag("archived") == Some(true));
    document.set("Sample", finding.flag("sample"));
    document.set("Action", action(finding));
    product_fields(finding, &mut document.fields);
    resources::add(finding, &mut document);
    document.finish("aws/macie/truncated")
}

/// A type that the table does not list follows the others of its purpose.
fn asff_type(kind: &str) -> String {
    let category = match kind.split_once(':') {
        Some(("Policy", "IAMUser/S3BucketPublic")) => "Effects/Data Exposure",
        Some(("Policy", _)) => "Software and Configuration Checks/AWS Security Best Practices",
        Some(("SensitiveData", "S3Object/Credentials")) => {
            "Sensitive Data Identifications/Passwords"
        }
        Some(("SensitiveData", "S3Object/Financial")) => "Sensitive Data Identifications/Financial",
        Some(_) | None => "Sensitive Data Identifications/PII",
    };
    format!("{category}/{}", kind.replace('/', "-"))
}

/// Macie's words are those of the labels. Its scores are 1 to 3.
fn severity(finding: Native<'_>) -> Result<Object, Unmappable> {
    const WORD: &str = "severity/description";
    if !finding.at(WORD).exists()
        && let Some(score) = finding.whole("severity/score")
    {
        return Ok(labeled(match score {
            ..=1 => Severity::Low,
            2 => Severity::Medium,
            3.. => Severity::High,
        }));
    }
    let word = finding.need_text(WORD)?.to_ascii_uppercase();
    word.parse()
        .map(labeled)
        .map_err(|error| invalid(WORD, &error))
}

fn action(finding: Native<'_>) -> Object {
    let details = finding.at("policyDetails");
    let action = details.at("action");
    let call = action.at("apiCallDetails");
    let address = details.at("actor/ipAddressDetails");
    let call = Object::default()
        .with("Api", call.text("api"))
        .with("ServiceName", call.text("apiServiceName"))
        .with("RemoteIpDetails", remote_ip(address))
        .with(
            "DomainDetails",
            Object::default().with("Domain", details.text("actor/domainDetails/domainName")),
        )
        .with("FirstSeen", call.moment("firstSeen"))
        .with("LastSeen", call.moment("lastSeen"));
    Object::default()
        .with("ActionType", action.text("actionType"))
        .with("AwsApiCallAction", call)
}

fn remote_ip(address: Native<'_>) -> Object {
    let owner = address.at("ipOwner");
    let organization = Object::default()
        .with("Asn", owner.whole("asn"))
        .with("AsnOrg", owner.text("asnOrg"))
        .with("Isp", owner.text("isp"))
        .with("Org", owner.text("org"));
    let country = Object::default()
        .with("CountryCode", address.text("ipCountry/code"))
        .with("CountryName", address.text("ipCountry/name"));
    let location = Object::default()
        .with("Lon", address.number("ipGeoLocation/lon"))
        .with("Lat", address.number("ipGeoLocation/lat"));
    Object::default()
        .with("IpAddressV4", address.text("ipAddressV4"))
        .with("Organization", organization)
        .with("Country", country)
        .with(
            "City",
            Object::default().with("CityName", address.text("ipCity/name")),
        )
        .with("GeoLocation", location)
}

/// First what Security Hub shows, under its names.
fn product_fields(finding: Native<'_>, fields: &mut Fields) {
    for (name, path) in [
        ("JobArn", "classificationDetails/jobArn"),
        ("JobId", "classificationDetails/jobId"),
        ("OriginType", "classificationDetails/originType"),
        ("S3Object.Path", "resourcesAffected/s3Object/path"),
        ("S3Object.Extension", "resourcesAffected/s3Object/extension"),
        (
            "S3Object.PublicAccess",
            "resourcesAffected/s3Object/publicAccess",
        ),
        ("S3Object.Size", "resourcesAffected/s3Object/size"),
        (
            "S3Object.StorageClass",
            "resourcesAffected/s3Object/storageClass",
        ),
        (
            "S3Bucket.effectivePermission",
            "resourcesAffected/s3Bucket/publicAccess/effectivePermission",
        ),
        (
            "S3Bucket.allowsUnencryptedObjectUploads",
            "resourcesAffected/s3Bucket/allowsUnencryptedObjectUploads",
        ),
    ] {
        fields.flatten(name, finding.at(path));
    }
    let classification = finding.at("classificationDetails");
    let told = [
        "detailedResultsLocation",
        "jobArn",
        "jobId",
        "originType",
        "result",
    ];
    fields.rest(
        &format!("{FIELDS}/classificationDetails/"),
        classification,
        &told,
    );
    let (policy, path) = (finding.at("policyDetails"), "policyDetails");
    fields.rest(&format!("{FIELDS}/{path}/"), policy, &["action", "actor"]);
    fields.rest(
        &format!("{FIELDS}/{path}/actor/"),
        policy.at("actor"),
        &["domainDetails", "ipAddressDetails"],
    );
    fields.rest(&format!("{FIELDS}/"), finding, &TOLD);
}

/// The members that stand elsewhere in the document.
const TOLD: [&str; 16] = [
    "accountId",
    "archived",
    "classificationDetails",
    "createdAt",
    "description",
    "id",
    "partition",
    "policyDetails",
    "region",
    "resourcesAffected",
    "sample",
    "schemaVersion",
    "severity",
    "title",
    "type",
    "updatedAt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_the_user_guide() {
        let types: String = [
            "Policy:IAMUser/S3BlockPublicAccessDisabled",
            "Policy:IAMUser/S3BucketEncryptionDisabled",
            "Policy:IAMUser/S3BucketPublic",
            "Policy:IAMUser/S3BucketReplicatedExternally",
            "Policy:IAMUser/S3BucketSharedExternally",
            "Policy:IAMUser/S3BucketSharedWithCloudFront",
            "SensitiveData:S3Object/Credentials",
            "SensitiveData:S3Object/CustomIdentifier",
            "SensitiveData:S3Object/Financial",
            "SensitiveData:S3Object/Multiple",
            "SensitiveData:S3Object/Personal",
        ]
        .iter()
        .map(|kind| asff_type(kind) + "\n")
        .collect();
        insta::assert_snapshot!(types, @"
        Software and Configuration Checks/AWS Security Best Practices/Policy:IAMUser-S3BlockPublicAccessDisabled
        Software and Configuration Checks/AWS Security Best Practices/Policy:IAMUser-S3BucketEncryptionDisabled
        Effects/Data Exposure/Policy:IAMUser-S3BucketPublic
        Software and Configuration Checks/AWS Security Best Practices/Policy:IAMUser-S3BucketReplicatedExternally
        Software and Configuration Checks/AWS Security Best Practices/Policy:IAMUser-S3BucketSharedExternally
        Software and Configuration Checks/AWS Security Best Practices/Policy:IAMUser-S3BucketSharedWithCloudFront
        Sensitive Data Identifications/Passwords/SensitiveData:S3Object-Credentials
        Sensitive Data Identifications/PII/SensitiveData:S3Object-CustomIdentifier
        Sensitive Data Identifications/Financial/SensitiveData:S3Object-Financial
        Sensitive Data Identifications/PII/SensitiveData:S3Object-Multiple
        Sensitive Data Identifications/PII/SensitiveData:S3Object-Personal
        ");
    }
}

//! Where in a finding a field stands, and its values there, read without the product's schema.

use muster_common::field::{Field, Kind};
use muster_common::finding::Value;
use muster_common::timestamp::Timestamp;
use serde_json::Value as Json;

/// Fields and their ASFF paths; `[]` stands for every item of a list. Source: Security Hub API Reference.
pub(crate) const PLACES: &[(Field, &str)] = &[
    (Field::ProductArn, "ProductArn"),
    (Field::AwsAccountId, "AwsAccountId"),
    (Field::Id, "Id"),
    (Field::GeneratorId, "GeneratorId"),
    (Field::Region, "Region"),
    (Field::Type, "Types[]"),
    (Field::SeverityLabel, "Severity.Label"),
    (Field::SeverityNormalized, "Severity.Normalized"),
    (Field::SeverityProduct, "Severity.Product"),
    (Field::Title, "Title"),
    (Field::Description, "Description"),
    (Field::RecommendationText, "Remediation.Recommendation.Text"),
    (Field::SourceUrl, "SourceUrl"),
    (Field::ProductName, "ProductName"),
    (Field::CompanyName, "CompanyName"),
    (Field::VerificationState, "VerificationState"),
    (Field::WorkflowStatus, "Workflow.Status"),
    (Field::RecordState, "RecordState"),
    (Field::Confidence, "Confidence"),
    (Field::Criticality, "Criticality"),
    (Field::Sample, "Sample"),
    (Field::FirstObservedAt, "FirstObservedAt"),
    (Field::LastObservedAt, "LastObservedAt"),
    (Field::CreatedAt, "CreatedAt"),
    (Field::UpdatedAt, "UpdatedAt"),
    (
        Field::FindingProviderFieldsTypes,
        "FindingProviderFields.Types[]",
    ),
    (
        Field::FindingProviderFieldsSeverityLabel,
        "FindingProviderFields.Severity.Label",
    ),
    (
        Field::FindingProviderFieldsConfidence,
        "FindingProviderFields.Confidence",
    ),
    (
        Field::FindingProviderFieldsRelatedFindingsId,
        "FindingProviderFields.RelatedFindings[].Id",
    ),
    (Field::ResourceType, "Resources[].Type"),
    (Field::ResourceId, "Resources[].Id"),
    (Field::ResourcePartition, "Resources[].Partition"),
    (Field::ResourceRegion, "Resources[].Region"),
    (Field::ResourceTags, "Resources[].Tags"),
    (Field::ResourceDetailsOther, "Resources[].Details.Other"),
    (
        Field::ResourceAwsEc2InstanceType,
        "Resources[].Details.AwsEc2Instance.Type",
    ),
    (
        Field::ResourceAwsEc2InstanceImageId,
        "Resources[].Details.AwsEc2Instance.ImageId",
    ),
    (
        Field::ResourceAwsEc2InstanceIpV4Addresses,
        "Resources[].Details.AwsEc2Instance.IpV4Addresses[]",
    ),
    (
        Field::ResourceAwsEc2InstanceLaunchedAt,
        "Resources[].Details.AwsEc2Instance.LaunchedAt",
    ),
    (
        Field::ResourceAwsS3BucketOwnerName,
        "Resources[].Details.AwsS3Bucket.OwnerName",
    ),
    (Field::NetworkDirection, "Network.Direction"),
    (Field::NetworkSourceIpV4, "Network.SourceIpV4"),
    (Field::NetworkSourceIpV6, "Network.SourceIpV6"),
    (Field::NetworkSourcePort, "Network.SourcePort"),
    (Field::MalwareName, "Malware[].Name"),
    (
        Field::ThreatIntelIndicatorType,
        "ThreatIntelIndicators[].Type",
    ),
    (Field::ProcessName, "Process.Name"),
    (Field::ProcessPid, "Process.Pid"),
    (Field::RelatedFindingsId, "RelatedFindings[].Id"),
    (Field::NoteText, "Note.Text"),
    (Field::NoteUpdatedAt, "Note.UpdatedAt"),
    (Field::ProductFields, "ProductFields"),
    (Field::UserDefinedFields, "UserDefinedFields"),
    (Field::ComplianceStatus, "Compliance.Status"),
    (
        Field::ComplianceAssociatedStandardsId,
        "Compliance.AssociatedStandards[].StandardsId",
    ),
    (
        Field::VulnerabilitiesFixAvailable,
        "Vulnerabilities[].FixAvailable",
    ),
];

/// The values of a field at its path. Empty text and what is of another kind is no value.
pub(crate) fn values<'a>(document: &'a Json, field: Field, path: &str) -> Vec<Value<'a>> {
    let places = path.split('.').fold(vec![document], |places, step| {
        let (name, list) = step
            .strip_suffix("[]")
            .map_or((step, false), |name| (name, true));
        let members = places
            .into_iter()
            .filter_map(|place| place.as_object()?.get(name));
        if list {
            members.filter_map(Json::as_array).flatten().collect()
        } else {
            members.collect()
        }
    });
    places
        .into_iter()
        .flat_map(|place| of_kind(place, field.kind()))
        .collect()
}

fn of_kind(json: &Json, kind: Kind) -> Vec<Value<'_>> {
    let text = json.as_str();
    match kind {
        Kind::Text | Kind::Address | Kind::Keyword => text
            .filter(|text| !text.is_empty())
            .map(Value::Text)
            .into_iter()
            .collect(),
        Kind::Date => text
            .and_then(|text| text.parse::<Timestamp>().ok())
            .map(Value::Date)
            .into_iter()
            .collect(),
        Kind::Number => json.as_f64().map(Value::Number).into_iter().collect(),
        Kind::Flag => json.as_bool().map(Value::Flag).into_iter().collect(),
        Kind::Map => json
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some(Value::Pair(key, value.as_str()?)))
            .collect(),
    }
}

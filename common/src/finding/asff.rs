//! The AWS Security Finding Format as data.
//!
//! Source: botocore 1.44.5 `securityhub/2018-10-26`, the Security Hub user guide "ASFF syntax", and the refusals that
//! users report of the real service. What is not listed is kept as it is and not checked. Inside `Resources[].Details`
//! nothing is checked: what the filters name is read where it has the expected form.

use super::schema::{
    ANY_LENGTH, Form, List, Mark, Node, Object, Property, Text, date, formed, free, list, map,
    marked, may, must, number, one_of, percent, plain, text,
};
use crate::field::Field;

const LABELS: &[&str] = &["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"];

/// A whole finding.
pub(super) static DOCUMENT: Node = Node::Object(&Object::new(FINDING));

static FINDING: &[Property] = &[
    must("AwsAccountId", formed(Form::Account, Field::AwsAccountId)),
    may("AwsAccountName", text(ANY_LENGTH, Field::AwsAccountName)),
    may("CompanyName", text(128, Field::CompanyName)),
    may("Compliance", Node::Object(&Object::new(COMPLIANCE))),
    may("Confidence", percent(Field::Confidence)),
    must("CreatedAt", date(Field::CreatedAt)),
    may("Criticality", percent(Field::Criticality)),
    must("Description", text(1024, Field::Description)),
    may(
        "FindingProviderFields",
        Node::Object(&Object::new(PROVIDER_FIELDS)),
    ),
    may("FirstObservedAt", date(Field::FirstObservedAt)),
    must("GeneratorId", text(512, Field::GeneratorId)),
    must("Id", text(512, Field::Id)),
    may("LastObservedAt", date(Field::LastObservedAt)),
    may("Malware", list(5, &Node::Object(&Object::new(MALWARE)))),
    may("Network", Node::Object(&Object::new(NETWORK))),
    marked(Mark::Owned, may("Note", Node::Object(&Object::new(NOTE)))),
    may("Process", Node::Object(&Object::new(PROCESS))),
    must("ProductArn", formed(Form::ProductArn, Field::ProductArn)),
    may("ProductFields", map(50, 128, 2048, Field::ProductFields)),
    may("ProductName", text(128, Field::ProductName)),
    may(
        "RecordState",
        one_of(&["ACTIVE", "ARCHIVED"], Field::RecordState),
    ),
    may("Region", text(ANY_LENGTH, Field::Region)),
    may(
        "RelatedFindings",
        list(10, &Node::Object(&Object::new(RELATED_FINDING))),
    ),
    may("Remediation", Node::Object(&Object::new(REMEDIATION))),
    must(
        "Resources",
        Node::List(List {
            min: 1,
            max: 32,
            item: &Node::Object(&Object::new(RESOURCE)),
        }),
    ),
    may("Sample", Node::Flag(Some(Field::Sample))),
    must(
        "SchemaVersion",
        Node::Text(Text {
            min: 0,
            max: ANY_LENGTH,
            form: Form::OneOf(&["2018-10-08"]),
            field: None,
        }),
    ),
    marked(
        Mark::Severity,
        may("Severity", Node::Object(&Object::new(SEVERITY))),
    ),
    may("SourceUrl", text(ANY_LENGTH, Field::SourceUrl)),
    may(
        "ThreatIntelIndicators",
        list(5, &Node::Object(&Object::new(THREAT_INTEL))),
    ),
    may("Threats", list(32, &Node::Any)),
    must("Title", text(256, Field::Title)),
    marked(
        Mark::Types,
        may("Types", list(50, &formed(Form::FindingType, Field::Type))),
    ),
    must("UpdatedAt", date(Field::UpdatedAt)),
    marked(
        Mark::Owned,
        may(
            "UserDefinedFields",
            map(50, 128, 1024, Field::UserDefinedFields),
        ),
    ),
    marked(
        Mark::Owned,
        may(
            "VerificationState",
            one_of(
                &[
                    "UNKNOWN",
                    "TRUE_POSITIVE",
                    "FALSE_POSITIVE",
                    "BENIGN_POSITIVE",
                ],
                Field::VerificationState,
            ),
        ),
    ),
    may(
        "Vulnerabilities",
        list(ANY_LENGTH, &Node::Object(&Object::new(VULNERABILITY))),
    ),
    marked(
        Mark::Owned,
        may("Workflow", Node::Object(&Object::new(WORKFLOW))),
    ),
    may(
        "WorkflowState",
        one_of(
            &["NEW", "ASSIGNED", "IN_PROGRESS", "DEFERRED", "RESOLVED"],
            Field::WorkflowState,
        ),
    ),
];

static COMPLIANCE: &[Property] = &[
    may(
        "AssociatedStandards",
        list(
            20,
            &Node::Object(&Object::new(&[may(
                "StandardsId",
                text(ANY_LENGTH, Field::ComplianceAssociatedStandardsId),
            )])),
        ),
    ),
    may("RelatedRequirements", list(32, &plain(ANY_LENGTH))),
    may(
        "SecurityControlId",
        text(ANY_LENGTH, Field::ComplianceSecurityControlId),
    ),
    may(
        "SecurityControlParameters",
        list(
            ANY_LENGTH,
            &Node::Object(&Object::new(&[
                may(
                    "Name",
                    text(ANY_LENGTH, Field::ComplianceSecurityControlParametersName),
                ),
                may(
                    "Value",
                    list(
                        ANY_LENGTH,
                        &free(Field::ComplianceSecurityControlParametersValue),
                    ),
                ),
            ])),
        ),
    ),
    may(
        "Status",
        one_of(
            &["PASSED", "WARNING", "FAILED", "NOT_AVAILABLE"],
            Field::ComplianceStatus,
        ),
    ),
];

static PROVIDER_FIELDS: &[Property] = &[
    may(
        "Confidence",
        percent(Field::FindingProviderFieldsConfidence),
    ),
    may(
        "Criticality",
        percent(Field::FindingProviderFieldsCriticality),
    ),
    may(
        "RelatedFindings",
        list(
            10,
            &Node::Object(&Object::new(&[
                must(
                    "Id",
                    text(512, Field::FindingProviderFieldsRelatedFindingsId),
                ),
                must(
                    "ProductArn",
                    text(2048, Field::FindingProviderFieldsRelatedFindingsProductArn),
                ),
            ])),
        ),
    ),
    marked(
        Mark::ProvidedSeverity,
        may(
            "Severity",
            Node::Object(&Object::new(&[
                may(
                    "Label",
                    one_of(LABELS, Field::FindingProviderFieldsSeverityLabel),
                ),
                may(
                    "Original",
                    text(64, Field::FindingProviderFieldsSeverityOriginal),
                ),
            ])),
        ),
    ),
    marked(
        Mark::ProvidedTypes,
        may(
            "Types",
            list(
                50,
                &formed(Form::FindingType, Field::FindingProviderFieldsTypes),
            ),
        ),
    ),
];

static MALWARE: &[Property] = &[
    must("Name", text(64, Field::MalwareName)),
    may("Path", text(512, Field::MalwarePath)),
    may("State", text(ANY_LENGTH, Field::MalwareState)),
    may("Type", text(ANY_LENGTH, Field::MalwareType)),
];

static NETWORK: &[Property] = &[
    may(
        "DestinationDomain",
        text(128, Field::NetworkDestinationDomain),
    ),
    may("DestinationIpV4", free(Field::NetworkDestinationIpV4)),
    may("DestinationIpV6", free(Field::NetworkDestinationIpV6)),
    may("DestinationPort", number(Field::NetworkDestinationPort)),
    may("Direction", one_of(&["IN", "OUT"], Field::NetworkDirection)),
    may("Protocol", text(16, Field::NetworkProtocol)),
    may("SourceDomain", text(128, Field::NetworkSourceDomain)),
    may("SourceIpV4", free(Field::NetworkSourceIpV4)),
    may("SourceIpV6", free(Field::NetworkSourceIpV6)),
    may("SourceMac", free(Field::NetworkSourceMac)),
    may("SourcePort", number(Field::NetworkSourcePort)),
];

static NOTE: &[Property] = &[
    must("Text", text(512, Field::NoteText)),
    must("UpdatedAt", date(Field::NoteUpdatedAt)),
    must("UpdatedBy", text(512, Field::NoteUpdatedBy)),
];

static PROCESS: &[Property] = &[
    may("LaunchedAt", date(Field::ProcessLaunchedAt)),
    may("Name", text(64, Field::ProcessName)),
    may("ParentPid", number(Field::ProcessParentPid)),
    may("Path", text(512, Field::ProcessPath)),
    may("Pid", number(Field::ProcessPid)),
    may("TerminatedAt", date(Field::ProcessTerminatedAt)),
];

static RELATED_FINDING: &[Property] = &[
    must("Id", text(512, Field::RelatedFindingsId)),
    must("ProductArn", text(2048, Field::RelatedFindingsProductArn)),
];

static REMEDIATION: &[Property] = &[may(
    "Recommendation",
    Node::Object(&Object::new(&[
        may("Text", text(512, Field::RecommendationText)),
        may("Url", plain(ANY_LENGTH)),
    ])),
)];

static RESOURCE: &[Property] = &[
    may(
        "ApplicationArn",
        text(ANY_LENGTH, Field::ResourceApplicationArn),
    ),
    may(
        "ApplicationName",
        text(ANY_LENGTH, Field::ResourceApplicationName),
    ),
    may(
        "Details",
        Node::Lenient(&Node::Object(&Object::new(DETAILS))),
    ),
    must("Id", text(512, Field::ResourceId)),
    may("OwnerAccountId", free(Field::ResourceOwnerAccountId)),
    may("OwnerOrgId", free(Field::ResourceOwnerOrgId)),
    may("Partition", text(ANY_LENGTH, Field::ResourcePartition)),
    may("Provider", free(Field::ResourceProvider)),
    may("Region", text(64, Field::ResourceRegion)),
    may("Tags", map(50, 128, 256, Field::ResourceTags)),
    must("Type", text(256, Field::ResourceType)),
];

static DETAILS: &[Property] = &[
    may("AwsEc2Instance", Node::Object(&Object::new(EC2_INSTANCE))),
    may(
        "AwsIamAccessKey",
        Node::Object(&Object::new(&[
            may("CreatedAt", date(Field::ResourceAwsIamAccessKeyCreatedAt)),
            may(
                "PrincipalName",
                free(Field::ResourceAwsIamAccessKeyPrincipalName),
            ),
            may("Status", free(Field::ResourceAwsIamAccessKeyStatus)),
            may("UserName", free(Field::ResourceAwsIamAccessKeyUserName)),
        ])),
    ),
    may(
        "AwsIamUser",
        Node::Object(&Object::new(&[may(
            "UserName",
            free(Field::ResourceAwsIamUserUserName),
        )])),
    ),
    may(
        "AwsS3Bucket",
        Node::Object(&Object::new(&[
            may("OwnerId", free(Field::ResourceAwsS3BucketOwnerId)),
            may("OwnerName", free(Field::ResourceAwsS3BucketOwnerName)),
        ])),
    ),
    may(
        "Container",
        Node::Object(&Object::new(&[
            may("ImageId", free(Field::ResourceContainerImageId)),
            may("ImageName", free(Field::ResourceContainerImageName)),
            may("LaunchedAt", date(Field::ResourceContainerLaunchedAt)),
            may("Name", free(Field::ResourceContainerName)),
        ])),
    ),
    may("Other", map(50, 128, 1024, Field::ResourceDetailsOther)),
];

static EC2_INSTANCE: &[Property] = &[
    may(
        "IamInstanceProfileArn",
        free(Field::ResourceAwsEc2InstanceIamInstanceProfileArn),
    ),
    may("ImageId", free(Field::ResourceAwsEc2InstanceImageId)),
    may(
        "IpV4Addresses",
        list(
            ANY_LENGTH,
            &free(Field::ResourceAwsEc2InstanceIpV4Addresses),
        ),
    ),
    may(
        "IpV6Addresses",
        list(
            ANY_LENGTH,
            &free(Field::ResourceAwsEc2InstanceIpV6Addresses),
        ),
    ),
    may("KeyName", free(Field::ResourceAwsEc2InstanceKeyName)),
    may("LaunchedAt", date(Field::ResourceAwsEc2InstanceLaunchedAt)),
    may("SubnetId", free(Field::ResourceAwsEc2InstanceSubnetId)),
    may("Type", free(Field::ResourceAwsEc2InstanceType)),
    may("VpcId", free(Field::ResourceAwsEc2InstanceVpcId)),
];

static SEVERITY: &[Property] = &[
    marked(
        Mark::SeverityLevel,
        may("Label", one_of(LABELS, Field::SeverityLabel)),
    ),
    marked(
        Mark::SeverityLevel,
        may("Normalized", percent(Field::SeverityNormalized)),
    ),
    may("Original", plain(64)),
    may("Product", number(Field::SeverityProduct)),
];

static THREAT_INTEL: &[Property] = &[
    may(
        "Category",
        text(ANY_LENGTH, Field::ThreatIntelIndicatorCategory),
    ),
    may(
        "LastObservedAt",
        date(Field::ThreatIntelIndicatorLastObservedAt),
    ),
    may("Source", text(64, Field::ThreatIntelIndicatorSource)),
    may(
        "SourceUrl",
        text(ANY_LENGTH, Field::ThreatIntelIndicatorSourceUrl),
    ),
    may("Type", text(ANY_LENGTH, Field::ThreatIntelIndicatorType)),
    may("Value", text(512, Field::ThreatIntelIndicatorValue)),
];

static VULNERABILITY: &[Property] = &[
    may(
        "ExploitAvailable",
        one_of(&["YES", "NO"], Field::VulnerabilitiesExploitAvailable),
    ),
    may(
        "FixAvailable",
        one_of(
            &["YES", "NO", "PARTIAL"],
            Field::VulnerabilitiesFixAvailable,
        ),
    ),
    must("Id", plain(ANY_LENGTH)),
];

static WORKFLOW: &[Property] = &[may(
    "Status",
    one_of(
        &["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"],
        Field::WorkflowStatus,
    ),
)];

#[cfg(test)]
mod tests {
    use super::super::schema::{Map, Number};
    use super::*;
    use crate::field::{FieldSet, Kind};

    fn walk(node: &Node, fields: &mut Vec<Field>) {
        match node {
            Node::Any => {}
            Node::Text(Text { field, .. })
            | Node::Number(Number { field, .. })
            | Node::Map(Map { field, .. })
            | Node::Flag(field) => fields.extend(*field),
            Node::List(list) => walk(list.item, fields),
            Node::Lenient(inner) => walk(inner, fields),
            Node::Object(object) => {
                let properties = object.properties;
                for (at, property) in properties.iter().enumerate() {
                    assert_eq!(object.find(property.name), Some(at));
                }
                assert_eq!(object.find("Unknown"), None);
                assert_eq!(object.find(""), None);
                assert!(properties.is_sorted_by_key(|property| property.name));
                assert!(properties.len() <= 64);
                properties
                    .iter()
                    .for_each(|property| walk(&property.node, fields));
            }
        }
    }

    #[test]
    fn every_filter_field_has_exactly_one_place_and_properties_are_sorted() {
        let mut fields = Vec::new();
        walk(&DOCUMENT, &mut fields);
        let found: FieldSet = fields.iter().copied().collect();
        for &field in Field::ALL {
            assert_eq!(found.has(field), field.kind() != Kind::Keyword, "{field}");
        }
        assert_eq!(fields.len(), 106);
    }
}

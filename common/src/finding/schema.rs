//! The AWS Security Finding Format as data: which properties there are, their limits, and which filter field each one
//! feeds.
//!
//! Source: botocore 1.44.5 `securityhub/2018-10-26`, the Security Hub user guide "ASFF syntax", and the refusals that
//! users report of the real service. What is not listed is kept as it is and not checked. Inside `Resources[].Details`
//! nothing is checked: what the filters name is read where it has the expected form.

use crate::filter::Field;

/// What may stand in one place of a document.
pub(super) enum Node {
    Any,
    Text(Text),
    Number(Number),
    Flag(Option<Field>),
    Object(&'static Object),
    List(List),
    Map(Map),
    /// As the inner node where it fits; kept and not read where it does not.
    Lenient(&'static Node),
}

/// The properties of an object, sorted by name.
pub(super) struct Object {
    pub properties: &'static [Property],
    /// Bits of the properties that must be there.
    pub required: u64,
    /// One more than the number of the property, at the place of its name's digest or behind it; 0 where there is none.
    index: [u8; INDEX],
}

/// A property of an object.
pub(super) struct Property {
    pub name: &'static str,
    pub required: bool,
    pub marks: Marks,
    pub node: Node,
}

/// Properties that the reader asks for after its walk.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Mark {
    Severity,
    /// Label or number of the severity.
    SeverityLevel,
    Types,
    ProvidedSeverity,
    ProvidedTypes,
    /// One that belongs to operators.
    Owned,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Marks(u8);

impl Marks {
    pub(super) const fn has(self, mark: Mark) -> bool {
        self.0 >> mark as u8 & 1 == 1
    }

    pub(super) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

pub(super) struct Text {
    /// In characters.
    pub min: usize,
    pub max: usize,
    pub form: Form,
    pub field: Option<Field>,
}

pub(super) enum Form {
    /// Any text with a visible character, as AWS asks of most strings.
    Visible,
    /// Any text, also an empty one.
    Free,
    Account,
    ProductArn,
    /// `namespace/category/classifier`, at most two slashes, no empty part.
    FindingType,
    Timestamp,
    OneOf(&'static [&'static str]),
}

pub(super) struct Number {
    pub min: f64,
    pub max: f64,
    pub whole: bool,
    pub field: Option<Field>,
}

pub(super) struct List {
    pub min: usize,
    pub max: usize,
    pub item: &'static Node,
}

/// Text by text.
pub(super) struct Map {
    pub max: usize,
    pub key_max: usize,
    pub value_max: usize,
    pub field: Option<Field>,
}

const INDEX: usize = 128;

impl Object {
    const fn new(properties: &'static [Property]) -> Self {
        let mut index = [0; INDEX];
        let mut required = 0;
        let mut number = 0;
        while number < properties.len() {
            let mut place = digest(properties[number].name.as_bytes());
            while index[place] != 0 {
                place = (place + 1) % INDEX;
            }
            index[place] = number as u8 + 1;
            required |= (properties[number].required as u64) << number;
            number += 1;
        }
        Self {
            properties,
            required,
            index,
        }
    }

    /// Finds a property by its name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let mut place = digest(name.as_bytes());
        loop {
            let number = usize::from(self.index[place]).checked_sub(1)?;
            if self.properties[number].name == name {
                return Some(number);
            }
            place = (place + 1) % INDEX;
        }
    }
}

/// A small number for a name, from its length and its first and last bytes.
const fn digest(name: &[u8]) -> usize {
    let [first, middle, last] = match name {
        [] => [0, 0, 0],
        name => [name[0], name[name.len() / 2], name[name.len() - 1]],
    };
    let mixed = first as usize * 7 + middle as usize * 31 + last as usize * 3 + name.len() * 13;
    mixed % INDEX
}

const ANY_LENGTH: usize = usize::MAX;

const fn may(name: &'static str, node: Node) -> Property {
    Property {
        name,
        required: false,
        marks: Marks(0),
        node,
    }
}

const fn must(name: &'static str, node: Node) -> Property {
    Property {
        name,
        required: true,
        marks: Marks(0),
        node,
    }
}

const fn marked(mark: Mark, property: Property) -> Property {
    let Property {
        name,
        required,
        node,
        ..
    } = property;
    Property {
        name,
        required,
        marks: Marks(1 << mark as u8),
        node,
    }
}

const fn text(max: usize, field: Field) -> Node {
    Node::Text(Text {
        min: 1,
        max,
        form: Form::Visible,
        field: Some(field),
    })
}

const fn plain(max: usize) -> Node {
    Node::Text(Text {
        min: 1,
        max,
        form: Form::Visible,
        field: None,
    })
}

const fn formed(form: Form, field: Field) -> Node {
    Node::Text(Text {
        min: 0,
        max: ANY_LENGTH,
        form,
        field: Some(field),
    })
}

const fn date(field: Field) -> Node {
    formed(Form::Timestamp, field)
}

const fn free(field: Field) -> Node {
    formed(Form::Free, field)
}

const fn one_of(values: &'static [&'static str], field: Field) -> Node {
    formed(Form::OneOf(values), field)
}

const fn number(field: Field) -> Node {
    Node::Number(Number {
        min: f64::MIN,
        max: f64::MAX,
        whole: false,
        field: Some(field),
    })
}

const fn percent(field: Field) -> Node {
    Node::Number(Number {
        min: 0.0,
        max: 100.0,
        whole: true,
        field: Some(field),
    })
}

const fn list(max: usize, item: &'static Node) -> Node {
    Node::List(List { min: 0, max, item })
}

const fn map(max: usize, key_max: usize, value_max: usize, field: Field) -> Node {
    Node::Map(Map {
        max,
        key_max,
        value_max,
        field: Some(field),
    })
}

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
    use super::*;
    use crate::filter::{FieldSet, Kind};

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

//! The 107 fields that a filter can name: `AwsSecurityFindingFilters` of the Security Hub API (botocore 1.44.5).

use std::fmt;
use std::str::FromStr;

/// What a field holds, and so which tests it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Date,
    Number,
    /// An IPv4 or IPv6 address, as text.
    Address,
    /// Keys with values, as text.
    Map,
    /// Free text over the whole finding.
    Keyword,
    Flag,
}

macro_rules! fields {
    ($($kind:ident: $($name:ident)+;)+) => {
        /// A field that a filter can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $($($name,)+)+ }

        impl Field {
            /// Every field, in the order of its code.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The name in the Security Hub API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$name => stringify!($name),)+)+ }
            }

            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $($(Self::$name)|+ => Kind::$kind,)+ }
            }
        }
    };
}

// The order gives the codes that the store writes to disk: append only.
fields! {
    Text:
        ProductArn AwsAccountId Id GeneratorId Region Type SeverityLabel Title Description RecommendationText SourceUrl
        ProductName CompanyName VerificationState WorkflowState WorkflowStatus RecordState AwsAccountName
        FindingProviderFieldsRelatedFindingsId FindingProviderFieldsRelatedFindingsProductArn
        FindingProviderFieldsSeverityLabel FindingProviderFieldsSeverityOriginal FindingProviderFieldsTypes
        ResourceAwsEc2InstanceType ResourceAwsEc2InstanceImageId ResourceAwsEc2InstanceKeyName
        ResourceAwsEc2InstanceIamInstanceProfileArn ResourceAwsEc2InstanceVpcId ResourceAwsEc2InstanceSubnetId
        ResourceAwsIamAccessKeyUserName ResourceAwsIamAccessKeyPrincipalName ResourceAwsIamAccessKeyStatus
        ResourceContainerName ResourceContainerImageId ResourceContainerImageName
        ResourceType ResourceId ResourcePartition ResourceRegion ResourceAwsS3BucketOwnerId ResourceAwsS3BucketOwnerName
        ResourceAwsIamUserUserName ResourceApplicationName ResourceApplicationArn
        ResourceOwnerAccountId ResourceOwnerOrgId ResourceProvider
        ThreatIntelIndicatorType ThreatIntelIndicatorValue ThreatIntelIndicatorCategory ThreatIntelIndicatorSource
        ThreatIntelIndicatorSourceUrl
        NetworkDirection NetworkProtocol NetworkSourceDomain NetworkSourceMac NetworkDestinationDomain
        MalwareName MalwareType MalwarePath MalwareState
        ProcessName ProcessPath
        RelatedFindingsProductArn RelatedFindingsId
        NoteText NoteUpdatedBy
        ComplianceStatus ComplianceSecurityControlId ComplianceAssociatedStandardsId
        ComplianceSecurityControlParametersName ComplianceSecurityControlParametersValue
        VulnerabilitiesExploitAvailable VulnerabilitiesFixAvailable;
    Date:
        FirstObservedAt LastObservedAt CreatedAt UpdatedAt
        ResourceAwsEc2InstanceLaunchedAt ResourceAwsIamAccessKeyCreatedAt ResourceContainerLaunchedAt
        ThreatIntelIndicatorLastObservedAt ProcessLaunchedAt ProcessTerminatedAt NoteUpdatedAt;
    Number:
        SeverityProduct SeverityNormalized Confidence Criticality
        FindingProviderFieldsConfidence FindingProviderFieldsCriticality
        NetworkSourcePort NetworkDestinationPort ProcessPid ProcessParentPid;
    Address:
        ResourceAwsEc2InstanceIpV4Addresses ResourceAwsEc2InstanceIpV6Addresses
        NetworkSourceIpV4 NetworkSourceIpV6 NetworkDestinationIpV4 NetworkDestinationIpV6;
    Map:
        ProductFields UserDefinedFields ResourceTags ResourceDetailsOther;
    Keyword:
        Keyword;
    Flag:
        Sample;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no filter field{}", .like.map(|like| format!("; did you mean {like}?")).unwrap_or_default())]
pub struct UnknownField {
    name: String,
    like: Option<Field>,
}

impl Field {
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether findings can be grouped by it.
    #[must_use]
    pub const fn groups(self) -> bool {
        match self.kind() {
            Kind::Text | Kind::Number | Kind::Address | Kind::Flag => true,
            Kind::Date | Kind::Map | Kind::Keyword => false,
        }
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Self::ALL
            .iter()
            .copied()
            .find(|field| field.name() == name)
            .ok_or_else(|| UnknownField {
                name: name.chars().take(128).collect(),
                like: likeness(name),
            })
    }
}

/// Slips of the finger that are forgiven: at most these, and at most one in three letters.
const SLIPS_MAX: usize = 2;

/// The field whose name the writer probably meant: the same but for case, or with the name as a part, or mistyped.
fn likeness(name: &str) -> Option<Field> {
    let wanted = name.to_ascii_lowercase().replace(['_', '-', '.'], "");
    let close = |field: &&Field| {
        let name = field.name().to_ascii_lowercase();
        name == wanted || wanted.len() > 3 && (name.ends_with(&wanted) || name.starts_with(&wanted))
    };
    let mistyped = || {
        let distance = |field: &Field| {
            strsim::damerau_levenshtein(&field.name().to_ascii_lowercase(), &wanted)
        };
        let nearest = Field::ALL.iter().copied().min_by_key(distance)?;
        (distance(&nearest) <= SLIPS_MAX.min(wanted.len() / 3)).then_some(nearest)
    };
    Field::ALL.iter().find(close).copied().or_else(mistyped)
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u128);

impl FieldSet {
    pub const ALL: Self = Self(u128::MAX);
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field.code())
    }

    #[must_use]
    pub const fn without(self, field: Field) -> Self {
        Self(self.0 & !(1 << field.code()))
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the two have a field in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub const fn has(self, field: Field) -> bool {
        self.0 >> field.code() & 1 == 1
    }

    /// The fields in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let field = Field::from_code(rest.trailing_zeros() as u8)?;
            rest &= rest - 1;
            Some(field)
        })
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_107_fields_of_seven_kinds() {
        let count = |kind| {
            Field::ALL
                .iter()
                .filter(|field| field.kind() == kind)
                .count()
        };
        assert_eq!(
            [
                Kind::Text,
                Kind::Date,
                Kind::Number,
                Kind::Address,
                Kind::Map,
                Kind::Keyword,
                Kind::Flag
            ]
            .map(count),
            [74, 11, 10, 6, 4, 1, 1]
        );
    }

    #[test]
    fn sets_give_back_their_fields() {
        let fields = [Field::ProductArn, Field::UpdatedAt, Field::Sample];
        let set: FieldSet = fields.into_iter().collect();
        assert!(set.iter().eq(fields));
        assert_eq!(FieldSet::NONE.iter().count(), 0);
        assert_eq!(FieldSet::ALL.iter().count(), Field::ALL.len());
    }

    #[test]
    fn codes_and_names_read_back() {
        for &field in Field::ALL {
            assert_eq!(Field::from_code(field.code()), Some(field));
            assert_eq!(field.name().parse(), Ok(field));
        }
        assert_eq!(Field::from_code(107), None);
    }

    #[test]
    fn a_wrong_name_suggests_the_right_one() {
        let message = |name: &str| name.parse::<Field>().unwrap_err().to_string();
        assert_eq!(
            message("severitylabel"),
            "`severitylabel` is no filter field; did you mean SeverityLabel?"
        );
        assert_eq!(
            message("resource_type"),
            "`resource_type` is no filter field; did you mean ResourceType?"
        );
        assert_eq!(message("Nonsense"), "`Nonsense` is no filter field");
        assert_eq!(message("Hope"), "`Hope` is no filter field");
    }
}

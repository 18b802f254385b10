//! Findings in the AWS Security Finding Format (ASFF).
//!
//! In: a JSON document from a provider, a patch from an operator. Out: what is stored of it (the document as it came,
//! an [`Overlay`] of what operators own, a [`Row`] for queries) and the document that readers see ([`render`]).
//! Always: the provider's document is never rewritten, so what was imported comes back equal; row and rendered document
//! say the same. Not here: who may import for whom (`ingest`), where it is kept (`store`).

mod asff;
mod documents;
mod fault;
mod history;
mod json;
mod merge;
mod overlay;
mod product;
mod read;
mod render;
mod row;
mod schema;
mod severity;
pub mod wire;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use documents::{InvalidFile, documents, for_each_document};
pub use history::{Change, changes};
pub use json::Scalar;
pub use merge::{Import, Known, import};
pub use overlay::{InvalidPatch, Overlay, Patch, SeverityPatch};
pub use product::ProductArn;
pub use read::InvalidFinding;
pub use render::render;
pub use row::{Row, Value, are_values, encode, value_spans, values};
pub use severity::Severity;

use crate::account::AccountId;
use crate::field::{Field, FieldSet};
use crate::timestamp::Timestamp;

/// The largest finding: 240 KB.
pub const FINDING_BYTES_MAX: usize = 240 * 1024;

/// The most findings of one import call.
pub const IMPORT_FINDINGS_MAX: usize = 100;

/// The name of one finding: a digest of its identity (account, Region, product ARN, id). The account goes into it, so
/// that nobody can address another account's finding by choosing ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FindingKey([u8; 16]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no finding name: findings/ and 32 hexadecimal digits")]
pub struct InvalidFindingKey(String);

impl FindingKey {
    #[must_use]
    pub fn new(account: AccountId, region: &str, product_arn: &str, id: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [account.as_str(), region, product_arn, id] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// `findings/{32 hexadecimal digits}`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("findings/{self}")
    }
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FindingKey {
    type Err = InvalidFindingKey;

    /// Reads the digits, with or without `findings/` before them.
    fn from_str(text: &str) -> Result<Self, InvalidFindingKey> {
        let invalid = || InvalidFindingKey(text.chars().take(128).collect());
        let digits = text.strip_prefix("findings/").unwrap_or(text);
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        u128::from_str_radix(digits, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| invalid())
    }
}

impl TryFrom<String> for FindingKey {
    type Error = InvalidFindingKey;

    fn try_from(text: String) -> Result<Self, InvalidFindingKey> {
        text.parse()
    }
}

impl From<FindingKey> for String {
    fn from(key: FindingKey) -> Self {
        key.to_string()
    }
}

/// What the house knows of an imported document.
#[derive(Clone, Debug)]
pub struct Reading {
    pub key: FindingKey,
    pub account: AccountId,
    pub product: ProductArn,
    pub id: String,
    pub updated_at: Timestamp,
    /// The indexed fields, with what the service fills in. What operators own is not in it.
    pub row: Row,
    /// What the provider wrote of the fields that operators own; it counts for a new finding only.
    pub initial: Overlay,
    /// As [`scalars`] gives them.
    pub scalars: Vec<Scalar>,
}

/// The fields that the row of a stored finding has. The others are read from the document when a filter names them.
pub const INDEXED: FieldSet = FieldSet::ALL
    .without(Field::Id)
    .without(Field::Description)
    .without(Field::RecommendationText)
    .without(Field::SourceUrl)
    .without(Field::NoteText)
    .without(Field::ProductFields)
    .without(Field::ResourceDetailsOther)
    .without(Field::Keyword);

/// Reads a provider's document.
///
/// # Errors
/// [`InvalidFinding`] in AWS's words.
pub fn read(document: &[u8]) -> Result<Reading, InvalidFinding> {
    if document.len() > FINDING_BYTES_MAX {
        return Err(InvalidFinding::TooLarge {
            bytes: document.len(),
            max: FINDING_BYTES_MAX,
        });
    }
    let mut whole = read::finding(document, INDEXED.minus(overlay::OWNED))?;
    complete(&mut whole.row, &whole.product);
    let initial = overlay::initial(&whole.owned)?;
    let read::Parts {
        row,
        id,
        account,
        product,
        scalars,
    } = whole.fitted();
    Ok(Reading {
        key: FindingKey::new(account, region(&row, &product), product.as_str(), &id),
        account,
        product,
        id,
        updated_at: row.date(Field::UpdatedAt).expect("the format requires it"),
        row,
        initial,
        scalars,
    })
}

/// Where the scalars of a JSON document stand, in the order of the text; `None` if it is not JSON.
#[must_use]
pub fn scalars(document: &[u8]) -> Option<Vec<Scalar>> {
    read::scalars(document)
}

/// Reads fields of a rendered document, for filters on what rows do not hold.
///
/// # Errors
/// [`InvalidFinding::Syntax`].
pub fn fields(document: &[u8], wanted: FieldSet) -> Result<Row, InvalidFinding> {
    read::accepted(document, wanted)
}

/// The row that readers see: the provider's, with what operators set.
#[must_use]
pub fn compose(mut row: Row, overlay: &Overlay) -> Row {
    row.remove(overlay.fields());
    row.extend(&overlay.row());
    if !row.present().has(Field::WorkflowStatus) {
        row.push(Field::WorkflowStatus, Value::Text("NEW"));
    }
    row
}

/// The Region of a finding's identity: that of the product ARN, else its own.
fn region<'a>(row: &'a Row, product: &'a ProductArn) -> &'a str {
    match product.region() {
        "" => row.text(Field::Region).unwrap_or_default(),
        region => region,
    }
}

/// Fills in what the service fills in. [`render`] does the same to the document.
fn complete(row: &mut Row, product: &ProductArn) {
    if !row.present().has(Field::RecordState) {
        row.push(Field::RecordState, Value::Text("ACTIVE"));
    }
    let names = [
        (Field::ProductName, product.product_name()),
        (Field::CompanyName, product.company_name()),
        (Field::Region, product.region()),
    ];
    for (field, name) in names {
        if !row.present().has(field) && !name.is_empty() {
            row.push(field, Value::Text(name));
        }
    }
    for (own, provided) in [
        (Field::Type, Field::FindingProviderFieldsTypes),
        (Field::Confidence, Field::FindingProviderFieldsConfidence),
        (Field::Criticality, Field::FindingProviderFieldsCriticality),
        (
            Field::RelatedFindingsId,
            Field::FindingProviderFieldsRelatedFindingsId,
        ),
        (
            Field::RelatedFindingsProductArn,
            Field::FindingProviderFieldsRelatedFindingsProductArn,
        ),
    ] {
        if !row.present().has(provided) {
            row.copy(own, provided);
        } else if !row.agree(own, provided) {
            row.remove(FieldSet::NONE.with(own));
            row.copy(provided, own);
        }
    }
    severity::complete(row);
}

#[cfg(test)]
mod tests;

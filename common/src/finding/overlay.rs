//! What operators own of a finding: up to nine top-level fields that stand in place of the provider's.
//!
//! Source: Security Hub user guide, BatchUpdateFindings. Note, UserDefinedFields, VerificationState and Workflow belong
//! to operators alone: a provider may give them with a new finding, later ones are ignored. The other five are the
//! provider's until an operator sets them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::read::{self, InvalidFinding};
use super::row::{Row, Value};
use super::{INDEXED, Severity};
use crate::field::{Field, FieldSet};
use crate::timestamp::Timestamp;

/// The fields of the four properties that belong to operators alone.
pub(super) const OWNED: FieldSet = NOTE
    .union(WORKFLOW)
    .with(Field::UserDefinedFields)
    .with(Field::VerificationState);

const NOTE: FieldSet = FieldSet::NONE
    .with(Field::NoteText)
    .with(Field::NoteUpdatedBy)
    .with(Field::NoteUpdatedAt);
const WORKFLOW: FieldSet = FieldSet::NONE.with(Field::WorkflowStatus);
const SEVERITY: FieldSet = FieldSet::NONE
    .with(Field::SeverityLabel)
    .with(Field::SeverityNormalized)
    .with(Field::SeverityProduct);
const RELATED: FieldSet = FieldSet::NONE
    .with(Field::RelatedFindingsId)
    .with(Field::RelatedFindingsProductArn);

/// The properties that belong to operators alone.
pub(super) const OWNED_PROPERTIES: [&str; 4] =
    ["Note", "UserDefinedFields", "VerificationState", "Workflow"];

/// Top-level ASFF properties that operators set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overlay(Map<String, Json>);

/// What an operator wants to set. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Text, and who wrote it.
    pub note: Option<(String, String)>,
    pub severity: Option<SeverityPatch>,
    pub verification_state: Option<String>,
    pub confidence: Option<i32>,
    pub criticality: Option<i32>,
    pub types: Option<Vec<String>>,
    pub user_defined_fields: Option<BTreeMap<String, String>>,
    pub workflow_status: Option<String>,
    /// Pairs of product ARN and id.
    pub related_findings: Option<Vec<(String, String)>>,
}

/// A new severity: label or number; the other follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeverityPatch {
    pub label: Option<String>,
    pub normalized: Option<i32>,
    pub product: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPatch {
    #[error("the update sets nothing; give at least one field, such as Workflow.Status")]
    Empty,
    #[error("{0}")]
    Value(InvalidFinding),
}

impl Overlay {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// JSON, as the store keeps it; empty for an empty overlay.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        serde_json::to_vec(&self.0).expect("a JSON map is written")
    }

    /// # Errors
    /// The bytes are not those of [`Overlay::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map(Self)
    }

    #[must_use]
    pub fn get(&self, property: &str) -> Option<&Json> {
        self.0.get(property)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.0.iter()
    }

    /// The filter fields whose values come from here and not from the provider.
    pub(super) fn fields(&self) -> FieldSet {
        self.0
            .keys()
            .map(|property| match property.as_str() {
                "Note" => NOTE,
                "Workflow" => WORKFLOW,
                "Severity" => SEVERITY,
                "RelatedFindings" => RELATED,
                "UserDefinedFields" => FieldSet::NONE.with(Field::UserDefinedFields),
                "VerificationState" => FieldSet::NONE.with(Field::VerificationState),
                "Types" => FieldSet::NONE.with(Field::Type),
                "Confidence" => FieldSet::NONE.with(Field::Confidence),
                "Criticality" => FieldSet::NONE.with(Field::Criticality),
                _ => FieldSet::NONE,
            })
            .fold(FieldSet::NONE, FieldSet::union)
    }

    /// The indexed values that are set here.
    pub(super) fn row(&self) -> Row {
        if self.is_empty() {
            return Row::default();
        }
        // What control checks set by the million, without a way through text.
        if let (1, Some(status)) = (self.0.len(), self.workflow()) {
            let mut row = Row::default();
            row.push(Field::WorkflowStatus, Value::Text(status));
            return row;
        }
        read::fragment(&self.to_bytes(), INDEXED).unwrap_or_default()
    }

    /// The status of the workflow, if it is all that is set of it.
    fn workflow(&self) -> Option<&str> {
        let workflow = self.get("Workflow")?.as_object()?;
        workflow.get("Status")?.as_str()
    }

    /// Sets the status of the workflow.
    pub fn set_workflow(&mut self, status: &str) {
        self.0
            .insert("Workflow".to_owned(), json!({ "Status": status }));
    }

    /// Sets what a patch names.
    pub fn apply(&mut self, patch: &Patch, now: Timestamp) {
        self.0.extend(patch.properties(now));
    }
}

impl Patch {
    /// Checks the values against the format.
    ///
    /// # Errors
    /// [`InvalidPatch`] names the first value that AWS would refuse, or that nothing is set.
    pub fn check(&self) -> Result<(), InvalidPatch> {
        let properties = self.properties(Timestamp::default());
        if properties.is_empty() {
            return Err(InvalidPatch::Empty);
        }
        let document = serde_json::to_vec(&properties).expect("a JSON map is written");
        read::fragment(&document, FieldSet::NONE)
            .map(|_| ())
            .map_err(InvalidPatch::Value)
    }

    fn properties(&self, now: Timestamp) -> Map<String, Json> {
        let Self {
            note,
            severity,
            verification_state,
            confidence,
            criticality,
            types,
            user_defined_fields,
            workflow_status,
            related_findings,
        } = self;
        let note = note.as_ref().map(
            |(text, by)| json!({ "Text": text, "UpdatedBy": by, "UpdatedAt": now.to_string() }),
        );
        let related = related_findings.as_ref().map(|pairs| {
            pairs
                .iter()
                .map(|(product, id)| json!({ "ProductArn": product, "Id": id }))
                .collect()
        });
        [
            ("Note", note),
            ("Severity", severity.as_ref().map(SeverityPatch::json)),
            (
                "VerificationState",
                verification_state.as_ref().map(|state| json!(state)),
            ),
            ("Confidence", confidence.map(|number| json!(number))),
            ("Criticality", criticality.map(|number| json!(number))),
            ("Types", types.as_ref().map(|types| json!(types))),
            (
                "UserDefinedFields",
                user_defined_fields.as_ref().map(|fields| json!(fields)),
            ),
            (
                "Workflow",
                workflow_status
                    .as_ref()
                    .map(|status| json!({ "Status": status })),
            ),
            ("RelatedFindings", related),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

impl SeverityPatch {
    fn json(&self) -> Json {
        let Self {
            label,
            normalized,
            product,
        } = self;
        let number = normalized.or_else(|| {
            let severity: Severity = label.as_ref()?.parse().ok()?;
            Some(severity.normalized().into())
        });
        let label = label
            .clone()
            .or_else(|| normalized.map(|number| Severity::of(number.into()).label().to_owned()));
        [
            ("Label", label.map(Json::from)),
            ("Normalized", number.map(Json::from)),
            ("Product", product.map(Json::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// What a provider's document says of the four properties that belong to operators alone, given by name and JSON text. A
/// workflow that is NEW, as the service would fill in, is not worth keeping.
pub(super) fn initial(owned: &[(&str, &str)]) -> Result<Overlay, InvalidFinding> {
    let mut overlay = Overlay::default();
    for (property, text) in owned {
        let value: Json = serde_json::from_str(text)
            .map_err(|error| InvalidFinding::Syntax(error.to_string()))?;
        let status = value.get("Status").and_then(Json::as_str);
        if *property != "Workflow" || status.is_some_and(|status| status != "NEW") {
            overlay.0.insert((*property).to_owned(), value);
        }
    }
    Ok(overlay)
}

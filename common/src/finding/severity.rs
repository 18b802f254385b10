//! Severity labels and their numbers. Source: Security Hub API Reference, `Severity`.

use std::fmt;
use std::str::FromStr;

use super::row::{Row, Value};
use crate::field::{Field, FieldSet};

/// How bad, from harmless to critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no severity; one of INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL")]
pub struct InvalidSeverity(String);

impl Severity {
    pub const ALL: [Self; 5] = [
        Self::Informational,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// The number that goes with a label when a provider gives the label only.
    #[must_use]
    pub const fn normalized(self) -> u8 {
        match self {
            Self::Informational => 0,
            Self::Low => 1,
            Self::Medium => 40,
            Self::High => 70,
            Self::Critical => 90,
        }
    }

    /// The label that goes with a number of 0 to 100.
    #[must_use]
    pub fn of(normalized: f64) -> Self {
        match normalized {
            number if number >= 90.0 => Self::Critical,
            number if number >= 70.0 => Self::High,
            number if number >= 40.0 => Self::Medium,
            number if number >= 1.0 => Self::Low,
            _ => Self::Informational,
        }
    }
}

impl FromStr for Severity {
    type Err = InvalidSeverity;

    fn from_str(text: &str) -> Result<Self, InvalidSeverity> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.label() == text)
            .ok_or_else(|| InvalidSeverity(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Fills in label and number of a row, each from the other; what the provider fields say wins over the top level.
pub(super) fn complete(row: &mut Row) {
    const OWN: FieldSet = FieldSet::NONE
        .with(Field::SeverityLabel)
        .with(Field::SeverityNormalized);
    if let Some(label) = row.text(Field::FindingProviderFieldsSeverityLabel)
        && row.text(Field::SeverityLabel) != Some(label)
    {
        let severity = label.parse().unwrap_or(Severity::Informational);
        row.remove(OWN);
        push(row, Some(severity), Some(severity.normalized().into()));
        return;
    }
    let number = row
        .values(Field::SeverityNormalized)
        .find_map(|value| match value {
            Value::Number(number) => Some(number),
            Value::Text(_) | Value::Date(_) | Value::Pair(..) | Value::Flag(_) => None,
        });
    match (row.text(Field::SeverityLabel).map(str::parse), number) {
        (None, Some(number)) => push(row, Some(Severity::of(number)), None),
        (Some(Ok(label)), None) => {
            let label: Severity = label;
            push(row, None, Some(label.normalized().into()));
        }
        (Some(_), _) | (None, None) => {}
    }
    if !row.present().has(Field::FindingProviderFieldsSeverityLabel) {
        row.copy(
            Field::SeverityLabel,
            Field::FindingProviderFieldsSeverityLabel,
        );
    }
}

fn push(row: &mut Row, label: Option<Severity>, number: Option<f64>) {
    if let Some(label) = label {
        row.push(Field::SeverityLabel, Value::Text(label.label()));
    }
    if let Some(number) = number {
        row.push(Field::SeverityNormalized, Value::Number(number));
    }
}

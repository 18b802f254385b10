//! Filters: which findings to select.
//!
//! In: `AwsSecurityFindingFilters` as JSON, the wire form, or values built by the CLI. Out: a checked [`Filter`] and its
//! one evaluator, over rows. Always: fields combine with AND; on one field EQUALS, PREFIX and CONTAINS are alternatives
//! and every negative test must hold; a positive test on a field with several values asks for any of them, a negative
//! test for none. An absent field satisfies no positive test and every negative one.
//! Beyond AWS: `{"And": [..]}` and `{"Or": [..]}` nest, CONTAINS works everywhere, and Keyword has published semantics:
//! every word of it occurs as a whole word in some text of the finding, in any case.
//!
//! Source: Security Hub API Reference, `AwsSecurityFindingFilters`, `StringFilter`, `MapFilter`, `DateFilter`.

mod json;
mod test;
pub mod wire;

pub use json::{from_json, to_json};
pub use test::{DateTest, NumberTest, Test};

use crate::field::{Field, FieldSet, UnknownField};
use crate::finding::Row;
use crate::timestamp::Timestamp;

/// The deepest nesting of `And` and `Or`.
pub const DEPTH_MAX: usize = 8;
/// The most tests of one filter.
pub const TESTS_MAX: usize = 1_000;
/// The longest value of a test, in bytes.
pub const VALUE_BYTES_MAX: usize = 4_096;

/// What to select. `All` of nothing selects everything.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Field(FieldFilter),
}

/// A finding as filters see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Holds every field that the filter names, but for Keyword.
    pub row: &'a Row,
    /// The rendered document, where Keyword looks. Others may leave it empty.
    pub document: &'a [u8],
}

/// Tests on one field, as AWS combines them.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFilter {
    pub field: Field,
    /// Alternatives; empty asks for nothing.
    pub any: Vec<Test>,
    /// None of these may hold.
    pub none: Vec<Test>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    #[error("the filter is not JSON: {0}")]
    Syntax(String),
    #[error(transparent)]
    Field(#[from] UnknownField),
    #[error("{place}: {what}")]
    Value { place: String, what: String },
    #[error("{field}: {left} and {right} cannot be combined on one field; use Or, or one of them")]
    Combination {
        field: Field,
        left: &'static str,
        right: &'static str,
    },
    #[error("the filter has {what} {count}; the limit is {max}")]
    TooLarge {
        what: &'static str,
        count: usize,
        max: usize,
    },
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Filter {
    /// One positive test of a field.
    #[must_use]
    pub fn field(field: Field, test: Test) -> Self {
        Self::Field(FieldFilter {
            field,
            any: vec![test],
            none: Vec::new(),
        })
    }

    /// Both this and the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(mut left), Self::All(right)) => {
                left.extend(right);
                Self::All(left)
            }
            (Self::All(mut left), right) => {
                left.push(right);
                Self::All(left)
            }
            (left, Self::All(mut right)) => {
                right.insert(0, left);
                Self::All(right)
            }
            (left, right) => Self::All(vec![left, right]),
        }
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(filters) if filters.iter().all(Self::is_everything))
    }

    /// The fields that it names.
    #[must_use]
    pub fn fields(&self) -> FieldSet {
        match self {
            Self::All(filters) | Self::Any(filters) => filters
                .iter()
                .map(Self::fields)
                .fold(FieldSet::NONE, FieldSet::union),
            Self::Field(filter) => FieldSet::NONE.with(filter.field),
        }
    }

    /// Whether the answer is the same at any time.
    #[must_use]
    pub fn is_timeless(&self) -> bool {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().all(Self::is_timeless),
            Self::Field(FieldFilter { any, none, .. }) => {
                any.iter().chain(none).all(Test::is_timeless)
            }
        }
    }

    /// Whether a finding matches.
    #[must_use]
    pub fn matches(&self, subject: Subject<'_>, now: Timestamp) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(subject, now)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(subject, now)),
            Self::Field(filter) => filter.matches(subject, now),
        }
    }

    /// Checks depth and number of tests.
    ///
    /// # Errors
    /// [`InvalidFilter::TooLarge`].
    pub fn limited(self) -> Result<Self, InvalidFilter> {
        let limit = |what, count, max| {
            if count > max {
                return Err(InvalidFilter::TooLarge { what, count, max });
            }
            Ok(())
        };
        limit("a nesting of", self.depth(), DEPTH_MAX)?;
        limit("a number of tests of", self.tests(), TESTS_MAX)?;
        Ok(self)
    }

    fn depth(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                1 + filters.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Field(_) => 0,
        }
    }

    fn tests(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::tests).sum(),
            Self::Field(filter) => filter.any.len() + filter.none.len(),
        }
    }
}

impl FieldFilter {
    /// Builds the filter of one field from its tests, each positive or negative.
    ///
    /// # Errors
    /// [`InvalidFilter::Combination`] for the pairs that AWS refuses.
    pub fn combine(field: Field, tests: Vec<Comparison>) -> Result<Self, InvalidFilter> {
        for (left, right) in FORBIDDEN {
            let has = |name| tests.iter().any(|test| test.name == name);
            if has(left) && has(right) {
                return Err(InvalidFilter::Combination { field, left, right });
            }
        }
        let (any, none): (Vec<_>, Vec<_>) = tests.into_iter().partition(|test| !test.negative);
        let bare = |tests: Vec<Comparison>| tests.into_iter().map(|test| test.test).collect();
        Ok(Self {
            field,
            any: bare(any),
            none: bare(none),
        })
    }

    fn matches(&self, subject: Subject<'_>, now: Timestamp) -> bool {
        if self.field == Field::Keyword {
            return self.any.iter().any(|test| test.occurs(subject.document));
        }
        let holds = |tests: &[Test]| {
            subject
                .row
                .values(self.field)
                .any(|value| tests.iter().any(|test| test.holds(value, now)))
        };
        (self.any.is_empty() || holds(&self.any)) && (self.none.is_empty() || !holds(&self.none))
    }
}

/// A test with the name of its comparison in the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub name: &'static str,
    pub negative: bool,
    pub test: Test,
}

/// Comparisons that AWS refuses on one field. Source: API Reference, `StringFilter`.
const FORBIDDEN: [(&str, &str); 10] = [
    ("CONTAINS", "NOT_CONTAINS"),
    ("CONTAINS", "EQUALS"),
    ("CONTAINS", "PREFIX"),
    ("CONTAINS", "NOT_EQUALS"),
    ("CONTAINS", "PREFIX_NOT_EQUALS"),
    ("NOT_CONTAINS", "EQUALS"),
    ("NOT_CONTAINS", "PREFIX"),
    ("NOT_CONTAINS", "NOT_EQUALS"),
    ("EQUALS", "NOT_EQUALS"),
    ("EQUALS", "PREFIX_NOT_EQUALS"),
];

#[cfg(test)]
mod tests;

//! What is wrong with a finding, and where: the checks of single values and the words of their refusals.

use std::borrow::Cow;
use std::fmt;

use super::json::Malformed;
use super::schema::{Form, Text};

/// Why a walk ends early.
pub(super) enum Stop {
    Malformed,
    Fault(Box<Fault>),
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What is wrong and where; the path is collected on the way out.
pub(super) struct Fault {
    path: Vec<Cow<'static, str>>,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")?;
        self.path
            .iter()
            .rev()
            .try_for_each(|step| f.write_str(step))?;
        write!(f, " {}", self.what)
    }
}

pub(super) fn fault<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fault(Box::new(Fault {
        path: Vec::new(),
        what: what.into(),
    })))
}

/// Adds a step to the path of a fault.
pub(super) fn at<T>(
    result: Result<T, Stop>,
    step: impl FnOnce() -> Cow<'static, str>,
) -> Result<T, Stop> {
    result.map_err(|stop| match stop {
        Stop::Fault(mut fault) => {
            fault.path.push(step());
            Stop::Fault(fault)
        }
        Stop::Malformed => Stop::Malformed,
    })
}

pub(super) fn check(text: &Text, value: &str) -> Result<(), Stop> {
    if longer(value, text.max) {
        return fault(too_long(text.max));
    }
    if value.len() < text.min {
        return fault(format!(
            "should NOT be shorter than {} characters",
            text.min
        ));
    }
    match text.form {
        Form::Visible if value.trim().is_empty() => unlike(r".*\S.*"),
        Form::FindingType if !is_finding_type(value) => unlike(r"^([^/])+(/[^/]+){0,2}$"),
        Form::OneOf(values) if !values.contains(&value) => {
            fault("should be equal to one of the allowed values")
        }
        Form::Free
        | Form::Visible
        | Form::FindingType
        | Form::OneOf(_)
        // These are checked where they are read.
        | Form::Account
        | Form::ProductArn
        | Form::Timestamp => Ok(()),
    }
}

fn is_finding_type(value: &str) -> bool {
    let bytes = value.as_bytes();
    let slashes = bytes.iter().filter(|byte| **byte == b'/').count();
    slashes <= 2
        && !bytes.is_empty()
        && !bytes.starts_with(b"/")
        && !bytes.ends_with(b"/")
        && !bytes.windows(2).any(|pair| pair == b"//")
}

pub(super) fn unlike<T>(pattern: &str) -> Result<T, Stop> {
    fault(format!("should match pattern \"{pattern}\""))
}

pub(super) fn longer(value: &str, max: usize) -> bool {
    value.len() > max && value.chars().count() > max
}

pub(super) fn too_long(max: usize) -> String {
    format!("should NOT be longer than {max} characters")
}

//! A control as a folder of three files.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use serde_json::Value as Json;

use crate::cases::{self, Case};
use crate::control::Control;
use crate::resource::{Account, Resource, Unavailable};
use crate::rule::{InvalidRule, Rule};
use crate::subject::{Subject, Surroundings};
use crate::verdict::Verdict;

/// No file of a control is larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The texts of a control's files.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    pub control: &'a str,
    pub rule: &'a str,
    pub cases: &'a str,
}

/// A control that can be asked.
#[derive(Clone)]
pub struct Definition {
    pub control: Control,
    rule: Rule,
    pub cases: Vec<Case>,
    /// Of its texts. Another build may give the same texts another one.
    pub digest: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidControl {
    #[error("cannot read {path}: {reason}")]
    Disk {
        path: String,
        reason: std::io::Error,
    },
    #[error("control.toml: {0}")]
    Metadata(String),
    #[error("rule.rego: {0}")]
    Rule(#[from] InvalidRule),
    #[error("cases.json: {0}")]
    Cases(String),
}

impl Definition {
    /// Reads a control from a folder.
    ///
    /// # Errors
    /// [`InvalidControl`] names the file.
    pub fn open(folder: &Path) -> Result<Self, InvalidControl> {
        let [control, rule, cases] =
            ["control.toml", "rule.rego", "cases.json"].map(|name| text(&folder.join(name)));
        let files = Files {
            control: &control?,
            rule: &rule?,
            cases: &cases?,
        };
        Self::parse(files)
    }

    /// Reads a control.
    ///
    /// # Errors
    /// [`InvalidControl`] names the file.
    pub fn parse(files: Files<'_>) -> Result<Self, InvalidControl> {
        let control: Control = toml::from_str(files.control)
            .map_err(|error| InvalidControl::Metadata(error.to_string().trim_end().to_owned()))?;
        if let Some(fault) = control.fault() {
            return Err(InvalidControl::Metadata(fault));
        }
        let rule = Rule::compile(files.rule)?;
        let cases: Vec<Case> = serde_json::from_str(files.cases)
            .map_err(|error| InvalidControl::Cases(error.to_string()))?;
        if let Some(fault) = cases::fault(&cases, &control) {
            return Err(InvalidControl::Cases(fault));
        }
        Ok(Self {
            control,
            rule,
            cases,
            digest: digest(&files),
        })
    }

    /// Judges resources of an account, all with the same parameters at the same time.
    pub fn judge<'a>(
        &'a mut self,
        account: &Account,
        parameters: &BTreeMap<String, Json>,
        now: &str,
    ) -> impl FnMut(&Resource) -> Verdict + 'a {
        let Account { id, resources } = account;
        let resources: BTreeMap<&str, Vec<Subject>> = resources
            .iter()
            .map(|(kind, resources)| {
                let subjects = resources.iter().cloned().map(Subject::new);
                (kind.as_str(), subjects.collect())
            })
            .collect();
        let of = |kind: &str| resources.get(kind).map_or(&[][..], Vec::as_slice);
        let surroundings = Surroundings::new(&self.control, id, of, parameters, now);
        move |resource| self.judge_subject(&Subject::new(resource.clone()), &surroundings)
    }

    /// Judges a resource.
    pub fn judge_subject(&mut self, subject: &Subject, surroundings: &Surroundings) -> Verdict {
        let Self { control, rule, .. } = self;
        let mut needs = control.needs.of(&subject.kind).iter();
        let unread = needs.find_map(|need| Some(unread(need, subject.unknown(need)?)));
        unread.unwrap_or_else(|| rule.judge(surroundings.input(subject)))
    }
}

fn digest(files: &Files<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Files {
        control,
        rule,
        cases,
    } = files;
    [control, rule, cases].hash(&mut hasher);
    hasher.finish()
}

/// The verdict over a resource of which a part is not known.
fn unread(need: &str, told: Option<&Unavailable>) -> Verdict {
    match told {
        Some(told) => Verdict::unknown(&told.code, format!("{} answered {}", told.call, told.code)),
        None => Verdict::unknown("NOT_COLLECTED", format!("nobody has read {need} yet")),
    }
}

fn text(path: &Path) -> Result<String, InvalidControl> {
    let disk = |reason| InvalidControl::Disk {
        path: path.display().to_string(),
        reason,
    };
    let bytes = std::fs::metadata(path).map_err(disk)?.len();
    if bytes > FILE_BYTES_MAX {
        let reason = format!("it has {bytes} bytes; the limit is {FILE_BYTES_MAX}");
        return Err(disk(std::io::Error::other(reason)));
    }
    std::fs::read_to_string(path).map_err(disk)
}

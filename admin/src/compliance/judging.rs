//! Verdicts over resources, and which of them have to be written. Blocking, and off the runtime's threads.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_controls::{
    ACCOUNT, Definition, Resource, Scope, Status, Subject, Surroundings, Verdict,
};

use super::GLOBAL;
use super::finding::{About, Stamp, Times};
use super::gaps::{Gaps, Ground};
use super::known::{Kept, Known};
use crate::inventory::{Held, Presence};

/// A control, made ready for one account.
pub(super) struct Sheet {
    /// Its place in the catalog.
    pub place: u16,
    pub definition: Definition,
    pub stamp: Stamp,
    pub surroundings: Surroundings,
    pub gaps: Gaps,
    /// Resources that it was shown.
    pub shown: u64,
}

/// What is worked on: the controls that judge the same resource types in one account.
pub(super) struct Bench {
    pub sheets: Vec<Sheet>,
    pub known: Known,
    /// Findings that stay.
    pub seen: HashSet<FindingKey>,
    pub now: Timestamp,
    /// A finding that was not written since is written again, or it would be too old to keep.
    pub refresh_before: Timestamp,
}

/// A finding that has to be written.
pub(super) struct Draft {
    pub key: FindingKey,
    pub kept: Kept,
    pub document: Bytes,
}

/// Reads resources. What cannot be read is told and left out.
pub(super) fn subjects(held: &[Held]) -> Vec<Subject> {
    let read = held
        .iter()
        .filter(|held| held.presence == Presence::Present)
        .filter_map(|held| {
        let resource: Result<Resource, _> = serde_json::from_slice(&held.document);
        let told = |error: &serde_json::Error| {
            tracing::error!(account = %held.account, kind = %held.kind, %error, "a resource cannot be read");
        };
        resource.inspect_err(told).ok()
    });
    read.map(Subject::new).collect()
}

/// Whether a control concerns a state of the account, of which there is one in each place. Other types have no scope.
pub(super) fn concerns(scope: Option<Scope>, region: &str) -> bool {
    match scope {
        Some(Scope::Global) => region == GLOBAL,
        Some(Scope::Regional) => region != GLOBAL,
        None => true,
    }
}

impl Bench {
    /// Judges resources by every control. The answer is what has to be written.
    pub(super) fn judge(&mut self, subjects: &[Subject], ground: &Ground) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut sheets = std::mem::take(&mut self.sheets);
        for sheet in &mut sheets {
            for subject in subjects {
                if !concerns(sheet.definition.control.scope, &subject.region) {
                    continue;
                }
                sheet.shown += 1;
                let verdict = sheet.verdict(subject, ground);
                let about = sheet
                    .stamp
                    .about(&subject.kind, &subject.id, &subject.region);
                drafts.extend(self.draft(sheet, &about, &verdict));
            }
        }
        self.sheets = sheets;
        drafts
    }

    /// What each control says of the account as a whole, once its resources were judged.
    pub(super) fn conclude(&mut self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let sheets = std::mem::take(&mut self.sheets);
        for sheet in &sheets {
            for (place, verdict) in sheet.conclusions() {
                let about = sheet.stamp.about(ACCOUNT, "", place);
                // A control of the account has said it already.
                if !self.seen.contains(&sheet.stamp.name(&about).key) {
                    drafts.extend(self.draft(sheet, &about, &verdict));
                }
            }
        }
        self.sheets = sheets;
        drafts
    }

    fn draft(&mut self, sheet: &Sheet, about: &About, verdict: &Verdict) -> Option<Draft> {
        if verdict.status == Status::Skipped {
            return None;
        }
        let name = sheet.stamp.name(about);
        if !self.seen.insert(name.key) {
            return None;
        }
        let digest = sheet.stamp.digest(verdict);
        let known = self.known.get(name.key);
        let stands = known.is_some_and(|known| {
            known.digest == digest && !known.archived && known.updated_at > self.refresh_before
        });
        if stands {
            return None;
        }
        let times = times(known, self.now);
        let document = sheet.stamp.document(&name, about, verdict, times);
        Some(Draft {
            key: name.key,
            kept: Kept {
                created_at: times.created_at,
                updated_at: times.updated_at,
                digest,
                control: sheet.place,
                archived: false,
            },
            document: Bytes::from(document),
        })
    }
}

impl Sheet {
    fn verdict(&mut self, subject: &Subject, ground: &Ground) -> Verdict {
        verdict(
            &mut self.definition,
            subject,
            &self.surroundings,
            &self.gaps,
            ground,
        )
    }

    /// What to say of the account, and where: what is not known of it, or that it has nothing to judge, which was read.
    fn conclusions(&self) -> Vec<(&str, Verdict)> {
        let told = self.gaps.of_account();
        if self.shown > 0 || !told.is_empty() {
            return told;
        }
        let kinds = &self.definition.control.resource_types;
        let verdict = if kinds.iter().any(|kind| kind == ACCOUNT) {
            let detail = "nobody has read the state of the account yet".to_owned();
            Verdict::unknown("NOT_COLLECTED", detail)
        } else {
            let kinds = kinds.join(" or ");
            Verdict {
                status: Status::Passed,
                reason: Some("CONFIG_EVALUATIONS_EMPTY".to_owned()),
                detail: Some(format!("the account has no {kinds}; all places were read")),
            }
        };
        vec![(GLOBAL, verdict)]
    }
}

/// Judges a resource, as far as it and what the rule looks at are known.
pub(super) fn verdict(
    definition: &mut Definition,
    subject: &Subject,
    surroundings: &Surroundings,
    gaps: &Gaps,
    ground: &Ground,
) -> Verdict {
    let place = ground.place(&subject.kind, &subject.region);
    if let Some(verdict) = gaps.instead(&subject.kind, place) {
        return verdict;
    }
    let verdict = definition.judge_subject(subject, surroundings);
    match verdict.status {
        Status::Passed | Status::Failed => gaps.after(&subject.region).unwrap_or(verdict),
        Status::Warning | Status::NotAvailable | Status::Skipped => verdict,
    }
}

/// The times of a finding that changes now. The store passes over what is not newer, also if the clock was set back.
fn times(known: Option<Kept>, now: Timestamp) -> Times {
    match known {
        None => Times {
            created_at: now,
            updated_at: now,
        },
        Some(known) => Times {
            created_at: known.created_at,
            updated_at: next(known, now),
        },
    }
}

/// The time of a change of a known finding.
pub(super) fn next(known: Kept, now: Timestamp) -> Timestamp {
    now.max(known.updated_at.plus(1))
}

/// Subjects by type, as rules see them.
pub(super) fn by_type(subjects: Vec<Subject>) -> BTreeMap<String, Vec<Subject>> {
    let mut by_type: BTreeMap<String, Vec<Subject>> = BTreeMap::new();
    for subject in subjects {
        by_type
            .entry(subject.kind.clone())
            .or_default()
            .push(subject);
    }
    by_type
}

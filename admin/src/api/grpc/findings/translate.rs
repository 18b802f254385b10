//! Findings between the rooms and the wire.

use std::collections::HashMap;

use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::finding::{self, FindingKey, Patch, SeverityPatch};
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_store::{FeedEvent, Group, Outcome};
use serde::Deserialize;
use tonic::Status;

use crate::api::error::{invalid, status};
use crate::findings::{HistoryEntry, Seen};
use crate::ingest::Admission;
use crate::membership::{Error, Membership};

/// The states of members, each looked up once per answer.
pub(in crate::api) struct Statuses<'a> {
    membership: &'a Membership,
    known: HashMap<AccountId, String>,
}

impl<'a> Statuses<'a> {
    pub(in crate::api) fn new(membership: &'a Membership) -> Self {
        Self {
            membership,
            known: HashMap::new(),
        }
    }

    /// The name of a member's status; empty for an account that is no member.
    async fn of(&mut self, account: AccountId) -> Result<String, Status> {
        if let Some(known) = self.known.get(&account) {
            return Ok(known.clone());
        }
        let name = match self.membership.member(account).await {
            Ok(member) => member.status.name().to_owned(),
            Err(Error::NoMember { .. }) => String::new(),
            Err(error) => return Err(status(error)),
        };
        self.known.insert(account, name.clone());
        Ok(name)
    }
}

pub(in crate::api) async fn record(
    seen: Seen,
    format: i32,
    statuses: &mut Statuses<'_>,
) -> Result<wire::FindingRecord, Status> {
    #[derive(Deserialize)]
    struct Account {
        #[serde(rename = "AwsAccountId")]
        account: AccountId,
    }
    let Seen {
        key,
        sequence,
        recorded_at,
        document,
    } = seen;
    let member_status = match serde_json::from_slice::<Account>(&document) {
        Ok(Account { account }) => statuses.of(account).await?,
        Err(_) => String::new(),
    };
    let document = match wire::FindingFormat::try_from(format) {
        Ok(wire::FindingFormat::Unspecified | wire::FindingFormat::Typed) => {
            let typed =
                finding::wire::from_json(&document).map_err(|error| invalid(error.to_string()))?;
            wire::finding_record::Document::Finding(typed)
        }
        Ok(wire::FindingFormat::Asff) => wire::finding_record::Document::Asff(document.into()),
        Err(_) => return Err(invalid("format: should be TYPED or ASFF")),
    };
    Ok(wire::FindingRecord {
        name: key.name(),
        document: Some(document),
        sequence,
        recorded_at: Some(to_wire(recorded_at)),
        member_status,
    })
}

pub(super) fn admission(admission: Admission) -> wire::ImportResult {
    let imported = |key: FindingKey, effect: wire::ImportEffect| {
        wire::import_result::Outcome::Imported(wire::ImportedFinding {
            name: key.name(),
            effect: effect.into(),
        })
    };
    let outcome = match admission {
        Admission::Created(key) => imported(key, wire::ImportEffect::Created),
        Admission::Updated(key) => imported(key, wire::ImportEffect::Updated),
        Admission::Unchanged(key) => imported(key, wire::ImportEffect::Unchanged),
        Admission::Refused(refusal) => {
            wire::import_result::Outcome::Error(item_error(refusal.code(), refusal.to_string()))
        }
    };
    wire::ImportResult {
        outcome: Some(outcome),
    }
}

pub(super) fn item_error(code: &str, message: String) -> wire::ItemError {
    wire::ItemError {
        code: code.to_owned(),
        message,
    }
}

pub(super) fn updated(outcome: Option<Outcome>) -> wire::update_result::Outcome {
    use wire::update_result::Outcome as Wire;
    match outcome {
        Some(Outcome::Updated(key) | Outcome::Created(key) | Outcome::Unchanged(key)) => {
            Wire::Updated(key.name())
        }
        Some(Outcome::NotFound(key) | Outcome::Expired(key)) => Wire::Error(item_error(
            "FindingNotFound",
            format!("there is no finding {}", key.name()),
        )),
        Some(Outcome::Refused) | None => {
            Wire::Error(item_error("InternalFailure", "not updated".to_owned()))
        }
    }
}

/// A patch; a note without an author is the caller's.
pub(super) fn patch(patch: wire::FindingPatch, caller: &str) -> Patch {
    let wire::FindingPatch {
        note,
        severity,
        verification_state,
        confidence,
        criticality,
        types,
        user_defined_fields,
        workflow,
        related_findings,
    } = patch;
    Patch {
        note: note.map(|note| {
            let by = if note.updated_by.is_empty() {
                caller.to_owned()
            } else {
                note.updated_by
            };
            (note.text, by)
        }),
        severity: severity.map(|severity| SeverityPatch {
            label: Some(severity.label).filter(|label| !label.is_empty()),
            normalized: severity.normalized,
            product: severity.product,
        }),
        verification_state,
        confidence,
        criticality,
        types: types.map(|types| types.values),
        user_defined_fields: user_defined_fields.map(|fields| fields.entries),
        workflow_status: workflow.map(|workflow| workflow.status),
        related_findings: related_findings.map(|related| {
            related
                .values
                .into_iter()
                .map(|related| (related.product_arn, related.id))
                .collect()
        }),
    }
}

pub(super) fn history(entry: HistoryEntry) -> wire::HistoryRecord {
    let HistoryEntry {
        sequence,
        time,
        event,
        actor,
        changes,
    } = entry;
    let source = match event {
        FeedEvent::Updated => "BATCH_UPDATE_FINDINGS",
        FeedEvent::Created | FeedEvent::Imported | FeedEvent::Expired => "BATCH_IMPORT_FINDINGS",
    };
    wire::HistoryRecord {
        sequence,
        time: Some(to_wire(time)),
        created: event == FeedEvent::Created,
        source: source.to_owned(),
        actor: actor.to_string(),
        changes: changes
            .into_iter()
            .map(|change| wire::FieldChange {
                field: change.field,
                old_value: change.old.unwrap_or_default(),
                new_value: change.new.unwrap_or_default(),
            })
            .collect(),
    }
}

/// Filter fields by their names.
pub(in crate::api) fn fields(names: &[String]) -> Result<Vec<Field>, Status> {
    names
        .iter()
        .map(|name| {
            name.parse()
                .map_err(|error| invalid(format!("group_by: {error}")))
        })
        .collect()
}

pub(in crate::api) fn groups(groups: Vec<Group>) -> Vec<wire::Group> {
    groups
        .into_iter()
        .map(|Group { values, count }| wire::Group { values, count })
        .collect()
}

//! A resource as it is stored: its document in an envelope, and the fields by which the store finds it.
//!
//! The store has the fields of findings. A resource takes those that mean the same, and `Region` for where it was listed.

use std::collections::BTreeMap;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::finding::{self, FindingKey, Overlay, ProductArn, Reading, Row, Value};
use muster_common::timestamp::Timestamp;
use muster_store::{Change, Import, Record};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Held, Presence};

/// The largest resource.
pub(super) const DOCUMENT_BYTES_MAX: usize = finding::FINDING_BYTES_MAX;
/// One of an organization works in all its accounts and belongs to one: the others see it, too.
const TRAIL: &str = "AWS::CloudTrail::Trail";
const ID_BYTES_MAX: usize = 2_048;
const REGION_BYTES_MAX: usize = 64;

/// A resource that may be stored.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub key: FindingKey,
    pub id: String,
    region: String,
    pub bytes: Bytes,
}

/// Why one may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it has {bytes} bytes, and {DOCUMENT_BYTES_MAX} are the most")]
    TooLarge { bytes: usize },
    #[error("it is no resource: {0}")]
    Form(String),
    #[error("it is of type {0}, and the epoch is of another")]
    OtherType(String),
    #[error("it belongs to account {0}")]
    OtherAccount(String),
}

impl Refusal {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ResourceSizeExceeded",
            Self::Form(_) | Self::OtherType(_) => "InvalidInput",
            Self::OtherAccount(_) => "InvalidAccess",
        }
    }
}

/// What a document has to have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    region: String,
    #[serde(rename = "state")]
    _state: BTreeMap<String, IgnoredAny>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    account: AccountId,
    place: String,
    gone: bool,
    /// Not gone for all that is known: nobody looks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unread: bool,
    #[serde(borrow)]
    resource: &'a RawValue,
}

/// The identity of a resource: (account, where it is listed, type, id).
pub(super) fn key(account: AccountId, place: &str, kind: &str, id: &str) -> FindingKey {
    FindingKey::new(account, place, kind, id)
}

impl Document {
    pub(super) fn read(
        account: AccountId,
        place: &str,
        kind: &str,
        bytes: Bytes,
    ) -> Result<Self, (String, Refusal)> {
        let unnamed = |refusal| (String::new(), refusal);
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(unnamed(Refusal::TooLarge { bytes: bytes.len() }));
        }
        let form: Form = serde_json::from_slice(&bytes)
            .map_err(|error| unnamed(Refusal::Form(error.to_string())))?;
        let Form {
            kind: own_kind,
            id,
            region,
            _state,
        } = form;
        let refused = |refusal| Err((id.chars().take(256).collect::<String>(), refusal));
        if own_kind != kind {
            return refused(Refusal::OtherType(own_kind.chars().take(128).collect()));
        }
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return refused(Refusal::Form(format!(
                "its id has to have 1 to {ID_BYTES_MAX} bytes"
            )));
        }
        if region.is_empty() || region.len() > REGION_BYTES_MAX {
            return refused(Refusal::Form(
                "its Region is missing or too long".to_owned(),
            ));
        }
        let other = owner(&id).filter(|owner| *owner != account && kind != TRAIL);
        if let Some(other) = other {
            return refused(Refusal::OtherAccount(other.to_string()));
        }
        Ok(Self {
            key: key(account, place, kind, &id),
            id,
            region,
            bytes,
        })
    }

    /// What stores it.
    pub(super) fn import(
        &self,
        account: AccountId,
        place: &str,
        kind: &str,
        stamp: Timestamp,
    ) -> Option<Change> {
        let fields = Fields {
            account,
            place,
            kind,
            region: &self.region,
            id: &self.id,
        };
        fields.import(self.key, &self.bytes, stamp, Presence::Present)
    }
}

/// What stores that it is gone, or not read any more: the last state is the version before.
pub(super) fn farewell(
    held: &Held,
    place: &str,
    stamp: Timestamp,
    becomes: Presence,
) -> Option<Change> {
    let fields = Fields {
        account: held.account,
        place,
        kind: &held.kind,
        region: &held.region,
        id: &held.id,
    };
    let bare = serde_json::json!({
        "id": held.id, "region": held.region, "state": {}, "type": held.kind,
    });
    fields.import(held.key, bare.to_string().as_bytes(), stamp, becomes)
}

struct Fields<'a> {
    account: AccountId,
    place: &'a str,
    kind: &'a str,
    region: &'a str,
    id: &'a str,
}

impl Fields<'_> {
    /// `None` if the bytes are no JSON.
    fn import(
        &self,
        key: FindingKey,
        resource: &[u8],
        stamp: Timestamp,
        presence: Presence,
    ) -> Option<Change> {
        let envelope = Envelope {
            account: self.account,
            place: self.place.to_owned(),
            gone: presence == Presence::Gone,
            unread: presence == Presence::Unread,
            resource: serde_json::from_slice(resource).ok()?,
        };
        let document = Bytes::from(serde_json::to_vec(&envelope).ok()?);
        let mut row = Row::default();
        let state = match presence {
            Presence::Present => "ACTIVE",
            Presence::Gone | Presence::Unread => "ARCHIVED",
        };
        for (field, text) in [
            (Field::AwsAccountId, self.account.as_str()),
            (Field::Region, self.place),
            (Field::RecordState, state),
            (Field::ResourceType, self.kind),
            (Field::ResourceRegion, self.region),
            (Field::ResourceId, self.id),
        ] {
            row.push(field, Value::Text(text));
        }
        row.push(Field::UpdatedAt, Value::Date(stamp));
        let reading = Reading {
            key,
            account: self.account,
            product: ProductArn::parse("arn:aws:securityhub:::product/muster/inventory")?,
            id: self.id.to_owned(),
            updated_at: stamp,
            row: row.fitted(),
            initial: Overlay::default(),
            scalars: finding::scalars(&document)?,
        };
        Some(Change::Import(Import { reading, document }))
    }
}

/// Reads what was stored.
///
/// # Errors
/// It is damaged.
pub(super) fn held(record: &Record) -> Result<Held, muster_store::Error> {
    let damaged = || muster_store::Error::Damaged {
        what: format!("resources/{}", record.key),
    };
    let envelope: Envelope<'_> = serde_json::from_slice(&record.document).map_err(|_| damaged())?;
    let resource = envelope.resource.get();
    let form: Form = serde_json::from_str(resource).map_err(|_| damaged())?;
    Ok(Held {
        key: record.key,
        account: envelope.account,
        kind: form.kind,
        region: form.region,
        id: form.id,
        document: record.document.slice_ref(resource.as_bytes()),
        observed_at: record.recorded_at,
        presence: match (envelope.gone, envelope.unread) {
            (_, true) => Presence::Unread,
            (true, false) => Presence::Gone,
            (false, false) => Presence::Present,
        },
    })
}

/// The account that an ARN names.
fn owner(id: &str) -> Option<AccountId> {
    id.strip_prefix("arn:")?.split(':').nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(place: &str, kind: &str, document: &str) -> String {
        let account = "111122223333".parse().unwrap();
        let read = Document::read(account, place, kind, Bytes::from(document.to_owned()));
        match read {
            Ok(read) => format!("taken: {}", read.id),
            Err((id, refusal)) => format!("{}: {id}: {refusal}", refusal.code()),
        }
    }

    #[test]
    fn what_is_no_resource_of_the_account_is_refused_by_name() {
        let kind = "AWS::SNS::Topic";
        let topic = |account: &str| {
            format!(
                r#"{{"type":"{kind}","id":"arn:aws:sns:eu-west-1:{account}:t","region":"eu-west-1","state":{{"A":null}}}}"#
            )
        };
        let own = topic("111122223333");
        let trail = "arn:aws:cloudtrail:eu-west-1:999999999999:trail/of-all";
        let trail = own
            .replace(kind, TRAIL)
            .replace("arn:aws:sns:eu-west-1:111122223333:t", trail);
        insta::assert_snapshot!([
            refused("eu-west-1", kind, &own),
            refused("eu-west-1", TRAIL, &trail),
            refused("eu-west-1", kind, &topic("999999999999")),
            refused("eu-west-1", "AWS::S3::Bucket", &own),
            refused("eu-west-1", kind, "{\"type\":1}"),
            refused("eu-west-1", kind, &own.replace("state", "stat")),
            refused("eu-west-1", kind, &own.replace("arn:aws:sns:eu-west-1:111122223333:t", "")),
            refused("eu-west-1", kind, &format!("{own}{}", " ".repeat(DOCUMENT_BYTES_MAX))),
        ].join("\n"), @"
            taken: arn:aws:sns:eu-west-1:111122223333:t
            taken: arn:aws:cloudtrail:eu-west-1:999999999999:trail/of-all
            InvalidAccess: arn:aws:sns:eu-west-1:999999999999:t: it belongs to account 999999999999
            InvalidInput: arn:aws:sns:eu-west-1:111122223333:t: it is of type AWS::SNS::Topic, and the epoch is of another
            InvalidInput: : it is no resource: invalid type: integer `1`, expected a string at line 1 column 9
            InvalidInput: : it is no resource: unknown field `stat`, expected one of `type`, `id`, `region`, `state` at line 1 column 97
            InvalidInput: : it is no resource: its id has to have 1 to 2048 bytes
            ResourceSizeExceeded: : it has 245870 bytes, and 245760 are the most
            ");
    }
}

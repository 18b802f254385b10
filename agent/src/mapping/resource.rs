//! One of the `Resources` of a document.

use serde_json::Value;

use super::Place;
use super::fields::{Fields, OTHER, TAGS};
use super::native::Native;
use super::object::Object;
use super::text::cut;

pub(super) struct Resource {
    kind: String,
    id: String,
    region: Option<String>,
    tags: Fields,
    details: Object,
    other: Fields,
    classification: Option<Object>,
}

/// Source: Security Hub API Reference, `Resource`.
const ID_MAX: usize = 512;
const TYPE_MAX: usize = 256;
const REGION_MAX: usize = 64;

impl Resource {
    /// Ids that are longer than ASFF allows are cut: only keys of S3 objects are.
    pub(super) fn new(kind: &str, id: &str) -> Self {
        let mut other = Fields::new(OTHER);
        other.keeps_empty = false;
        Self {
            kind: cut(kind, TYPE_MAX).to_owned(),
            id: cut(id, ID_MAX).to_owned(),
            region: None,
            tags: Fields::new(TAGS),
            details: Object::default(),
            other,
            classification: None,
        }
    }

    /// The account as a resource, for what concerns no smaller part of it.
    pub(super) fn account(place: &Place) -> Self {
        Self::new("AwsAccount", &format!("AWS::::Account:{}", place.account))
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Another Region than the finding's.
    pub(super) fn region(mut self, region: Option<&str>) -> Self {
        self.region = region.map(|region| cut(region, REGION_MAX).to_owned());
        self
    }

    /// Tags as a list of objects with the members `key` and `value`, or as one object.
    pub(super) fn tags(mut self, tags: Native<'_>) -> Self {
        for tag in tags.list() {
            if let Some(key) = tag.text("key") {
                self.tag(key, tag.text("value").unwrap_or_default());
            }
        }
        for (key, value) in tags.members() {
            self.tag(
                key,
                value.value().and_then(Value::as_str).unwrap_or_default(),
            );
        }
        self
    }

    pub(super) fn tag(&mut self, key: &str, value: &str) {
        self.tags.push(key, value);
    }

    /// Adds to what stands in `Details.Other`.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        self.other.push(key, value);
    }

    pub(super) fn details(mut self, kind: &str, details: Object) -> Self {
        self.details.set(kind, details);
        self
    }

    /// What the native resource has besides the named members, which the details or other resources hold.
    pub(super) fn rest(mut self, native: Native<'_>, named: &[&str]) -> Self {
        self.other.rest("", native, named);
        self
    }

    /// The same of a part of the native resource, below its name.
    pub(super) fn part(mut self, name: &str, part: Native<'_>, named: &[&str]) -> Self {
        self.other.rest(&format!("{name}/"), part, named);
        self
    }

    pub(super) fn classification(mut self, classification: Object) -> Self {
        self.classification = Some(classification);
        self
    }

    /// What found no room.
    pub(super) fn dropped(&self) -> usize {
        self.tags.dropped() + self.other.dropped()
    }

    pub(super) fn into_value(self, place: &Place) -> Value {
        Object::default()
            .with("Type", self.kind)
            .with("Id", self.id)
            .with("Partition", place.partition.as_str())
            .with(
                "Region",
                self.region.unwrap_or_else(|| place.region.to_string()),
            )
            .with("Tags", self.tags)
            .with("Details", self.details.with("Other", self.other))
            .with("DataClassification", self.classification)
            .into_value()
    }
}

/// The ARN of an EC2 instance, of which services give the id.
pub(super) fn instance_arn(place: &Place, region: Option<&str>, id: &str) -> String {
    let region = region.unwrap_or(place.region.as_str());
    let (partition, account) = (place.partition, place.account);
    format!("arn:{partition}:ec2:{region}:{account}:instance/{id}")
}

//! A document under construction: what every finding must have comes first, the lists keep their limits, and nothing
//! leaves that the format would refuse.

use std::io;

use muster_common::finding::{FINDING_BYTES_MAX, Severity};
use muster_common::timestamp::Timestamp;
use serde_json::Value;

use super::fields::{Fields, PRODUCT_FIELDS};
use super::object::{Member, Object};
use super::resource::Resource;
use super::text::abridged;
use super::{Place, Unmappable};

/// Limits of the format. Source: Security Hub API Reference, `AwsSecurityFinding`.
const ID_MAX: usize = 512;
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 1024;
const TYPES_MAX: usize = 50;
const RESOURCES_MAX: usize = 32;
const RECOMMENDATION_MAX: usize = 512;

/// The type of findings that name none. Prowler uses it so.
const TYPE_DEFAULT: &str = "Software and Configuration Checks";

/// What every document must have.
pub(super) struct Required<'a> {
    /// The finding's own.
    pub place: Place,
    /// The last part of the product's ARN, such as `aws/guardduty`.
    pub product: &'a str,
    pub id: &'a str,
    pub generator: &'a str,
    pub types: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub severity: Object,
    pub title: &'a str,
    pub description: &'a str,
}

pub(super) struct Document {
    pub place: Place,
    /// The product fields; those of least interest come last.
    pub fields: Fields,
    product_arn: String,
    properties: Object,
    resources: Vec<Value>,
    /// How many items of lists and details found no room.
    dropped: usize,
}

impl Document {
    /// # Errors
    /// The id is too long; cut, it could be another finding's.
    pub(super) fn new(required: Required<'_>) -> Result<Self, Unmappable> {
        let Required {
            place,
            product,
            id,
            generator,
            types,
            created_at,
            updated_at,
            severity,
            title,
            description,
        } = required;
        if id.chars().count() > ID_MAX {
            return Err(Unmappable::Wrong {
                field: "id",
                what: format!("longer than {ID_MAX} characters"),
            });
        }
        let product_arn = format!(
            "arn:{}:securityhub:{}::product/{product}",
            place.partition, place.region
        );
        let properties = Object::default()
            .with("SchemaVersion", "2018-10-08")
            .with("Id", id)
            .with("ProductArn", product_arn.as_str())
            .with("GeneratorId", abridged(generator, ID_MAX))
            .with("AwsAccountId", place.account.as_str())
            .with("Region", place.region.as_str())
            .with("Types", finding_types(types))
            .with("CreatedAt", created_at)
            .with("UpdatedAt", updated_at)
            .with("Severity", severity)
            .with("Title", abridged(title, TITLE_MAX))
            .with("Description", abridged(description, DESCRIPTION_MAX));
        Ok(Self {
            place,
            fields: Fields::new(PRODUCT_FIELDS),
            product_arn,
            properties,
            resources: Vec::new(),
            dropped: 0,
        })
    }

    pub(super) fn set(&mut self, property: &str, value: impl Member) {
        self.properties.set(property, value);
    }

    /// Sets a list, at most so many items of it.
    pub(super) fn list<T: Member>(&mut self, property: &str, items: Vec<T>, max: usize) {
        let items = self.limited(items, max);
        self.set(property, items);
    }

    /// At most so many of the items; the others are counted.
    pub(super) fn limited<T>(&mut self, mut items: Vec<T>, max: usize) -> Vec<T> {
        self.dropped += items.len().saturating_sub(max);
        items.truncate(max);
        items
    }

    pub(super) fn archive(&mut self, archived: bool) {
        self.set("RecordState", if archived { "ARCHIVED" } else { "ACTIVE" });
    }

    pub(super) fn recommend(&mut self, text: Option<&str>, url: Option<&str>) {
        let recommendation = Object::default()
            .with("Text", text.map(|text| abridged(text, RECOMMENDATION_MAX)))
            .with("Url", url);
        self.set(
            "Remediation",
            Object::default().with("Recommendation", recommendation),
        );
    }

    /// Adds a resource; of two with the same type and id the first stays.
    pub(super) fn resource(&mut self, resource: Resource) {
        let known = |other: &Value| {
            (&other["Type"], &other["Id"]) == (&resource.kind().into(), &resource.id().into())
        };
        if self.resources.iter().any(known) {
            return;
        }
        self.dropped += resource.dropped();
        if self.resources.len() < RESOURCES_MAX {
            self.resources.push(resource.into_value(&self.place));
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn product_arn(&self) -> &str {
        &self.product_arn
    }

    /// Another finding of the same product.
    pub(super) fn related(&self, id: &str) -> Object {
        Object::default()
            .with("ProductArn", self.product_arn.as_str())
            .with("Id", abridged(id, ID_MAX))
    }

    /// # Errors
    /// The document is larger than the format allows.
    pub(super) fn finish(mut self, truncated: &str) -> Result<Value, Unmappable> {
        if self.resources.is_empty() {
            self.resource(Resource::account(&self.place));
        }
        self.fields.note_dropped(truncated, self.dropped);
        let document = self
            .properties
            .with("Resources", self.resources)
            .with("ProductFields", self.fields)
            .into_value();
        match bytes(&document) {
            0..=FINDING_BYTES_MAX => Ok(document),
            bytes => Err(Unmappable::Wrong {
                field: "finding",
                what: format!("{bytes} bytes in ASFF; the limit is {FINDING_BYTES_MAX}"),
            }),
        }
    }
}

/// The severity of products that give a label.
pub(super) fn labeled(severity: Severity) -> Object {
    Object::default()
        .with("Label", severity.label())
        .with("Normalized", i64::from(severity.normalized()))
}

/// Types in the form that the format asks for: at most two slashes, no empty part.
fn finding_types(types: Vec<String>) -> Vec<String> {
    let formed = |text: &String| {
        let mut parts = text.split('/').filter(|part| !part.trim().is_empty());
        let mut formed = parts.next()?.to_owned();
        for (at, part) in parts.enumerate() {
            formed.push(if at < 2 { '/' } else { '-' });
            formed.push_str(part);
        }
        Some(formed)
    };
    let mut types: Vec<String> = types.iter().filter_map(formed).take(TYPES_MAX).collect();
    if types.is_empty() {
        types.push(TYPE_DEFAULT.to_owned());
    }
    types
}

/// The length of the JSON text.
fn bytes(document: &Value) -> usize {
    struct Length(usize);
    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, document).expect("a JSON tree is written");
    length.0
}

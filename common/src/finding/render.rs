//! The document that readers see: the provider's, with what operators own in its place and what the service fills in.
//!
//! Values that nobody overrides are copied as the bytes that the provider sent, so numbers and long-tail fields keep
//! their exact form. `complete` in the room's face does the same to the row; a property test holds the two together.

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::overlay::OWNED_PROPERTIES;
use super::{Overlay, ProductArn, Severity};
use crate::timestamp::Timestamp;

/// Gives the JSON text of a finding.
///
/// # Errors
/// The document is not JSON, as when it comes from a damaged disk.
pub fn render(
    document: &[u8],
    overlay: &Overlay,
    recorded_at: Timestamp,
) -> Result<Vec<u8>, serde_json::Error> {
    let Properties(properties) = serde_json::from_slice(document)?;
    let mut out = Writer {
        json: Vec::with_capacity(document.len() + 512),
    };
    let find = |name: &str| {
        properties
            .iter()
            .find(|(property, _)| property == name)
            .map(|(_, value)| *value)
    };
    let filled = Filled::new(&find)?;
    out.json.push(b'{');
    for (name, value) in &properties {
        let name = name.as_str();
        let replaced = overlay.get(name).is_some()
            || filled.0.contains_key(name)
            || OWNED_PROPERTIES.contains(&name)
            || value.get() == "null";
        if !replaced {
            out.raw(name, value.get().as_bytes());
        }
    }
    for (name, value) in filled
        .0
        .iter()
        .filter(|(name, _)| overlay.get(name).is_none())
    {
        out.property(name, value)?;
    }
    for (name, value) in overlay.iter() {
        out.property(name, value)?;
    }
    if overlay.get("Workflow").is_none() {
        out.raw("Workflow", br#"{"Status":"NEW"}"#);
    }
    if find("ProcessedAt").is_none() {
        out.property("ProcessedAt", &json!(recorded_at.to_string()))?;
    }
    out.json.push(b'}');
    Ok(out.json)
}

struct Writer {
    json: Vec<u8>,
}

impl Writer {
    fn raw(&mut self, name: &str, value: &[u8]) {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, name).expect("a string is written to memory");
        self.json.push(b':');
        self.json.extend_from_slice(value);
    }

    fn property(&mut self, name: &str, value: &Json) -> Result<(), serde_json::Error> {
        self.raw(name, &serde_json::to_vec(value)?);
        Ok(())
    }
}

/// The properties that the service fills in or completes, with their whole new value.
struct Filled(Map<String, Json>);

impl Filled {
    fn new<'a>(find: &impl Fn(&str) -> Option<&'a RawValue>) -> Result<Self, serde_json::Error> {
        let parsed = |name: &str| {
            find(name)
                .map(|value| serde_json::from_str::<Json>(value.get()))
                .transpose()
                .map(|value| value.filter(|value| !value.is_null()))
        };
        let mut filled = Map::new();
        let text = |value: Option<Json>| value.and_then(|value| value.as_str().map(str::to_owned));
        let product = text(parsed("ProductArn")?).and_then(|arn| ProductArn::parse(&arn));
        if let Some(product) = product {
            for (name, value) in [
                ("ProductName", product.product_name()),
                ("CompanyName", product.company_name()),
                ("Region", product.region()),
            ] {
                if parsed(name)?.is_none() && !value.is_empty() {
                    filled.insert(name.to_owned(), json!(value));
                }
            }
            let id = text(parsed("Id")?).unwrap_or_default();
            if let Some(fields) = product_fields(parsed("ProductFields")?, &product, &id) {
                filled.insert("ProductFields".to_owned(), fields);
            }
        }
        if parsed("RecordState")?.is_none() {
            filled.insert("RecordState".to_owned(), json!("ACTIVE"));
        }
        let mut provided = match parsed("FindingProviderFields")? {
            Some(Json::Object(fields)) => fields,
            _ => Map::new(),
        };
        for name in ["Types", "Confidence", "Criticality", "RelatedFindings"] {
            let own = parsed(name)?;
            match (provided.get(name).filter(|value| has_content(value)), own) {
                (Some(value), own) if own.as_ref() != Some(value) => {
                    filled.insert(name.to_owned(), value.clone());
                }
                (None, Some(own)) if has_content(&own) => {
                    provided.insert(name.to_owned(), own);
                }
                (Some(_), _) | (None, _) => {}
            }
        }
        let (own, theirs) = severities(parsed("Severity")?, provided.remove("Severity"));
        filled.insert("Severity".to_owned(), own);
        provided.insert("Severity".to_owned(), theirs);
        filled.insert("FindingProviderFields".to_owned(), Json::Object(provided));
        Ok(Self(filled))
    }
}

/// Whether filters find a value there.
fn has_content(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Array(items) => !items.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => true,
    }
}

/// The service's own three product fields. Source: Security Hub user guide, "ProductFields".
fn product_fields(fields: Option<Json>, product: &ProductArn, id: &str) -> Option<Json> {
    let mut fields = match fields {
        Some(Json::Object(fields)) => fields,
        Some(_) => return None,
        None => Map::new(),
    };
    for (name, value) in [
        ("FindingId", format!("{}/{id}", product.as_str())),
        ("ProductName", product.product_name().to_owned()),
        ("CompanyName", product.company_name().to_owned()),
    ] {
        fields
            .entry(format!("aws/securityhub/{name}"))
            .or_insert_with(|| json!(value));
    }
    Some(Json::Object(fields))
}

/// The complete severities of the top level and of the provider fields; the latter's label wins.
fn severities(own: Option<Json>, provided: Option<Json>) -> (Json, Json) {
    let object = |value: Option<Json>| match value {
        Some(Json::Object(severity)) => severity,
        _ => Map::new(),
    };
    let (mut own, mut provided) = (object(own), object(provided));
    own.retain(|_, value| !value.is_null());
    let text = |severity: &Map<String, Json>| {
        let label: Option<Severity> = severity.get("Label")?.as_str()?.parse().ok();
        label
    };
    let (label, theirs) = (text(&own), text(&provided));
    let number = own.get("Normalized").and_then(Json::as_f64);
    let set = |severity: &mut Map<String, Json>, label: Severity, number: bool| {
        severity.insert("Label".to_owned(), json!(label.label()));
        if number {
            severity.insert("Normalized".to_owned(), json!(label.normalized()));
        }
    };
    match (theirs, label, number) {
        (Some(theirs), label, _) if Some(theirs) != label => set(&mut own, theirs, true),
        (_, None, Some(number)) => set(&mut own, Severity::of(number), false),
        (_, Some(label), None) => set(&mut own, label, true),
        (_, Some(_), Some(_)) | (_, None, None) => {}
    }
    if theirs.is_none()
        && let Some(label) = text(&own)
    {
        set(&mut provided, label, false);
    }
    (Json::Object(own), Json::Object(provided))
}

/// The properties of an object, in order, their values as text.
struct Properties<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Properties<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a finding")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties<'de>, A::Error> {
                let mut properties = Vec::with_capacity(32);
                while let Some(property) = map.next_entry()? {
                    properties.push(property);
                }
                Ok(Properties(properties))
            }
        }
        json.deserialize_map(Reader)
    }
}

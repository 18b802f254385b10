//! A resource and its document.

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

/// The largest document, in bytes.
const BYTES_MAX: usize = 240 << 10;

/// A resource and its state, part by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub id: String,
    pub region: String,
    pub state: Map<String, Json>,
}

/// As it travels, and what tells it from other versions of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub id: String,
    pub text: Bytes,
    pub digest: u128,
}

/// What a part is that could not be read.
pub(super) fn unavailable(code: &str, call: &str) -> Json {
    json!({ "Unavailable": { "Code": code, "Call": call } })
}

/// A policy, which AWS gives as text; what is no JSON stays text.
pub(super) fn policy(text: &Json) -> Json {
    let read = text.as_str().map(serde_json::from_str);
    match read {
        Some(Ok(policy)) => policy,
        Some(Err(_)) | None => text.clone(),
    }
}

impl Resource {
    /// The document: the same for the same state. Of one that is too large the largest parts are left out.
    pub(super) fn document(self, kind: &str) -> Document {
        let Self { id, region, state } = self;
        let mut state = Json::Object(state);
        state.sort_all_objects();
        let text = |state: &Json| {
            let document = json!({ "type": kind, "id": id, "region": region, "state": state });
            // Hundreds of them wait for their portion to be full.
            Bytes::from(document.to_string().into_bytes().into_boxed_slice())
        };
        let mut written = text(&state);
        while written.len() > BYTES_MAX {
            let Some(largest) = largest(&state) else {
                break;
            };
            state[&largest] = unavailable("TooLarge", &largest);
            written = text(&state);
        }
        Document {
            digest: xxh3_128(&written),
            text: written,
            id,
        }
    }
}

/// The name of the largest part that could still become smaller.
fn largest(state: &Json) -> Option<String> {
    let parts = state.as_object()?.iter();
    let sizes = parts.map(|(name, part)| (part.to_string().len(), name));
    let (size, name) = sizes.max()?;
    (size > 1_024).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(state: &Json) -> Resource {
        Resource {
            id: "arn:1".to_owned(),
            region: "eu-west-1".to_owned(),
            state: state.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn the_order_of_members_makes_no_other_document() {
        let one: Json = serde_json::from_str(r#"{"B":{"y":1,"x":2},"A":1}"#).unwrap();
        let other: Json = serde_json::from_str(r#"{"A":1,"B":{"x":2,"y":1}}"#).unwrap();
        let one = resource(&one).document("AWS::EC2::VPC");
        assert_eq!(one, resource(&other).document("AWS::EC2::VPC"));
        assert_eq!(
            &one.text[..],
            br#"{"id":"arn:1","region":"eu-west-1","state":{"A":1,"B":{"x":2,"y":1}},"type":"AWS::EC2::VPC"}"#
        );
    }

    #[test]
    fn what_is_too_large_says_so() {
        let large = "x".repeat(200 << 10);
        let state = json!({ "Name": "b", "Policy": large, "Acl": large, "Lifecycle": "y".repeat(30 << 10) });
        let document = resource(&state).document("AWS::S3::Bucket");
        assert!(document.text.len() <= BYTES_MAX);
        let read: Json = serde_json::from_slice(&document.text).unwrap();
        assert_eq!(read["state"]["Policy"], unavailable("TooLarge", "Policy"));
        assert_eq!(read["state"]["Acl"], state["Acl"]);
        assert_eq!(read["state"]["Name"], "b");
    }

    #[test]
    fn a_policy_is_parsed_if_it_can_be() {
        assert_eq!(
            policy(&json!("{\"Version\":\"1\"}")),
            json!({ "Version": "1" })
        );
        assert_eq!(policy(&json!("no")), json!("no"));
        assert_eq!(policy(&Json::Null), Json::Null);
    }
}

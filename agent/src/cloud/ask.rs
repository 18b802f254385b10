//! Requests and answers in the protocols of AWS; what goes in and comes out is JSON in all of them.

use bytes::Bytes;
use muster_common::account::Region;
use serde_json::Value as Json;

use super::call::{CallError, Problem, Request};
use super::service::{Protocol, Service};
use super::xml::Element;
use super::{Cloud, shape};

impl Cloud {
    /// Asks for an action of a service, with parameters by name. The answer is what the action's documentation shows.
    ///
    /// # Errors
    /// As [`Cloud::call`].
    pub async fn act(
        &self,
        service: Service,
        region: &Region,
        action: &str,
        parameters: &Json,
    ) -> Result<Json, CallError> {
        let (kind, headers, body) = match service.protocol() {
            Protocol::Json { target } => (
                "application/x-amz-json-1.1",
                vec![("x-amz-target", format!("{target}.{action}"))],
                parameters.to_string(),
            ),
            Protocol::Query { version } => (
                "application/x-www-form-urlencoded",
                Vec::new(),
                form(action, version, parameters, ".member"),
            ),
            Protocol::Ec2 { version } => (
                "application/x-www-form-urlencoded",
                Vec::new(),
                form(action, version, parameters, ""),
            ),
            Protocol::RestJson | Protocol::RestXml => {
                return Err(unreadable("the service has no actions"));
            }
        };
        let mut request = Request {
            method: "POST",
            path: "/".to_owned(),
            headers,
            body,
        };
        request.headers.push(("content-type", kind.to_owned()));
        let answer = self.operation(service, region)?.invoke(request).await?;
        read(service, Some(action), &answer)
    }

    /// Reads a path of a service; `headers` are those beyond the usual ones.
    ///
    /// # Errors
    /// As [`Cloud::call`].
    pub async fn get(
        &self,
        service: Service,
        region: &Region,
        path: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Json, CallError> {
        let request = Request {
            method: "GET",
            path: path.to_owned(),
            headers,
            body: String::new(),
        };
        let answer = self.operation(service, region)?.invoke(request).await?;
        // The one listing of S3; what else is read there is a part of a bucket.
        let is_list = service == Service::S3 && path.starts_with("/?");
        read(service, is_list.then_some("ListAllMyBuckets"), &answer)
    }
}

/// Reads an answer. The bucket policy is JSON in a service of XML.
pub(super) fn read(
    service: Service,
    action: Option<&str>,
    answer: &Bytes,
) -> Result<Json, CallError> {
    let protocol = service.protocol();
    let Some(first) = answer.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(Json::Null);
    };
    let xml = match protocol {
        Protocol::Query { .. } | Protocol::Ec2 { .. } => true,
        Protocol::RestXml => action.is_some() || *first == b'<',
        Protocol::RestJson | Protocol::Json { .. } => false,
    };
    if !xml {
        let mut read: Json =
            serde_json::from_slice(answer).map_err(|_| unreadable("the answer is not JSON"))?;
        shape::dated(service, &mut read);
        return Ok(read);
    }
    let root = Element::parse(answer).map_err(|error| unreadable(&error.to_string()))?;
    let Some(action) = action else {
        return Ok(shape::json(service, root));
    };
    let expected = match protocol {
        Protocol::RestXml => format!("{action}Result"),
        Protocol::Query { .. }
        | Protocol::Ec2 { .. }
        | Protocol::RestJson
        | Protocol::Json { .. } => format!("{action}Response"),
    };
    if root.name != expected {
        return Err(unreadable("the answer is to something else"));
    }
    let result = match protocol {
        Protocol::Query { .. } => root.into_child(&format!("{action}Result")),
        Protocol::Ec2 { .. } | Protocol::RestXml => Some(root),
        Protocol::RestJson | Protocol::Json { .. } => None,
    };
    Ok(result.map_or(Json::Null, |result| shape::json(service, result)))
}

/// Something else than the answer.
pub(crate) fn unreadable(why: &str) -> CallError {
    CallError {
        problem: Problem::Unreachable,
        code: "UnreadableAnswer".to_owned(),
        message: why.to_owned(),
    }
}

/// The form of an action. `between` stands before the number of an item.
fn form(action: &str, version: &str, parameters: &Json, between: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action)
        .append_pair("Version", version);
    let mut fields = Vec::new();
    flatten("", parameters, between, &mut fields);
    form.extend_pairs(fields);
    form.finish()
}

fn flatten(name: &str, value: &Json, between: &str, fields: &mut Vec<(String, String)>) {
    match value {
        Json::Null => {}
        Json::Bool(flag) => fields.push((name.to_owned(), flag.to_string())),
        Json::Number(number) => fields.push((name.to_owned(), number.to_string())),
        Json::String(text) => fields.push((name.to_owned(), text.clone())),
        Json::Array(items) => {
            for (number, item) in (1..).zip(items) {
                flatten(&format!("{name}{between}.{number}"), item, between, fields);
            }
        }
        Json::Object(members) => {
            for (member, value) in members {
                let name = match name {
                    "" => member.clone(),
                    holder => format!("{holder}.{member}"),
                };
                flatten(&name, value, between, fields);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_number_their_lists() {
        let parameters = json!({ "Filter": [{ "Name": "vpc-id", "Value": ["v 1"] }], "MaxResults": 5, "None": null });
        assert_eq!(
            form("DescribeVpcs", "1", &parameters, ""),
            "Action=DescribeVpcs&Version=1&Filter.1.Name=vpc-id&Filter.1.Value.1=v+1&MaxResults=5"
        );
        assert_eq!(
            form("A", "1", &json!({ "Names": ["a"] }), ".member"),
            "Action=A&Version=1&Names.member.1=a"
        );
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let bytes = Bytes::from_static(b"<ListAllMyBucketsResult/>");
        let error = read(Service::Iam, Some("ListUsers"), &bytes).unwrap_err();
        assert_eq!(error.code, "UnreadableAnswer");
        assert!(read(Service::Kms, Some("ListKeys"), &bytes).is_err());
        assert_eq!(read(Service::Kms, None, &Bytes::new()), Ok(Json::Null));
    }

    #[test]
    fn a_list_of_buckets_is_known_by_its_root() {
        let list = |text: &'static str| {
            let bytes = Bytes::from_static(text.as_bytes());
            read(Service::S3, Some("ListAllMyBuckets"), &bytes)
        };
        let none = list("<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>");
        assert_eq!(none, Ok(json!({ "Buckets": [] })));
        for text in ["<html><body/></html>", "<Error/>", "{}"] {
            assert_eq!(list(text).unwrap_err().code, "UnreadableAnswer", "{text}");
        }
    }
}

//! What a service says instead of an answer: code and message, as the JSON and the XML protocols of AWS give them.

use aws_smithy_types::error::ErrorMetadata;
use serde_json::Value as Json;

use super::xml::Element;

/// Reads the body of a refusal; `header` is that of the JSON protocols which names the code.
pub(super) fn read(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let (code, message) = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => of_xml(body),
        Some(_) | None => of_json(header, body),
    };
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code.filter(|code| !code.is_empty()) {
        metadata = metadata.code(code);
    }
    if let Some(message) = message {
        metadata = metadata.message(message);
    }
    metadata.build()
}

fn of_json(header: Option<&str>, body: &[u8]) -> (Option<String>, Option<String>) {
    let document: Json = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 3]| {
        names
            .iter()
            .find_map(|name| document[*name].as_str())
            .map(str::to_owned)
    };
    let code = header
        .map(str::to_owned)
        .or_else(|| text(["__type", "code", "Code"]))
        // `namespace#Code:more`
        .map(|code| {
            let code = code.rsplit('#').next().unwrap_or_default();
            code.split(':').next().unwrap_or_default().to_owned()
        });
    (code, text(["message", "Message", "errorMessage"]))
}

/// `Error` stands at the root (S3), in `ErrorResponse` (query) or in `Response` and `Errors` (EC2). A page of HTML has none.
fn of_xml(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(document) = Element::parse(body) else {
        return (None, None);
    };
    let text = |name: &str| {
        let found = document.find("Error")?.child(name)?;
        Some(found.text.trim().to_owned())
    };
    (text("Code"), text("Message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_names_its_code() {
        for (header, body, code, message) in [
            (
                None,
                r#"{"__type":"com.amazon#AccessDeniedException","message":"no"}"#,
                "AccessDeniedException",
                "no",
            ),
            (
                Some("ThrottlingException:http://x"),
                "",
                "ThrottlingException",
                "",
            ),
            (
                None,
                "<Error><Code>NoSuchBucketPolicy</Code><Message>none</Message></Error>",
                "NoSuchBucketPolicy",
                "none",
            ),
            (
                None,
                "<?xml version='1.0'?>\n<ErrorResponse xmlns='x'><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>m &amp; n</Message></Error></ErrorResponse>",
                "NoSuchEntity",
                "m & n",
            ),
            (
                None,
                "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not</Message></Error></Errors><RequestID>1</RequestID></Response>",
                "UnauthorizedOperation",
                "You are not",
            ),
            (None, "<!doctype html><title>500</title><p>x", "", ""),
            (None, "", "", ""),
        ] {
            let read = read(header, body.as_bytes());
            assert_eq!(read.code().unwrap_or_default(), code, "{body}");
            assert_eq!(read.message().unwrap_or_default(), message, "{body}");
        }
    }
}

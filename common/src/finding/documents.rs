//! Files of findings: where in them the findings stand.

use serde_json::Value as Json;
use serde_json::value::RawValue;

/// Text that holds no findings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFile {
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        line: usize,
        column: usize,
        what: String,
    },
    #[error(
        "it holds no findings: expected an ASFF object, an array of them, an object with \"Findings\", or one object per line"
    )]
    NoFindings,
}

/// The findings in a text, each as its own JSON text: one object, an array, the input of BatchImportFindings (an object
/// with `Findings`), or several of these one after the other, as in JSON lines. They are not checked here.
///
/// # Errors
/// [`InvalidFile`] names the place where the text stops being JSON.
pub fn documents(text: &[u8]) -> Result<Vec<Vec<u8>>, InvalidFile> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Box<RawValue>>() {
        let value = value.map_err(|error| syntax(&error))?;
        gather(&value, &mut found)?;
    }
    if found.is_empty() && !text.iter().all(u8::is_ascii_whitespace) && text.trim_ascii() != b"[]" {
        return Err(InvalidFile::NoFindings);
    }
    Ok(found)
}

fn gather(value: &RawValue, found: &mut Vec<Vec<u8>>) -> Result<(), InvalidFile> {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        #[serde(rename = "Findings")]
        findings: Option<Vec<Box<RawValue>>>,
        #[serde(rename = "SchemaVersion")]
        schema_version: Option<Json>,
    }
    let text = value.get();
    match text.trim_start().chars().next() {
        Some('[') => {
            let items: Vec<Box<RawValue>> =
                serde_json::from_str(text).map_err(|error| syntax(&error))?;
            items.iter().try_for_each(|item| gather(item, found))
        }
        Some('{') => match serde_json::from_str::<Wrapped>(text) {
            Ok(Wrapped {
                findings: Some(findings),
                schema_version: None,
            }) => {
                found.extend(
                    findings
                        .iter()
                        .map(|finding| finding.get().as_bytes().to_vec()),
                );
                Ok(())
            }
            Ok(_) | Err(_) => {
                found.push(text.as_bytes().to_vec());
                Ok(())
            }
        },
        Some(_) | None => Err(InvalidFile::NoFindings),
    }
}

fn syntax(error: &serde_json::Error) -> InvalidFile {
    InvalidFile::Syntax {
        line: error.line(),
        column: error.column(),
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Vec<String>, InvalidFile> {
        Ok(documents(text.as_bytes())?
            .into_iter()
            .map(|document| String::from_utf8(document).unwrap())
            .collect())
    }

    #[test]
    fn findings_are_found_in_every_usual_form() {
        let one = r#"{"SchemaVersion":"2018-10-08","n":1}"#;
        let two = r#"{"n": 2}"#;
        for text in [
            format!("[{one},{two}]"),
            format!("{{\"Findings\":[{one},{two}]}}"),
            format!("{one}\n{two}\n"),
            format!("[{one}]\n{{\"Findings\":[{two}]}}"),
        ] {
            assert_eq!(found(&text).unwrap(), [one, two], "{text}");
        }
        assert_eq!(found(" \n").unwrap(), Vec::<String>::new());
        assert_eq!(found("[]").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn other_text_is_refused_with_its_place() {
        assert_eq!(found("7"), Err(InvalidFile::NoFindings));
        assert!(matches!(
            found("[{\"a\":1},"),
            Err(InvalidFile::Syntax { line: 1, .. })
        ));
        assert!(matches!(
            found("{\"a\":1}\n{oops}"),
            Err(InvalidFile::Syntax { line: 2, .. })
        ));
    }
}

//! Findings that users of the services have published. They are beside some checkouts (`../shared/corpus`) and never in
//! the project.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Mapping, fault, guardduty, inspector2, ocsf, place};

#[test]
fn real_findings_map_and_pass_the_format_where_there_are_any() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    let Ok(manifest) = fs::read_to_string(corpus.join("MANIFEST.tsv")) else {
        return;
    };
    let mut count = 0;
    for row in manifest.lines() {
        let mut columns = row.split('\t');
        let (path, kind) = (columns.next().unwrap(), columns.nth(4).unwrap_or_default());
        let mapping: Mapping = match kind {
            "guardduty" => guardduty,
            "inspector2" => inspector2,
            "ocsf" => ocsf,
            _ => continue,
        };
        for finding in findings(&fs::read_to_string(corpus.join(path)).unwrap()) {
            let finding = as_the_service_writes(finding);
            match mapping(&finding, &place()) {
                Ok(document) => assert_eq!(fault(&document), None, "{path}"),
                Err(refusal) => assert!(is_malformed(kind, &finding), "{path}: {refusal}"),
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Accounts and Regions that were taken out of findings before they were published get made-up ones.
fn findings(text: &str) -> Vec<Value> {
    let text = text
        .replace("<account_uid>", "111122223333")
        .replace("<region>", "eu-central-1")
        .replace("1234567891234", "111122223333");
    let values = serde_json::Deserializer::from_str(&text).into_iter();
    let values = values.flat_map(|value| unwrapped(value.unwrap()));
    values.collect()
}

/// Out of lists, events and answers of the services.
fn unwrapped(value: Value) -> Vec<Value> {
    const WRAPPERS: [&str; 4] = ["detail", "data", "findings", "Findings"];
    match value {
        Value::Array(items) => items.into_iter().flat_map(unwrapped).collect(),
        Value::Object(mut members) => WRAPPERS
            .iter()
            .find_map(|name| members.remove(*name))
            .map_or_else(|| vec![Value::Object(members)], unwrapped),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => vec![other],
    }
}

/// The AWS CLI writes names with capitals, and a recorder of cloud calls writes times as objects.
fn as_the_service_writes(value: Value) -> Value {
    let by_cli = value.get("AccountId").is_some();
    rewritten(value, by_cli)
}

fn rewritten(value: Value, by_cli: bool) -> Value {
    match value {
        Value::Object(members) if members.contains_key("__class__") => time(&members),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| {
                let (first, rest) = name.split_at(name.len().min(1));
                let name = match by_cli {
                    true => first.to_ascii_lowercase() + rest,
                    false => name,
                };
                (name, rewritten(member, by_cli))
            })
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| rewritten(item, by_cli))
            .collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

fn time(parts: &Map<String, Value>) -> Value {
    let [year, month, day, hour, minute, second] =
        ["year", "month", "day", "hour", "minute", "second"].map(|part| &parts[part]);
    let part = |value: &Value| format!("{:0>2}", value.to_string());
    json!(format!(
        "{year}-{}-{}T{}:{}:{}Z",
        part(month),
        part(day),
        part(hour),
        part(minute),
        part(second)
    ))
}

/// No account, no Region, no id, or another cloud. Some samples are like that on purpose.
fn is_malformed(kind: &str, finding: &Value) -> bool {
    let text = |pointer: &str| finding.pointer(pointer).and_then(Value::as_str);
    let is_account = |text: Option<&str>| {
        text.is_some_and(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match kind {
        "guardduty" => {
            let region = text("/region").is_some_and(|region| region.contains('-'));
            !is_account(text("/accountId")) || !region || text("/arn").is_none()
        }
        "inspector2" => !is_account(text("/awsAccountId")),
        _ => text("/cloud/provider").is_none_or(|provider| !provider.eq_ignore_ascii_case("aws")),
    }
}

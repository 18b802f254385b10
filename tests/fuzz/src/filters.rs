//! Filters: what is read is written so that an equal one is read, stays within its limits, and selects what a naive
//! reading of filter and document selects.

use std::net::IpAddr;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use muster_common::field::{Field, FieldSet, Kind};
use muster_common::filter::{self, DEPTH_MAX, Filter, Subject, TESTS_MAX, from_json, to_json};
use muster_common::finding::{self, Row, Value};
use muster_common::sample::World;
use muster_common::timestamp::{DAY, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::places::{PLACES, values};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let document = &DOCUMENTS[usize::from(*choice) % DOCUMENTS.len()];
    let text = if *choice < 128 {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        let mut dice = Unstructured::new(rest);
        let Ok(filter) = any_filter(&mut dice, 3) else {
            return;
        };
        filter.to_string()
    };
    let Ok(filter) = from_json(&text) else {
        return;
    };
    within_limits(&filter);
    let written = to_json(&filter).to_string();
    assert_eq!(from_json(&written).as_ref(), Ok(&filter), "{written}");
    let message = filter::wire::write(&filter);
    let sent = filter::wire::read(message.as_ref()).expect("it was written as such");
    assert!(sent == filter || filter.is_everything());
    let placed = |field| field == Field::Keyword || PLACES.iter().any(|(known, _)| *known == field);
    if !filter.fields().iter().all(placed) {
        return;
    }
    let json: Json = serde_json::from_str(&text).expect("a filter was read from it");
    let subject = Subject {
        row: &document.row,
        document: &document.text,
    };
    assert_eq!(
        filter.matches(subject, NOW),
        selects(&json, &document.json),
        "{text}"
    );
}

fn within_limits(filter: &Filter) {
    fn size(filter: &Filter) -> (usize, usize) {
        match filter {
            Filter::All(filters) | Filter::Any(filters) => filters
                .iter()
                .map(size)
                .fold((1, 0), |(depth, tests), (inner, more)| {
                    (depth.max(inner + 1), tests + more)
                }),
            Filter::Field(field) => (0, field.any.len() + field.none.len()),
        }
    }
    let (depth, tests) = size(filter);
    assert!(
        depth <= DEPTH_MAX && tests <= TESTS_MAX,
        "{depth} deep, {tests} tests"
    );
}

struct Document {
    text: Vec<u8>,
    json: Json,
    row: Row,
}

static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let world = World {
        accounts: 3,
        resources: 20,
        now: NOW,
    };
    let samples = (0..7).map(|number| serde_json::from_str(&world.finding(number)));
    let samples = samples.map(|sample| sample.expect("a sample is JSON"));
    samples
        .chain([full(), json!({})])
        .map(|json: Json| {
            let text = serde_json::to_vec(&json).expect("it is JSON");
            let row = finding::fields(&text, FieldSet::ALL).expect("it is a finding's");
            Document { text, json, row }
        })
        .collect()
});

/// A finding with a value in most of its fields, and several in some.
fn full() -> Json {
    json!({
        "Id": "x", "Title": "Root \u{dc}ber login", "Description": "", "Types": ["TTPs/Discovery", "Effects"], "Sample": true,
        "Severity": { "Label": "HIGH", "Normalized": 70, "Product": 7.5 }, "Confidence": 42, "Criticality": 0,
        "FirstObservedAt": "1969-12-31T23:59:59Z", "CreatedAt": NOW.plus(-DAY).to_string(), "UpdatedAt": NOW.to_string(),
        "Resources": [
            {
                "Type": "AwsEc2Instance", "Id": "i-1", "Partition": "aws", "Region": "us-east-1", "Tags": { "team": "red", "": "x" },
                "Details": {
                    "AwsEc2Instance": { "Type": "m5", "IpV4Addresses": ["198.51.100.7", "no address", "10.0.0.1"], "LaunchedAt": NOW.to_string() },
                    "Other": { "a": "b" },
                },
            },
            { "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b", "Tags": { "team": "blue" } },
        ],
        "Network": { "Direction": "IN", "SourceIpV4": "203.0.113.9", "SourceIpV6": "2001:db8::1", "SourcePort": 443 },
        "Malware": [{ "Name": "a" }, { "Name": "b" }], "Process": { "Name": "sh", "Pid": 7 },
        "ThreatIntelIndicators": [{ "Type": "DOMAIN" }], "RelatedFindings": [{ "Id": "r", "ProductArn": "p" }],
        "Compliance": { "Status": "FAILED", "AssociatedStandards": [{ "StandardsId": "s" }] },
        "Vulnerabilities": [{ "Id": "CVE", "FixAvailable": "YES" }], "ProductFields": { "k": "v", "e": "" },
        "UserDefinedFields": { "u": "1" }, "Workflow": { "Status": "NEW" }, "RecordState": "ACTIVE",
        "Note": { "Text": "see root-user", "UpdatedBy": "ana", "UpdatedAt": NOW.plus(-5).to_string() },
        "x-long-tail": ["deep", { "deeper": "Kernel-Root" }],
    })
}

/// Whether a filter in its JSON form selects a document, word for word as AWS describes it.
fn selects(filter: &Json, document: &Json) -> bool {
    let members = filter.as_object().expect("a filter is an object");
    members.iter().all(|(name, value)| {
        let list = value.as_array().expect("each member is a list");
        match name.as_str() {
            "And" => list.iter().all(|inner| selects(inner, document)),
            "Or" => list.iter().any(|inner| selects(inner, document)),
            name => field_selects(name, list, document),
        }
    })
}

fn field_selects(name: &str, tests: &[Json], document: &Json) -> bool {
    let field: Field = name.parse().expect("a filter names known fields");
    if field == Field::Keyword {
        let found = |test: &Json| {
            let words = test["Value"].as_str().unwrap_or_default();
            words
                .split_whitespace()
                .all(|word| mentions(document, word))
        };
        return tests.is_empty() || tests.iter().any(found);
    }
    let path = PLACES.iter().find(|(known, _)| *known == field);
    let found = path.map_or_else(Vec::new, |(_, path)| values(document, field, path));
    let (negative, positive): (Vec<&Json>, Vec<&Json>) = tests.iter().partition(|test| {
        test["Comparison"]
            .as_str()
            .is_some_and(|name| name.contains("NOT_"))
    });
    let any = |tests: &[&Json]| {
        tests
            .iter()
            .any(|test| found.iter().any(|value| holds(test, *value)))
    };
    (positive.is_empty() || any(&positive)) && !any(&negative)
}

fn holds(test: &Json, value: Value<'_>) -> bool {
    match value {
        Value::Pair(key, text) => test["Key"] == key && compares(test, text),
        Value::Text(text) => match test.get("Cidr") {
            Some(block) => contains(block.as_str().unwrap_or_default(), text),
            None => compares(test, text),
        },
        Value::Flag(flag) => test["Value"] == flag,
        Value::Number(number) => {
            let bound = |name: &str| test.get(name).and_then(Json::as_f64);
            bound("Gte").is_none_or(|bound| number >= bound)
                && bound("Lte").is_none_or(|bound| number <= bound)
                && bound("Gt").is_none_or(|bound| number > bound)
                && bound("Lt").is_none_or(|bound| number < bound)
                && bound("Eq").is_none_or(|bound| number == bound)
        }
        Value::Date(time) => {
            let bound = |name: &str| test.get(name)?.as_str()?.parse::<Timestamp>().ok();
            let days = test["DateRange"]["Value"].as_i64();
            let first = days.map(|days| NOW.plus(-days * DAY));
            match (first, test["DateRange"]["Comparison"].as_str()) {
                (Some(first), Some("OLDER_THAN")) => time < first,
                (Some(first), _) => first <= time && time <= NOW,
                (None, _) => {
                    bound("Start").is_none_or(|start| time >= start)
                        && bound("End").is_none_or(|end| time <= end)
                }
            }
        }
    }
}

fn compares(test: &Json, text: &str) -> bool {
    let value = test["Value"].as_str().unwrap_or_default();
    match test["Comparison"].as_str().unwrap_or_default() {
        "EQUALS" | "NOT_EQUALS" => text == value,
        "PREFIX" | "PREFIX_NOT_EQUALS" => text.starts_with(value),
        "CONTAINS" | "NOT_CONTAINS" => text.contains(value),
        _ => has_word(text, value),
    }
}

/// Whether a word stands in a text with no letter or digit of another word at its ends.
fn has_word(text: &str, word: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let glued = |left: Option<&char>, right: Option<&char>| {
        left.is_some_and(|left| left.is_alphanumeric())
            && right.is_some_and(|right| right.is_alphanumeric())
    };
    !word.is_empty()
        && text.windows(word.len()).enumerate().any(|(at, window)| {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            let after = text.get(at + word.len());
            window == word && !glued(before, word.first()) && !glued(word.last(), after)
        })
}

fn mentions(json: &Json, word: &str) -> bool {
    match json {
        Json::String(text) => has_word(text, word),
        Json::Array(items) => items.iter().any(|item| mentions(item, word)),
        Json::Object(members) => members.values().any(|member| mentions(member, word)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn contains(block: &str, address: &str) -> bool {
    let (network, bits) = block.split_once('/').unwrap_or((block, ""));
    let (Ok(network), Ok(address)) = (network.parse::<IpAddr>(), address.parse::<IpAddr>()) else {
        return false;
    };
    let bits = bits.parse().unwrap_or(usize::MAX);
    let (left, right) = (digits(network), digits(address));
    left.len() == right.len() && left.into_iter().zip(right).take(bits).all(|(a, b)| a == b)
}

/// The bits of an address, each on its own.
fn digits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits = |byte: u8| (0..8).rev().map(move |bit| byte >> bit & 1 == 1);
    bytes.into_iter().flat_map(bits).collect()
}

/// A filter with well-known words in the right places, for the most part.
fn any_filter(dice: &mut Unstructured<'_>, depth: u8) -> Result<Json> {
    let mut members = Map::new();
    for _ in 0..dice.int_in_range(0..=3)? {
        let nested = depth > 0 && dice.ratio(1, 4)?;
        if nested {
            let name = *dice.choose(&["And", "Or"])?;
            let count = dice.int_in_range(0..=3)?;
            let inner: Result<Vec<Json>> =
                (0..count).map(|_| any_filter(dice, depth - 1)).collect();
            members.insert(name.to_owned(), inner?.into());
        } else {
            let field = if dice.ratio(9, 10)? {
                dice.choose(PLACES)?.0
            } else {
                *dice.choose(Field::ALL)?
            };
            let count = dice.int_in_range(0..=3)?;
            let tests: Result<Vec<Json>> =
                (0..count).map(|_| any_test(dice, field.kind())).collect();
            members.insert(field.name().to_owned(), tests?.into());
        }
    }
    Ok(members.into())
}

fn any_test(dice: &mut Unstructured<'_>, kind: Kind) -> Result<Json> {
    Ok(match kind {
        Kind::Text => json!({ "Comparison": comparison(dice)?, "Value": words(dice)? }),
        Kind::Map => json!({
            "Comparison": comparison(dice)?,
            "Key": dice.choose(&["team", "", "k", "a", "environment", "u"])?,
            "Value": words(dice)?,
        }),
        Kind::Number => json!({
            *dice.choose(&["Gte", "Lte", "Gt", "Lt", "Eq"])?: dice.choose(&[0.0, 1.0, 42.0, 70.0, 7.5, 443.0])?,
        }),
        Kind::Date => date(dice)?,
        Kind::Address => {
            json!({ "Cidr": dice.choose(&["198.51.100.0/24", "203.0.113.9", "0.0.0.0/0", "::/0", "2001:db8::/32", "10.0.0.0/31"])? })
        }
        Kind::Keyword => json!({ "Value": format!("{} {}", words(dice)?, words(dice)?) }),
        Kind::Flag => json!({ "Value": bool::arbitrary(dice)? }),
    })
}

fn date(dice: &mut Unstructured<'_>) -> Result<Json> {
    let time = |dice: &mut Unstructured<'_>| -> Result<String> {
        let off = *dice.choose(&[0, -1, 1, -DAY, DAY, -30 * DAY])?;
        Ok(NOW.plus(off).to_string())
    };
    Ok(match dice.int_in_range(0..=3)? {
        0 => json!({ "Start": time(dice)? }),
        1 => json!({ "Start": time(dice)?, "End": time(dice)? }),
        _ => json!({ "DateRange": {
            "Unit": "DAYS",
            "Value": dice.choose(&[0_u32, 1, 30, 1_000, u32::MAX])?,
            "Comparison": dice.choose(&["WITHIN", "OLDER_THAN"])?,
        }}),
    })
}

fn comparison(dice: &mut Unstructured<'_>) -> Result<&'static str> {
    dice.choose(&[
        "EQUALS",
        "PREFIX",
        "NOT_EQUALS",
        "PREFIX_NOT_EQUALS",
        "CONTAINS",
        "NOT_CONTAINS",
        "CONTAINS_WORD",
    ])
    .copied()
}

fn words(dice: &mut Unstructured<'_>) -> Result<String> {
    if dice.ratio(1, 5)? {
        return Ok(<&str>::arbitrary(dice)?.to_owned());
    }
    let word = dice.choose(&[
        "",
        "root",
        "Root",
        "Aws",
        "AwsS3Bucket",
        "us-east-1",
        "HIGH",
        "TTPs",
        "red",
        "x",
        "v",
        "FAILED",
        "login",
        "S3",
        "NEW",
        "\u{fc}ber",
        "a",
        "FINDING",
        "aws",
    ])?;
    Ok((*word).to_owned())
}

//! The filter language: AWS's combination rules, its own form, and agreement with a naive reading of documents.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::finding;
use crate::sample::World;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn refusal(filter: Json) -> String {
    from_json(&filter.to_string()).unwrap_err().to_string()
}

fn selects(filter: Json, document: &Json) -> bool {
    let filter = from_json(&filter.to_string()).unwrap();
    let document = serde_json::to_vec(document).unwrap();
    let row = finding::fields(&document, FieldSet::ALL).unwrap();
    let subject = Subject {
        row: &row,
        document: &document,
    };
    filter.matches(subject, NOW)
}

#[test]
fn what_aws_refuses_is_refused_with_the_place_named() {
    assert_snapshot!(from_json("{").unwrap_err().to_string(), @"the filter is not JSON: EOF while parsing an object at line 1 column 1");
    assert_snapshot!(refusal(json!({ "Severity": [] })), @"`Severity` is no filter field; did you mean SeverityLabel?");
    assert_snapshot!(refusal(json!({ "Title": "x" })), @"Title: should be a list of tests");
    assert_snapshot!(refusal(json!({ "Title": [{ "Value": "x" }] })), @"Title[0].Comparison: should be a string");
    assert_snapshot!(refusal(json!({ "Title": [{ "Comparison": "LIKE", "Value": "x" }] })), @"Title[0].Comparison: should be EQUALS, PREFIX, NOT_EQUALS, PREFIX_NOT_EQUALS, CONTAINS, NOT_CONTAINS or CONTAINS_WORD");
    assert_snapshot!(refusal(json!({ "Title": [{ "Comparison": "EQUALS", "Value": "x", "Case": "no" }] })), @"Title[0].Case: is unknown here; known are Comparison, Value");
    assert_snapshot!(refusal(json!({ "Title": [{ "Comparison": "EQUALS", "Value": "a" }, { "Comparison": "NOT_EQUALS", "Value": "b" }] })), @"Title: EQUALS and NOT_EQUALS cannot be combined on one field; use Or, or one of them");
    assert_snapshot!(refusal(json!({ "Title": [{ "Comparison": "CONTAINS", "Value": "a" }, { "Comparison": "PREFIX", "Value": "b" }] })), @"Title: CONTAINS and PREFIX cannot be combined on one field; use Or, or one of them");
    assert_snapshot!(refusal(json!({ "Confidence": [{}] })), @"Confidence[0].bounds: should be at least one of Gte, Lte, Gt, Lt, Eq");
    assert_snapshot!(refusal(json!({ "UpdatedAt": [{ "Start": "soon" }] })), @"UpdatedAt[0].Start: `soon` is no RFC 3339 time, such as 2026-11-23T10:15:30.000Z");
    assert_snapshot!(refusal(json!({ "UpdatedAt": [{ "DateRange": { "Value": 1, "Unit": "HOURS" } }] })), @r#"UpdatedAt[0].DateRange: should be {"Value": <days>, "Unit": "DAYS"}"#);
    assert_snapshot!(refusal(json!({ "NetworkSourceIpV4": [{ "Cidr": "198.51.100.0/33" }] })), @"NetworkSourceIpV4[0].Cidr: should be an address block, such as 198.51.100.0/24");
    assert_snapshot!(refusal(json!({ "ResourceTags": [{ "Comparison": "PREFIX", "Key": "a", "Value": "b" }] })), @"ResourceTags[0].Comparison: should be EQUALS, NOT_EQUALS, CONTAINS or NOT_CONTAINS");
    assert_snapshot!(refusal(json!({ "Sample": [{ "Value": "yes" }] })), @"Sample[0].Value: should be true or false");
    assert_snapshot!(refusal(json!({ "Keyword": [{ "Value": " " }] })), @"Keyword[0].Value: should be one word or more");
    let many: Vec<_> = (0..1_001)
        .map(|n| json!({ "Comparison": "EQUALS", "Value": n.to_string() }))
        .collect();
    assert_snapshot!(refusal(json!({ "Title": many })), @"the filter has a number of tests of 1001; the limit is 1000");
    let deep = (0..20).fold(json!({}), |inner, _| json!({ "And": [inner] }));
    assert_snapshot!(refusal(deep), @"the filter has a nesting of more than 8; the limit is 8");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line per rule")]
fn tests_on_one_field_combine_as_aws_says() {
    let finding = json!({
        "Title": "Root login", "Types": ["TTPs/Discovery", "Effects/Data Exposure"],
        "Confidence": 42, "UpdatedAt": NOW.to_string(),
        "Resources": [
            { "Type": "AwsS3Bucket", "Id": "b", "Tags": { "team": "red" } },
            { "Type": "AwsEc2Instance", "Id": "i", "Details": { "AwsEc2Instance": { "IpV4Addresses": ["198.51.100.7"] } } },
        ],
        "Description": "Somebody signed in as root",
    });
    let text = |comparison: &str, value: &str| json!({ "Comparison": comparison, "Value": value });
    for (filter, expected) in [
        (json!({}), true),
        (json!({ "Title": [] }), true),
        (json!({ "Title": [text("EQUALS", "root login")] }), false),
        (
            json!({ "Title": [text("EQUALS", "x"), text("PREFIX", "Root")] }),
            true,
        ),
        (
            json!({ "Title": [text("NOT_EQUALS", "x"), text("NOT_EQUALS", "Root login")] }),
            false,
        ),
        (
            json!({ "Title": [text("PREFIX", "Root"), text("NOT_EQUALS", "Root login")] }),
            false,
        ),
        (
            json!({ "Title": [text("PREFIX", "Root"), text("PREFIX_NOT_EQUALS", "Root x")] }),
            true,
        ),
        (json!({ "Title": [text("CONTAINS", "login")] }), true),
        (json!({ "Title": [text("CONTAINS_WORD", "ROOT")] }), true),
        (json!({ "Title": [text("CONTAINS_WORD", "roo")] }), false),
        // Any element satisfies a positive test; no element may satisfy a negative one.
        (json!({ "Type": [text("PREFIX", "Effects")] }), true),
        (
            json!({ "Type": [text("PREFIX_NOT_EQUALS", "Effects")] }),
            false,
        ),
        (
            json!({ "ResourceType": [text("EQUALS", "AwsS3Bucket")], "ResourceId": [text("EQUALS", "i")] }),
            true,
        ),
        // An absent field satisfies no positive test and every negative one.
        (
            json!({ "ComplianceStatus": [text("EQUALS", "FAILED")] }),
            false,
        ),
        (
            json!({ "ComplianceStatus": [text("NOT_EQUALS", "FAILED")] }),
            true,
        ),
        (
            json!({ "ResourceTags": [{ "Comparison": "EQUALS", "Key": "team", "Value": "red" }] }),
            true,
        ),
        (
            json!({ "ResourceTags": [{ "Comparison": "NOT_EQUALS", "Key": "team", "Value": "red" }] }),
            false,
        ),
        (
            json!({ "ResourceTags": [{ "Comparison": "NOT_EQUALS", "Key": "owner", "Value": "red" }] }),
            true,
        ),
        (
            json!({ "Confidence": [{ "Gte": 40, "Lt": 42 }, { "Eq": 42 }] }),
            true,
        ),
        (json!({ "Confidence": [{ "Gt": 42 }] }), false),
        (
            json!({ "UpdatedAt": [{ "DateRange": { "Value": 1, "Unit": "DAYS" } }] }),
            true,
        ),
        (
            json!({ "UpdatedAt": [{ "DateRange": { "Value": 1, "Unit": "DAYS", "Comparison": "OLDER_THAN" } }] }),
            false,
        ),
        (
            json!({ "UpdatedAt": [{ "Start": NOW.to_string(), "End": NOW.to_string() }] }),
            true,
        ),
        (
            json!({ "ResourceAwsEc2InstanceIpV4Addresses": [{ "Cidr": "198.51.100.0/24" }] }),
            true,
        ),
        (
            json!({ "ResourceAwsEc2InstanceIpV4Addresses": [{ "Cidr": "203.0.113.0/24" }] }),
            false,
        ),
        (json!({ "Keyword": [{ "Value": "root SIGNED" }] }), true),
        (json!({ "Keyword": [{ "Value": "root absent" }] }), false),
        (
            json!({ "Or": [{ "Title": [text("EQUALS", "x")] }, { "Confidence": [{ "Eq": 42 }] }] }),
            true,
        ),
        (
            json!({ "And": [{ "Title": [text("PREFIX", "Root")] }, { "Confidence": [{ "Eq": 43 }] }] }),
            false,
        ),
        (
            json!({ "Title": [text("PREFIX", "Root")], "Or": [{ "Confidence": [{ "Eq": 43 }] }] }),
            false,
        ),
        (json!({ "Or": [] }), false),
    ] {
        assert_eq!(selects(filter.clone(), &finding), expected, "{filter}");
    }
}

#[test]
fn filters_are_written_as_they_are_read() {
    for filter in [
        json!({}),
        json!({ "Title": [{ "Comparison": "PREFIX", "Value": "a" }, { "Comparison": "PREFIX_NOT_EQUALS", "Value": "ab" }], "Confidence": [{ "Gte": 1.0, "Lt": 5.0 }] }),
        json!({ "Or": [{ "Sample": [{ "Value": true }] }, { "And": [{ "Keyword": [{ "Value": "a b" }] }, { "Or": [{ "Title": [{ "Comparison": "CONTAINS_WORD", "Value": "x" }] }] }] }] }),
        json!({ "UpdatedAt": [{ "Start": "2026-01-01T00:00:00.000Z" }, { "DateRange": { "Value": 7, "Unit": "DAYS" } }] }),
        json!({ "ResourceTags": [{ "Comparison": "NOT_CONTAINS", "Key": "k", "Value": "v" }], "NetworkSourceIpV6": [{ "Cidr": "2001:db8::/32" }] }),
        json!({ "Sample": [{ "Value": true }], "Or": [{ "Sample": [{ "Value": true }] }] }),
        json!({ "And": [{ "Title": [{ "Comparison": "EQUALS", "Value": "x" }] }, { "Sample": [{ "Value": true }] }] }),
        json!({ "And": [{ "Sample": [{ "Value": true }] }] }),
        deepest(),
    ] {
        let read = from_json(&filter.to_string()).unwrap();
        assert_eq!(
            from_json(&to_json(&read).to_string()).unwrap(),
            read,
            "{filter}"
        );
    }
}

/// `Or` beside a field, as deep as may be.
fn deepest() -> Json {
    let sample = json!([{ "Value": true }]);
    (0..DEPTH_MAX / 2).fold(
        json!({ "Sample": sample }),
        |inner, _| json!({ "Sample": sample, "Or": [inner] }),
    )
}

/// The values at the ASFF path of a field, read from the document without the schema.
fn naive<'a>(document: &'a Json, path: &str) -> Vec<&'a Json> {
    path.split('.').fold(vec![document], |places, step| {
        places
            .into_iter()
            .filter_map(|place| place.get(step))
            .flat_map(|value| {
                value
                    .as_array()
                    .map_or(vec![value], |items| items.iter().collect())
            })
            .collect()
    })
}

const PATHS: [(Field, &str); 6] = [
    (Field::SeverityLabel, "Severity.Label"),
    (Field::Type, "Types"),
    (Field::ResourceType, "Resources.Type"),
    (Field::ComplianceStatus, "Compliance.Status"),
    (Field::ResourceRegion, "Resources.Region"),
    (Field::RecordState, "RecordState"),
];

fn comparisons() -> impl Strategy<Value = (&'static str, String)> {
    let value = prop::sample::select(vec![
        "LOW",
        "HIGH",
        "Aws",
        "AwsS3Bucket",
        "FAILED",
        "us-",
        "us-east-1",
        "ARCHIVED",
        "TTPs",
        "Software",
    ]);
    let name = prop::sample::select(vec!["EQUALS", "PREFIX", "NOT_EQUALS", "PREFIX_NOT_EQUALS"]);
    (name, value.prop_map(str::to_owned))
}

proptest! {
    #[test]
    fn one_test_of_text_agrees_with_a_naive_reading(
        number in 0..5_000_u64,
        at in 0..PATHS.len(),
        (name, value) in comparisons(),
    ) {
        let world = World { accounts: 5, resources: 100, now: NOW };
        let document: Json = serde_json::from_str(&world.finding(number)).unwrap();
        let (field, path) = PATHS[at];
        let values = naive(&document, path);
        let equal = values.iter().any(|found| found.as_str() == Some(&value));
        let starts = values.iter().any(|found| found.as_str().is_some_and(|text| text.starts_with(&value)));
        let expected = match name {
            "EQUALS" => equal,
            "PREFIX" => starts,
            "NOT_EQUALS" => !equal,
            _ => !starts,
        };
        let filter = json!({ field.name(): [{ "Comparison": name, "Value": value }] });
        prop_assert_eq!(selects(filter, &document), expected);
    }

    #[test]
    fn no_text_makes_reading_a_filter_panic(text in "\\PC{0,80}") {
        let _ = from_json(&text);
    }
}

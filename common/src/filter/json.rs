//! Filters in the form of the Security Hub API: `AwsSecurityFindingFilters` as JSON, nested by `And` and `Or`.

use std::net::IpAddr;

use serde_json::{Map, Value as Json, json};

use super::{
    Comparison, DateTest, FieldFilter, Filter, InvalidFilter, NumberTest, Test, VALUE_BYTES_MAX,
};
use crate::field::{Field, Kind};
use crate::timestamp::Timestamp;

/// Reads a filter. An empty object selects everything.
///
/// # Errors
/// [`InvalidFilter`] names the field and what is wrong with it.
pub fn from_json(text: &str) -> Result<Filter, InvalidFilter> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| InvalidFilter::Syntax(error.to_string()))?;
    // One object deeper than filters nest: the innermost holds the tests.
    filter(&json, super::DEPTH_MAX + 1)?.limited()
}

/// Writes a filter so that [`from_json`] reads an equal one.
#[must_use]
pub fn to_json(filter: &Filter) -> Json {
    match filter {
        Filter::All(filters) => {
            let fields: Option<Vec<_>> = filters.iter().map(as_field).collect();
            // As an object gives its members back: each once, in order. One alone would be read without its list.
            let as_object = |fields: &Vec<&FieldFilter>| {
                let names = || fields.iter().map(|filter| filter.field.name());
                fields.len() != 1 && names().is_sorted_by(|left, right| left < right)
            };
            match fields.filter(as_object) {
                Some(fields) => fields
                    .into_iter()
                    .map(|filter| (filter.field.name().to_owned(), tests_json(filter)))
                    .collect::<Map<_, _>>()
                    .into(),
                None => json!({ "And": filters.iter().map(to_json).collect::<Vec<_>>() }),
            }
        }
        Filter::Any(filters) => json!({ "Or": filters.iter().map(to_json).collect::<Vec<_>>() }),
        Filter::Field(filter) => json!({ filter.field.name(): tests_json(filter) }),
    }
}

fn as_field(filter: &Filter) -> Option<&FieldFilter> {
    match filter {
        Filter::Field(filter) => Some(filter),
        Filter::All(_) | Filter::Any(_) => None,
    }
}

fn invalid(place: impl Into<String>, what: impl Into<String>) -> InvalidFilter {
    InvalidFilter::Value {
        place: place.into(),
        what: what.into(),
    }
}

fn filter(json: &Json, depth: usize) -> Result<Filter, InvalidFilter> {
    let object = json
        .as_object()
        .ok_or_else(|| invalid("filter", "should be an object of filter fields"))?;
    if depth == 0 {
        return Err(InvalidFilter::TooLarge {
            what: "a nesting of more than",
            count: super::DEPTH_MAX,
            max: super::DEPTH_MAX,
        });
    }
    let inner = |name: &str, list: &Json| {
        list.as_array()
            .ok_or_else(|| invalid(name, "should be a list of filters"))?
            .iter()
            .map(|item| filter(item, depth - 1))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut parts = Vec::with_capacity(object.len());
    for (name, value) in object {
        match name.as_str() {
            "And" => parts.push(Filter::All(inner(name, value)?)),
            "Or" => parts.push(Filter::Any(inner(name, value)?)),
            _ => parts.extend(field(name.parse()?, value)?.map(Filter::Field)),
        }
    }
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Ok(Filter::All(parts)),
    }
}

/// The tests of one field; an empty list asks for nothing.
fn field(field: Field, json: &Json) -> Result<Option<FieldFilter>, InvalidFilter> {
    let tests = json
        .as_array()
        .ok_or_else(|| invalid(field.name(), "should be a list of tests"))?;
    if tests.is_empty() {
        return Ok(None);
    }
    let tests = tests
        .iter()
        .enumerate()
        .map(|(at, test)| {
            let place = format!("{field}[{at}]");
            let object = test
                .as_object()
                .ok_or_else(|| invalid(place.as_str(), "should be an object"))?;
            comparison(field.kind(), &Members { place, object })
        })
        .collect::<Result<Vec<_>, _>>()?;
    FieldFilter::combine(field, tests).map(Some)
}

fn comparison(kind: Kind, members: &Members<'_>) -> Result<Comparison, InvalidFilter> {
    match kind {
        Kind::Text => {
            members.only(&["Comparison", "Value"])?;
            let comparison = members.text("Comparison")?;
            compare(comparison, members.text("Value")?.to_owned())
                .ok_or_else(|| members.wrong("Comparison", TEXT_COMPARISONS))
        }
        Kind::Map => {
            members.only(&["Comparison", "Key", "Value"])?;
            let key = members.text("Key")?.to_owned();
            let comparison = members.text("Comparison")?;
            compare(comparison, members.text("Value")?.to_owned())
                .filter(|comparison| !comparison.name.starts_with("PREFIX"))
                .map(|comparison| Comparison {
                    test: Test::Key {
                        key,
                        value: Box::new(comparison.test),
                    },
                    ..comparison
                })
                .ok_or_else(|| {
                    members.wrong("Comparison", "EQUALS, NOT_EQUALS, CONTAINS or NOT_CONTAINS")
                })
        }
        Kind::Number => number(members).map(positive),
        Kind::Date => date(members).map(positive),
        Kind::Address => {
            members.only(&["Cidr"])?;
            block(members.text("Cidr")?)
                .map(positive)
                .ok_or_else(|| members.wrong("Cidr", "an address block, such as 198.51.100.0/24"))
        }
        Kind::Keyword => {
            members.only(&["Value"])?;
            words(members.text("Value")?)
                .map(positive)
                .ok_or_else(|| members.wrong("Value", "one word or more"))
        }
        Kind::Flag => {
            members.only(&["Value"])?;
            match members.object.get("Value") {
                Some(Json::Bool(flag)) => Ok(positive(Test::Flag(*flag))),
                _ => Err(members.wrong("Value", "true or false")),
            }
        }
    }
}

pub(super) fn positive(test: Test) -> Comparison {
    Comparison {
        name: "",
        negative: false,
        test,
    }
}

const TEXT_COMPARISONS: &str =
    "EQUALS, PREFIX, NOT_EQUALS, PREFIX_NOT_EQUALS, CONTAINS, NOT_CONTAINS or CONTAINS_WORD";

/// The comparison of a name in the API.
pub(super) fn compare(name: &str, value: String) -> Option<Comparison> {
    let (name, negative, test) = match name {
        "EQUALS" => ("EQUALS", false, Test::Equals(value)),
        "PREFIX" => ("PREFIX", false, Test::Prefix(value)),
        "NOT_EQUALS" => ("NOT_EQUALS", true, Test::Equals(value)),
        "PREFIX_NOT_EQUALS" => ("PREFIX_NOT_EQUALS", true, Test::Prefix(value)),
        "CONTAINS" => ("CONTAINS", false, Test::Contains(value)),
        "NOT_CONTAINS" => ("NOT_CONTAINS", true, Test::Contains(value)),
        "CONTAINS_WORD" => ("CONTAINS_WORD", false, Test::Word(value)),
        _ => return None,
    };
    Some(Comparison {
        name,
        negative,
        test,
    })
}

/// `198.51.100.0/24`, or one address.
pub(super) fn block(text: &str) -> Option<Test> {
    let (address, bits) = text
        .split_once('/')
        .map_or((text, None), |(a, b)| (a, Some(b)));
    let network: IpAddr = address.parse().ok()?;
    let whole = if network.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(whole), |bits| bits.parse().ok())?;
    (bits <= whole).then_some(Test::Within { network, bits })
}

pub(super) fn words(text: &str) -> Option<Test> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(Test::Words(words))
}

fn number(members: &Members<'_>) -> Result<Test, InvalidFilter> {
    members.only(&["Gte", "Lte", "Gt", "Lt", "Eq"])?;
    let bound = |name: &str| match members.object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| members.wrong(name, "a number")),
    };
    let test = NumberTest {
        gte: bound("Gte")?,
        lte: bound("Lte")?,
        gt: bound("Gt")?,
        lt: bound("Lt")?,
        eq: bound("Eq")?,
    };
    if test == NumberTest::default() {
        return Err(members.wrong("bounds", "at least one of Gte, Lte, Gt, Lt, Eq"));
    }
    Ok(Test::Number(test))
}

fn date(members: &Members<'_>) -> Result<Test, InvalidFilter> {
    members.only(&["Start", "End", "DateRange"])?;
    let bound = |name: &str| match members.object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|error| invalid(format!("{}.{name}", members.place), error.to_string())),
        Some(_) => Err(members.wrong(name, "an RFC 3339 time")),
    };
    let (start, end) = (bound("Start")?, bound("End")?);
    match members
        .object
        .get("DateRange")
        .filter(|range| !range.is_null())
    {
        Some(_) if start.is_some() || end.is_some() => {
            Err(members.wrong("DateRange", "given without Start and End"))
        }
        Some(range) => range_of(range)
            .map(Test::Date)
            .ok_or_else(|| members.wrong("DateRange", r#"{"Value": <days>, "Unit": "DAYS"}"#)),
        None if start.is_none() && end.is_none() => {
            Err(members.wrong("bounds", "at least one of Start, End, DateRange"))
        }
        None => Ok(Test::Date(DateTest::Between { start, end })),
    }
}

fn range_of(range: &Json) -> Option<DateTest> {
    let days = u32::try_from(range.get("Value")?.as_u64()?).ok()?;
    let unit = range.get("Unit")?.as_str()?;
    let comparison = match range.get("Comparison") {
        None => "WITHIN",
        Some(comparison) => comparison.as_str()?,
    };
    match (unit, comparison) {
        ("DAYS", "WITHIN") => Some(DateTest::Within { days }),
        ("DAYS", "OLDER_THAN") => Some(DateTest::OlderThan { days }),
        _ => None,
    }
}

/// The members of one test, with the place that errors name.
struct Members<'a> {
    place: String,
    object: &'a Map<String, Json>,
}

impl Members<'_> {
    fn text(&self, name: &str) -> Result<&str, InvalidFilter> {
        match self.object.get(name).and_then(Json::as_str) {
            Some(text) if text.len() <= VALUE_BYTES_MAX => Ok(text),
            Some(_) => Err(self.wrong(name, "at most 4096 bytes")),
            None => Err(self.wrong(name, "a string")),
        }
    }

    fn only(&self, known: &[&str]) -> Result<(), InvalidFilter> {
        match self
            .object
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(invalid(
                format!(
                    "{}.{}",
                    self.place,
                    name.chars().take(64).collect::<String>()
                ),
                format!("is unknown here; known are {}", known.join(", ")),
            )),
            None => Ok(()),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> InvalidFilter {
        invalid(
            format!("{}.{name}", self.place),
            format!("should be {expected}"),
        )
    }
}

fn tests_json(filter: &FieldFilter) -> Json {
    let positive = filter.any.iter().map(|test| test_json(test, false));
    let negative = filter.none.iter().map(|test| test_json(test, true));
    positive.chain(negative).collect()
}

fn test_json(test: &Test, negative: bool) -> Json {
    let named = |name: &str, value: &str| {
        let comparison = match (negative, name) {
            (false, name) => name.to_owned(),
            (true, "PREFIX") => "PREFIX_NOT_EQUALS".to_owned(),
            (true, name) => format!("NOT_{name}"),
        };
        json!({ "Comparison": comparison, "Value": value })
    };
    match test {
        Test::Equals(value) => named("EQUALS", value),
        Test::Prefix(value) => named("PREFIX", value),
        Test::Contains(value) => named("CONTAINS", value),
        Test::Word(value) => json!({ "Comparison": "CONTAINS_WORD", "Value": value }),
        Test::Key { key, value } => {
            let mut json = test_json(value, negative);
            json["Key"] = json!(key);
            json
        }
        Test::Within { network, bits } => json!({ "Cidr": format!("{network}/{bits}") }),
        Test::Flag(flag) => json!({ "Value": flag }),
        Test::Words(words) => json!({ "Value": words.join(" ") }),
        Test::Number(NumberTest {
            gte,
            lte,
            gt,
            lt,
            eq,
        }) => [
            ("Gte", gte),
            ("Lte", lte),
            ("Gt", gt),
            ("Lt", lt),
            ("Eq", eq),
        ]
        .into_iter()
        .filter_map(|(name, bound)| Some((name.to_owned(), json!((*bound)?))))
        .collect::<Map<_, _>>()
        .into(),
        Test::Date(DateTest::Between { start, end }) => [("Start", start), ("End", end)]
            .into_iter()
            .filter_map(|(name, bound)| Some((name.to_owned(), json!((*bound)?.to_string()))))
            .collect::<Map<_, _>>()
            .into(),
        Test::Date(DateTest::Within { days }) => {
            json!({ "DateRange": { "Value": days, "Unit": "DAYS" } })
        }
        Test::Date(DateTest::OlderThan { days }) => {
            json!({ "DateRange": { "Value": days, "Unit": "DAYS", "Comparison": "OLDER_THAN" } })
        }
    }
}

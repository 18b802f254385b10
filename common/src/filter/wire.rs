//! Filters as `muster.v1` carries them.

use muster_proto::v1 as wire;

use super::json::{block, compare, from_json, positive, to_json, words};
use super::{Comparison, DateTest, FieldFilter, Filter, InvalidFilter, NumberTest, Test};
use crate::field::{Field, Kind};
use crate::timestamp::Timestamp;

/// Reads a filter; unset selects everything.
///
/// # Errors
/// [`InvalidFilter`] names the field and what is wrong with it.
pub fn read(filter: Option<&wire::Filter>) -> Result<Filter, InvalidFilter> {
    filter
        .map_or_else(
            || Ok(Filter::default()),
            |filter| node(filter, super::DEPTH_MAX),
        )?
        .limited()
}

/// Writes a filter in the JSON form, which every server reads.
#[must_use]
pub fn write(filter: &Filter) -> Option<wire::Filter> {
    (!filter.is_everything()).then(|| wire::Filter {
        kind: Some(wire::filter::Kind::SecurityHubJson(
            to_json(filter).to_string(),
        )),
    })
}

fn node(filter: &wire::Filter, depth: usize) -> Result<Filter, InvalidFilter> {
    use wire::filter::Kind as Node;
    if depth == 0 {
        return Err(InvalidFilter::TooLarge {
            what: "a nesting of more than",
            count: super::DEPTH_MAX,
            max: super::DEPTH_MAX,
        });
    }
    let inner = |list: &wire::FilterList| {
        list.filters
            .iter()
            .map(|filter| node(filter, depth - 1))
            .collect::<Result<Vec<_>, _>>()
    };
    match &filter.kind {
        None => Ok(Filter::default()),
        Some(Node::All(list)) => inner(list).map(Filter::All),
        Some(Node::Any(list)) => inner(list).map(Filter::Any),
        Some(Node::SecurityHubJson(text)) => from_json(text),
        Some(Node::Field(filter)) => {
            let field: Field = filter.field.parse()?;
            let tests = filter
                .tests
                .iter()
                .enumerate()
                .map(|(at, test)| {
                    comparison(field, test).map_err(|what| InvalidFilter::Value {
                        place: format!("{field}[{at}]"),
                        what,
                    })
                })
                .collect::<Result<Vec<_>, _>>()?;
            FieldFilter::combine(field, tests).map(Filter::Field)
        }
    }
}

fn comparison(field: Field, test: &wire::FieldTest) -> Result<Comparison, String> {
    use wire::field_test::Test as Wire;
    let unknown = |name: &str| format!("`{name}` is no comparison of this field");
    let test = test.test.as_ref().ok_or("the test is unset")?;
    match (field.kind(), test) {
        (Kind::Text, Wire::String(test)) => {
            compare(&test.comparison, test.value.clone()).ok_or_else(|| unknown(&test.comparison))
        }
        (Kind::Map, Wire::Map(test)) => compare(&test.comparison, test.value.clone())
            .filter(|comparison| !comparison.name.starts_with("PREFIX"))
            .map(|comparison| Comparison {
                test: Test::Key {
                    key: test.key.clone(),
                    value: Box::new(comparison.test),
                },
                ..comparison
            })
            .ok_or_else(|| unknown(&test.comparison)),
        (Kind::Number, Wire::Number(test)) => {
            let wire::NumberTest {
                gte,
                lte,
                gt,
                lt,
                eq,
            } = *test;
            Ok(positive(Test::Number(NumberTest {
                gte,
                lte,
                gt,
                lt,
                eq,
            })))
        }
        (Kind::Date, Wire::Date(test)) => date(test).map(|test| positive(Test::Date(test))),
        (Kind::Address, Wire::Cidr(cidr)) => block(cidr)
            .map(positive)
            .ok_or_else(|| format!("`{cidr}` is no address block, such as 198.51.100.0/24")),
        (Kind::Keyword, Wire::Keyword(keyword)) => words(keyword)
            .map(positive)
            .ok_or_else(|| "the keyword should be one word or more".to_owned()),
        (Kind::Flag, Wire::Boolean(flag)) => Ok(positive(Test::Flag(*flag))),
        (kind, _) => Err(format!("the test is not of the field's kind, {kind:?}")),
    }
}

fn date(test: &wire::DateTest) -> Result<DateTest, String> {
    let wire::DateTest {
        start,
        end,
        days,
        comparison,
    } = test;
    let bound = |text: &str| match text {
        "" => Ok(None),
        text => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|error| error.to_string()),
    };
    match (days, comparison.as_str()) {
        (Some(_), _) if !start.is_empty() || !end.is_empty() => {
            Err("give days, or start and end".to_owned())
        }
        (Some(days), "" | "WITHIN") => Ok(DateTest::Within { days: *days }),
        (Some(days), "OLDER_THAN") => Ok(DateTest::OlderThan { days: *days }),
        (Some(_), other) => Err(format!("`{other}` is no comparison; WITHIN or OLDER_THAN")),
        (None, _) if start.is_empty() && end.is_empty() => {
            Err("give days, start or end".to_owned())
        }
        (None, _) => Ok(DateTest::Between {
            start: bound(start)?,
            end: bound(end)?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_filter_means_what_its_json_means() {
        let test = |test| wire::FieldTest { test: Some(test) };
        let field = |field: &str, tests| wire::Filter {
            kind: Some(wire::filter::Kind::Field(wire::FieldFilter {
                field: field.into(),
                tests,
            })),
        };
        let typed = wire::Filter {
            kind: Some(wire::filter::Kind::All(wire::FilterList {
                filters: vec![
                    field(
                        "SeverityLabel",
                        vec![test(wire::field_test::Test::String(wire::StringTest {
                            comparison: "EQUALS".into(),
                            value: "HIGH".into(),
                        }))],
                    ),
                    field(
                        "UpdatedAt",
                        vec![test(wire::field_test::Test::Date(wire::DateTest {
                            days: Some(7),
                            ..wire::DateTest::default()
                        }))],
                    ),
                ],
            })),
        };
        let json = r#"{"SeverityLabel":[{"Comparison":"EQUALS","Value":"HIGH"}],"UpdatedAt":[{"DateRange":{"Value":7,"Unit":"DAYS"}}]}"#;
        let read_typed = read(Some(&typed)).unwrap();
        assert_eq!(to_json(&read_typed), to_json(&from_json(json).unwrap()));
        assert_eq!(
            read(write(&read_typed).as_ref()).map(|filter| to_json(&filter)),
            Ok(to_json(&read_typed))
        );
        assert_eq!(read(None).unwrap(), Filter::default());
        let wrong = field(
            "Sample",
            vec![test(wire::field_test::Test::Keyword("x".into()))],
        );
        assert!(read(Some(&wrong)).is_err());
    }
}

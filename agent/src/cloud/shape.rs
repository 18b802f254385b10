//! From the XML of an answer to the JSON that the service's API documents: which elements are lists, numbers and flags, and
//! what they are called outside.
//!
//! In: an element. Out: JSON as every SDK shows it. Always: nothing is dropped; what no table names stays as text, or as an
//! object, under its own name. Source of the tables: the service models that AWS publishes.

mod tables;

use std::collections::HashMap;
use std::sync::LazyLock;

use muster_common::timestamp::Timestamp;
use serde_json::{Map, Number, Value as Json};

use super::Service;
use super::xml::Element;

/// What is known of the elements of a service, by name, or by `holder/name` where a name means several things. A word is
/// the name, and behind `=` what it is called outside if that is not the name itself.
struct Table {
    /// Elements whose children are items.
    lists: &'static str,
    /// Elements that stand once for each item.
    items: &'static str,
    /// Elements with `entry`, `key`, `value`.
    maps: &'static str,
    /// Elements that are objects also when they are empty.
    records: &'static str,
    numbers: &'static str,
    flags: &'static str,
    /// Names outside of what is none of these, and what is not what its name says elsewhere.
    plain: &'static str,
    /// Whether names outside start with a capital.
    capital: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Item,
    Map,
    Record,
    Number,
    Flag,
    Plain,
}

struct Shapes {
    known: HashMap<&'static str, (Kind, Option<&'static str>)>,
    capital: bool,
}

static EC2: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::EC2));
static IAM: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::IAM));
static RDS: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::RDS));
static S3: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::S3));
static SNS: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::SNS));
static CLOUDWATCH: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&tables::CLOUDWATCH));

/// The JSON of an element's content.
pub(super) fn json(service: Service, element: Element) -> Json {
    let shapes = match service {
        Service::Ec2 => &*EC2,
        Service::Iam => &*IAM,
        Service::Rds => &*RDS,
        Service::Sns => &*SNS,
        Service::CloudWatch => &*CLOUDWATCH,
        Service::S3
        | Service::S3Control
        | Service::AccessAnalyzer
        | Service::Account
        | Service::CloudTrail
        | Service::Config
        | Service::Efs
        | Service::GuardDuty
        | Service::Inspector2
        | Service::Kms
        | Service::Logs
        | Service::Macie2
        | Service::SecurityHub => &*S3,
    };
    shapes.record(element)
}

/// Writes the times of a JSON answer, which are seconds with a fraction, as text.
pub(super) fn dated(service: Service, answer: &mut Json) {
    let times = match service {
        Service::CloudTrail => tables::CLOUDTRAIL_TIMES,
        Service::Config => tables::CONFIG_TIMES,
        Service::Efs => tables::EFS_TIMES,
        Service::Kms => tables::KMS_TIMES,
        Service::AccessAnalyzer
        | Service::Account
        | Service::CloudWatch
        | Service::Ec2
        | Service::GuardDuty
        | Service::Iam
        | Service::Inspector2
        | Service::Logs
        | Service::Macie2
        | Service::Rds
        | Service::S3
        | Service::S3Control
        | Service::SecurityHub
        | Service::Sns => return,
    };
    date(times, answer);
}

fn date(times: &[&str], value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                match member.as_f64() {
                    Some(seconds) if times.contains(&name.as_str()) => {
                        *member = time(seconds).to_string().into();
                    }
                    Some(_) | None => date(times, member),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| date(times, item)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a time that does not fit is cut to the last one that does"
)]
fn time(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1_000.0).round() as i64)
}

impl Shapes {
    fn of(table: &Table) -> Self {
        let Table {
            lists,
            items,
            maps,
            records,
            numbers,
            flags,
            plain,
            capital,
        } = *table;
        let kinds = [
            (numbers, Kind::Number),
            (flags, Kind::Flag),
            (lists, Kind::List),
            (items, Kind::Item),
            (maps, Kind::Map),
            (records, Kind::Record),
            (plain, Kind::Plain),
        ];
        let words = kinds.iter().flat_map(|(words, kind)| {
            words.split_ascii_whitespace().map(|word| {
                let (name, outside) = match word.split_once('=') {
                    Some((name, outside)) => (name, Some(outside)),
                    None => (word, None),
                };
                (name, (*kind, outside))
            })
        });
        Self {
            known: words.collect(),
            capital,
        }
    }

    /// What an element is, and its name outside.
    fn look_up<'a>(&self, name: &'a str, holder: &str) -> (Kind, Option<&'a str>)
    where
        'static: 'a,
    {
        let here = format!("{holder}/{name}");
        match self
            .known
            .get(here.as_str())
            .or_else(|| self.known.get(name))
        {
            Some((kind, Some(outside))) => (*kind, Some(*outside)),
            Some((kind, None)) if !self.capital => (*kind, Some(name)),
            Some((kind, None)) => (*kind, None),
            None if self.capital => (Kind::Plain, None),
            None => (Kind::Plain, Some(name)),
        }
    }

    /// An element without children is its text; one with children an object, or a list if they are nothing but items.
    /// What was read is let go as it is written, or a page would stand in memory twice. `holder` is whose items they are.
    fn content(&self, element: Element, holder: Option<&str>) -> Json {
        let Element {
            name,
            attributes,
            children,
            text,
        } = element;
        if children.is_empty() && attributes.is_empty() {
            return text.into();
        }
        if attributes.is_empty() && children.iter().all(|child| is_item(&child.name)) {
            return self.items(children, &name);
        }
        let holder = holder.unwrap_or(&name);
        let mut members = Map::new();
        for (name, value) in attributes {
            members.insert(capitalized(&name), value.into());
        }
        for child in children {
            let (kind, outside) = self.look_up(&child.name, holder);
            let outside = outside.map_or_else(|| capitalized(&child.name), str::to_owned);
            let value = self.value(child, kind);
            match members.get_mut(&outside) {
                Some(Json::Array(items)) => items.push(value),
                Some(first) => *first = Json::Array(vec![first.take(), value]),
                None if kind == Kind::Item => {
                    members.insert(outside, Json::Array(vec![value]));
                }
                None => {
                    members.insert(outside, value);
                }
            }
        }
        Json::Object(members)
    }

    fn value(&self, element: Element, kind: Kind) -> Json {
        match kind {
            Kind::List => self.items(element.children, &element.name),
            Kind::Map => map(&element),
            Kind::Record => self.record(element),
            Kind::Number => number(&element.text),
            Kind::Flag => match element.text.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                text => text.into(),
            },
            Kind::Item | Kind::Plain => self.content(element, None),
        }
    }

    /// What is an object, if there is nothing in it.
    fn record(&self, element: Element) -> Json {
        let content = self.content(element, None);
        let is_empty = content.as_str().is_some_and(|text| text.trim().is_empty());
        if is_empty {
            return Json::Object(Map::new());
        }
        content
    }

    fn items(&self, items: Vec<Element>, holder: &str) -> Json {
        let items = items.into_iter();
        items.map(|item| self.content(item, Some(holder))).collect()
    }
}

fn is_item(name: &str) -> bool {
    name == "item" || name == "member"
}

/// `entry` elements, each with `key` and `value`. Values are numbers in `SummaryMap`, and texts elsewhere.
fn map(element: &Element) -> Json {
    let text = |entry: &Element, name: &str| {
        let found = entry.child(name);
        found.map(|found| found.text.clone()).unwrap_or_default()
    };
    let entries = element.children.iter().map(|entry| {
        let value = text(entry, "value");
        let value = match element.name.as_str() {
            "SummaryMap" => number(&value),
            _ => value.into(),
        };
        (text(entry, "key"), value)
    });
    Json::Object(entries.collect())
}

fn number(text: &str) -> Json {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    let fraction = text.parse::<f64>().ok().and_then(Number::from_f64);
    fraction.map_or_else(|| text.into(), Json::Number)
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;

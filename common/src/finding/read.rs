//! Reads a finding: one pass over the JSON text that checks it against the format and collects what filters name.
//!
//! Nothing is built but the row; strings are borrowed from the document until they are copied into it. A `null` counts
//! as absent, as in every AWS JSON protocol. What AWS refuses is refused with AWS's words (an Ajv message that names
//! the path).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::overlay::OWNED_PROPERTIES;
use super::row::{Row, Value};
use super::schema::{self, DOCUMENT, Form, List, Map, Node, Number, Property, Text};
use crate::account::AccountId;
use crate::filter::{Field, FieldSet};
use crate::timestamp::Timestamp;

/// A document that is no finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFinding {
    #[error("Finding does not adhere to Amazon Finding Format. {0}.")]
    Format(String),
    #[error("Finding is not JSON: {0}")]
    Syntax(String),
    #[error("Finding has {bytes} bytes; the limit is {max} bytes (240 KB)")]
    TooLarge { bytes: usize, max: usize },
}

/// Reads the wanted fields of a complete finding.
///
/// # Errors
/// [`InvalidFinding`] as AWS would refuse it, with the first reason met.
pub(super) fn finding(document: &[u8], wanted: FieldSet) -> Result<Whole, InvalidFinding> {
    let (row, seen) = walk(document, wanted, true)?;
    for (needed, provided) in [
        ("Severity", "FindingProviderFields.Severity"),
        ("Types", "FindingProviderFields.Types"),
    ] {
        if !seen.has(needed) && !seen.has(provided) {
            return Err(InvalidFinding::Format(format!(
                "data should have required property '{needed}', \
                 data should have required property '{provided}', data should match some schema in anyOf"
            )));
        }
    }
    if seen.has("Severity")
        && !seen.has("FindingProviderFields.Severity")
        && !seen.has("Severity.Label")
        && !seen.has("Severity.Normalized")
    {
        return Err(InvalidFinding::Format(
            "data.Severity should have required property 'Label', \
             data.Severity should have required property 'Normalized', \
             data.Severity should match some schema in anyOf"
                .to_owned(),
        ));
    }
    Ok(Whole {
        row,
        owned: OWNED_PROPERTIES.iter().any(|property| seen.has(property)),
    })
}

/// What a complete finding holds.
pub(super) struct Whole {
    pub row: Row,
    /// Whether it has properties that belong to operators.
    pub owned: bool,
}

/// Reads the wanted fields of some top-level properties of a finding, none of them required.
///
/// # Errors
/// [`InvalidFinding`] for values that the format refuses.
pub(super) fn fragment(document: &[u8], wanted: FieldSet) -> Result<Row, InvalidFinding> {
    walk(document, wanted, false).map(|(row, _)| row)
}

fn walk(document: &[u8], wanted: FieldSet, whole: bool) -> Result<(Row, Seen), InvalidFinding> {
    let mut sink = Sink {
        row: Row::with_capacity(1024),
        wanted,
        seen: Seen::default(),
        fault: None,
    };
    let document =
        std::str::from_utf8(document).map_err(|error| InvalidFinding::Syntax(error.to_string()))?;
    let mut json = serde_json::Deserializer::from_str(document);
    let place = Place {
        node: &DOCUMENT,
        sink: &mut sink,
        mode: if whole { Mode::Whole } else { Mode::Fragment },
        name: "",
    };
    let read = place.deserialize(&mut json).and_then(|_| json.end());
    match (read, sink.fault) {
        (Ok(()), _) => Ok((sink.row, sink.seen)),
        (Err(_), Some(fault)) => Err(InvalidFinding::Format(fault.to_string())),
        (Err(syntax), None) => Err(InvalidFinding::Syntax(syntax.to_string())),
    }
}

/// What the walk collects.
struct Sink {
    row: Row,
    wanted: FieldSet,
    seen: Seen,
    fault: Option<Fault>,
}

/// Which of the properties that are alternatives to each other stood in the document.
#[derive(Default)]
struct Seen(Vec<&'static str>);

impl Seen {
    fn has(&self, path: &str) -> bool {
        self.0.contains(&path)
    }
}

/// What is wrong and where; the path is collected on the way out.
struct Fault {
    path: Vec<Cow<'static, str>>,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")?;
        self.path
            .iter()
            .rev()
            .try_for_each(|step| f.write_str(step))?;
        write!(f, " {}", self.what)
    }
}

impl Sink {
    fn push(&mut self, field: Option<Field>, value: Value<'_>) {
        if let Some(field) = field.filter(|field| self.wanted.has(*field)) {
            self.row.push(field, value);
        }
    }

    fn fail<T, E: serde::de::Error>(&mut self, what: impl Into<String>) -> Result<T, E> {
        self.fault = Some(Fault {
            path: Vec::new(),
            what: what.into(),
        });
        Err(E::custom("fault"))
    }

    fn step<T, E>(
        &mut self,
        result: Result<T, E>,
        step: impl Fn() -> Cow<'static, str>,
    ) -> Result<T, E> {
        if let (Err(_), Some(fault)) = (&result, &mut self.fault) {
            fault.path.push(step());
        }
        result
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// The top of a finding: required properties must be there.
    Whole,
    /// The top of some properties of a finding.
    Fragment,
    Inside,
    /// Nothing is refused.
    Lenient,
}

/// One place of the document, about to be read. Answers whether a value (not null) stood there.
struct Place<'s> {
    node: &'static Node,
    sink: &'s mut Sink,
    mode: Mode,
    /// The top-level property, for [`Seen`].
    name: &'static str,
}

impl Place<'_> {
    /// A value of another type than the node's.
    fn mismatch<E: serde::de::Error>(self) -> Result<bool, E> {
        let expected = match self.node {
            Node::Any | Node::Lenient(_) => return Ok(true),
            Node::Text(_) => "should be string",
            Node::Number(Number { whole: true, .. }) => "should be integer",
            Node::Number(_) => "should be number",
            Node::Flag(_) => "should be boolean",
            Node::Object(_) | Node::Map(_) => "should be object",
            Node::List(_) => "should be array",
        };
        match self.mode {
            Mode::Lenient => Ok(true),
            Mode::Whole | Mode::Fragment | Mode::Inside => self.sink.fail(expected),
        }
    }

    fn number<E: serde::de::Error>(self, value: f64, integer: bool) -> Result<bool, E> {
        let Node::Number(Number {
            min,
            max,
            whole,
            field,
        }) = self.node
        else {
            return self.mismatch();
        };
        if self.mode != Mode::Lenient {
            if *whole && !integer && value.fract() != 0.0 {
                return self.mismatch();
            }
            if value < *min {
                return self.sink.fail(format!("should be >= {min}"));
            }
            if value > *max {
                return self.sink.fail(format!("should be <= {max}"));
            }
        }
        self.sink.push(*field, Value::Number(value));
        Ok(true)
    }

    fn text<E: serde::de::Error>(self, value: &str) -> Result<bool, E> {
        let Node::Text(text) = self.node else {
            return self.mismatch();
        };
        if self.mode != Mode::Lenient
            && let Err(what) = check(text, value)
        {
            return self.sink.fail(what);
        }
        if matches!(text.form, Form::Timestamp) {
            if let Ok(time) = value.parse() {
                self.sink.push(text.field, Value::Date(time));
            }
        } else if !value.is_empty() {
            self.sink.push(text.field, Value::Text(value));
        }
        Ok(true)
    }

    fn object<'de, A: MapAccess<'de>>(
        self,
        properties: &'static [Property],
        mut map: A,
    ) -> Result<bool, A::Error> {
        let Self {
            sink, mode, name, ..
        } = self;
        let mut seen = 0_u64;
        while let Some(found) = map.next_key_seed(Name(properties))? {
            let Some(at) = found else {
                map.next_value::<Skip>()?;
                continue;
            };
            let property = &properties[at];
            let step = || Cow::from(format!(".{}", property.name));
            if seen >> at & 1 == 1 && mode != Mode::Lenient {
                let fault = sink.fail("should NOT stand twice");
                return sink.step(fault, step);
            }
            let place = Place {
                node: &property.node,
                sink,
                mode: match mode {
                    Mode::Lenient => Mode::Lenient,
                    Mode::Whole | Mode::Fragment | Mode::Inside => Mode::Inside,
                },
                name: property.name,
            };
            let value = map.next_value_seed(place);
            if sink.step(value, step)? {
                seen |= 1 << at;
                note(sink, mode, name, property.name);
            }
        }
        let strict = matches!(mode, Mode::Whole | Mode::Inside);
        let missing = properties
            .iter()
            .enumerate()
            .find(|(at, property)| strict && property.required && seen >> at & 1 == 0);
        match missing {
            Some((_, property)) => {
                sink.fail(format!("should have required property '{}'", property.name))
            }
            None => Ok(true),
        }
    }

    fn map<'de, A: MapAccess<'de>>(self, limits: &Map, mut map: A) -> Result<bool, A::Error> {
        let strict = self.mode != Mode::Lenient;
        let sink = self.sink;
        let mut count = 0;
        while let Some(key) = map.next_key::<Scalar<'de>>()? {
            let (Scalar::Text(key), Some(value)) = (key, map.next_value::<Option<Scalar<'de>>>()?)
            else {
                continue;
            };
            let step = || Cow::from(format!("['{key}']"));
            count += 1;
            let Scalar::Text(value) = value else {
                if strict {
                    let fault = sink.fail("should be string");
                    return sink.step(fault, step);
                }
                continue;
            };
            if strict && key.chars().count() > limits.key_max {
                return sink.fail(format!(
                    "property name should NOT be longer than {} characters",
                    limits.key_max
                ));
            }
            if strict && longer(&value, limits.value_max) {
                let fault = sink.fail(too_long(limits.value_max));
                return sink.step(fault, step);
            }
            sink.push(limits.field, Value::Pair(&key, &value));
        }
        if strict && count > limits.max {
            return sink.fail(format!(
                "should NOT have more than {} properties",
                limits.max
            ));
        }
        Ok(true)
    }

    fn list<'de, A: SeqAccess<'de>>(
        self,
        limits: &'static List,
        mut seq: A,
    ) -> Result<bool, A::Error> {
        let Self {
            sink, mode, name, ..
        } = self;
        let mut count = 0;
        loop {
            let place = Place {
                node: limits.item,
                sink,
                mode,
                name,
            };
            let item = seq.next_element_seed(place);
            let step = || Cow::from(format!("[{count}]"));
            if sink.step(item, step)?.is_none() {
                break;
            }
            count += 1;
        }
        match mode {
            Mode::Lenient => Ok(true),
            _ if count > limits.max => {
                sink.fail(format!("should NOT have more than {} items", limits.max))
            }
            _ if count < limits.min => {
                sink.fail(format!("should NOT have fewer than {} items", limits.min))
            }
            Mode::Whole | Mode::Fragment | Mode::Inside => Ok(true),
        }
    }
}

/// Remembers the properties that [`finding`] asks for after the walk.
fn note(sink: &mut Sink, mode: Mode, parent: &'static str, name: &'static str) {
    let path = match (mode, parent, name) {
        (Mode::Whole, _, "Severity" | "Types") => name,
        (Mode::Whole, _, _) if OWNED_PROPERTIES.contains(&name) => name,
        (Mode::Inside, "FindingProviderFields", "Severity") => "FindingProviderFields.Severity",
        (Mode::Inside, "FindingProviderFields", "Types") => "FindingProviderFields.Types",
        (Mode::Inside, "Severity", "Label") => "Severity.Label",
        (Mode::Inside, "Severity", "Normalized") => "Severity.Normalized",
        _ => return,
    };
    sink.seen.0.push(path);
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        match self.node {
            Node::Any => Skip::deserialize(json).map(|_| true),
            Node::Text(_)
            | Node::Number(_)
            | Node::Flag(_)
            | Node::Object(_)
            | Node::List(_)
            | Node::Map(_) => json.deserialize_any(self),
            Node::Lenient(inner) => json.deserialize_any(Place {
                node: inner,
                sink: self.sink,
                mode: Mode::Lenient,
                name: self.name,
            }),
        }
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a finding")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
        let Node::Flag(field) = self.node else {
            return self.mismatch();
        };
        self.sink.push(*field, Value::Flag(value));
        Ok(true)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<bool, E> {
        self.number(value as f64, true)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        self.number(value as f64, true)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        self.number(value, false)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<bool, E> {
        self.text(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        match self.node {
            Node::Object(properties) => self.object(properties, map),
            Node::Map(limits) => self.map(limits, map),
            Node::Any
            | Node::Text(_)
            | Node::Number(_)
            | Node::Flag(_)
            | Node::List(_)
            | Node::Lenient(_) => {
                self.mismatch::<A::Error>()?;
                while map.next_entry::<IgnoredAny, Skip>()?.is_some() {}
                Ok(true)
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        if let Node::List(limits) = self.node {
            return self.list(limits, seq);
        }
        self.mismatch::<A::Error>()?;
        while seq.next_element::<Skip>()?.is_some() {}
        Ok(true)
    }
}

/// A value that nobody reads. Unlike [`IgnoredAny`] it minds the parser's limit of depth, so that what is accepted can
/// be parsed again by everyone after.
struct Skip;

impl<'de> serde::Deserialize<'de> for Skip {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
}

/// Finds a property by its name.
struct Name(&'static [Property]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(schema::find(self.0, name))
    }
}

/// A value in a map of text.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Other,
}

impl<'de> serde::Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar<'de>, A::Error> {
                Skip.visit_map(map).map(|_| Scalar::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Scalar<'de>, A::Error> {
                Skip.visit_seq(seq).map(|_| Scalar::Other)
            }
        }
        json.deserialize_any(Reader)
    }
}

fn check(text: &Text, value: &str) -> Result<(), String> {
    if longer(value, text.max) {
        return Err(too_long(text.max));
    }
    if value.len() < text.min {
        return Err(format!(
            "should NOT be shorter than {} characters",
            text.min
        ));
    }
    let pattern = |good: bool, pattern: &str| {
        good.then_some(())
            .ok_or_else(|| format!("should match pattern \"{pattern}\""))
    };
    match text.form {
        Form::Free => Ok(()),
        Form::Visible => pattern(!value.trim().is_empty(), r".*\S.*"),
        Form::Account => pattern(value.parse::<AccountId>().is_ok(), r"^\d{12}$"),
        Form::ProductArn => pattern(
            super::ProductArn::parse(value).is_some(),
            "arn:<partition>:securityhub:<region>:<account>:product/<company>/<product>",
        ),
        Form::FindingType => pattern(
            value.split('/').count() <= 3 && value.split('/').all(|part| !part.is_empty()),
            r"^([^/])+(/[^/]+){0,2}$",
        ),
        Form::Timestamp => value
            .parse::<Timestamp>()
            .map(|_| ())
            .map_err(|_| "should match format \"date-time\"".to_owned()),
        Form::OneOf(values) => values
            .contains(&value)
            .then_some(())
            .ok_or_else(|| "should be equal to one of the allowed values".to_owned()),
    }
}

fn longer(value: &str, max: usize) -> bool {
    value.len() > max && value.chars().count() > max
}

fn too_long(max: usize) -> String {
    format!("should NOT be longer than {max} characters")
}

//! Reads a finding: one pass over the JSON text that checks it against the format and collects what filters name.
//!
//! Nothing is built but the row; strings are borrowed from the document until they are copied into it. A `null` counts
//! as absent, as in every AWS JSON protocol. What AWS refuses is refused with AWS's words (an Ajv message that names
//! the path). What has the form of a document that was read before is not asked for its names again ([`forms`]).

mod forms;
mod whole;

use std::borrow::Cow;
use std::ops::Range;

use super::ProductArn;
use super::asff::DOCUMENT;
use super::fault::{Stop, at, check, fault, longer, too_long, unlike};
use super::json::{Reader, Scalar, Token};
use super::row::{Row, Value};
use super::schema::{Form, List, Map, Mark, Marks, Node, Number, Object, Text};
use crate::account::AccountId;
use crate::field::{Field, FieldSet};
use crate::timestamp::Timestamp;

use forms::Leaf;
use whole::Room;
pub(super) use whole::{Parts, Whole};

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
pub(super) fn finding(document: &[u8], wanted: FieldSet) -> Result<Whole<'_>, InvalidFinding> {
    let text = utf8(document)?;
    if let Some(walk) = forms::read(text, wanted) {
        return Ok(walk.whole(text));
    }
    let walk = walk(text, wanted, Mode::Whole)?;
    let seen = walk.seen;
    for (needed, name, provided) in [
        (Mark::Severity, "Severity", Mark::ProvidedSeverity),
        (Mark::Types, "Types", Mark::ProvidedTypes),
    ] {
        if !seen.has(needed) && !seen.has(provided) {
            return Err(InvalidFinding::Format(format!(
                "data should have required property '{name}', \
                 data should have required property 'FindingProviderFields.{name}', \
                 data should match some schema in anyOf"
            )));
        }
    }
    if seen.has(Mark::Severity)
        && !seen.has(Mark::ProvidedSeverity)
        && !seen.has(Mark::SeverityLevel)
    {
        return Err(InvalidFinding::Format(
            "data.Severity should have required property 'Label', \
             data.Severity should have required property 'Normalized', \
             data.Severity should match some schema in anyOf"
                .to_owned(),
        ));
    }
    forms::learn(text, &walk);
    Ok(walk.whole(text))
}

/// Where the scalars of a JSON document stand, in its order; `None` if it is something else, or of 4 GiB and more.
pub(super) fn scalars(document: &[u8]) -> Option<Vec<Scalar>> {
    u32::try_from(document.len()).ok()?;
    let mut json = Reader::noting(std::str::from_utf8(document).ok()?, Vec::with_capacity(64));
    json.skip().ok()?;
    json.end().ok()?;
    Some(json.into_scalars())
}

/// Reads the wanted fields of some top-level properties of a finding, none of them required.
///
/// # Errors
/// [`InvalidFinding`] for values that the format refuses.
pub(super) fn fragment(document: &[u8], wanted: FieldSet) -> Result<Row, InvalidFinding> {
    walk(utf8(document)?, wanted, Mode::Fragment).map(|walk| walk.row)
}

/// Reads the wanted fields of a document that was accepted once: what the format refuses today is passed over.
///
/// # Errors
/// [`InvalidFinding::Syntax`].
pub(super) fn accepted(document: &[u8], wanted: FieldSet) -> Result<Row, InvalidFinding> {
    walk(utf8(document)?, wanted, Mode::Lenient).map(|walk| walk.row)
}

fn utf8(document: &[u8]) -> Result<&str, InvalidFinding> {
    std::str::from_utf8(document).map_err(|error| InvalidFinding::Syntax(error.to_string()))
}

fn walk(text: &str, wanted: FieldSet, mode: Mode) -> Result<Walk<'_>, InvalidFinding> {
    let mut walk = Walk::new(text, wanted, mode);
    let read = walk
        .value(&DOCUMENT, mode)
        .and_then(|_| Ok(walk.json.end()?));
    match read {
        Ok(()) => Ok(walk),
        Err(Stop::Fault(fault)) => Err(InvalidFinding::Format(fault.to_string())),
        Err(Stop::Malformed) => Err(InvalidFinding::Syntax(complaint(text))),
    }
}

/// What is wrong with a text that is not JSON, in the words of the parser that others use.
fn complaint(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(error) => error.to_string(),
        Ok(_) => "it is malformed".to_owned(),
    }
}

/// Goes through a document and collects.
struct Walk<'a> {
    json: Reader<'a>,
    row: Row,
    wanted: FieldSet,
    /// Which of the properties that are asked for after the walk stood in the document.
    seen: Marks,
    id: Option<String>,
    account: Option<AccountId>,
    product: Option<ProductArn>,
    /// The properties that belong to operators, and where their values stand.
    owned: Vec<(&'static str, Range<usize>)>,
    /// What the scalars of a whole finding mean, up to the last one that means something.
    leaves: Vec<Leaf>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// The top of a finding: required properties must be there.
    Whole,
    /// The top of some properties of a finding.
    Fragment,
    Inside,
    /// Nothing is refused.
    Lenient,
}

impl Mode {
    /// The mode of what stands inside.
    const fn inside(self) -> Self {
        match self {
            Self::Whole | Self::Fragment | Self::Inside => Self::Inside,
            Self::Lenient => Self::Lenient,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, wanted: FieldSet, mode: Mode) -> Self {
        let (json, row) = match mode {
            Mode::Whole => {
                let Room { row, scalars } = Room::take();
                (Reader::noting(text, scalars), row)
            }
            Mode::Fragment | Mode::Inside | Mode::Lenient => {
                (Reader::new(text), Row::with_capacity(64, 1024))
            }
        };
        Self {
            json,
            row,
            wanted,
            seen: Marks::default(),
            id: None,
            account: None,
            product: None,
            owned: Vec::new(),
            leaves: Vec::new(),
        }
    }

    /// What was read, of a text that is a whole finding.
    fn whole(self, text: &'a str) -> Whole<'a> {
        let required = "the format requires it";
        let owned = self.owned.into_iter();
        Whole {
            row: self.row,
            id: self.id.expect(required),
            account: self.account.expect(required),
            product: self.product.expect(required),
            owned: owned.map(|(name, place)| (name, &text[place])).collect(),
            scalars: self.json.into_scalars(),
        }
    }

    /// Notes what the scalar means that was read last.
    fn note(&mut self, leaf: impl FnOnce() -> Leaf) {
        if let Some(before) = self.json.scalars().len().checked_sub(1) {
            self.leaves.resize_with(before, || Leaf::Nothing);
            self.leaves.push(leaf());
        }
    }

    /// Reads one value. Answers whether a value (not null) stood there.
    fn value(&mut self, node: &'static Node, mode: Mode) -> Result<bool, Stop> {
        let mode = match node {
            Node::Any => {
                self.json.skip()?;
                return Ok(true);
            }
            Node::Lenient(inner) => return self.value(inner, Mode::Lenient),
            Node::Text(_)
            | Node::Number(_)
            | Node::Flag(_)
            | Node::Object(_)
            | Node::List(_)
            | Node::Map(_) => mode,
        };
        match (self.json.token()?, node) {
            (Token::Null, _) => return Ok(false),
            (Token::Text(value), Node::Text(text)) => {
                self.note(|| Leaf::Text(text, mode));
                self.text(text, &value, mode)?;
            }
            (Token::Number(value), Node::Number(number)) => {
                self.note(|| Leaf::Number(number, mode));
                self.number(number, value, mode)?;
            }
            (Token::Flag(value), Node::Flag(field)) => {
                self.note(|| Leaf::Flag(*field));
                self.push(*field, Value::Flag(value));
            }
            (Token::Object, Node::Object(object)) => self.object(object, mode)?,
            (Token::Object, Node::Map(limits)) => self.map(limits, mode)?,
            (Token::List, Node::List(limits)) => self.list(limits, mode)?,
            (token, _) => {
                mismatch(node, mode)?;
                self.json.leave(&token)?;
            }
        }
        Ok(true)
    }

    fn push(&mut self, field: Option<Field>, value: Value<'_>) {
        if let Some(field) = field.filter(|field| self.wanted.has(*field)) {
            self.row.push(field, value);
        }
    }

    fn number(&mut self, number: &Number, value: f64, mode: Mode) -> Result<(), Stop> {
        let Number {
            min,
            max,
            whole,
            field,
        } = number;
        if mode != Mode::Lenient {
            if *whole && value.fract() != 0.0 {
                return fault("should be integer");
            }
            if value < *min {
                return fault(format!("should be >= {min}"));
            }
            if value > *max {
                return fault(format!("should be <= {max}"));
            }
        }
        self.push(*field, Value::Number(value));
        Ok(())
    }

    fn text(&mut self, text: &Text, value: &str, mode: Mode) -> Result<(), Stop> {
        match text.form {
            Form::Timestamp => match value.parse::<Timestamp>() {
                Ok(time) => {
                    self.push(text.field, Value::Date(time));
                    return Ok(());
                }
                Err(_) if mode == Mode::Lenient => return Ok(()),
                Err(_) => return fault("should match format \"date-time\""),
            },
            Form::Account => match value.parse() {
                Ok(account) => self.account = Some(account),
                Err(_) => return unlike(r"^\d{12}$"),
            },
            Form::ProductArn => match ProductArn::parse(value) {
                Some(product) => self.product = Some(product),
                None => {
                    return unlike(
                        "arn:<partition>:securityhub:<region>:<account>:product/<company>/<product>",
                    );
                }
            },
            Form::Free | Form::Visible | Form::FindingType | Form::OneOf(_) => {
                if mode != Mode::Lenient {
                    check(text, value)?;
                }
            }
        }
        if text.field == Some(Field::Id) {
            self.id = Some(value.to_owned());
        }
        if !value.is_empty() {
            self.push(text.field, Value::Text(value));
        }
        Ok(())
    }

    fn object(&mut self, object: &'static Object, mode: Mode) -> Result<(), Stop> {
        let mut seen = 0_u64;
        let mut first = true;
        while let Some(name) = self.json.member(first)? {
            first = false;
            let Some(number) = object.find(&name) else {
                self.json.skip()?;
                continue;
            };
            let property = &object.properties[number];
            let step = || Cow::from(format!(".{}", property.name));
            if seen >> number & 1 == 1 && mode != Mode::Lenient {
                return at(fault("should NOT stand twice"), step);
            }
            let start = self.json.at();
            let value = self.value(&property.node, mode.inside());
            if at(value, step)? {
                seen |= 1 << number;
                self.seen = self.seen.union(property.marks);
                if property.marks.has(Mark::Owned) {
                    self.owned.push((property.name, start..self.json.at()));
                }
            }
        }
        if !matches!(mode, Mode::Whole | Mode::Inside) || object.required & !seen == 0 {
            return Ok(());
        }
        let missing = (object.required & !seen).trailing_zeros();
        let name = object.properties[missing as usize].name;
        fault(format!("should have required property '{name}'"))
    }

    fn pair(&mut self, limits: &Map, key: &str, value: &str, mode: Mode) -> Result<(), Stop> {
        if mode != Mode::Lenient && longer(value, limits.value_max) {
            return fault(too_long(limits.value_max));
        }
        self.push(limits.field, Value::Pair(key, value));
        Ok(())
    }

    fn map(&mut self, limits: &'static Map, mode: Mode) -> Result<(), Stop> {
        let strict = mode != Mode::Lenient;
        let (mut count, mut first) = (0, true);
        while let Some(key) = self.json.member(first)? {
            first = false;
            let step = || Cow::from(format!("['{key}']"));
            let token = self.json.token()?;
            let Token::Text(value) = token else {
                self.json.leave(&token)?;
                if strict && token != Token::Null {
                    return at(fault("should be string"), step);
                }
                continue;
            };
            // What the service adds to product fields does not count when it comes back.
            let added =
                limits.field == Some(Field::ProductFields) && key.starts_with("aws/securityhub/");
            count += usize::from(!added);
            if strict && longer(&key, limits.key_max) {
                return fault(format!(
                    "property name should NOT be longer than {} characters",
                    limits.key_max
                ));
            }
            self.note(|| Leaf::Pair(limits, key.as_ref().into(), mode));
            at(self.pair(limits, &key, &value, mode), step)?;
        }
        if strict && count > limits.max {
            return fault(format!(
                "should NOT have more than {} properties",
                limits.max
            ));
        }
        Ok(())
    }

    fn list(&mut self, limits: &'static List, mode: Mode) -> Result<(), Stop> {
        let mut count = 0;
        while self.json.item(count == 0)? {
            let item = self.value(limits.item, mode);
            at(item, || Cow::from(format!("[{count}]")))?;
            count += 1;
        }
        if mode == Mode::Lenient {
            return Ok(());
        }
        if count > limits.max {
            return fault(format!("should NOT have more than {} items", limits.max));
        }
        if count < limits.min {
            return fault(format!("should NOT have fewer than {} items", limits.min));
        }
        Ok(())
    }
}

/// A value of another type than the node's.
fn mismatch(node: &Node, mode: Mode) -> Result<(), Stop> {
    let expected = match node {
        Node::Any | Node::Lenient(_) => return Ok(()),
        Node::Text(_) => "should be string",
        Node::Number(Number { whole: true, .. }) => "should be integer",
        Node::Number(_) => "should be number",
        Node::Flag(_) => "should be boolean",
        Node::Object(_) | Node::Map(_) => "should be object",
        Node::List(_) => "should be array",
    };
    match mode {
        Mode::Lenient => Ok(()),
        Mode::Whole | Mode::Fragment | Mode::Inside => fault(expected),
    }
}

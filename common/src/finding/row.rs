//! A row: the values of a finding that filters name, in one flat buffer.
//!
//! A field may have several values. The store keeps values as they are encoded here, so the encoding is part of its
//! format: text carries its length, numbers and times are eight bytes, little-endian.

use crate::field::{Field, FieldSet, Kind};
use crate::timestamp::Timestamp;

/// One value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Date(Timestamp),
    Pair(&'a str, &'a str),
    Flag(bool),
}

/// Values of fields, in the order in which they were pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The values, one behind the other.
    bytes: Vec<u8>,
    /// The field of each value, and where it ends.
    index: Vec<(Field, u32)>,
    present: FieldSet,
    several: FieldSet,
}

impl Row {
    /// An empty row with room.
    #[must_use]
    pub fn with_capacity(values: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            index: Vec::with_capacity(values),
            present: FieldSet::NONE,
            several: FieldSet::NONE,
        }
    }

    /// Itself in just the memory that it needs, with a little room for what the service fills in.
    #[must_use]
    pub fn fitted(&self) -> Self {
        let mut fitted = Self::with_capacity(self.index.len() + 2, self.bytes.len() + 32);
        fitted.bytes.extend_from_slice(&self.bytes);
        fitted.index.extend_from_slice(&self.index);
        fitted.present = self.present;
        fitted.several = self.several;
        fitted
    }

    /// Drops everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
        self.present = FieldSet::NONE;
        self.several = FieldSet::NONE;
    }

    /// The fields that have a value.
    #[must_use]
    pub const fn present(&self) -> FieldSet {
        self.present
    }

    /// The fields that have more than one value.
    #[must_use]
    pub const fn several(&self) -> FieldSet {
        self.several
    }

    /// Appends a value. It must be of the field's kind.
    pub fn push(&mut self, field: Field, value: Value<'_>) {
        encode(value, &mut self.bytes);
        self.close(field);
    }

    /// Names the field of what was written behind the last value.
    fn close(&mut self, field: Field) {
        let end = u32::try_from(self.bytes.len()).expect("a finding is small");
        self.index.push((field, end));
        if self.present.has(field) {
            self.several = self.several.with(field);
        }
        self.present = self.present.with(field);
    }

    pub fn iter(&self) -> impl Iterator<Item = (Field, Value<'_>)> {
        self.spans()
            .flat_map(|(field, span)| values(field, span).map(move |value| (field, value)))
    }

    /// The values as they are encoded, each with its field.
    pub fn spans(&self) -> impl Iterator<Item = (Field, &[u8])> {
        let mut start = 0;
        self.index.iter().map(move |(field, end)| {
            let span = &self.bytes[start..*end as usize];
            start = *end as usize;
            (*field, span)
        })
    }

    fn span(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.index[before].1);
        &self.bytes[start as usize..self.index[at].1 as usize]
    }

    pub fn values(&self, field: Field) -> impl Iterator<Item = Value<'_>> {
        self.spans_of(field)
            .flat_map(move |span| values(field, span))
    }

    /// The values of one field as they are encoded.
    pub fn spans_of(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let end = if self.present.has(field) {
            self.index.len()
        } else {
            0
        };
        (0..end)
            .filter(move |at| self.index[*at].0 == field)
            .map(|at| self.span(at))
    }

    /// The first text of a field.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        self.values(field).find_map(|value| match value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Date(_) | Value::Pair(..) | Value::Flag(_) => None,
        })
    }

    /// The first date of a field.
    #[must_use]
    pub fn date(&self, field: Field) -> Option<Timestamp> {
        self.values(field).find_map(|value| match value {
            Value::Date(time) => Some(time),
            Value::Text(_) | Value::Number(_) | Value::Pair(..) | Value::Flag(_) => None,
        })
    }

    /// Drops every value of the fields.
    pub fn remove(&mut self, fields: FieldSet) {
        if !fields.meets(self.present) {
            return;
        }
        let mut kept = Self::with_capacity(self.index.len(), self.bytes.len());
        for (field, span) in self.spans().filter(|(field, _)| !fields.has(*field)) {
            kept.bytes.extend_from_slice(span);
            kept.close(field);
        }
        *self = kept;
    }

    /// Whether two fields have the same values in the same order.
    #[must_use]
    pub fn agree(&self, left: Field, right: Field) -> bool {
        self.spans_of(left).eq(self.spans_of(right))
    }

    /// Appends the values of `from` under the name of `to`, which must be of the same kind.
    pub fn copy(&mut self, from: Field, to: Field) {
        if !self.present.has(from) {
            return;
        }
        for at in 0..self.index.len() {
            if self.index[at].0 == from {
                let start = at.checked_sub(1).map_or(0, |before| self.index[before].1);
                let range = start as usize..self.index[at].1 as usize;
                self.bytes.extend_from_within(range);
                self.close(to);
            }
        }
    }

    pub fn extend(&mut self, other: &Self) {
        for (field, span) in other.spans() {
            self.bytes.extend_from_slice(span);
            self.close(field);
        }
    }
}

/// Appends the encoding of a value.
pub fn encode(value: Value<'_>, bytes: &mut Vec<u8>) {
    match value {
        Value::Text(text) => encode_text(text, bytes),
        Value::Pair(key, text) => {
            encode_text(key, bytes);
            encode_text(text, bytes);
        }
        Value::Number(number) => bytes.extend_from_slice(&number.to_le_bytes()),
        Value::Date(time) => bytes.extend_from_slice(&time.as_millis().to_le_bytes()),
        Value::Flag(flag) => bytes.push(u8::from(flag)),
    }
}

fn encode_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.reserve(text.len() + 4);
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads encoded values of one field. Stops at the first malformed one.
pub fn values(field: Field, bytes: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut encoded = Encoded { rest: bytes };
    std::iter::from_fn(move || encoded.value(field))
}

/// The bytes of each of some encoded values of one field. Stops at the first malformed one.
pub fn value_spans(field: Field, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut encoded = Encoded { rest: bytes };
    std::iter::from_fn(move || {
        let rest = encoded.rest;
        encoded.pass(field)?;
        Some(&rest[..rest.len() - encoded.rest.len()])
    })
}

/// Whether the bytes are one or more whole values of a field.
#[must_use]
pub fn are_values(field: Field, bytes: &[u8]) -> bool {
    let mut encoded = Encoded { rest: bytes };
    while !encoded.rest.is_empty() {
        if encoded.value(field).is_none() {
            return false;
        }
    }
    !bytes.is_empty()
}

/// Encoded values that may be damaged.
struct Encoded<'a> {
    rest: &'a [u8],
}

impl<'a> Encoded<'a> {
    fn pass(&mut self, field: Field) -> Option<&'a [u8]> {
        let length = match field.kind() {
            Kind::Text | Kind::Address | Kind::Keyword => self.length()?,
            Kind::Map => {
                let key = self.length()?;
                self.bytes(key)?;
                self.length()?
            }
            Kind::Number | Kind::Date => 8,
            Kind::Flag => 1,
        };
        self.bytes(length)
    }

    fn value(&mut self, field: Field) -> Option<Value<'a>> {
        Some(match field.kind() {
            Kind::Text | Kind::Address | Kind::Keyword => Value::Text(self.text()?),
            Kind::Map => Value::Pair(self.text()?, self.text()?),
            Kind::Number => Value::Number(f64::from_le_bytes(self.bytes(8)?.try_into().ok()?)),
            Kind::Date => Value::Date(Timestamp::from_millis(i64::from_le_bytes(
                self.bytes(8)?.try_into().ok()?,
            ))),
            Kind::Flag => Value::Flag(self.bytes(1)?[0] != 0),
        })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.bytes(1)?[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Row {
        let mut row = Row::default();
        row.push(Field::Title, Value::Text(&"long ".repeat(100)));
        row.push(Field::ResourceType, Value::Text("AwsS3Bucket"));
        row.push(Field::ResourceType, Value::Text("AwsEc2Instance"));
        row.push(Field::Confidence, Value::Number(42.0));
        row.push(Field::UpdatedAt, Value::Date(Timestamp::from_millis(-5)));
        row.push(Field::ResourceTags, Value::Pair("team", ""));
        row.push(Field::Sample, Value::Flag(true));
        row
    }

    #[test]
    fn a_row_gives_back_what_was_pushed() {
        let row = sample();
        assert_eq!(row.iter().count(), 7);
        assert_eq!(row.text(Field::ResourceType), Some("AwsS3Bucket"));
        assert_eq!(row.values(Field::ResourceType).count(), 2);
        assert!(row.several().iter().eq([Field::ResourceType]));
        assert_eq!(row.date(Field::UpdatedAt), Some(Timestamp::from_millis(-5)));
        assert_eq!(
            row.values(Field::ResourceTags).collect::<Vec<_>>(),
            [Value::Pair("team", "")]
        );
        assert_eq!(row.text(Field::Id), None);
        let mut other = Row::default();
        other.extend(&row);
        assert_eq!(other, row);
    }

    #[test]
    fn cut_values_are_told() {
        let row = sample();
        for (field, span) in row.spans() {
            for length in 0..span.len() {
                assert!(!are_values(field, &span[..length]), "{field} {length}");
            }
            assert!(are_values(field, span));
        }
        let two = b"\x01a\x02bc";
        assert!(are_values(Field::Title, two));
        assert!(value_spans(Field::Title, two).eq([&two[..2], &two[2..]]));
        assert!(!are_values(Field::Title, b"\x01\xff"));
    }

    #[test]
    fn fields_are_removed_and_copied() {
        let mut row = sample();
        row.remove(FieldSet::NONE.with(Field::ResourceType));
        assert_eq!(row.values(Field::ResourceType).count(), 0);
        row.copy(Field::Title, Field::Description);
        assert_eq!(row.text(Field::Description), row.text(Field::Title));
    }
}

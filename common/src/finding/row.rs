//! A row: the values of a finding that filters name, in one flat buffer.
//!
//! Each entry is the field's code and its value; text carries its length. Several entries of one field are several
//! values. The store writes rows to disk, so the encoding is part of its format.

use crate::filter::{Field, FieldSet, Kind};
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
    bytes: Vec<u8>,
    present: FieldSet,
}

/// A row that is not one, as when the bytes come from a damaged disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row is malformed at byte {at}")]
pub struct InvalidRow {
    at: usize,
}

impl Row {
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            present: FieldSet::NONE,
        }
    }

    /// Checks every entry, so that iterating cannot fail.
    ///
    /// # Errors
    /// [`InvalidRow`] names the first byte that is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidRow> {
        let mut entries = Entries { rest: bytes };
        let mut present = FieldSet::NONE;
        while !entries.rest.is_empty() {
            let at = bytes.len() - entries.rest.len();
            let (field, _) = entries.entry().ok_or(InvalidRow { at })?;
            present = present.with(field);
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            present,
        })
    }

    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The fields that have a value.
    #[must_use]
    pub const fn present(&self) -> FieldSet {
        self.present
    }

    /// Appends a value. It must be of the field's kind.
    pub fn push(&mut self, field: Field, value: Value<'_>) {
        self.present = self.present.with(field);
        self.bytes.push(field.code());
        match value {
            Value::Text(text) => self.push_text(text),
            Value::Pair(key, text) => {
                self.push_text(key);
                self.push_text(text);
            }
            Value::Number(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
            Value::Date(time) => self
                .bytes
                .extend_from_slice(&time.as_millis().to_le_bytes()),
            Value::Flag(flag) => self.bytes.push(u8::from(flag)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Field, Value<'_>)> {
        entries(&self.bytes)
    }

    pub fn values(&self, field: Field) -> impl Iterator<Item = Value<'_>> {
        let rest = if self.present.has(field) {
            self.bytes.as_slice()
        } else {
            &[]
        };
        let mut entries = Entries { rest };
        std::iter::from_fn(move || entries.next_of(field))
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
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut entries = Entries { rest: &self.bytes };
        while let Some(field) = entries.bytes(1).and_then(|code| Field::from_code(code[0])) {
            let start = self.bytes.len() - entries.rest.len() - 1;
            if entries.pass(field).is_none() {
                break;
            }
            if !fields.has(field) {
                kept.extend_from_slice(&self.bytes[start..self.bytes.len() - entries.rest.len()]);
            }
        }
        self.bytes = kept;
        self.present = self.present.minus(fields);
    }

    /// Whether two fields have the same values in the same order.
    #[must_use]
    pub fn agree(&self, left: Field, right: Field) -> bool {
        self.values(left).eq(self.values(right))
    }

    /// Appends the values of `from` under the name of `to`, which must be of the same kind.
    pub fn copy(&mut self, from: Field, to: Field) {
        let mut copies = Self::default();
        self.values(from).for_each(|value| copies.push(to, value));
        self.extend(&copies);
    }

    pub fn extend(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.present = self.present.union(other.present);
    }

    fn push_text(&mut self, text: &str) {
        let mut length = text.len();
        while length >= 0x80 {
            self.bytes.push(0x80 | (length & 0x7f) as u8);
            length >>= 7;
        }
        self.bytes.push(length as u8);
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

/// Reads the entries of an encoded row. Stops at the first malformed one.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = (Field, Value<'_>)> {
    Entries { rest: bytes }
}

struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Field, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.entry()
    }
}

impl<'a> Entries<'a> {
    /// The next value of a field; the others are skipped unread.
    fn next_of(&mut self, field: Field) -> Option<Value<'a>> {
        loop {
            let other = Field::from_code(self.bytes(1)?[0])?;
            if other == field {
                return self.value(field);
            }
            self.pass(other)?;
        }
    }

    fn entry(&mut self) -> Option<(Field, Value<'a>)> {
        let field = Field::from_code(self.bytes(1)?[0])?;
        Some((field, self.value(field)?))
    }

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
    fn a_row_reads_back_from_its_bytes() {
        let row = sample();
        let read = Row::from_bytes(row.as_bytes()).unwrap();
        assert_eq!(read, row);
        assert_eq!(row.iter().count(), 7);
        assert_eq!(row.text(Field::ResourceType), Some("AwsS3Bucket"));
        assert_eq!(row.values(Field::ResourceType).count(), 2);
        assert_eq!(row.text(Field::Id), None);
    }

    #[test]
    fn a_cut_row_is_refused() {
        let row = sample();
        let whole: Vec<usize> = {
            let mut ends = vec![0];
            let mut entries = Entries {
                rest: row.as_bytes(),
            };
            while entries.entry().is_some() {
                ends.push(row.as_bytes().len() - entries.rest.len());
            }
            ends
        };
        for length in 0..row.as_bytes().len() {
            let read = Row::from_bytes(&row.as_bytes()[..length]);
            assert_eq!(read.is_ok(), whole.contains(&length), "{length}");
        }
        assert!(Row::from_bytes(&[200]).is_err());
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

//! Takes documents apart. What was learnt of shapes is kept from block to block: providers write the same ones again.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use muster_common::finding::Scalar;

use super::super::codec::Writer;
use super::super::distinct::Distinct;
use super::{Hole, VALUES_MAX, width};

/// When more is known of shapes than this, it is learnt anew.
const KNOWN_BYTES_MAX: usize = 4 << 20;
const KNOWN_COLUMNS_MAX: usize = 4_096;

/// Texts, each once, by number.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Texts {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }

    fn get(&self, number: u32) -> &[u8] {
        text(&self.bytes, &self.ends, number)
    }

    /// The number of a text, and whether it is new.
    fn put(&mut self, text: &[u8]) -> (u32, bool) {
        let Self {
            bytes,
            ends,
            table,
            hasher,
        } = self;
        let hash = hasher.hash_one(text);
        let found = table.find(hash, |number| self::text(bytes, ends, *number) == text);
        if let Some(number) = found {
            return (*number, false);
        }
        let number = ends.len() as u32;
        bytes.extend_from_slice(text);
        ends.push(bytes.len() as u32);
        table.insert_unique(hash, number, |number| {
            hasher.hash_one(self::text(bytes, ends, *number))
        });
        (number, true)
    }

    /// As [`Texts::put`], for a text that is taken to be new.
    fn add(&mut self, text: &[u8]) -> u32 {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        self.ends.len() as u32 - 1
    }
}

fn text<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &bytes[start..ends[at] as usize]
}

/// Writes texts: their lengths, then themselves.
fn encode<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]> + Clone, out: &mut Writer) {
    out.number(texts.len() as u64);
    for text in texts.clone() {
        out.number(text.len() as u64);
    }
    texts.for_each(|text| out.raw(text));
}

/// The values of one property.
#[derive(Default)]
struct Column {
    values: Texts,
    /// In the order of documents.
    codes: Vec<u32>,
    distinct: Distinct,
}

impl Column {
    fn put(&mut self, value: &[u8]) {
        let Self {
            values,
            codes,
            distinct,
        } = self;
        let code = if distinct.holds() {
            values.add(value)
        } else {
            let before = codes.last().filter(|code| values.get(**code) == value);
            before.copied().unwrap_or_else(|| values.put(value).0)
        };
        codes.push(code);
    }

    /// Starts anew.
    fn clear(&mut self) {
        self.distinct.tell(self.values.ends.len(), self.codes.len());
        self.values.clear();
        self.codes.clear();
    }
}

/// Which of what is known a block has, numbered in the order in which it came.
#[derive(Default)]
struct Used {
    /// By number among what is known: 1 more than its number in the block; 0 for none.
    numbers: Vec<u32>,
    known: Vec<u32>,
}

impl Used {
    fn number(&mut self, known: u32) -> u32 {
        let at = known as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, 0);
        }
        if self.numbers[at] == 0 {
            self.known.push(known);
            self.numbers[at] = self.known.len() as u32;
        }
        self.numbers[at] - 1
    }

    fn clear(&mut self) {
        for known in self.known.drain(..) {
            self.numbers[known as usize] = 0;
        }
    }
}

/// Takes documents apart.
#[derive(Default)]
pub(in super::super) struct Shaper {
    /// What stands between values.
    pieces: Texts,
    /// Each shape as the pieces of a document with a mark between them.
    shapes: Texts,
    /// By shape: the end of its part of `holes`, and its last piece.
    forms: Vec<(u32, u32)>,
    holes: Vec<Hole>,
    names: HashMap<Vec<u8>, u32>,
    columns: Vec<Column>,
    shape: Vec<u8>,
    /// Of the block.
    used_shapes: Used,
    used_pieces: Used,
    used_columns: Used,
}

impl Shaper {
    /// Takes a document in, and gives the number of its shape.
    pub(in super::super) fn put(&mut self, document: &[u8], scalars: &[Scalar]) -> u32 {
        let whole = [Scalar {
            start: 0,
            end: document.len() as u32,
        }];
        let fits = (1..=VALUES_MAX).contains(&scalars.len());
        let scalars = if fits { scalars } else { &whole };
        let mut shape = std::mem::take(&mut self.shape);
        shape.clear();
        let mut at = 0;
        for scalar in scalars {
            shape.extend_from_slice(&document[at..scalar.start as usize]);
            // No JSON text holds this byte.
            shape.push(0);
            at = scalar.end as usize;
        }
        shape.extend_from_slice(&document[at..]);
        let (known, new) = self.shapes.put(&shape);
        self.shape = shape;
        if new {
            self.learn(document, scalars);
        }
        for (hole, scalar) in self.holes[self.range(known)].iter().zip(scalars) {
            let value = &document[scalar.start as usize..scalar.end as usize];
            self.columns[hole.column as usize].put(value);
        }
        self.used_shapes.number(known)
    }

    /// The holes of a shape.
    fn range(&self, shape: u32) -> std::ops::Range<usize> {
        let at = shape as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.forms[before].0);
        start as usize..self.forms[at].0 as usize
    }

    /// Takes a new shape in.
    fn learn(&mut self, document: &[u8], scalars: &[Scalar]) {
        let mut at = 0;
        let mut column = None;
        for scalar in scalars {
            let piece = &document[at..scalar.start as usize];
            at = scalar.end as usize;
            let of_name = name(piece).map(|name| self.column(name));
            let of_piece = of_name.or(column).unwrap_or_else(|| self.column(b""));
            column = Some(of_piece);
            self.holes.push(Hole {
                piece: self.pieces.put(piece).0,
                column: of_piece,
            });
        }
        let (last, _) = self.pieces.put(&document[at..]);
        self.forms.push((self.holes.len() as u32, last));
    }

    fn column(&mut self, name: &[u8]) -> u32 {
        if let Some(column) = self.names.get(name) {
            return *column;
        }
        let column = self.columns.len() as u32;
        self.names.insert(name.to_owned(), column);
        self.columns.push(Column::default());
        column
    }

    /// Writes what was put in, and starts anew.
    pub(in super::super) fn finish(&mut self, out: &mut Writer) {
        for shape in &self.used_shapes.known {
            for hole in &self.holes[self.range(*shape)] {
                self.used_pieces.number(hole.piece);
                self.used_columns.number(hole.column);
            }
            self.used_pieces.number(self.forms[*shape as usize].1);
        }
        let pieces = self.used_pieces.known.iter();
        encode(pieces.map(|piece| self.pieces.get(*piece)), out);
        out.number(self.used_shapes.known.len() as u64);
        for shape in &self.used_shapes.known {
            let range = self.range(*shape);
            out.number(range.len() as u64);
            for hole in &self.holes[range] {
                out.number(self.used_pieces.number(hole.piece).into());
                out.number(self.used_columns.number(hole.column).into());
            }
            let (_, last) = self.forms[*shape as usize];
            out.number(self.used_pieces.number(last).into());
        }
        let columns = &self.used_columns.known;
        out.number(columns.len() as u64);
        for column in columns {
            let values = &self.columns[*column as usize].values;
            let numbers = 0..values.ends.len() as u32;
            encode(numbers.map(|number| values.get(number)), out);
        }
        for column in columns {
            let Column { values, codes, .. } = &self.columns[*column as usize];
            let width = width(values.ends.len(), codes.len());
            if width > 0 {
                codes
                    .iter()
                    .for_each(|code| out.raw(&code.to_le_bytes()[..width]));
            }
        }
        for column in columns {
            self.columns[*column as usize].clear();
        }
        self.used_shapes.clear();
        self.used_pieces.clear();
        self.used_columns.clear();
        let known = self.shapes.bytes.len() + self.pieces.bytes.len();
        if known > KNOWN_BYTES_MAX || self.columns.len() > KNOWN_COLUMNS_MAX {
            *self = Self::default();
        }
    }
}

/// The name of the property whose value stands behind this piece; `None` for a further item of a list.
fn name(piece: &[u8]) -> Option<&[u8]> {
    let open = |byte: &u8| matches!(byte, b'"' | b'[' | b' ' | b'\n' | b'\r' | b'\t');
    let colon = piece.iter().rposition(|byte| !open(byte))?;
    let end = piece[..colon].iter().rposition(|byte| *byte == b'"')?;
    let start = piece[..end].iter().rposition(|byte| *byte == b'"')? + 1;
    (piece[colon] == b':').then(|| &piece[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_before_a_value_is_found() {
        for (piece, expected) in [
            (r#"{"a":"#, Some("a")),
            (r#","Types" : [ ""#, Some("Types")),
            (r#"{"a":{"b":""#, Some("b")),
            (r#"",""#, None),
            ("", None),
            (":", None),
            ("[", None),
        ] {
            assert_eq!(
                name(piece.as_bytes()),
                expected.map(str::as_bytes),
                "{piece}"
            );
        }
    }
}

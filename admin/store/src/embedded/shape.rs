//! The documents of a block: what stands between their values once per shape, and their values column by column.
//!
//! Findings of one provider have the same shape: the same names in the same order, with other values between them. So
//! the shape is kept once, and a document is a shape and its values. A value stands in the column of its property's name,
//! whatever shape it belongs to, and each column keeps every value once. What is compressed is a third of the text then,
//! and what has been read is put together only for the documents that somebody asks for.

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use muster_common::finding::Scalar;
use std::hash::BuildHasher as _;

use super::codec::{Reader, Writer};

/// A document of more values is kept as one value.
const VALUES_MAX: usize = 1_024;

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

    fn encode(&self, out: &mut Writer) {
        out.number(self.ends.len() as u64);
        let mut start = 0;
        for end in &self.ends {
            out.number(u64::from(end - start));
            start = *end;
        }
        out.raw(&self.bytes);
    }
}

fn text<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &bytes[start..ends[at] as usize]
}

/// The values of one property.
#[derive(Default)]
struct Column {
    values: Texts,
    /// In the order of documents.
    codes: Vec<u32>,
}

/// One place for a value: what stands before it, and its column.
#[derive(Clone, Copy, Debug)]
struct Hole {
    piece: u32,
    column: u32,
}

/// Takes documents apart. Keeps its tables from block to block.
#[derive(Default)]
pub(super) struct Shaper {
    /// What stands between values.
    pieces: Texts,
    /// Each shape as the pieces of a document with a mark between them.
    shapes: Texts,
    /// By shape: the end of its part of `holes`, and its last piece.
    forms: Vec<(u32, u32)>,
    holes: Vec<Hole>,
    names: HashMap<Vec<u8>, u32>,
    /// Those beyond the names are of earlier blocks, and empty.
    columns: Vec<Column>,
    shape: Vec<u8>,
}

impl Shaper {
    /// Takes a document in, and gives the number of its shape.
    pub(super) fn put(&mut self, document: &[u8], scalars: &[Scalar]) -> u32 {
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
        let (number, new) = self.shapes.put(&shape);
        self.shape = shape;
        if new {
            self.learn(document, scalars);
        }
        let (end, _) = self.forms[number as usize];
        let holes = &self.holes[end as usize - scalars.len()..end as usize];
        for (hole, scalar) in holes.iter().zip(scalars) {
            let value = &document[scalar.start as usize..scalar.end as usize];
            let Column { values, codes } = &mut self.columns[hole.column as usize];
            let before = codes.last().filter(|code| values.get(**code) == value);
            let code = before.copied().unwrap_or_else(|| values.put(value).0);
            codes.push(code);
        }
        number
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
        let column = self.names.len();
        self.names.insert(name.to_owned(), column as u32);
        if column == self.columns.len() {
            self.columns.push(Column::default());
        }
        column as u32
    }

    /// Writes what was put in, and starts anew.
    pub(super) fn finish(&mut self, out: &mut Writer) {
        self.pieces.encode(out);
        out.number(self.forms.len() as u64);
        let mut start = 0;
        for (end, last) in &self.forms {
            let holes = &self.holes[start..*end as usize];
            start = *end as usize;
            out.number(holes.len() as u64);
            for hole in holes {
                out.number(hole.piece.into());
                out.number(hole.column.into());
            }
            out.number((*last).into());
        }
        let columns = &mut self.columns[..self.names.len()];
        out.number(columns.len() as u64);
        for column in &*columns {
            column.values.encode(out);
        }
        for Column { values, codes } in &*columns {
            let width = width(values.ends.len());
            for code in codes {
                out.raw(&code.to_le_bytes()[..width]);
            }
        }
        for column in columns {
            column.values.clear();
            column.codes.clear();
        }
        self.pieces.clear();
        self.shapes.clear();
        self.forms.clear();
        self.holes.clear();
        self.names.clear();
    }
}

/// The bytes of a code when there are so many values. One value needs none.
const fn width(values: usize) -> usize {
    match values {
        0 | 1 => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
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

/// Documents, apart.
#[derive(Debug)]
pub(super) struct Shaped {
    raw: Bytes,
    /// In `raw`.
    pieces: Vec<Span>,
    values: Vec<Span>,
    /// By shape: the end of its part of `holes`, and its last piece.
    forms: Vec<(u32, u32)>,
    holes: Vec<Hole>,
    /// By document and hole: the value.
    codes: Vec<u32>,
}

/// A document of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct DocumentId {
    shape: u32,
    /// Of its codes.
    first: u32,
}

type Span = (u32, u32);

impl Shaped {
    /// Reads what [`Shaper::finish`] wrote at `offset` of `raw`, for documents of these shapes; `None` if it is something
    /// else.
    pub(super) fn decode(
        raw: &Bytes,
        offset: usize,
        shapes: &[u32],
    ) -> Option<(Self, Vec<DocumentId>)> {
        let mut reader = Reader::new(raw.get(offset..)?);
        let mut pieces = Vec::new();
        spans(&mut reader, raw.len(), &mut pieces)?;
        let mut forms = Vec::new();
        let mut holes = Vec::new();
        for _ in 0..reader.number()? {
            let count = usize::try_from(reader.number()?).ok()?;
            if count > VALUES_MAX {
                return None;
            }
            for _ in 0..count {
                holes.push(Hole {
                    piece: below(reader.number()?, pieces.len())?,
                    column: u32::try_from(reader.number()?).ok()?,
                });
            }
            forms.push((holes.len() as u32, below(reader.number()?, pieces.len())?));
        }
        let mut values = Vec::new();
        let mut columns = Vec::new();
        for _ in 0..reader.number()? {
            let first = values.len();
            spans(&mut reader, raw.len(), &mut values)?;
            columns.push((first, values.len() - first, 0_usize));
        }
        let mut shaped = Self {
            raw: raw.clone(),
            pieces,
            values,
            forms,
            holes,
            codes: Vec::new(),
        };
        let documents = shaped.codes(&mut reader, &mut columns, shapes)?;
        reader.rest().is_empty().then_some((shaped, documents))
    }

    /// Reads the codes, which stand column by column, into the order of documents.
    fn codes(
        &mut self,
        reader: &mut Reader<'_>,
        columns: &mut [(usize, usize, usize)],
        shapes: &[u32],
    ) -> Option<Vec<DocumentId>> {
        let mut documents = Vec::with_capacity(shapes.len());
        // How often each column occurs, then where its next code stands.
        let mut first = 0;
        for &shape in shapes {
            let holes = self.holes_of(shape)?;
            documents.push(DocumentId { shape, first });
            first += holes.len() as u32;
            for hole in holes {
                columns.get_mut(hole.column as usize)?.2 += 1;
            }
        }
        let mut codes = Vec::with_capacity(columns.len());
        for (_, count, occurs) in &mut *columns {
            codes.push(reader.take(width(*count).checked_mul(*occurs)?)?);
            *occurs = 0;
        }
        self.codes.reserve_exact(first as usize);
        for &shape in shapes {
            let (end, _) = self.forms[shape as usize];
            for hole in &self.holes[self.start(shape)..end as usize] {
                let column = hole.column as usize;
                let (first, count, taken) = &mut columns[column];
                let width = width(*count);
                let mut code = [0; 4];
                code[..width].copy_from_slice(&codes[column][*taken * width..][..width]);
                *taken += 1;
                let code = below(u32::from_le_bytes(code).into(), *count)?;
                self.codes.push(*first as u32 + code);
            }
        }
        Some(documents)
    }

    fn start(&self, shape: u32) -> usize {
        let before = (shape as usize).checked_sub(1);
        before.map_or(0, |before| self.forms[before].0 as usize)
    }

    fn holes_of(&self, shape: u32) -> Option<&[Hole]> {
        let (end, _) = self.forms.get(shape as usize)?;
        self.holes.get(self.start(shape)..*end as usize)
    }

    /// Puts a document together.
    pub(super) fn document(&self, id: DocumentId) -> Bytes {
        let (end, last) = self.forms[id.shape as usize];
        let holes = &self.holes[self.start(id.shape)..end as usize];
        let codes = &self.codes[id.first as usize..][..holes.len()];
        let part = |(start, end): Span| &self.raw[start as usize..end as usize];
        let last = part(self.pieces[last as usize]);
        let parts = || {
            holes.iter().zip(codes).flat_map(|(hole, code)| {
                [
                    part(self.pieces[hole.piece as usize]),
                    part(self.values[*code as usize]),
                ]
            })
        };
        let length = parts().map(<[u8]>::len).sum::<usize>() + last.len();
        let mut document = Vec::with_capacity(length);
        parts().for_each(|part| document.extend_from_slice(part));
        document.extend_from_slice(last);
        document.into()
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.raw.len()
            + 8 * (self.pieces.len() + self.values.len() + self.holes.len())
            + 4 * self.codes.len()
    }
}

/// Reads what [`Texts::encode`] wrote: where each text stands.
fn spans(reader: &mut Reader<'_>, whole: usize, spans: &mut Vec<Span>) -> Option<()> {
    let first = spans.len();
    let mut end = 0_u32;
    for _ in 0..reader.number()? {
        let start = end;
        end = end.checked_add(u32::try_from(reader.number()?).ok()?)?;
        spans.push((start, end));
    }
    let offset = u32::try_from(whole - reader.rest().len()).ok()?;
    reader.take(end as usize)?;
    for (start, end) in &mut spans[first..] {
        *start += offset;
        *end += offset;
    }
    Some(())
}

fn below(number: u64, limit: usize) -> Option<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (*number as usize) < limit)
}

#[cfg(test)]
mod tests {
    use muster_common::finding::scalars;
    use proptest::prelude::*;

    use super::*;

    /// Takes documents apart and puts them together again.
    fn through(shaper: &mut Shaper, documents: &[Vec<u8>]) -> Vec<Bytes> {
        let shapes: Vec<u32> = documents
            .iter()
            .map(|document| shaper.put(document, &scalars(document).unwrap_or_default()))
            .collect();
        let mut out = Writer::default();
        out.raw(b"before");
        shaper.finish(&mut out);
        let (shaped, ids) = Shaped::decode(&Bytes::from(out.bytes), 6, &shapes).unwrap();
        ids.into_iter().map(|id| shaped.document(id)).collect()
    }

    fn json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|flag| flag.to_string()),
            any::<i32>().prop_map(|number| number.to_string()),
            "[a-c\\\\\"é: ]{0,6}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[ {}]", items.join(" ,\n"))),
                proptest::collection::vec(("[a-c\":]{0,3}", inner), 0..4).prop_map(|members| {
                    let member = |(name, value): &(String, String)| {
                        format!("{} : {value}", serde_json::to_string(name).unwrap())
                    };
                    let members: Vec<String> = members.iter().map(member).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn documents_come_back_as_they_were(
            blocks in proptest::collection::vec(proptest::collection::vec(json(), 0..12), 1..4)
        ) {
            let mut shaper = Shaper::default();
            for block in blocks {
                let documents: Vec<Vec<u8>> = block.into_iter().map(String::into_bytes).collect();
                prop_assert_eq!(through(&mut shaper, &documents), documents);
            }
        }
    }

    #[test]
    fn what_is_no_json_or_has_too_many_values_is_one_value() {
        let long = format!("[{}1]", "1,".repeat(VALUES_MAX));
        let many: Vec<Vec<u8>> = (0..70_000)
            .map(|number: u32| number.to_string().into_bytes())
            .collect();
        for documents in [
            vec![long.into_bytes(), b"\0no\0".to_vec(), Vec::new()],
            many,
        ] {
            assert_eq!(through(&mut Shaper::default(), &documents), documents);
        }
    }

    #[test]
    fn a_shape_is_kept_once() {
        let mut shaper = Shaper::default();
        let mut put = |text: &str| shaper.put(text.as_bytes(), &scalars(text.as_bytes()).unwrap());
        assert_eq!(put(r#"{"a":1,"b":["x","y"]}"#), 0);
        assert_eq!(put(r#"{"a":-2.5e3,"b":["","long"]}"#), 0);
        assert_eq!(put(r#"{"a":1,"b":["x"]}"#), 1);
        assert_eq!(put(r#"{"a":"1","b":["x"]}"#), 2);
        assert_eq!(shaper.names.len(), 2);
    }

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

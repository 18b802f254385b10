//! The documents of a block: what stands between their values once per shape, and their values column by column.
//!
//! Findings of one provider have the same shape: the same names in the same order, with other values between them. So
//! the shape is kept once, and a document is a shape and its values. A value stands in the column of its property's name,
//! whatever shape it belongs to, and each column keeps every value once, or, if nearly all differ, all of them. What is
//! compressed is a third of the text then, and what has been read is put together only for the documents that somebody
//! asks for.

mod shaper;

use bytes::Bytes;

use super::codec::Reader;

pub(super) use shaper::Shaper;

/// A document of more values is kept as one value.
const VALUES_MAX: usize = 1_024;

/// One place for a value: what stands before it, and its column.
#[derive(Clone, Copy, Debug)]
struct Hole {
    piece: u32,
    column: u32,
}

/// The bytes of a code in a column of so many values that stands so often in documents. It needs none if there is one
/// value, or one for each time: they are in the order of documents then.
const fn width(values: usize, occurs: usize) -> usize {
    match values {
        0 | 1 => 0,
        _ if values == occurs => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
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

/// A column while its codes are read.
struct ColumnPart {
    /// Its first value, and their number.
    first: usize,
    count: usize,
    /// How often it stands in documents, and how many of these have been read.
    occurs: usize,
    taken: usize,
}

impl ColumnPart {
    /// The next one of its codes.
    fn next(&mut self, codes: &[u8]) -> u32 {
        let at = self.taken;
        self.taken += 1;
        if self.count == self.occurs {
            return at as u32;
        }
        let width = width(self.count, self.occurs);
        let mut code = [0; 4];
        code[..width].copy_from_slice(&codes[at * width..][..width]);
        u32::from_le_bytes(code)
    }
}

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
            columns.push(ColumnPart {
                first,
                count: values.len() - first,
                occurs: 0,
                taken: 0,
            });
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
        columns: &mut [ColumnPart],
        shapes: &[u32],
    ) -> Option<Vec<DocumentId>> {
        let mut documents = Vec::with_capacity(shapes.len());
        let mut first = 0;
        for &shape in shapes {
            let holes = self.holes_of(shape)?;
            documents.push(DocumentId { shape, first });
            first += holes.len() as u32;
            for hole in holes {
                columns.get_mut(hole.column as usize)?.occurs += 1;
            }
        }
        let mut codes = Vec::with_capacity(columns.len());
        for column in &*columns {
            let width = width(column.count, column.occurs);
            codes.push(reader.take(width.checked_mul(column.occurs)?)?);
        }
        self.codes.reserve_exact(first as usize);
        for &shape in shapes {
            let (end, _) = self.forms[shape as usize];
            for hole in &self.holes[self.start(shape)..end as usize] {
                let column = hole.column as usize;
                let of_column = codes[column];
                let column = &mut columns[column];
                let code = column.next(of_column);
                let code = below(code.into(), column.count)?;
                self.codes.push(column.first as u32 + code);
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

/// Reads what `Texts::encode` wrote: where each text stands.
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

    use super::super::codec::Writer;
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
    fn values_that_differ_come_back_also_when_they_no_longer_do() {
        let mut shaper = Shaper::default();
        let block = |step: usize| -> Vec<Vec<u8>> {
            let document = |number: usize| {
                format!(r#"{{"Id":"{}","Other":{}}}"#, number / step, number / 3).into_bytes()
            };
            (0..200).map(document).collect()
        };
        for step in 1..40 {
            assert_eq!(through(&mut shaper, &block(step)), block(step));
        }
    }

    #[test]
    fn shapes_are_learnt_anew_when_there_are_too_many() {
        let mut shaper = Shaper::default();
        for block in 0..30 {
            let long = "n".repeat(2_000);
            let document = |number| format!(r#"{{"{long}{block}-{number}":1}}"#).into_bytes();
            let documents: Vec<Vec<u8>> = (0..200).map(document).collect();
            assert_eq!(through(&mut shaper, &documents), documents);
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
    }
}

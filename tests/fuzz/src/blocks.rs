//! What the store reads from its disk: any bytes are told from what was written, and what is written reads back. Bytes that
//! stand for each other's lengths never ask for more memory than the limits say.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use muster_common::field::{Field, Kind};
use muster_common::finding::{Row, Value};
use muster_common::timestamp::Timestamp;
use muster_store::fuzzing::{Part, body, commit, frames, head, packed, round_trip};

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    match choice % 8 {
        0 => drop(head(rest)),
        1 => drop(body(rest)),
        2 => drop(head(&packed(rest))),
        3 => drop(body(&packed(rest))),
        4 => frames(rest),
        5 => commit(rest),
        kind => drop(written(&mut Unstructured::new(rest), kind == 7)),
    }
}

/// Writes a block and reads it back, and once more after damage.
fn written(dice: &mut Unstructured<'_>, damaged: bool) -> Result<()> {
    let edits = if damaged {
        <[(u16, u8); 4]>::arbitrary(dice)?
    } else {
        Default::default()
    };
    let count = dice.int_in_range(0..=40)?;
    let mut sequence = 0_u64;
    let parts: Result<Vec<Part>> = (0..count).map(|_| part(dice, &mut sequence)).collect();
    let (mut rows, mut documents) = round_trip(parts?);
    if damaged {
        for (at, with) in edits {
            let section = if at % 2 == 0 {
                &mut rows
            } else {
                &mut documents
            };
            let at = usize::from(at / 2) % section.len();
            section[at] ^= with;
        }
        let _ = (head(&rows), body(&documents));
    }
    Ok(())
}

fn part(dice: &mut Unstructured<'_>, sequence: &mut u64) -> Result<Part> {
    let step: u64 = if dice.ratio(1, 8)? {
        dice.int_in_range(1..=1 << 40)?
    } else {
        1
    };
    *sequence += step;
    Ok(Part {
        sequence: *sequence,
        previous: u64::arbitrary(dice)?,
        key: dice.arbitrary()?,
        event: dice.arbitrary()?,
        recorded_at: dice.arbitrary()?,
        actor: (*dice.choose(&["", "ana", "spiffe://muster.example/operator/ana"])?).to_owned(),
        id_digest: dice.arbitrary()?,
        row: row(dice)?,
        overlay: dice.arbitrary()?,
        document: document(dice)?,
    })
}

/// Mostly JSON, in a few shapes.
fn document(dice: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let id: u16 = dice.arbitrary()?;
    Ok(match dice.int_in_range(0..=5)? {
        0 => dice.arbitrary()?,
        1 => Vec::new(),
        2 => format!("[{id}, {{ \"a\": [ ] }}, \"\", null]").into_bytes(),
        3 => format!(r#"{{"Id":"\u00e9{}","Tags":{{"t":"{id}"}}}}"#, id % 3).into_bytes(),
        _ => format!(
            r#"{{"Id":"{id}","Types":["a","b{}"],"Sample":true}}"#,
            id % 3
        )
        .into_bytes(),
    })
}

/// Fields in the order of their codes, some with several values.
fn row(dice: &mut Unstructured<'_>) -> Result<Row> {
    let mut counts = BTreeMap::new();
    for _ in 0..dice.int_in_range(0..=12)? {
        let field = *dice.choose(Field::ALL)?;
        *counts.entry(field.code()).or_insert(0) += 1;
    }
    let mut row = Row::default();
    for (code, count) in counts {
        let field = Field::from_code(code).expect("it is a field's");
        for _ in 0..count {
            match field.kind() {
                Kind::Text | Kind::Address | Kind::Keyword => {
                    row.push(field, Value::Text(text(dice)?));
                }
                Kind::Map => row.push(field, Value::Pair(text(dice)?, text(dice)?)),
                Kind::Number => row.push(field, Value::Number(dice.arbitrary()?)),
                Kind::Date => {
                    let time = Timestamp::from_millis(dice.arbitrary()?);
                    row.push(field, Value::Date(time));
                }
                Kind::Flag => row.push(field, Value::Flag(dice.arbitrary()?)),
            }
        }
    }
    Ok(row)
}

/// Mostly what other findings of the block have too.
fn text<'a>(dice: &mut Unstructured<'a>) -> Result<&'a str> {
    if dice.ratio(1, 4)? {
        return dice.arbitrary();
    }
    dice.choose(&["", "HIGH", "111122223333", "AwsS3Bucket"])
        .copied()
}

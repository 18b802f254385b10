//! Findings as providers send them: what is read is JSON and nothing else, comes back equal, and says in its row what it
//! says in its document.

use std::ops::ControlFlow;

use muster_common::field::{Field, FieldSet};
use muster_common::finding::{
    self, FINDING_BYTES_MAX, INDEXED, InvalidFinding, Overlay, Reading, Row, changes, compose,
    documents, for_each_document, render, wire,
};
use muster_common::timestamp::Timestamp;
use serde_json::Value as Json;

use crate::places::{PLACES, values};

const SEEN_AT: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    file(data);
    let json = serde_json::from_slice::<Json>(data).ok();
    let read = finding::read(data);
    syntax(read.as_ref().err(), json.as_ref());
    syntax(
        finding::fields(data, FieldSet::ALL).as_ref().err(),
        json.as_ref(),
    );
    let Some(document) = json else {
        assert!(read.is_err(), "what is no JSON was read");
        return;
    };
    typed(data, &document);
    if let Ok(reading) = read {
        let shown = comes_back(data, &document, &reading);
        says_the_same(&reading, &shown);
        reads_again(&reading, &shown);
        // Where a name stands twice, others read the last one.
        let plain = serde_json::to_vec(&document).expect("it was JSON");
        if let Ok(reading) = finding::read(&plain) {
            let shown = rendered(&plain, &reading.initial);
            naively_read(&reading, &shown);
        }
    }
}

/// The reader finds fault with the JSON exactly if `serde_json` does, unless it finds fault with the finding first.
fn syntax(error: Option<&InvalidFinding>, json: Option<&Json>) {
    match error {
        None => assert!(json.is_some(), "what is no JSON was accepted"),
        Some(InvalidFinding::Syntax(what)) => {
            assert!(json.is_none(), "JSON was refused: {what}");
        }
        Some(InvalidFinding::Format(_) | InvalidFinding::TooLarge { .. }) => {}
    }
}

/// A file of findings gives JSON objects, wherever reading it pauses.
fn file(data: &[u8]) {
    let whole = documents(data);
    let mut slowly = Vec::new();
    let reader = std::io::BufReader::with_capacity(3, data);
    let read = for_each_document(reader, &mut |document| {
        slowly.push(document.to_vec());
        ControlFlow::Continue(())
    });
    match (whole, read) {
        (Ok(whole), Ok(count)) => {
            assert_eq!(whole, slowly);
            assert_eq!(count, slowly.len());
        }
        (Err(_), Err(_)) => {}
        (whole, slowly) => panic!("{whole:?} at once and {slowly:?} slowly"),
    }
    for document in slowly {
        let json = serde_json::from_slice::<&serde_json::value::RawValue>(&document);
        assert!(json.is_ok_and(|json| json.get().starts_with('{')));
    }
}

/// As a message it comes back equal, whatever it is.
fn typed(data: &[u8], document: &Json) {
    let Ok(message) = wire::from_json(data) else {
        assert!(!document.is_object());
        return;
    };
    let back = wire::to_json(&message).expect("the message was made from a document");
    let back: Json = serde_json::from_slice(&back).expect("it is written as JSON");
    assert_eq!(&back, document);
}

fn rendered(data: &[u8], overlay: &Overlay) -> Json {
    let shown = render(data, overlay, SEEN_AT).expect("it was read");
    serde_json::from_slice(&shown).expect("it is rendered as JSON")
}

/// What the provider sent stands in what readers see, but for what others own or decide.
fn comes_back(data: &[u8], document: &Json, reading: &Reading) -> Vec<u8> {
    let shown = render(data, &reading.initial, SEEN_AT).expect("it was read");
    let json: Json = serde_json::from_slice(&shown).expect("it is rendered as JSON");
    for (name, value) in document.as_object().expect("it was read") {
        let provided = document["FindingProviderFields"].get(name);
        let decided = value.is_null()
            || match name.as_str() {
                "Severity" | "FindingProviderFields" | "ProductFields" | "Workflow" => true,
                "Types" | "Confidence" | "Criticality" | "RelatedFindings" => provided.is_some(),
                _ => false,
            };
        assert!(decided || json.get(name) == Some(value), "{name}");
    }
    let _ = changes(data, &shown).expect("both are JSON");
    shown
}

/// Row and document say the same.
fn says_the_same(reading: &Reading, shown: &[u8]) {
    let told = finding::fields(shown, INDEXED).expect("what is shown is a finding");
    let kept = compose(reading.row.clone(), &reading.initial);
    for &field in Field::ALL {
        assert_eq!(said(&kept, field), said(&told, field), "{field}");
    }
}

fn said(row: &Row, field: Field) -> Vec<String> {
    row.values(field)
        .map(|value| format!("{value:?}"))
        .collect()
}

/// What readers see can be sent again, and is the same finding.
fn reads_again(reading: &Reading, shown: &[u8]) {
    match finding::read(shown) {
        Ok(again) => {
            assert_eq!(again.key, reading.key);
            assert_eq!(again.updated_at, reading.updated_at);
        }
        // It grows by what the service fills in.
        Err(_) if shown.len() > FINDING_BYTES_MAX => {}
        Err(error) => panic!("what is shown is no finding: {error}"),
    }
}

/// The row has what stands at the paths of its fields.
fn naively_read(reading: &Reading, shown: &Json) {
    let row = compose(reading.row.clone(), &reading.initial);
    for (field, path) in PLACES {
        if !INDEXED.has(*field) {
            continue;
        }
        let naive: Vec<_> = values(shown, *field, path)
            .into_iter()
            .map(|value| format!("{value:?}"))
            .collect();
        let mut kept = said(&row, *field);
        let mut naive = naive;
        // Members have no order.
        kept.sort_unstable();
        naive.sort_unstable();
        assert_eq!(kept, naive, "{field}");
    }
}

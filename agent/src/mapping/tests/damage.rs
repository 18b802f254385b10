//! Damaged findings: members are missing, or of another type than documented.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Mapping, SAMPLES, fault, place};

#[derive(Clone, Debug)]
enum Damage {
    Removed,
    Replaced(Value),
    Wrapped,
    Repeated(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!("  "),
        json!("\u{df}\u{1f980}".repeat(700)),
        json!(format!("{}x", " ".repeat(3000))),
        json!("a/b/c/d//:::"),
        json!("111122223333"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "": { "": [] } }),
        json!([["x"], { "key": 1, "value": [] }]),
    ];
    prop_oneof![
        2 => Just(Damage::Removed),
        4 => prop::sample::select(values.to_vec()).prop_map(Damage::Replaced),
        1 => Just(Damage::Wrapped),
        1 => (2_usize..70).prop_map(Damage::Repeated),
    ]
}

fn inflict(finding: &mut Value, at: Index, damage: Damage) {
    let mut pointers = Vec::new();
    walk(finding, String::new(), &mut pointers);
    let Some(pointer) = (!pointers.is_empty()).then(|| at.get(&pointers)) else {
        return;
    };
    let place = finding.pointer_mut(pointer).unwrap();
    match damage {
        Damage::Removed => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            match finding.pointer_mut(parent).unwrap() {
                Value::Object(members) => drop(members.remove(&unescaped(name))),
                Value::Array(items) => drop(items.remove(name.parse().unwrap())),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        Damage::Replaced(value) => *place = value,
        Damage::Wrapped => *place = json!([place.take()]),
        Damage::Repeated(times) => {
            if let Value::Array(items) = place {
                let all = items.iter().cycle().take(items.len() * times);
                *items = all.cloned().collect();
            }
        }
    }
}

fn walk(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            walk(member, format!("{pointer}/{}", escaped(name)), pointers);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| {
            walk(item, format!("{pointer}/{at}"), pointers);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    if !pointer.is_empty() {
        pointers.push(pointer);
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

fn sample() -> impl Strategy<Value = (&'static str, Mapping, Value)> {
    prop::sample::select(SAMPLES.to_vec())
        .prop_map(|(name, mapping, text)| (name, mapping, serde_json::from_str(text).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_damaged_finding_is_refused_or_passes_the_format(
        (name, mapping, mut finding) in sample(),
        damages in prop::collection::vec((any::<Index>(), damage()), 1..8),
    ) {
        for (at, damage) in damages {
            inflict(&mut finding, at, damage);
        }
        if let Ok(document) = mapping(&finding, &place()) {
            prop_assert_eq!(fault(&document), None, "{}", name);
        }
    }
}

#[test]
fn any_member_may_be_missing_or_of_another_type() {
    for (name, mapping, text) in SAMPLES {
        let whole: Value = serde_json::from_str(text).unwrap();
        let mut pointers = Vec::new();
        walk(&whole, String::new(), &mut pointers);
        for pointer in pointers {
            for other in [
                Value::Null,
                json!([{ "x": 1 }]),
                json!({ "x": [1] }),
                json!("x"),
                json!(7),
            ] {
                let mut finding = whole.clone();
                *finding.pointer_mut(&pointer).unwrap() = other;
                if let Ok(document) = mapping(&finding, &place()) {
                    assert_eq!(fault(&document), None, "{name} {pointer}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for (name, mapping, _) in SAMPLES {
        for other in [json!(null), json!([]), json!("x"), json!(1), json!({})] {
            assert!(mapping(&other, &place()).is_err(), "{name} {other}");
        }
    }
}

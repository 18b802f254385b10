//! Builds JSON objects member by member; what has no value gets no member.

use muster_common::timestamp::Timestamp;
use serde_json::{Map, Number, Value};

use super::native::Native;

#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn with(mut self, name: &str, value: impl Member) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: impl Member) {
        if let Some(value) = value.json() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// With the members of the other too.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// What can be the value of a member. Empty objects and lists and text without a visible character are no values.
pub(super) trait Member {
    fn json(self) -> Option<Value>;
}

impl<T: Member> Member for Option<T> {
    fn json(self) -> Option<Value> {
        self.and_then(Member::json)
    }
}

impl<T: Member> Member for Vec<T> {
    fn json(self) -> Option<Value> {
        let items: Vec<Value> = self.into_iter().filter_map(Member::json).collect();
        (!items.is_empty()).then_some(Value::Array(items))
    }
}

impl Member for Object {
    fn json(self) -> Option<Value> {
        (!self.0.is_empty()).then(|| self.into_value())
    }
}

impl Member for Value {
    fn json(self) -> Option<Value> {
        Some(self)
    }
}

impl Member for &str {
    fn json(self) -> Option<Value> {
        is_visible(self).then(|| self.into())
    }
}

impl Member for String {
    fn json(self) -> Option<Value> {
        is_visible(&self).then(|| self.into())
    }
}

impl Member for bool {
    fn json(self) -> Option<Value> {
        Some(self.into())
    }
}

impl Member for i64 {
    fn json(self) -> Option<Value> {
        Some(self.into())
    }
}

impl Member for &Number {
    fn json(self) -> Option<Value> {
        Some(self.clone().into())
    }
}

impl Member for Timestamp {
    fn json(self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

/// The same with the first letter of every name in upper case, which is how ASFF spells what other services have in
/// common with it.
pub(super) fn capitalized(native: Native<'_>) -> Option<Value> {
    let items = |list: &[Value]| {
        list.iter()
            .filter_map(|item| capitalized(Native::new(item)))
            .collect::<Vec<_>>()
    };
    match native.value()? {
        Value::Object(_) => native
            .members()
            .fold(Object::default(), |object, (name, value)| {
                object.with(&capitalize(name), capitalized(value))
            })
            .json(),
        Value::Array(list) => items(list).json(),
        Value::String(text) => text.as_str().json(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Some(other.clone()),
    }
}

fn is_visible(text: &str) -> bool {
    !text.trim().is_empty()
}

fn capitalize(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

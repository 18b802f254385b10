//! Text by text, as `ProductFields`, `Details.Other` and `Tags` hold it: the first come stay, the rest is counted.

use serde_json::Value;

use super::native::{self, Native};
use super::object::{Member, Object};
use super::text::{abridged, longer};

pub(super) struct Fields {
    pairs: Vec<(String, String)>,
    limits: Limits,
    /// Whether an empty list, object or text is something to tell.
    pub keeps_empty: bool,
    dropped: usize,
}

/// Lengths are in characters.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    count: usize,
    key: usize,
    value: usize,
}

/// Source: Security Hub API Reference, `AwsSecurityFinding`, `ResourceDetails` and `Resource`. Three product fields are
/// the service's: the finding's id and the names of product and company.
pub(super) const PRODUCT_FIELDS: Limits = Limits {
    count: 50 - 3,
    key: 128,
    value: 2048,
};
pub(super) const OTHER: Limits = Limits {
    count: 50,
    key: 128,
    value: 1024,
};
pub(super) const TAGS: Limits = Limits {
    count: 50,
    key: 128,
    value: 256,
};

impl Fields {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            pairs: Vec::new(),
            limits,
            keeps_empty: true,
            dropped: 0,
        }
    }

    /// How many pairs found no room.
    pub(super) fn dropped(&self) -> usize {
        self.dropped
    }

    /// Adds a pair; of two with the same key the first stays. Long values are cut, which dots show.
    pub(super) fn push(&mut self, key: impl Into<String>, value: &str) {
        let key = key.into();
        if self.pairs.iter().any(|(known, _)| *known == key) {
            return;
        }
        if self.pairs.len() == self.limits.count || longer(&key, self.limits.key) {
            self.dropped += 1;
            return;
        }
        self.pairs.push((key, abridged(value, self.limits.value)));
    }

    /// Says in a pair how many found no room, here and elsewhere; another pair makes room for it.
    pub(super) fn note_dropped(&mut self, key: &str, elsewhere: usize) {
        if self.dropped + elsewhere == 0 {
            return;
        }
        if self.pairs.len() == self.limits.count {
            self.pairs.pop();
            self.dropped += 1;
        }
        let dropped = (self.dropped + elsewhere).to_string();
        self.push(key, &dropped);
    }

    /// Adds the scalars of a tree under their paths, `key/member`, with `key.0_` for the items of a list; an empty list
    /// or object is an empty text. Numbers that are times by their name become times.
    ///
    /// Source: GuardDuty findings as Security Hub shows them, such as
    /// `aws/guardduty/service/additionalInfo/recentApiCalls.0_/api`.
    pub(super) fn flatten(&mut self, key: &str, native: Native<'_>) {
        let Some(value) = native.value() else { return };
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.push(key, if *flag { "true" } else { "false" }),
            Value::Number(number) => match native::moment(value).filter(|_| names_time(key)) {
                Some(time) => self.push(key, &time.to_string()),
                None => self.push(key, &number.to_string()),
            },
            Value::String(text) if text.is_empty() => self.push_empty(key),
            Value::String(text) => self.push(key, text),
            Value::Array(items) if items.is_empty() => self.push_empty(key),
            Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| {
                self.flatten(&format!("{key}.{at}_"), Native::new(item));
            }),
            Value::Object(members) if members.is_empty() => self.push_empty(key),
            Value::Object(_) => native.members().for_each(|(name, member)| {
                self.flatten(&format!("{key}/{name}"), member);
            }),
        }
    }

    fn push_empty(&mut self, key: &str) {
        if self.keeps_empty {
            self.push(key, "");
        }
    }

    /// Adds what an object has besides the named members, each under its name after a prefix.
    pub(super) fn rest(&mut self, prefix: &str, object: Native<'_>, named: &[&str]) {
        object
            .members()
            .filter(|(name, _)| !named.contains(&name.as_str()))
            .for_each(|(name, member)| self.flatten(&format!("{prefix}{name}"), member));
    }
}

impl Member for Fields {
    fn json(self) -> Option<Value> {
        self.pairs
            .into_iter()
            .fold(Object::default(), |object, (key, value)| {
                object.with(&key, Value::String(value))
            })
            .json()
    }
}

fn names_time(key: &str) -> bool {
    key.ends_with("At") || key.ends_with("Time")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_flattened_as_security_hub_shows_it() {
        let native = json!({
            "city": { "cityName": "" },
            "portsScannedSample": [22, 443],
            "recentApiCalls": [{ "api": "GetObject", "count": 2 }],
            "affectedResources": {},
            "sourceIPs": [],
            "blocked": false,
            "errorCode": null,
            "startTime": 1_793_520_000.5,
        });
        let mut fields = Fields::new(PRODUCT_FIELDS);
        fields.flatten("x", Native::new(&native));
        assert_eq!(
            fields.json(),
            Some(json!({
                "x/city/cityName": "",
                "x/portsScannedSample.0_": "22",
                "x/portsScannedSample.1_": "443",
                "x/recentApiCalls.0_/api": "GetObject",
                "x/recentApiCalls.0_/count": "2",
                "x/affectedResources": "",
                "x/sourceIPs": "",
                "x/blocked": "false",
                "x/startTime": "2026-11-01T08:00:00.500Z",
            }))
        );
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut fields = Fields::new(Limits {
            count: 2,
            key: 3,
            value: 4,
        });
        fields.push("a", "\u{e4}\u{f6}\u{fc}\u{df}x");
        fields.push("long", "x");
        fields.push("b", "x");
        fields.push("b", "y");
        fields.push("c", "x");
        assert_eq!(fields.dropped(), 2);
        assert_eq!(fields.json(), Some(json!({ "a": "\u{e4}...", "b": "x" })));
    }
}

//! One test of one value.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::finding::Value;
use crate::timestamp::{DAY, Timestamp};

/// What a value must satisfy. Text is compared as it is; only words are compared in any case.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Equals(String),
    Prefix(String),
    Contains(String),
    /// A whole word, or several in a row; in any case.
    Word(String),
    Number(NumberTest),
    Date(DateTest),
    /// An address within a block: the network's bits, and how many of them count.
    Within {
        network: IpAddr,
        bits: u8,
    },
    /// The value of a key.
    Key {
        key: String,
        value: Box<Self>,
    },
    Flag(bool),
    /// Words that all occur, each as by [`Test::Word`], anywhere in the finding.
    Words(Vec<String>),
}

/// Bounds of a number; all that are given must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberTest {
    pub gte: Option<f64>,
    pub lte: Option<f64>,
    pub gt: Option<f64>,
    pub lt: Option<f64>,
    pub eq: Option<f64>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateTest {
    /// Inclusive bounds.
    Between {
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    },
    /// At most so many days back from now.
    Within { days: u32 },
    /// More than so many days back from now.
    OlderThan { days: u32 },
}

impl Test {
    /// Whether it holds for the same values at any time.
    #[must_use]
    pub const fn is_timeless(&self) -> bool {
        !matches!(
            self,
            Self::Date(DateTest::Within { .. } | DateTest::OlderThan { .. })
        )
    }

    /// Whether a value satisfies it. A value of another kind satisfies nothing.
    #[must_use]
    pub fn holds(&self, value: Value<'_>, now: Timestamp) -> bool {
        match (self, value) {
            (Self::Key { key, value }, Value::Pair(name, text)) => {
                key == name && value.holds(Value::Text(text), now)
            }
            (Self::Word(word), Value::Text(text) | Value::Pair(_, text)) => has_word(text, word),
            (Self::Equals(other), Value::Text(text)) => text == other,
            (Self::Prefix(start), Value::Text(text)) => text.starts_with(start.as_str()),
            (Self::Contains(part), Value::Text(text)) => text.contains(part.as_str()),
            (Self::Within { network, bits }, Value::Text(text)) => text
                .parse()
                .is_ok_and(|address| within(address, *network, *bits)),
            (Self::Number(test), Value::Number(number)) => test.holds(number),
            (Self::Date(test), Value::Date(time)) => test.holds(time, now),
            (Self::Flag(flag), Value::Flag(value)) => *flag == value,
            (
                Self::Equals(_)
                | Self::Prefix(_)
                | Self::Contains(_)
                | Self::Word(_)
                | Self::Number(_)
                | Self::Date(_)
                | Self::Within { .. }
                | Self::Key { .. }
                | Self::Flag(_)
                | Self::Words(_),
                _,
            ) => false,
        }
    }
}

impl Test {
    /// Whether all words occur in a document: each as a whole word of some text in it.
    pub(super) fn occurs(&self, document: &[u8]) -> bool {
        let Self::Words(words) = self else {
            return false;
        };
        let Ok(document) = serde_json::from_slice::<Json>(document) else {
            return false;
        };
        words.iter().all(|word| stands_in(&document, word))
    }
}

fn stands_in(json: &Json, word: &str) -> bool {
    match json {
        Json::String(text) => has_word(text, word),
        Json::Array(items) => items.iter().any(|item| stands_in(item, word)),
        Json::Object(members) => members.values().any(|member| stands_in(member, word)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

impl NumberTest {
    #[must_use]
    pub fn holds(&self, number: f64) -> bool {
        let Self {
            gte,
            lte,
            gt,
            lt,
            eq,
        } = *self;
        gte.is_none_or(|bound| number >= bound)
            && lte.is_none_or(|bound| number <= bound)
            && gt.is_none_or(|bound| number > bound)
            && lt.is_none_or(|bound| number < bound)
            && eq.is_none_or(|bound| number == bound)
    }
}

impl DateTest {
    #[must_use]
    pub fn holds(self, time: Timestamp, now: Timestamp) -> bool {
        let (first, last) = self.bounds(now);
        first <= time && time <= last
    }

    /// The first and the last time that it holds for; the first is later if there are none.
    #[must_use]
    pub fn bounds(self, now: Timestamp) -> (Timestamp, Timestamp) {
        const EVER: (Timestamp, Timestamp) = (
            Timestamp::from_millis(i64::MIN),
            Timestamp::from_millis(i64::MAX),
        );
        let back = |days: u32| now.plus(-DAY * i64::from(days));
        match self {
            Self::Between { start, end } => (start.unwrap_or(EVER.0), end.unwrap_or(EVER.1)),
            Self::Within { days } => (back(days), now),
            Self::OlderThan { days } => (EVER.0, back(days).plus(-1)),
        }
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differ = u32::from(address) ^ u32::from(network);
            bits == 0 || differ >> (32 - u32::from(bits.min(32))) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differ = u128::from(address) ^ u128::from(network);
            bits == 0 || differ >> (128 - u32::from(bits.min(128))) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Whether `word` stands in `text` with no letter or digit on either side, in any case.
fn has_word(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return false;
    }
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let (first, last) = (word.chars().next(), word.chars().next_back());
    let apart = |inner: Option<char>, outer: Option<char>| {
        !(inner.is_some_and(char::is_alphanumeric) && outer.is_some_and(char::is_alphanumeric))
    };
    let mut from = 0;
    while let Some(found) = text[from..].find(&word) {
        let at = from + found;
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        if apart(first, before) && apart(last, after) {
            return true;
        }
        // The next one may begin within this one.
        from = at + first.map_or(1, char::len_utf8);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone_in_any_case() {
        for (text, word, stands) in [
            ("Root user signed in", "root", true),
            ("Rootkit found", "root", false),
            ("kernel-root", "ROOT", true),
            ("port 22 open", "22", true),
            ("port 2222 open", "22", false),
            ("arn:aws:s3:::data", "s3:::data", true),
            ("Überwachung", "überwachung", true),
            ("anything", "", false),
            ("xa-a-a", "a-a", true),
            ("\u{fc}ber\u{fc}ber", "ber\u{fc}ber", false),
        ] {
            assert_eq!(has_word(text, word), stands, "{word} in {text}");
        }
    }

    #[test]
    fn blocks_hold_their_addresses() {
        let holds = |block: &str, bits, address: &str| {
            within(address.parse().unwrap(), block.parse().unwrap(), bits)
        };
        assert!(holds("198.51.100.0", 24, "198.51.100.7"));
        assert!(!holds("198.51.100.0", 24, "198.51.101.7"));
        assert!(holds("0.0.0.0", 0, "203.0.113.1"));
        assert!(holds("2001:db8::", 32, "2001:db8:1::1"));
        assert!(!holds("2001:db8::", 32, "2001:db9::1"));
        assert!(!holds("::", 0, "203.0.113.1"));
    }

    #[test]
    fn days_count_back_from_now() {
        let now = Timestamp::from_millis(100 * DAY);
        let test = DateTest::Within { days: 1 };
        assert!(test.holds(now.plus(-DAY), now));
        assert!(!test.holds(now.plus(-DAY - 1), now));
        assert!(!test.holds(now.plus(1), now));
        assert!(DateTest::OlderThan { days: 1 }.holds(now.plus(-DAY - 1), now));
    }
}

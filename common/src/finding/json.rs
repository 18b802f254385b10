//! A reader of JSON text that builds nothing: it hands out scalars as they stand and steps through objects and lists.
//!
//! It accepts what `serde_json` accepts and nothing else, with the same limit of depth, so that what is stored can be
//! parsed by everyone after. It exists because every finding passes through here, and because a visitor that may be
//! asked for anything costs twice as much as a reader that is told what comes.

use std::borrow::Cow;

/// Objects and lists within each other, as `serde_json` limits them.
const DEPTH_MAX: u32 = 127;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What stands next.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Flag(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// Step through it with [`Reader::member`] before anything else is read.
    Object,
    /// Step through it with [`Reader::item`].
    List,
}

/// Where a scalar stands in a document, in bytes; a string without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub start: u32,
    pub end: u32,
}

/// Stands before a value, or behind one.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// Where the scalars stand that were read so far, if that is asked for.
    scalars: Option<Vec<Scalar>>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            scalars: None,
        }
    }

    /// Also notes where the scalars stand, in `room`.
    pub(super) const fn noting(text: &'a str, room: Vec<Scalar>) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            scalars: Some(room),
        }
    }

    /// What was noted so far.
    pub(super) fn scalars(&self) -> &[Scalar] {
        self.scalars.as_deref().unwrap_or_default()
    }

    /// What was noted.
    pub(super) fn into_scalars(self) -> Vec<Scalar> {
        self.scalars.unwrap_or_default()
    }

    /// Reads a scalar, or enters an object or a list.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let first = self.visible();
        let start = self.at;
        let (token, quote) = match first {
            Some(b'"') => (Token::Text(self.string()?), 1),
            Some(b'{') => return self.enter().map(|()| Token::Object),
            Some(b'[') => return self.enter().map(|()| Token::List),
            Some(b'n') => (self.word("null").map(|()| Token::Null)?, 0),
            Some(b't') => (self.word("true").map(|()| Token::Flag(true))?, 0),
            Some(b'f') => (self.word("false").map(|()| Token::Flag(false))?, 0),
            Some(b'-' | b'0'..=b'9') => (Token::Number(self.number()?), 0),
            Some(_) | None => return Err(Malformed),
        };
        if let Some(scalars) = &mut self.scalars {
            scalars.push(Scalar {
                start: (start + quote) as u32,
                end: (self.at - quote) as u32,
            });
        }
        Ok(token)
    }

    /// The name of an object's next member; `None` at its end.
    #[inline]
    pub(super) fn member(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Malformed> {
        if self.ends(b'}', first)? {
            return Ok(None);
        }
        if self.visible() != Some(b'"') {
            return Err(Malformed);
        }
        let name = self.string()?;
        if self.visible() != Some(b':') {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Whether a list has one more item.
    pub(super) fn item(&mut self, first: bool) -> Result<bool, Malformed> {
        self.ends(b']', first).map(|ends| !ends)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let token = self.token()?;
        self.leave(&token)
    }

    /// Passes over what stands in an object or a list that was just entered.
    pub(super) fn leave(&mut self, token: &Token<'_>) -> Result<(), Malformed> {
        let mut first = true;
        match token {
            Token::Object => {
                while self.member(first)?.is_some() {
                    self.skip()?;
                    first = false;
                }
            }
            Token::List => {
                while self.item(first)? {
                    self.skip()?;
                    first = false;
                }
            }
            Token::Null | Token::Flag(_) | Token::Number(_) | Token::Text(_) => {}
        }
        Ok(())
    }

    /// How much has been read, in bytes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Passes over what is known to stand next.
    pub(super) const fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.visible().map_or(Ok(()), |_| Err(Malformed))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn visible(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    fn enter(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Malformed);
        }
        Ok(())
    }

    /// Whether the end of an object or list stands here. Passes over it, or over the comma before the next one.
    fn ends(&mut self, end: u8, first: bool) -> Result<bool, Malformed> {
        match self.visible() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(true)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if first => Ok(false),
            Some(_) | None => Err(Malformed),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(Malformed);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<f64, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.text[start..self.at].parse() {
            Ok(number) if f64::is_finite(number) => Ok(number),
            Ok(_) | Err(_) => Err(Malformed),
        }
    }

    /// A string, from its first quote on.
    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let start = self.at + 1;
        let end = special(self.text.as_bytes(), start).ok_or(Malformed)?;
        if self.text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.at = end;
        self.string_with_escapes(start).map(Cow::Owned)
    }

    /// A string that started at `start` and goes on here, where something stands that is no plain character.
    #[cold]
    fn string_with_escapes(&mut self, start: usize) -> Result<String, Malformed> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escaped()?);
                }
                // A control character.
                Some(_) | None => return Err(Malformed),
            }
            let start = self.at;
            self.at = special(self.text.as_bytes(), start).ok_or(Malformed)?;
            text.push_str(&self.text[start..self.at]);
        }
    }

    /// The character that an escape stands for, behind its backslash.
    fn escaped(&mut self) -> Result<char, Malformed> {
        let kind = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let mut units = vec![unit];
                if (0xd800..0xdc00).contains(&unit) {
                    self.word("\\u")?;
                    units.push(self.unit()?);
                }
                let mut decoded = char::decode_utf16(units);
                match (decoded.next(), decoded.next()) {
                    (Some(Ok(character)), None) => character,
                    _ => return Err(Malformed),
                }
            }
            _ => return Err(Malformed),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, Malformed> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.ok_or(Malformed)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Malformed)?;
            Ok(unit << 4 | digit as u16)
        })
    }
}

/// Where the next quote, backslash or control character stands; eight bytes are looked at together.
#[inline]
fn special(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest high bit that is set marks the first byte below a bound, if the byte's own high bit is not set.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*eight);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = (below(word, 0x20) | quote | backslash) & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let found = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    found.map(|place| at + place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    /// Reads a whole text into what `serde_json` would make of it.
    fn parsed(text: &str) -> Result<Json, Malformed> {
        fn value(reader: &mut Reader<'_>) -> Result<Json, Malformed> {
            Ok(match reader.token()? {
                Token::Null => Json::Null,
                Token::Flag(flag) => Json::Bool(flag),
                Token::Number(number) => number.into(),
                Token::Text(text) => text.into_owned().into(),
                Token::Object => {
                    let mut members = serde_json::Map::new();
                    while let Some(name) = reader.member(members.is_empty())? {
                        members.insert(name.into_owned(), value(reader)?);
                    }
                    members.into()
                }
                Token::List => {
                    let mut items = Vec::new();
                    while reader.item(items.is_empty())? {
                        items.push(value(reader)?);
                    }
                    items.into()
                }
            })
        }
        let mut reader = Reader::new(text);
        let parsed = value(&mut reader)?;
        reader.end()?;
        Ok(parsed)
    }

    fn skipped(text: &str) -> Result<(), Malformed> {
        let mut reader = Reader::new(text);
        reader.skip()?;
        reader.end()
    }

    /// Numbers as this reader has them.
    fn floats(json: Json) -> Json {
        match json {
            Json::Number(number) => number.as_f64().unwrap().into(),
            Json::Array(items) => items.into_iter().map(floats).collect(),
            Json::Object(members) => members
                .into_iter()
                .map(|(name, member)| (name, floats(member)))
                .collect(),
            scalar @ (Json::Null | Json::Bool(_) | Json::String(_)) => scalar,
        }
    }

    fn agree(text: &str) -> Result<(), TestCaseError> {
        let theirs = serde_json::from_str::<Json>(text);
        prop_assert_eq!(parsed(text).ok(), theirs.ok().map(floats), "{}", text);
        prop_assert_eq!(skipped(text).is_ok(), parsed(text).is_ok(), "{}", text);
        Ok(())
    }

    #[test]
    fn it_accepts_what_serde_json_accepts() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = |depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        for text in [
            "",
            " ",
            "nul",
            "null",
            "nulll",
            "tru",
            "-",
            "-0",
            "01",
            "1.",
            ".5",
            "1e5",
            "1E+5",
            "1e",
            "1e999",
            "-1e-999",
            "18446744073709551616",
            "0.1",
            "1 2",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{,}",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ud83dx\"",
            "\"\\u00e9\\n\\/\"",
            "\"tab\there\"",
            "\"open",
            "\"esc\\",
            "\u{feff}1",
            "[1]]",
            "{\"a\":[{\"b\":null}]}",
            "\"long enough for eight bytes \\\" and more\"",
            "\"é über alles €\"",
        ] {
            agree(text).unwrap();
        }
        for depth in 120..135 {
            agree(&nested(depth)).unwrap();
            agree(&objects(depth)).unwrap();
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json_on_any_text(text in r#"[\[\]{}:,"\\ \nu0-9a-f.+eE-]{0,24}"#) {
            agree(&text)?;
        }

        #[test]
        fn it_agrees_with_serde_json_on_broken_findings(at in 0_usize..400, with in any::<char>()) {
            let mut text: Vec<char> = r#"{"Id":"a\u00e9b","Severity":{"Label":"LOW","Normalized":1.5e1},"Types":["a/b","c\\d"],"Sample":true,"Note":null,"Resources":[{"Tags":{"a":"b"}},{}]}"#
                .chars()
                .collect();
            if let Some(place) = text.get_mut(at / 2) {
                *place = with;
            }
            text.truncate(if at % 2 == 0 { at } else { 400 });
            agree(&text.into_iter().collect::<String>())?;
        }
    }
}

//! Files of findings: where in them the findings stand.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// The longest single finding, and the longest object with `Findings`, in bytes.
const VALUE_BYTES_MAX: usize = 16 << 20;

/// Text that holds no findings.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFile {
    #[error("line {line}: {what}")]
    Syntax { line: usize, what: String },
    #[error(
        "it holds no findings: expected an ASFF object, an array of them, an object with \"Findings\", or one object per line"
    )]
    NoFindings,
    #[error("it is UTF-16; save it as UTF-8")]
    Utf16,
    #[error(transparent)]
    Unreadable(#[from] io::Error),
}

/// The findings in a text, each as its own JSON text. See [`for_each_document`].
///
/// # Errors
/// [`InvalidFile`] names the place where the text stops being JSON.
pub fn documents(text: &[u8]) -> Result<Vec<Vec<u8>>, InvalidFile> {
    let mut found = Vec::new();
    for_each_document(text, &mut |document| {
        found.push(document.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Reads findings one by one, in memory for one of them: one object, an array, the input of BatchImportFindings (an
/// object with `Findings`), or several of these one after the other, as in JSON lines. They are not checked here.
/// The answer is their number, or the number up to where `each` broke off.
///
/// # Errors
/// [`InvalidFile`] names the place where the text stops being JSON.
pub fn for_each_document(
    reader: impl BufRead,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<usize, InvalidFile> {
    let used = Rc::new(Cell::new(0));
    let mut reader = Counted {
        reader,
        lines: 0,
        used: Rc::clone(&used),
    };
    let mut gather = Gather {
        each,
        used,
        count: 0,
        stopped: false,
    };
    reader.begin()?;
    while let Some(first) = reader.peek()? {
        let before = reader.lines;
        gather.used.set(0);
        let mut value = serde_json::Deserializer::from_reader(&mut reader);
        let read = match first {
            b'[' => gather.list(&mut value),
            b'{' => gather.object(&mut value),
            _ => return Err(InvalidFile::NoFindings),
        };
        match read {
            Ok(()) => {}
            Err(_) if gather.stopped => return Ok(gather.count),
            Err(error) => return Err(invalid(before, error)),
        }
    }
    Ok(gather.count)
}

struct Gather<'a> {
    each: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    used: Rc<Cell<usize>>,
    count: usize,
    stopped: bool,
}

#[derive(serde::Deserialize)]
struct Wrapped<'a> {
    #[serde(rename = "Findings", borrow)]
    findings: Option<Vec<&'a RawValue>>,
    #[serde(rename = "SchemaVersion")]
    schema_version: Option<Json>,
}

impl Gather<'_> {
    fn list<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        value.deserialize_seq(self)
    }

    fn object<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        let object = Box::<RawValue>::deserialize(value)?;
        self.item(object.get()).map_err(D::Error::custom)
    }

    fn item(&mut self, text: &str) -> Result<(), &'static str> {
        self.used.set(0);
        if !text.starts_with('{') {
            return Err("expected an object");
        }
        match serde_json::from_str::<Wrapped<'_>>(text) {
            Ok(Wrapped {
                findings: Some(findings),
                schema_version: None,
            }) => findings
                .iter()
                .try_for_each(|finding| self.finding(finding.get())),
            Ok(_) | Err(_) => self.finding(text),
        }
    }

    fn finding(&mut self, text: &str) -> Result<(), &'static str> {
        match (self.each)(text.as_bytes()) {
            ControlFlow::Continue(()) => {
                self.count += 1;
                Ok(())
            }
            ControlFlow::Break(()) => {
                self.stopped = true;
                Err("stopped")
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Gather<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let item = Box::<RawValue>::deserialize(deserializer)?;
        self.item(item.get()).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for &mut Gather<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of findings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }
}

/// Counts lines for messages, and bytes so that no value grows without end.
struct Counted<R> {
    reader: R,
    lines: usize,
    used: Rc<Cell<usize>>,
}

impl<R: BufRead> Counted<R> {
    /// Skips the mark that some editors put before UTF-8.
    fn begin(&mut self) -> Result<(), InvalidFile> {
        match *self.reader.fill_buf()? {
            [0xfe | 0xff, ..] | [0, ..] | [_, 0, ..] => return Err(InvalidFile::Utf16),
            [0xef, ..] => {}
            _ => return Ok(()),
        }
        let mut mark = [0; 3];
        match self.reader.read_exact(&mut mark) {
            Ok(()) if mark == *b"\xef\xbb\xbf" => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            Ok(()) | Err(_) => Err(InvalidFile::NoFindings),
        }
    }

    /// Skips white space and shows what follows.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let Some(first) = buffer.first().copied() else {
                return Ok(None);
            };
            if !first.is_ascii_whitespace() {
                return Ok(Some(first));
            }
            self.lines += usize::from(first == b'\n');
            self.reader.consume(1);
        }
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        self.used.set(self.used.get() + read);
        if self.used.get() > VALUE_BYTES_MAX {
            return Err(io::Error::other(format!(
                "a value is longer than {VALUE_BYTES_MAX} bytes"
            )));
        }
        Ok(read)
    }
}

fn invalid(lines_before: usize, error: serde_json::Error) -> InvalidFile {
    if error.is_io() {
        return InvalidFile::Unreadable(error.into());
    }
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
    InvalidFile::Syntax {
        line: lines_before + error.line(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Vec<String>, InvalidFile> {
        Ok(documents(text.as_bytes())?
            .into_iter()
            .map(|document| String::from_utf8(document).unwrap())
            .collect())
    }

    #[test]
    fn findings_are_found_in_every_usual_form() {
        let one = r#"{"SchemaVersion":"2018-10-08","n":1}"#;
        let two = r#"{"n": 2}"#;
        for text in [
            format!("[{one},{two}]"),
            format!("{{\"Findings\":[{one},{two}]}}"),
            format!("{one}\n{two}\n"),
            format!("[{one}]\n{{\"Findings\":[{two}]}}"),
        ] {
            assert_eq!(found(&text).unwrap(), [one, two], "{text}");
        }
        assert_eq!(found(" \n").unwrap(), Vec::<String>::new());
        assert_eq!(found("[]").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn other_text_is_refused_with_its_place() {
        let message = |text: &str| found(text).unwrap_err().to_string();
        assert!(message("7").starts_with("it holds no findings"));
        assert_eq!(message("[7]"), "line 1: expected an object");
        assert_eq!(message("[{\"a\":1},"), "line 1: EOF while parsing a value");
        assert_eq!(
            message("{\"a\":1}\n\n{oops}"),
            "line 3: key must be a string"
        );
        assert_eq!(message("[{\"a\":1},\n{\"b\":}]"), "line 2: expected value");
    }

    #[test]
    fn the_mark_of_an_encoding_is_understood() {
        assert_eq!(found("\u{feff}[{}]").unwrap(), ["{}"]);
        for utf16 in [&b"\xff\xfe{\0"[..], b"\xfe\xff\0{", b"{\0}\0", b"\0{\0}"] {
            assert!(
                matches!(documents(utf16), Err(InvalidFile::Utf16)),
                "{utf16:?}"
            );
        }
        assert!(matches!(
            documents(b"\xef\xbb"),
            Err(InvalidFile::NoFindings)
        ));
    }

    #[test]
    fn a_finding_without_end_is_refused() {
        let endless = std::io::BufReader::new(b"[{\"a\":\"".chain(std::io::repeat(b'x')));
        let error = for_each_document(endless, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(error.to_string(), "a value is longer than 16777216 bytes");
    }

    #[test]
    fn reading_stops_when_it_is_asked_to() {
        let mut seen = 0;
        let read = for_each_document(&b"[{},{},{}]"[..], &mut |_| {
            seen += 1;
            if seen == 2 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        assert_eq!((read.unwrap(), seen), (1, 2));
    }
}

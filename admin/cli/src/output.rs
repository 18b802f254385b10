//! Output: tables for people, JSON, JSON lines and CSV for programs. Colors only on a terminal.

mod sink;
mod table;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use muster_common::text::{escaped, is_visible, visible};
use serde_json::Value as Json;

use crate::failure::Failure;
#[cfg(test)]
pub(crate) use sink::said;
#[cfg(test)]
pub(crate) use table::at_width;
pub(crate) use table::{Cell, Paint};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
    /// One document per line, as they come
    Jsonl,
    /// The columns of the table
    Csv,
}

/// Prints answers in the chosen format.
#[derive(Clone, Copy)]
pub(crate) struct Printer {
    pub format: Format,
}

/// A list on its way out.
pub(crate) struct List {
    format: Format,
    headers: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
    documents: u64,
    csv: Option<csv::Writer<sink::Out>>,
}

impl Printer {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Starts a list. Nothing of it is held back but for tables.
    pub(crate) const fn list(&self, headers: &'static [&'static str]) -> List {
        List {
            format: self.format,
            headers,
            rows: Vec::new(),
            documents: 0,
            csv: None,
        }
    }

    /// Prints one thing: lines for people, without the empty ones; a document for programs.
    pub(crate) fn one(&self, lines: &[(&str, Cell)], document: &Json) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                let said = || lines.iter().filter(|(_, cell)| !cell.plain().is_empty());
                let width = said()
                    .map(|(name, _)| name.chars().count())
                    .max()
                    .unwrap_or(0);
                let mut out = sink::out();
                for (name, cell) in said() {
                    writeln!(out, "{name:width$}  {}", cell.painted())?;
                }
                Ok(())
            }
            Format::Json => print_document(document),
            Format::Jsonl => print_json(document),
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(sink::out());
                csv.write_record(lines.iter().map(|(name, _)| *name))
                    .map_err(csv_failure)?;
                csv.write_record(lines.iter().map(|(_, cell)| csv_text(cell)))
                    .map_err(csv_failure)?;
                Ok(csv.flush()?)
            }
        }
    }

    /// Tells people that something was done; programs see the exit code.
    pub(crate) fn done(&self, text: &str) -> Result<(), Failure> {
        match self.format {
            Format::Table => print_line(&visible(text)),
            Format::Json | Format::Jsonl | Format::Csv => Ok(()),
        }
    }
}

impl List {
    pub(crate) fn push(
        &mut self,
        cells: Vec<Cell>,
        document: impl FnOnce() -> Json,
    ) -> Result<(), Failure> {
        self.documents += 1;
        match self.format {
            Format::Table => {
                self.rows.push(cells);
                Ok(())
            }
            Format::Json => {
                let opening = if self.documents == 1 { "[\n" } else { ",\n" };
                let document = json_text(serde_json::to_string_pretty(&document()));
                print_raw(&format!("{opening}{document}"))
            }
            Format::Jsonl => print_json(&document()),
            Format::Csv => {
                let csv = self.csv_writer()?;
                csv.write_record(cells.iter().map(csv_text))
                    .map_err(csv_failure)?;
                Ok(())
            }
        }
    }

    /// Ends the list. `note` is for people, and stands below a table.
    pub(crate) fn finish(mut self, note: &str) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                if !self.rows.is_empty() {
                    print_line(&table::render(self.headers, &self.rows))?;
                }
                if !note.is_empty() {
                    print_note(note);
                }
                Ok(())
            }
            Format::Json if self.documents == 0 => print_line("[]"),
            Format::Json => print_line("\n]"),
            Format::Jsonl => Ok(()),
            Format::Csv => Ok(self.csv_writer()?.flush()?),
        }
    }

    fn csv_writer(&mut self) -> Result<&mut csv::Writer<sink::Out>, Failure> {
        if self.csv.is_none() {
            let mut csv = csv::Writer::from_writer(sink::out());
            csv.write_record(self.headers.iter().map(|header| header.to_lowercase()))
                .map_err(csv_failure)?;
            self.csv = Some(csv);
        }
        self.csv.as_mut().ok_or_else(|| Failure::other("no output"))
    }
}

fn print_document(document: &Json) -> Result<(), Failure> {
    print_line(&json_text(serde_json::to_string_pretty(document)))
}

/// Prints a document on one line.
pub(crate) fn print_json(document: &Json) -> Result<(), Failure> {
    print_line(&json_text(serde_json::to_string(document)))
}

/// L01: what came from outside cannot steer the terminal. Files and pipes get it as it is.
fn csv_text(cell: &Cell) -> String {
    if sink::is_terminal() {
        escaped(&cell.plain())
    } else {
        cell.plain()
    }
}

fn json_text(text: Result<String, serde_json::Error>) -> String {
    let text = text.unwrap_or_default();
    if sink::is_terminal() {
        json_escaped(&text)
    } else {
        text
    }
}

/// The same document without characters that nobody sees: they only stand in strings, where JSON can spell them.
fn json_escaped(text: &str) -> String {
    let hidden = |char: char| char != '\n' && !is_visible(char.encode_utf8(&mut [0; 4]));
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if hidden(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(char);
        }
    }
    escaped
}

pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(sink::out(), "{text}")?)
}

fn print_raw(text: &str) -> Result<(), Failure> {
    Ok(sink::out().write_all(text.as_bytes())?)
}

/// Tells people something beside the output.
pub(crate) fn print_note(text: &str) {
    sink::tell(&escaped(text));
}

fn csv_failure(error: csv::Error) -> Failure {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        return error.into();
    }
    Failure::other(text)
}

/// A bar for something that may take a while; hidden where nobody watches.
pub(crate) fn progress(total: u64, doing: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total)
        .with_style(style)
        .with_message(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_is_the_same_document() {
        let document = serde_json::json!({ "a\u{9b}": ["\u{202e}\u{1b}\u{e0041}", "plain ü"] });
        let text = serde_json::to_string_pretty(&document).unwrap();
        let escaped = json_escaped(&text);
        assert!(escaped.lines().all(is_visible), "{escaped}");
        assert_eq!(serde_json::from_str::<Json>(&escaped).unwrap(), document);
    }
}

//! Tables: one line per row, as wide as the terminal allows.

use std::io::IsTerminal as _;

use comfy_table::{Attribute, ContentArrangement, Row, Table};

/// One place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
    Critical,
    Dim,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, paint: Paint) -> Self {
        Self {
            text: text.into(),
            paint,
        }
    }

    /// The text as programs get it. A text that a spreadsheet would run as a formula is disarmed.
    pub(crate) fn plain(&self) -> String {
        match self.text.chars().next() {
            Some('=' | '+' | '@' | '\t' | '\r') => format!("'{}", self.text),
            Some('-') if self.text.len() > 1 => format!("'{}", self.text),
            Some(_) | None => self.text.clone(),
        }
    }

    /// The text with its color, if there is a terminal to show it.
    pub(crate) fn painted(&self) -> String {
        let text = visible(&self.text);
        let code = match self.paint {
            _ if !colorful() => return text,
            Paint::Plain => return text,
            Paint::Good => "32",
            Paint::Warning => "33",
            Paint::Bad => "31",
            Paint::Critical => "1;31",
            Paint::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Paint::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Paint::Plain)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::new(number.to_string(), Paint::Plain)
    }
}

/// L01: what came from outside cannot steer the terminal.
fn visible(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is a convention of all command lines"
)]
fn colorful() -> bool {
    std::io::stdout().is_terminal() && std::env::var("NO_COLOR").map_or(true, |set| set.is_empty())
}

pub(super) fn render(headers: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    let bold = |header: &&str| comfy_table::Cell::new(header).add_attribute(Attribute::Bold);
    table.set_header(headers.iter().map(bold));
    for cells in rows {
        let mut row = Row::from(cells.iter().map(styled).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    let columns = headers.len();
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if at + 1 == columns { 0 } else { 2 }));
    }
    table.trim_fmt()
}

fn styled(cell: &Cell) -> comfy_table::Cell {
    use comfy_table::Color;
    let styled = comfy_table::Cell::new(visible(&cell.text));
    match cell.paint {
        _ if !colorful() => styled,
        Paint::Plain => styled,
        Paint::Good => styled.fg(Color::Green),
        Paint::Warning => styled.fg(Color::Yellow),
        Paint::Bad => styled.fg(Color::Red),
        Paint::Critical => styled.fg(Color::Red).add_attribute(Attribute::Bold),
        Paint::Dim => styled.add_attribute(Attribute::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L04: a spreadsheet runs nothing.
    #[test]
    fn formulas_are_disarmed_in_csv() {
        let plain = |text: &str| Cell::from(text).plain();
        assert_eq!(plain("=1+1"), "'=1+1");
        assert_eq!(plain("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(plain("-2+3"), "'-2+3");
        assert_eq!(plain("-"), "-");
        assert_eq!(plain("plain"), "plain");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn rows_take_one_line() {
        let rows = vec![
            vec![Cell::from("a"), Cell::from("first")],
            vec![Cell::from("bbb"), Cell::from("second")],
        ];
        assert_eq!(
            render(&["NAME", "WHAT"], rows),
            "NAME  WHAT\na     first\nbbb   second"
        );
    }
}

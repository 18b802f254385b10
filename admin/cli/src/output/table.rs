//! Tables: one line per row, as wide as the terminal allows.

use comfy_table::{Attribute, ColumnConstraint, ContentArrangement, Row, Table, Width};
use muster_common::text::visible;

/// What a terminal that is too narrow leaves of a column of free text. Everything else stays whole.
const FREE_WIDTH_MIN: u16 = 12;

/// One place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
    free: bool,
    /// What programs get instead of the text.
    exact: Option<String>,
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
            free: false,
            exact: None,
        }
    }

    /// Text that a narrow table may cut, because nobody acts on it.
    pub(crate) fn free(text: impl Into<String>) -> Self {
        Self {
            free: true,
            ..Self::new(text, Paint::Plain)
        }
    }

    /// A text for people, and what it stands for.
    pub(crate) fn exactly(text: impl Into<String>, exact: impl Into<String>) -> Self {
        Self {
            exact: Some(exact.into()),
            ..Self::new(text, Paint::Plain)
        }
    }

    pub(crate) const fn dim(self) -> Self {
        self.painted_as(Paint::Dim)
    }

    pub(crate) const fn painted_as(mut self, paint: Paint) -> Self {
        self.paint = paint;
        self
    }

    /// The text as programs get it. A text that a spreadsheet would run as a formula is disarmed.
    pub(crate) fn plain(&self) -> String {
        let text = self.exact.as_ref().unwrap_or(&self.text);
        match text.chars().next() {
            Some('=' | '+' | '@' | '\t' | '\r') => format!("'{text}"),
            Some('-') if text.len() > 1 => format!("'{text}"),
            Some(_) | None => text.clone(),
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

#[expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is a convention of all command lines"
)]
fn colorful() -> bool {
    super::sink::is_terminal() && std::env::var("NO_COLOR").map_or(true, |set| set.is_empty())
}

/// The table, as wide as the terminal if its free text can make room, and as wide as it must be otherwise.
pub(super) fn render(headers: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut table = Table::new();
    if !super::sink::is_terminal() {
        table.force_no_tty();
    }
    arrange(table, headers, rows)
}

/// The table as a terminal of this width shows it.
#[cfg(test)]
pub(crate) fn at_width(width: u16, headers: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut table = Table::new();
    table.force_no_tty().set_width(width);
    arrange(table, headers, rows)
}

fn arrange(mut table: Table, headers: &[&str], rows: &[Vec<Cell>]) -> String {
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let bold = |header: &&str| comfy_table::Cell::new(header).add_attribute(Attribute::Bold);
    table.set_header(headers.iter().map(bold));
    for cells in rows {
        let mut row = Row::from(cells.iter().map(styled).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    let columns = headers.len();
    let widths = table.column_max_content_widths();
    for (at, column) in table.column_iter_mut().enumerate() {
        let gap = if at + 1 == columns { 0 } else { 2 };
        column.set_padding((0, gap));
        let free = rows
            .iter()
            .any(|row| row.get(at).is_some_and(|cell| cell.free));
        column.set_constraint(if free {
            let header = u16::try_from(headers[at].len()).unwrap_or(u16::MAX);
            let least = widths[at].min(FREE_WIDTH_MIN.max(header));
            ColumnConstraint::LowerBoundary(Width::Fixed(least + gap))
        } else {
            ColumnConstraint::ContentWidth
        });
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

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![
                "e25f830c-68a1-4a4e-9a2c-0c1f2d3e4f50".into(),
                "2026-11-20 08:00:00".into(),
                Cell::free("someone wrote a whole sentence here, and then another"),
                111_122_223_333.into(),
            ],
            vec!["b".into(), "never".into(), Cell::free("short"), 1.into()],
        ]
    }

    fn narrow(width: u16) -> String {
        at_width(width, &["AGENT", "TIME", "WHAT", "ACCOUNT"], &rows())
    }

    #[test]
    fn free_text_makes_room_and_nothing_else_does() {
        insta::assert_snapshot!(narrow(100), @"
        AGENT                                 TIME                 WHAT                     ACCOUNT
        e25f830c-68a1-4a4e-9a2c-0c1f2d3e4f50  2026-11-20 08:00:00  someone wrote a whole…   111122223333
        b                                     never                short                    1
        ");
        insta::assert_snapshot!(narrow(40), @"
        AGENT                                 TIME                 WHAT          ACCOUNT
        e25f830c-68a1-4a4e-9a2c-0c1f2d3e4f50  2026-11-20 08:00:00  someone…      111122223333
        b                                     never                short         1
        ");
    }

    #[test]
    fn rows_take_one_line() {
        let rows = vec![
            vec![Cell::from("a"), Cell::from("fi\u{202e}rst")],
            vec![Cell::from("bbb"), Cell::from("sec\u{1b}ond")],
        ];
        assert_eq!(
            render(&["NAME", "WHAT"], &rows),
            "NAME  WHAT\na     fi\u{fffd}rst\nbbb   sec\u{fffd}ond"
        );
    }
}

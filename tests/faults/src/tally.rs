//! What was tried, and what the books said afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What one or more scenarios did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How often what was tried, such as 200 `kills`.
    tried: BTreeMap<&'static str, u64>,
    books: Books,
}

/// The findings of one world, at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// What agents sent, as the server counted it: a finding that is sent again counts again.
    pub sent: u64,
    /// What was stored of it: as new, as newer, or because it was there already.
    pub stored: u64,
    /// Findings that queries see.
    pub visible: u64,
    /// What the product said is missing, with the reason; only where a scenario destroys the only copy.
    pub named: u64,
    /// What is missing and nobody said so.
    pub lost: u64,
}

impl Books {
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            sent,
            stored,
            visible,
            named,
            lost,
        } = other;
        self.sent += sent;
        self.stored += stored;
        self.visible += visible;
        self.named += named;
        self.lost += lost;
    }
}

impl Tally {
    pub(crate) const HEAD: &str = "| scenario | what is done | tried | sent | stored | visible | named as missing | lost | time |\n|---|---|---|---:|---:|---:|---:|---:|---:|";

    /// Counts what was tried.
    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.tried.entry(what).or_default() += times;
    }

    /// Takes the books of a world that is done with.
    pub(crate) fn close(&mut self, books: Books) {
        self.books.add(books);
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, times) in other.tried {
            self.count(what, times);
        }
        self.close(other.books);
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.books.lost
    }

    /// A row of a table in Markdown.
    pub(crate) fn row(&self, name: &str, does: &str, took: Duration) -> String {
        let Books {
            sent,
            stored,
            visible,
            named,
            lost,
        } = self.books;
        format!(
            "| {name} | {does} | {} | {sent} | {stored} | {visible} | {named} | {lost} | {} s |",
            self.words(),
            took.as_secs()
        )
    }

    fn words(&self) -> String {
        let tried = self.tried.iter();
        let words: Vec<String> = tried
            .map(|(what, times)| format!("{times} {what}"))
            .collect();
        words.join(", ")
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Books {
            sent,
            stored,
            visible,
            named,
            lost,
        } = self.books;
        write!(
            f,
            "{}: sent {sent}, stored {stored}, visible {visible}, named as missing {named}, lost {lost}",
            self.words()
        )
    }
}

//! Small ordered tables with transactions, for everything that is not a finding.
//!
//! A transaction is data, not a closure: what must hold, and what to write. The caller reads, decides with a pure
//! function, and commits what it expects to be still true; an engine checks and writes in one durable step. So nothing
//! is ever done twice inside a transaction, and one SQL statement list can do the same.

use std::fmt;

use crate::findings::Answer;

/// The tables of the house. The order gives the codes that are written to disk: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    Settings,
    Members,
    Invitations,
    Agents,
    Serials,
    Operators,
    Insights,
    Audit,
    Listings,
    /// Standards that an operator switched on or off.
    Standards,
    /// Controls that are off somewhere, and their parameters.
    Controls,
    /// Scores by day.
    Scores,
    /// What each agent reads of the configuration of its account.
    Readers,
}

impl Table {
    pub const ALL: [Self; 13] = [
        Self::Settings,
        Self::Members,
        Self::Invitations,
        Self::Agents,
        Self::Serials,
        Self::Operators,
        Self::Insights,
        Self::Audit,
        Self::Listings,
        Self::Standards,
        Self::Controls,
        Self::Scores,
        Self::Readers,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Members => "members",
            Self::Invitations => "invitations",
            Self::Agents => "agents",
            Self::Serials => "serials",
            Self::Operators => "operators",
            Self::Insights => "insights",
            Self::Audit => "audit",
            Self::Listings => "listings",
            Self::Standards => "standards",
            Self::Controls => "controls",
            Self::Scores => "scores",
            Self::Readers => "readers",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What must hold for a commit to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub table: Table,
    pub key: Vec<u8>,
    /// The whole value; `None`: no entry.
    pub value: Option<Vec<u8>>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Put {
        table: Table,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        table: Table,
        key: Vec<u8>,
    },
    /// Puts under the next free number of the table (8 bytes, big-endian), so that the order of the keys is the order
    /// of the commits and has no gaps.
    Append {
        table: Table,
        value: Vec<u8>,
    },
}

/// A transaction: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    pub expected: Vec<Expected>,
    pub ops: Vec<Op>,
}

/// Ordered tables of bytes. Keys sort as bytes.
pub trait Tables: Send + Sync {
    /// The value of a key.
    fn get(&self, table: Table, key: Vec<u8>) -> Answer<'_, Option<Vec<u8>>>;

    /// Up to `limit` entries, in the order that the bound gives.
    fn scan(&self, table: Table, bound: Bound, limit: usize) -> Answer<'_, Vec<Entry>>;

    /// Makes a transaction durable.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if an expectation does not hold.
    fn commit(&self, commit: Commit) -> Answer<'_, ()>;
}

/// Key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Where a scan starts and which way it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Forward from the start.
    Start,
    /// Forward, after this key.
    After(Vec<u8>),
    /// Backward, before this key.
    Before(Vec<u8>),
    /// Backward from the end.
    End,
}

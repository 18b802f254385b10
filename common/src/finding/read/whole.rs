//! A whole finding as it was read, and what is kept of it.

use std::cell::Cell;

use crate::account::AccountId;
use crate::finding::ProductArn;
use crate::finding::json::Scalar;
use crate::finding::row::Row;

/// Where whole findings are read into.
#[derive(Default)]
pub(super) struct Room {
    pub row: Row,
    pub scalars: Vec<Scalar>,
}

impl Room {
    /// That of this thread, empty. It comes back with what is read into it.
    pub(super) fn take() -> Self {
        ROOM.take()
    }
}

thread_local! {
    /// Findings wait for the disk in just the memory that they need, and reading one asks for no more than once for each
    /// part of it.
    static ROOM: Cell<Room> = Cell::default();
}

/// What a complete finding holds.
pub(in super::super) struct Whole<'a> {
    pub row: Row,
    pub id: String,
    pub account: AccountId,
    pub product: ProductArn,
    /// The properties that belong to operators, by name, as they stand in the document.
    pub owned: Vec<(&'static str, &'a str)>,
    pub scalars: Vec<Scalar>,
}

/// What is kept of a complete finding.
pub(in super::super) struct Parts {
    pub row: Row,
    pub id: String,
    pub account: AccountId,
    pub product: ProductArn,
    pub scalars: Vec<Scalar>,
}

impl Whole<'_> {
    /// Itself in just the memory that it needs.
    pub(in super::super) fn fitted(self) -> Parts {
        let Self {
            mut row,
            mut scalars,
            ..
        } = self;
        let parts = Parts {
            row: row.fitted(),
            id: self.id,
            account: self.account,
            product: self.product,
            scalars: scalars.as_slice().to_vec(),
        };
        row.clear();
        scalars.clear();
        ROOM.set(Room { row, scalars });
        parts
    }
}

//! The tables in sled.

use std::path::Path;

use super::{Trees, Write, number};
use crate::{Bound, Entry, Error, Table};

/// The last commit that is in sled.
const CAUGHT_UP: &[u8] = b"commit";
const CACHE_BYTES: u64 = 8 << 20;

pub(super) struct Sled {
    db: sled::Db,
    meta: sled::Tree,
    /// By table code.
    trees: Vec<sled::Tree>,
}

impl Sled {
    pub(super) fn open(path: &Path) -> sled::Result<Self> {
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .open()?;
        Ok(Self {
            meta: db.open_tree("meta")?,
            trees: Table::ALL
                .iter()
                .map(|table| db.open_tree(table.name()))
                .collect::<Result<_, _>>()?,
            db,
        })
    }

    fn tree(&self, table: Table) -> &sled::Tree {
        &self.trees[table as usize]
    }

    fn write(&self, commit: u64, writes: &[Write]) -> sled::Result<()> {
        for write in writes {
            match write {
                Write::Put { table, key, value } => {
                    self.tree(*table).insert(key, value.as_slice())?
                }
                Write::Delete { table, key } => self.tree(*table).remove(key)?,
            };
        }
        self.meta.insert(CAUGHT_UP, &commit.to_be_bytes())?;
        Ok(())
    }
}

impl Trees for Sled {
    fn caught_up(&self) -> Result<u64, Error> {
        let value = self.meta.get(CAUGHT_UP).map_err(refused)?;
        Ok(value.map_or(0, |value| number(&value)))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.tree(table).get(key).map_err(refused)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, table: Table, bound: &Bound, limit: usize) -> Result<Vec<Entry>, Error> {
        use std::ops::Bound::{Excluded, Unbounded};
        let read = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec()))
        };
        let tree = self.tree(table);
        let found: sled::Result<Vec<Entry>> = match bound {
            Bound::Start => tree.iter().take(limit).map(read).collect(),
            Bound::End => tree.iter().rev().take(limit).map(read).collect(),
            Bound::After(key) => tree
                .range::<&[u8], _>((Excluded(key.as_slice()), Unbounded))
                .take(limit)
                .map(read)
                .collect(),
            Bound::Before(key) => tree
                .range::<&[u8], _>(..key.as_slice())
                .rev()
                .take(limit)
                .map(read)
                .collect(),
        };
        found.map_err(refused)
    }

    fn last(&self, table: Table) -> Result<Option<Vec<u8>>, Error> {
        let last = self.tree(table).last().map_err(refused)?;
        Ok(last.map(|(key, _)| key.to_vec()))
    }

    fn apply(&self, commit: u64, writes: &[Write]) -> Result<(), Error> {
        self.write(commit, writes).map_err(refused)
    }

    fn flush(&self) -> Result<(), Error> {
        self.db.flush().map(|_| ()).map_err(refused)
    }
}

pub(super) fn refused(error: sled::Error) -> Error {
    match error {
        sled::Error::Io(error) => Error::Disk {
            path: "tables".to_owned(),
            reason: error.to_string(),
        },
        sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => Error::Damaged {
            what: format!("a table ({error})"),
        },
    }
}

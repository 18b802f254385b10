//! The shelf: the tables, kept in sled.
//!
//! The log is written first and holds every table write, so sled needs no flush of its own before an answer, and a sled
//! that cannot be opened is set aside and made again from the log. One key tells up to which commit it has caught up.

#[cfg(feature = "simulated")]
mod simulated;
mod sled;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

use self::sled::{Sled, refused};
use super::codec::{Reader, Writer};
use crate::{Bound, Entry, Error, Expected, Op, Table};

pub(super) struct Shelf {
    path: PathBuf,
    /// `None` after a disk error, until it can be opened again.
    open: RwLock<Option<Box<dyn Trees>>>,
}

/// What keeps the tables: sled, or what stands in for it on a simulated disk.
trait Trees: Send + Sync {
    fn caught_up(&self) -> Result<u64, Error>;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    fn scan(&self, table: Table, bound: &Bound, limit: usize) -> Result<Vec<Entry>, Error>;
    fn last(&self, table: Table) -> Result<Option<Vec<u8>>, Error>;
    fn apply(&self, commit: u64, writes: &[Write]) -> Result<(), Error>;
    fn flush(&self) -> Result<(), Error>;
}

/// A write as the log keeps it: every number is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Put {
        table: Table,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        table: Table,
        key: Vec<u8>,
    },
}

impl Shelf {
    /// Opens the shelf. If sled cannot, what it has is moved aside and the shelf starts empty, to be filled from the
    /// log; the answer tells where the old one lies.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<PathBuf>), Error> {
        #[cfg(feature = "simulated")]
        if muster_disk::simulated::holds(path) {
            return Ok((Self::of(path, simulated::Trees::open(path)?), None));
        }
        // sled panics on some kinds of damage.
        match catch_unwind(AssertUnwindSafe(|| Sled::open(path))) {
            Ok(Ok(open)) => Ok((Self::of(path, open), None)),
            Ok(Err(::sled::Error::Io(error))) if error.kind() != std::io::ErrorKind::Other => {
                Err(disk(path, &error))
            }
            Ok(Err(_)) | Err(_) => {
                let aside = free_name(path);
                std::fs::rename(path, &aside).map_err(|error| disk(path, &error))?;
                let open = Sled::open(path).map_err(|error| Error::Disk {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                })?;
                Ok((Self::of(path, open), Some(aside)))
            }
        }
    }

    fn of(path: &Path, open: impl Trees + 'static) -> Self {
        Self {
            path: path.to_owned(),
            open: RwLock::new(Some(Box::new(open))),
        }
    }

    /// Opens it again: after a disk error sled answers nothing any more. What it had not flushed is lost to it, and must
    /// be applied again.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        let mut open = self.open.write();
        let old = open.take();
        #[cfg(feature = "simulated")]
        if muster_disk::simulated::holds(&self.path) {
            *open = Some(Box::new(simulated::Trees::open(&self.path)?));
            return Ok(());
        }
        // sled panics on some kinds of damage, and its lock goes with the old one.
        let new = catch_unwind(AssertUnwindSafe(|| {
            drop(old);
            Sled::open(&self.path)
        }));
        let new = new.map_err(|_| Error::Damaged {
            what: self.path.display().to_string(),
        })?;
        *open = Some(Box::new(new.map_err(refused)?));
        Ok(())
    }

    /// The last commit whose writes are in.
    pub(super) fn caught_up(&self) -> Result<u64, Error> {
        self.with(|open| open.caught_up())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.with(|open| open.get(table, key))
    }

    pub(super) fn scan(
        &self,
        table: Table,
        bound: &Bound,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.with(|open| open.scan(table, bound, limit))
    }

    /// Whether everything expected holds.
    ///
    /// # Errors
    /// [`Error::Conflict`] names the first table that differs.
    pub(super) fn check(&self, expected: &[Expected]) -> Result<(), Error> {
        for Expected { table, key, value } in expected {
            if self.get(*table, key)? != *value {
                return Err(Error::Conflict { table: *table });
            }
        }
        Ok(())
    }

    /// Gives every appended entry its number.
    pub(super) fn number(&self, ops: Vec<Op>, taken: &mut Appended) -> Result<Vec<Write>, Error> {
        ops.into_iter()
            .map(|op| match op {
                Op::Put { table, key, value } => Ok(Write::Put { table, key, value }),
                Op::Delete { table, key } => Ok(Write::Delete { table, key }),
                Op::Append { table, value } => {
                    let last = match taken.last(table) {
                        Some(last) => last,
                        None => self.last_number(table)?,
                    };
                    taken.take(table, last + 1);
                    Ok(Write::Put {
                        table,
                        key: (last + 1).to_be_bytes().to_vec(),
                        value,
                    })
                }
            })
            .collect()
    }

    fn last_number(&self, table: Table) -> Result<u64, Error> {
        let last = self.with(|open| open.last(table))?;
        Ok(last.map_or(0, |key| number(&key)))
    }

    /// Puts the writes of a commit in. Doing it twice does no harm.
    pub(super) fn apply(&self, commit: u64, writes: &[Write]) -> Result<(), Error> {
        self.with(|open| open.apply(commit, writes))
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        self.with(|open| open.flush())
    }

    fn with<T>(&self, work: impl FnOnce(&dyn Trees) -> Result<T, Error>) -> Result<T, Error> {
        match &*self.open.read() {
            Some(open) => work(open.as_ref()),
            None => Err(Error::Disk {
                path: self.path.display().to_string(),
                reason: "it was closed by an earlier error".to_owned(),
            }),
        }
    }
}

/// The numbers that appended entries have taken within one durable step.
#[derive(Default)]
pub(super) struct Appended(Vec<(Table, u64)>);

impl Appended {
    fn last(&self, table: Table) -> Option<u64> {
        self.0
            .iter()
            .rev()
            .find(|(other, _)| *other == table)
            .map(|(_, number)| *number)
    }

    fn take(&mut self, table: Table, number: u64) {
        self.0.push((table, number));
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn disk(path: &Path, error: &std::io::Error) -> Error {
    Error::Disk {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// A name beside `path` that is not taken.
fn free_name(path: &Path) -> PathBuf {
    (1..)
        .map(|number| path.with_extension(format!("damaged-{number}")))
        .find(|name| !name.exists())
        .expect("there are more numbers than files")
}

/// Writes as bytes for the log.
pub(super) fn encode(writes: &[Write]) -> Vec<u8> {
    let mut bytes = Writer::default();
    for write in writes {
        match write {
            Write::Put { table, key, value } => {
                bytes.byte(1);
                bytes.byte(*table as u8);
                bytes.slice(key);
                bytes.slice(value);
            }
            Write::Delete { table, key } => {
                bytes.byte(2);
                bytes.byte(*table as u8);
                bytes.slice(key);
            }
        }
    }
    bytes.bytes
}

/// Reads what [`encode`] wrote; `None` if it is something else.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Write>> {
    let mut reader = Reader::new(bytes);
    let mut writes = Vec::new();
    while !reader.rest().is_empty() {
        let kind = reader.byte()?;
        let table = *Table::ALL.get(usize::from(reader.byte()?))?;
        let key = reader.slice()?.to_vec();
        writes.push(match kind {
            1 => Write::Put {
                table,
                key,
                value: reader.slice()?.to_vec(),
            },
            2 => Write::Delete { table, key },
            _ => return None,
        });
    }
    Some(writes)
}

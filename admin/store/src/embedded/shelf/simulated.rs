//! The tables on a simulated disk: a file of checked records, one per commit, and what they add up to in memory.
//!
//! As with sled, what was not flushed may be lost from some commit on, and no commit is there without those before it.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use muster_disk::fs::{self, File, OpenOptions};
use parking_lot::RwLock;

use super::{Write, decode, disk, encode};
use crate::{Bound, Entry, Error, Table};

/// Length, checksum, commit.
const HEADER: usize = 16;

pub(super) struct Trees(RwLock<State>);

struct State {
    file: File,
    bytes: u64,
    tables: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    caught_up: u64,
}

impl Trees {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        Self::read(folder).map_err(|error| disk(folder, &error))
    }

    fn read(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("tables");
        let known = fs::read(&path).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut state = State {
            file,
            bytes: 0,
            tables: BTreeMap::new(),
            caught_up: 0,
        };
        let mut rest = known.as_slice();
        while let Some((commit, body, behind)) = record(rest) {
            state.put(commit, &decode(body).unwrap_or_default());
            state.bytes += (HEADER + body.len()) as u64;
            rest = behind;
        }
        state.file.set_len(state.bytes)?;
        Ok(Self(RwLock::new(state)))
    }
}

/// The first record of some bytes, and what is behind it.
fn record(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let commit = u64::from_le_bytes(header[8..].try_into().ok()?);
    let (body, behind) = rest.split_at_checked(length)?;
    (commit != 0 && crc32fast::hash(body) == checksum).then_some((commit, body, behind))
}

impl State {
    fn put(&mut self, commit: u64, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put { table, key, value } => {
                    self.tables.insert((*table, key.clone()), value.clone());
                }
                Write::Delete { table, key } => {
                    self.tables.remove(&(*table, key.clone()));
                }
            }
        }
        self.caught_up = commit;
    }

    fn append(&mut self, commit: u64, writes: &[Write]) -> io::Result<()> {
        let body = encode(writes);
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(HEADER + body.len());
        record.extend(length.to_le_bytes());
        record.extend(crc32fast::hash(&body).to_le_bytes());
        record.extend(commit.to_le_bytes());
        record.extend(body);
        self.file.write_all_at(&record, self.bytes)?;
        self.bytes += record.len() as u64;
        Ok(())
    }
}

impl super::Trees for Trees {
    fn caught_up(&self) -> Result<u64, Error> {
        Ok(self.0.read().caught_up)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.read().tables.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, bound: &Bound, limit: usize) -> Result<Vec<Entry>, Error> {
        let state = self.0.read();
        let key = |key: &[u8]| (table, key.to_vec());
        let of_table = |((of, _), _): &(&(Table, Vec<u8>), &Vec<u8>)| *of == table;
        let entry = |((_, key), value): (&(Table, Vec<u8>), &Vec<u8>)| (key.clone(), value.clone());
        let all = match bound {
            Bound::Start | Bound::End => state.tables.range(key(&[])..),
            Bound::After(after) => state.tables.range((Excluded(key(after)), Unbounded)),
            Bound::Before(before) => state.tables.range(key(&[])..key(before)),
        };
        let all = all.take_while(of_table).map(entry);
        Ok(match bound {
            Bound::Start | Bound::After(_) => all.take(limit).collect(),
            Bound::End | Bound::Before(_) => {
                let mut all: Vec<Entry> = all.collect();
                all.reverse();
                all.truncate(limit);
                all
            }
        })
    }

    fn last(&self, table: Table) -> Result<Option<Vec<u8>>, Error> {
        let last = self.scan(table, &Bound::End, 1)?;
        Ok(last.into_iter().next().map(|(key, _)| key))
    }

    fn apply(&self, commit: u64, writes: &[Write]) -> Result<(), Error> {
        let mut state = self.0.write();
        state
            .append(commit, writes)
            .map_err(|error| disk(Path::new("tables"), &error))?;
        state.put(commit, writes);
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        let synced = self.0.read().file.sync_data();
        synced.map_err(|error| disk(Path::new("tables"), &error))
    }
}

//! The spool: findings on their way to the admin, on disk, numbered, bounded.
//!
//! In: documents in the order of their collection. Out: the oldest ones, with their sequences; and room again once the
//! admin has acknowledged them. Always: what [`Spool::append`] returned for survives `kill -9` and power loss; sequences
//! rise by one without gaps; it holds at most so many bytes, and says no before it holds more. Survives: everything that
//! was appended and not acknowledged. A damaged record is stepped over and told. It knows no meaning.

mod segment;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use uuid::Uuid;

pub(crate) use segment::write_whole;
use segment::{Read, Segment};

/// A segment is closed when it has grown past this.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Findings that wait.
pub struct Spool {
    folder: PathBuf,
    /// New for every new spool: the admin numbers by it.
    id: Uuid,
    segments: VecDeque<Segment>,
    /// The sequence of the last appended document.
    last: u64,
    /// Everything up to here is the admin's.
    acknowledged: u64,
    bytes_max: u64,
    damaged: u64,
}

/// A document with its place in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    pub sequence: u64,
    pub document: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the spool is full ({max} bytes); it takes more when the admin has acknowledged some")]
    Full { max: u64 },
    #[error("cannot use the spool in {path}: {reason}")]
    Disk { path: String, reason: String },
}

impl Spool {
    /// Opens a spool, a new one if there is none.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, Error> {
        let disk = |error: std::io::Error| Error::Disk {
            path: folder.display().to_string(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(disk)?;
        let (id, acknowledged) = read_head(folder).map_err(disk)?;
        let mut segments = VecDeque::new();
        let mut damaged = 0;
        for first in segment::list(folder).map_err(disk)? {
            let (segment, lost) = Segment::open(folder, first).map_err(disk)?;
            damaged += lost;
            segments.push_back(segment);
        }
        let last = segments
            .back()
            .map_or(acknowledged, Segment::last)
            .max(acknowledged);
        let mut spool = Self {
            folder: folder.to_owned(),
            id,
            segments,
            last,
            acknowledged,
            bytes_max,
            damaged,
        };
        spool.drop_acknowledged().map_err(disk)?;
        Ok(spool)
    }

    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// Records that could not be read since it was opened.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    #[must_use]
    pub const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Appends documents and waits for the disk: all of them or none.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Disk`].
    pub fn append(&mut self, documents: &[Bytes]) -> Result<(), Error> {
        if documents.is_empty() {
            return Ok(());
        }
        // An empty spool takes anything, or what is larger than it would wait forever.
        let bytes = self.bytes();
        if bytes > 0 && bytes + size(documents) > self.bytes_max {
            return Err(Error::Full {
                max: self.bytes_max,
            });
        }
        let next = self.last + 1;
        let closed = self
            .segments
            .back()
            .is_none_or(|segment| segment.bytes() > SEGMENT_BYTES);
        if closed {
            let segment = Segment::create(&self.folder, next).map_err(|error| self.disk(&error))?;
            self.segments.push_back(segment);
        }
        let appended = self
            .segments
            .back_mut()
            .map(|segment| segment.append(next, documents));
        match appended {
            Some(Ok(())) => {
                self.last += documents.len() as u64;
                Ok(())
            }
            Some(Err(error)) => Err(self.disk(&error)),
            None => Ok(()),
        }
    }

    /// The documents after a sequence, up to a number and a size; at least one if there is one. A damaged record ends
    /// the run; its place is taken by an empty document, so that sequences stay whole.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn read(&mut self, after: u64, count: usize, bytes: usize) -> Result<Vec<Spooled>, Error> {
        let mut found: Vec<Spooled> = Vec::new();
        let mut size = 0;
        let mut next = after.max(self.acknowledged) + 1;
        while next <= self.last && found.len() < count {
            let Some(segment) = self
                .segments
                .iter_mut()
                .rev()
                .find(|segment| segment.first() <= next)
            else {
                break;
            };
            let document = match segment.read(next).map_err(|error| Error::Disk {
                path: self.folder.display().to_string(),
                reason: error.to_string(),
            })? {
                Read::Document(document) => document,
                Read::Damaged => Bytes::new(),
            };
            size += document.len();
            if size > bytes && !found.is_empty() {
                break;
            }
            found.push(Spooled {
                sequence: next,
                document,
            });
            next += 1;
        }
        Ok(found)
    }

    /// Gives up what the admin has. What it acknowledges twice, or before, is given up once.
    ///
    /// # Errors
    /// [`Error::Disk`]; it is acknowledged again after the next start then.
    pub fn acknowledge(&mut self, through: u64) -> Result<(), Error> {
        let through = through.min(self.last);
        if through <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = through;
        write_head(&self.folder, self.id, through).map_err(|error| self.disk(&error))?;
        self.drop_acknowledged().map_err(|error| self.disk(&error))
    }

    fn drop_acknowledged(&mut self) -> std::io::Result<()> {
        while let Some(segment) = self.segments.front() {
            // The last segment goes too, once it is wholly acknowledged: an idle spool is empty.
            if segment.last() > self.acknowledged {
                break;
            }
            segment.remove()?;
            self.segments.pop_front();
        }
        Ok(())
    }

    fn disk(&self, error: &std::io::Error) -> Error {
        Error::Disk {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// Documents that are moved at a time.
const ADOPT_COUNT: usize = 1_000;
const ADOPT_BYTES: usize = 4 << 20;

/// Moves what waits in the other spools of a folder into this one, and removes them. Cut off in between, it moves some
/// documents twice. The answer is how many were moved; a full spool leaves the rest for the next start.
///
/// # Errors
/// [`Error::Disk`].
pub fn adopt(spool: &mut Spool, folder: &Path) -> Result<u64, Error> {
    let disk = |error: std::io::Error| Error::Disk {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    let mut moved = 0;
    for entry in std::fs::read_dir(folder).map_err(disk)? {
        let path = entry.map_err(disk)?.path();
        if path == spool.folder {
            continue;
        }
        let mut other = Spool::open(&path, u64::MAX)?;
        loop {
            let read = other.read(0, ADOPT_COUNT, ADOPT_BYTES)?;
            let Some(last) = read.last().map(|spooled| spooled.sequence) else {
                break;
            };
            let documents: Vec<Bytes> = read.into_iter().map(|spooled| spooled.document).collect();
            match spool.append(&documents) {
                Err(Error::Full { .. }) => return Ok(moved),
                other => other?,
            }
            moved += documents.len() as u64;
            other.acknowledge(last)?;
        }
        std::fs::remove_dir_all(&path).map_err(disk)?;
    }
    Ok(moved)
}

/// What documents take on disk.
#[must_use]
pub fn size(documents: &[Bytes]) -> u64 {
    documents.iter().map(segment::size).sum()
}

/// `HEAD`: the spool's id and what is acknowledged.
fn read_head(folder: &Path) -> std::io::Result<(Uuid, u64)> {
    let path = folder.join("HEAD");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = Uuid::new_v4();
            write_head(folder, id, 0)?;
            return Ok((id, 0));
        }
        Err(error) => return Err(error),
    };
    let read = || {
        let (id, acknowledged) = text.trim().split_once(' ')?;
        Some((id.parse().ok()?, acknowledged.parse().ok()?))
    };
    read().ok_or_else(|| {
        std::io::Error::other(format!(
            "{} is damaged; remove the spool folder to start anew",
            path.display()
        ))
    })
}

fn write_head(folder: &Path, id: Uuid, acknowledged: u64) -> std::io::Result<()> {
    write_whole(
        &folder.join("HEAD"),
        format!("{id} {acknowledged}\n").as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents(numbers: std::ops::Range<u64>) -> Vec<Bytes> {
        numbers
            .map(|number| Bytes::from(format!("finding {number}").repeat(20)))
            .collect()
    }

    fn open(folder: &Path) -> Spool {
        Spool::open(folder, 1 << 20).unwrap()
    }

    #[test]
    fn what_was_appended_comes_back_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        let id = spool.id();
        spool.append(&documents(1..11)).unwrap();
        spool.acknowledge(3).unwrap();
        drop(spool);
        let mut spool = open(folder.path());
        assert_eq!(
            (spool.id(), spool.last(), spool.acknowledged()),
            (id, 10, 3)
        );
        let read = spool.read(0, 100, 1 << 20).unwrap();
        assert_eq!(
            read.iter()
                .map(|spooled| spooled.sequence)
                .collect::<Vec<_>>(),
            (4..=10).collect::<Vec<_>>()
        );
        assert_eq!(read[0].document, documents(4..5)[0]);
        assert_eq!(spool.read(8, 1, 1).unwrap().len(), 1);
    }

    #[test]
    fn a_full_spool_says_no_and_takes_more_after_an_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 10_000).unwrap();
        let full = loop {
            let next = spool.last() + 1;
            match spool.append(&documents(next..next + 10)) {
                Ok(()) => assert!(spool.bytes() <= 10_000),
                Err(full) => break full,
            }
        };
        assert!(matches!(full, Error::Full { max: 10_000 }));
        spool.acknowledge(spool.last()).unwrap();
        assert_eq!(spool.bytes(), 0);
        spool.append(&documents(0..1)).unwrap();
    }

    /// Sequences never start over, or the admin would take new findings for old ones.
    #[test]
    fn an_emptied_spool_goes_on_counting() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        spool.append(&documents(1..4)).unwrap();
        spool.acknowledge(3).unwrap();
        drop(spool);
        let mut spool = open(folder.path());
        spool.append(&documents(4..5)).unwrap();
        assert_eq!(spool.read(0, 9, 1 << 20).unwrap()[0].sequence, 4);
    }

    #[test]
    fn a_torn_end_loses_nothing_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        spool.append(&documents(1..11)).unwrap();
        drop(spool);
        let path = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .find(|entry| entry.path().extension().is_some())
            .unwrap()
            .path();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut spool = open(folder.path());
            let read = spool.read(0, 100, 1 << 20).unwrap();
            for (at, spooled) in read.iter().enumerate() {
                assert_eq!(spooled.sequence, at as u64 + 1);
                assert_eq!(
                    spooled.document,
                    documents(spooled.sequence..spooled.sequence + 1)[0]
                );
            }
            spool.append(&documents(50..51)).unwrap();
            assert_eq!(spool.last(), read.len() as u64 + 1);
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_document_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        spool.append(&documents(1..11)).unwrap();
        drop(spool);
        let path = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .find(|entry| entry.path().extension().is_some())
            .unwrap()
            .path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        let mut spool = open(folder.path());
        let read = spool.read(0, 100, 1 << 20).unwrap();
        assert_eq!(read.len(), 10);
        assert_eq!(
            read.iter()
                .filter(|spooled| spooled.document.is_empty())
                .count(),
            1
        );
        assert_eq!(spool.damaged(), 1);
    }

    /// After a new enrollment the same findings go to the admin under a new number.
    #[test]
    fn what_waits_in_an_older_spool_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut older = open(&folder.path().join("a"));
        older.append(&documents(1..11)).unwrap();
        older.acknowledge(4).unwrap();
        drop(older);
        let mut spool = open(&folder.path().join("b"));
        spool.append(&documents(50..51)).unwrap();
        assert_eq!(adopt(&mut spool, folder.path()).unwrap(), 6);
        assert_eq!(adopt(&mut spool, folder.path()).unwrap(), 0);
        let read = spool.read(1, 100, 1 << 20).unwrap();
        let read: Vec<Bytes> = read.into_iter().map(|spooled| spooled.document).collect();
        assert_eq!(read, documents(5..11));
        assert!(!folder.path().join("a").exists());
    }

    proptest! {
        /// Against a queue in memory.
        #[test]
        fn it_behaves_like_a_queue(steps in prop::collection::vec((0..4_u8, 1..6_u64), 1..40)) {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = open(folder.path());
            let mut model: Vec<(u64, Bytes)> = Vec::new();
            let mut last = 0;
            for (kind, amount) in steps {
                match kind {
                    0 | 1 => {
                        let added = documents(last + 1..last + 1 + amount);
                        spool.append(&added).unwrap();
                        model.extend((last + 1..).zip(added));
                        last += amount;
                    }
                    2 => {
                        let through = model.first().map_or(0, |(first, _)| first + amount - 1);
                        spool.acknowledge(through).unwrap();
                        model.retain(|(sequence, _)| *sequence > through);
                    }
                    _ => spool = open(folder.path()),
                }
                let read = spool.read(0, 1_000, 1 << 20).unwrap();
                let read: Vec<_> = read.into_iter().map(|spooled| (spooled.sequence, spooled.document)).collect();
                prop_assert_eq!(&read, &model);
                prop_assert_eq!(spool.last(), last);
            }
        }
    }
}

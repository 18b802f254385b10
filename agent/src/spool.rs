//! The spool: findings on their way to the admin, on disk, numbered, bounded.
//!
//! In: documents in the order of their collection. Out: the oldest ones, with their sequences; and room again once the
//! admin has acknowledged them. Always: what [`Spool::append`] returned for survives `kill -9` and power loss; sequences
//! rise by one without gaps; it holds at most so many bytes, and says no before it holds more. Survives: everything that
//! was appended and not acknowledged. A damaged record is stepped over and told. It knows no meaning.
//!
//! What is acknowledged stands in `HEAD` and in the name of the first segment, whichever says more: a disk that is full
//! of findings takes no new `HEAD`, and gets its room from the segments that go.

mod head;
mod segment;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use muster_common::drill::{self, Limit, Point};
use muster_disk::fs::{self, File, make_folder};
use uuid::Uuid;

use head::Head;
pub(crate) use segment::write_whole;
use segment::{Read, Segment};

/// A segment is closed when it has grown past this.
const SEGMENT_BYTES: u64 = 4 << 20;
/// How often it is told that the disk is full.
const FULL_DISK_EVERY: Duration = Duration::from_secs(60);

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
    /// The disk refused to give back room that is acknowledged. Nothing is appended until it has.
    is_owed: bool,
    /// When it was told that the disk takes no `HEAD`; unset while it does.
    full_disk_told: Option<Instant>,
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
    /// Opens a spool, a new one if there is none. One whose `HEAD` is damaged starts anew.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, Error> {
        let (mut spool, whole) = Self::open_as_it_is(folder, bytes_max)?;
        if !whole {
            tracing::error!(
                spool = %folder.display(),
                "HEAD is damaged: what is here is sent again from a new spool, and the admin counts it once"
            );
            spool.start_anew()?;
        }
        Ok(spool)
    }

    /// Opens a spool. Also tells whether its `HEAD` is whole; its id is a new one otherwise.
    fn open_as_it_is(folder: &Path, bytes_max: u64) -> Result<(Self, bool), Error> {
        let disk = |error: std::io::Error| Error::Disk {
            path: folder.display().to_string(),
            reason: error.to_string(),
        };
        make_folder(folder, 0o700).map_err(disk)?;
        let Head {
            id,
            acknowledged: recorded,
            whole,
        } = head::read(folder).map_err(disk)?;
        let mut segments = VecDeque::new();
        let mut damaged = 0;
        for first in segment::list(folder).map_err(disk)? {
            let (segment, lost) = Segment::open(folder, first).map_err(disk)?;
            damaged += lost;
            segments.push_back(segment);
        }
        // Segments go only when they are acknowledged.
        let acknowledged = segments
            .front()
            .map_or(recorded, |front: &Segment| front.first() - 1)
            .max(recorded);
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
            is_owed: false,
            full_disk_told: None,
        };
        spool.drop_acknowledged().map_err(disk)?;
        Ok((spool, whole))
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
        if self.is_owed {
            self.drop_acknowledged()
                .map_err(|error| self.disk(&error))?;
        }
        // An empty spool takes anything, or what is larger than it would wait forever.
        let bytes = self.bytes();
        if bytes > 0 && bytes + size(documents) > self.bytes_max {
            return Err(Error::Full {
                max: self.bytes_max,
            });
        }
        let next = self.last + 1;
        let segment_bytes = drill::limit(Limit::SpoolSegmentBytes, SEGMENT_BYTES);
        let closed = self
            .segments
            .back()
            .is_none_or(|segment| segment.bytes() > segment_bytes);
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

    /// Gives up what the admin has. What it acknowledges twice, or before, is given up once. A disk that is full does not
    /// keep it from that: what is not written down is sent again after the next start, and the admin counts it once.
    ///
    /// # Errors
    /// [`Error::Disk`]; what it refused is tried again when it is acknowledged again, or at the next start.
    pub fn acknowledge(&mut self, through: u64) -> Result<(), Error> {
        let through = through.min(self.last).max(self.acknowledged);
        if through == self.acknowledged && !self.is_owed {
            return Ok(());
        }
        self.acknowledged = through;
        // First, for it makes room.
        self.drop_acknowledged()
            .map_err(|error| self.disk(&error))?;
        drill::pass(Point::SpoolGivenUp);
        match head::write(&self.folder, self.id, through) {
            Ok(()) => {
                self.full_disk_told = None;
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.tell_full_disk(&error);
                Ok(())
            }
            Err(error) => Err(self.disk(&error)),
        }
    }

    /// Crash-safe without `HEAD`: segments go in their order, and the last one stays as an empty one that is named by
    /// the next sequence.
    fn drop_acknowledged(&mut self) -> std::io::Result<()> {
        self.is_owed = true;
        self.drop_segments()?;
        self.is_owed = false;
        Ok(())
    }

    fn drop_segments(&mut self) -> std::io::Result<()> {
        while self.segments.len() > 1 && self.segments[0].last() <= self.acknowledged {
            self.segments[0].remove()?;
            drill::pass(Point::SpoolSegmentRemoved);
            self.segments.pop_front();
        }
        let next = self.last + 1;
        match self.segments.front_mut() {
            Some(last) if last.last() <= self.acknowledged && last.first() != next => {
                last.start_over(&self.folder, next)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn tell_full_disk(&mut self, error: &std::io::Error) {
        let told = self.full_disk_told;
        if told.is_some_and(|at| at.elapsed() < FULL_DISK_EVERY) {
            return;
        }
        self.full_disk_told = Some(Instant::now());
        tracing::warn!(
            spool = %self.folder.display(),
            %error,
            "the disk is full: what the admin acknowledged is not written down and is sent again after a restart; free space"
        );
    }

    /// Starts a new spool in the place of this one, with what waits here under new numbers. For when sequences of this
    /// spool were given out by another copy of it. Cut off in between, the next start takes over what was left, and may
    /// move some documents twice.
    ///
    /// # Errors
    /// [`Error::Disk`]; it is the old spool then.
    pub fn start_anew(&mut self) -> Result<(), Error> {
        let fresh = self.folder.with_extension("anew");
        let left = self.folder.with_extension(format!("left-{}", self.id));
        let spools = self.folder.parent().unwrap_or(Path::new(".")).to_owned();
        Self::open(&fresh, self.bytes_max)?;
        drill::pass(Point::AnewMade);
        let anew = fs::rename(&self.folder, &left)
            .inspect(|()| drill::pass(Point::AnewLeft))
            .and_then(|()| fs::rename(&fresh, &self.folder))
            .inspect(|()| drill::pass(Point::AnewPlaced))
            .and_then(|()| File::open(&spools)?.sync_all());
        anew.map_err(|error| self.disk(&error))?;
        *self = Self::open(&self.folder, self.bytes_max)?;
        if let Err(error) = adopt(self, &spools) {
            tracing::error!(%error, "some findings were not moved to the new spool; free space and restart, and they are");
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

/// Whether the disk, or the share of it that one may use, is full.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
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
    for entry in fs::read_dir(folder).map_err(disk)? {
        let path = entry.map_err(disk)?.path();
        if path == spool.folder {
            continue;
        }
        let (mut other, _) = Spool::open_as_it_is(&path, u64::MAX)?;
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
            drill::pass(Point::AdoptAppended);
            moved += documents.len() as u64;
            other.acknowledge(last)?;
        }
        drill::pass(Point::AdoptEmptied);
        fs::remove_dir_all(&path).map_err(disk)?;
    }
    Ok(moved)
}

/// What documents take on disk.
#[must_use]
pub fn size(documents: &[Bytes]) -> u64 {
    documents.iter().map(segment::size).sum()
}

/// Where the spools of a state folder are, each in a folder named by its agent.
#[must_use]
pub fn spools(state_dir: &Path) -> PathBuf {
    state_dir.join("spool")
}

/// The id of the spool in a folder, if there is one. Changes nothing, also beside a running agent.
#[must_use]
pub fn id_in(folder: &Path) -> Option<Uuid> {
    let text = fs::read_to_string(folder.join("HEAD")).ok()?;
    text.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests;

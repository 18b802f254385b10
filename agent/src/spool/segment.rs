//! One file of the spool: records one after the other, each with its length and checksum.
//!
//! `length 4 | checksum of length and sequence 4 | checksum of the document 4 | sequence 8 | document`. Little-endian.
//! Two checksums, so that a damaged document does not hide where the next one starts.

use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use muster_common::drill::{self, Point};
use muster_disk::fs::{self, File, OpenOptions};

const HEADER: usize = 20;
/// No document is longer; a length beyond is damage.
const DOCUMENT_BYTES_MAX: u32 = 1 << 20;

pub(super) struct Segment {
    path: PathBuf,
    file: File,
    first: u64,
    /// Where each record starts.
    offsets: Vec<u64>,
    bytes: u64,
}

/// What stands at a place.
pub(super) enum Read {
    Document(Bytes),
    Damaged,
}

/// The first sequences of the segments in a folder, in order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_suffix(".spool"))
            .and_then(|first| first.parse::<u64>().ok());
        firsts.extend(first);
    }
    firsts.sort_unstable();
    Ok(firsts)
}

impl Segment {
    pub(super) fn create(folder: &Path, first: u64) -> io::Result<Self> {
        let path = path(folder, first);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.sync_all()?;
        drill::pass(Point::SpoolSegmentCreated);
        File::open(folder)?.sync_all()?;
        Ok(Self {
            path,
            file,
            first,
            offsets: Vec::new(),
            bytes: 0,
        })
    }

    /// Opens a segment and walks over its records. Damage is stepped over, a torn end is cut off. Also tells how many
    /// documents are damaged.
    pub(super) fn open(folder: &Path, first: u64) -> io::Result<(Self, u64)> {
        let path = path(folder, first);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let mut segment = Self {
            path,
            file,
            first,
            offsets: Vec::new(),
            bytes: 0,
        };
        let mut damaged = 0;
        while segment.bytes < length {
            let next = segment.last() + 1;
            match segment.header(segment.bytes, length)? {
                Some((header, end)) if header.sequence == next => {
                    segment.offsets.push(segment.bytes);
                    damaged += u64::from(segment.document(segment.bytes, &header)?.is_none());
                    segment.bytes = end;
                }
                // Damage, if records stand behind it; else the end that a crash left.
                Some(_) | None => {
                    let Some((offset, sequence)) = segment.resume(next, length)? else {
                        break;
                    };
                    let lost = sequence - next;
                    damaged += lost;
                    let here = segment.bytes;
                    segment.offsets.extend((0..lost).map(|_| here));
                    segment.bytes = offset;
                }
            }
        }
        if segment.bytes < length {
            tracing::warn!(path = %segment.path.display(), at = segment.bytes, "cut off the end of the spool: an unfinished write, or damage");
            segment.file.set_len(segment.bytes)?;
            segment.file.sync_all()?;
        }
        Ok((segment, damaged))
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The sequence of the last record; the one before `first` if there is none.
    pub(super) fn last(&self) -> u64 {
        self.first + self.offsets.len() as u64 - 1
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends records and waits for the disk. A failed write is cut off again.
    pub(super) fn append(&mut self, first: u64, documents: &[Bytes]) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(
            documents
                .iter()
                .map(|document| document.len() + HEADER)
                .sum(),
        );
        let mut offsets = Vec::with_capacity(documents.len());
        for (sequence, document) in (first..).zip(documents) {
            offsets.push(self.bytes + buffer.len() as u64);
            let length = u32::try_from(document.len())
                .ok()
                .filter(|length| *length <= DOCUMENT_BYTES_MAX)
                .ok_or_else(|| io::Error::other("a document is longer than 1 MiB"))?;
            buffer.extend_from_slice(&length.to_le_bytes());
            buffer.extend_from_slice(&place_checksum(length, sequence).to_le_bytes());
            buffer.extend_from_slice(&crc32fast::hash(document).to_le_bytes());
            buffer.extend_from_slice(&sequence.to_le_bytes());
            buffer.extend_from_slice(document);
        }
        let written = self
            .file
            .write_all_at(&buffer, self.bytes)
            .inspect(|()| drill::pass(Point::SpoolWritten))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Whatever stands there now must not be taken for records.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        drill::pass(Point::SpoolSynced);
        self.bytes += buffer.len() as u64;
        self.offsets.extend(offsets);
        Ok(())
    }

    pub(super) fn read(&self, sequence: u64) -> io::Result<Read> {
        let at = usize::try_from(sequence - self.first).map_err(io::Error::other)?;
        let Some(offset) = self.offsets.get(at) else {
            return Ok(Read::Damaged);
        };
        let Some((header, _)) = self.header(*offset, self.bytes)? else {
            return Ok(Read::Damaged);
        };
        Ok(self
            .document(*offset, &header)?
            .map_or(Read::Damaged, Read::Document))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Becomes an empty segment with another first sequence. Cut off in between, its records do not fit its name, and the
    /// next opening empties it.
    pub(super) fn start_over(&mut self, folder: &Path, first: u64) -> io::Result<()> {
        let renamed = path(folder, first);
        fs::rename(&self.path, &renamed)?;
        drill::pass(Point::SpoolRenamed);
        self.path = renamed;
        // The name first: an empty segment with the old one would start the counting over.
        File::open(folder)?.sync_all()?;
        drill::pass(Point::SpoolNamed);
        self.file.set_len(0)?;
        self.first = first;
        self.offsets.clear();
        self.bytes = 0;
        Ok(())
    }

    /// The first whole record behind a damaged place, and its sequence.
    fn resume(&self, damaged: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
        let mut rest = vec![0; usize::try_from(length - self.bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut rest, self.bytes)?;
        let behind = rest.windows(HEADER).enumerate().skip(1);
        Ok(behind
            .map(|(at, bytes)| (at as u64, Header::read(bytes)))
            .find(|(at, header)| {
                // Each record that is lost took its header at least.
                let lost_max = at / HEADER as u64;
                (damaged + 1..=damaged + lost_max).contains(&header.sequence)
                    && header.is_whole()
                    && at + HEADER as u64 + u64::from(header.length) <= rest.len() as u64
            })
            .map(|(at, header)| (self.bytes + at, header.sequence)))
    }

    /// The header at a place, and where its record ends; `None` if there is no whole record.
    fn header(&self, offset: u64, length: u64) -> io::Result<Option<(Header, u64)>> {
        if offset + HEADER as u64 > length {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, offset)?;
        let header = Header::read(&bytes);
        let end = offset + HEADER as u64 + u64::from(header.length);
        Ok((header.is_whole() && end <= length).then_some((header, end)))
    }

    /// The document behind a header; `None` if it is damaged.
    fn document(&self, offset: u64, header: &Header) -> io::Result<Option<Bytes>> {
        let mut document = vec![0; header.length as usize];
        self.file
            .read_exact_at(&mut document, offset + HEADER as u64)?;
        let whole = crc32fast::hash(&document) == header.checksum;
        Ok(whole.then(|| Bytes::from(document)))
    }
}

/// What a document takes on disk.
pub(super) fn size(document: &Bytes) -> u64 {
    (document.len() + HEADER) as u64
}

struct Header {
    length: u32,
    /// Of length and sequence.
    place: u32,
    /// Of the document.
    checksum: u32,
    sequence: u64,
}

impl Header {
    /// Reads the first [`HEADER`] bytes, whatever stands there.
    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            length: number(0),
            place: number(4),
            checksum: number(8),
            sequence: u64::from(number(12)) | u64::from(number(16)) << 32,
        }
    }

    fn is_whole(&self) -> bool {
        self.place == place_checksum(self.length, self.sequence)
            && self.length <= DOCUMENT_BYTES_MAX
    }
}

fn place_checksum(length: u32, sequence: u64) -> u32 {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..].copy_from_slice(&sequence.to_le_bytes());
    crc32fast::hash(&bytes)
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.spool"))
}

/// Replaces a file in one durable step.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drill::pass(Point::FileDrafted);
    fs::rename(&draft, path)?;
    drill::pass(Point::FileRenamed);
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

//! One file of the spool: records one after the other, each with its length and checksum.
//!
//! `length 4 | checksum of length and sequence 4 | checksum of the document 4 | sequence 8 | document`. Little-endian.
//! Two checksums, so that a damaged document does not hide where the next one starts.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use muster_common::drill::{self, Point};

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
    for entry in std::fs::read_dir(folder)? {
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

    /// Opens a segment and walks over its records. A torn end is cut off. Also tells how many documents are damaged.
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
        while let Some((header, end)) = segment.header(segment.bytes, length)? {
            if header.sequence != segment.last() + 1 {
                break;
            }
            segment.offsets.push(segment.bytes);
            damaged += u64::from(segment.document(segment.bytes, &header)?.is_none());
            segment.bytes = end;
        }
        if segment.bytes < length {
            tracing::warn!(path = %segment.path.display(), at = segment.bytes, "cut off an unfinished write of the spool");
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
        std::fs::remove_file(&self.path)
    }

    /// Becomes an empty segment with another first sequence. Cut off in between, its records do not fit its name, and the
    /// next opening empties it.
    pub(super) fn start_over(&mut self, folder: &Path, first: u64) -> io::Result<()> {
        let renamed = path(folder, first);
        std::fs::rename(&self.path, &renamed)?;
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

    /// The header at a place, and where its record ends; `None` if there is no whole record.
    fn header(&self, offset: u64, length: u64) -> io::Result<Option<(Header, u64)>> {
        if offset + HEADER as u64 > length {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, offset)?;
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let sequence = u64::from_le_bytes([
            bytes[12], bytes[13], bytes[14], bytes[15], bytes[16], bytes[17], bytes[18], bytes[19],
        ]);
        let header = Header {
            length: number(0),
            checksum: number(8),
            sequence,
        };
        let end = offset + HEADER as u64 + u64::from(header.length);
        let whole = number(4) == place_checksum(header.length, sequence)
            && header.length <= DOCUMENT_BYTES_MAX
            && end <= length;
        Ok(whole.then_some((header, end)))
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
    checksum: u32,
    sequence: u64,
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
    std::fs::rename(&draft, path)?;
    drill::pass(Point::FileRenamed);
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

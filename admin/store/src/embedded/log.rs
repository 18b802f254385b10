//! The log: append-only segment files of frames. The log is the database; everything else is made from it.
//!
//! Always: [`Log::append`] returns after the data is on the disk (`fdatasync`, and the folder for a new file). Survives:
//! a torn tail is cut off into a file beside the log, damage in the middle is stepped over and named.

use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::drill::{self, Limit, Point};
use muster_disk::fs::{self, File, OpenOptions};

use super::frame::{HEADER_BYTES, Header, Kind};
use crate::Error;

/// A segment is closed when it has grown past this.
const SEGMENT_BYTES: u64 = 64 << 20;

/// When a segment is closed.
pub(super) fn segment_bytes() -> u64 {
    drill::limit(Limit::SegmentBytes, SEGMENT_BYTES)
}

/// One file of the log. Readers keep it open while it is replaced.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub number: u32,
    pub file: Arc<File>,
    pub bytes: u64,
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub segment: u32,
    pub offset: u64,
    pub header: Header,
}

pub(super) struct Log {
    folder: PathBuf,
    current: Segment,
    /// Set after a failed write: the file may end in anything, and nothing more goes into it.
    broken: bool,
}

/// What a scan of one segment found, in order.
pub(super) enum Found {
    Frame(Place),
    /// Bytes that are no frame.
    Damage {
        offset: u64,
        bytes: u64,
    },
}

impl Log {
    /// The numbers of the segments in a folder, in order.
    pub(super) fn segments(folder: &Path) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_suffix(".log"))
                .and_then(|name| name.parse::<u32>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens the log for appending behind its last segment.
    pub(super) fn open(folder: &Path, last: Option<Segment>) -> io::Result<Self> {
        let current = match last {
            Some(segment) => segment,
            None => create(folder, 1)?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            current,
            broken: false,
        })
    }

    pub(super) const fn current(&self) -> &Segment {
        &self.current
    }

    /// Writes frames behind each other and waits for the disk. The answer tells where each one stands.
    ///
    /// # Errors
    /// [`Error::Disk`]. Nothing of it counts then, and the log takes no more.
    pub(super) fn append(&mut self, frames: &[(Kind, &[u8], &[u8])]) -> Result<Vec<Place>, Error> {
        if self.broken {
            return Err(Error::Closed);
        }
        let result = self.write(frames);
        self.broken = result.is_err();
        result.map_err(|error| self.disk_error(&error))
    }

    /// Whether a failed write keeps the log from taking more.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Cuts off what a failed write left, so that appending can go on.
    ///
    /// # Errors
    /// [`Error::Disk`] while the disk still refuses.
    pub(super) fn mend(&mut self) -> Result<(), Error> {
        let Segment { file, bytes, .. } = &self.current;
        file.set_len(*bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| self.disk_error(&error))?;
        self.broken = false;
        Ok(())
    }

    fn disk_error(&self, error: &io::Error) -> Error {
        Error::Disk {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        }
    }

    fn write(&mut self, frames: &[(Kind, &[u8], &[u8])]) -> io::Result<Vec<Place>> {
        if self.current.bytes > segment_bytes() {
            self.current = create(&self.folder, self.current.number + 1)?;
        }
        let mut offset = self.current.bytes;
        let length =
            |(_, head, body): &(Kind, &[u8], &[u8])| HEADER_BYTES + head.len() + body.len();
        let mut buffer = Vec::with_capacity(frames.iter().map(length).sum());
        let mut places = Vec::with_capacity(frames.len());
        for (kind, head, body) in frames {
            let header = Header::new(*kind, head, body);
            places.push(Place {
                segment: self.current.number,
                offset,
                header,
            });
            buffer.extend_from_slice(&header.encode());
            buffer.extend_from_slice(head);
            buffer.extend_from_slice(body);
            offset += header.frame_bytes();
        }
        self.current
            .file
            .write_all_at(&buffer, self.current.bytes)?;
        drill::pass(Point::LogWritten);
        self.current.file.sync_data()?;
        drill::pass(Point::LogSynced);
        self.current.bytes = offset;
        Ok(places)
    }
}

impl Segment {
    pub(super) fn open(folder: &Path, number: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path(folder, number))?;
        Ok(Self {
            number,
            bytes: file.metadata()?.len(),
            file: Arc::new(file),
        })
    }

    /// Walks over the frames. Heads and bodies are not read.
    pub(super) fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut offset = 0;
        while offset < self.bytes {
            match self.header(offset)? {
                Some(header) if offset + header.frame_bytes() <= self.bytes => {
                    found.push(Found::Frame(Place {
                        segment: self.number,
                        offset,
                        header,
                    }));
                    offset += header.frame_bytes();
                }
                Some(_) | None => {
                    let bytes = self.gap(offset)?;
                    found.push(Found::Damage { offset, bytes });
                    offset += bytes;
                }
            }
        }
        Ok(found)
    }

    fn header(&self, offset: u64) -> io::Result<Option<Header>> {
        if offset + HEADER_BYTES as u64 > self.bytes {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Header::decode(&bytes))
    }

    /// The distance from a damaged place to the next frame, or to the end.
    fn gap(&self, from: u64) -> io::Result<u64> {
        const STEP: usize = 1 << 20;
        let mut window = vec![0; STEP + HEADER_BYTES];
        let mut offset = from + 1;
        while offset < self.bytes {
            let length = window
                .len()
                .min(usize::try_from(self.bytes - offset).unwrap_or(STEP));
            self.file.read_exact_at(&mut window[..length], offset)?;
            if let Some(at) = Header::find(&window[..length]) {
                return Ok(offset + at as u64 - from);
            }
            offset += STEP as u64;
        }
        Ok(self.bytes - from)
    }

    /// Reads and checks the head of a frame; `None` if it is damaged.
    pub(super) fn head(&self, place: &Place) -> io::Result<Option<Vec<u8>>> {
        let offset = place.offset + HEADER_BYTES as u64;
        self.section(offset, place.header.head_bytes, place.header.head_crc)
    }

    /// Reads and checks the body of a frame; `None` if it is damaged.
    pub(super) fn body(&self, place: &Place) -> io::Result<Option<Vec<u8>>> {
        let offset = place.offset + HEADER_BYTES as u64 + u64::from(place.header.head_bytes);
        self.section(offset, place.header.body_bytes, place.header.body_crc)
    }

    fn section(&self, offset: u64, bytes: u32, crc: u32) -> io::Result<Option<Vec<u8>>> {
        let mut section = vec![0; bytes as usize];
        self.file.read_exact_at(&mut section, offset)?;
        Ok((crc32fast::hash(&section) == crc).then_some(section))
    }

    /// Cuts the segment, after moving what is cut off to a file beside the log.
    pub(super) fn cut(&mut self, folder: &Path, offset: u64) -> io::Result<PathBuf> {
        let length = usize::try_from(self.bytes - offset).map_err(io::Error::other)?;
        let mut tail = vec![0; length];
        self.file.read_exact_at(&mut tail, offset)?;
        let aside = folder.join(format!("{:08}-{offset}.cut", self.number));
        let mut file = File::create(&aside)?;
        file.write_all(&tail)?;
        file.sync_all()?;
        sync_folder(folder)?;
        drill::pass(Point::TailKept);
        self.file.set_len(offset)?;
        drill::pass(Point::TailCut);
        self.file.sync_all()?;
        self.bytes = offset;
        Ok(aside)
    }
}

/// A segment that will take the place of another, in one step. Given up, it leaves nothing.
pub(super) struct Draft {
    folder: PathBuf,
    number: u32,
    file: io::BufWriter<File>,
    offset: u64,
    is_placed: bool,
}

impl Draft {
    pub(super) fn create(folder: &Path, number: u32) -> io::Result<Self> {
        let file = File::create(draft(folder, number))?;
        Ok(Self {
            folder: folder.to_owned(),
            number,
            file: io::BufWriter::new(file),
            offset: 0,
            is_placed: false,
        })
    }

    /// Writes a frame behind the others. The answer tells where it will stand.
    pub(super) fn write(&mut self, kind: Kind, head: &[u8], body: &[u8]) -> io::Result<Place> {
        let header = Header::new(kind, head, body);
        self.file.write_all(&header.encode())?;
        self.file.write_all(head)?;
        self.file.write_all(body)?;
        let place = Place {
            segment: self.number,
            offset: self.offset,
            header,
        };
        self.offset += header.frame_bytes();
        Ok(place)
    }

    /// Takes the place of the segment with its number.
    pub(super) fn place(mut self) -> io::Result<Segment> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        drill::pass(Point::CompactionDrafted);
        fs::rename(
            draft(&self.folder, self.number),
            path(&self.folder, self.number),
        )?;
        self.is_placed = true;
        drill::pass(Point::CompactionRenamed);
        sync_folder(&self.folder)?;
        drill::pass(Point::CompactionPlaced);
        Segment::open(&self.folder, self.number)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_placed {
            // What stays goes at the next start.
            let _ = fs::remove_file(draft(&self.folder, self.number));
        }
    }
}

/// Removes a segment that was put together with the one before. Lost in a crash, it is done at the next start.
pub(super) fn remove(folder: &Path, number: u32) -> io::Result<()> {
    fs::remove_file(path(folder, number))
}

/// Removes drafts that a crash left.
pub(super) fn remove_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "draft")
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn draft(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}.draft"))
}

fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

fn create(folder: &Path, number: u32) -> io::Result<Segment> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path(folder, number))?;
    file.sync_all()?;
    drill::pass(Point::SegmentCreated);
    sync_folder(folder)?;
    Ok(Segment {
        number,
        file: Arc::new(file),
        bytes: 0,
    })
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

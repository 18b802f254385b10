//! Files and folders that are the machine's or simulated, whichever their path says.

use std::fs::TryLockError;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::image::Inode;
use super::{Disk, disk_of};

/// An open file or folder.
#[derive(Debug)]
pub struct File(Kind);

enum Kind {
    Real(std::fs::File),
    Simulated(Simulated),
}

struct Simulated {
    disk: Disk,
    inode: Inode,
    /// Set if it is a folder.
    folder: Option<PathBuf>,
    append: bool,
    place: Mutex<u64>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Real(file) => file.fmt(f),
            Self::Simulated(file) => write!(f, "Simulated({})", file.inode),
        }
    }
}

/// The length of a file.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    length: u64,
}

impl Metadata {
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "as in the standard library")]
    pub const fn len(&self) -> u64 {
        self.length
    }
}

/// The path as the disk keeps it.
pub(super) fn inside(path: &Path) -> PathBuf {
    path.iter().skip(3).collect()
}

impl File {
    /// # Errors
    /// As `std::fs::File::open`.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// # Errors
    /// As `std::fs::File::create`.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    pub(crate) const fn real(&self) -> Option<&std::fs::File> {
        match &self.0 {
            Kind::Real(file) => Some(file),
            Kind::Simulated(_) => None,
        }
    }

    /// # Errors
    /// As `std::fs::File::metadata`.
    pub fn metadata(&self) -> io::Result<Metadata> {
        let length = match &self.0 {
            Kind::Real(file) => file.metadata()?.len(),
            Kind::Simulated(file) => file.length()?,
        };
        Ok(Metadata { length })
    }

    /// # Errors
    /// As `std::fs::File::sync_all`.
    pub fn sync_all(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Real(file) => file.sync_all(),
            Kind::Simulated(file) => file.sync(),
        }
    }

    /// # Errors
    /// As `std::fs::File::sync_data`.
    pub fn sync_data(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Real(file) => file.sync_data(),
            Kind::Simulated(file) => file.sync(),
        }
    }

    /// # Errors
    /// As `std::fs::File::set_len`.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        match &self.0 {
            Kind::Real(file) => file.set_len(length),
            Kind::Simulated(file) => file
                .disk
                .change(|image| image.set_length(file.inode, size(length)?)),
        }
    }

    /// # Errors
    /// As `std::fs::File::try_lock`; a simulated disk is in one machine only.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        match &self.0 {
            Kind::Real(file) => file.try_lock(),
            Kind::Simulated(_) => Ok(()),
        }
    }
}

impl Simulated {
    fn length(&self) -> io::Result<u64> {
        if self.folder.is_some() {
            return Ok(0);
        }
        self.disk
            .read(|image| Ok(image.bytes(self.inode)?.len() as u64))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.may_sync()?;
        self.disk.change(|image| match &self.folder {
            Some(folder) => {
                image.sync_folder(folder);
                Ok(())
            }
            None => image.sync_file(self.inode),
        })
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let room = self.disk.room(bytes.len())?;
        let at = size(at)?;
        self.disk
            .change(|image| image.write(self.inode, at, &bytes[..room]))?;
        Ok(room)
    }

    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let at = size(at)?;
        self.disk.read(|image| {
            let bytes = image.bytes(self.inode)?;
            let rest = &bytes[at.min(bytes.len())..];
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }
}

fn size(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(io::Error::other)
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Kind::Real(file) => file.read_at(buffer, offset),
            Kind::Simulated(file) => file.read(buffer, offset),
        }
    }

    fn write_at(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Kind::Real(file) => file.write_at(buffer, offset),
            Kind::Simulated(file) => file.write(buffer, offset),
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Real(file) => file.read(buffer),
            Kind::Simulated(file) => {
                let place = *file.place.lock();
                let count = file.read(buffer, place)?;
                *file.place.lock() += count as u64;
                Ok(count)
            }
        }
    }
}

impl Write for File {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Real(file) => file.write(buffer),
            Kind::Simulated(file) => {
                let place = if file.append {
                    file.length()?
                } else {
                    *file.place.lock()
                };
                let count = file.write(buffer, place)?;
                *file.place.lock() = place + count as u64;
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Kind::Real(file) => file.seek(to),
            Kind::Simulated(file) => {
                let place = match to {
                    SeekFrom::Start(place) => Some(place),
                    SeekFrom::End(by) => file.length()?.checked_add_signed(by),
                    SeekFrom::Current(by) => file.place.lock().checked_add_signed(by),
                };
                let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                *file.place.lock() = place;
                Ok(place)
            }
        }
    }
}

/// As `std::fs::OpenOptions`.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    real: std::fs::OpenOptions,
    create: bool,
    truncate: bool,
    append: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    #[must_use]
    pub fn new() -> Self {
        Self {
            real: std::fs::OpenOptions::new(),
            create: false,
            truncate: false,
            append: false,
        }
    }

    pub fn read(&mut self, read: bool) -> &mut Self {
        self.real.read(read);
        self
    }

    pub fn write(&mut self, write: bool) -> &mut Self {
        self.real.write(write);
        self
    }

    pub fn append(&mut self, append: bool) -> &mut Self {
        self.real.append(append);
        self.append = append;
        self
    }

    pub fn create(&mut self, create: bool) -> &mut Self {
        self.real.create(create);
        self.create = create;
        self
    }

    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.real.truncate(truncate);
        self.truncate = truncate;
        self
    }

    /// # Errors
    /// As `std::fs::OpenOptions::open`.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        let Some(disk) = disk_of(path)? else {
            return Ok(File(Kind::Real(self.real.open(path)?)));
        };
        let path = inside(path);
        let found = disk.read(|image| Ok(image.find(&path).ok()))?;
        let inode = match found {
            Some(inode) => {
                if self.truncate {
                    disk.change(|image| image.set_length(inode, 0))?;
                }
                inode
            }
            None if self.create => disk.change(|image| image.create(&path))?,
            None => return Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let is_folder = disk.read(|image| Ok(image.is_folder(inode)))?;
        Ok(File(Kind::Simulated(Simulated {
            disk,
            inode,
            folder: is_folder.then_some(path),
            append: self.append,
            place: Mutex::new(0),
        })))
    }
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.real.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.real.custom_flags(flags);
        self
    }
}

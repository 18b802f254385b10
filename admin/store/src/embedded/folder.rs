//! The data folder: whose it is, and which format it holds.

use std::fs::{Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use muster_common::drill::{self, Point};
use muster_disk::fs::{self, File, OpenOptions, make_folder};

use super::log::sync_folder;
use crate::Error;

/// The format that this version reads and writes.
const FORMAT: u32 = 3;

/// A data folder that is ours until this is dropped.
pub(super) struct Folder {
    root: PathBuf,
    /// Locked while it is open.
    _lock: File,
}

impl Folder {
    /// Takes a data folder, a new one if there is none.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::OtherFormat`], [`Error::Disk`].
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let disk = |error: io::Error| Error::Disk {
            path: root.display().to_string(),
            reason: error.to_string(),
        };
        make_folder(&root.join("log"), 0o700).map_err(disk)?;
        // Findings tell where an organization is weak: nobody else on the machine reads them.
        fs::set_permissions(root, Permissions::from_mode(0o700)).map_err(disk)?;
        let lock = lock(root, &disk)?;
        check_format(root, &disk)?;
        drill::pass(Point::FolderMade);
        sync_folder(root).map_err(disk)?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(super) fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }
}

fn lock(root: &Path, disk: &impl Fn(io::Error) -> Error) -> Result<File, Error> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(root.join("LOCK"))
        .map_err(disk)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::InUse {
                path: root.display().to_string(),
                pid: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(disk(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(disk)?;
    Ok(file)
}

fn check_format(root: &Path, disk: &impl Fn(io::Error) -> Error) -> Result<(), Error> {
    let path = root.join("FORMAT");
    let found = match fs::read_to_string(&path) {
        Ok(found) => found.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut file = File::create(&path).map_err(disk)?;
            writeln!(file, "{FORMAT}").map_err(disk)?;
            return file.sync_all().map_err(disk);
        }
        Err(error) => return Err(disk(error)),
    };
    if found.parse() == Ok(FORMAT) {
        return Ok(());
    }
    Err(Error::OtherFormat {
        path: root.display().to_string(),
        found,
        expected: FORMAT,
    })
}

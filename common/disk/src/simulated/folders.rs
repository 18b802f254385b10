//! Paths: what is in a folder, whole files, and what is named, renamed or removed.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::path::{Path, PathBuf};

use super::disk_of;
use super::files::{File, inside};

/// One entry of a folder.
#[derive(Debug)]
pub struct DirEntry {
    path: PathBuf,
}

impl DirEntry {
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }
}

/// # Errors
/// As `std::fs::read_dir`.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let path = path.as_ref();
    let entries: Vec<io::Result<DirEntry>> = match disk_of(path)? {
        Some(disk) => disk
            .read(|image| image.list(&inside(path)))?
            .into_iter()
            .map(|name| {
                Ok(DirEntry {
                    path: path.join(name.file_name().unwrap_or_default()),
                })
            })
            .collect(),
        None => std::fs::read_dir(path)?
            .map(|entry| {
                Ok(DirEntry {
                    path: entry?.path(),
                })
            })
            .collect(),
    };
    Ok(entries.into_iter())
}

/// # Errors
/// As `std::fs::read`.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    match disk_of(path)? {
        Some(disk) => disk.read(|image| Ok(image.bytes(image.find(&inside(path))?)?.to_vec())),
        None => std::fs::read(path),
    }
}

/// # Errors
/// As `std::fs::read_to_string`.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(io::Error::other)
}

/// # Errors
/// As `std::fs::create_dir_all`.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    match disk_of(path)? {
        Some(disk) => disk.change(|image| {
            image.create_folders(&inside(path));
            Ok(())
        }),
        None => std::fs::create_dir_all(path),
    }
}

/// # Errors
/// As `std::fs::exists`.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref();
    match disk_of(path)? {
        Some(disk) => disk.read(|image| Ok(image.find(&inside(path)).is_ok())),
        None => std::fs::exists(path),
    }
}

/// # Errors
/// As `muster_common::durable::make_folder`.
pub fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    let Some(disk) = disk_of(path)? else {
        return muster_common::durable::make_folder(path, mode);
    };
    let mut folder = disk.path();
    for part in &inside(path) {
        let above = folder.clone();
        folder.push(part);
        if !exists(&folder)? {
            create_dir_all(&folder)?;
            sync_folder(&above)?;
        }
    }
    Ok(())
}

/// # Errors
/// As `muster_common::durable::sync_folder`.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// # Errors
/// As `std::fs::rename`.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    match disk_of(from)? {
        Some(disk) => disk.change(|image| image.rename(&inside(from), &inside(to))),
        None => std::fs::rename(from, to),
    }
}

/// # Errors
/// As `std::fs::remove_file`.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    match disk_of(path)? {
        Some(disk) => disk.change(|image| image.remove(&inside(path))),
        None => std::fs::remove_file(path),
    }
}

/// One entry after the other, as it is with real folders.
///
/// # Errors
/// As `std::fs::remove_dir_all`.
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    let Some(disk) = disk_of(path)? else {
        return std::fs::remove_dir_all(path);
    };
    for name in disk.read(|image| image.list(&inside(path)))? {
        let inner = path.join(name.file_name().unwrap_or_default());
        let is_folder = disk.read(|image| Ok(image.is_folder(image.find(&name)?)))?;
        if is_folder {
            remove_dir_all(inner)?;
        } else {
            remove_file(inner)?;
        }
    }
    disk.change(|image| image.remove(&inside(path)))
}

/// # Errors
/// As `std::fs::set_permissions`.
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    match disk_of(path)? {
        Some(_) => Ok(()),
        None => std::fs::set_permissions(path, permissions),
    }
}

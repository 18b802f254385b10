//! Files and folders, by the names of `std::fs`.

#[cfg(not(feature = "simulated"))]
pub use std::fs::{
    File, OpenOptions, create_dir_all, exists, read, read_dir, read_to_string, remove_dir_all,
    remove_file, rename, set_permissions,
};

#[cfg(not(feature = "simulated"))]
pub use muster_common::durable::{make_folder, sync_folder};

#[cfg(feature = "simulated")]
pub use crate::simulated::{
    files::{File, OpenOptions},
    folders::{
        create_dir_all, exists, make_folder, read, read_dir, read_to_string, remove_dir_all,
        remove_file, rename, set_permissions, sync_folder,
    },
};

/// Takes room behind a place in a file without making it longer. Where the file system cannot, nothing happens.
pub fn reserve(file: &File, from: u64, bytes: u64) {
    let Some(file) = real(file) else {
        return;
    };
    let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, from, bytes);
}

#[cfg(not(feature = "simulated"))]
const fn real(file: &File) -> Option<&std::fs::File> {
    Some(file)
}

#[cfg(feature = "simulated")]
const fn real(file: &File) -> Option<&std::fs::File> {
    file.real()
}

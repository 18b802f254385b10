//! A small disk of its own, in memory. It goes away with its value.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one over a folder, which is made; `None` if mounting is not permitted.
    pub(super) fn mount(folder: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let size = format!("size={bytes},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Self {
            folder: folder.to_owned(),
        })
    }

    /// Takes all the room that is left.
    pub(super) fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file");
        let mut piece = vec![0; 64 << 10];
        while !piece.is_empty() {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    piece.truncate(piece.len() / 2);
                }
                Err(error) => panic!("cannot fill a disk: {error}"),
            }
        }
    }

    /// Gives the room back.
    pub(super) fn free(&self) {
        let _ = std::fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

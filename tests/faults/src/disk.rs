//! The disk under a process: one that forgets what was not flushed, is slow, or fails (`disk.c`).

use std::path::{Path, PathBuf};
use std::process::Command;

use muster_tests::{Admin, Agent, Process, root};
use nix::sys::signal::Signal;

/// A disk of ours, ready to be laid under processes.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    library: PathBuf,
    folder: PathBuf,
}

/// What is gone when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Everything that was not flushed.
    All,
    /// Some sectors of it and the later names, by this seed.
    Some(u64),
}

/// Whose disk it is.
pub(crate) trait Host {
    /// Changes its environment for the next starts.
    fn set(&mut self, key: &str, value: Option<&str>);
    /// What of it lies on the disk.
    fn place(&self) -> PathBuf;
}

impl Host for Admin {
    fn set(&mut self, key: &str, value: Option<&str>) {
        Self::set(self, key, value);
    }

    fn place(&self) -> PathBuf {
        self.folder().to_owned()
    }
}

impl Host for Agent {
    fn set(&mut self, key: &str, value: Option<&str>) {
        Self::set(self, key, value);
    }

    fn place(&self) -> PathBuf {
        self.state().to_owned()
    }
}

const VARIABLES: [&str; 8] = [
    "LD_PRELOAD",
    "DISK_ROOT",
    "DISK_GRAVE",
    "DISK_LOSS",
    "DISK_EXIT",
    "DISK_LIES",
    "DISK_SLOW",
    "DISK_STATE",
];

impl Disk {
    /// Builds the library in a folder.
    ///
    /// # Panics
    /// There is no C compiler.
    pub(crate) fn build(folder: &Path) -> Self {
        let library = folder.join("disk.so");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(root().join("tests/faults/disk.c"))
            .arg("-lpthread")
            .status();
        assert!(built.expect("there is a C compiler").success());
        std::fs::create_dir_all(folder.join("grave")).expect("a folder");
        Self {
            library,
            folder: folder.to_owned(),
        }
    }

    /// From its next start on, a process stands on a disk that forgets.
    pub(crate) fn forgets(&self, host: &mut impl Host, loss: Loss) {
        self.lay(host);
        let loss = match loss {
            Loss::All => "all".to_owned(),
            Loss::Some(seed) => format!("some:{seed}"),
        };
        host.set("DISK_LOSS", Some(&loss));
    }

    /// As [`Disk::forgets`], and the power also goes when the process has ended in order.
    pub(crate) fn forgets_at_exit(&self, host: &mut impl Host, loss: Loss) {
        self.forgets(host, loss);
        host.set("DISK_EXIT", Some("1"));
    }

    /// As [`Disk::forgets`], but what was flushed is gone, too: no software can bear that, and so it shows whether the
    /// disk forgets at all.
    pub(crate) fn lies(&self, host: &mut impl Host) {
        self.forgets(host, Loss::All);
        host.set("DISK_LIES", Some("1"));
    }

    /// From its next start on, each flush of a process takes so many milliseconds.
    pub(crate) fn is_slow(&self, host: &mut impl Host, least: u32, most: u32) {
        self.lay(host);
        host.set("DISK_SLOW", Some(&format!("{least}-{most}")));
    }

    /// From its next start on, a process meets what [`Disk::is`] says.
    pub(crate) fn obeys(&self, host: &mut impl Host) {
        self.lay(host);
        host.set("DISK_STATE", Some(&self.state().display().to_string()));
    }

    /// Says how the disk is: `full`, `read-only`, `failing`, or nothing of it.
    ///
    /// # Panics
    /// The file cannot be written.
    pub(crate) fn is(&self, state: &str) {
        std::fs::write(self.state(), state).expect("a file");
    }

    /// From its next start on, a process stands on the machine's own disk.
    pub(crate) fn remove(host: &mut impl Host) {
        for variable in VARIABLES {
            host.set(variable, None);
        }
    }

    fn lay(&self, host: &mut impl Host) {
        Self::remove(host);
        let text = |path: &Path| path.display().to_string();
        host.set("LD_PRELOAD", Some(&text(&self.library)));
        host.set("DISK_ROOT", Some(&text(&host.place())));
        host.set("DISK_GRAVE", Some(&text(&self.folder.join("grave"))));
    }

    fn state(&self) -> PathBuf {
        self.folder.join("disk-state")
    }
}

/// The power of a process goes, now.
pub(crate) async fn cut(process: &mut Process) {
    process.signal(Signal::SIGUSR2);
    process.ended().await;
}

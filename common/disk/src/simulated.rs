//! A disk in memory: what was synced survives a power cut, what was not may be lost, torn or kept.
//!
//! Names (creations, renames, removals) are a journal: a power cut keeps a beginning of what was not synced, and syncing
//! a folder keeps everything up to the last change in it. Contents are kept by file: syncing one keeps its contents and
//! no name. A disk dies at a chosen operation or at once; a dead one refuses everything, so that whoever still holds its
//! files changes nothing. Disks belong to the thread that made them.

pub mod files;
pub mod folders;
mod image;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use image::Image;
use parking_lot::Mutex;

/// Below this, paths are simulated: `/simulated/<number>/...`.
const ROOT: &str = "/simulated";

thread_local! {
    static DISKS: RefCell<BTreeMap<u64, Disk>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u64> = const { Cell::new(0) };
    static LATENCY: Cell<Option<fn() -> Duration>> = const { Cell::new(None) };
}

/// A disk while it is in a running machine. Cheap to clone.
#[derive(Clone)]
pub struct Disk {
    number: u64,
    state: Arc<Mutex<State>>,
}

/// What a disk holds while no machine runs on it.
#[derive(Clone, Default)]
pub struct Contents(Image);

struct State {
    image: Image,
    dead: bool,
    /// Operations until it dies.
    left: Option<u64>,
    trouble: Trouble,
}

/// What a disk refuses, though it lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// Takes no new bytes.
    Full,
    /// The next sync fails, and what it was for is as unsure as before.
    NextSync,
}

/// What ends a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process is gone; everything that was written is there.
    Kill,
    /// What was not synced may be gone or torn.
    PowerCut,
}

impl Disk {
    /// Puts a disk into a machine of this thread.
    #[must_use]
    pub fn start(contents: Contents) -> Self {
        let number = LAST.get() + 1;
        LAST.set(number);
        let disk = Self {
            number,
            state: Arc::new(Mutex::new(State {
                image: contents.0,
                dead: false,
                left: None,
                trouble: Trouble::None,
            })),
        };
        DISKS.with_borrow_mut(|disks| disks.insert(number, disk.clone()));
        disk
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(ROOT).join(self.number.to_string())
    }

    /// Dies after so many more operations.
    pub fn die_after(&self, operations: u64) {
        self.state.lock().left = Some(operations);
    }

    /// Dies no more of itself.
    pub fn live_on(&self) {
        self.state.lock().left = None;
    }

    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.lock().dead
    }

    pub fn set_trouble(&self, trouble: Trouble) {
        self.state.lock().trouble = trouble;
    }

    /// Ends the machine, and gives what is left on the disk. `dice` gives a number below its argument.
    #[must_use]
    pub fn end(&self, end: End, dice: &mut dyn FnMut(u64) -> u64) -> Contents {
        DISKS.with_borrow_mut(|disks| disks.remove(&self.number));
        let mut state = self.state.lock();
        state.dead = true;
        let mut image = std::mem::take(&mut state.image);
        match end {
            End::Kill => {}
            End::PowerCut => image.cut_power(dice),
        }
        image.settle();
        Contents(image)
    }

    /// What is on the disk now, as a backup of a standing machine would have it.
    #[must_use]
    pub fn backup(&self) -> Contents {
        let mut image = self.state.lock().image.clone();
        image.settle();
        Contents(image)
    }

    /// An operation that changes something.
    fn change<T>(&self, change: impl FnOnce(&mut Image) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        state.live()?;
        if let Some(left) = &mut state.left {
            if *left == 0 {
                state.dead = true;
                return Err(gone());
            }
            *left -= 1;
        }
        change(&mut state.image)
    }

    fn read<T>(&self, read: impl FnOnce(&Image) -> io::Result<T>) -> io::Result<T> {
        let state = self.state.lock();
        state.live()?;
        read(&state.image)
    }

    /// Refuses new bytes on a full disk; some of them may have been taken.
    fn room(&self, bytes: usize) -> io::Result<usize> {
        match self.state.lock().trouble {
            Trouble::Full if bytes > 0 => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Trouble::Full | Trouble::None | Trouble::NextSync => Ok(bytes),
        }
    }

    fn may_sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.trouble {
            Trouble::NextSync => {
                state.trouble = Trouble::None;
                Err(io::Error::other("the disk did not take it"))
            }
            Trouble::None | Trouble::Full => Ok(()),
        }
    }
}

impl State {
    fn live(&self) -> io::Result<()> {
        if self.dead { Err(gone()) } else { Ok(()) }
    }
}

fn gone() -> io::Error {
    io::Error::other("the machine is gone")
}

/// Whether this thread has simulated disks.
#[must_use]
pub fn is_here() -> bool {
    LATENCY.get().is_some()
}

/// Whether a path is on a simulated disk.
#[must_use]
pub fn holds(path: &Path) -> bool {
    is_here() && path.starts_with(ROOT)
}

/// From here on this thread's work on files takes as long as `latency` says; `None` is the machine's own disks again.
pub fn set_latency(latency: Option<fn() -> Duration>) {
    LATENCY.set(latency);
    DISKS.with_borrow_mut(BTreeMap::clear);
    LAST.set(0);
}

pub(crate) async fn wait() {
    let latency = LATENCY.get().map_or(Duration::ZERO, |latency| latency());
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

/// The disk that a path is on; an error if it was taken out, `None` if the path is the machine's.
fn disk_of(path: &Path) -> io::Result<Option<Disk>> {
    if !holds(path) {
        return Ok(None);
    }
    let number = path
        .iter()
        .nth(2)
        .and_then(|number| number.to_str()?.parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    DISKS
        .with_borrow(|disks| disks.get(&number).cloned())
        .map(Some)
        .ok_or_else(gone)
}

#[cfg(test)]
mod tests;

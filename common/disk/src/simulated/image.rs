//! What is on a disk, and what of it would survive.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

type Names = BTreeMap<PathBuf, Inode>;
pub(super) type Inode = u64;
/// The folder that everything is in.
const TOP: Inode = 0;

#[derive(Clone, Default)]
pub(super) struct Image {
    names: Names,
    nodes: BTreeMap<Inode, Node>,
    last: Inode,
    /// The names that survive.
    synced: Names,
    /// What has happened to names since.
    journal: Vec<Renaming>,
}

#[derive(Clone)]
enum Node {
    Folder,
    File(Contents),
}

#[derive(Clone, Default)]
struct Contents {
    bytes: Vec<u8>,
    /// How to take back what was not synced, the latest at the end.
    unsynced: Vec<Undo>,
}

/// How to take a write or a change of length back.
#[derive(Clone)]
struct Undo {
    at: usize,
    written: usize,
    overwritten: Vec<u8>,
    length: usize,
}

#[derive(Clone)]
enum Renaming {
    Link(PathBuf, Inode),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Renaming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                let moved: Vec<PathBuf> = names
                    .keys()
                    .filter(|name| name.starts_with(from))
                    .cloned()
                    .collect();
                for name in moved {
                    let inode = names.remove(&name).unwrap_or_default();
                    let rest = name.strip_prefix(from).unwrap_or(Path::new(""));
                    let name = if rest.as_os_str().is_empty() {
                        to.clone()
                    } else {
                        to.join(rest)
                    };
                    names.insert(name, inode);
                }
            }
        }
    }

    fn touches(&self, folder: &Path) -> bool {
        let inside = |path: &Path| path.parent() == Some(folder);
        match self {
            Self::Link(path, _) | Self::Unlink(path) => inside(path),
            Self::Rename(from, to) => inside(from) || inside(to),
        }
    }
}

impl Image {
    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        if path.as_os_str().is_empty() {
            return Ok(TOP);
        }
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    pub(super) fn is_folder(&self, inode: Inode) -> bool {
        inode == TOP || matches!(self.nodes.get(&inode), Some(Node::Folder))
    }

    fn holds_folder(&self, path: &Path) -> bool {
        self.find(path).is_ok_and(|inode| self.is_folder(inode))
    }

    fn rename_in_journal(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.journal.push(renaming);
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<Inode> {
        if !path
            .parent()
            .is_some_and(|parent| self.holds_folder(parent))
        {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(self.link(path, Node::File(Contents::default())))
    }

    fn link(&mut self, path: &Path, node: Node) -> Inode {
        self.last += 1;
        self.nodes.insert(self.last, node);
        self.rename_in_journal(Renaming::Link(path.to_owned(), self.last));
        self.last
    }

    pub(super) fn create_folders(&mut self, path: &Path) {
        let mut so_far = PathBuf::new();
        for part in path {
            so_far.push(part);
            if self.find(&so_far).is_err() {
                self.link(&so_far, Node::Folder);
            }
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.find(from)?;
        let onto_files = self.names.keys().any(|name| name.parent() == Some(to));
        if onto_files {
            return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
        }
        self.rename_in_journal(Renaming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.rename_in_journal(Renaming::Unlink(path.to_owned()));
        Ok(())
    }

    /// What stands in a folder, the oldest first.
    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.holds_folder(folder) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut found: Vec<(Inode, &PathBuf)> = self
            .names
            .iter()
            .filter(|(name, _)| name.parent() == Some(folder))
            .map(|(name, inode)| (*inode, name))
            .collect();
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, name)| name.clone()).collect())
    }

    /// Keeps the names in a folder, and whatever happened to names before the last change there.
    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let last = self
            .journal
            .iter()
            .rposition(|renaming| renaming.touches(folder));
        if let Some(last) = last {
            for renaming in self.journal.drain(..=last) {
                renaming.apply(&mut self.synced);
            }
        }
    }

    pub(super) fn sync_file(&mut self, inode: Inode) -> io::Result<()> {
        self.contents_mut(inode)?.unsynced.clear();
        Ok(())
    }

    pub(super) fn bytes(&self, inode: Inode) -> io::Result<&[u8]> {
        match self.nodes.get(&inode) {
            Some(Node::File(contents)) => Ok(&contents.bytes),
            Some(Node::Folder) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn contents_mut(&mut self, inode: Inode) -> io::Result<&mut Contents> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(contents)) => Ok(contents),
            Some(Node::Folder) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    pub(super) fn write(&mut self, inode: Inode, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.contents_mut(inode)?.write(at, bytes);
        Ok(())
    }

    pub(super) fn set_length(&mut self, inode: Inode, length: usize) -> io::Result<()> {
        self.contents_mut(inode)?.set_length(length);
        Ok(())
    }

    /// Loses some of what was not synced.
    pub(super) fn cut_power(&mut self, dice: &mut dyn FnMut(u64) -> u64) {
        let kept = dice(self.journal.len() as u64 + 1) as usize;
        for renaming in self.journal.drain(..).take(kept) {
            renaming.apply(&mut self.synced);
        }
        self.names = self.synced.clone();
        for node in self.nodes.values_mut() {
            if let Node::File(contents) = node {
                contents.cut_power(dice);
            }
        }
    }

    /// Everything that is there counts as synced, and what has no name goes.
    pub(super) fn settle(&mut self) {
        self.synced = self.names.clone();
        self.journal.clear();
        let named: BTreeSet<Inode> = self.names.values().copied().collect();
        self.nodes.retain(|inode, _| named.contains(inode));
        for node in self.nodes.values_mut() {
            if let Node::File(contents) = node {
                contents.unsynced.clear();
            }
        }
    }
}

impl Contents {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let length = self.bytes.len();
        let end = at + bytes.len();
        let overwritten = self.bytes[at.min(length)..end.min(length)].to_vec();
        if end > length {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(bytes);
        self.unsynced.push(Undo {
            at,
            written: bytes.len(),
            overwritten,
            length,
        });
    }

    fn set_length(&mut self, to: usize) {
        let length = self.bytes.len();
        let overwritten = self.bytes[to.min(length)..].to_vec();
        self.bytes.resize(to, 0);
        self.unsynced.push(Undo {
            at: to,
            written: 0,
            overwritten,
            length,
        });
    }

    fn take_back(&mut self) -> Option<Undo> {
        let undo = self.unsynced.pop()?;
        self.bytes.resize(undo.length, 0);
        self.bytes[undo.at.min(undo.length)..][..undo.overwritten.len()]
            .copy_from_slice(&undo.overwritten);
        Some(undo)
    }

    /// Keeps all, nothing, or a beginning of what was not synced; the last of that may be torn or have a hole.
    fn cut_power(&mut self, dice: &mut dyn FnMut(u64) -> u64) {
        if self.unsynced.is_empty() {
            return;
        }
        let all = self.unsynced.len();
        let (kept, damage) = match dice(4) {
            0 => (all, None),
            1 => (0, None),
            how => (1 + dice(all as u64) as usize, Some(how)),
        };
        while self.unsynced.len() > kept {
            self.take_back();
        }
        let (Some(damage), Some(last)) = (damage, self.unsynced.last()) else {
            return;
        };
        let (at, written) = (last.at, last.written);
        let place = part(written, dice);
        if damage == 2 {
            let bytes = self.bytes[at..at + place].to_vec();
            self.take_back();
            self.write(at, &bytes);
        } else {
            let hole = part(written - place, dice);
            self.bytes[at + place..][..hole].fill(0);
        }
    }
}

/// A number up to `whole`, in proportion: what has random bytes in it is compressed to a byte more or less, and a run must
/// come out the same.
fn part(whole: usize, dice: &mut dyn FnMut(u64) -> u64) -> usize {
    const PARTS: u64 = 1 << 20;
    (whole as u64 * dice(PARTS + 1) / PARTS) as usize
}

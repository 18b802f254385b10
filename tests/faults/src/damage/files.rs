//! Files that are damaged, and mended.

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::Rng as _;
use rand::rngs::StdRng;

/// A file that was damaged.
pub(super) struct Damaged {
    path: PathBuf,
    whole: Vec<u8>,
}

impl Damaged {
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Puts back what was there.
    pub(super) fn mend(self) {
        std::fs::write(&self.path, self.whole).expect("the file");
    }
}

/// Damages one of some files: a bit somewhere, or a sector that is all zeros.
///
/// # Panics
/// None of them holds anything.
pub(super) fn damage(files: &[PathBuf], chance: &mut StdRng) -> Damaged {
    let bytes = |path: &PathBuf| std::fs::read(path).expect("the file");
    let filled: Vec<&PathBuf> = files
        .iter()
        .filter(|path| !bytes(path).is_empty())
        .collect();
    assert!(!filled.is_empty(), "nothing to damage in {files:?}");
    let path = filled[chance.random_range(0..filled.len())].clone();
    let whole = bytes(&path);
    let mut torn = whole.clone();
    let at = chance.random_range(0..torn.len());
    if torn.len() > 2_048 && chance.random_ratio(1, 4) {
        let sector = at - at % 512;
        let end = torn.len().min(sector + 512);
        torn[sector..end].fill(0);
    }
    // Also in a sector that held only zeros something is different.
    torn[at] = whole[at] ^ 0x10;
    std::fs::write(&path, torn).expect("the file");
    Damaged { path, whole }
}

/// The files below a folder that have such a name.
pub(crate) fn files_in(folder: &Path, named: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Somebody may be changing it.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if named(&name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Makes a folder the copy of another one.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp starts").success());
}

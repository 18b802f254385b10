//! Folders that are there after a power cut. A file is as durable as the names of all folders above it.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Makes a folder, and those above it that are not there, each with its name on the disk.
///
/// # Errors
/// The disk refuses.
pub fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let above = path.parent().unwrap_or(Path::new(""));
    make_folder(above, mode)?;
    match DirBuilder::new().mode(mode).create(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    if above.as_os_str().is_empty() {
        return sync_folder(Path::new("."));
    }
    sync_folder(above)
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// The disk refuses.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn folders_are_made_from_the_top_with_their_mode() {
        let base = std::env::temp_dir().join(format!("muster-durable-{}", std::process::id()));
        let inner = base.join("a/b");
        make_folder(&inner, 0o700).unwrap();
        make_folder(&inner, 0o755).unwrap();
        let mode = std::fs::metadata(&inner).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(base.join("file"), b"").unwrap();
        assert!(make_folder(&base.join("file/c"), 0o700).is_err());
        std::fs::remove_dir_all(base).unwrap();
    }
}

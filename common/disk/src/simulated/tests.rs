//! What a power cut leaves.

use std::io::Write as _;

use super::files::{File, OpenOptions};
use super::folders::{create_dir_all, read, read_dir, remove_file, rename};
use super::*;

/// A disk with a folder in it, which is synced.
fn disk() -> (Disk, PathBuf) {
    set_latency(Some(|| Duration::ZERO));
    let disk = Disk::start(Contents::default());
    let folder = disk.path().join("folder");
    create_dir_all(&folder).unwrap();
    File::open(disk.path()).unwrap().sync_all().unwrap();
    (disk, folder)
}

/// The same disk after a power cut that went in one of many ways.
fn cut(disk: &Disk, way: u64) -> (Disk, PathBuf) {
    let mut state = way;
    let mut dice = |count: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % count
    };
    let disk = Disk::start(disk.end(End::PowerCut, &mut dice));
    let folder = disk.path().join("folder");
    (disk, folder)
}

fn put(path: &Path, text: &str) -> File {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn what_was_synced_survives_and_the_rest_survives_in_part() {
    let mut ends = std::collections::BTreeSet::new();
    for way in 0..200 {
        let (disk, folder) = disk();
        put(&folder.join("a"), "kept ").sync_all().unwrap();
        File::open(&folder).unwrap().sync_all().unwrap();
        put(&folder.join("a"), "unsure");
        let (_, folder) = cut(&disk, way);
        let text = String::from_utf8(read(folder.join("a")).unwrap()).unwrap();
        assert!(text.starts_with("kept "), "{text:?}");
        ends.insert(text);
    }
    for end in ["kept ", "kept uns", "kept unsure"] {
        assert!(ends.contains(end), "{ends:?}");
    }
    assert!(ends.iter().any(|end| end.contains('\0')), "{ends:?}");
}

/// Random bytes compress to a byte more or less; a seed must come out the same.
#[test]
fn a_little_more_is_torn_at_the_same_place() {
    for way in 0..200 {
        let left = |length: usize| {
            let (disk, folder) = disk();
            File::open(&folder).unwrap().sync_all().unwrap();
            put(&folder.join("a"), &"x".repeat(length));
            let (_, folder) = cut(&disk, way);
            let bytes = read(folder.join("a")).unwrap_or_default();
            let holes = bytes.iter().filter(|byte| **byte == 0).count();
            (bytes.len(), holes)
        };
        let ((bytes, holes), (more_bytes, more_holes)) = (left(1_000), left(1_001));
        assert!(more_bytes - bytes <= 1, "{bytes} and {more_bytes}");
        assert!(
            more_holes.abs_diff(holes) <= 1,
            "{holes} and {more_holes} of {bytes}"
        );
    }
}

#[test]
fn a_name_survives_once_its_folder_is_synced() {
    let mut left = [false; 2];
    for way in 0..50 {
        let (disk, folder) = disk();
        put(&folder.join("draft"), "whole").sync_all().unwrap();
        rename(folder.join("draft"), folder.join("a")).unwrap();
        File::open(&folder).unwrap().sync_all().unwrap();
        remove_file(folder.join("a")).unwrap();
        put(&folder.join("b"), "").sync_all().unwrap();
        let (_, folder) = cut(&disk, way);
        let a = read(folder.join("a"));
        left[usize::from(a.is_ok())] = true;
        let b = read(folder.join("b"));
        assert!(a.is_err() || b.is_err(), "what came later is there alone");
        assert!(read_dir(&folder).unwrap().count() < 2);
    }
    assert_eq!(left, [true; 2]);
}

#[test]
fn a_dead_disk_takes_nothing() {
    let (disk, folder) = disk();
    let file = put(&folder.join("a"), "x");
    disk.die_after(1);
    file.set_len(0).unwrap();
    assert!(file.set_len(1).is_err() && disk.is_dead());
    assert!(read(folder.join("a")).is_err());
    let after = Disk::start(disk.end(End::Kill, &mut |_| 0));
    assert!(file.set_len(7).is_err());
    assert_eq!(read(after.path().join("folder/a")).unwrap(), b"");
}

#[test]
fn other_paths_are_the_machines() {
    let (_disk, _) = disk();
    assert!(read("/proc/self/status").is_ok());
    set_latency(None);
    assert!(!holds(Path::new("/simulated/1")));
}

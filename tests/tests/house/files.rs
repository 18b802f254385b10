//! Every file says what it is for, and is short enough to be read.

use std::path::{Path, PathBuf};
use std::process::Command;

use muster_tests::root;

/// No file is longer, unless all it holds is tests or was generated.
const LINES_MAX: usize = 450;

/// The files of the checkout that are committed or would be.
fn files(pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            pattern,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    let found: Vec<PathBuf> = listed
        .lines()
        .map(|line| root().join(line))
        .filter(|path| path.exists())
        .collect();
    assert!(!found.is_empty(), "no {pattern}");
    found
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("/tests/") || text.ends_with("/tests.rs") || text.contains("/conformance")
}

/// A file without its inline tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

#[test]
fn every_room_says_what_it_is_for() {
    for path in files("*.rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let inner = path.ends_with("tests.rs")
            || is_test(&path)
            || path.to_string_lossy().contains("/generated/");
        assert!(
            inner || text.starts_with("//!"),
            "{} has no //! head",
            path.display()
        );
    }
}

#[test]
fn no_file_grows_past_what_one_reads_at_a_time() {
    let long: Vec<String> = files("*.rs")
        .into_iter()
        .filter(|path| !is_test(path) && !path.to_string_lossy().contains("/generated/"))
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = code(&text).lines().count();
            (lines > LINES_MAX).then(|| format!("{lines} {}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_folder_is_a_mod_rs_and_no_name_says_nothing() {
    for path in files("*.rs") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for bad in [
            "mod", "utils", "util", "helpers", "misc", "types", "models", "traits", "manager",
        ] {
            // Types of findings are GuardDuty's and Macie's own word.
            let theirs = name == "types" && path.to_string_lossy().contains("/mapping/");
            assert!(name != bad || theirs, "{}", path.display());
        }
    }
}

/// Whoever clones the checkout has no such folder.
#[test]
fn nothing_names_the_machine_that_it_was_written_on() {
    for path in files("*") {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for bad in ["/root/", "/work/"] {
            let said = text
                .lines()
                .find(|line| line.contains(bad) && !line.contains("for bad in"));
            assert!(said.is_none(), "{}: {said:?}", path.display());
        }
    }
}

#[test]
fn the_readme_names_the_two_commands_and_they_are_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["deploy/demo.sh", "tests/run.sh"] {
        assert!(readme.contains(command), "{command}");
        assert!(root().join(command).exists(), "{command}");
    }
}

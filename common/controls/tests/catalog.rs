//! The controls that come with the product, against their own cases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use muster_controls::Definition;

fn folders() -> Vec<PathBuf> {
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(catalog)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_control_says_what_its_cases_expect() {
    let mut wrong = Vec::new();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        match Definition::open(&folder) {
            Ok(mut definition) => {
                assert_eq!(definition.control.id, name, "a folder is named by its id");
                let mismatches = definition.test();
                wrong.extend(
                    mismatches
                        .iter()
                        .map(|mismatch| format!("{name}: {mismatch}")),
                );
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

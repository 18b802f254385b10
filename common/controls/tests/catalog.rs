//! The controls that come with the product: what their cases expect, and that the standards are whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_controls::{CATALOG, Definition};

fn folders() -> Vec<PathBuf> {
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let entries = std::fs::read_dir(catalog).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
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

/// How many controls AWS lists for the versions of the benchmark, S3.4 of 1.4.0 and IAM.20 of 1.2.0 included.
#[test]
fn the_standards_are_whole() {
    let mut controls: BTreeMap<String, usize> = BTreeMap::new();
    for folder in folders() {
        let definition = Definition::open(&folder).unwrap();
        for (standard, numbers) in definition.control.requirements {
            assert!(!numbers.is_empty(), "{standard} in {}", folder.display());
            *controls.entry(standard).or_default() += 1;
        }
    }
    let cis = |version| controls[&format!("cis-aws-foundations-benchmark/v/{version}")];
    assert_eq!(
        ["1.2.0", "1.4.0", "3.0.0", "5.0.0"].map(cis),
        [43, 40, 37, 40]
    );
    assert!(controls["aws-foundational-security-best-practices/v/1.0.0"] >= 60);
}

#[test]
fn what_is_in_the_crate_is_what_is_in_the_folder() {
    let built: Vec<String> = CATALOG
        .iter()
        .map(|files| Definition::parse(*files).unwrap().control.id)
        .collect();
    let there: Vec<String> = folders()
        .iter()
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(built, there);
}

//! Puts the texts of the controls in `catalog` into the crate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=catalog");
    let variable = |name| PathBuf::from(std::env::var_os(name).unwrap_or_default());
    let catalog = variable("CARGO_MANIFEST_DIR").join("catalog");
    let mut folders = Vec::new();
    for entry in fs::read_dir(&catalog)? {
        folders.push(entry?.path());
    }
    folders.sort();
    let mut list = "&[\n".to_owned();
    for folder in folders {
        let text = |file: &str| include(&folder.join(file));
        let _ = writeln!(
            list,
            "Files {{ control: {}, rule: {}, cases: {} }},",
            text("control.toml"),
            text("rule.rego"),
            text("cases.json")
        );
    }
    list.push(']');
    fs::write(variable("OUT_DIR").join("catalog.rs"), list)
}

fn include(file: &Path) -> String {
    format!("include_str!({:?})", file.display().to_string())
}

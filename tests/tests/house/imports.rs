//! What may import what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_tests::root;
use toml::Table;

/// The crates, and which crates of the house each may depend on, besides those that everybody may.
const CRATES: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("common", &["muster-proto"]),
    ("common/controls", &[]),
    ("common/disk", &["muster-common"]),
    ("common/mtls", &["muster-common"]),
    ("common/settings", &[]),
    ("admin/store", &["muster-common", "muster-disk"]),
    (
        "admin",
        &[
            "muster-common",
            "muster-controls",
            "muster-disk",
            "muster-mtls",
            "muster-proto",
            "muster-settings",
            "muster-store",
        ],
    ),
    (
        "admin/cli",
        &[
            "muster-common",
            "muster-controls",
            "muster-mtls",
            "muster-proto",
            "muster-settings",
        ],
    ),
    (
        "agent",
        &[
            "muster-common",
            "muster-disk",
            "muster-mtls",
            "muster-proto",
            "muster-settings",
        ],
    ),
];

/// The rooms of the admin, and which others each may enter. `error` and `config` are nobody's.
const ROOMS: &[(&str, &[&str])] = &[
    ("records", &["error"]),
    ("audit", &["error", "records"]),
    ("authority", &["error"]),
    ("lineage", &[]),
    ("membership", &["audit", "error", "lineage", "records"]),
    (
        "enrollment",
        &[
            "audit",
            "authority",
            "error",
            "lineage",
            "membership",
            "records",
        ],
    ),
    (
        "operators",
        &["audit", "authority", "error", "lineage", "records"],
    ),
    ("findings", &["error"]),
    ("ingest", &["audit", "error", "findings", "membership"]),
    ("insights", &["audit", "error", "findings", "records"]),
    ("inventory", &["error", "records"]),
    (
        "compliance",
        // Its tests have members.
        &[
            "audit",
            "error",
            "findings",
            "ingest",
            "inventory",
            "membership",
            "records",
        ],
    ),
    ("error", &[]),
    ("config", &[]),
    ("telemetry", &["membership"]),
    (
        "api",
        &[
            "audit",
            "authority",
            "compliance",
            "enrollment",
            "error",
            "findings",
            "ingest",
            "insights",
            "inventory",
            "membership",
            "operators",
        ],
    ),
    (
        "init",
        &[
            "audit",
            "authority",
            "config",
            "error",
            "operators",
            "records",
        ],
    ),
    (
        "serve",
        &[
            "api",
            "audit",
            "authority",
            "compliance",
            "config",
            "enrollment",
            "error",
            "findings",
            "ingest",
            "insights",
            "inventory",
            "membership",
            "operators",
            "records",
            "telemetry",
        ],
    ),
];

/// The parts of the agent, likewise. Collectors know no network of ours, the uplink no source.
const PARTS: &[(&str, &[&str])] = &[
    ("board", &[]),
    ("cloud", &[]),
    ("config", &[]),
    ("dead_letters", &[]),
    ("mapping", &[]),
    ("spool", &[]),
    ("queue", &["spool"]),
    ("identity", &["board", "cloud"]),
    (
        "collectors",
        &[
            "board",
            "cloud",
            "config",
            "dead_letters",
            "mapping",
            "queue",
            "spool",
        ],
    ),
    ("state", &["board", "cloud", "collectors", "config"]),
    (
        "uplink",
        &[
            "board",
            "collectors",
            "dead_letters",
            "identity",
            "queue",
            "state",
        ],
    ),
    (
        "snapshot",
        &[
            "board",
            "dead_letters",
            "identity",
            "queue",
            "spool",
            "uplink",
        ],
    ),
    ("metrics", &["snapshot"]),
    (
        "doctor",
        &[
            "cloud",
            "collectors",
            "config",
            "identity",
            "snapshot",
            "spool",
            "state",
            "uplink",
        ],
    ),
    (
        "run",
        &[
            "board",
            "cloud",
            "collectors",
            "config",
            "dead_letters",
            "identity",
            "metrics",
            "queue",
            "snapshot",
            "spool",
            "state",
            "uplink",
        ],
    ),
];

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    for (folder, allowed) in CRATES {
        let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let manifest: Table = toml::from_str(&text).unwrap();
        let dependencies = manifest
            .get("dependencies")
            .and_then(|value| value.as_table());
        for name in dependencies.into_iter().flat_map(Table::keys) {
            let ours = name.starts_with("muster-");
            assert!(
                !ours || allowed.contains(&name.as_str()),
                "{folder} depends on {name}"
            );
        }
    }
}

#[test]
fn what_is_fenced_is_named_by_one_crate() {
    for (fenced, home) in [
        ("sled", "admin/store"),
        ("regorus", "common/controls"),
        ("rustls", "common/mtls"),
        ("tokio-rustls", "common/mtls"),
    ] {
        for (folder, _) in CRATES {
            let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
            let manifest: Table = toml::from_str(&text).unwrap();
            for section in ["dependencies", "dev-dependencies"] {
                let named = manifest
                    .get(section)
                    .and_then(|value| value.get(fenced))
                    .is_some();
                assert!(!named || *folder == home, "{folder} depends on {fenced}");
            }
        }
    }
}

#[test]
fn the_rooms_of_the_admin_are_entered_in_one_direction() {
    check("admin/src", ROOMS);
}

#[test]
fn the_parts_of_the_agent_are_entered_in_one_direction() {
    check("agent/src", PARTS);
}

fn check(source: &str, allowed: &[(&str, &[&str])]) {
    let source = root().join(source);
    let modules: BTreeSet<String> = std::fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !["lib", "main", "show"].contains(&name.as_str()))
        .collect();
    let listed: BTreeSet<String> = allowed.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(modules, listed, "every room has a row");
    for (room, may) in allowed {
        for file in files_of(&source, room) {
            for entered in entered(&std::fs::read_to_string(&file).unwrap(), &modules) {
                let known = entered == *room || may.contains(&entered.as_str());
                assert!(known, "{} enters {entered}", file.display());
            }
        }
    }
    assert!(acyclic(allowed), "the rooms go in a circle");
}

/// The rooms that a text names as `crate::ROOM`, also in braces.
fn entered(text: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in text.split("crate::").skip(1) {
        let named = match part.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => part
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
                .unwrap_or_default(),
        };
        for word in named.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            if modules.contains(word) {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

fn files_of(source: &Path, room: &str) -> Vec<PathBuf> {
    let mut found = vec![source.join(format!("{room}.rs"))];
    let mut folders = vec![source.join(room)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Whether nobody comes back to where he started.
fn acyclic(allowed: &[(&str, &[&str])]) -> bool {
    let mut left: Vec<_> = allowed.to_vec();
    loop {
        let before = left.len();
        let names: BTreeSet<&str> = left.iter().map(|(name, _)| *name).collect();
        left.retain(|(_, may)| may.iter().any(|entered| names.contains(entered)));
        if left.is_empty() {
            return true;
        }
        if left.len() == before {
            return false;
        }
    }
}

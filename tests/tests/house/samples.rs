//! The samples in `deploy` are what the binaries read, with their defaults.

use std::path::Path;

use muster_tests::root;
use toml::{Table, Value};

fn sample(name: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(name)).unwrap()
}

/// Every key of a document, such as `listen.agents`.
fn keys(table: &Table, before: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = format!("{before}{key}");
        match value {
            Value::Table(inner) => keys(inner, &format!("{path}."), found),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => found.push(path),
        }
    }
}

/// Takes the marks off keys that have no value by default.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest)
            if rest.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            }) =>
        {
            rest
        }
        Some(_) | None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_admins_sample_is_its_defaults_and_shows_every_key() {
    use muster_admin::config::Config;
    let text = sample("muster-admin.toml");
    let mut read: Config = muster_settings::parse(&text).unwrap();
    assert_eq!(read.data_dir, Path::new("/var/lib/muster-admin"));
    read.data_dir = Config::default().data_dir;
    assert_eq!(read, Config::default());
    let full: Config = muster_settings::parse(&uncommented(&text)).unwrap();
    full.check().unwrap();
    shows_every_key(&Table::try_from(&full).unwrap(), &text);
}

#[test]
fn the_agents_sample_is_its_defaults_and_shows_every_key() {
    use muster_agent::config::Config;
    let text = sample("muster-agent.toml");
    let mut read: Config = muster_settings::parse(&text).unwrap();
    assert_eq!(read.state_dir, Path::new("/var/lib/muster-agent"));
    read.state_dir = Config::default().state_dir;
    assert_eq!(read, Config::default());
    let full: Config = muster_settings::parse(&uncommented(&text)).unwrap();
    full.check().unwrap();
    shows_every_key(&Table::try_from(&full).unwrap(), &text);
}

/// `full` has a value for every key that the sample shows; what it has beyond would be a key without a line.
fn shows_every_key(full: &Table, text: &str) {
    let (mut all, mut shown) = (Vec::new(), Vec::new());
    keys(full, "", &mut all);
    keys(&toml::from_str(&uncommented(text)).unwrap(), "", &mut shown);
    all.sort();
    shown.sort();
    assert_eq!(all, shown);
}

#[test]
fn the_agents_policy_allows_what_the_collectors_call() {
    let policy: serde_json::Value = serde_json::from_str(&sample("agent-policy.json")).unwrap();
    let allowed = policy["Statement"][0]["Action"].to_string();
    let folder = root().join("agent/src");
    let mut needed = vec!["account:ListRegions".to_owned()];
    for entry in std::fs::read_dir(folder.join("collectors")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let head = text.lines().next().unwrap_or_default();
        if let Some((_, permissions)) = head.split_once("Permission") {
            let named = permissions.split('`').skip(1).step_by(2);
            needed.extend(named.map(str::to_owned));
        }
    }
    assert!(needed.len() >= 7, "{needed:?}");
    for permission in needed {
        assert!(allowed.contains(&permission), "{permission}");
    }
}

//! Settings: what is accepted can be written and read again, and the environment says the same as the file.

use muster_settings::{parse, parse_with};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use toml::Value;

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    // What stands behind the first NUL are variables of the environment.
    let (file, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let variables: Vec<(String, String)> = variables
        .split('\0')
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (format!("MUSTER_FUZZ_{name}"), value.to_owned()))
        .collect();
    if choice % 2 == 0 {
        settings::<muster_admin::config::Config>(file, variables, |config| {
            let _ = config.check();
            let _ = config.limits.for_strangers();
        });
    } else {
        settings::<muster_agent::config::Config>(file, variables, |config| {
            let _ = config.check();
            let _ = config.drop_path();
        });
    }
}

fn settings<T: DeserializeOwned + Serialize + PartialEq + Debug>(
    file: &str,
    variables: Vec<(String, String)>,
    use_it: impl Fn(&T),
) {
    if let Err(error) = parse_with::<T>(file, "MUSTER_FUZZ_", variables) {
        assert!(!error.to_string().is_empty());
    }
    let Ok(config) = parse::<T>(file) else {
        return;
    };
    use_it(&config);
    let written = toml::to_string(&config).expect("settings are a table");
    let again = parse::<T>(&written).expect("they were written as such");
    assert_eq!(again, config, "{written}");
    let mut same = Vec::new();
    let table: toml::Table = written.parse().expect("it is TOML");
    gather(&table, String::new(), &mut same);
    let said = parse_with::<T>("", "MUSTER_FUZZ_", same);
    // A variable can hold text only: what looks like another type is that type.
    if let Ok(said) = said {
        assert_eq!(said, config, "{written}");
    } else {
        assert!(
            has_text_like_another_type(&Value::Table(table)),
            "{said:?}\n{written}"
        );
    }
}

/// Every key of a table as a variable of the environment.
fn gather(table: &toml::Table, before: String, found: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let name = format!("{before}{}", key.to_uppercase());
        match value {
            Value::Table(inner) => gather(inner, format!("{name}__"), found),
            Value::String(text) => found.push((format!("MUSTER_FUZZ_{name}"), text.clone())),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => found.push((format!("MUSTER_FUZZ_{name}"), value.to_string())),
        }
    }
}

fn has_text_like_another_type(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            text == "true"
                || text == "false"
                || text.starts_with('[')
                || text.parse::<i64>().is_ok()
        }
        // As long as an account id, which is text.
        Value::Integer(number) => number.to_string().len() >= 12,
        Value::Array(items) => !items.is_empty(),
        Value::Table(members) => members.values().any(has_text_like_another_type),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => false,
    }
}

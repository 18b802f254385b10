//! The environment as a source of settings.

use std::path::PathBuf;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// The variable that names the file, which is no key of it.
const FILE: &str = "CONFIG_FILE";

/// Variables that start with a prefix; `__` goes one level down.
#[derive(Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) prefix: &'static str,
}

impl Environment {
    pub(crate) const NAME: &'static str = "environment";

    /// The variable of a key.
    pub(crate) fn variable(&self, path: &[String]) -> String {
        format!("{}{}", self.prefix, path.join("__").to_uppercase())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (name, text) in std::env::vars() {
            let key = name.strip_prefix(self.prefix);
            if let Some(key) = key.filter(|key| *key != FILE) {
                let path: Vec<String> = key.to_lowercase().split("__").map(str::to_owned).collect();
                insert(&mut dict, &path, value(&text));
            }
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            dict.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = dict
                .entry(name.clone())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// A variable's text as a value. Numbers that would not read back the same (account ids with leading zeros) stay text;
/// a list stands in brackets, as in TOML.
fn value(text: &str) -> Value {
    match text {
        "true" => return Value::from(true),
        "false" => return Value::from(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
        && text.len() < 12
    {
        return Value::from(number);
    }
    if text.starts_with('[')
        && let Ok(list) = text.parse::<Value>()
    {
        return list;
    }
    Value::from(text)
}

/// A folder below the user's home: `$XDG_..._HOME/muster`, or `~/{fallback}/muster`.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the environment for folders"
)]
pub fn home(variable: &str, fallback: &str) -> PathBuf {
    let set = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    set(variable)
        .or_else(|| set("HOME").map(|home| home.join(fallback)))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("muster")
}

//! The environment as a source of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::Error;

/// The variable that names the file, which is no key of it.
const FILE: &str = "CONFIG_FILE";

/// Variables that start with a prefix; `__` goes one level down.
pub(crate) struct Environment {
    pub(crate) prefix: &'static str,
    pub(crate) variables: Vec<(String, String)>,
}

impl Environment {
    pub(crate) const NAME: &'static str = "environment";

    /// The variables of this process.
    pub(crate) fn of_process(prefix: &'static str) -> Result<Self, Error> {
        Self::of(prefix, std::env::vars_os())
    }

    /// Those of some variables that have the prefix; what others hold does not matter.
    fn of(
        prefix: &'static str,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        let ours = variables.filter_map(|(name, text)| {
            let name = name.into_string().ok()?;
            name.starts_with(prefix).then_some((name, text))
        });
        let variables = ours.map(|(name, text)| match text.into_string() {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(Error::Setting {
                place: format!("the environment, {name}"),
                what: "it is not UTF-8".to_owned(),
            }),
        });
        Ok(Self {
            prefix,
            variables: variables.collect::<Result<_, _>>()?,
        })
    }

    /// The variable of a key.
    pub(crate) fn variable(&self, path: &[String]) -> String {
        format!("{}{}", self.prefix, path.join("__").to_uppercase())
    }
}

impl Provider for &Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(Environment::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (name, text) in &self.variables {
            let key = name.strip_prefix(self.prefix);
            if let Some(key) = key.filter(|key| *key != FILE) {
                let path: Vec<String> = key.to_lowercase().split("__").map(str::to_owned).collect();
                insert(&mut dict, &path, value(text));
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
        && let Some(list) = list(text)
    {
        return list;
    }
    Value::from(text)
}

/// Read as TOML reads it. The parser of values that figment has panics at some texts.
fn list(text: &str) -> Option<Value> {
    let read = Toml::string(&format!("list = {text}")).data().ok()?;
    let mut members = read.into_values().flatten();
    let (_, list) = members.next()?;
    members.next().is_none().then_some(list)
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

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_list_reads_as_in_toml() {
        let texts = |texts: &[&str]| Value::from(texts.to_vec());
        for (text, read) in [
            (
                r#"["us-east-1", "eu-west-1"]"#,
                texts(&["us-east-1", "eu-west-1"]),
            ),
            ("[]", Value::from(Vec::<Value>::new())),
            ("[\"\u{e9}\\n\u{fffd}\"]", texts(&["\u{e9}\n\u{fffd}"])),
            (
                "[\"PUBLIC_\u{fffd}\\CIE\"]",
                "[\"PUBLIC_\u{fffd}\\CIE\"]".into(),
            ),
            ("[1]\nother = 2", "[1]\nother = 2".into()),
            ("[open", "[open".into()),
        ] {
            assert_eq!(value(text), read, "{text}");
        }
    }

    #[test]
    fn only_variables_of_ours_have_to_be_text() {
        let broken = || OsString::from_vec(vec![0xff]);
        let foreign = [
            ("OTHER".into(), broken()),
            (broken(), "x".into()),
            ("MUSTER_TEST_PORT".into(), "7".into()),
        ];
        let read = Environment::of("MUSTER_TEST_", foreign.into_iter()).unwrap();
        assert_eq!(
            read.variables,
            [("MUSTER_TEST_PORT".to_owned(), "7".to_owned())]
        );
        let ours = [("MUSTER_TEST_PATH".into(), broken())];
        let refused = Environment::of("MUSTER_TEST_", ours.into_iter()).err();
        assert_eq!(
            refused.unwrap().to_string(),
            "the environment, MUSTER_TEST_PATH: it is not UTF-8"
        );
    }
}

//! Settings of a binary: one TOML file, every key of it overridable by the environment, unknown keys refused.
//!
//! `listen.agents` in the file is `{PREFIX}LISTEN__AGENTS` in the environment. Also the logs, which are set up from the
//! settings. It is a crate because both servers use it and nobody else should know how it is done.

mod environment;
pub mod logs;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::{Actual, Kind};
use figment::providers::{Format as _, Toml};
use serde::de::DeserializeOwned;

use environment::Environment;
pub use environment::home;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no {0}; create it, or leave out --config")]
    NoFile(PathBuf),
    #[error("{0} is a folder; --config names a file, in TOML")]
    Folder(PathBuf),
    #[error("{place}: {what}")]
    Setting { place: String, what: String },
}

/// Reads the settings of a binary. Without a file there are the defaults and the environment.
///
/// # Errors
/// [`Error`] names the key, where it stands, and what is wrong.
pub fn load<T: DeserializeOwned>(file: Option<&Path>, prefix: &'static str) -> Result<T, Error> {
    let mut figment = Figment::new();
    if let Some(file) = file {
        if !file.exists() {
            return Err(Error::NoFile(file.to_owned()));
        }
        if file.is_dir() {
            return Err(Error::Folder(file.to_owned()));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    let environment = Environment::of_process(prefix)?;
    let source = file.map_or(UNNAMED.to_owned(), |file| file.display().to_string());
    extract(figment, environment, source)
}

/// Reads settings from text, as the sample files in `deploy` are read by a test.
///
/// # Errors
/// As [`load`].
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    parse_with(text, "", Vec::new())
}

/// Reads settings from text and from variables with a prefix, as [`load`] reads a file and the environment.
///
/// # Errors
/// As [`load`].
pub fn parse_with<T: DeserializeOwned>(
    text: &str,
    prefix: &'static str,
    variables: Vec<(String, String)>,
) -> Result<T, Error> {
    let environment = Environment { prefix, variables };
    extract(
        Figment::from(Toml::string(text)),
        environment,
        UNNAMED.to_owned(),
    )
}

fn extract<T: DeserializeOwned>(
    figment: Figment,
    environment: Environment,
    source: String,
) -> Result<T, Error> {
    figment
        .merge(&environment)
        .extract()
        .map_err(|error| setting(error, source, &environment))
}

/// Where a key stands that came from no file.
const UNNAMED: &str = "the settings";

fn setting(error: figment::Error, source: String, environment: &Environment) -> Error {
    let from_environment = error
        .metadata
        .as_ref()
        .is_some_and(|metadata| metadata.name == Environment::NAME);
    let key = error.path.join(".");
    let place = match (from_environment, key.as_str()) {
        (true, _) => format!("the environment, {}", environment.variable(&error.path)),
        (false, "") => source,
        (false, key) => format!("{source}, {key}"),
    };
    let what = if let Kind::UnknownField(_, known) = error.kind {
        format!("there is no such key; there are {}", known.join(", "))
    } else if let Kind::InvalidType(Actual::Str(text), expected) = &error.kind
        && expected == "a sequence"
    {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        format!("`{text}` is no list; write {items:?}")
    } else {
        error.kind.to_string().trim_end().replace("``", "`")
    };
    Error::Setting { place, what }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        account: String,
        listen: Listen,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Listen {
        port: u16,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self {
                account: "000000000001".into(),
                listen: Listen::default(),
            }
        }
    }

    impl Default for Listen {
        fn default() -> Self {
            Self { port: 7 }
        }
    }

    #[test]
    fn defaults_need_no_file() {
        assert_eq!(
            load::<Settings>(None, "MUSTER_TEST_NONE_").unwrap(),
            Settings::default()
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let message = |text: &str| parse::<Settings>(text).unwrap_err().to_string();
        assert_eq!(
            message("[listen]\nprot = 5"),
            "the settings, listen.prot: there is no such key; there are port"
        );
        assert!(message("listen = 5").starts_with("the settings, listen: invalid type"));
        assert!(message("[listen").contains("TOML parse error"));
    }

    #[test]
    fn a_list_is_shown_as_it_is_written() {
        #[derive(Debug, Deserialize)]
        struct Lists {
            #[expect(dead_code, reason = "only its type matters")]
            regions: Vec<String>,
        }
        assert_eq!(
            parse::<Lists>("regions = \"us-east-1,eu-west-1\"")
                .unwrap_err()
                .to_string(),
            "the settings, regions: `us-east-1,eu-west-1` is no list; write [\"us-east-1\", \"eu-west-1\"]"
        );
    }

    #[test]
    fn a_folder_is_no_file() {
        let error = load::<Settings>(Some(Path::new("/")), "MUSTER_TEST_NONE_").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/ is a folder; --config names a file, in TOML"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error =
            load::<Settings>(Some(Path::new("/nowhere/x.toml")), "MUSTER_TEST_NONE_").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no /nowhere/x.toml; create it, or leave out --config"
        );
    }
}

//! Logs: structured lines on standard error.

use std::io::IsTerminal as _;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// A level, or directives such as `info,muster_store=debug`.
    pub level: String,
    pub format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::default(),
        }
    }
}

/// Libraries that say too much about their insides, unless somebody asks them by name.
const QUIET: &str = "aws_config=warn,aws_credential_types=warn,aws_runtime=warn,aws_sigv4=warn,aws_smithy_http_client=warn,aws_smithy_runtime=warn,aws_smithy_runtime_api=warn,h2=warn,hyper=warn,hyper_util=warn,rustls=warn,sled=warn,tower=warn";

/// Starts logging.
///
/// # Errors
/// The level is none.
pub fn start(logs: &Logs) -> Result<(), super::Error> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", logs.level)).map_err(|error| super::Error::Setting {
        place: "log.level".to_owned(),
        what: format!("`{}` is no level: {error}", logs.level),
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match logs.format {
        Format::Text => lines.init(),
        Format::Json => lines.json().init(),
    }
    Ok(())
}

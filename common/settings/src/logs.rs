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
    let level = &logs.level;
    let wrong = || super::Error::Setting {
        place: "log.level".to_owned(),
        what: format!("`{level}` is no level: error, warn, info, debug, trace, or module=level"),
    };
    if !level.split(',').all(is_directive) {
        return Err(wrong());
    }
    let filter = EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|_| wrong())?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would tell of a line that cannot be written by one more, and panic when that cannot be written either.
        .log_internal_errors(false);
    match logs.format {
        Format::Text => lines.init(),
        Format::Json => lines.json().init(),
    }
    Ok(())
}

/// A bare word that is no level would be taken for a module, and nothing would be logged.
fn is_directive(text: &str) -> bool {
    let level = text.rsplit_once('=').map_or(text, |(_, level)| level);
    ["off", "error", "warn", "info", "debug", "trace"]
        .iter()
        .any(|known| level.trim().eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_module() {
        for (text, good) in [
            ("info", true),
            ("WARN", true),
            ("info,muster_store=debug", true),
            ("verbose", false),
            ("loud=", false),
            ("info,", false),
        ] {
            assert_eq!(text.split(',').all(is_directive), good, "{text}");
        }
    }
}

//! The settings of `muster-agent`. Every key has a default; `deploy/muster-agent.toml` shows them all.

use std::net::SocketAddr;
use std::path::PathBuf;

use muster_common::account::Region;
use muster_settings::logs::Logs;
use serde::{Deserialize, Serialize};

/// The prefix of its environment variables.
pub const PREFIX: &str = "MUSTER_AGENT_";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Identity, spool and progress.
    pub state_dir: PathBuf,
    /// The Region that STS is asked in and that global questions go to; unset: as the environment says.
    pub home_region: Option<Region>,
    /// The Regions to collect in; empty: all that are enabled in the account.
    pub regions: Vec<Region>,
    pub spool: Spool,
    pub collectors: Collectors,
    pub state: State,
    pub metrics: Metrics,
    pub log: Logs,
}

/// Metrics over HTTP, without TLS: keep it on loopback or behind a firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Unset: none are served.
    pub listen: Option<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// When it is full, the sources are not read until the admin has acknowledged some.
    pub max_mib: u64,
}

/// What to collect, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Collectors {
    pub guardduty: Source,
    pub inspector2: Source,
    pub macie2: Source,
    pub securityhub: SecurityHub,
    pub drop_folder: DropFolder,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    pub enabled: bool,
    pub every_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHub {
    pub enabled: bool,
    pub every_seconds: u64,
    /// Also findings of GuardDuty, Inspector and Macie, which have collectors of their own.
    pub include_aws_detectors: bool,
}

/// A folder that other tools put files into: ASFF, or OCSF detection findings as Prowler writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropFolder {
    pub enabled: bool,
    /// Unset: `drop` in the state folder.
    pub path: Option<PathBuf>,
    pub every_seconds: u64,
    /// How long files that were read are kept in `done`.
    pub keep_days: u32,
}

/// The configuration of the account, which the admin's controls judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    pub enabled: bool,
    /// From one survey of a service to the next.
    pub every_minutes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: muster_settings::home("XDG_DATA_HOME", ".local/share").join("agent"),
            home_region: None,
            regions: Vec::new(),
            spool: Spool::default(),
            collectors: Collectors::default(),
            state: State::default(),
            metrics: Metrics::default(),
            log: Logs::default(),
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self { max_mib: 256 }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            enabled: true,
            every_minutes: 60,
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            enabled: true,
            every_seconds: 60,
        }
    }
}

impl Default for Collectors {
    fn default() -> Self {
        let every = |every_seconds| Source {
            every_seconds,
            ..Source::default()
        };
        Self {
            guardduty: every(60),
            inspector2: every(300),
            macie2: every(300),
            securityhub: SecurityHub::default(),
            drop_folder: DropFolder::default(),
        }
    }
}

impl Default for SecurityHub {
    fn default() -> Self {
        Self {
            enabled: true,
            every_seconds: 300,
            include_aws_detectors: false,
        }
    }
}

impl Default for DropFolder {
    fn default() -> Self {
        Self {
            enabled: true,
            path: None,
            every_seconds: 5,
            keep_days: 7,
        }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A text that names the key and its range.
    pub fn check(&self) -> Result<(), String> {
        let Collectors {
            guardduty,
            inspector2,
            macie2,
            securityhub,
            drop_folder,
        } = &self.collectors;
        for (key, seconds) in [
            ("guardduty", guardduty.every_seconds),
            ("inspector2", inspector2.every_seconds),
            ("macie2", macie2.every_seconds),
            ("securityhub", securityhub.every_seconds),
            ("drop_folder", drop_folder.every_seconds),
        ] {
            if !(1..=86_400).contains(&seconds) {
                return Err(format!(
                    "collectors.{key}.every_seconds: {seconds} is out of range; 1 to 86400"
                ));
            }
        }
        if !(5..=1_440).contains(&self.state.every_minutes) {
            return Err(format!(
                "state.every_minutes: {} is out of range; 5 to 1440",
                self.state.every_minutes
            ));
        }
        if !(1..=65_536).contains(&self.spool.max_mib) {
            return Err(format!(
                "spool.max_mib: {} is out of range; 1 to 65536",
                self.spool.max_mib
            ));
        }
        Ok(())
    }

    #[must_use]
    pub fn drop_path(&self) -> PathBuf {
        self.collectors
            .drop_folder
            .path
            .clone()
            .unwrap_or_else(|| self.state_dir.join("drop"))
    }
}

//! The settings of `muster-admin`. Every key has a default; `deploy/muster-admin.toml` shows them all.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use muster_common::account::AccountId;
use muster_settings::logs::Logs;
use serde::{Deserialize, Deserializer, Serialize, de};

/// The prefix of its environment variables.
pub const PREFIX: &str = "MUSTER_ADMIN_";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub data_dir: PathBuf,
    /// The account that the admin belongs to: operators may import findings for it, and it cannot be a member.
    pub admin_account: Option<AccountId>,
    pub listen: Listen,
    pub public: Public,
    pub members: Members,
    pub certificates: Certificates,
    pub sts: Sts,
    pub findings: Findings,
    pub inventory: Inventory,
    pub compliance: Compliance,
    pub audit: Audit,
    pub ingest: Ingest,
    pub limits: Limits,
    pub store: Store,
    pub log: Logs,
}

/// Where the server listens. Port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    pub enrollment: SocketAddr,
    pub agents: SocketAddr,
    pub operators: SocketAddr,
    /// Metrics and health over HTTP, without TLS: keep it on loopback or behind a firewall.
    pub metrics: SocketAddr,
}

/// How the server is reached from outside, `host:port`; unset: as it listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Public {
    pub enrollment: Option<String>,
    pub agents: Option<String>,
    /// Further host names and addresses in the server's certificate, for clients that check them.
    pub names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Members {
    /// The IAM role that agents run under, unless a member says otherwise.
    pub role_name: String,
    /// The life of an invitation: 1 to 168.
    pub invitation_hours: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificates {
    /// The life of an agent's certificate: 1 to 72.
    pub agent_hours: u32,
    /// The life of an operator's certificate: 1 to 744.
    pub operator_hours: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sts {
    /// Instead of each Region's own endpoint, such as a VPC endpoint.
    pub endpoint: Option<String>,
}

/// How long things are kept after their last update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Findings {
    pub active_days: Days,
    pub archived_days: Days,
    /// Superseded versions of a finding.
    pub history_days: Days,
    /// Between two rounds that remove what is too old, of the audit log too: 1 to 1440.
    pub tidy_minutes: u32,
}

/// How long states of resources are kept that later ones replaced, and resources that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inventory {
    pub history_days: Days,
}

/// What accounts are checked for, beside the controls that come with the product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compliance {
    /// A folder of folders, each a control of one's own.
    pub controls: Option<PathBuf>,
}

/// How long events are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    pub keep_days: Days,
}

/// A number of days, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Days {
    After(u32),
    Never(Never),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Never {
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Per account; 0 is without limit.
    pub findings_per_second: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections per listener; at most 1,000 of strangers.
    pub connections: usize,
    /// A connection ends after this time; clients connect again by themselves.
    pub connection_minutes: u32,
    /// Calls at a time on one connection; at most 16 of agents, and 8 of strangers.
    pub streams: u32,
    /// How long stopping waits for calls under way.
    pub drain_seconds: u32,
    /// No setting: nobody needs another.
    #[serde(skip)]
    pub patience: Patience,
}

/// How long peers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A quiet connection is asked so often whether its peer is there, ..
    pub keep_alive: Duration,
    /// .. which has so long for its answer.
    pub keep_alive_timeout: Duration,
    /// How long a part of an answer may lie unread before its connection is cut.
    pub answer: Duration,
    /// How long an uplink may be without one whole message. Agents report every minute.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
            answer: Duration::from_secs(120),
            silence: Duration::from_secs(300),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Decompressed documents kept in memory.
    pub cache_mib: usize,
}

impl Limits {
    /// Strangers get fewer connections than those who show a certificate, and for little longer than an enrollment takes:
    /// they must not use up the files that the others need.
    #[must_use]
    pub fn for_strangers(&self) -> Self {
        Self {
            connections: self.connections.min(1_000),
            connection_minutes: self.connection_minutes.min(2),
            streams: self.streams.min(8),
            ..self.clone()
        }
    }

    /// An agent has an uplink, at times a renewal, and its doctor.
    #[must_use]
    pub fn for_agents(&self) -> Self {
        Self {
            streams: self.streams.min(16),
            ..self.clone()
        }
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Days;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of days or \"never\"")
            }

            fn visit_u64<E: de::Error>(self, days: u64) -> Result<Days, E> {
                let few = u32::try_from(days).map(Days::After);
                few.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(days), &self))
            }

            fn visit_i64<E: de::Error>(self, days: i64) -> Result<Days, E> {
                let few = u32::try_from(days).map(Days::After);
                few.map_err(|_| E::invalid_value(de::Unexpected::Signed(days), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Days, E> {
                match text {
                    "never" => Ok(Days::Never(Never::Never)),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Days {
    #[must_use]
    pub const fn days(self) -> Option<u32> {
        match self {
            Self::After(days) => Some(days),
            Self::Never(Never::Never) => None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: muster_settings::home("XDG_DATA_HOME", ".local/share").join("admin"),
            admin_account: None,
            listen: Listen::default(),
            public: Public::default(),
            members: Members::default(),
            certificates: Certificates::default(),
            sts: Sts::default(),
            findings: Findings::default(),
            inventory: Inventory::default(),
            compliance: Compliance::default(),
            audit: Audit::default(),
            ingest: Ingest::default(),
            limits: Limits::default(),
            store: Store::default(),
            log: Logs::default(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            enrollment: loopback(7700),
            agents: loopback(7701),
            operators: loopback(7702),
            metrics: loopback(7703),
        }
    }
}

impl Default for Members {
    fn default() -> Self {
        Self {
            role_name: "MusterAgent".to_owned(),
            invitation_hours: 24,
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self {
            agent_hours: 24,
            operator_hours: 720,
        }
    }
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            active_days: Days::After(90),
            archived_days: Days::After(30),
            history_days: Days::After(90),
            tidy_minutes: 60,
        }
    }
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            history_days: Days::After(90),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            keep_days: Days::After(365),
        }
    }
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            findings_per_second: 50_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connection_minutes: 60,
            streams: 100,
            drain_seconds: 20,
            patience: Patience::default(),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { cache_mib: 32 }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A text that names the key and its range.
    pub fn check(&self) -> Result<(), String> {
        let within = |key: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("{key}: {value} is out of range; {low} to {high}"))
        };
        within(
            "members.invitation_hours",
            self.members.invitation_hours,
            1,
            168,
        )?;
        within(
            "certificates.agent_hours",
            self.certificates.agent_hours,
            1,
            72,
        )?;
        within(
            "certificates.operator_hours",
            self.certificates.operator_hours,
            1,
            744,
        )?;
        within(
            "limits.connection_minutes",
            self.limits.connection_minutes,
            1,
            1_440,
        )?;
        within(
            "findings.tidy_minutes",
            self.findings.tidy_minutes,
            1,
            1_440,
        )?;
        within("limits.streams", self.limits.streams, 1, 10_000)?;
        within("limits.drain_seconds", self.limits.drain_seconds, 1, 600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_a_number_of_days_too() {
        let config: Config =
            muster_settings::parse("[findings]\nactive_days = \"never\"\narchived_days = 7")
                .unwrap();
        assert_eq!(config.findings.active_days.days(), None);
        assert_eq!(config.findings.archived_days.days(), Some(7));
        let wrong = |value: &str| {
            let text = format!("[findings]\nactive_days = {value}");
            let error = muster_settings::parse::<Config>(&text).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            wrong("\"soon\""),
            "the settings, findings.active_days: invalid value string \"soon\", expected a number of days or \"never\""
        );
        assert!(wrong("-1").ends_with("expected a number of days or \"never\""));
    }

    #[test]
    fn ranges_are_told() {
        let config: Config = muster_settings::parse("[certificates]\nagent_hours = 100").unwrap();
        assert_eq!(
            config.check().unwrap_err(),
            "certificates.agent_hours: 100 is out of range; 1 to 72"
        );
    }
}

//! The doctor: looks at everything that collecting and sending needs, and says what to do about what is wrong.

mod aws;
mod local;

use muster_common::account::Region;
use muster_common::clock::Clock;
use serde::Serialize;

use crate::cloud::Cloud;
use crate::collectors::Sources;
use crate::config::Config;
use crate::identity::{self, Identity};
use crate::spool::{id_in, spools};
use crate::uplink::probe;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do; empty if nothing.
    pub advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Good,
    /// It works, but somebody should look.
    Doubtful,
    Bad,
    /// Something else must be mended first.
    Skipped,
}

impl Check {
    fn new(
        name: &str,
        verdict: Verdict,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            seen: seen.into(),
            advice: advice.into(),
        }
    }

    fn good(name: &str, seen: impl Into<String>) -> Self {
        Self::new(name, Verdict::Good, seen, "")
    }

    fn bad(name: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Bad, seen, advice)
    }

    fn doubtful(name: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Doubtful, seen, advice)
    }

    fn skipped(name: &str, seen: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skipped, seen, "")
    }
}

/// Looks at everything. Harmless: it changes nothing, also beside a running agent.
pub async fn examine(config: &Config, clock: &Clock) -> Vec<Check> {
    let mut checks = local::state_folder(config);
    let identity = identity::read(&config.state_dir);
    checks.push(local::identity(&config.state_dir, &identity, clock));
    let identity = identity.ok();
    let cloud = Cloud::connect(config.home_region.as_ref(), clock).await;
    let home = cloud.home();
    let said = home.as_ref().map_or("", Region::as_str);
    checks.push(admin(config, identity.as_ref(), said, clock).await);
    let Some(home) = home else {
        let error = identity::Error::NoRegion;
        checks.push(Check::bad("Region", "none is set", error.to_string()));
        return checks;
    };
    let account = aws::credentials(&cloud, identity.as_ref(), &mut checks).await;
    match account {
        Some(account) => {
            let sources = Sources::new(config, cloud.clone(), account, home);
            let regions = aws::regions(&sources, &mut checks).await;
            checks.extend(aws::sources(&sources, regions).await);
            if config.state.enabled {
                checks.extend(aws::surveys(&sources).await);
            }
        }
        None => checks.push(Check::skipped("sources", "no good credentials")),
    }
    checks.push(aws::clock(&cloud));
    checks
}

/// Whether the admin can be reached and takes findings of this agent.
async fn admin(config: &Config, identity: Option<&Identity>, home: &str, clock: &Clock) -> Check {
    const NAME: &str = "admin";
    let Some(identity) = identity else {
        return Check::skipped(NAME, "not enrolled");
    };
    if identity.expired(clock.now()).is_some() {
        return Check::skipped(NAME, "the certificate expired");
    }
    let spool = id_in(&spools(&config.state_dir).join(identity.agent.to_string()));
    match probe(identity, spool.unwrap_or_default(), home).await {
        Ok(()) => Check::good(NAME, format!("{} answers", identity.file.endpoint)),
        Err(reason) => {
            let host = &identity.file.endpoint;
            let advice = if reason.contains("check the clock") {
                String::new()
            } else if reason.contains("certificate") && reason.starts_with("cannot connect") {
                format!("open the way to {host} without TLS inspection in between")
            } else if reason.starts_with("cannot connect") {
                format!("ask whether the admin is running, and open the way to {host} (TCP)")
            } else {
                "ask whoever runs the admin; 'muster audit list --refused' tells more".to_owned()
            };
            Check::bad(NAME, reason, advice)
        }
    }
}

//! What is in the account: credentials, the clock, Regions, permissions.

use muster_common::account::{AccountId, Region};
use muster_common::timestamp::{MINUTE, SECOND};

use super::Check;
use crate::cloud::{Cloud, CredentialsError};
use crate::collectors::{Collector, Setback, Sources};
use crate::identity::Identity;
use crate::state;

/// AWS refuses signatures that are older than five minutes.
const SKEW_MAX: i64 = 4 * MINUTE;
/// Regions that are named one by one in a check.
const NAMED_MAX: usize = 4;

/// Whose the credentials are; nobody's if they are no good.
pub(super) async fn credentials(
    cloud: &Cloud,
    identity: Option<&Identity>,
    checks: &mut Vec<Check>,
) -> Option<AccountId> {
    const NAME: &str = "AWS credentials";
    let caller = match cloud.caller().await {
        Ok(caller) => caller,
        Err(error) => {
            let advice = match error {
                CredentialsError::Missing(_) => "",
                CredentialsError::Refused(_) => "check that the clock is right, too",
                CredentialsError::Unreachable(_) => {
                    "open the way to sts.<Region>.amazonaws.com (443), or set AWS_ENDPOINT_URL_STS"
                }
            };
            checks.push(Check::bad(NAME, error.to_string(), advice));
            return None;
        }
    };
    let own = identity.map_or(caller.account, |identity| identity.account);
    checks.push(if caller.account == own {
        Check::good(NAME, caller.arn)
    } else {
        Check::bad(
            NAME,
            format!("they belong to account {}", caller.account),
            format!("give the process a role in account {own}"),
        )
    });
    (caller.account == own).then_some(own)
}

/// The Regions that would be collected in.
pub(super) async fn regions(sources: &Sources, checks: &mut Vec<Check>) -> Vec<Region> {
    const NAME: &str = "Regions";
    match sources.regions().await {
        Ok(regions) => {
            checks.push(Check::good(NAME, names(&regions)));
            regions
        }
        Err(setback) => {
            let home = sources.home.clone();
            checks.push(Check::doubtful(
                NAME,
                format!("only {home}, for they cannot be listed: {setback}"),
                "allow account:ListRegions, or set `regions`",
            ));
            vec![home]
        }
    }
}

fn names(regions: &[Region]) -> String {
    let shown: Vec<&str> = regions.iter().take(NAMED_MAX).map(Region::as_str).collect();
    match regions.len().saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The clock, against the dates of AWS's answers.
pub(super) fn clock(cloud: &Cloud) -> Check {
    const NAME: &str = "clock";
    match cloud.skew() {
        None => Check::skipped(NAME, "AWS told no time"),
        Some(skew) if skew.abs() > SKEW_MAX => Check::bad(
            NAME,
            format!("{} s from AWS's", skew / SECOND),
            "set the clock (chrony, or the Amazon Time Sync Service at 169.254.169.123)",
        ),
        Some(skew) => Check::good(NAME, format!("{} s from AWS's", skew / SECOND)),
    }
}

/// Every collector, with the first call that it would make.
pub(super) async fn sources(sources: &Sources, regions: Vec<Region>) -> Vec<Check> {
    let mut checks = Vec::new();
    for region in regions {
        for collector in sources.regional(&region) {
            checks.push(source(&*collector).await);
        }
    }
    if let Some(folder) = sources.drop_folder() {
        checks.push(source(&*folder).await);
    }
    checks
}

/// Every survey of the configuration, with the least that it would ask.
pub(super) async fn surveys(sources: &Sources) -> Vec<Check> {
    let checks = state::check(sources).await.into_iter();
    checks
        .map(|(name, answer)| verdict(&name, answer))
        .collect()
}

async fn source(collector: &dyn Collector) -> Check {
    let name = match collector.region() {
        Some(region) => format!("{} {region}", collector.name()),
        None => collector.name().to_owned(),
    };
    verdict(&name, collector.check().await)
}

fn verdict(name: &str, answer: Result<(), Setback>) -> Check {
    match answer {
        Ok(()) => Check::good(name, "can be read"),
        Err(setback @ Setback::Off(_)) => Check::skipped(name, setback.to_string()),
        Err(setback @ Setback::Denied(_)) => Check::bad(
            name,
            setback.to_string(),
            "the policy that an agent needs stands in deploy/agent-policy.json",
        ),
        Err(setback @ Setback::Throttled(_)) => {
            Check::doubtful(name, setback.to_string(), "try again in a minute")
        }
        Err(setback @ Setback::Failed(_)) => Check::bad(name, setback.to_string(), ""),
    }
}

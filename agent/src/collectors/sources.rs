//! Which collectors there are: every source that the settings switch on, in every Region.

use std::time::Duration;

use muster_common::account::{AccountId, Partition, Region};

use super::drop_folder::DropFolder;
use super::guardduty::GuardDuty;
use super::inspector2::Inspector2;
use super::macie2::Macie2;
use super::securityhub::SecurityHub;
use super::sweep::{Source, Sweep};
use super::{Collector, Setback};
use crate::cloud::Cloud;
use crate::config::{self, Collectors, Config};
use crate::mapping::Place;

/// The sources of an account.
#[derive(Clone)]
pub struct Sources {
    pub cloud: Cloud,
    pub account: AccountId,
    pub home: Region,
    /// Those of the settings; none: all that are enabled.
    regions: Vec<Region>,
    collectors: Collectors,
    drop_path: std::path::PathBuf,
}

impl Sources {
    #[must_use]
    pub fn new(config: &Config, cloud: Cloud, account: AccountId, home: Region) -> Self {
        Self {
            cloud,
            account,
            home,
            regions: config.regions.clone(),
            collectors: config.collectors.clone(),
            drop_path: config.drop_path(),
        }
    }

    /// The Regions to collect in.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn regions(&self) -> Result<Vec<Region>, Setback> {
        if !self.regions.is_empty() {
            return Ok(self.regions.clone());
        }
        match self.cloud.enabled_regions(&self.home).await {
            // An account has Regions: an answer without any is none.
            Ok(regions) if regions.is_empty() => Err(Setback::Failed(
                "account:ListRegions named no Region".to_owned(),
            )),
            Ok(regions) => Ok(regions),
            Err(error) => Err(Setback::of_call(error)),
        }
    }

    /// Whether the AWS credentials are of the account.
    ///
    /// # Errors
    /// What is wrong with them.
    pub async fn check_credentials(&self) -> Result<(), String> {
        let caller = self.cloud.caller().await;
        let caller = caller.map_err(|error| error.to_string())?;
        if caller.account == self.account {
            return Ok(());
        }
        Err(format!(
            "the AWS credentials here belong to account {}; this agent speaks for {}",
            caller.account, self.account
        ))
    }

    /// Every collector that is switched on, in one Region.
    #[must_use]
    pub fn regional(&self, region: &Region) -> Vec<Box<dyn Collector>> {
        let Collectors {
            guardduty,
            inspector2,
            macie2,
            securityhub,
            drop_folder: _,
        } = &self.collectors;
        let config::SecurityHub {
            enabled,
            every_seconds,
            include_aws_detectors: include_detectors,
        } = *securityhub;
        let hub = config::Source {
            enabled,
            every_seconds,
        };
        let cloud = || self.cloud.clone();
        [
            guardduty
                .enabled
                .then(|| self.sweep(GuardDuty::new(cloud()), guardduty, region)),
            inspector2
                .enabled
                .then(|| self.sweep(Inspector2(cloud()), inspector2, region)),
            macie2
                .enabled
                .then(|| self.sweep(Macie2(cloud()), macie2, region)),
            hub.enabled.then(|| {
                let source = SecurityHub {
                    cloud: cloud(),
                    include_detectors,
                };
                self.sweep(source, &hub, region)
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The collector of the drop folder, if it is switched on.
    #[must_use]
    pub fn drop_folder(&self) -> Option<Box<dyn Collector>> {
        let settings = &self.collectors.drop_folder;
        settings.enabled.then(|| -> Box<dyn Collector> {
            let (path, place) = (self.drop_path.clone(), self.place(&self.home));
            Box::new(DropFolder::new(path, settings, place))
        })
    }

    fn sweep<S: Source + 'static>(
        &self,
        source: S,
        settings: &config::Source,
        region: &Region,
    ) -> Box<dyn Collector> {
        let every = Duration::from_secs(settings.every_seconds);
        Box::new(Sweep::new(source, self.place(region), every))
    }

    fn place(&self, region: &Region) -> Place {
        Place {
            account: self.account,
            partition: Partition::of(region),
            region: region.clone(),
        }
    }
}

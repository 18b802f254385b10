//! When collectors run: each by its own schedule, a few at a time, later and later while they fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use muster_common::account::Region;
use muster_common::health::CollectorState;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Collector, Intake, Setback, Sources};

/// Collectors that read at the same time; each holds a page in memory.
const AT_A_TIME: usize = 2;
/// The longest pause of one that fails.
const PAUSE_MAX: Duration = Duration::from_secs(900);
/// How often the same trouble of a source is told.
const TROUBLE_EVERY: Duration = Duration::from_secs(600);
/// How often the Regions of the account are looked up.
const REGIONS_EVERY: Duration = Duration::from_secs(3_600);
/// How often that is tried again while they cannot be listed.
const REGIONS_AGAIN: Duration = Duration::from_secs(60);
/// How often credentials that are no good are tried again.
const CREDENTIALS_EVERY: Duration = Duration::from_secs(30);
/// Places on the board.
const CREDENTIALS: &str = "aws-credentials";
const REGIONS: &str = "regions";

/// What collecting works with.
pub struct Collecting {
    pub sources: Sources,
    pub intake: Intake,
}

/// Collects until `stop`.
pub async fn run(collecting: Collecting, stop: CancellationToken) {
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Region, Vec<AbortHandle>> = HashMap::new();
    if let Some(folder) = collecting.sources.drop_folder() {
        // Not one of the few: it must not wait for a slow service.
        let own_turn = Arc::new(Semaphore::new(1));
        tasks.spawn(keep(folder, collecting.intake.clone(), own_turn));
    }
    loop {
        let regions = tokio::select! {
            () = stop.cancelled() => break,
            regions = collecting.regions() => regions,
        };
        let pause = match regions {
            Ok(Places::Known(regions)) => {
                running.retain(|region, tasks| {
                    let wanted = regions.contains(region);
                    if !wanted {
                        tasks.iter().for_each(AbortHandle::abort);
                        collecting.intake.board.remove_region(region);
                    }
                    wanted
                });
                collecting.start(regions, &mut running, &mut tasks, &turns);
                REGIONS_EVERY
            }
            Ok(Places::AtLeast(regions)) => {
                collecting.start(regions, &mut running, &mut tasks, &turns);
                REGIONS_AGAIN
            }
            Err(problem) => {
                let board = &collecting.intake.board;
                board.set(CREDENTIALS, None, CollectorState::Failed, &problem);
                CREDENTIALS_EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    // What a collector has not put into the spool yet, it reads again next time.
    tasks.shutdown().await;
}

/// Where to collect.
#[derive(Debug, PartialEq, Eq)]
enum Places {
    /// There, and nowhere else.
    Known(Vec<Region>),
    /// The Regions of the account could not be listed this time: there, and where it is collected already.
    AtLeast(Vec<Region>),
}

impl Collecting {
    /// The Regions to collect in; without permission to list them, the home Region alone, and the board says so.
    ///
    /// # Errors
    /// What is wrong with the credentials.
    async fn regions(&self) -> Result<Places, String> {
        self.sources.check_credentials().await?;
        self.intake.board.remove(CREDENTIALS, None);
        Ok(match self.sources.regions().await {
            Ok(regions) => {
                self.intake.board.remove(REGIONS, None);
                Places::Known(regions)
            }
            Err(setback) => {
                let home = &self.sources.home;
                let (places, only) = without_list(home, &setback);
                let message = format!(
                    "collecting in {home} {only}, for the account's Regions cannot be listed: {setback}; allow account:ListRegions, or set `regions`"
                );
                let board = &self.intake.board;
                board.set(REGIONS, None, setback.state(), &message);
                places
            }
        })
    }

    fn start(
        &self,
        regions: Vec<Region>,
        running: &mut HashMap<Region, Vec<AbortHandle>>,
        tasks: &mut JoinSet<()>,
        turns: &Arc<Semaphore>,
    ) {
        for region in regions {
            running.entry(region).or_insert_with_key(|region| {
                let collectors = self.sources.regional(region).into_iter();
                collectors
                    .map(|collector| {
                        let intake = self.intake.clone();
                        tasks.spawn(keep(collector, intake, Arc::clone(turns)))
                    })
                    .collect()
            });
        }
    }
}

/// Where to collect if the Regions cannot be listed, and the words for where besides the home Region. A call that failed
/// once says nothing of where it is collected already. Pure.
fn without_list(home: &Region, setback: &Setback) -> (Places, &'static str) {
    let home = vec![home.clone()];
    match setback {
        Setback::Denied(_) => (Places::Known(home), "only"),
        Setback::Off(_) | Setback::Throttled(_) | Setback::Failed(_) => {
            (Places::AtLeast(home), "and where it was before")
        }
    }
}

/// Runs one collector again and again.
async fn keep(mut collector: Box<dyn Collector>, intake: Intake, turns: Arc<Semaphore>) {
    let name = collector.name();
    let region = collector.region().cloned();
    intake
        .board
        .set(name, region.as_ref(), CollectorState::Pending, "");
    let mut failures = 0;
    let mut trouble = Trouble::default();
    loop {
        let result = {
            let _turn = turns.acquire().await;
            collector.collect(&intake).await
        };
        let now = intake.clock.now();
        match &result {
            Ok(()) => {
                intake.board.succeed(name, region.as_ref(), now);
                trouble = Trouble::default();
            }
            Err(setback) => {
                let message = setback.to_string();
                intake
                    .board
                    .set(name, region.as_ref(), setback.state(), &message);
                trouble.tell(name, region.as_ref(), setback);
            }
        }
        failures = match &result {
            Ok(()) => 0,
            Err(_) => failures + 1,
        };
        tokio::time::sleep(pause(collector.every(), failures, rand::random())).await;
    }
}

/// What was told of a source that is not read to its end.
#[derive(Default)]
struct Trouble(Option<(Setback, Instant)>);

impl Trouble {
    /// Tells what is new, and what is old again after a while. A service that is off or slow is no trouble.
    fn tell(&mut self, collector: &str, region: Option<&Region>, setback: &Setback) {
        let region = region.map_or("", Region::as_str);
        let quiet = match setback {
            Setback::Off(_) | Setback::Throttled(_) => true,
            Setback::Denied(_) | Setback::Failed(_) => {
                let known = self.0.as_ref();
                known.is_some_and(|(told, at)| told == setback && at.elapsed() < TROUBLE_EVERY)
            }
        };
        if quiet {
            tracing::debug!(collector, region, reason = %setback, "a source was not read to its end");
            return;
        }
        tracing::warn!(collector, region, reason = %setback, "a source was not read to its end; trying again");
        self.0 = Some((setback.clone(), Instant::now()));
    }
}

/// How long to wait after so many failures in a row, give or take a tenth. Pure.
pub(crate) fn pause(every: Duration, failures: u32, share: f64) -> Duration {
    let longest = PAUSE_MAX.max(every);
    let doubled = every.saturating_mul(1 << failures.min(10)).min(longest);
    doubled.mul_f64(0.9 + 0.2 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_regions_that_failed_once_ends_no_collector() {
        let home: Region = "eu-west-1".parse().unwrap();
        let places =
            |setback: fn(String) -> Setback| without_list(&home, &setback(String::new())).0;
        let here = || vec![home.clone()];
        assert_eq!(places(Setback::Denied), Places::Known(here()));
        assert_eq!(places(Setback::Throttled), Places::AtLeast(here()));
        assert_eq!(places(Setback::Failed), Places::AtLeast(here()));
    }

    #[test]
    fn who_fails_waits_longer_up_to_a_quarter_of_an_hour() {
        let seconds =
            |every, failures, share| pause(Duration::from_secs(every), failures, share).as_secs();
        assert_eq!(seconds(60, 0, 0.5), 60);
        assert_eq!(seconds(60, 2, 0.5), 240);
        assert_eq!(seconds(60, 30, 0.5), 900);
        assert_eq!(seconds(3_600, 3, 0.5), 3_600);
        assert_eq!(seconds(100, 0, 0.0), 90);
        assert_eq!(seconds(100, 0, 1.0), 110);
    }
}

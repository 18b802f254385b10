//! When surveys run: each by its own clock, a few at a time; what did not come to its end is tried again, later and later.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use muster_common::health::CollectorState;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::epoch::{Base, Broken, Memory, Telling};
use super::site::{Refused, Site};
use super::survey::{self, Listing, Survey};
use super::{Admin, GLOBAL, Reads, Surveying};
use crate::board::Board;
use crate::cloud::Cloud;
use crate::collectors::{Setback, Sources, pause};

/// Surveys that run at the same time; each holds a page in memory.
const AT_A_TIME: usize = 2;
/// Doubled for the first pause after a failure, and again after each one more, up to 15 minutes or the period.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// How often the Regions of the account are looked up.
const REGIONS_EVERY: Duration = Duration::from_secs(3_600);
/// How often credentials that are no good are tried again. The collectors tell of them.
const CREDENTIALS_EVERY: Duration = Duration::from_secs(30);
/// Calls that are named in a message.
const NAMED_MAX: usize = 4;

/// Surveys until `stop`.
pub async fn run(surveying: Surveying, stop: CancellationToken) {
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Option<Region>, Vec<AbortHandle>> = HashMap::new();
    let mut saying: Option<AbortHandle> = None;
    loop {
        let places = tokio::select! {
            () = stop.cancelled() => break,
            places = surveying.places() => places,
        };
        let pause = match places {
            Ok(Places::Known(places)) => {
                running.retain(|place, tasks| {
                    let wanted = places.contains(place);
                    if !wanted {
                        tasks.iter().for_each(AbortHandle::abort);
                    }
                    wanted
                });
                if let Some(before) = saying.take() {
                    before.abort();
                }
                saying = Some(tasks.spawn(say(Arc::clone(&surveying.admin), reads(&places))));
                surveying.start(places, &mut running, &mut tasks, &turns);
                REGIONS_EVERY
            }
            Ok(Places::AtLeast(places)) => {
                surveying.start(places, &mut running, &mut tasks, &turns);
                REGIONS_EVERY
            }
            Err(problem) => {
                tracing::debug!(reason = problem, "nothing is surveyed");
                CREDENTIALS_EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
            () = join(&mut tasks, &running) => {}
        }
    }
    // What was told to the admin and not to its end, it throws away.
    tasks.shutdown().await;
}

/// Lets go of tasks that ended, and tells of those that broke down: their surveys are made no more. Never returns.
async fn join(tasks: &mut JoinSet<()>, running: &HashMap<Option<Region>, Vec<AbortHandle>>) {
    while let Some(ended) = tasks.join_next().await {
        let Err(error) = ended else {
            continue;
        };
        if error.is_panic() {
            let task = named_task(error.id(), running);
            tracing::error!(task, reason = %error, "a task broke down; it starts with the agent again");
        }
    }
    std::future::pending().await
}

/// A survey and its place. Tasks stand in the order of the surveys; one that is not there said what is read.
fn named_task(task: Id, running: &HashMap<Option<Region>, Vec<AbortHandle>>) -> String {
    for (place, tasks) in running {
        for (survey, known) in surveys(place.as_ref()).iter().zip(tasks) {
            if known.id() == task {
                return format!("{} {}", survey.name, name(place.as_ref()));
            }
        }
    }
    "what is read".to_owned()
}

/// Where to survey: Regions, and `None` for what has none.
enum Places {
    /// There, and nowhere else.
    Known(Vec<Option<Region>>),
    /// The Regions of the account could not be listed: there, and where it is surveyed already.
    AtLeast(Vec<Option<Region>>),
}

/// All that is read in some places.
fn reads(places: &[Option<Region>]) -> Reads {
    let of = |place: &Option<Region>| {
        let kinds = surveys(place.as_ref()).iter();
        let kinds = kinds.flat_map(|survey| survey.listings.iter().map(|listing| listing.kind));
        (name(place.as_ref()), kinds.collect())
    };
    Reads(places.iter().map(of).collect())
}

/// Until the admin has heard it. Portions say it, too, should there be another connection.
async fn say(admin: Arc<dyn Admin>, reads: Reads) {
    while admin.read(reads.clone()).await.is_err() {
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

const fn surveys(region: Option<&Region>) -> &'static [&'static Survey] {
    match region {
        Some(_) => survey::REGIONAL,
        None => survey::GLOBAL,
    }
}

/// A place as the admin knows it.
fn name(region: Option<&Region>) -> String {
    region.map_or(GLOBAL, Region::as_str).to_owned()
}

/// Asks the least that shows whether each survey would work, of what is global and of the home Region.
pub async fn check(sources: &Sources) -> Vec<(String, Result<(), Setback>)> {
    let home = &sources.home;
    let global = survey::GLOBAL.iter().map(|survey| (survey, GLOBAL));
    let regional = survey::REGIONAL
        .iter()
        .map(|survey| (survey, home.as_str()));
    let mut checks = Vec::new();
    for (survey, place) in global.chain(regional) {
        let (cloud, region) = (sources.cloud.clone(), home.clone());
        let site = Site::new(cloud, sources.account, region, place.to_owned());
        let name = format!("{} {place}", survey.name);
        checks.push((name, (survey.check)(&site).await.map_err(setback)));
    }
    checks
}

impl Surveying {
    /// Where to survey; nowhere if that is switched off. The collectors tell if the Regions cannot be listed.
    async fn places(&self) -> Result<Places, String> {
        if !self.settings.enabled {
            return Ok(Places::Known(Vec::new()));
        }
        self.sources.check_credentials().await?;
        let with_global = |regions: Vec<Region>| {
            let regions = regions.into_iter().map(Some);
            std::iter::once(None).chain(regions).collect()
        };
        Ok(match self.sources.regions().await {
            Ok(regions) => Places::Known(with_global(regions)),
            Err(_) => Places::AtLeast(with_global(vec![self.sources.home.clone()])),
        })
    }

    fn start(
        &self,
        places: Vec<Option<Region>>,
        running: &mut HashMap<Option<Region>, Vec<AbortHandle>>,
        tasks: &mut JoinSet<()>,
        turns: &Arc<Semaphore>,
    ) {
        for place in places {
            running.entry(place).or_insert_with_key(|place| {
                let posts = self.posts(place.as_ref()).into_iter();
                posts
                    .map(|post| tasks.spawn(post.keep(Arc::clone(turns))))
                    .collect()
            });
        }
    }

    fn posts(&self, region: Option<&Region>) -> Vec<Post> {
        let post = |survey: &&'static Survey| Post {
            survey,
            region: region.cloned(),
            home: self.sources.home.clone(),
            account: self.sources.account,
            cloud: self.sources.cloud.clone(),
            every: Duration::from_secs(60 * self.settings.every_minutes),
            board: self.board.clone(),
            clock: self.clock.clone(),
            admin: Arc::clone(&self.admin),
            memories: HashMap::new(),
            setbacks: BTreeMap::new(),
        };
        surveys(region).iter().map(post).collect()
    }
}

/// One survey in one place, again and again.
struct Post {
    survey: &'static Survey,
    region: Option<Region>,
    home: Region,
    account: AccountId,
    cloud: Cloud,
    every: Duration,
    board: Board,
    clock: Clock,
    admin: Arc<dyn Admin>,
    /// By type.
    memories: HashMap<&'static str, Memory>,
    /// What stands in the way now, by type.
    setbacks: BTreeMap<&'static str, Setback>,
}

/// How a listing went.
enum Outcome {
    Told,
    /// AWS refused it, and the admin knows.
    Refused(Setback),
    /// The admin does not have it.
    Lost,
}

impl Outcome {
    /// Whether it is worth trying before the period is over.
    const fn is_open(&self) -> bool {
        match self {
            Self::Told | Self::Refused(Setback::Off(_) | Setback::Denied(_)) => false,
            Self::Refused(Setback::Throttled(_) | Setback::Failed(_)) | Self::Lost => true,
        }
    }
}

impl Post {
    async fn keep(mut self, turns: Arc<Semaphore>) {
        let (name, region) = (self.survey.name, self.region.clone());
        let board = self.board.clone();
        board.set(name, region.as_ref(), CollectorState::Pending, "");
        let mut left: Vec<&'static Listing> = self.survey.listings.iter().collect();
        let mut site = self.site();
        let mut failures = 0;
        loop {
            let outcomes = {
                let _turn = turns.acquire().await;
                self.round(&site, &left).await
            };
            self.report(&site, &left, &outcomes);
            let open = left.into_iter().zip(&outcomes);
            left = open
                .filter_map(|(listing, outcome)| outcome.is_open().then_some(listing))
                .collect();
            let pause = if left.is_empty() {
                left = self.survey.listings.iter().collect();
                site = self.site();
                failures = 0;
                pause(self.every, 0, rand::random())
            } else {
                failures += 1;
                pause(RETRY_EVERY, failures, rand::random()).min(self.every)
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn site(&self) -> Site {
        let region = self.region.as_ref().unwrap_or(&self.home).clone();
        let place = name(self.region.as_ref());
        Site::new(self.cloud.clone(), self.account, region, place)
    }

    async fn round(&mut self, site: &Site, listings: &[&'static Listing]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        // Once nothing is heard from a place, the other listings wait for nothing.
        let mut silent = None;
        for listing in listings {
            outcomes.push(self.tell(site, listing, &mut silent).await);
        }
        outcomes
    }

    /// Tells one epoch; a second one if the admin does not have the base of the first.
    async fn tell(
        &mut self,
        site: &Site,
        listing: &Listing,
        silent: &mut Option<Refused>,
    ) -> Outcome {
        let memory = self.memories.entry(listing.kind).or_default();
        loop {
            let now = self.clock.now();
            let mut telling = memory.begin(listing.kind, &site.place, &self.admin, now);
            let listed = match silent {
                Some(refused) => Err(Broken::Refused(refused.clone())),
                None => listing.run(site, &mut telling).await,
            };
            match end(telling, listed).await {
                Ok(Ended::Complete(base)) => {
                    memory.keep(base);
                    return Outcome::Told;
                }
                Ok(Ended::Unavailable(refused)) => {
                    if refused.is_silence() {
                        *silent = Some(refused.clone());
                    }
                    return Outcome::Refused(setback(refused));
                }
                Err(Broken::BaseUnknown) if memory.forget() => {}
                Err(Broken::BaseUnknown | Broken::Lost) => return Outcome::Lost,
                Err(Broken::Refused(refused)) => return Outcome::Refused(setback(refused)),
            }
        }
    }

    /// Tells the board.
    fn report(&mut self, site: &Site, listings: &[&'static Listing], outcomes: &[Outcome]) {
        let mut lost = false;
        for (listing, outcome) in listings.iter().zip(outcomes) {
            match outcome {
                Outcome::Refused(setback) => {
                    self.setbacks.insert(listing.kind, setback.clone());
                }
                Outcome::Told => {
                    self.setbacks.remove(listing.kind);
                }
                // The uplink tells of the admin.
                Outcome::Lost => lost = true,
            }
        }
        let (name, region) = (self.survey.name, self.region.as_ref());
        let worst = self.setbacks.values().max_by_key(|setback| weight(setback));
        let Some(worst) = worst else {
            if lost {
                return;
            }
            self.board.succeed(name, region, self.clock.now());
            let refused = site.refused();
            if !refused.is_empty() {
                let calls = refused.iter();
                let calls = calls.map(|(call, code)| format!("{call} ({code})"));
                let message = format!("some parts could not be read: {}", named(calls));
                self.board.set(name, region, CollectorState::Ok, &message);
            }
            return;
        };
        let message = told(&self.setbacks);
        let place = site.place.as_str();
        tracing::debug!(
            survey = name,
            place,
            reason = message,
            "a survey did not come to its end"
        );
        self.board.set(name, region, worst.state(), &message);
    }
}

enum Ended {
    Complete(Base),
    Unavailable(Refused),
}

async fn end(telling: Telling, listed: Result<(), Broken>) -> Result<Ended, Broken> {
    match listed {
        Ok(()) => telling.complete().await.map(Ended::Complete),
        Err(Broken::Refused(refused)) => {
            telling.give_up(&refused).await?;
            Ok(Ended::Unavailable(refused))
        }
        Err(broken @ (Broken::Lost | Broken::BaseUnknown)) => Err(broken),
    }
}

fn setback(refused: Refused) -> Setback {
    let Refused { call, error } = refused;
    match Setback::of_call(error) {
        Setback::Denied(message) => Setback::Denied(format!("{message} ({call})")),
        Setback::Failed(message) => Setback::Failed(format!("{message} ({call})")),
        other @ (Setback::Off(_) | Setback::Throttled(_)) => other,
    }
}

/// What is told first. Pure.
const fn weight(setback: &Setback) -> u8 {
    match setback {
        Setback::Off(_) => 0,
        Setback::Throttled(_) => 1,
        Setback::Denied(_) => 2,
        Setback::Failed(_) => 3,
    }
}

/// What stands in the way of which types; what several have in common is told once. Pure.
fn told(setbacks: &BTreeMap<&'static str, Setback>) -> String {
    let mut kinds: Vec<(&Setback, Vec<&str>)> = Vec::new();
    for (kind, setback) in setbacks {
        match kinds.iter_mut().find(|(known, _)| *known == setback) {
            Some((_, kinds)) => kinds.push(kind),
            None => kinds.push((setback, vec![kind])),
        }
    }
    let lines = kinds.iter().map(|(setback, kinds)| match kinds.as_slice() {
        [kind] => format!("{kind}: {setback}"),
        [kind, more @ ..] => format!("{kind} and {} more: {setback}", more.len()),
        [] => setback.to_string(),
    });
    named(lines)
}

/// The first of some things, and how many more there are. Pure.
fn named(things: impl ExactSizeIterator<Item = String>) -> String {
    let more = things.len().saturating_sub(NAMED_MAX);
    let first: Vec<String> = things.take(NAMED_MAX).collect();
    match more {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

#[cfg(test)]
mod tests;

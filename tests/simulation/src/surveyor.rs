//! What surveys do: every place that is read is listed again and again, page by page, by the product's own epochs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use muster_agent::cloud::{CallError, Problem};
use muster_agent::state::{Admin, Broken, Memory, Reads, Refused, Resource, Telling};
use muster_common::clock::Clock;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::dice;
use crate::estate::{self, At, Estate, KINDS};

/// Resources of a page.
const PAGE: usize = 3;

#[derive(Clone)]
pub(crate) struct Surveyor {
    pub estate: Arc<Mutex<Estate>>,
    pub admin: Arc<dyn Admin>,
    pub clock: Clock,
}

impl Surveyor {
    /// As `state::run` does: surveys where it is to, and says so.
    pub(crate) async fn run(self) {
        let mut tasks = JoinSet::new();
        let mut running: BTreeMap<&'static str, AbortHandle> = BTreeMap::new();
        let mut saying: Option<AbortHandle> = None;
        loop {
            let reads = self.estate.lock().expect("one thread").reads.clone();
            running.retain(|place, task| {
                let wanted = reads.contains(place);
                if !wanted {
                    task.abort();
                }
                wanted
            });
            if let Some(before) = saying.take() {
                before.abort();
            }
            saying = Some(tasks.spawn(self.clone().say(reads.clone())));
            for place in reads {
                let place_of = || tasks.spawn(self.clone().keep(place));
                running.entry(place).or_insert_with(place_of);
            }
            sleep(dice::millis(1_000, 20_000)).await;
        }
    }

    async fn say(self, reads: BTreeSet<&'static str>) {
        let of = |place: &&'static str| ((*place).to_owned(), KINDS.into_iter().collect());
        let said = Reads(reads.iter().map(of).collect());
        while self.admin.read(said.clone()).await.is_err() {
            sleep(dice::millis(500, 5_000)).await;
        }
        self.estate.lock().expect("one thread").said = reads;
    }

    async fn keep(self, place: &'static str) {
        let mut memories: HashMap<&'static str, Memory> = HashMap::new();
        loop {
            let mut whole = true;
            for kind in KINDS {
                let memory = memories.entry(kind).or_default();
                whole &= self.tell((kind, place), memory).await;
            }
            if whole {
                let mut estate = self.estate.lock().expect("one thread");
                *estate.rounds.entry(place).or_default() += 1;
            }
            sleep(dice::millis(100, 6_000)).await;
        }
    }

    /// Whether everything was told to its end.
    async fn tell(&self, at: At, memory: &mut Memory) -> bool {
        loop {
            let now = self.clock.now();
            let mut telling = memory.begin(at.0, at.1, &self.admin, now);
            let listed = self.list(at, &mut telling).await;
            let ended = match listed {
                Ok(()) => telling.complete().await.map(Some),
                Err(Broken::Refused(refused)) => telling.give_up(&refused).await.map(|()| None),
                Err(broken) => Err(broken),
            };
            match ended {
                Ok(Some(base)) => {
                    memory.keep(base);
                    return true;
                }
                Err(Broken::BaseUnknown) if memory.forget() => {}
                Ok(None) | Err(_) => return false,
            }
        }
    }

    async fn list(&self, at: At, telling: &mut Telling) -> Result<(), Broken> {
        let (account, names) = {
            let estate = self.estate.lock().expect("one thread");
            (estate.account, estate.names(at))
        };
        for page in names.chunks(PAGE) {
            sleep(dice::millis(0, 400)).await;
            if dice::percent(6) {
                return Err(Broken::Refused(refused()));
            }
            for name in page {
                let stamp = self.estate.lock().expect("one thread").stamp_of(at, name);
                if let Some(stamp) = stamp {
                    let resource = Resource {
                        id: estate::id(account, at, name),
                        region: at.1.to_owned(),
                        state: estate::state(stamp),
                    };
                    telling.add(resource).await?;
                }
            }
        }
        Ok(())
    }
}

fn refused() -> Refused {
    Refused {
        call: "sns:ListTopics",
        error: CallError {
            problem: Problem::Throttled,
            code: "Throttling".to_owned(),
            message: "slow down".to_owned(),
        },
    }
}

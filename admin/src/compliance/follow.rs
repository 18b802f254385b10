//! Following the inventory: what changed is judged, everything once a day, and everything when choices or controls changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use muster_common::account::AccountId;
use muster_common::timestamp::{DAY, HOUR, Timestamp};
use muster_store::Table;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::evaluation::Extent;
use super::history::date;
use super::{Choices, Compliance, Error};
use crate::records::Draft;

/// Accounts that are judged at a time.
const AT_ONCE: usize = 2;
/// Changes that are taken up at a time.
const CHANGES_MAX: usize = 1_000;
/// What changes within this time is judged together.
const PACE: Duration = Duration::from_secs(1);
/// After something went wrong.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Between two looks at whether a day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Scores of the day are written so often.
const SCORES_EVERY: i64 = HOUR;
const KEY: &str = "compliance";

/// How far everything was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Changes of the inventory up to here.
    position: u64,
    /// All accounts by all controls; unset before the first time.
    all_at: Option<Timestamp>,
    /// By which choices and controls.
    by: String,
    scores_at: Option<Timestamp>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// Judge everybody.
    All,
    /// Judge what changed.
    Changes,
}

impl Progress {
    /// Pure. A day after everybody was judged, it is time again: verdicts depend on the time. `head` is the last change;
    /// one that was reached and lies beyond it, or a time to come, is of a clock that was ahead.
    fn next(&self, by: &str, now: Timestamp, head: u64) -> Next {
        let is_ahead = self.position > head;
        match self.all_at {
            Some(at) if at <= now && now.since(at) < DAY && self.by == by && !is_ahead => {
                Next::Changes
            }
            Some(_) | None => Next::All,
        }
    }

    /// Whether the scores of the day have to be written.
    fn owes_scores(&self, now: Timestamp) -> bool {
        self.scores_at
            .is_none_or(|at| date(at) != date(now) || now.since(at) >= SCORES_EVERY)
    }
}

impl Compliance {
    /// Judges what changes, until `stop`. One of these runs.
    pub async fn follow(self, stop: CancellationToken) {
        let (mut head, mut chosen) = (self.state.head(), self.chosen.subscribe());
        loop {
            head.borrow_and_update();
            chosen.borrow_and_update();
            let done = tokio::select! {
                done = self.catch_up() => done,
                () = stop.cancelled() => return,
            };
            let pause = match done {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::error!(%error, "compliance is behind; it is tried again");
                    RETRY_AFTER
                }
            };
            let quiet = async {
                tokio::select! {
                    Ok(()) = head.changed() => tokio::time::sleep(PACE).await,
                    Ok(()) = chosen.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            };
            tokio::select! {
                () = quiet => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Judges everything that was not judged yet, and writes down how far it came.
    ///
    /// # Errors
    /// [`Error`]; it goes on from where it was.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let mut progress: Progress = self
            .records
            .get(Table::Settings, KEY)
            .await?
            .unwrap_or_default();
        loop {
            let before = progress.clone();
            let now = self.clock.now();
            let choices = self.choices().await?;
            let by = self.by(&choices);
            let head = *self.state.head().borrow();
            match progress.next(&by, now, head) {
                Next::All => {
                    progress.position = head;
                    self.judge_all().await?;
                    progress.all_at = Some(now);
                    progress.by = by;
                }
                Next::Changes => {
                    let (changes, reached) =
                        self.state.changes(progress.position, CHANGES_MAX).await?;
                    progress.position = reached;
                    self.judge_changes(changes).await?;
                }
            }
            if progress.owes_scores(now) {
                self.keep_scores(now).await?;
                progress.scores_at = Some(now);
            }
            let head = *self.state.head().borrow();
            metrics::gauge!("muster_inventory_position").set(head as f64);
            metrics::gauge!("muster_compliance_position").set(progress.position as f64);
            if progress == before {
                return Ok(());
            }
            let draft = Draft::default().put(Table::Settings, KEY, &progress);
            self.records.commit(draft).await?;
            if progress.all_at != before.all_at {
                metrics::counter!("muster_compliance_rounds_total").increment(1);
            }
        }
    }

    async fn judge_all(&self) -> Result<(), Error> {
        let accounts = self.state.accounts().await?;
        let jobs = accounts.into_iter().map(|account| (account, Extent::All));
        self.judge(jobs.collect()).await
    }

    /// An account that was not judged since the start is judged as a whole.
    async fn judge_changes(&self, changes: Vec<(AccountId, String)>) -> Result<(), Error> {
        let mut types: BTreeMap<AccountId, BTreeSet<String>> = BTreeMap::new();
        for (account, kind) in changes {
            types.entry(account).or_default().insert(kind);
        }
        let jobs = types.into_iter().map(|(account, types)| {
            let extent = if self.known.is_judged(account) {
                Extent::Looking(types)
            } else {
                Extent::All
            };
            (account, extent)
        });
        self.judge(jobs.collect()).await
    }

    /// Judges accounts, a few at a time. One that cannot be judged does not keep the others from it.
    async fn judge(&self, jobs: Vec<(AccountId, Extent)>) -> Result<(), Error> {
        let judged = jobs
            .into_iter()
            .map(|(account, extent)| self.judge_one(account, extent));
        let judged = futures::stream::iter(judged).buffer_unordered(AT_ONCE);
        let results: Vec<Result<(), Error>> = judged.collect().await;
        results.into_iter().collect()
    }

    async fn judge_one(&self, account: AccountId, extent: Extent) -> Result<(), Error> {
        let evaluated = self.evaluate(account, &extent).await?;
        tracing::debug!(%account, ?evaluated, "judged");
        Ok(())
    }

    /// What verdicts depend on beside the resources and the time, in short.
    fn by(&self, choices: &Choices) -> String {
        let controls = self.catalog.entries().iter().map(super::Entry::digest);
        let controls = controls.fold(0_u64, |all, one| all.rotate_left(5) ^ one);
        format!("{controls:016x}-{:016x}", choices.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_judged_once_a_day_and_when_the_rules_change() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let progress = Progress {
            position: 7,
            all_at: Some(now),
            by: "these".to_owned(),
            scores_at: Some(now),
        };
        assert_eq!(Progress::default().next("these", now, 7), Next::All);
        assert_eq!(progress.next("these", now.plus(DAY - 1), 7), Next::Changes);
        assert_eq!(progress.next("these", now.plus(DAY), 7), Next::All);
        assert_eq!(progress.next("others", now, 7), Next::All);
        // The clock was ahead.
        assert_eq!(progress.next("these", now, 6), Next::All);
        assert_eq!(progress.next("these", now.plus(-1), 7), Next::All);
        assert!(!progress.owes_scores(now.plus(HOUR - 1)));
        assert!(progress.owes_scores(now.plus(HOUR)));
    }
}

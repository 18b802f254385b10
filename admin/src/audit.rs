//! The audit log: every refusal and every change of membership, credentials and definitions, in order and without gaps.
//!
//! In: [`Event`]s. A change puts its event into its own transaction, so that there is no change without one. Refusals
//! are written on their own, within a budget: a flood of them is counted, not written one by one. Strangers have a budget
//! of their own and no actor has more than a share, so that nobody hides what another one tries. What a holder of a
//! certificate is refused again and again is written once an hour, with how often (`repeats`).
//! Survives: everything that was committed. Not here: who may read it (`api`).

mod repeats;

use std::collections::HashMap;
use std::sync::Arc;

use muster_common::audit::topic;
use muster_common::timestamp::{SECOND, Timestamp};
use muster_store::{Bound, Error, Table};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::records::{Draft, Records};
use repeats::Repeats;

/// Refusals of strangers, and of all others, that are written per second; the others are counted.
const REFUSALS_PER_SECOND: u32 = 20;
/// Of these, those of one actor.
const ACTOR_PER_SECOND: u32 = 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub time: Timestamp,
    /// Such as `member.invite`.
    pub action: String,
    /// A SPIFFE id, or an address.
    pub actor: String,
    /// Such as `members/111122223333`.
    pub subject: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Event {
    /// An event whose action begins with one of [`TOPICS`](muster_common::audit::TOPICS).
    #[must_use]
    pub fn new(
        time: Timestamp,
        action: &str,
        actor: impl Into<String>,
        subject: impl Into<String>,
    ) -> Self {
        debug_assert!(topic(action).is_some(), "`{action}` has no topic");
        Self {
            time,
            action: action.to_owned(),
            actor: actor.into(),
            subject: subject.into(),
            refused: false,
            detail: String::new(),
        }
    }

    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl Draft {
    /// Adds an event to the transaction that it tells of.
    #[must_use]
    pub fn audit(self, event: &Event) -> Self {
        self.append(Table::Audit, event)
    }
}

/// Writes refusals and reads the log.
#[derive(Clone)]
pub struct Audit {
    records: Records,
    repeats: Arc<Mutex<Repeats>>,
    budget: Arc<Mutex<Budget>>,
}

#[derive(Default)]
struct Budget {
    second: i64,
    /// In this second, by actor.
    written: HashMap<String, u32>,
    /// In this second.
    strangers: u32,
    /// In this second.
    named: u32,
    /// Refusals that were not written since the last one that was.
    untold: u64,
}

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub action_prefix: String,
    pub subject: String,
    pub refused_only: bool,
}

impl Audit {
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self {
            records,
            repeats: Arc::default(),
            budget: Arc::default(),
        }
    }

    /// Writes a refusal. A disk that refuses is logged: the call was refused anyway.
    pub async fn refusal(&self, event: Event) {
        let event = event.refused();
        let Some(event) = self.repeats.lock().take(event) else {
            return;
        };
        self.write_refusal(event).await;
    }

    /// Writes down how often refusals were repeated whose hour is over.
    pub async fn tell_repeats(&self, now: Timestamp) {
        let over = self.repeats.lock().over(now);
        for event in over {
            self.write_refusal(event).await;
        }
    }

    /// Writes down all repeats: the server ends.
    pub async fn tell_all_repeats(&self, now: Timestamp) {
        let all = self.repeats.lock().all(now);
        for event in all {
            self.write_refusal(event).await;
        }
    }

    async fn write_refusal(&self, event: Event) {
        let Some(untold) = self.budget.lock().take(event.time, &event.actor) else {
            return;
        };
        let event = match untold {
            0 => event,
            untold => {
                let detail = format!(
                    "{} ({untold} more refusals before were not written)",
                    event.detail
                );
                event.detail(detail)
            }
        };
        tracing::info!(action = %event.action, actor = %event.actor, subject = %event.subject, detail = %event.detail, "refused");
        if let Err(error) = self.records.commit(Draft::default().audit(&event)).await {
            tracing::error!(%error, "a refusal could not be written to the audit log");
        }
    }

    /// Up to `limit` events before a number, newest first, and whether there may be more.
    pub async fn list(
        &self,
        selection: &Selection,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<(u64, Event)>, bool), Error> {
        let mut events = Vec::new();
        let mut bound = before.map_or(Bound::End, |number| {
            Bound::Before(number.to_be_bytes().to_vec())
        });
        loop {
            let page = self
                .records
                .scan::<Event>(Table::Audit, bound, crate::records::PAGE_MAX)
                .await?;
            let last = page.len() < crate::records::PAGE_MAX;
            let Some((key, _)) = page.last() else {
                return Ok((events, false));
            };
            bound = Bound::Before(key.clone());
            for (key, event) in page {
                if selection.picks(&event) {
                    if events.len() == limit {
                        return Ok((events, true));
                    }
                    events.push((number(&key), event));
                }
            }
            if last {
                return Ok((events, false));
            }
        }
    }
}

impl Audit {
    /// Removes the events from before a time, but for the last one, from which numbering goes on. The answer is how
    /// many went.
    ///
    /// # Errors
    /// [`Error`]; what went is gone.
    pub async fn trim(&self, before: Timestamp) -> Result<u64, Error> {
        let mut removed = 0;
        loop {
            let page = self
                .records
                .scan::<Event>(Table::Audit, Bound::Start, crate::records::PAGE_MAX)
                .await?;
            let old: Vec<&Vec<u8>> = page
                .iter()
                .take(page.len().saturating_sub(1))
                .take_while(|(_, event)| event.time < before)
                .map(|(key, _)| key)
                .collect();
            if old.is_empty() {
                return Ok(removed);
            }
            removed += old.len() as u64;
            let draft = old.into_iter().fold(Draft::default(), |draft, key| {
                draft.delete(Table::Audit, key.clone())
            });
            self.records.commit(draft).await?;
        }
    }
}

impl Selection {
    fn picks(&self, event: &Event) -> bool {
        event.action.starts_with(&self.action_prefix)
            && (self.subject.is_empty() || event.subject == self.subject)
            && (!self.refused_only || event.refused)
    }
}

impl Budget {
    /// Whether a refusal may be written now, and how many were not before it.
    fn take(&mut self, now: Timestamp, actor: &str) -> Option<u64> {
        let second = now.as_millis() / SECOND;
        if self.second != second {
            let untold = self.untold;
            *self = Self {
                second,
                untold,
                ..Self::default()
            };
        }
        let kind = if actor.starts_with("spiffe://") {
            &mut self.named
        } else {
            &mut self.strangers
        };
        let share = self.written.get(actor).copied().unwrap_or(0);
        if *kind >= REFUSALS_PER_SECOND || share >= ACTOR_PER_SECOND {
            self.untold += 1;
            return None;
        }
        *kind += 1;
        self.written.insert(actor.to_owned(), share + 1);
        Some(std::mem::take(&mut self.untold))
    }
}

fn number(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_crowds_out_the_refusals_of_others() {
        let mut budget = Budget::default();
        let now = Timestamp::default();
        let flood = |budget: &mut Budget, actor: &str| {
            (0..1_000)
                .filter(|_| budget.take(now, actor).is_some())
                .count()
        };
        let strangers: usize = (0..100)
            .map(|number| flood(&mut budget, &format!("192.0.2.{number}")))
            .sum();
        assert_eq!(strangers, 20);
        assert_eq!(
            flood(&mut budget, "spiffe://muster.example/operator/ana"),
            10
        );
        assert!(
            budget
                .take(now, "spiffe://muster.example/operator/bo")
                .is_some()
        );
    }

    #[test]
    fn what_was_not_written_is_counted() {
        let mut budget = Budget::default();
        let now = Timestamp::default();
        let told: Vec<Option<u64>> = (0..13).map(|_| budget.take(now, "192.0.2.1")).collect();
        assert_eq!(told[..10], [Some(0); 10]);
        assert_eq!(told[10..], [None; 3]);
        assert_eq!(budget.take(now.plus(SECOND), "192.0.2.1"), Some(3));
        assert_eq!(budget.take(now.plus(SECOND), "192.0.2.1"), Some(0));
    }

    /// Numbers go on, also when everything before was removed.
    #[tokio::test]
    async fn what_is_too_old_goes_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let config = muster_store::Config {
            path: folder.path().to_owned(),
            cache_bytes: 1 << 20,
        };
        let store = muster_store::Embedded::open(&config).unwrap();
        let records = Records::new(Arc::new(store));
        let audit = Audit::new(records.clone());
        let at = Timestamp::from_seconds;
        for second in 0..2_500 {
            let event = Event::new(at(second), "member.invite", "ana", "members/111122223333");
            records
                .commit(Draft::default().audit(&event))
                .await
                .unwrap();
        }
        assert_eq!(audit.trim(at(2_400)).await.unwrap(), 2_400);
        assert_eq!(audit.trim(at(9_000)).await.unwrap(), 99);
        let event = Event::new(at(9_000), "member.invite", "ana", "members/111122223333");
        records
            .commit(Draft::default().audit(&event))
            .await
            .unwrap();
        let (left, _) = audit.list(&Selection::default(), None, 10).await.unwrap();
        let numbers: Vec<u64> = left.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2_501, 2_500]);
    }
}

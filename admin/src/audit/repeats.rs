//! Repeats: an agent that may not speak tries again every half minute, and each try is the same refusal. The first one is
//! written, then one an hour with how often. Only of holders of certificates: a stranger's tries are few, and each counts.

use std::collections::HashMap;

use muster_common::timestamp::{HOUR, Timestamp};

use super::Event;

/// Refusals that are remembered; beyond, none is folded.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Repeats(HashMap<Key, Repeat>);

/// What makes two refusals the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    actor: String,
    action: String,
    subject: String,
    detail: String,
}

struct Repeat {
    /// When one was written.
    since: Timestamp,
    /// How many were not, since then, ..
    count: u64,
    /// .. and when the last of them came.
    last: Timestamp,
}

impl Repeats {
    /// Gives a refusal back if it is to be written.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        if !event.actor.starts_with("spiffe://") {
            return Some(event);
        }
        let now = event.time;
        let key = Key::of(&event);
        if let Some(repeat) = self.0.get_mut(&key) {
            if repeat.is_over(now) {
                let told = std::mem::replace(repeat, Repeat::new(now));
                return Some(told.tell(event));
            }
            repeat.count += 1;
            repeat.last = now;
            return None;
        }
        if self.0.len() < REMEMBERED_MAX {
            self.0.insert(key, Repeat::new(now));
        }
        Some(event)
    }

    /// What was repeated in an hour that is over. It is forgotten.
    pub(super) fn over(&mut self, now: Timestamp) -> Vec<Event> {
        let over = self.0.extract_if(|_, repeat| repeat.is_over(now));
        over.filter_map(|(key, repeat)| repeat.event(key, now))
            .collect()
    }

    /// What was repeated at all. It is forgotten.
    pub(super) fn all(&mut self, now: Timestamp) -> Vec<Event> {
        let all = self.0.drain();
        all.filter_map(|(key, repeat)| repeat.event(key, now))
            .collect()
    }
}

impl Key {
    fn of(event: &Event) -> Self {
        Self {
            actor: event.actor.clone(),
            action: event.action.clone(),
            subject: event.subject.clone(),
            detail: event.detail.clone(),
        }
    }
}

impl Repeat {
    const fn new(since: Timestamp) -> Self {
        Self {
            since,
            count: 0,
            last: since,
        }
    }

    /// An hour later; also by a clock that was set back.
    fn is_over(&self, now: Timestamp) -> bool {
        !(0..HOUR).contains(&now.since(self.since))
    }

    fn tell(&self, event: Event) -> Event {
        if self.count == 0 {
            return event;
        }
        let Self { since, count, last } = self;
        let detail = format!(
            "{} ({count} more times after {since}, last at {last})",
            event.detail
        );
        event.detail(detail)
    }

    fn event(&self, key: Key, now: Timestamp) -> Option<Event> {
        let Key {
            actor,
            action,
            subject,
            detail,
        } = key;
        let event = Event::new(now, &action, actor, subject)
            .refused()
            .detail(detail);
        (self.count > 0).then(|| self.tell(event))
    }
}

#[cfg(test)]
mod tests {
    use muster_common::timestamp::MINUTE;

    use super::*;

    const AGENT: &str = "spiffe://muster.example/account/111122223333/agent/a";

    fn refusal(actor: &str, minute: i64, detail: &str) -> Event {
        let at = Timestamp::from_millis(minute * MINUTE);
        Event::new(at, "call.refuse", actor, "/muster.v1.Agent/Uplink")
            .refused()
            .detail(detail)
    }

    #[test]
    fn the_first_is_written_at_once_and_the_others_are_counted() {
        let mut repeats = Repeats::default();
        let written: Vec<bool> = (0..60)
            .map(|minute| repeats.take(refusal(AGENT, minute, "stopped")).is_some())
            .collect();
        assert_eq!(written.iter().filter(|written| **written).count(), 1);
        assert!(written[0]);
        // Another reason is another refusal, and so is another agent's.
        assert!(repeats.take(refusal(AGENT, 1, "expired")).is_some());
        let other = AGENT.replace("/a", "/b");
        assert!(repeats.take(refusal(&other, 1, "stopped")).is_some());
        let told = repeats.take(refusal(AGENT, 60, "stopped")).unwrap();
        assert_eq!(
            told.detail,
            "stopped (59 more times after 1970-01-01T00:00:00.000Z, last at 1970-01-01T00:59:00.000Z)"
        );
    }

    #[test]
    fn what_comes_to_an_end_is_told_all_the_same() {
        let mut repeats = Repeats::default();
        for minute in 0..3 {
            repeats.take(refusal(AGENT, minute, "stopped"));
        }
        let at = |minute: i64| Timestamp::from_millis(minute * MINUTE);
        assert_eq!(repeats.over(at(59)), []);
        let told = repeats.over(at(60));
        assert_eq!(told.len(), 1);
        assert!(told[0].refused);
        assert!(
            told[0].detail.contains("2 more times"),
            "{}",
            told[0].detail
        );
        assert_eq!(repeats.over(at(600)), []);
        repeats.take(refusal(AGENT, 700, "stopped"));
        repeats.take(refusal(AGENT, 701, "stopped"));
        assert_eq!(repeats.all(at(702)).len(), 1);
    }

    #[test]
    fn every_try_of_a_stranger_is_written_and_memory_is_bounded() {
        let mut repeats = Repeats::default();
        for _ in 0..10 {
            assert!(repeats.take(refusal("192.0.2.1", 0, "wrong")).is_some());
        }
        for number in 0..2 * REMEMBERED_MAX {
            let detail = format!("reason {number}");
            assert!(repeats.take(refusal(AGENT, 0, &detail)).is_some());
        }
        assert_eq!(repeats.0.len(), REMEMBERED_MAX);
    }
}

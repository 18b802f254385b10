//! What an agent's part of an account has: resources by type and place, each with the stamp of its last change. The agents of
//! an account read different places, for what two of them tell of one place is as old as the older of the two.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::account::AccountId;
use muster_common::finding::FindingKey;
use serde_json::json;

use crate::dice;

pub(crate) const KINDS: [&str; 2] = ["AWS::SNS::Topic", "AWS::EC2::Volume"];
/// Of the first agent of an account, and of the second.
const PLACES: [[&str; 2]; 2] = [["us-east-1", "eu-west-1"], ["aws-global", "eu-north-1"]];

/// A type and a place.
pub(crate) type At = (&'static str, &'static str);

pub(crate) struct Estate {
    pub account: AccountId,
    places: [&'static str; 2],
    /// Of the last change.
    stamp: u64,
    there: BTreeMap<At, BTreeMap<String, u64>>,
    /// When something was removed last.
    removed: BTreeMap<FindingKey, u64>,
    /// Where its agent looks.
    pub reads: BTreeSet<&'static str>,
    /// Places where it did not look for a time.
    left: BTreeSet<&'static str>,
    /// Where its agent looks, as the admin heard it.
    pub said: BTreeSet<&'static str>,
    /// How often everything in a place was told to its end.
    pub rounds: BTreeMap<&'static str, u64>,
}

impl Estate {
    pub(crate) fn new(account: AccountId, which: usize) -> Self {
        let places = PLACES[which % PLACES.len()];
        Self {
            account,
            places,
            stamp: 0,
            there: BTreeMap::new(),
            removed: BTreeMap::new(),
            reads: places.into_iter().collect(),
            left: BTreeSet::new(),
            said: BTreeSet::new(),
            rounds: BTreeMap::new(),
        }
    }

    /// Resources come, change and go; now and then a place is left, or looked at again.
    pub(crate) fn change(&mut self) {
        if dice::percent(12) {
            let place = self.places[1];
            if !self.reads.remove(place) {
                self.reads.insert(place);
            }
            self.left.insert(place);
            return;
        }
        for _ in 0..dice::between(1, 9) {
            self.change_one();
        }
    }

    fn change_one(&mut self) {
        self.stamp += 1;
        let place = self.places[dice::below(2) as usize];
        let kind = KINDS[dice::below(2) as usize];
        let name = format!("r{:02}", dice::below(14));
        let here = self.there.entry((kind, place)).or_default();
        if dice::percent(30) && here.remove(&name).is_some() {
            let key = key(self.account, (kind, place), &name);
            self.removed.insert(key, self.stamp);
        } else {
            here.insert(name, self.stamp);
        }
    }

    /// Names of what there is, in order.
    pub(crate) fn names(&self, at: At) -> Vec<String> {
        let here = self.there.get(&at);
        here.map_or_else(Vec::new, |here| here.keys().cloned().collect())
    }

    pub(crate) fn stamp_of(&self, at: At, name: &str) -> Option<u64> {
        self.there.get(&at)?.get(name).copied()
    }

    /// From here on it counts what the admin hears.
    pub(crate) fn begin_anew(&mut self) {
        self.said.clear();
        self.rounds.clear();
    }

    /// Whether the admin has heard everything since: twice, for the first round may have begun before.
    pub(crate) fn is_told(&self) -> bool {
        let rounds = |place| self.rounds.get(place).copied().unwrap_or_default();
        self.said == self.reads && self.reads.iter().all(|place| rounds(place) > 1)
    }

    /// Everything that must be known of it, with its stamp.
    pub(crate) fn expected(&self) -> BTreeMap<FindingKey, u64> {
        let there = self
            .there
            .iter()
            .filter(|(at, _)| self.reads.contains(at.1));
        let all = there.flat_map(|(at, here)| {
            let of = |(name, stamp): (&String, &u64)| (key(self.account, *at, name), *stamp);
            here.iter().map(of)
        });
        all.collect()
    }

    /// Whether something that was told in a version may be known as gone.
    pub(crate) fn may_be_gone(&self, key: FindingKey, stamp: u64) -> bool {
        self.removed
            .get(&key)
            .is_some_and(|removed| *removed > stamp)
    }

    /// Whether a place may be known as not read any more.
    pub(crate) fn was_left(&self, place: &str) -> bool {
        self.left.contains(place)
    }
}

pub(crate) fn id(account: AccountId, (kind, place): At, name: &str) -> String {
    let service = if kind == KINDS[0] { "sns" } else { "ec2" };
    format!("arn:aws:{service}:{place}:{account}:{name}")
}

fn key(account: AccountId, at: At, name: &str) -> FindingKey {
    FindingKey::new(account, at.1, at.0, &id(account, at, name))
}

/// As an agent tells it.
pub(crate) fn state(stamp: u64) -> serde_json::Map<String, serde_json::Value> {
    let mut state = serde_json::Map::new();
    state.insert("Version".to_owned(), json!(stamp));
    state
}

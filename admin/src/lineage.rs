//! Lineages: the certificates of one holder, one after the other: the current one, and the next one until it is first
//! used. Agents have one, and operators.
//!
//! Always: a replaced certificate stays outside. One that the admin signed later than any that it remembers can only come
//! from a time that it has lost, as after a restore from a backup; so it is taken for the latest.

use muster_common::identity::Serial;
use muster_common::timestamp::Timestamp;
use muster_mtls::CertificateFacts;
use serde::{Deserialize, Serialize};

/// A certificate, as far as a lineage cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub serial: Serial,
    /// When it was issued, less the minute that it is back-dated.
    pub from: Timestamp,
}

impl From<&CertificateFacts> for Leaf {
    fn from(facts: &CertificateFacts) -> Self {
        Self {
            serial: facts.serial,
            from: facts.not_before,
        }
    }
}

/// Which serials of a holder count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    current: Serial,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Serial>,
    /// The latest start of all certificates, also if the clock was set back since; unset in what was written before it was
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<Timestamp>,
}

/// What a serial is to a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Current,
    Next,
    /// It was issued later than anything that is remembered.
    Ahead,
    /// It was replaced, or was never part of it.
    Outside,
}

impl Lineage {
    #[must_use]
    pub const fn new(first: Leaf) -> Self {
        Self {
            current: first.serial,
            next: None,
            newest: Some(first.from),
        }
    }

    #[must_use]
    pub const fn current(&self) -> Serial {
        self.current
    }

    #[must_use]
    pub fn place(&self, leaf: Leaf) -> Place {
        if leaf.serial == self.current {
            Place::Current
        } else if Some(leaf.serial) == self.next {
            Place::Next
        } else if self.newest.is_some_and(|newest| leaf.from > newest) {
            Place::Ahead
        } else {
            Place::Outside
        }
    }

    /// A renewal. The current one counts until the next one is used, for the answer may be lost.
    #[must_use]
    pub fn renewed(self, next: Leaf) -> Self {
        Self {
            current: self.current,
            next: Some(next.serial),
            newest: self.newest.max(Some(next.from)),
        }
    }

    /// The next one was used, or one from a time that is lost: the current one ends.
    #[must_use]
    pub fn promoted(self, leaf: Leaf) -> Self {
        match self.place(leaf) {
            Place::Next | Place::Ahead => Self {
                current: leaf.serial,
                next: None,
                newest: self.newest.max(Some(leaf.from)),
            },
            Place::Current | Place::Outside => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(second: i64) -> Leaf {
        Leaf {
            serial: Serial::random(),
            from: Timestamp::from_seconds(second),
        }
    }

    #[test]
    fn the_first_use_of_the_next_ends_the_current() {
        let [a, b, c] = [1, 2, 3].map(leaf);
        let line = Lineage::new(a).renewed(b);
        assert_eq!(
            [a, b].map(|leaf| line.place(leaf)),
            [Place::Current, Place::Next]
        );
        // A lost answer: renewed again before it was used.
        let line = line.renewed(c);
        assert_eq!(
            [a, b, c].map(|leaf| line.place(leaf)),
            [Place::Current, Place::Outside, Place::Next]
        );
        let line = line.promoted(c);
        assert_eq!(
            [a, b, c].map(|leaf| line.place(leaf)),
            [Place::Outside, Place::Outside, Place::Current]
        );
        assert_eq!(line.promoted(a), line);
    }

    /// A restored lineage stands before the certificates that were issued since.
    #[test]
    fn a_certificate_from_a_time_that_is_lost_takes_the_place_of_what_is_remembered() {
        let [a, b, c] = [1, 2, 3].map(leaf);
        let restored = Lineage::new(a).renewed(b);
        assert_eq!(restored.place(c), Place::Ahead);
        let line = restored.promoted(c);
        assert_eq!(
            [a, b, c].map(|leaf| line.place(leaf)),
            [Place::Outside, Place::Outside, Place::Current]
        );
        // Nothing is ahead of what was written before starts were kept.
        let old: Lineage =
            serde_json::from_str(&format!(r#"{{"current":"{}"}}"#, a.serial)).unwrap();
        assert_eq!(old.place(c), Place::Outside);
    }

    /// A replaced certificate does not come back because the clock was ahead when it was issued.
    #[test]
    fn a_clock_that_was_set_back_lets_no_replaced_certificate_in() {
        let [early, late] = [1, 3_601].map(leaf);
        let line = Lineage::new(late).renewed(early).promoted(early);
        assert_eq!(line.place(late), Place::Outside);
        assert_eq!(line.place(early), Place::Current);
    }
}

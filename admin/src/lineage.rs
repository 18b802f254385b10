//! Lineages: the certificates of one holder, one after the other: the current one, and the next one until it is first
//! used. Agents have one, and operators.

use muster_common::identity::Serial;
use serde::{Deserialize, Serialize};

/// Which serials of a holder count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    current: Serial,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Serial>,
}

/// What a serial is to a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Current,
    Next,
    /// It was replaced, or was never part of it.
    Outside,
}

impl Lineage {
    #[must_use]
    pub const fn new(first: Serial) -> Self {
        Self {
            current: first,
            next: None,
        }
    }

    #[must_use]
    pub const fn current(&self) -> Serial {
        self.current
    }

    #[must_use]
    pub fn place(&self, serial: Serial) -> Place {
        if serial == self.current {
            Place::Current
        } else if Some(serial) == self.next {
            Place::Next
        } else {
            Place::Outside
        }
    }

    /// A renewal. The current one counts until the next one is used, for the answer may be lost.
    #[must_use]
    pub const fn renewed(self, next: Serial) -> Self {
        Self {
            current: self.current,
            next: Some(next),
        }
    }

    /// The next one was used: the current one ends.
    #[must_use]
    pub fn promoted(self, serial: Serial) -> Self {
        match self.place(serial) {
            Place::Next => Self::new(serial),
            Place::Current | Place::Outside => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_use_of_the_next_ends_the_current() {
        let [a, b, c] = [(); 3].map(|()| Serial::random());
        let line = Lineage::new(a).renewed(b);
        assert_eq!(
            [a, b, c].map(|serial| line.place(serial)),
            [Place::Current, Place::Next, Place::Outside]
        );
        // A lost answer: renewed again before it was used.
        let line = line.renewed(c);
        assert_eq!(
            [a, b, c].map(|serial| line.place(serial)),
            [Place::Current, Place::Outside, Place::Next]
        );
        let line = line.promoted(c);
        assert_eq!(
            [a, b, c].map(|serial| line.place(serial)),
            [Place::Outside, Place::Outside, Place::Current]
        );
        assert_eq!(line.promoted(a), line);
    }
}

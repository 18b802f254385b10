//! Selecting: a filter becomes a plan, and the plan is asked zone by zone.

use muster_common::field::Field;
use muster_common::filter::{FieldFilter, Filter, Test};
use muster_common::timestamp::Timestamp;

use super::super::entry::id_digest;
use super::bits::{self, Bits, Mask, ZONE, ZONE_WORDS, ones, pack};
use super::codes::{Codes, NO_TIME, Slice, Times};
use super::column::{Column, ValueColumn};
use super::planes::{equal, possible};
use super::{Index, is_indexed};

/// To look for one code in a zone takes as long as to look at so many of its slots, for each byte of a code.
const SCAN_SLOTS: usize = 48;
/// To look up the codes of a zone takes as long as to look at so many of its slots.
const GATHER_SLOTS: usize = 320;
/// More codes are not looked for one by one.
const FEW: usize = GATHER_SLOTS / SCAN_SLOTS;

/// The slots that may match a filter, zone by zone as they are asked for.
pub(in super::super) struct Matches<'a> {
    live: &'a Bits,
    plan: Plan<'a>,
    /// Whether all of them do. Otherwise their documents decide.
    pub exact: bool,
}

/// What to ask of the slots of a zone.
enum Plan<'a> {
    Everything,
    Nothing,
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Codes {
        codes: &'a Codes,
        wanted: Wanted,
    },
    Times {
        times: &'a Times,
        spans: Vec<(i64, i64)>,
    },
    Digests {
        digests: &'a [u32],
        wanted: Vec<u32>,
    },
}

/// Codes that are looked for.
struct Wanted {
    /// By code.
    marks: Vec<bool>,
    /// All of them, if they are few.
    few: Option<Vec<u32>>,
}

impl Index {
    /// The slots that may match a filter.
    pub(in super::super) fn select(&self, filter: &Filter, now: Timestamp) -> Bits {
        let matches = self.matches(filter, now);
        let mut slots = Bits::default();
        for zone in 0..self.live.zones() {
            slots.push_zone(&matches.zone(zone));
        }
        slots
    }

    /// As [`Index::select`], for who does not need all of them.
    pub(in super::super) fn matches(&self, filter: &Filter, now: Timestamp) -> Matches<'_> {
        let mut exact = true;
        Matches {
            live: &self.live,
            plan: self.plan(filter, now, &mut exact),
            exact,
        }
    }

    fn plan(&self, filter: &Filter, now: Timestamp, exact: &mut bool) -> Plan<'_> {
        match filter {
            Filter::All(filters) => {
                let mut plans: Vec<_> = filters
                    .iter()
                    .map(|filter| self.plan(filter, now, exact))
                    .collect();
                plans.sort_by_key(Plan::cost);
                Plan::All(plans)
            }
            Filter::Any(filters) => Plan::Any(
                filters
                    .iter()
                    .map(|filter| self.plan(filter, now, exact))
                    .collect(),
            ),
            Filter::Field(filter) => self.field(filter, now, exact),
        }
    }

    fn field(&self, filter: &FieldFilter, now: Timestamp, exact: &mut bool) -> Plan<'_> {
        let FieldFilter { field, any, none } = filter;
        if !is_indexed(*field) {
            *exact = false;
            return self.with_id(*field, any).unwrap_or(Plan::Everything);
        }
        let matching = |tests: &[Test]| match self.existing(*field) {
            Some(Column::Values(column)) => with_value(column, tests, now),
            Some(Column::Times(times)) => Plan::Times {
                times,
                spans: tests.iter().filter_map(|test| span(test, now)).collect(),
            },
            None => Plan::Nothing,
        };
        let mut plans = Vec::new();
        if !any.is_empty() {
            plans.push(matching(any));
        }
        if !none.is_empty() {
            plans.push(Plan::Not(Box::new(matching(none))));
        }
        Plan::All(plans)
    }

    /// The slots whose ASFF id has the digest of one of the wanted ids.
    fn with_id(&self, field: Field, any: &[Test]) -> Option<Plan<'_>> {
        let wanted: Vec<u32> = any
            .iter()
            .map(|test| match test {
                Test::Equals(id) if field == Field::Id => Some(id_digest(id)),
                Test::Equals(_)
                | Test::Prefix(_)
                | Test::Contains(_)
                | Test::Word(_)
                | Test::Number(_)
                | Test::Date(_)
                | Test::Within { .. }
                | Test::Key { .. }
                | Test::Flag(_)
                | Test::Words(_) => None,
            })
            .collect::<Option<_>>()?;
        (!wanted.is_empty()).then(|| Plan::Digests {
            digests: &self.id_digests,
            wanted,
        })
    }
}

impl Matches<'_> {
    pub(super) fn zones(&self) -> usize {
        self.live.zones()
    }

    pub(super) fn zone(&self, number: usize) -> Mask {
        let mut mask = *self.live.zone(number);
        self.keep(number, &mut mask);
        mask
    }

    /// Takes the slots out of a zone's mask that do not match.
    pub(super) fn keep(&self, zone: usize, mask: &mut Mask) {
        self.plan.keep(zone, mask);
    }
}

fn with_value<'a>(column: &'a ValueColumn, tests: &[Test], now: Timestamp) -> Plan<'a> {
    let matching = column.matching(tests, now);
    let codes: Vec<u32> = (0..)
        .zip(&matching)
        .filter(|(code, matches)| {
            let count: Option<&u32> = column.counts.get(*code as usize);
            **matches && count.is_some_and(|count| *count > 0)
        })
        .map(|(code, _)| code)
        .collect();
    if codes.is_empty() {
        return Plan::Nothing;
    }
    let wanted = Wanted {
        marks: matching,
        few: (codes.len() <= FEW).then_some(codes),
    };
    Plan::Codes {
        codes: &column.codes,
        wanted,
    }
}

/// The times that satisfy a test, the bounds included.
fn span(test: &Test, now: Timestamp) -> Option<(i64, i64)> {
    let Test::Date(test) = test else {
        return None;
    };
    let (start, end) = test.bounds(now);
    Some((start.as_millis(), end.as_millis()))
}

impl Plan<'_> {
    /// Takes the slots out of a zone's mask that do not match.
    fn keep(&self, zone: usize, mask: &mut Mask) {
        match self {
            Self::Everything => {}
            Self::Nothing => *mask = [0; ZONE_WORDS],
            Self::All(plans) => {
                for plan in plans {
                    if bits::is_empty(mask) {
                        return;
                    }
                    plan.keep(zone, mask);
                }
            }
            Self::Any(plans) => {
                let mut any = [0; ZONE_WORDS];
                for plan in plans {
                    let mut kept = *mask;
                    plan.keep(zone, &mut kept);
                    bits::or(&mut any, &kept);
                }
                *mask = any;
            }
            Self::Not(plan) => {
                let mut kept = *mask;
                plan.keep(zone, &mut kept);
                bits::and_not(mask, &kept);
            }
            Self::Codes { codes, wanted } => match codes.zone(zone) {
                Slice::Empty => *mask = [0; ZONE_WORDS],
                Slice::Planes(planes) => wanted.keep_planes(planes, mask),
                Slice::U8(codes) => wanted.keep(codes, |code| code as u8, mask),
                Slice::U16(codes) => wanted.keep(codes, |code| code as u16, mask),
                Slice::U32(codes) => wanted.keep(codes, |code| code, mask),
            },
            Self::Times { times, spans } => keep_times(times, spans, zone, mask),
            Self::Digests { digests, wanted } => retain(mask, |at| {
                digests
                    .get(zone * ZONE + at)
                    .is_some_and(|digest| wanted.contains(digest))
            }),
        }
    }

    /// How much it costs to ask, roughly; what is cheap is asked first.
    fn cost(&self) -> usize {
        match self {
            Self::Everything | Self::Nothing => 0,
            Self::Codes { wanted, .. } => wanted.few.as_ref().map_or(20, |few| 1 + few.len()),
            Self::Times { .. } => 3,
            Self::Digests { .. } => 40,
            Self::Not(plan) => 1 + plan.cost(),
            Self::All(plans) | Self::Any(plans) => plans.iter().map(Self::cost).sum(),
        }
    }
}

impl Wanted {
    fn keep_planes(&self, planes: &[Mask], mask: &mut Mask) {
        let mut found = [0; ZONE_WORDS];
        for code in possible(planes) {
            if self.marks.get(code as usize) == Some(&true) {
                bits::or(&mut found, &equal(planes, code));
            }
        }
        bits::and(mask, &found);
    }

    fn keep<T: Copy + PartialEq + Into<u32>>(
        &self,
        codes: &[T],
        narrow: impl Fn(u32) -> T,
        mask: &mut Mask,
    ) {
        let has = |code: T| self.marks[Into::<u32>::into(code) as usize];
        let slots: u32 = mask.iter().map(|word| word.count_ones()).sum();
        let scan = |few: &Vec<u32>| SCAN_SLOTS * size_of::<T>() * few.len();
        let few = self.few.as_ref().filter(|few| scan(few) <= GATHER_SLOTS);
        if slots as usize <= few.map_or(GATHER_SLOTS, scan) {
            return retain(mask, |at| codes.get(at).is_some_and(|code| has(*code)));
        }
        let mut found = [0; ZONE];
        if let Some(few) = few {
            // A code that is too wide for the chunk is in none of its slots.
            let few = few.iter().map(|code| (*code, narrow(*code)));
            for (_, code) in few.filter(|(code, narrow)| (*narrow).into() == *code) {
                for (found, other) in found.iter_mut().zip(codes) {
                    *found |= u8::from(*other == code);
                }
            }
        } else {
            for (found, code) in found.iter_mut().zip(codes) {
                *found = u8::from(has(*code));
            }
        }
        bits::and(mask, &pack(&found));
    }
}

fn keep_times(times: &Times, spans: &[(i64, i64)], zone: usize, mask: &mut Mask) {
    let (earliest, latest) = times.span(zone);
    let mut found = [0; ZONE];
    for (start, end) in spans {
        // No span includes the mark of absence.
        let (start, end) = ((*start).max(NO_TIME + 1), *end);
        if start <= latest && earliest <= end {
            for (found, time) in found.iter_mut().zip(times.zone(zone)) {
                *found |= u8::from(start <= *time && *time <= end);
            }
        }
    }
    bits::and(mask, &pack(&found));
}

/// Takes the slots out of a mask that do not satisfy a test. Without a branch over what it says, which nobody foresees.
fn retain(mask: &mut Mask, test: impl Fn(usize) -> bool) {
    for (number, word) in mask.iter_mut().enumerate() {
        *word = ones(*word).fold(0, |kept, bit| {
            kept | u64::from(test(64 * number + bit as usize)) << bit
        });
    }
}

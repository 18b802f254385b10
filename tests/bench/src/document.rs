//! Invented findings, cheap enough to be made while the server is measured: a few hundred forms, one per rule of a
//! security service, in which the parts that differ from finding to finding are filled in.
//!
//! Always: a document is valid ASFF of about 2.3 KB; the same number of the same account gives the same document; ids,
//! resources, traces and times differ between findings, and texts between rules, so that compression finds what it
//! would find in real ones. Findings come as services report them: times rise with the numbers, within some hours; a
//! check goes over some resources, a scan of one resource gives several vulnerabilities.

mod form;
mod rules;

use std::sync::LazyLock;

use bytes::{BufMut as _, Bytes, BytesMut};
use muster_common::account::AccountId;
use muster_common::timestamp::{DAY, HOUR, Timestamp};

use form::{Blank, Filling, Form};
use rules::{Rule, Sweep};

/// Findings of an account for each of its resources of one kind.
const PER_RESOURCE: u64 = 9;
/// The time that all findings together span.
const SPAN: i64 = 80 * DAY;
/// How far a finding may be out of order.
const SCATTER: i64 = 6 * HOUR;
/// A die of this many sides picks the rule.
const SIDES: usize = 1 << 14;
/// Batches of one account that are under way before the first one's memory is used again.
const BUFFERS: usize = 8;

/// Findings that come from one check or one scan.
const SWEEP: u64 = 8;

/// All rules.
pub(crate) struct Catalog {
    rules: Vec<Rule>,
    /// The rule for each side of the die.
    draws: Vec<u16>,
}

impl Catalog {
    fn new() -> Self {
        let rules = rules::all();
        let mut draws = Vec::with_capacity(SIDES);
        let total: f64 = rules.iter().map(|rule| rule.weight).sum();
        let mut sum = 0.0;
        for (number, rule) in (0_u16..).zip(&rules) {
            sum += rule.weight;
            draws.resize((sum / total * SIDES as f64).round() as usize, number);
        }
        Self { rules, draws }
    }

    /// One for the rest of the process, which every task can use.
    pub(crate) fn shared() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::new);
        &CATALOG
    }
}

/// The findings of one account, one after the other.
pub(crate) struct Documents<'a> {
    catalog: &'a Catalog,
    account: AccountId,
    /// When the first one was updated, and how far apart they are, in milliseconds.
    start: Timestamp,
    step: f64,
    /// Of each kind.
    resources: u64,
    next: u64,
    /// What batches are written in, again and again: fresh memory costs more than what is written there.
    buffers: [BytesMut; BUFFERS],
    turn: usize,
}

impl<'a> Documents<'a> {
    /// `count` findings of the account, the last of them updated about `now`.
    pub(crate) fn new(
        catalog: &'a Catalog,
        account: AccountId,
        count: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            catalog,
            account,
            start: now.plus(-SPAN),
            step: SPAN as f64 / count.max(1) as f64,
            resources: count.div_ceil(PER_RESOURCE),
            next: 0,
            buffers: Default::default(),
            turn: 0,
        }
    }

    /// The next ones, up to a number and a size, in one piece of memory.
    pub(crate) fn batch(&mut self, count: usize, bytes_max: usize) -> Vec<Bytes> {
        self.turn = (self.turn + 1) % BUFFERS;
        let mut text = std::mem::take(&mut self.buffers[self.turn]);
        text.reserve(bytes_max);
        let mut ends = Vec::with_capacity(count);
        while ends.len() < count {
            let (form, of_resource) = self.pick();
            if text.len() + form.len() > bytes_max {
                break;
            }
            let start = text.len();
            text.put_slice(form.text());
            form.fill(&mut text[start..], &self.filling(of_resource));
            ends.push(text.len());
            self.next += 1;
        }
        let rest = text.split_off(text.len());
        self.buffers[self.turn] = rest;
        let text = text.freeze();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts
            .zip(&ends)
            .map(|(start, end)| text.slice(start..*end))
            .collect()
    }

    /// A number for a finding, or for a sweep.
    fn seed(&self, number: u64) -> u64 {
        let account = self.account.as_str().bytes();
        let account = account.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        scatter(account << 25 ^ number)
    }

    /// The form of the next finding, and what numbers its resource.
    fn pick(&self) -> (&'a Form, u64) {
        let own = self.seed(self.next);
        let sweep = self.seed((self.next / SWEEP) | (1 << 24));
        let rules = &self.catalog.rules;
        let rule = &rules[usize::from(self.catalog.draws[sweep as usize % SIDES])];
        let peer = || {
            let peers = &rules[rule.peers.clone()];
            &peers[scatter(own) as usize % peers.len()]
        };
        match rule.sweep {
            Sweep::Check => (&rule.form, own),
            Sweep::Scan => (&peer().form, sweep),
            Sweep::None => (&peer().form, own),
        }
    }

    fn filling(&self, of_resource: u64) -> Filling {
        let seed = self.seed(self.next);
        let (dice, more) = (scatter(seed ^ 1), scatter(seed ^ 2));
        // Squaring the die gives a few resources most of the findings.
        let share = (scatter(of_resource ^ 3) & 0xf_ffff) as f64 / 1_048_576.0;
        let resource = (share * share * self.resources as f64) as u64;
        let of_resource = scatter(resource);
        let rising = (self.next as f64 * self.step) as i64;
        let updated = self.start.plus(rising - (more >> 20) as i64 % SCATTER);
        let created = updated.plus(-((more >> 8) as i64 & 0xfff) * HOUR / 4);
        let mut filling = Filling::default();
        filling.text(Blank::Account, self.account.as_str().as_bytes());
        filling.text(Blank::Region, REGIONS[resource as usize % REGIONS.len()]);
        filling.hex(Blank::Id, [seed, more]);
        filling.hex(Blank::Trace, [scatter(dice), scatter(more)]);
        filling.hex(Blank::Resource, [of_resource, scatter(of_resource)]);
        filling.hex(Blank::Image, [scatter(resource % 200), resource % 200]);
        filling.hex(Blank::Network, [scatter(resource % 40 + 7), resource % 40]);
        filling.hex(Blank::Subnet, [scatter(resource % 160 + 9), resource % 160]);
        filling.address(Blank::Address, b"10.", of_resource);
        filling.address(Blank::Stranger, b"198.", more % 4_096);
        filling.number(Blank::User, resource);
        filling.number(Blank::Team, resource % 40);
        filling.number(Blank::Center, 4_000 + resource % 97);
        filling.number(Blank::Count, 100 + (dice >> 30) % 900);
        filling.text(Blank::Stage, STAGES[resource as usize % STAGES.len()]);
        filling.time(Blank::Updated, updated);
        filling.time(Blank::Created, created);
        let (archived, failed) = (
            (dice >> 40).is_multiple_of(10),
            (dice >> 50).is_multiple_of(3),
        );
        filling.text(
            Blank::State,
            if archived {
                b"\"ARCHIVED\""
            } else {
                b"\"ACTIVE\"  "
            },
        );
        filling.text(Blank::Outcome, if failed { b"FAILED" } else { b"PASSED" });
        filling
    }
}

const REGIONS: [&[u8]; 3] = [b"us-east-1", b"eu-west-1", b"us-west-2"];
const STAGES: [&[u8]; 3] = [b"prod", b"prod", b"test"];

/// A fixed scattering of numbers. Source: the finalizer of SplitMix64.
pub(crate) const fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use muster_common::field::Field;
    use muster_common::finding;

    use super::*;

    #[test]
    fn documents_are_varied_findings_of_the_promised_size() {
        let catalog = Catalog::new();
        let account: AccountId = "111122223333".parse().unwrap();
        let now = Timestamp::from_seconds(1_795_000_000);
        let mut documents = Documents::new(&catalog, account, 20_000, now);
        let mut found = Vec::new();
        while found.len() < 20_000 {
            found.extend(documents.batch(500, 1 << 20));
        }
        let bytes: usize = found.iter().map(Bytes::len).sum();
        let mean = bytes / found.len();
        assert!((2_200..2_400).contains(&mean), "{mean}");
        let mut keys = HashSet::new();
        let mut values: [HashSet<String>; 5] = Default::default();
        for document in &found {
            let reading = finding::read(document).unwrap();
            assert_eq!(reading.account, account);
            assert!(keys.insert(reading.key));
            let fields = [
                Field::Title,
                Field::ResourceId,
                Field::Type,
                Field::SeverityLabel,
                Field::ProductName,
            ];
            for (field, values) in fields.into_iter().zip(&mut values) {
                values.extend(reading.row.text(field).map(str::to_owned));
            }
        }
        let counts = values.map(|values| values.len());
        for (count, least) in counts.into_iter().zip([700, 4_000, 25, 5, 7]) {
            assert!(count >= least, "{counts:?}");
        }
    }
}

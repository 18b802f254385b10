//! A form: the text of a finding with blanks of a fixed width in it.

use muster_common::timestamp::Timestamp;

/// What differs from finding to finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blank {
    Account,
    Region,
    Id,
    Trace,
    Resource,
    Image,
    Network,
    Subnet,
    Address,
    Stranger,
    User,
    Team,
    Center,
    Count,
    Stage,
    Updated,
    Created,
    State,
    Outcome,
}

/// Name in a pattern, and width.
const BLANKS: [(Blank, &str, usize); 19] = [
    (Blank::Account, "account", 12),
    (Blank::Region, "region", 9),
    (Blank::Id, "id", 32),
    (Blank::Trace, "trace", 32),
    (Blank::Resource, "resource", 17),
    (Blank::Image, "image", 17),
    (Blank::Network, "network", 17),
    (Blank::Subnet, "subnet", 17),
    (Blank::Address, "address", 14),
    (Blank::Stranger, "stranger", 15),
    (Blank::User, "user", 6),
    (Blank::Team, "team", 2),
    (Blank::Center, "center", 4),
    (Blank::Count, "count", 3),
    (Blank::Stage, "stage", 4),
    (Blank::Updated, "updated", 24),
    (Blank::Created, "created", 24),
    (Blank::State, "state", 10),
    (Blank::Outcome, "outcome", 6),
];

const WIDTHS: usize = {
    let (mut sum, mut at) = (0, 0);
    while at < BLANKS.len() {
        sum += BLANKS[at].2;
        at += 1;
    }
    sum
};

/// Where each blank's text stands in a filling.
const STARTS: [usize; 19] = {
    let (mut starts, mut at) = ([0; 19], 1);
    while at < BLANKS.len() {
        starts[at] = starts[at - 1] + BLANKS[at - 1].2;
        at += 1;
    }
    starts
};

impl Blank {
    const fn width(self) -> usize {
        BLANKS[self as usize].2
    }
}

pub(super) struct Form {
    text: Vec<u8>,
    /// Offset in the text, start in the filling, width.
    blanks: Vec<(u16, u16, u16)>,
}

impl Form {
    /// Reads a pattern: blanks stand in it as `<name>`.
    pub(super) fn new(pattern: &str) -> Self {
        let mut form = Self {
            text: Vec::new(),
            blanks: Vec::new(),
        };
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').expect("a blank has an end");
            let (blank, _, width) = BLANKS
                .into_iter()
                .find(|(_, other, _)| *other == name)
                .expect("a blank has a name");
            form.text.extend_from_slice(before.as_bytes());
            form.blanks.push((
                form.text.len() as u16,
                STARTS[blank as usize] as u16,
                width as u16,
            ));
            form.text.resize(form.text.len() + width, b'_');
            rest = after;
        }
        form.text.extend_from_slice(rest.as_bytes());
        form
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Fills the blanks of a copy of the text.
    pub(super) fn fill(&self, copy: &mut [u8], filling: &Filling) {
        for &(at, start, width) in &self.blanks {
            let (at, start, width) = (usize::from(at), usize::from(start), usize::from(width));
            copy[at..at + width].copy_from_slice(&filling.0[start..start + width]);
        }
    }
}

/// The digits of every byte.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (mut pairs, mut at) = ([[0; 2]; 256], 0);
    while at < 256 {
        pairs[at] = [DIGITS[at >> 4], DIGITS[at & 15]];
        at += 1;
    }
    pairs
};

/// The texts of all blanks for one finding.
pub(super) struct Filling([u8; WIDTHS]);

impl Default for Filling {
    fn default() -> Self {
        Self([b'_'; WIDTHS])
    }
}

impl Filling {
    fn place(&mut self, blank: Blank) -> &mut [u8] {
        let start = STARTS[blank as usize];
        &mut self.0[start..start + blank.width()]
    }

    pub(super) fn text(&mut self, blank: Blank, text: &[u8]) {
        self.place(blank).copy_from_slice(text);
    }

    /// As many digits as there is room for.
    pub(super) fn hex(&mut self, blank: Blank, numbers: [u64; 2]) {
        let mut digits = [0; 32];
        let bytes = numbers.into_iter().flat_map(u64::to_le_bytes);
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&PAIRS[usize::from(byte)]);
        }
        let place = self.place(blank);
        place.copy_from_slice(&digits[..place.len()]);
    }

    /// Digits with zeros before them.
    pub(super) fn number(&mut self, blank: Blank, number: u64) {
        write(self.place(blank), number);
    }

    /// An address of three more parts, each of three digits.
    pub(super) fn address(&mut self, blank: Blank, start: &[u8], number: u64) {
        let place = self.place(blank);
        let (first, rest) = place.split_at_mut(start.len());
        first.copy_from_slice(start);
        for (at, part) in rest.chunks_mut(4).enumerate() {
            write(&mut part[..3], 100 + (number >> (6 * at) & 63));
            if let Some(dot) = part.get_mut(3) {
                *dot = b'.';
            }
        }
    }

    /// RFC 3339 with milliseconds, in place: what the generator costs counts against the server.
    pub(super) fn time(&mut self, blank: Blank, time: Timestamp) {
        let (days, millis) = (
            time.as_millis().div_euclid(86_400_000),
            time.as_millis().rem_euclid(86_400_000) as u64,
        );
        let (year, month, day) = civil(days);
        let place = self.place(blank);
        place.copy_from_slice(b"yyyy-mm-ddThh:mm:ss.000Z");
        for (range, number) in [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, millis / 3_600_000),
            (14..16, millis / 60_000 % 60),
            (17..19, millis / 1_000 % 60),
            (20..23, millis % 1_000),
        ] {
            write(&mut place[range], number);
        }
    }
}

fn write(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day after the epoch. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(days: i64) -> (u64, u64, u64) {
    let days = (days + 719_468) as u64;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (
        year + 400 * era + u64::from(month <= 2),
        month,
        day - (153 * shifted + 2) / 5 + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled() {
        for (at, (blank, ..)) in BLANKS.into_iter().enumerate() {
            assert_eq!(blank as usize, at);
        }
        let form = Form::new("at <updated> <address>, <user>: <team>");
        let mut filling = Filling::default();
        let time = Timestamp::from_millis(1_795_000_000_123);
        filling.time(Blank::Updated, time);
        filling.address(Blank::Address, b"10.", 0b11_000010_000001);
        filling.number(Blank::User, 1_234);
        filling.number(Blank::Team, 7);
        let mut copy = form.text().to_vec();
        form.fill(&mut copy, &filling);
        assert_eq!(
            String::from_utf8(copy).unwrap(),
            format!("at {time} 10.101.102.103, 001234: 07")
        );
    }
}

//! Points in time, to the millisecond, as ASFF writes them.
//!
//! Source: Security Hub API Reference, "Welcome", section timestamps: RFC 3339 with an offset of up to 18 hours, with or
//! without a colon, up to nine digits of fraction, kept to the millisecond.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no RFC 3339 time, such as 2026-11-23T10:15:30.000Z")]
pub struct InvalidTimestamp(String);

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

impl Timestamp {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `YYYYMMDD'T'HHMMSS'Z'`, the form of `X-Amz-Date`.
    #[must_use]
    pub fn amz_date(self) -> String {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = Civil::from(self);
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// Reads `YYYYMMDD'T'HHMMSS'Z'`.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] for any other form.
    pub fn from_amz_date(text: &str) -> Result<Self, InvalidTimestamp> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 16 && bytes[8] == b'T' && bytes[15] == b'Z';
        let read = || {
            Some(Civil {
                year: digits(bytes.get(0..4)?)?,
                month: digits(bytes.get(4..6)?)?,
                day: digits(bytes.get(6..8)?)?,
                hour: digits(bytes.get(9..11)?)?,
                minute: digits(bytes.get(11..13)?)?,
                second: digits(bytes.get(13..15)?)?,
                millis: 0,
            })
        };
        shaped
            .then(read)
            .flatten()
            .and_then(Civil::timestamp)
            .ok_or_else(|| invalid(text))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        parse(text.as_bytes()).ok_or_else(|| invalid(text))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millis,
        } = Civil::from(*self);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As protobuf carries it.
#[must_use]
pub fn to_wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_seconds(),
        nanos: (time.0.rem_euclid(SECOND) * 1_000_000) as i32,
    }
}

/// From protobuf; what is finer than a millisecond is dropped.
#[must_use]
pub fn from_wire(time: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.seconds).plus(i64::from(time.nanos) / 1_000_000)
}

fn invalid(text: &str) -> InvalidTimestamp {
    InvalidTimestamp(text.chars().take(64).collect())
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH[:]MM)`.
fn parse(text: &[u8]) -> Option<Timestamp> {
    if text.len() < 20
        || text[4] != b'-'
        || text[7] != b'-'
        || !matches!(text[10], b'T' | b't')
        || text[13] != b':'
        || text[16] != b':'
    {
        return None;
    }
    let (millis, zone) = fraction(&text[19..])?;
    let civil = Civil {
        year: digits(&text[0..4])?,
        month: digits(&text[5..7])?,
        day: digits(&text[8..10])?,
        hour: digits(&text[11..13])?,
        minute: digits(&text[14..16])?,
        second: digits(&text[17..19])?,
        millis,
    };
    let time = civil.timestamp()?.plus(-offset(zone)?);
    WRITABLE.contains(&time.0).then_some(time)
}

/// The times whose year has four digits, so that they can be written in the form that they are read in: an offset may
/// lead out of them.
const WRITABLE: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

/// Reads an optional fraction of one to nine digits; what follows is the zone.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = rest.split_first() else {
        return Some((0, rest));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let (shown, zone) = rest.split_at(length);
    let millis = (0..3).fold(0, |millis, place| {
        millis * 10 + shown.get(place).map_or(0, |digit| i64::from(digit - b'0'))
    });
    Some((millis, zone))
}

/// Milliseconds east of UTC, within 18 hours.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        b"Z" | b"z" => return Some(0),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => {
            (sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?)
        }
        _ => return None,
    };
    let span = hours * HOUR + minutes * MINUTE;
    match sign {
        _ if minutes > 59 || span > 18 * HOUR => None,
        b'+' => Some(span),
        b'-' => Some(-span),
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// A calendar date and time of day in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millis: i64,
}

impl Civil {
    fn timestamp(self) -> Option<Timestamp> {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millis,
        } = self;
        let good = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            // A leap second counts as the second before it.
            && second <= 60;
        good.then(|| {
            let time = hour * HOUR + minute * MINUTE + second.min(59) * SECOND + millis;
            Timestamp(days_from_civil(year, month, day) * DAY + time)
        })
    }
}

impl From<Timestamp> for Civil {
    fn from(time: Timestamp) -> Self {
        let (days, rest) = (time.0.div_euclid(DAY), time.0.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        Self {
            year,
            month,
            day,
            hour: rest / HOUR,
            minute: rest / MINUTE % 60,
            second: rest / SECOND % 60,
            millis: rest % SECOND,
        }
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_asff_are_read() {
        for (text, same) in [
            ("2026-11-23T10:15:30Z", "2026-11-23T10:15:30.000Z"),
            ("2026-11-23T10:15:30.1Z", "2026-11-23T10:15:30.100Z"),
            (
                "2026-11-23T11:21:39.577747+00:00",
                "2026-11-23T11:21:39.577Z",
            ),
            ("2026-11-23T10:15:30.123456789Z", "2026-11-23T10:15:30.123Z"),
            ("2026-11-23T00:15:30+18:00", "2026-11-22T06:15:30.000Z"),
            ("2026-11-23T10:15:30-0530", "2026-11-23T15:45:30.000Z"),
            ("2024-02-29t00:00:00z", "2024-02-29T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0000-01-01T01:00:00+01:00", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T22:59:59.999-01:00", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(
                text.parse::<Timestamp>().unwrap().to_string(),
                same,
                "{text}"
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23 10:15:30Z",
            "2026-11-23T10:15:30",
            "2026-11-23T10:15Z",
            "2026-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T10:15:30.Z",
            "2026-11-23T10:15:30.1234567890Z",
            "2026-11-23T10:15:30+18:01",
            "2026-11-23T10:15:30+1:00",
            "0000-01-01T00:59:59+01:00",
            "9999-12-31T23:00:00-01:00",
            "2026-11-23T10:15:30Zjunk",
            "Thu Sep 05 13:06:56.334 UTC 2024",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_form_of_x_amz_date_goes_both_ways() {
        let time: Timestamp = "2026-11-23T10:15:30Z".parse().unwrap();
        assert_eq!(time.amz_date(), "20261123T101530Z");
        assert_eq!(Timestamp::from_amz_date("20261123T101530Z"), Ok(time));
        for text in [
            "20261123T101530",
            "2026-11-23T10:15:30Z",
            "20261323T101530Z",
            "",
        ] {
            assert!(Timestamp::from_amz_date(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_reads_back_from_its_text(millis in -62_135_596_800_000i64..253_402_300_800_000) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }
    }
}

//! Spans and moments as people type them: `7d`, `24h`, `2026-11-01`, `2026-11-01..2026-11-08`.

use std::str::FromStr;

use muster_common::filter::DateTest;
use muster_common::timestamp::{DAY, HOUR, MINUTE, Timestamp};

/// A time as it was typed: back from now, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Ago(i64),
    At(Timestamp),
}

/// A range of time as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: Option<Moment>,
    end: Option<Moment>,
}

/// The longest way back from now: longer than there is any AWS.
const AGO_MAX: i64 = 36_500 * DAY;

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSpan {
    #[error(
        "`{0}` is no time; such as 7d, 24h, 30m, 2026-11-01, 2026-11-01T08:00:00Z, or a range with '..'"
    )]
    Form(String),
    #[error("`{0}` is more than a hundred years ago")]
    Far(String),
    #[error("the range ends at {end}, before it begins at {start}")]
    Reversed { start: Timestamp, end: Timestamp },
}

impl FromStr for Moment {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan::Form(text.to_owned());
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        if let Ok(time) = format!("{text}T00:00:00Z").parse() {
            return Ok(Self::At(time));
        }
        let unit = match text.chars().next_back() {
            Some('m') => MINUTE,
            Some('h') => HOUR,
            Some('d') => DAY,
            Some('w') => 7 * DAY,
            _ => return Err(invalid()),
        };
        let count: u32 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
        match i64::from(count) * unit {
            ago if ago > AGO_MAX => Err(InvalidSpan::Far(text.to_owned())),
            ago => Ok(Self::Ago(ago)),
        }
    }
}

impl Moment {
    /// The time that is meant, as of `now`.
    pub(crate) const fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(millis) => now.plus(-millis),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let side = |side: &str| {
            if side.is_empty() {
                Ok(None)
            } else {
                side.parse().map(Some)
            }
        };
        let (start, end) = text.split_once("..").unwrap_or((text, ""));
        let span = Self {
            start: side(start)?,
            end: side(end)?,
        };
        if span.start.is_none() && span.end.is_none() {
            return Err(InvalidSpan::Form(text.to_owned()));
        }
        Ok(span)
    }
}

impl Span {
    /// The test, as of `now`.
    pub(crate) fn test(self, now: Timestamp) -> Result<DateTest, InvalidSpan> {
        let at = |moment: Moment| moment.at(now);
        match (self.start.map(at), self.end.map(at)) {
            (Some(start), Some(end)) if end < start => Err(InvalidSpan::Reversed { start, end }),
            (start, end) => Ok(DateTest::Between { start, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let now = Timestamp::from_millis(100 * DAY);
        let between = |start: Option<i64>, end: Option<i64>| DateTest::Between {
            start: start.map(Timestamp::from_millis),
            end: end.map(Timestamp::from_millis),
        };
        for (text, test) in [
            ("7d", between(Some(93 * DAY), None)),
            ("36h", between(Some(100 * DAY - 36 * HOUR), None)),
            ("..2w", between(None, Some(86 * DAY))),
            ("1970-01-03", between(Some(2 * DAY), None)),
            (
                "1970-01-03..1970-01-04T00:00:00Z",
                between(Some(2 * DAY), Some(3 * DAY)),
            ),
        ] {
            assert_eq!(
                text.parse::<Span>().unwrap().test(now).unwrap(),
                test,
                "{text}"
            );
        }
        for text in [
            "",
            "..",
            "7",
            "d",
            "7y",
            "-7d",
            "yesterday",
            "2026-13-01",
            "99999999d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["1970-01-04..1970-01-03", "2d..3d", "1d..1970-01-03"] {
            assert!(text.parse::<Span>().unwrap().test(now).is_err(), "{text}");
        }
    }
}

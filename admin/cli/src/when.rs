//! Times as tables show them: how long ago, or how long until.

use muster_common::timestamp::{DAY, HOUR, MINUTE, SECOND, Timestamp, from_wire};

use crate::output::Cell;

/// `3 h ago`, `in 23 h`; `-` for none.
pub(crate) fn relative(time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    match time.map(from_wire) {
        None => "-".to_owned(),
        Some(time) => {
            let since = now.since(time);
            if since < 0 {
                format!("in {}", span(-since))
            } else {
                format!("{} ago", span(since))
            }
        }
    }
}

/// A time as people read it; programs get it in RFC 3339.
pub(crate) fn time_cell(time: Option<&prost_types::Timestamp>, now: Timestamp) -> Cell {
    Cell::exactly(relative(time, now), absolute(time))
}

/// A moment to the second; programs get it in RFC 3339.
pub(crate) fn moment_cell(time: Option<&prost_types::Timestamp>) -> Cell {
    let exact = absolute(time);
    let short = exact.get(..19).unwrap_or(&exact).replace('T', " ");
    Cell::exactly(short, exact)
}

/// A size as people read it; programs get the number.
pub(crate) fn bytes_cell(count: u64) -> Cell {
    Cell::exactly(bytes(count), count.to_string())
}

/// RFC 3339; empty for none.
pub(crate) fn absolute(time: Option<&prost_types::Timestamp>) -> String {
    time.map(|time| from_wire(time).to_string())
        .unwrap_or_default()
}

fn span(millis: i64) -> String {
    match millis {
        millis if millis < 2 * MINUTE => format!("{} s", millis / SECOND),
        millis if millis < 2 * HOUR => format!("{} min", millis / MINUTE),
        millis if millis < 2 * DAY => format!("{} h", millis / HOUR),
        millis => format!("{} d", millis / DAY),
    }
}

/// `1.4 GB`.
pub(crate) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if size < 1_000.0 {
            let digits = usize::from(unit != "B" && size < 100.0);
            return format!("{size:.digits$} {unit}");
        }
        size /= 1_000.0;
    }
    format!("{size:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(
            [0, 999, 1_400, 250_000_000].map(bytes),
            ["0 B", "999 B", "1.4 KB", "250 MB"]
        );
        let now = Timestamp::from_millis(10 * DAY);
        let at = |millis: i64| {
            relative(
                Some(&muster_common::timestamp::to_wire(now.plus(millis))),
                now,
            )
        };
        assert_eq!(
            [at(-5 * SECOND), at(-3 * HOUR), at(23 * HOUR), at(-9 * DAY)],
            ["5 s ago", "3 h ago", "in 23 h", "9 d ago"]
        );
        assert_eq!(relative(None, now), "-");
        let hour = Some(&prost_types::Timestamp {
            seconds: 3_600,
            nanos: 0,
        });
        assert_eq!(time_cell(hour, now).plain(), "1970-01-01T01:00:00.000Z");
        assert_eq!(moment_cell(hour).painted(), "1970-01-01 01:00:00");
        assert_eq!(time_cell(None, now).plain(), "");
        assert_eq!(bytes_cell(1_400).plain(), "1400");
    }
}

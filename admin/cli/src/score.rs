//! Scores, statuses and severities as people read them.

use muster_proto::v1 as wire;
use muster_proto::v1::ControlStatus;
use serde_json::{Value as Json, json};

use crate::output::{Cell, Paint};

/// Cells of a bar.
const BAR: u32 = 20;
/// The most cells of a sparkline.
const SPARK_MAX: usize = 60;

/// `71 % (69 to 80 %)`: the score, and what it could be if all that is unknown failed or passed.
pub(crate) fn line(score: &wire::Score) -> String {
    let Some(percent) = score.percent else {
        return "no score yet".to_owned();
    };
    match interval(score) {
        Some((least, most)) if least < most => format!("{percent} % ({least} to {most} %)"),
        Some(_) | None => format!("{percent} %"),
    }
}

/// What the score could be; the score itself where nothing is unknown.
pub(crate) fn interval(score: &wire::Score) -> Option<(u32, u32)> {
    let percent = score.percent?;
    let least = score.percent_least.unwrap_or(percent).min(percent);
    let most = score.percent_most.unwrap_or(percent).max(percent);
    Some((least, most.min(100)))
}

/// For people with the interval, for programs the number.
pub(crate) fn cell(score: &wire::Score) -> Cell {
    let exact = score.percent.map(|percent| percent.to_string());
    let cell = Cell::exactly(line(score), exact.unwrap_or_default());
    match score.percent {
        Some(_) => cell,
        None => cell.dim(),
    }
}

/// `24 passed, 9 failed, 3 unknown`.
pub(crate) fn counts(score: &wire::Score) -> String {
    let mut text = format!("{} passed, {} failed", score.passed, score.failed);
    for (count, what) in [
        (score.unknown, "unknown"),
        (score.no_data, "without data"),
        (score.disabled, "disabled"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// In the order of tables: passed, failed, unknown, no data, disabled.
pub(crate) const fn numbers(score: &wire::Score) -> [u32; 5] {
    [
        score.passed,
        score.failed,
        score.unknown,
        score.no_data,
        score.disabled,
    ]
}

pub(crate) fn document(score: &wire::Score) -> Json {
    let mut document = json!({
        "standard": crate::naming::id(&score.standard),
        "account": score.account,
        "percent": score.percent,
        "percentLeast": score.percent_least,
        "percentMost": score.percent_most,
        "passed": score.passed,
        "failed": score.failed,
        "unknown": score.unknown,
        "noData": score.no_data,
        "disabled": score.disabled,
    });
    if !score.controls.is_empty() {
        document["controls"] = score.controls.iter().map(standing).collect();
    }
    document
}

pub(crate) fn standing(standing: &wire::ControlStanding) -> Json {
    json!({
        "control": crate::naming::id(&standing.control),
        "title": standing.title,
        "severity": standing.severity,
        "requirements": standing.requirements,
        "status": status_name(standing.status()),
        "passed": standing.passed,
        "failed": standing.failed,
        "warning": standing.warning,
        "notAvailable": standing.not_available,
    })
}

/// As programs read it.
pub(crate) const fn status_name(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Unspecified => "",
        ControlStatus::Passed => "PASSED",
        ControlStatus::Failed => "FAILED",
        ControlStatus::Unknown => "UNKNOWN",
        ControlStatus::NoData => "NO_DATA",
        ControlStatus::Disabled => "DISABLED",
    }
}

/// As people read it.
pub(crate) const fn status_word(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Unspecified => "-",
        ControlStatus::Passed => "passed",
        ControlStatus::Failed => "failed",
        ControlStatus::Unknown => "unknown",
        ControlStatus::NoData => "no data",
        ControlStatus::Disabled => "disabled",
    }
}

pub(crate) fn status_cell(status: ControlStatus) -> Cell {
    let paint = match status {
        ControlStatus::Passed => Paint::Good,
        ControlStatus::Failed => Paint::Bad,
        ControlStatus::Unknown => Paint::Warning,
        ControlStatus::Unspecified | ControlStatus::NoData | ControlStatus::Disabled => Paint::Dim,
    };
    Cell::exactly(status_word(status), status_name(status)).painted_as(paint)
}

pub(crate) fn severity(label: &str) -> Cell {
    let paint = match label {
        "CRITICAL" => Paint::Critical,
        "HIGH" => Paint::Bad,
        "MEDIUM" => Paint::Warning,
        "LOW" => Paint::Plain,
        _ => Paint::Dim,
    };
    Cell::new(label, paint)
}

/// The worst first.
pub(crate) fn severity_rank(label: &str) -> u8 {
    let worst_first = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"];
    let place = worst_first.iter().position(|known| *known == label);
    place.map_or(u8::MAX, |place| u8::try_from(place).unwrap_or(u8::MAX))
}

/// What is known to pass, and in a lighter shade what could pass as well.
pub(crate) fn bar(score: &wire::Score) -> String {
    let Some((least, most)) = interval(score) else {
        return String::new();
    };
    let cells = |percent: u32| percent.min(100) * BAR / 100;
    let (full, shaded) = (cells(least), cells(most));
    let repeated = |text: &str, count: u32| text.repeat(usize::try_from(count).unwrap_or(0));
    repeated("█", full) + &repeated("░", shaded.saturating_sub(full))
}

/// Percents one after the other, from 0 to 100; a dot where there is none. The last of several that share a cell.
pub(crate) fn spark(percents: &[Option<u32>]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let share = percents.len().div_ceil(SPARK_MAX).max(1);
    // From the end, so that the last cell is the last day.
    let mut cells: Vec<char> = percents
        .rchunks(share)
        .map(|days| match days.iter().rev().flatten().next() {
            None => '·',
            Some(percent) => {
                let level = percent.saturating_mul(8) / 101;
                LEVELS[usize::try_from(level).unwrap_or(7).min(7)]
            }
        })
        .collect();
    cells.reverse();
    cells.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(percent: Option<u32>, least: Option<u32>, most: Option<u32>) -> wire::Score {
        wire::Score {
            percent,
            percent_least: least,
            percent_most: most,
            ..wire::Score::default()
        }
    }

    #[test]
    fn a_score_says_what_unknowns_leave_open() {
        let says = |percent, least, most| line(&score(percent, least, most));
        assert_eq!(says(Some(71), Some(69), Some(80)), "71 % (69 to 80 %)");
        assert_eq!(says(Some(100), Some(100), Some(100)), "100 %");
        assert_eq!(says(Some(0), None, None), "0 %");
        assert_eq!(says(None, None, None), "no score yet");
        // A server that contradicts itself does not turn the interval around.
        assert_eq!(says(Some(50), Some(60), Some(40)), "50 %");
    }

    #[test]
    fn counts_leave_out_what_there_is_none_of() {
        let mut score = wire::Score {
            passed: 24,
            ..wire::Score::default()
        };
        assert_eq!(counts(&score), "24 passed, 0 failed");
        (score.unknown, score.no_data, score.disabled) = (3, 1, 2);
        assert_eq!(
            counts(&score),
            "24 passed, 0 failed, 3 unknown, 1 without data, 2 disabled"
        );
    }

    #[test]
    fn bars_show_the_interval() {
        assert_eq!(bar(&score(Some(50), Some(50), Some(75))), "██████████░░░░░");
        assert_eq!(bar(&score(Some(0), Some(0), Some(0))), "");
        assert_eq!(bar(&score(Some(100), None, None)), "█".repeat(20));
        assert_eq!(bar(&score(None, None, None)), "");
    }

    #[test]
    fn sparklines_go_from_0_to_100_and_fit() {
        assert_eq!(spark(&[]), "");
        let some = [0, 12, 13, 50, 99, 100, 4_000_000_000].map(Some);
        assert_eq!(spark(&some), "▁▁▂▄██".to_owned() + "█");
        assert_eq!(spark(&[None, Some(60), None]), "·▅·");
        let year: Vec<Option<u32>> = (0..400).map(|day| Some(day / 4)).collect();
        let line = spark(&year);
        assert!(line.chars().count() <= SPARK_MAX, "{line}");
        assert!(line.starts_with('▁') && line.ends_with('█'), "{line}");
    }
}

//! Drawings: a score with its interval, and scores over time. They say in words what they show.

use muster_proto::v1 as wire;

use super::html::Html;
use crate::score::{interval, line};

const WIDTH: u32 = 720;
const HEIGHT: u32 = 170;
/// Room for the numbers at the left, and for the dates below.
const LEFT: u32 = 40;
const BELOW: u32 = 24;
const ABOVE: u32 = 10;

// The colors of the light page, for what draws without its style sheet; where there is one, it decides.
const EDGE: &str = "#d9dde4";
const OPEN: &str = "#b5cdf1";
const KNOWN: &str = "#2f6fd0";

/// A bar of what passed, with what is unknown in a lighter shade.
pub(super) fn bar(score: &wire::Score) -> Html {
    let mut svg = Html::new();
    let Some((least, most)) = interval(score) else {
        return svg;
    };
    let label = format!("Score: {}", line(score));
    svg.open(
        "svg",
        &[
            ("class", "bar"),
            ("viewBox", "0 0 100 8"),
            ("preserveAspectRatio", "none"),
            ("role", "img"),
            ("aria-label", &label),
        ],
    );
    let mut rect = |class: &str, color: &str, from: u32, to: u32| {
        let (x, width) = (from.to_string(), to.saturating_sub(from).to_string());
        svg.open(
            "rect",
            &[
                ("class", class),
                ("fill", color),
                ("x", &x),
                ("y", "0"),
                ("width", &width),
                ("height", "8"),
            ],
        )
        .close("rect");
    };
    rect("track", EDGE, 0, 100);
    rect("open", OPEN, least, most);
    rect("known", KNOWN, 0, least);
    svg.close("svg");
    svg
}

/// A day that has a score: its place, and the score with its interval.
struct Point {
    x: u32,
    percent: u32,
    least: u32,
    most: u32,
}

/// The scores of days one after the other; nothing if there are fewer than two.
pub(super) fn trend(days: &[wire::DailyScore]) -> Option<Html> {
    let points = points(days);
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let date = |at: Option<&wire::DailyScore>| at.map_or(String::new(), |day| day.date.clone());
    let (from, to) = (date(days.first()), date(days.last()));
    let label = format!(
        "The score from {from} to {to}: first {} %, last {} %",
        first.percent, last.percent
    );
    let mut svg = Html::new();
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    svg.open(
        "svg",
        &[
            ("class", "trend"),
            ("viewBox", &view),
            ("role", "img"),
            ("aria-label", &label),
        ],
    )
    .raw("\n");
    for percent in [0, 50, 100] {
        grid(&mut svg, percent);
    }
    curve(&mut svg, &points);
    svg.open(
        "circle",
        &[
            ("class", "known"),
            ("fill", KNOWN),
            ("cx", &last.x.to_string()),
            ("cy", &height(last.percent).to_string()),
            ("r", "3.5"),
        ],
    )
    .close("circle");
    let bottom = (HEIGHT - 6).to_string();
    label_at(&mut svg, &from, ("start", &LEFT.to_string()), &bottom);
    label_at(&mut svg, &to, ("end", &(WIDTH - 8).to_string()), &bottom);
    svg.raw("\n").close("svg").raw("\n");
    Some(svg)
}

/// The scores as a line, with the band of their intervals behind it.
fn curve(svg: &mut Html, points: &[Point]) {
    let band: Vec<String> = points
        .iter()
        .map(|point| place(point.x, point.most))
        .chain(points.iter().rev().map(|point| place(point.x, point.least)))
        .collect();
    let score: Vec<String> = points
        .iter()
        .map(|point| place(point.x, point.percent))
        .collect();
    svg.open(
        "polygon",
        &[
            ("class", "open"),
            ("fill", OPEN),
            ("points", &band.join(" ")),
        ],
    )
    .close("polygon");
    svg.open(
        "polyline",
        &[
            ("class", "line"),
            ("fill", "none"),
            ("stroke", KNOWN),
            ("stroke-width", "2"),
            ("points", &score.join(" ")),
        ],
    )
    .close("polyline");
}

fn points(days: &[wire::DailyScore]) -> Vec<Point> {
    let steps = u32::try_from(days.len().saturating_sub(1))
        .unwrap_or(u32::MAX)
        .max(1);
    let room = WIDTH - LEFT - 12;
    let point = |(at, day): (usize, &wire::DailyScore)| {
        let score = day.score.as_ref()?;
        let (least, most) = interval(score)?;
        let at = u32::try_from(at).ok()?;
        Some(Point {
            x: LEFT + at.checked_mul(room)? / steps,
            percent: score.percent?.min(100),
            least,
            most,
        })
    };
    days.iter().enumerate().filter_map(point).collect()
}

/// How far from the top a percent is.
fn height(percent: u32) -> u32 {
    let room = HEIGHT - ABOVE - BELOW;
    ABOVE + room - room * percent.min(100) / 100
}

fn place(x: u32, percent: u32) -> String {
    format!("{x},{}", height(percent))
}

fn grid(svg: &mut Html, percent: u32) {
    let (y, left, right) = (
        height(percent).to_string(),
        LEFT.to_string(),
        (WIDTH - 8).to_string(),
    );
    svg.open(
        "line",
        &[
            ("class", "grid"),
            ("stroke", EDGE),
            ("x1", &left),
            ("x2", &right),
            ("y1", &y),
            ("y2", &y),
        ],
    )
    .close("line");
    let (x, y) = ((LEFT - 6).to_string(), (height(percent) + 4).to_string());
    label_at(svg, &percent.to_string(), ("end", &x), &y);
}

/// Text at a place; the anchor says which end of it is there.
fn label_at(svg: &mut Html, text: &str, (anchor, x): (&str, &str), y: &str) {
    svg.open(
        "text",
        &[
            ("text-anchor", anchor),
            ("font-size", "12"),
            ("x", x),
            ("y", y),
        ],
    )
    .text(text)
    .close("text")
    .raw("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, percent: Option<u32>) -> wire::DailyScore {
        wire::DailyScore {
            date: date.to_owned(),
            score: Some(wire::Score {
                percent,
                percent_most: percent.map(|percent| percent + 10),
                ..wire::Score::default()
            }),
        }
    }

    #[test]
    fn a_bar_says_its_score_in_words() {
        let score = wire::Score {
            percent: Some(71),
            percent_least: Some(69),
            percent_most: Some(80),
            ..wire::Score::default()
        };
        insta::assert_snapshot!(bar(&score).finish(), @r##"<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="Score: 71 % (69 to 80 %)"><rect class="track" fill="#d9dde4" x="0" y="0" width="100" height="8"></rect><rect class="open" fill="#b5cdf1" x="69" y="0" width="11" height="8"></rect><rect class="known" fill="#2f6fd0" x="0" y="0" width="69" height="8"></rect></svg>"##);
        assert_eq!(bar(&wire::Score::default()), Html::new());
    }

    #[test]
    fn a_trend_takes_two_days_and_stays_in_its_frame() {
        assert_eq!(trend(&[]), None);
        assert_eq!(trend(&[day("2026-11-01", Some(5))]), None);
        assert_eq!(
            trend(&[day("2026-11-01", Some(5)), day("2026-11-02", None)]),
            None
        );
        let days = [
            day("2026-11-01", None),
            day("2026-11-02", Some(0)),
            day("2026-11-03", Some(50)),
            day("2026-11-04", Some(4_000)),
        ];
        insta::assert_snapshot!(trend(&days).unwrap().finish(), @r##"
        <svg class="trend" viewBox="0 0 720 170" role="img" aria-label="The score from 2026-11-01 to 2026-11-04: first 0 %, last 100 %">
        <line class="grid" stroke="#d9dde4" x1="40" x2="712" y1="146" y2="146"></line><text text-anchor="end" font-size="12" x="34" y="150">0</text>
        <line class="grid" stroke="#d9dde4" x1="40" x2="712" y1="78" y2="78"></line><text text-anchor="end" font-size="12" x="34" y="82">50</text>
        <line class="grid" stroke="#d9dde4" x1="40" x2="712" y1="10" y2="10"></line><text text-anchor="end" font-size="12" x="34" y="14">100</text>
        <polygon class="open" fill="#b5cdf1" points="262,133 485,65 708,10 708,10 485,78 262,146"></polygon><polyline class="line" fill="none" stroke="#2f6fd0" stroke-width="2" points="262,146 485,78 708,10"></polyline><circle class="known" fill="#2f6fd0" cx="708" cy="10" r="3.5"></circle><text text-anchor="start" font-size="12" x="40" y="164">2026-11-01</text>
        <text text-anchor="end" font-size="12" x="712" y="164">2026-11-04</text>

        </svg>
        "##);
    }
}

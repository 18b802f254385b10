//! The picture of a run: small charts over the same time, as one SVG that reads on light and on dark.

use std::fmt::Write as _;

use crate::measured::Kind;
use crate::run::is_killed;
use crate::sample::Sample;

/// When the server was restarted, in seconds.
struct Restart {
    at: f64,
    /// By `kill -9`, not in order.
    killed: bool,
}

/// A restart stands between the samples of two lives.
fn restarts(samples: &[Sample]) -> Vec<Restart> {
    let pairs = samples
        .windows(2)
        .filter(|pair| pair[0].life != pair[1].life);
    pairs
        .map(|pair| Restart {
            at: f64::midpoint(pair[0].at, pair[1].at),
            killed: is_killed(pair[0].life),
        })
        .collect()
}

/// A chart.
struct Chart {
    title: &'static str,
    lines: &'static [Line],
    scale: Scale,
}

struct Line {
    name: &'static str,
    of: fn(&Sample) -> f64,
    /// The largest of the samples that share a point counts, not their median.
    worst: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// From zero.
    Linear,
    /// In decades.
    Decades,
}

const fn usual(name: &'static str, of: fn(&Sample) -> f64) -> Line {
    Line {
        name,
        of,
        worst: false,
    }
}

const fn worst(name: &'static str, of: fn(&Sample) -> f64) -> Line {
    Line {
        name,
        of,
        worst: true,
    }
}

const CHARTS: [Chart; 10] = [
    Chart {
        title: "resident memory (MB)",
        lines: &[
            usual("server", |sample| sample.server.resident_mb),
            usual("its index", |sample| sample.index_mb),
            usual("an agent", |sample| sample.agent.resident_mb),
        ],
        scale: Scale::Linear,
    },
    Chart {
        title: "disk (MB)",
        lines: &[
            usual("server", |sample| sample.server.disk_mb),
            usual("an agent", |sample| sample.agent.disk_mb),
        ],
        scale: Scale::Linear,
    },
    Chart {
        title: "files, threads",
        lines: &[
            usual("server's files", |sample| sample.server.files as f64),
            usual("its threads", |sample| sample.server.threads as f64),
            usual("an agent's files", |sample| sample.agent.files as f64),
        ],
        scale: Scale::Linear,
    },
    Chart {
        title: "processor of the server (% of a core)",
        lines: &[usual("server", |sample| sample.busy)],
        scale: Scale::Linear,
    },
    Chart {
        title: "acknowledgement (ms)",
        lines: &[
            usual("p50", |sample| sample.took(Kind::Acknowledged).p50),
            worst("p99", |sample| sample.took(Kind::Acknowledged).p99),
        ],
        scale: Scale::Decades,
    },
    Chart {
        title: "query (ms)",
        lines: &[
            usual("p50", |sample| sample.took(Kind::Query).p50),
            worst("p99", |sample| sample.took(Kind::Query).p99),
        ],
        scale: Scale::Decades,
    },
    Chart {
        title: "insight (ms)",
        lines: &[
            usual("p50", |sample| sample.took(Kind::Insight).p50),
            worst("p99", |sample| sample.took(Kind::Insight).p99),
        ],
        scale: Scale::Decades,
    },
    Chart {
        title: "update by an operator (ms)",
        lines: &[
            usual("p50", |sample| sample.took(Kind::Update).p50),
            worst("p99", |sample| sample.took(Kind::Update).p99),
        ],
        scale: Scale::Decades,
    },
    Chart {
        title: "findings (thousands)",
        lines: &[usual("stored", |sample| sample.findings as f64 / 1e3)],
        scale: Scale::Linear,
    },
    Chart {
        title: "load of the machine, with what else runs on it",
        lines: &[usual("1 min", |sample| sample.load)],
        scale: Scale::Linear,
    },
];

const COLUMNS: usize = 2;
/// Of a chart with its title and labels, and of the field that its lines are drawn in.
const WIDTH: f64 = 470.0;
const HEIGHT: f64 = 170.0;
const FIELD: (f64, f64, f64, f64) = (58.0, 28.0, 392.0, 108.0);
/// Points of a line at most.
const POINTS: usize = 180;
const STYLE: &str = "text{font:11px sans-serif;fill:#444}.t{font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}\
.g{stroke:#8884;fill:none}.r{stroke:#888;stroke-dasharray:2 3}.k{stroke:#888}.l{fill:none;stroke-width:1.4}\
.a{stroke:#0a6cc9}.b{stroke:#d9730d}.c{stroke:#2c9a4b}.A{fill:#0a6cc9}.B{fill:#d9730d}.C{fill:#2c9a4b}\
@media(prefers-color-scheme:dark){text{fill:#bbb}.a{stroke:#58a6ff}.b{stroke:#f0883e}.c{stroke:#56d364}\
.A{fill:#58a6ff}.B{fill:#f0883e}.C{fill:#56d364}}";

pub(crate) fn draw(samples: &[Sample]) -> String {
    let restarts = restarts(samples);
    let (width, height) = (
        WIDTH * COLUMNS as f64,
        HEIGHT * CHARTS.len().div_ceil(COLUMNS) as f64 + 20.0,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n<style>{STYLE}</style>\n"
    );
    let end = samples.last().map_or(1.0, |sample| sample.at);
    for (number, chart) in CHARTS.iter().enumerate() {
        let (left, top) = (
            WIDTH * (number % COLUMNS) as f64,
            HEIGHT * (number / COLUMNS) as f64,
        );
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">");
        chart.draw(&mut svg, samples, &restarts, end);
        svg.push_str("</g>\n");
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\">time in minutes; the server was restarted in order where a line is dotted, by kill -9 where it is whole</text>\n</svg>",
        FIELD.0,
        height - 8.0
    );
    svg
}

impl Chart {
    fn draw(&self, svg: &mut String, samples: &[Sample], restarts: &[Restart], end: f64) {
        let (left, top, width, height) = FIELD;
        let (right, bottom) = (left + width, top + height);
        let lines: Vec<Vec<(f64, f64)>> = self
            .lines
            .iter()
            .map(|line| line.points(samples, end))
            .collect();
        let axis = Axis::around(self.scale, lines.iter().flatten().map(|(_, value)| *value));
        let x = |at: f64| left + width * at / end;
        let _ = writeln!(
            svg,
            "<text class=\"t\" x=\"{left}\" y=\"16\">{}</text>",
            self.title
        );
        for value in axis.ticks() {
            let y = bottom - height * axis.place(value);
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{left} {y:.1}H{right}\"/><text class=\"e\" x=\"{}\" y=\"{:.1}\">{value}</text>",
                left - 5.0,
                y + 4.0
            );
        }
        for minute in ticks_of(end / 60.0) {
            let at = x(60.0 * minute);
            let _ = writeln!(
                svg,
                "<text class=\"m\" x=\"{at:.1}\" y=\"{}\">{minute}</text>",
                bottom + 15.0
            );
        }
        for restart in restarts {
            let class = if restart.killed { "k" } else { "r" };
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{:.1} {top}V{bottom}\"/>",
                x(restart.at)
            );
        }
        let mut legend = right;
        for (at, (line, points)) in self.lines.iter().zip(&lines).enumerate().rev() {
            let _ = write!(svg, "<path class=\"l {}\" d=\"", ["a", "b", "c"][at % 3]);
            for (number, (time, value)) in points.iter().enumerate() {
                let letter = if number == 0 { 'M' } else { 'L' };
                let _ = write!(
                    svg,
                    "{letter}{:.1} {:.1}",
                    x(*time),
                    bottom - height * axis.place(*value)
                );
            }
            let _ = writeln!(
                svg,
                "\"/><text class=\"e {}\" x=\"{legend}\" y=\"16\">{}</text>",
                ["A", "B", "C"][at % 3],
                line.name
            );
            legend -= 7.0 * line.name.len() as f64 + 8.0;
        }
    }
}

impl Line {
    /// Few enough to draw: samples that are close to each other share a point.
    fn points(&self, samples: &[Sample], end: f64) -> Vec<(f64, f64)> {
        let span = end / POINTS as f64;
        let mut points: Vec<(f64, f64)> = Vec::new();
        for near in samples.chunk_by(|one, next| (one.at / span) as u64 == (next.at / span) as u64)
        {
            let mut values: Vec<f64> = near
                .iter()
                .map(self.of)
                .filter(|value| !value.is_nan())
                .collect();
            values.sort_unstable_by(f64::total_cmp);
            let value = if self.worst {
                values.last()
            } else {
                values.get(values.len() / 2)
            };
            let time = near.iter().map(|sample| sample.at).sum::<f64>() / near.len() as f64;
            points.extend(value.map(|value| (time, *value)));
        }
        points
    }
}

/// Where values stand.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    fn around(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values {
            (least, most) = (least.min(value), most.max(value));
        }
        match scale {
            Scale::Linear => {
                let most = most.max(1e-3);
                let step = step_of(most);
                Self {
                    scale,
                    low: 0.0,
                    high: step * (most / step).ceil(),
                }
            }
            Scale::Decades => {
                let low = 10_f64.powf(least.clamp(0.01, 1e5).log10().floor());
                let high = 10_f64.powf(most.clamp(0.1, 1e6).log10().ceil());
                Self {
                    scale,
                    low,
                    high: high.max(10.0 * low),
                }
            }
        }
    }

    /// 0 at the bottom, 1 at the top.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value / self.high,
            Scale::Decades => {
                (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
            }
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => ticks_of(self.high),
            Scale::Decades => {
                let decades = (self.high / self.low).log10().round() as i32;
                (0..=decades)
                    .map(|decade| rounded(self.low * 10_f64.powi(decade)))
                    .collect()
            }
        }
    }
}

/// Round numbers from zero on, about five.
fn ticks_of(high: f64) -> Vec<f64> {
    let step = step_of(high);
    (0..=(high / step + 1e-9) as u32)
        .map(|number| rounded(step * f64::from(number)))
        .collect()
}

/// 1, 2 or 5 times a power of ten.
fn step_of(high: f64) -> f64 {
    let rough = high / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|times| times * power >= rough * 0.999);
    power * times.unwrap_or(10.0)
}

/// Without what binary fractions add.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(ticks_of(120.0), [0.0, 50.0, 100.0]);
        assert_eq!(ticks_of(20.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        let axis = Axis::around(Scale::Linear, [3.0, 163.0].into_iter());
        assert_eq!(axis.ticks(), [0.0, 50.0, 100.0, 150.0, 200.0]);
        let axis = Axis::around(Scale::Decades, [0.3, 250.0].into_iter());
        assert_eq!(axis.ticks(), [0.1, 1.0, 10.0, 100.0, 1_000.0]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
    }
}

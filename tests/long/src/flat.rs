//! Flat or not: the median of the last third of the run against the median of the middle third.

use crate::measured::Kind;
use crate::sample::Sample;

/// What is compared, and how much more the last third may have: a factor, and so much on top.
pub(crate) struct Rule {
    pub name: &'static str,
    pub unit: &'static str,
    of: fn(&Sample) -> f64,
    factor: f64,
    more: f64,
}

/// How a rule came out.
pub(crate) struct Verdict {
    pub rule: &'static Rule,
    pub middle: f64,
    pub last: f64,
    pub bound: f64,
}

impl Verdict {
    pub(crate) fn holds(&self) -> bool {
        self.last <= self.bound
    }
}

/// Latencies may move with what else the machine does; what is taken may not. The disk goes up and down by a segment.
const RULES: [Rule; 15] = [
    Rule {
        name: "server: memory",
        unit: "MB",
        of: |sample| sample.server.resident_mb,
        factor: 1.1,
        more: 5.0,
    },
    Rule {
        name: "server: open files",
        unit: "",
        of: |sample| sample.server.files as f64,
        factor: 1.0,
        more: 4.0,
    },
    Rule {
        name: "server: threads",
        unit: "",
        of: |sample| sample.server.threads as f64,
        factor: 1.0,
        more: 2.0,
    },
    Rule {
        name: "server: disk",
        unit: "MB",
        of: |sample| sample.server.disk_mb,
        factor: 1.1,
        more: 32.0,
    },
    Rule {
        name: "server: index",
        unit: "MB",
        of: |sample| sample.index_mb,
        factor: 1.05,
        more: 1.0,
    },
    Rule {
        name: "agent: memory",
        unit: "MB",
        of: |sample| sample.agent.resident_mb,
        factor: 1.1,
        more: 2.0,
    },
    Rule {
        name: "agent: open files",
        unit: "",
        of: |sample| sample.agent.files as f64,
        factor: 1.0,
        more: 2.0,
    },
    Rule {
        name: "agent: disk",
        unit: "MB",
        of: |sample| sample.agent.disk_mb,
        factor: 1.1,
        more: 1.0,
    },
    Rule {
        name: "acknowledgement p50",
        unit: "ms",
        of: |sample| sample.took(Kind::Acknowledged).p50,
        factor: 1.5,
        more: 5.0,
    },
    Rule {
        name: "acknowledgement p99",
        unit: "ms",
        of: |sample| sample.took(Kind::Acknowledged).p99,
        factor: 2.0,
        more: 20.0,
    },
    Rule {
        name: "query p50",
        unit: "ms",
        of: |sample| sample.took(Kind::Query).p50,
        factor: 1.5,
        more: 2.0,
    },
    Rule {
        name: "query p99",
        unit: "ms",
        of: |sample| sample.took(Kind::Query).p99,
        factor: 2.0,
        more: 20.0,
    },
    Rule {
        name: "insight p50",
        unit: "ms",
        of: |sample| sample.took(Kind::Insight).p50,
        factor: 1.5,
        more: 2.0,
    },
    Rule {
        name: "insight p99",
        unit: "ms",
        of: |sample| sample.took(Kind::Insight).p99,
        factor: 2.0,
        more: 20.0,
    },
    Rule {
        name: "update p50",
        unit: "ms",
        of: |sample| sample.took(Kind::Update).p50,
        factor: 1.5,
        more: 5.0,
    },
];

/// Every rule over the samples of a run.
pub(crate) fn verdicts(samples: &[Sample]) -> Vec<Verdict> {
    let end = samples.last().map_or(0.0, |sample| sample.at);
    let between = |from: f64, to: f64, of: fn(&Sample) -> f64| {
        let values = samples
            .iter()
            .filter(|sample| (from..=to).contains(&sample.at))
            .map(of);
        median(values.filter(|value| !value.is_nan()).collect())
    };
    RULES
        .iter()
        .map(|rule| {
            let middle = between(end / 3.0, end * 2.0 / 3.0, rule.of);
            let last = between(end * 2.0 / 3.0, end, rule.of);
            Verdict {
                rule,
                middle,
                last,
                bound: middle * rule.factor + rule.more,
            }
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

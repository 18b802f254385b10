//! Figures and their budgets, as they are printed.

use std::fmt;
use std::time::Duration;

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    AtLeast(f64),
    AtMost(f64),
    /// For information.
    None,
}

impl Budget {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::None => true,
        }
    }

    const fn bound(self) -> Option<f64> {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => Some(bound),
            Self::None => None,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::AtLeast(bound) => format!(">= {}", shown(*bound)),
            Self::AtMost(bound) => format!("<= {}", shown(*bound)),
            Self::None => String::new(),
        };
        f.pad(&text)
    }
}

/// How figures are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// A line of JSON for each.
    Json,
    /// Tables, as `tests/bench-results.md` has them.
    Markdown,
}

/// Prints figures as they come.
pub(crate) struct Report {
    form: Form,
    missed: usize,
}

impl Report {
    pub(crate) const fn new(form: Form) -> Self {
        Self { form, missed: 0 }
    }

    /// How many figures are beyond their budgets.
    pub(crate) const fn missed(&self) -> usize {
        self.missed
    }

    /// A word on what comes; on standard error, so that the figures stay alone.
    #[expect(clippy::print_stderr, reason = "the command line's voice")]
    pub(crate) fn say(&self, what: &str) {
        eprintln!("{what}");
    }

    /// What the next figures are about.
    pub(crate) fn section(&self, name: &str, what: &str) {
        match self.form {
            Form::Text => print(&format!("\n{name}: {what}")),
            Form::Json => self.say(&format!("{name}: {what}")),
            Form::Markdown => print(&format!(
                "\n## {name}\n\n{what}\n\n| metric | figure | budget | |\n|---|---|---|---|"
            )),
        }
    }

    pub(crate) fn figure(&mut self, metric: &str, value: f64, unit: &str, budget: Budget) {
        let ok = budget.holds(value);
        self.missed += usize::from(!ok);
        let verdict = match budget {
            Budget::None => "",
            Budget::AtLeast(_) | Budget::AtMost(_) if ok => "ok",
            Budget::AtLeast(_) | Budget::AtMost(_) => "MISSED",
        };
        let figure = shown(value);
        print(&match self.form {
            Form::Text => format!("{metric:34} {figure:>12} {unit:14} {budget:12} {verdict}"),
            Form::Json => serde_json::json!({
                "metric": metric, "value": value, "unit": unit, "budget": budget.bound(), "ok": ok,
            })
            .to_string(),
            Form::Markdown => format!("| {metric} | {figure} {unit} | {budget} | {verdict} |"),
        });
    }
}

#[expect(clippy::print_stdout, reason = "the command line's voice")]
fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the command line's voice")]
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("muster-bench: {error:#}");
}

/// A number with as many digits as one reads.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => {
            let digits = format!("{:.0}", value.abs());
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|group| std::str::from_utf8(group).unwrap_or_default())
                .collect();
            format!("{}{}", if value < 0.0 { "-" } else { "" }, groups.join(","))
        }
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Milliseconds.
pub(crate) fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// The value that a share of the others does not exceed. Sorts them.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let numbers = [0.0, 0.1234, 1.5, 12.34, 123.4, 1_234_567.8, -1_234.0];
        assert_eq!(
            numbers.map(shown),
            ["0", "0.123", "1.50", "12.3", "123", "1,234,568", "-1,234"]
        );
    }

    #[test]
    fn quantiles_are_values() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut values, 0.5), 51.0);
        assert_eq!(quantile(&mut values, 0.99), 100.0);
        assert!(quantile(&mut [], 0.5).is_nan());
    }
}

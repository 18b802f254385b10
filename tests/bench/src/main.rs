//! Benchmarks: what the product does against its budgets.
//!
//! In: the name of a benchmark, or none for all. Out: figures with their budgets, for people or as JSON lines. Always:
//! the ingest benchmark drives the real binary over real mutual TLS on loopback; the generator shares the machine and
//! its cost counts. Everything lies in temporary folders that go away, and what was started is stopped. Not here: what
//! is right (the tests ask that); a figure is only printed after the answers were checked.

mod document;
mod ingest;
mod insights;
mod machine;
mod report;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use report::Report;

/// Measures the product against its budgets.
#[derive(Parser)]
#[command(name = "muster-bench", version, max_term_width = 100)]
struct Arguments {
    /// Which benchmark [default: all]
    name: Option<Benchmark>,
    /// JSON lines instead of a table
    #[arg(long)]
    json: bool,
    /// Findings to measure with
    #[arg(long, default_value_t = 1_000_000, value_name = "NUMBER")]
    findings: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Findings per second from eight agents to the disk
    Ingest,
    /// The managed insights, a page, and opening the store
    Insights,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            report::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Whether every budget holds.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = Report::new(arguments.json);
    report.say(&machine::described());
    let wanted = |benchmark| arguments.name.is_none_or(|name| name == benchmark);
    if wanted(Benchmark::Ingest) {
        runtime.block_on(ingest::run(&mut report, arguments.findings))?;
    }
    if wanted(Benchmark::Insights) {
        runtime.block_on(insights::run(&mut report, arguments.findings))?;
    }
    Ok(report.holds())
}

//! Benchmarks: what the product does against its budgets.
//!
//! In: the name of a benchmark, or none for all. Out: figures with their budgets, for people or as JSON lines. Always:
//! the real binaries run over real mutual TLS on loopback; the generator shares the machine and its cost counts; a ratio
//! is measured in one run. Everything lies in temporary folders that go away, and what was started is stopped. Not here:
//! what is right (the tests ask that); a figure is only printed after the answers were checked.

mod admin;
mod agent;
mod cloud;
mod collect;
mod compliance;
mod document;
mod fairness;
mod fleet;
mod ingest;
mod insights;
mod machine;
mod opponents;
mod report;
mod scale;
mod uplink;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use report::{Form, Report};
use tikv_jemallocator::Jemalloc;

/// The server's, for what runs in this process and is compared with it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Measures the product against its budgets. Ends with 0 if it could measure, whatever the figures.
#[derive(Parser)]
#[command(name = "muster-bench", version, max_term_width = 100)]
struct Arguments {
    /// Which benchmark [default: all]
    name: Option<Benchmark>,
    /// JSON lines instead of a table
    #[arg(long)]
    json: bool,
    /// Markdown tables, as tests/bench-results.md has them
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Findings to measure with [default: a million, ten for scale]
    #[arg(long, value_name = "NUMBER")]
    findings: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Findings per second from eight agents to the disk; without a store; into PostgreSQL
    Ingest,
    /// The managed insights, a page, and opening the store; the insights in DuckDB
    Insights,
    /// Memory and size of the agent
    Agent,
    /// Many agents without work: what one costs, and how long they take to come back
    Fleet,
    /// What one agent waits while another account floods
    Fairness,
    /// Ten million findings
    Scale,
    /// A hundred accounts told and judged
    Compliance,
    /// Ten thousand resources of an account, read and told
    Collect,
    /// The server of `ingest` that keeps nothing
    #[value(name = admin::NULL_SERVER, hide = true)]
    NullServer,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    if arguments.name == Some(Benchmark::NullServer) {
        return runtime.block_on(admin::null::serve());
    }
    let form = match (arguments.json, arguments.markdown) {
        (true, _) => Form::Json,
        (false, true) => Form::Markdown,
        (false, false) => Form::Text,
    };
    let mut report = Report::new(form);
    report.say(&machine::described());
    let million = arguments.findings.unwrap_or(1_000_000);
    let many = arguments.findings.unwrap_or(10_000_000);
    let wanted = |benchmark| arguments.name.is_none_or(|name| name == benchmark);
    runtime.block_on(async {
        if wanted(Benchmark::Ingest) {
            ingest::run(&mut report, million).await?;
        }
        if wanted(Benchmark::Insights) {
            insights::run(&mut report, million).await?;
        }
        if wanted(Benchmark::Agent) {
            agent::run(&mut report).await?;
        }
        if wanted(Benchmark::Fleet) {
            fleet::run(&mut report).await?;
        }
        if wanted(Benchmark::Fairness) {
            fairness::run(&mut report).await?;
        }
        if wanted(Benchmark::Scale) {
            scale::run(&mut report, many).await?;
        }
        if wanted(Benchmark::Compliance) {
            compliance::run(&mut report).await?;
        }
        if wanted(Benchmark::Collect) {
            collect::run(&mut report).await?;
        }
        anyhow::Ok(())
    })?;
    report.say(&format!(
        "figures that missed their budgets: {}",
        report.missed()
    ));
    Ok(())
}

//! The long run: hours of paced load on the real server, and what grows meanwhile.
//!
//! In: how long, and with how many agents. Out: samples as CSV, a picture of them, and a verdict. Always: the server is
//! the real binary; a few agents are real ones that collect from the stand-in for AWS, the others are simulated, with
//! certificates that the real binary fetched, over real mutual TLS. The findings are the same ones again and again with
//! new versions, so that what is stored stays bounded if the product keeps it so. The server is restarted in the first
//! third; its last life spans the two thirds that are compared, so that no restart hides what grows.
//! Not here: how fast it is (`tests/bench`); the load is small on purpose.

mod agent;
mod finding;
mod flat;
mod measured;
mod operator;
mod page;
mod picture;
mod real;
mod run;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Runs the server under a paced load and tells what grows.
#[derive(Parser)]
#[command(name = "muster-long", version, max_term_width = 100)]
struct Arguments {
    /// How long the load lasts
    #[arg(long, default_value_t = 120, value_name = "NUMBER")]
    minutes: u64,
    /// All agents
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    agents: u64,
    /// How many of them are the real binary
    #[arg(long, default_value_t = 2, value_name = "NUMBER")]
    real: u64,
    /// Findings that the simulated agents send in a second, all together
    #[arg(long, default_value_t = 500, value_name = "NUMBER")]
    rate: u64,
    /// Different findings of each simulated agent
    #[arg(long, default_value_t = 1_000, value_name = "NUMBER")]
    findings: u64,
    /// Where samples and picture go
    #[arg(long, default_value = "target/long", value_name = "FOLDER")]
    out: PathBuf,
    /// Runs nothing: draws and judges the samples of an earlier run
    #[arg(long, value_name = "CSV")]
    draw: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = match &arguments.draw {
        Some(csv) => run::again(csv, &arguments.out),
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(run::run(&arguments))),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(&format!("muster-long: {error:#}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the command line's voice")]
fn say(what: &str) {
    eprintln!("{what}");
}

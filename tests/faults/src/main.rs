//! Faults: breaks what the product runs on, and counts what was lost.
//!
//! In: names of scenarios, or none for all; how many rounds; a seed. Out: a row for each scenario, and one line of what
//! was tried and lost at the end. Always: the real binaries, on loopback, in folders and mounts that go away; afterwards
//! sent = stored = visible, or the product has said what is missing and why. A scenario is a file; `scenario.rs` lists
//! them. Not here: what needs no fault (`tests/tests`).

mod backups;
mod clocks;
mod configuration;
mod damage;
mod disk;
mod fail_points;
mod full_disk;
mod ground;
mod kills;
mod loss;
mod network;
mod operator;
mod power;
mod proxy;
mod scenario;
mod slow_disk;
mod tally;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use futures::FutureExt as _;
use scenario::{ALL, Run, Scenario};
use tally::Tally;

/// Breaks what the product runs on, and counts what was lost.
#[derive(Parser)]
#[command(name = "muster-faults", version, max_term_width = 100)]
struct Arguments {
    /// Which scenarios [default: all]
    #[arg(value_name = "NAME", value_parser = scenario::named)]
    names: Vec<&'static Scenario>,
    /// How often server and agents are killed; the other scenarios do as much as fits to it
    #[arg(long, default_value_t = 200, value_name = "NUMBER")]
    rounds: u32,
    /// What decides over chances; printed, so that it can be given again [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Tell what there is, and do nothing
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for scenario in ALL {
            say(&format!("{:16} {}", scenario.name, scenario.does));
        }
        return ExitCode::SUCCESS;
    }
    let run = Run {
        rounds: arguments.rounds.max(1),
        seed: arguments.seed.unwrap_or_else(rand::random),
    };
    let scenarios = if arguments.names.is_empty() {
        ALL.iter().collect()
    } else {
        arguments.names
    };
    let runtime = tokio::runtime::Runtime::new().expect("the machine has threads");
    if runtime.block_on(play(&scenarios, run)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Plays scenarios one after the other; whether nothing was lost, and nothing failed.
async fn play(scenarios: &[&Scenario], run: Run) -> bool {
    say(&format!(
        "{} rounds, --seed {}\n\n{}",
        run.rounds,
        run.seed,
        Tally::HEAD
    ));
    let mut all = Tally::default();
    let mut failed = Vec::new();
    for scenario in scenarios {
        let since = Instant::now();
        // A scenario fails by panicking, and the others go on.
        match AssertUnwindSafe((scenario.run)(run)).catch_unwind().await {
            Ok(tally) => {
                say(&tally.row(scenario.name, scenario.does, since.elapsed()));
                all.add(tally);
            }
            Err(_) => {
                say(&format!("| {} | FAILED", scenario.name));
                failed.push(scenario.name);
            }
        }
    }
    say(&format!("\n{all}"));
    if !failed.is_empty() {
        say(&format!(
            "FAILED: {}; again with --seed {}",
            failed.join(", "),
            run.seed
        ));
    }
    failed.is_empty() && all.lost() == 0
}

#[expect(clippy::print_stdout, reason = "the command line's voice")]
fn say(line: &str) {
    println!("{line}");
}

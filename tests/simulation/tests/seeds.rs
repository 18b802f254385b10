//! Many seeds. `MUSTER_SEEDS` says how many, `MUSTER_SEED` which one, with its trace.

#![expect(clippy::print_stdout, reason = "it tells what it did")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use muster_simulation::{Run, Subject, Tally, run};

/// How many run if nobody says.
const SEEDS: u64 = 300;

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs it says which seeds"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn told(test: &str, run: &Run) -> String {
    format!(
        "seed {}: {}\nMUSTER_SEED={} cargo test --workspace --test seeds -- --nocapture {test}",
        run.seed,
        run.failure.as_deref().unwrap_or("nothing is wrong"),
        run.seed
    )
}

/// Runs seeds; `share` of what is asked for.
fn play(test: &str, subject: Subject, share: u64) {
    if let Some(seed) = number("MUSTER_SEED") {
        let run = run(subject, seed);
        println!("{}\n{:?}", run.trace.join("\n"), run.tally);
        assert!(run.failure.is_none(), "{}", told(test, &run));
        return;
    }
    let seeds = number("MUSTER_SEEDS").unwrap_or(SEEDS) / share;
    let first = number("MUSTER_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let failed: Mutex<Option<Run>> = Mutex::new(None);
    let tally = Mutex::new(Tally::default());
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut sum = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failed.lock().expect("no run panics").is_some() {
                        break;
                    }
                    let run = run(subject, seed);
                    sum.add(&run.tally);
                    if run.failure.is_some() {
                        failed.lock().expect("no run panics").get_or_insert(run);
                    }
                }
                tally.lock().expect("no run panics").add(&sum);
            });
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds of {subject:?} in {seconds:.1} s: {:?}",
        tally.lock().expect("no run panics")
    );
    if let Some(run) = failed.lock().expect("no run panics").as_ref() {
        println!("{}", run.trace.join("\n"));
        panic!("{}", told(test, run));
    }
}

#[test]
fn nothing_acknowledged_is_lost_nothing_counts_twice_and_nobody_acts_who_may_not() {
    play("nothing_acknowledged_is_lost", Subject::Findings, 1);
}

/// A part of the seeds: one takes longer, and is about less.
#[test]
fn nothing_acknowledged_of_configuration_is_lost_and_nothing_goes_that_is_there() {
    play("nothing_acknowledged_of", Subject::Configuration, 4);
}

#[test]
fn a_seed_gives_the_same_trace_every_time() {
    let seeds = (0..60).map(|seed| (Subject::Findings, seed));
    for (subject, seed) in seeds.chain((0..20).map(|seed| (Subject::Configuration, seed))) {
        let (once, again) = (run(subject, seed), run(subject, seed));
        let differ = once
            .trace
            .iter()
            .zip(&again.trace)
            .find(|(left, right)| left != right);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(once.trace.len(), again.trace.len(), "seed {seed}");
    }
}

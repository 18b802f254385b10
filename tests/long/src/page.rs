//! The page of a run: its figures in Markdown.

use std::fmt::Write as _;

use crate::flat::Verdict;
use crate::sample::Sample;

const HEAD: &str = "# What the long run said last

`tests/long.sh` runs the real server for two hours under a paced load: agents over mutual TLS, two of them the real binary, that send
the same findings in ever newer versions and leave without a word every few minutes; an operator's queries, insights and updates every
second or two. Superseded versions are kept no longer than it takes (`history_days = 0`, `tidy_minutes = 5`), so that the store stays
bounded if compaction keeps it so. The server is restarted four times in the first third, in order and by `kill -9`; its last life spans
the two thirds that are compared.

![memory, disk, files, processor and latencies over the run](long-run.svg)
";

/// The page, without what only the end of the run tells.
pub(crate) fn page(samples: &[Sample], verdicts: &[Verdict]) -> String {
    let mut page = format!("{HEAD}\n");
    if let Some(last) = samples.last() {
        let busy = samples.iter().map(|sample| sample.busy).sum::<f64>() / samples.len() as f64;
        let load = samples.iter().map(|sample| sample.load).sum::<f64>() / samples.len() as f64;
        let _ = writeln!(
            page,
            "{:.0} minutes, {} agents, {} findings received of which {} are stored, {} restarts; the server took {busy:.1} % of a core, \
             the machine had a load of {load:.1} with what else ran on it.\n",
            last.at / 60.0,
            last.connected,
            last.sent,
            last.findings,
            last.life
        );
    }
    page.push_str(
        "| median of | middle third | last third | at most | |\n|---|---:|---:|---:|---|\n",
    );
    for verdict in verdicts {
        let _ = writeln!(
            page,
            "| {} | {:.2} | {:.2} | {:.2} {} | {} |",
            verdict.rule.name,
            verdict.middle,
            verdict.last,
            verdict.bound,
            verdict.rule.unit,
            if verdict.holds() { "flat" } else { "grows" }
        );
    }
    page
}

//! `scale`: ten times as many findings, over the wire; what gets slower, and what does not.
//!
//! The real server takes the first tenth, stops, is asked in process, and goes on with the rest. So the rate of the first
//! million stands against that of the last, and the insights of one million against those of ten, in one run.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use muster_common::clock::Clock;

use crate::admin::{Engine, Server};
use crate::cloud::Cloud;
use crate::ingest::{self, AGENTS};
use crate::insights::questions::{Questions, tell_pages};
use crate::insights::tell_all;
use crate::insights::workload::open;
use crate::machine;
use crate::report::{Budget, Report};
use crate::uplink::Sender;

/// Tenths of the findings.
const PARTS: u64 = 10;
/// The budgets.
const INSIGHT_GROWTH_MAX: f64 = 5.0;
const RESIDENT_BYTES_MAX: f64 = 400.0;

pub(crate) async fn run(report: &mut Report, findings: u64) -> anyhow::Result<()> {
    let cloud = Cloud::start().await?;
    let folder = tempfile::tempdir()?;
    let each = findings.div_ceil(AGENTS * PARTS);
    let part = AGENTS * each;
    let what = format!("{part} findings over the wire, and then {PARTS} times as many.");
    report.section("scale", &what);
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let senders = ingest::enroll(&server.operator, each * PARTS).await?;
    let (mut senders, first) = timed(senders, each).await?;
    report.figure("scale.rate_first", first, "findings/s", Budget::None);
    tell_server(report, "scale.first", &server, part).await?;
    let store = server.store();
    server.stop().await?;
    let before = ask(report, "scale.first", &store, part).await?;

    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    for sender in &mut senders {
        sender.reconnect().await?;
    }
    let mut last = first;
    for number in 2..=PARTS {
        (senders, last) = timed(senders, each).await?;
        report.say(&format!("part {number}: {last:.0} findings/s"));
    }
    report.figure("scale.rate_last", last, "findings/s", Budget::None);
    report.figure("scale.slope", last / first, "x", Budget::None);
    tell_server(report, "scale", &server, PARTS * part).await?;
    server.stop().await?;
    let after = ask(report, "scale", &store, PARTS * part).await?;

    let [first, again] = [after[0] / before[0], after[1] / before[1]];
    let budget = Budget::AtMost(INSIGHT_GROWTH_MAX);
    report.figure("scale.insight_growth_first", first, "x", Budget::None);
    report.figure("scale.insight_growth_again", again, "x", budget);
    Ok(())
}

/// Lets every agent send so many findings. Also answers with how many a second they were in all.
async fn timed(senders: Vec<Sender>, each: u64) -> anyhow::Result<(Vec<Sender>, f64)> {
    let started = Instant::now();
    let senders = ingest::send(senders, each).await?;
    let rate = (AGENTS * each) as f64 / started.elapsed().as_secs_f64();
    Ok((senders, rate))
}

async fn tell_server(
    report: &mut Report,
    name: &str,
    server: &Server,
    findings: u64,
) -> anyhow::Result<()> {
    ingest::visible(server, findings).await?;
    let disk = machine::disk_bytes(&server.store())? as f64 / findings as f64;
    report.figure(&format!("{name}.disk"), disk, "B/finding", Budget::None);
    let resident = machine::resident(server.id()).context("the server runs")? as f64;
    let each = resident / findings as f64;
    let budget = Budget::AtMost(RESIDENT_BYTES_MAX);
    report.figure(&format!("{name}.resident"), each, "B/finding", budget);
    Ok(())
}

/// Opens the store of a stopped server and asks it. The answer is how long the median insight took, as if never asked and asked
/// again.
async fn ask(
    report: &mut Report,
    name: &str,
    store: &Path,
    findings: u64,
) -> anyhow::Result<[f64; 2]> {
    let (store, reopened) = open(store)?;
    report.figure(&format!("{name}.reopen"), reopened, "s", Budget::None);
    let questions = Questions::new(store, Clock::system());
    let total = questions.total().await?;
    anyhow::ensure!(total == findings, "{total} of {findings} are visible");
    let answered = questions.insights().await?;
    let medians = tell_all(report, &format!("{name}.insight"), &answered, Budget::None);
    let pages = questions.pages().await?;
    tell_pages(report, &format!("{name}.page"), pages, Budget::None);
    Ok(medians)
}

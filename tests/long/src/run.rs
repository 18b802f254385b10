//! The course of a run: set up, load with samples and restarts, the reckoning at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use muster_common::account::AccountId;
use muster_mtls::CredentialFile;
use muster_tests::{Admin, Agent as RealAgent, World, eventually};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, account};
use crate::finding::Findings;
use crate::flat::{Verdict, verdicts};
use crate::measured::Measured;
use crate::operator::Operator;
use crate::page::page;
use crate::picture;
use crate::real;
use crate::sample::{Sample, Taken, busy, csv, machine_load, read, taken};
use crate::{Arguments, say};

const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// All in the first third.
const RESTARTS: u32 = 4;
/// A server may take longer to start on a machine that others use.
const DRAIN: Duration = Duration::from_secs(300);

/// Everything that runs.
struct House {
    admin: Admin,
    /// Ends with the run.
    _world: Arc<World>,
    operator: Operator,
    measured: Arc<Measured>,
    real: Vec<(AccountId, RealAgent)>,
    load: JoinSet<Agent>,
    others: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// Whether everything stayed flat, nothing was lost, and nothing counted twice.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&arguments.out)?;
    let mut house = House::build(arguments).await?;
    let samples = house.watch(arguments).await?;
    let reckoned = house.reckon(&arguments.out).await;
    std::fs::write(arguments.out.join("long-run.csv"), csv(&samples))?;
    let flat = judge(&samples, &arguments.out)?;
    for wrong in &reckoned {
        say(&format!("wrong: {wrong}"));
    }
    Ok(flat && reckoned.is_empty())
}

/// Draws samples that were taken before, and judges them.
pub(crate) fn again(csv: &Path, out: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(csv)?;
    judge(&read(&text)?, out)
}

/// Draws samples, and tells what grows. Whether nothing does.
fn judge(samples: &[Sample], out: &Path) -> anyhow::Result<bool> {
    std::fs::write(out.join("long-run.svg"), picture::draw(samples))?;
    let verdicts = verdicts(samples);
    std::fs::write(out.join("long-run.md"), page(samples, &verdicts))?;
    tell(&verdicts);
    Ok(verdicts.iter().all(Verdict::holds))
}

/// Whether a life of the server ends by `kill -9`, not in order.
pub(crate) const fn is_killed(life: u32) -> bool {
    life % 2 == 1
}

impl House {
    async fn build(arguments: &Arguments) -> anyhow::Result<Self> {
        let world = Arc::new(World::start().await);
        let mut admin = Admin::init(&world)
            .await
            .with("FINDINGS__HISTORY_DAYS", "0")
            .with("FINDINGS__TIDY_MINUTES", "5")
            .with("LIMITS__CONNECTION_MINUTES", "10");
        admin.serve().await;
        let measured = Arc::<Measured>::default();
        let operator = Operator::connect(
            &CredentialFile::read(&admin.credential())?,
            Arc::clone(&measured),
        )
        .await?;
        let stop = CancellationToken::new();
        say(&format!("enrolling {} agents", arguments.agents));
        let (mut real, mut load) = (Vec::new(), JoinSet::new());
        let simulated = arguments.agents.saturating_sub(arguments.real).max(1);
        for number in 0..arguments.agents {
            let account = account(number)?;
            let mut agent = real::enrolled(&world, &admin, account).await?;
            if number < arguments.real {
                agent.start();
                real.push((account, agent));
                continue;
            }
            let credential = CredentialFile::read(&agent.state().join("credential.toml"))?;
            let findings = Findings::new(account, arguments.findings);
            let simulating = Agent::new(credential, findings, Arc::clone(&measured));
            load.spawn(simulating.run(arguments.rate as f64 / simulated as f64, stop.clone()));
        }
        let accounts: Vec<AccountId> = real.iter().map(|(account, _)| *account).collect();
        let fed = Arc::clone(&world);
        let others = vec![
            tokio::spawn(operator.clone().work(stop.clone())),
            tokio::spawn(async move { real::update(&fed, &accounts).await }),
        ];
        Ok(Self {
            admin,
            _world: world,
            operator,
            measured,
            real,
            load,
            others,
            stop,
        })
    }

    /// Samples and restarts until the time is over.
    async fn watch(&mut self, arguments: &Arguments) -> anyhow::Result<Vec<Sample>> {
        let length = Duration::from_secs(60 * arguments.minutes);
        let (mut samples, mut life) = (Vec::new(), 0);
        let started = Instant::now();
        let mut pace = interval(SAMPLE_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        pace.tick().await;
        let mut last = (busy(self.admin.process().id()), started);
        while started.elapsed() < length {
            pace.tick().await;
            if life < RESTARTS
                && started.elapsed() > length.mul_f64(f64::from(life + 1) / f64::from(3 * RESTARTS))
            {
                self.restart(is_killed(life)).await;
                life += 1;
                last = (busy(self.admin.process().id()), Instant::now());
                continue;
            }
            let sample = self.sample(started, life, &mut last).await;
            match sample {
                Ok(sample) => samples.push(sample),
                Err(error) => self.measured.wrong(format!(
                    "no sample after {:?}: {error:#}",
                    started.elapsed()
                )),
            }
            // Somebody may look at it meanwhile.
            std::fs::write(arguments.out.join("long-run.csv"), csv(&samples))?;
        }
        Ok(samples)
    }

    async fn restart(&mut self, killed: bool) {
        if killed {
            self.admin.kill().await;
        } else {
            let code = self.admin.stop().await;
            if code != Some(0) {
                self.measured
                    .wrong(format!("the server stopped with {code:?}"));
            }
        }
        self.admin.serve().await;
    }

    async fn sample(
        &mut self,
        started: Instant,
        life: u32,
        last: &mut (Duration, Instant),
    ) -> anyhow::Result<Sample> {
        let status = self.operator.status().await?;
        let ledger = status.ledger.context("a ledger")?;
        let store = status.store.context("a store")?;
        if let Some(wrong) = unbalanced("all accounts", &ledger) {
            self.measured.wrong(wrong);
        }
        let process = self.admin.process().id();
        let now = (busy(process), Instant::now());
        let share = (now.0 - last.0).as_secs_f64() / (now.1 - last.1).as_secs_f64();
        *last = now;
        let agent = match self.real.first_mut() {
            Some((_, agent)) => taken(agent.process().id(), agent.state())?,
            None => Taken::default(),
        };
        let (took, failed) = self.measured.take();
        Ok(Sample {
            at: started.elapsed().as_secs_f64(),
            life,
            server: taken(process, &self.admin.data())?,
            agent,
            busy: 100.0 * share,
            findings: store.findings,
            sent: ledger.sent,
            index_mb: store.index_bytes as f64 / 1e6,
            connected: status.agents_connected,
            failed,
            load: machine_load(),
            took,
        })
    }

    /// Stops the load, lets everything arrive, restarts the server once more, and compares what was sent with what is
    /// there. The answer is what should not be.
    async fn reckon(mut self, out: &Path) -> Vec<String> {
        say("the load ends; waiting until everything is acknowledged");
        self.stop.cancel();
        for other in &self.others {
            other.abort();
        }
        let drained = tokio::time::timeout(DRAIN, std::mem::take(&mut self.load).join_all()).await;
        let Ok(agents) = drained else {
            return vec![format!("not everything was acknowledged within {DRAIN:?}")];
        };
        for (_, agent) in &self.real {
            eventually("a real agent has sent everything", async || {
                agent.told("/snapshot/waiting").await == 0
            })
            .await;
        }
        for (_, agent) in &mut self.real {
            agent.stop().await;
        }
        let mut wrong = self.measured.all_wrong();
        for again in ["before", "after"] {
            match self.compare(&agents).await {
                Ok(found) => wrong.extend(
                    found
                        .into_iter()
                        .map(|found| format!("{again} the last restart: {found}")),
                ),
                Err(error) => wrong.push(format!("{again} the last restart: {error:#}")),
            }
            if again == "before" {
                self.admin.kill().await;
                self.admin.serve().await;
            }
        }
        self.admin.stop().await;
        keep_log(&self.admin, out);
        wrong
    }

    /// sent = stored = visible, account by account, and every finding in its newest version.
    async fn compare(&self, agents: &[Agent]) -> anyhow::Result<Vec<String>> {
        let mut wrong = Vec::new();
        let ledger = self.operator.ledger().await?;
        let stored = self.operator.everything().await?;
        let mut all = self.real.len() as u64 * real::FINDINGS;
        for (account, _) in &self.real {
            let entry = ledger.get(account.as_str()).context("a ledger entry")?;
            wrong.extend(unbalanced(account.as_str(), entry));
            if entry.visible != real::FINDINGS {
                wrong.push(format!(
                    "{account}: {} of {} are visible",
                    entry.visible,
                    real::FINDINGS
                ));
            }
        }
        for agent in agents {
            let (account, findings) = (agent.account(), agent.findings());
            let entry = ledger.get(account.as_str()).context("a ledger entry")?;
            wrong.extend(unbalanced(account.as_str(), entry));
            if (entry.sent, entry.visible) != (agent.sent(), findings.known()) {
                wrong.push(format!(
                    "{account}: sent {} and has {}, but the ledger says sent {}, visible {}",
                    agent.sent(),
                    findings.known(),
                    entry.sent,
                    entry.visible
                ));
            }
            all += findings.known();
            let old = findings
                .newest()
                .filter(|(id, updated)| stored.get(id) != Some(updated))
                .count();
            if old > 0 {
                wrong.push(format!(
                    "{account}: {old} findings are not there in their newest version"
                ));
            }
        }
        if stored.len() as u64 != all {
            wrong.push(format!("{} findings are listed of {all}", stored.len()));
        }
        say(&format!(
            "{} findings are there, each in its newest version as far as nothing else is said",
            stored.len()
        ));
        Ok(wrong)
    }
}

/// What a ledger entry says that cannot be, or should not.
fn unbalanced(of: &str, entry: &muster_proto::v1::LedgerEntry) -> Option<String> {
    let kept = entry.created + entry.updated + entry.unchanged;
    let whole = entry.sent == kept && entry.refused == 0 && entry.missing == 0;
    (!whole || entry.visible != entry.created - entry.expired)
        .then(|| format!("{of}: the ledger says {entry:?}"))
}

/// The server's log goes with the folder that it lies in.
fn keep_log(admin: &Admin, out: &Path) {
    let log = admin.log();
    let loud: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .collect();
    say(&format!("the server warned {} times", loud.len()));
    for line in loud.iter().take(20) {
        say(line);
    }
    let _ = std::fs::write(out.join("admin.log"), log);
}

fn tell(verdicts: &[Verdict]) {
    say("median of           middle third   last third     at most");
    for verdict in verdicts {
        say(&format!(
            "{:20}{:>12.2}{:>13.2}{:>12.2} {:3} {}",
            verdict.rule.name,
            verdict.middle,
            verdict.last,
            verdict.bound,
            verdict.rule.unit,
            if verdict.holds() { "flat" } else { "GROWS" }
        ));
    }
}

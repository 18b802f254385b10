//! Backups: an agent's state folder and the server's data folder of yesterday, while the other side went on.
//!
//! One clock moves for all, so that certificates were renewed since the backup was made. What the sources still have is
//! collected again; what the ledger says is missing is exactly what had been acknowledged since.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use muster_tests::{Admin, Agent, MovedClock, World, accounts, eventually, eventually_within};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::ground::{Ground, Member};
use crate::scenario::Run;
use crate::tally::{Books, Tally};

const ACCOUNTS: &[&str] = &["111122223333", "222233334444"];
/// Enrolls between the backup and its use, with an invitation from before.
const LATER: &str = "333344445555";
/// Past the half of a certificate's life, in which it is renewed, and short of its end.
const SINCE: i64 = 15 * 3_600;
/// Agents wait longer and longer after failed connections.
const ARRIVES_WITHIN: Duration = Duration::from_secs(120);

pub(crate) async fn run(run: Run) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..run.share(50) {
        tally.close(restored_agent().await);
        tally.count("agents restored from a backup", 1);
        tally.close(restored_server().await);
        tally.count("servers restored from a backup", 1);
    }
    tally
}

/// Its certificate was replaced since. The agent says so, is enrolled anew, and goes on from what the backup knew.
async fn restored_agent() -> Books {
    let mut day = Day::new(&ACCOUNTS[..1]).await;
    day.offer(30).await;
    day.arrived(0).await;
    let state = day.ground.members[0].agent.state().to_owned();
    day.ground.members[0].agent.stop().await;
    let backup = Backup::of(&state);
    day.ground.members[0].agent.start();
    day.pass().await;
    day.offer(25).await;
    day.arrived(0).await;
    day.ground.members[0].agent.kill().await;
    backup.restore();
    day.ground.members[0].agent.start();
    day.refused(0, "enroll it again with a new invitation")
        .await;
    day.enroll_anew(0).await;
    day.offer(5).await;
    day.arrived(0).await;
    let entry = day.ground.ledger(ACCOUNTS[0]).await;
    assert_eq!(
        (number(&entry, "refused"), number(&entry, "missing")),
        (0, 0),
        "{entry}"
    );
    day.books().await
}

/// Agents that were enrolled before go on with their renewed certificates and collect again; one that enrolled later is told
/// to enroll anew, and its invitation, which the backup has as open, is void.
async fn restored_server() -> Books {
    let mut day = Day::new(ACCOUNTS).await;
    day.offer(30).await;
    let invitation = day.ground.admin.invite(LATER).await;
    day.both_arrived().await;
    let sent = day.sent().await;
    day.ground.admin.stop().await;
    let backup = Backup::of(&day.ground.admin.data());
    day.ground.admin.serve().await;
    day.pass().await;
    day.join(LATER, &invitation).await;
    day.offer(25).await;
    day.both_arrived().await;
    day.arrived(2).await;
    let acknowledged = day.sent().await;
    day.ground.admin.kill().await;
    backup.restore();
    day.ground.admin.serve().await;
    day.offer(10).await;
    day.both_arrived().await;
    for (at, account) in ACCOUNTS.iter().enumerate() {
        let entry = day.ground.ledger(account).await;
        assert_eq!(
            number(&entry, "missing"),
            acknowledged[at] - sent[at],
            "{entry}"
        );
        let log = day.ground.members[at].agent.log();
        assert!(
            log.contains("the admin has lost findings that it had acknowledged"),
            "{log}"
        );
    }
    day.refused(2, "").await;
    let muster = day.ground.admin.operator();
    let restored = muster
        .json(&["audit", "list", "--action", "agent.restore"])
        .await;
    assert_eq!(
        restored.as_array().map(Vec::len),
        Some(ACCOUNTS.len()),
        "{restored}"
    );
    let again = day.stranger(LATER, &invitation).await;
    assert!(again.contains("was withdrawn"), "{again}");
    day.enroll_anew(2).await;
    day.arrived(2).await;
    day.books().await
}

/// A ground whose processes all live by one clock.
struct Day {
    ground: Ground,
    clock: MovedClock,
    now: i64,
    offered: u32,
    _folder: TempDir,
}

impl Day {
    async fn new(accounts: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = MovedClock::new(folder.path());
        let world = World::start_with(|command| clock.rule(command)).await;
        let mut admin = Admin::init_by(&world, Some(&clock)).await;
        admin.serve().await;
        let ground = Ground {
            world,
            admin,
            members: Vec::new(),
        };
        let mut day = Self {
            ground,
            clock,
            now: 0,
            offered: 0,
            _folder: folder,
        };
        for account in accounts {
            let invitation = day.ground.admin.invite(account).await;
            day.join(account, &invitation).await;
        }
        day
    }

    /// The folder with an account's credentials, which hold for weeks.
    async fn credentials(&self, account: &str) -> PathBuf {
        let Ground { world, .. } = &self.ground;
        let on = json!({ "service": "securityhub", "account": account, "region": "us-east-1", "on": true });
        world.post("enable", on).await;
        world.account(account, Duration::from_secs(2_000_000)).await
    }

    async fn join(&mut self, account: &str, invitation: &str) {
        let credentials = self.credentials(account).await;
        let name = format!("agent-{account}");
        let mut agent = Agent::new(&self.ground.world, &name, &credentials).by(&self.clock);
        accept(&agent, &["accept", invitation]).await;
        agent.start();
        self.ground.members.push(Member::of(account, agent));
    }

    /// Somebody else with the same credentials takes an invitation. The answer is what the product says to it.
    async fn stranger(&self, account: &str, invitation: &str) -> String {
        let credentials = self.credentials(account).await;
        let agent = Agent::new(&self.ground.world, "stranger", &credentials).by(&self.clock);
        let printed = agent.accept(invitation).await;
        assert_ne!(printed.code, 0, "{printed:?}");
        printed.err
    }

    /// An agent is enrolled again, on what it has.
    async fn enroll_anew(&mut self, at: usize) {
        let invitation = self
            .ground
            .admin
            .invite(&self.ground.members[at].account)
            .await;
        let agent = &mut self.ground.members[at].agent;
        agent.stop().await;
        accept(agent, &["accept", "--replace", &invitation]).await;
        agent.start();
    }

    /// The clock goes on, and every agent renews its certificate.
    async fn pass(&mut self) {
        let mut before = Vec::new();
        for member in &self.ground.members {
            before.push(member.agent.told("/certificate_expires_at").await);
        }
        self.now += SINCE;
        self.clock.move_to(self.now);
        for (member, before) in self.ground.members.iter().zip(before) {
            eventually("the certificate is renewed", async || {
                member.agent.told("/certificate_expires_at").await != before
            })
            .await;
        }
    }

    /// New findings in every account's Security Hub, and others in its drop folder.
    async fn offer(&mut self, count: u32) {
        for member in &mut self.ground.members {
            let ids: Vec<String> = (self.offered..self.offered + count)
                .map(|number| format!("000-{number:06}"))
                .collect();
            let findings: Vec<Json> = ids
                .iter()
                .map(|id| accounts::finding(&member.account, id, 0))
                .collect();
            self.ground
                .world
                .put("securityhub", &member.account, "us-east-1", &findings)
                .await;
            member.made.extend(ids.into_iter().map(|id| (id, 0)));
            member.make(count as usize, 5);
        }
        self.offered += count;
    }

    /// Everything that was made in an account is there in its newest version, and nothing waits.
    async fn arrived(&self, at: usize) {
        let member = &self.ground.members[at];
        eventually_within(ARRIVES_WITHIN, "everything has arrived", async || {
            self.ground.missing(member).await.is_empty()
        })
        .await;
        eventually_within(ARRIVES_WITHIN, "nothing waits", async || {
            member.agent.told("/snapshot/waiting").await == 0
        })
        .await;
    }

    async fn both_arrived(&self) {
        self.arrived(0).await;
        self.arrived(1).await;
    }

    /// How much was received of the first two accounts.
    async fn sent(&self) -> [u64; 2] {
        let first = self.ground.ledger(ACCOUNTS[0]).await;
        let second = self.ground.ledger(ACCOUNTS[1]).await;
        [&first, &second].map(|entry| number(entry, "sent"))
    }

    /// The agent says that it is refused, and why.
    async fn refused(&self, at: usize, why: &str) {
        let agent = &self.ground.members[at].agent;
        eventually("the agent is refused", async || {
            agent.told("/snapshot/link").await == "refused"
        })
        .await;
        let reason = agent.told("/snapshot/reason").await;
        assert!(
            reason.as_str().is_some_and(|reason| reason.contains(why)),
            "{reason}"
        );
    }

    /// sent = stored + missing, and visible is what was made.
    async fn books(&self) -> Books {
        let mut books = Books::default();
        for member in &self.ground.members {
            let entry = self.ground.ledger(&member.account).await;
            let stored =
                number(&entry, "created") + number(&entry, "updated") + number(&entry, "unchanged");
            let (sent, named, visible) = (
                number(&entry, "sent"),
                number(&entry, "missing"),
                number(&entry, "visible"),
            );
            assert_eq!(sent, stored + named, "{entry}");
            assert_eq!(visible, member.made.len() as u64, "{entry}");
            let Books { lost, .. } = books;
            books = Books {
                sent: books.sent + sent,
                stored: books.stored + stored,
                visible: books.visible + visible,
                named: books.named + named,
                lost: lost + self.ground.missing(member).await.len() as u64,
            };
        }
        books
    }
}

/// Takes an invitation; again, if the product says so, as on a machine that has too much to do.
async fn accept(agent: &Agent, arguments: &[&str]) {
    eventually_within(ARRIVES_WITHIN, "the agent is enrolled", async || {
        let accepted = agent.run(arguments).await;
        let again = accepted.err.contains("try again");
        assert!(accepted.code == 0 || again, "{accepted:?}");
        accepted.code == 0
    })
    .await;
}

/// A copy of a folder.
struct Backup {
    folder: PathBuf,
    copy: PathBuf,
}

impl Backup {
    fn of(folder: &Path) -> Self {
        let copy = folder.with_extension("backup");
        clone(folder, &copy);
        Self {
            folder: folder.to_owned(),
            copy,
        }
    }

    /// Puts it in the place of the folder.
    fn restore(self) {
        clone(&self.copy, &self.folder);
    }
}

fn clone(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "{from:?}");
}

fn number(entry: &Json, key: &str) -> u64 {
    entry[key].as_u64().expect("a number")
}

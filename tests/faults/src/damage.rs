//! Torn and flipped blocks: in the log and the tables of the server, in the spool and the identity of an agent, in the
//! root keys. Whoever reads the damage names it and goes on; nothing is missing that is not named.

mod files;

use std::path::{Path, PathBuf};

use muster_common::drill::Limit;
use muster_tests::{Agent, eventually};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::ground::Ground;
use crate::scenario::Run;
use crate::tally::{Books, Tally};
use files::damage;
pub(crate) use files::{copy_folder, files_in};

const ACCOUNT: &str = "111122223333";

pub(crate) async fn run(run: Run) -> Tally {
    let mut chance = StdRng::seed_from_u64(run.seed);
    let mut tally = Tally::default();
    let mut ground = Ground::new(&[ACCOUNT]).await;
    ground.admin.kill().await;
    ground
        .admin
        .set(Limit::SegmentBytes.variable(), Some("8192"));
    ground.admin.set(Limit::FlushCommits.variable(), Some("1"));
    ground.admin.serve().await;
    for _ in 0..run.share(20) {
        spool(&mut ground, &mut chance, &mut tally).await;
    }
    identities(&mut ground, run.share(20), &mut chance, &mut tally).await;
    store(&mut ground, run.share(4), &mut chance, &mut tally).await;
    tally
}

/// A spool is damaged while findings wait in it.
async fn spool(ground: &mut Ground, chance: &mut StdRng, tally: &mut Tally) {
    ground.members[0].make(20, 0);
    ground.settle().await;
    ground.admin.stop().await;
    ground.members[0].make(20, 0);
    let member = &mut ground.members[0];
    eventually("they are spooled", async || {
        member.agent.told("/snapshot/waiting").await == 20
    })
    .await;
    member.agent.kill().await;
    let state = member.agent.state().to_owned();
    let spools = files_in(&state.join("spool"), |name| name.ends_with(".spool"));
    damage(&spools, chance);
    forget_status(ground);
    let member = &mut ground.members[0];
    member.agent.start();
    ground.admin.serve().await;
    eventually("nothing waits", async || {
        ground.members[0].agent.told("/snapshot/waiting").await == 0
    })
    .await;
    let missing = ground.missing(&ground.members[0]).await;
    let named = ground.members[0].agent.told("/snapshot/damaged").await;
    let said = ground.members[0].agent.log();
    let cut = said.contains("cut off the end of the spool");
    assert!(
        named == missing.len() as u64 || cut,
        "{missing:?} are missing, and {named} are said to be: {said}"
    );
    // What is gone, is gone; the rest has to be right.
    for id in &missing {
        ground.members[0].made.remove(id);
    }
    assert!(ground.missing(&ground.members[0]).await.is_empty());
    tally.count("damaged spools", 1);
    tally.close(Books {
        named: missing.len() as u64,
        ..Books::default()
    });
}

/// Credentials, `HEAD`, root keys: who cannot use them says which file it is.
async fn identities(ground: &mut Ground, times: u32, chance: &mut StdRng, tally: &mut Tally) {
    let state = ground.members[0].agent.state().to_owned();
    let known = |name: &str| name == "credential.toml" || name == "HEAD" || name == "progress.json";
    for _ in 0..times {
        ground.members[0].agent.kill().await;
        let file = damage(&files_in(&state, known), chance);
        forget_status(ground);
        let said = ground.members[0].agent.log().len();
        let agent = &mut ground.members[0].agent;
        agent.start();
        eventually("the agent says what is wrong, or works", async || {
            agent.process().has_ended() || has_tried(agent).await
        })
        .await;
        if agent.process().has_ended() {
            let said = &agent.log()[said..];
            assert!(said.contains(&file.name()), "{}: {said}", file.name());
        }
        // What was not `HEAD` is as it was; a new `HEAD` is better than the old one.
        agent.kill().await;
        if file.name() != "HEAD" {
            file.mend();
        }
        agent.start();
        ground.members[0].make(5, 0);
        eventually("what comes later arrives", async || {
            ground.missing(&ground.members[0]).await.is_empty()
        })
        .await;
    }
    tally.count("damaged identities", u64::from(times));
    let authority = ground.admin.data().join("authority");
    for _ in 0..times {
        ground.admin.kill().await;
        let file = damage(&files_in(&authority, |_| true), chance);
        let said = ground.admin.log().len();
        ground.admin.launch();
        let told = ground.admin.data().join("addresses.json");
        let admin = &mut ground.admin;
        eventually("the server says what is wrong, or serves", async || {
            admin.process().has_ended() || told.exists()
        })
        .await;
        if admin.process().has_ended() {
            let said = &admin.log()[said..];
            assert!(said.contains(&file.name()), "{}: {said}", file.name());
        }
        admin.kill().await;
        file.mend();
        admin.serve().await;
    }
    tally.count("damaged root keys", u64::from(times));
    ground.settle().await;
}

/// The log or the tables are damaged while the server is down, each time in a copy of the same data.
async fn store(ground: &mut Ground, times: u32, chance: &mut StdRng, tally: &mut Tally) {
    for _ in 0..6 {
        ground.members[0].make(40, 10);
        ground.settle().await;
    }
    ground.members[0].agent.stop().await;
    // As many as were made, and what a damaged spool had lost if the agent has collected everything again since.
    let all = ground.admin.operator().count(&[]).await;
    assert!(all >= ground.members[0].made.len() as u64);
    ground.admin.stop().await;
    let data = ground.admin.data();
    let whole = data.with_extension("whole");
    copy_folder(&data, &whole);
    for _ in 0..times {
        let muster = ground.admin.operator();
        let tables = chance.random_ratio(1, 4);
        let file = damage(&stored(&data, tables), chance);
        ground.admin.serve().await;
        let listed = muster
            .try_run(&["finding", "list", "--all", "--output", "json"])
            .await;
        let seen = muster.count(&[]).await;
        let status = muster.json(&["status"]).await;
        let named = status["store"]["damaged"].to_string();
        assert!(seen <= all, "{seen} are seen of {all}");
        let gone = all - seen;
        if tables {
            assert_eq!(gone, 0, "{}: {named}", file.name());
        } else {
            // What nobody needs now may be hit, such as an older version: it is named when somebody asks for it.
            let told = named.contains(&file.name());
            let whole = gone == 0 && listed.code == 0;
            assert!(told || whole, "{}: {gone} are gone: {named}", file.name());
            assert!(
                listed.code == 0 || listed.err.contains("damaged"),
                "{listed:?}"
            );
        }
        assert!(
            muster
                .json(&["member", "list", "--all"])
                .await
                .to_string()
                .contains(ACCOUNT)
        );
        // And it goes on.
        muster.run(&["member", "create", "700000000000"]).await;
        ground.admin.kill().await;
        copy_folder(&whole, &data);
        tally.count(
            if tables {
                "damaged tables"
            } else {
                "damaged segments"
            },
            1,
        );
        tally.close(Books {
            named: gone,
            ..Books::default()
        });
    }
    ground.admin.serve().await;
    ground.members[0].agent.start();
    ground.settle().await;
    let books = ground.books_after_damage().await;
    tally.close(books);
}

/// The files of the tables, or of the log.
fn stored(data: &Path, tables: bool) -> Vec<PathBuf> {
    if tables {
        return files_in(&data.join("store/tables"), |_| true);
    }
    files_in(&data.join("store/log"), |name| name.ends_with(".log"))
}

/// Whether an agent has tried to reach the admin; its status cannot be read if its credential cannot.
async fn has_tried(agent: &Agent) -> bool {
    let status = agent.run(&["status", "--json"]).await.out;
    ["up", "down", "refused"]
        .iter()
        .any(|link| status.contains(&format!("\"link\": \"{link}\"")))
}

/// So that an old status is not taken for a new one.
fn forget_status(ground: &Ground) {
    let _ = std::fs::remove_file(ground.members[0].agent.state().join("status.json"));
}

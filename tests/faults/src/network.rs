//! The network between agents and server: cut at random moments, silent for good, slow, late, and with packets lost.
//!
//! Every agent has a proxy of its own before the server, so that several things go wrong at a time.

use std::time::Duration;

use muster_tests::{Agent, eventually, eventually_within};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use crate::ground::{Ground, Member};
use crate::loss::Loss;
use crate::proxy::{Proxy, Weather};
use crate::scenario::Run;
use crate::tally::Tally;

const ACCOUNTS: &[&str] = &["111122223333", "222233334444", "333344445555"];
/// Cuts of one round.
const CUTS: u32 = 12;
/// A dead connection is found by HTTP/2's keepalive: a ping every 20 seconds, and 10 for its answer. As much again for the
/// status, which a disk takes late that is busy with something else.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);
/// How long packets are lost in one round.
const LOSSY: Duration = Duration::from_secs(6);

pub(crate) async fn run(run: Run) -> Tally {
    let mut chance = StdRng::seed_from_u64(run.seed);
    let mut ground = Ground::new(ACCOUNTS).await;
    let mut proxies = Vec::new();
    for member in &mut ground.members {
        let proxy = Proxy::before(ground.admin.address("agents")).await;
        route(&mut member.agent, &proxy).await;
        proxies.push(proxy);
    }
    let mut tally = Tally::default();
    for _ in 0..run.share(20) {
        let [one, two, three] = ground.members.as_mut_slice() else {
            unreachable!("there are three accounts");
        };
        let seed = chance.random();
        let (cut, (), ()) = tokio::join!(
            cut(one, &proxies[0], seed),
            silence(two, &proxies[1]),
            crawl(three, &proxies[2], StdRng::seed_from_u64(seed ^ 1)),
        );
        tally.count("connections cut", cut);
        tally.count("connections gone silent", 1);
        tally.count("slow links", 1);
        let lost = lose(&mut ground.members, &proxies, &mut chance).await;
        tally.count(
            if lost {
                "seconds with 10 % of packets lost"
            } else {
                "seconds of stalls (no packet filter)"
            },
            LOSSY.as_secs(),
        );
        ground.settle().await;
        ground.books().await;
    }
    tally.close(ground.books().await);
    tally
}

/// Lets an agent reach the server through a proxy.
async fn route(agent: &mut Agent, proxy: &Proxy) {
    agent.stop().await;
    let path = agent.state().join("credential.toml");
    let text = std::fs::read_to_string(&path).expect("the credential");
    let lines = text.lines().map(|line| {
        if line.starts_with("endpoint = ") {
            format!("endpoint = \"{}\"\n", proxy.address)
        } else {
            format!("{line}\n")
        }
    });
    std::fs::write(&path, lines.collect::<String>()).expect("the credential");
    agent.start();
}

/// Resets connections at any moment, from the first byte of a handshake on. The answer is how many.
async fn cut(member: &mut Member, proxy: &Proxy, seed: u64) -> u64 {
    let mut chance = StdRng::seed_from_u64(seed);
    let before = proxy.resets();
    for _ in 0..CUTS {
        member.make(chance.random_range(5..60), chance.random_range(0..10));
        if chance.random_bool(0.5) {
            // Handshake and hello take some 4 KB, a batch of these findings up to 40.
            let after = chance.random_range(0..48_000);
            proxy.turn(Weather::Torn { after });
        }
        sleep(Duration::from_millis(chance.random_range(0..1_500))).await;
        proxy.cut();
        proxy.turn(Weather::Fair);
        sleep(Duration::from_millis(chance.random_range(0..1_500))).await;
    }
    proxy.resets() - before
}

/// A connection that swallows everything and never ends. The agent finds out by itself, and so does the server; the agent
/// says so, and goes on over a new connection as soon as one comes through.
async fn silence(member: &mut Member, proxy: &Proxy) {
    eventually("the link is up", async || {
        member.agent.told("/snapshot/link").await == "up"
    })
    .await;
    proxy.turn(Weather::Silent);
    member.make(40, 5);
    let since = Instant::now();
    eventually_within(
        NOTICED_WITHIN,
        "the agent finds the connection dead",
        async || member.agent.told("/snapshot/link").await == "down",
    )
    .await;
    let noticed = since.elapsed();
    member.make(10, 5);
    proxy.turn(Weather::Fair);
    eventually_within(NOTICED_WITHIN, "the link is up again", async || {
        member.agent.told("/snapshot/link").await == "up"
    })
    .await;
    assert!(noticed < NOTICED_WITHIN, "{noticed:?}");
}

/// A link that carries 16 KB a second, and then one that takes its time.
async fn crawl(member: &mut Member, proxy: &Proxy, mut chance: StdRng) {
    proxy.turn(Weather::Slow { bytes: 16_384 });
    member.make(chance.random_range(100..300), 10);
    sleep(Duration::from_secs(10)).await;
    proxy.turn(Weather::Late {
        by: Duration::from_millis(chance.random_range(50..700)),
    });
    for _ in 0..8 {
        member.make(chance.random_range(5..30), 5);
        sleep(Duration::from_secs(1)).await;
    }
    proxy.turn(Weather::Fair);
}

/// Loses packets on all links, or plays it where it cannot. Whether it could.
async fn lose(members: &mut [Member], proxies: &[Proxy], chance: &mut StdRng) -> bool {
    let addresses: Vec<_> = proxies.iter().map(|proxy| proxy.address).collect();
    let loss = Loss::on(&addresses);
    let end = Instant::now() + LOSSY;
    while Instant::now() < end {
        for (member, proxy) in members.iter_mut().zip(proxies) {
            member.make(chance.random_range(5..40), 5);
            if loss.is_none() {
                let by = Duration::from_millis(chance.random_range(0..900));
                proxy.turn(Weather::Late { by });
            }
        }
        sleep(Duration::from_millis(700)).await;
    }
    for proxy in proxies {
        proxy.turn(Weather::Fair);
    }
    loss.is_some()
}

//! D01, D02, D04, D05: HTTP/2 as it was not meant. Whoever floods is cut off, or achieves nothing; somebody else is served
//! meanwhile, and afterwards the server is as small as before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join;
use muster_admin::config::Config;
use muster_tests::eventually;
use tokio_util::sync::CancellationToken;

use super::agent::finding;
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING,
    RST_STREAM, Raw, SETTINGS, Seen, WINDOW_UPDATE, as_agent, begun, call, frame, message, packed,
};
use super::tls::{self, Dress};
use super::world::{ACCOUNT, OTHER, World};

const ENROLL: &str = "/muster.v1.Enrollment/Enroll";
const UPLINK: &str = "/muster.v1.Agent/Uplink";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const ENHANCE_YOUR_CALM: u32 = 11;
/// Longer than an honest call may take while somebody floods, in a build without optimizations.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// What the server, and this test with it, may grow by.
const GROWTH_MAX: u64 = 128 << 20;

fn impatient(config: &mut Config) {
    let patience = &mut config.limits.patience;
    patience.keep_alive = Duration::from_secs(1);
    patience.keep_alive_timeout = Duration::from_secs(3);
    patience.answer = Duration::from_secs(2);
    patience.silence = Duration::from_secs(2);
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap() << 10
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Runs an attack, and what must hold under and after every one.
pub(super) async fn withstood<T>(world: &World, attack: impl Future<Output = T>) -> T {
    let honest = world.join(OTHER).await;
    world.may_speak(&honest.credential).await;
    let (memory, busy) = (resident(), tasks());
    let over = CancellationToken::new();
    let attack = async {
        let _over = over.clone().drop_guard();
        attack.await
    };
    let served = async {
        let mut slowest = Duration::ZERO;
        loop {
            let since = Instant::now();
            let mut uplink = world.uplink(&honest.credential).await.unwrap();
            uplink.send(1, &[finding(OTHER, "honest")]).await.unwrap();
            slowest = slowest.max(since.elapsed());
            if over.is_cancelled() {
                return slowest;
            }
        }
    };
    let (outcome, slowest) = join(attack, served).await;
    assert!(slowest < SERVED_WITHIN, "the honest waited for {slowest:?}");
    eventually("nothing is left running", async || tasks() <= busy + 8).await;
    let grown = resident().saturating_sub(memory);
    assert!(grown < GROWTH_MAX, "grown by {} MiB", grown >> 20);
    outcome
}

async fn stranger(world: &World) -> Raw {
    Raw::open(world.addresses().enrollment, Dress::default().config()).await
}

/// A call that was not opened: cut off, reset, or answered with another status than 200, which has a byte of its own.
fn refused(seen: &Seen) -> bool {
    const OK: u8 = 0x88;
    let answered = seen.headers.first().is_some_and(|first| *first != OK);
    seen.closed || seen.goaway.is_some() || !seen.resets.is_empty() || answered
}

/// CVE-2023-44487.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d01_who_takes_calls_back_at_once_is_cut_off() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let agent = Raw::open(
            world.addresses().agents,
            as_agent(&world, &joined.credential),
        );
        for (raw, path) in [(stranger(&world).await, ENROLL), (agent.await, UPLINK)] {
            let mut last = 0;
            raw.flood(100_000, |round| {
                last = round;
                let stream = 2 * round as u32 + 1;
                let mut bytes = begun(stream, path);
                bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
                bytes
            })
            .await;
            assert_eq!(raw.cut_off().await, Some(ENHANCE_YOUR_CALM));
            assert!(last < 99_999, "the whole flood was let in");
        }
    })
    .await;
}

/// CVE-2025-8671: it is the server that resets the stream, because the client breaks the protocol on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d01_who_makes_the_server_take_calls_back_is_cut_off() {
    let world = World::start().await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        let mut last = 0;
        raw.flood(20_000, |round| {
            last = round;
            let stream = 2 * round as u32 + 1;
            let mut bytes = begun(stream, ENROLL);
            // More than a window may be.
            let most = 0x7fff_ffff_u32.to_be_bytes();
            bytes.extend(frame(WINDOW_UPDATE, 0, stream, &most));
            bytes
        })
        .await;
        assert_eq!(raw.cut_off().await, Some(ENHANCE_YOUR_CALM));
        assert!(last < 19_999, "the whole flood was let in");
    })
    .await;
}

/// CVE-2024-27316.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_headers_without_an_end_are_cut_off() {
    let world = World::start().await;
    withstood(&world, async {
        // Of headers that are too many, and of ones that are empty.
        for filler in [call(ENROLL, &[("x", &"y".repeat(8_000))]), Vec::new()] {
            let raw = stranger(&world).await;
            raw.send(&frame(HEADERS, 0, 1, &call(ENROLL, &[])))
                .await
                .unwrap();
            let mut last = 0;
            raw.flood(100_000, |round| {
                last = round;
                frame(CONTINUATION, 0, 1, &filler)
            })
            .await;
            raw.cut_off().await;
            assert!(last < 99_999, "the whole flood was let in");
        }
    })
    .await;
}

/// A few bytes that unpack to many: an entry of the table, named ten thousand times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_headers_that_unpack_to_megabytes_open_no_call() {
    let world = World::start().await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        let mut block = call(ENROLL, &[]);
        block.push(0x40);
        packed(&mut block, "x-bomb");
        packed(&mut block, &"b".repeat(3_900));
        block.extend(std::iter::repeat_n(0x80 | 62, 10_000));
        raw.send(&frame(HEADERS, END_HEADERS, 1, &block))
            .await
            .unwrap();
        raw.waits_for("it is refused", refused).await;
        // One that is a little too large, in two frames.
        let large = call(ENROLL, &[("x-large", &"l".repeat(16 << 10))]);
        let raw = stranger(&world).await;
        let (first, rest) = large.split_at(16_000);
        let mut bytes = frame(HEADERS, 0, 1, first);
        bytes.extend(frame(CONTINUATION, END_HEADERS, 1, rest));
        raw.send(&bytes).await.unwrap();
        raw.waits_for("it is refused", refused).await;
    })
    .await;
}

/// RUSTSEC-2026-0258.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_empty_frames_of_data_are_cut_off() {
    let world = World::start().await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        raw.send(&begun(1, ENROLL)).await.unwrap();
        let mut last = 0;
        raw.flood(10_000, |round| {
            last = round;
            frame(DATA, 0, 1, &[]).repeat(10)
        })
        .await;
        assert_eq!(raw.cut_off().await, Some(ENHANCE_YOUR_CALM));
        assert!(last < 9_999, "the whole flood was let in");
    })
    .await;
}

/// A message of the largest size, in single bytes: they are all the same to whoever waits for the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_message_in_single_bytes_takes_no_more_than_its_size() {
    let world = World::start().await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        raw.send(&begun(1, ENROLL)).await.unwrap();
        let mut head = vec![0];
        head.extend((64_u32 << 10).to_be_bytes());
        raw.send(&frame(DATA, 0, 1, &head)).await.unwrap();
        raw.flood(64, |_| frame(DATA, 0, 1, b"x").repeat(1_024))
            .await;
        // It was no message, or too many frames.
        raw.waits_for("an end", |seen| {
            seen.closed || seen.goaway.is_some() || !seen.headers.is_empty()
        })
        .await;
    })
    .await;
}

/// A batch that is announced and does not come, though a byte of it does now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_batch_that_never_ends_is_given_up() {
    let world = World::with(impatient).await;
    let joined = world.join(ACCOUNT).await;
    let raw = Raw::open(
        world.addresses().agents,
        as_agent(&world, &joined.credential),
    )
    .await;
    raw.send(&begun(1, UPLINK)).await.unwrap();
    let mut head = vec![0];
    head.extend((4_u32 << 20).to_be_bytes());
    raw.send(&frame(DATA, 0, 1, &head)).await.unwrap();
    let over = CancellationToken::new();
    let dripping = async {
        while !over.is_cancelled() && raw.send(&frame(DATA, 0, 1, b"x")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let given_up = async {
        raw.waits_for("the call ends", |seen| {
            seen.headers
                .windows(b"nothing came for too long".len())
                .any(|bytes| bytes == b"nothing came for too long")
                || seen.frames.get(&HEADERS).copied() > Some(1)
                || seen.closed
        })
        .await;
        over.cancel();
    };
    join(dripping, given_up).await;
    assert!(world.may_speak(&joined.credential).await);
}

/// Whoever does not read what it asks for gets no more, and is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_flood_of_pings_and_settings_is_answered_no_faster_than_it_is_read() {
    let world = World::with(impatient).await;
    withstood(&world, async {
        for (kind, payload) in [(PING, &b"12345678"[..]), (SETTINGS, &[])] {
            let raw = stranger(&world).await;
            raw.close_eyes();
            let since = Instant::now();
            raw.flood(100_000, |_| frame(kind, 0, 0, payload).repeat(100))
                .await;
            assert!(
                since.elapsed() < Duration::from_secs(25),
                "{kind}: it is still waited for"
            );
            assert!(raw.send(&frame(PING, 0, 0, b"12345678")).await.is_err());
        }
    })
    .await;
}

/// Also by one who reads the answers: it costs what any traffic costs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_pings_and_windows_without_end_keep_nothing() {
    let world = World::start().await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        raw.send(&begun(1, WATCH)).await.unwrap();
        raw.send(&message(END_STREAM, 1, &[])).await.unwrap();
        raw.flood(300, |_| {
            let mut bytes = frame(PING, 0, 0, b"12345678");
            bytes.extend(frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()));
            bytes.extend(frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()));
            bytes.extend(frame(SETTINGS, ACK, 0, &[]));
            bytes.extend(frame(2, 0, 1, &[0, 0, 0, 0, 1]));
            bytes.extend(frame(0xfa, 0, 0, b"unknown"));
            bytes.repeat(20)
        })
        .await;
        // More than a window of the connection may be.
        let raw = stranger(&world).await;
        let most = 0x7fff_ffff_u32.to_be_bytes();
        raw.send(&frame(WINDOW_UPDATE, 0, 0, &most).repeat(2))
            .await
            .unwrap();
        assert!(raw.cut_off().await.is_some());
    })
    .await;
}

/// A window of nothing: the answer lies there, while the peer answers every ping.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_who_does_not_read_an_answer_is_cut_off() {
    let world = World::with(impatient).await;
    withstood(&world, async {
        let raw = Raw::greeting(
            world.addresses().enrollment,
            Dress::default().config(),
            &[(INITIAL_WINDOW_SIZE, 0)],
        )
        .await;
        for stream in [1, 3, 5] {
            raw.send(&begun(stream, WATCH)).await.unwrap();
            raw.send(&message(END_STREAM, stream, &[])).await.unwrap();
        }
        raw.waits_for("it is cut off", |seen| seen.closed).await;
        assert!(raw.look(|seen| seen.frames.contains_key(&PING)));
        assert_eq!(raw.look(|seen| seen.data), 0);
    })
    .await;
}

/// As a machine that was switched off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_who_answers_no_ping_is_cut_off() {
    let world = World::with(impatient).await;
    withstood(&world, async {
        let raw = stranger(&world).await;
        raw.send(&begun(1, ENROLL)).await.unwrap();
        raw.close_eyes();
        eventually("the connection is over", async || {
            raw.send(&frame(2, 0, 1, &[0, 0, 0, 0, 1])).await.is_err()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_who_shakes_hands_and_says_nothing_is_cut_off() {
    let world = World::start().await;
    let config = Arc::new(Dress::default().config());
    withstood(&world, async {
        // And who says half a greeting.
        for said in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nS"] {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let address = world.addresses().enrollment;
            let mut stream = tls::connect(address, Arc::clone(&config)).await.unwrap();
            stream.write_all(said).await.unwrap();
            let mut heard = Vec::new();
            let ended =
                tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut heard));
            assert!(ended.await.is_ok(), "it is still waited for");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d05_more_calls_than_allowed_are_not_opened() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let agent = Raw::open(
            world.addresses().agents,
            as_agent(&world, &joined.credential),
        );
        for (raw, path, max) in [
            (stranger(&world).await, ENROLL, 8),
            (agent.await, UPLINK, 16),
        ] {
            const CALLS: usize = 5_000;
            raw.flood(CALLS, |number| begun(2 * number as u32 + 1, path))
                .await;
            raw.waits_for("the others are refused", |seen| {
                seen.closed || seen.goaway.is_some() || seen.resets.len() >= CALLS - max
            })
            .await;
        }
    })
    .await;
}

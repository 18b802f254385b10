//! D03, D08, E26, R07: many connections. Whoever opens them without end takes nobody's place; a fleet that comes back at
//! once, from one address, is let in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::{FuturesUnordered, iter};
use muster_common::identity::{AgentId, Identity};
use muster_proto::v1 as wire;
use muster_proto::v1::operators_client::OperatorsClient;
use muster_tests::{Process, binary, eventually};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use uuid::Uuid;

use super::agent::{Renewing, Uplink, finding};
use super::floods::withstood;
use super::frames::{as_agent, as_holder};
use super::tls::{self, Dress};
use super::world::{ACCOUNT, OTHER, World};

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn tcp_from(own: Ipv4Addr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((own, 0)))?;
    socket.connect(address).await
}

async fn tls_from(
    own: Ipv4Addr,
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = tcp_from(own, address).await?;
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
}

/// Whether the server has closed a connection, or does so soon.
async fn ends(stream: &mut TcpStream, within: Duration) -> bool {
    let mut heard = Vec::new();
    let read = stream.read_to_end(&mut heard);
    tokio::time::timeout(within, read).await.is_ok()
}

/// Connections that never begin their handshake, many more than there are places for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_who_connects_without_a_word_takes_nobodys_place() {
    let world = World::start().await;
    let address = world.addresses().agents;
    withstood(&world, async {
        let mut held = Vec::new();
        for _ in 0..400 {
            held.push(tcp_from(ELSEWHERE, address).await.unwrap());
        }
        // The honest one of `withstood` comes from another address. Here is one from the same.
        let agents: Arc<ClientConfig> = Arc::new(stranger_agent(&world));
        let since = Instant::now();
        tls_from(ELSEWHERE, address, &agents).await.unwrap();
        assert!(since.elapsed() < Duration::from_secs(10));
        for mut stream in held {
            assert!(ends(&mut stream, Duration::from_secs(20)).await);
        }
    })
    .await;
}

/// A certificate of the house for an agent that nobody knows: good for a handshake.
fn stranger_agent(world: &World) -> ClientConfig {
    let id = world.domain().id(Identity::Agent {
        account: ACCOUNT.parse().unwrap(),
        agent: AgentId::random(),
    });
    as_holder(world, &id, None, "agents")
}

/// R07: no limit of ours keeps out a fleet that restarts behind one address, as behind a NAT. The benchmarks have ten
/// thousand, and the times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r07_a_fleet_that_comes_back_at_once_from_one_address_is_let_in() {
    const FLEET: usize = 400;
    let world = World::start().await;
    let configs: Vec<Arc<ClientConfig>> = (0..FLEET)
        .map(|_| Arc::new(stranger_agent(&world)))
        .collect();
    let address = world.addresses().agents;
    let connecting: FuturesUnordered<_> = configs
        .into_iter()
        .map(|config| {
            tokio::spawn(async move {
                let stream = tls_from(ELSEWHERE, address, &config).await?;
                tls::greeted(stream).await
            })
        })
        .collect();
    let connected: Vec<_> = connecting
        .map(|connected| connected.unwrap())
        .collect()
        .await;
    let refused: Vec<_> = connected
        .iter()
        .filter_map(|end| end.as_ref().err())
        .collect();
    assert!(refused.is_empty(), "{} refused: {refused:?}", refused.len());
}

/// What a cut network left behind does not lock its owner out: the oldest connection goes, not the newest.
#[tokio::test]
async fn d03_a_certificate_has_few_connections_and_the_newest_count() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let other = world.join(OTHER).await;
    let mut bystander = world.uplink(&other.credential).await.unwrap();
    let config = Arc::new(as_agent(&world, &joined.credential));
    let address = world.addresses().agents;
    let mut held = Vec::new();
    for _ in 0..12 {
        let stream = tls::connect(address, Arc::clone(&config)).await.unwrap();
        held.push(tls::greeted(stream).await.unwrap());
    }
    for (number, stream) in held.iter_mut().enumerate() {
        let mut heard = Vec::new();
        let read = stream.read_to_end(&mut heard);
        let wait = Duration::from_millis(if number < 4 { 5_000 } else { 200 });
        let ended = tokio::time::timeout(wait, read).await.is_ok();
        assert_eq!(ended, number < 4, "{number}");
    }
    bystander.send(1, &[finding(OTHER, "1")]).await.unwrap();
    assert!(world.may_speak(&joined.credential).await);
}

/// Strangers of one address who hold every place make room for another address.
#[tokio::test]
async fn e26_one_address_does_not_keep_the_others_from_enrolling() {
    let world = World::with(|config| config.limits.connections = 4).await;
    let address = world.addresses().enrollment;
    let config = Arc::new(Dress::default().config());
    let mut held = Vec::new();
    for _ in 0..4 {
        let stream = tls_from(ELSEWHERE, address, &config).await.unwrap();
        held.push(tls::greeted(stream).await.unwrap());
    }
    let invitation = world.invite(ACCOUNT).await;
    world.accept(&invitation).await;
    // The oldest one had to go, and no other.
    for (number, stream) in held.iter_mut().enumerate() {
        let mut heard = Vec::new();
        let read = stream.read_to_end(&mut heard);
        let wait = Duration::from_millis(if number == 0 { 5_000 } else { 200 });
        let ended = tokio::time::timeout(wait, read).await.is_ok();
        assert_eq!(ended, number == 0, "{number}");
    }
}

#[tokio::test]
async fn d05_a_fifth_uplink_of_an_agent_ends_its_first() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut uplinks = Vec::new();
    for _ in 0..5 {
        uplinks.push(Uplink::open(channel.clone(), Uuid::new_v4()).await.unwrap());
    }
    let status = uplinks[0].ended().await;
    assert_eq!(status.code(), Code::Aborted, "{status}");
    for uplink in &mut uplinks[1..] {
        uplink.send(1, &[finding(ACCOUNT, "1")]).await.unwrap();
    }
}

/// Calls whose answers nobody reads count until they are over.
#[tokio::test]
async fn d05_an_operator_has_so_many_calls_under_way_over_all_connections() {
    let world = World::start().await;
    let mut watches = Vec::new();
    let refused = loop {
        let mut client = world.findings().await;
        match client
            .watch_findings(wire::WatchFindingsRequest::default())
            .await
        {
            Ok(watch) => watches.push((client, watch)),
            Err(status) => break status,
        }
        assert!(watches.len() <= 64, "there is no limit");
    };
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert_eq!(watches.len(), 64);
    watches.truncate(32);
    eventually("there is room again", async || {
        let channel = world.operator(None).await;
        let called = OperatorsClient::new(channel)
            .get_caller(wire::GetCallerRequest {})
            .await;
        called.is_ok()
    })
    .await;
}

/// R02, beside the matrix: each renewal costs a certificate, a durable step, and maybe a question to STS.
#[tokio::test]
async fn d10_an_agent_renews_so_often_and_then_waits() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let other = world.join(OTHER).await;
    let mut credential = joined.credential;
    for _ in 0..10 {
        credential = world.renew(&credential).await.unwrap();
    }
    let status = world.renew(&credential).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("too often"), "{status}");
    assert!(world.may_speak(&credential).await);
    world.renew(&other.credential).await.unwrap();
    world.clock.advance(2 * muster_common::timestamp::MINUTE);
    world.renew(&credential).await.unwrap();
    assert_eq!(world.audit("agent.quarantine").await, []);
}

/// An agent that was stopped asks again every half minute. The log says so once, and how often.
#[tokio::test]
async fn d10_a_refused_agent_fills_no_log() {
    use muster_common::timestamp::{HOUR, MINUTE};
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    world.revoke(&format!("agents/{}", joined.agent)).await;
    for _ in 0..20 {
        assert!(!world.may_speak(&joined.credential).await);
        world.clock.advance(MINUTE);
    }
    let told = world.audit("call.refuse").await;
    assert_eq!(told.len(), 1, "{told:?}");
    world.clock.advance(HOUR);
    assert!(!world.may_speak(&joined.credential).await);
    let told = world.audit("call.refuse").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].detail.contains("19 more times"), "{:?}", told[0]);
}

/// And what was only counted is written when the server ends.
#[tokio::test]
async fn d10_what_was_counted_survives_an_orderly_end() {
    let mut world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    world.revoke(&format!("agents/{}", joined.agent)).await;
    for _ in 0..5 {
        assert!(!world.may_speak(&joined.credential).await);
    }
    world.stop().await;
    world.serve().await;
    let told = world.audit("call.refuse").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].detail.contains("4 more times"), "{:?}", told[0]);
}

/// A copy that was restored, a doctor that read the file a moment before: on an uplink, an old certificate is worth
/// nothing and proves nothing. It stops nobody until it asks for a new one.
#[tokio::test]
async fn r02_a_replaced_certificate_on_an_uplink_is_refused_and_stops_nobody() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let renewed = world.renew(&joined.credential).await.unwrap();
    let mut uplink = world.uplink(&renewed).await.unwrap();
    assert!(!world.may_speak(&joined.credential).await);
    let told = world.audit("call.refuse").await;
    assert!(
        told[0].detail.contains("replaced by a later one"),
        "{told:?}"
    );
    uplink.send(1, &[finding(ACCOUNT, "1")]).await.unwrap();
    assert_eq!(world.audit("agent.quarantine").await, []);
}

/// A renewal that was begun and says nothing more holds nothing up.
#[tokio::test]
async fn d04_renewals_that_say_nothing_hold_nobody_up() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(Renewing::begin(channel.clone()).await.unwrap());
    }
    assert!(world.renew(&joined.credential).await.is_ok());
}

/// The real binary with few file descriptors: it waits until some come back, and does not spin meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d08_a_server_out_of_file_descriptors_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""])
            .arg(binary("muster-admin"))
            .args(arguments)
            .env_clear()
            .env("MUSTER_ADMIN_DATA_DIR", folder.path().join("data"))
            .kill_on_drop(true);
        for listener in ["ENROLLMENT", "AGENTS", "OPERATORS", "METRICS"] {
            command.env(format!("MUSTER_ADMIN_LISTEN__{listener}"), "127.0.0.1:0");
        }
        command
    };
    let credential = folder.path().join("credential.toml");
    let made = command(&["init", "--trust-domain", "muster.example", "--credential"])
        .arg(&credential)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let told = folder.path().join("data/addresses.json");
    let mut process = Process::start(command(&["serve"]), &folder.path().join("log"));
    eventually("it serves", async || {
        assert!(!process.has_ended(), "{}", process.log());
        told.exists()
    })
    .await;
    let addresses: muster_admin::serve::Addresses =
        serde_json::from_slice(&std::fs::read(&told).unwrap()).unwrap();
    let held: Vec<_> = iter(0..150)
        .then(|_| TcpStream::connect(addresses.agents))
        .collect()
        .await;
    eventually("it has none left", async || {
        process.log().contains("cannot accept connections")
    })
    .await;
    // Between looks it waits: in a second there are few of them, however many wait.
    let lines = |process: &Process| process.log().matches("cannot accept connections").count();
    let before = lines(&process);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lines(&process) - before < 100, "it spins");
    drop(held);
    let file = muster_mtls::CredentialFile::read(&credential).unwrap();
    eventually("it serves again", async || {
        let connected = muster_mtls::channel(
            &addresses.operators.to_string(),
            &file.trust().unwrap(),
            &file.trust_domain,
            Some(&file.credential().unwrap()),
        )
        .await;
        let Ok(channel) = connected else { return false };
        OperatorsClient::new(channel)
            .get_caller(wire::GetCallerRequest {})
            .await
            .is_ok()
    })
    .await;
    assert!(!process.has_ended());
}

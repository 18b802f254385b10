//! What an enrolled agent can do with numbers and sizes: nothing that anybody else notices.

use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Ask;
use serde_json::Value as Json;
use tonic::Code;
use uuid::Uuid;

use super::agent::{Uplink, finding};
use super::world::{ACCOUNT, OTHER, World};

#[tokio::test]
async fn a_spool_that_counts_to_the_end_of_numbers_harms_nobody() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let pair = [finding(ACCOUNT, "1"), finding(ACCOUNT, "2")];
    for first in [0, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 48) + 1] {
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        let status = uplink.send(first, &pair).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{first}: {status}");
    }
    assert_eq!(world.all_findings().await.len(), 0);
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    assert_eq!(uplink.send(1, &pair).await.unwrap().through_sequence, 2);
}

/// Gaps are what an earlier state of the store had; as many spools with gaps as an agent likes do not break the sums.
#[tokio::test]
async fn gaps_in_many_spools_do_not_break_the_books() {
    let mut world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let largest = 1 << 48;
    for number in 0..40 {
        let mut uplink = Uplink::open(channel.clone(), Uuid::new_v4()).await.unwrap();
        uplink
            .send(largest, &[finding(ACCOUNT, &number.to_string())])
            .await
            .unwrap();
    }
    drop(channel);
    for _ in 0..2 {
        let status = world
            .status()
            .await
            .get_status(wire::GetStatusRequest {})
            .await
            .unwrap()
            .into_inner();
        assert_eq!(status.ledger.unwrap().visible, 40);
        world.stop().await;
        world.serve().await;
    }
}

#[tokio::test]
async fn boundless_reports_do_not_break_the_status() {
    let world = World::start().await;
    let mut uplinks = Vec::new();
    for account in [ACCOUNT, OTHER] {
        let joined = world.join(account).await;
        uplinks.push(world.uplink(&joined.credential).await.unwrap());
        let sibling = world.accept(&world.invite_again(account).await).await;
        uplinks.push(world.uplink(&sibling.credential).await.unwrap());
    }
    let collector = wire::CollectorHealth {
        collector: "c".repeat(10_000),
        region: "r".repeat(10_000),
        message: "\u{1b}[2J".repeat(10_000),
        findings: u64::MAX,
        last_success: Some(prost_types::Timestamp {
            seconds: i64::MAX,
            nanos: i32::MIN,
        }),
        ..Default::default()
    };
    for uplink in &mut uplinks {
        uplink
            .ask(Ask::Report(wire::Report {
                collectors: vec![collector.clone(); 20],
                spool_bytes: u64::MAX,
                spool_bytes_max: u64::MAX,
                last_sequence: u64::MAX,
                dead_letters: u64::MAX,
            }))
            .await;
    }
    muster_tests::eventually("the reports are in", async || {
        let mut agents = world.agents(ACCOUNT).await;
        agents.extend(world.agents(OTHER).await);
        agents.iter().all(|agent| agent.collectors.len() == 20)
    })
    .await;
    let mut client = world.status().await;
    client.get_status(wire::GetStatusRequest {}).await.unwrap();
    let ledger = client
        .list_ledger(wire::ListLedgerRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(
        ledger.entries.iter().all(|entry| entry.waiting > 0),
        "{ledger:?}"
    );
    let agents = world.agents(ACCOUNT).await;
    let largest = agents
        .iter()
        .flat_map(|agent| &agent.collectors)
        .map(prost::Message::encoded_len)
        .max();
    assert!(largest < Some(2_000), "texts are cut");
}

#[tokio::test]
async fn a_batch_out_of_bounds_is_refused_whole() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let many: Vec<Json> = (0..501)
        .map(|number| finding(ACCOUNT, &number.to_string()))
        .collect();
    let mut large = finding(ACCOUNT, "large");
    large["Description"] = "d".repeat((4 << 20) + 1).into();
    for (what, findings) in [("none", &[][..]), ("many", &many), ("large", &[large])] {
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        let status = uplink.send(1, findings).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status}");
    }
    // Not in order, and not begun with a hello.
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    uplink.send(1, &[finding(ACCOUNT, "1")]).await.unwrap();
    assert_eq!(
        uplink
            .send(3, &[finding(ACCOUNT, "3")])
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    assert_eq!(world.all_findings().await.len(), 1);
}

/// The number of open uplinks of an agent goes down again however an uplink ends.
#[tokio::test]
async fn an_uplink_that_breaks_off_is_not_shown_as_connected() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    for first in [0, u64::MAX] {
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        uplink
            .send(first, &[finding(ACCOUNT, "1"), finding(ACCOUNT, "2")])
            .await
            .unwrap_err();
    }
    drop(world.uplink(&joined.credential).await.unwrap());
    muster_tests::eventually("the agent is away", async || {
        !world.agents(ACCOUNT).await[0].connected
    })
    .await;
}

/// What an agent tells of itself takes no more room than it should, however much it is.
#[tokio::test]
async fn a_huge_report_is_cut() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let uplink = world.uplink(&joined.credential).await.unwrap();
    let collector = wire::CollectorHealth {
        collector: "c".repeat(64),
        message: "m".repeat(1_000),
        ..Default::default()
    };
    uplink
        .ask(Ask::Report(wire::Report {
            collectors: vec![collector; 4_000],
            ..Default::default()
        }))
        .await;
    muster_tests::eventually("the report is in", async || {
        !world.agents(ACCOUNT).await[0].collectors.is_empty()
    })
    .await;
    let agent = world.agents(ACCOUNT).await.remove(0);
    let bytes = prost::Message::encoded_len(&agent);
    assert!((200 << 10..300 << 10).contains(&bytes), "{bytes}");
}

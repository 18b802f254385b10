//! D06, D07: messages that unpack to more than they are, or nest, or are too many.

use muster_proto::v1 as wire;
use muster_proto::v1::filter::Kind;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::members_client::MembersClient;
use muster_proto::v1::uplink_request::Message as Ask;
use tonic::Code;

use super::agent::finding;
use super::floods::withstood;
use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, Raw, as_holder, call, frame};
use super::world::{ACCOUNT, World};

/// Zeros as zstd packs them best: blocks of one repeated byte, 32,000 to 1.
fn bomb(blocks: usize) -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    for number in 0..blocks {
        let last = u32::from(number + 1 == blocks);
        let head = BLOCK << 3 | 1 << 1 | last;
        bytes.extend(&head.to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d06_a_message_that_unpacks_to_gigabytes_is_refused_at_its_limit() {
    let world = World::start().await;
    let root = world.root().credential().unwrap();
    let facts = root.facts();
    let config = as_holder(
        &world,
        &facts.id,
        Some(facts.serial.as_bytes()),
        "operators",
    );
    withstood(&world, async {
        for _ in 0..4 {
            let raw = Raw::open(world.addresses().operators, config.clone()).await;
            // As much as fits into a stream's first window: two gigabytes.
            let packed = bomb(16_000);
            let path = "/muster.v1.Findings/ImportFindings";
            let zstd = call(path, &[("grpc-encoding", "zstd")]);
            let mut bytes = frame(HEADERS, END_HEADERS, 1, &zstd);
            let mut body = vec![1];
            body.extend((packed.len() as u32).to_be_bytes());
            body.extend(&packed);
            let (most, rest) = body.split_at(body.len() - 1);
            for part in most.chunks(16_000) {
                bytes.extend(frame(DATA, 0, 1, part));
            }
            bytes.extend(frame(DATA, END_STREAM, 1, rest));
            // It may be refused before it is there.
            let _ = raw.send(&bytes).await;
            raw.waits_for("it is refused", |seen| {
                seen.closed || seen.frames.contains_key(&HEADERS)
            })
            .await;
            assert_eq!(raw.look(|seen| seen.data), 0);
        }
    })
    .await;
    // That of the honest agent.
    assert_eq!(world.all_findings().await.len(), 1);
}

/// A filter in a filter, a thousand times; a document likewise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d07_what_nests_without_end_is_refused() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let mut filter = wire::Filter::default();
        for _ in 0..1_000 {
            filter = wire::Filter {
                kind: Some(Kind::All(wire::FilterList {
                    filters: vec![filter],
                })),
            };
        }
        let json = format!("{}{}", "{\"And\":[".repeat(50_000), "]}".repeat(50_000));
        let text = wire::Filter {
            kind: Some(Kind::SecurityHubJson(json)),
        };
        for filter in [filter, text] {
            let request = wire::ListFindingsRequest {
                filter: Some(filter),
                ..Default::default()
            };
            let status = world.findings().await.list_findings(request).await;
            let code = status.unwrap_err().code();
            assert!(
                matches!(code, Code::InvalidArgument | Code::Internal),
                "{code:?}"
            );
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        uplink
            .ask(Ask::Batch(wire::Batch {
                first_sequence: 1,
                findings: vec![deep.into()],
            }))
            .await;
        let acknowledged = uplink.acknowledged().await.unwrap();
        assert_eq!(acknowledged.refused.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d07_a_million_of_anything_is_refused() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        uplink
            .ask(Ask::Batch(wire::Batch {
                first_sequence: 1,
                findings: vec![Default::default(); 1_000_000],
            }))
            .await;
        assert_eq!(uplink.ended().await.code(), Code::InvalidArgument);
        let request = wire::CreateMembersRequest {
            members: vec![wire::NewMember::default(); 1_000_000],
        };
        let mut members = MembersClient::new(world.operator(None).await);
        let status = members.create_members(request).await.unwrap_err();
        assert!(
            matches!(status.code(), Code::InvalidArgument | Code::OutOfRange),
            "{status}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d07_a_document_of_many_keys_is_refused() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let mut crowded = finding(ACCOUNT, "crowded");
        let fields = (0..20_000).map(|number| (format!("k{number}"), "v".into()));
        crowded["ProductFields"] = serde_json::Value::Object(fields.collect());
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        let acknowledged = uplink.send(1, &[crowded]).await.unwrap();
        assert_eq!(acknowledged.refused.len(), 1);
    })
    .await;
}

/// One byte more than a batch may have is not even read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d07_a_message_over_its_limit_is_refused_by_its_head() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    withstood(&world, async {
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        uplink
            .ask(Ask::Batch(wire::Batch {
                first_sequence: 1,
                findings: vec![vec![b' '; 6 << 20].into()],
            }))
            .await;
        assert_eq!(uplink.ended().await.code(), Code::OutOfRange);
        let request = wire::ImportFindingsRequest {
            items: vec![wire::ImportItem {
                document: Some(wire::import_item::Document::Asff(
                    vec![b' '; 27 << 20].into(),
                )),
            }],
        };
        let mut findings = FindingsClient::new(world.operator(None).await);
        let status = findings.import_findings(request).await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{status}");
    })
    .await;
}

/// Numbers that are none compare with nothing.
#[tokio::test]
async fn d07_numbers_that_are_none_match_nothing_and_harm_nobody() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    uplink.send(1, &[finding(ACCOUNT, "1")]).await.unwrap();
    let seen = async |test: wire::NumberTest| {
        let field = wire::FieldFilter {
            field: "SeverityNormalized".to_owned(),
            tests: vec![wire::FieldTest {
                test: Some(wire::field_test::Test::Number(test)),
            }],
        };
        let request = wire::ListFindingsRequest {
            filter: Some(wire::Filter {
                kind: Some(Kind::Field(field)),
            }),
            ..Default::default()
        };
        let listed = world.findings().await.list_findings(request).await;
        listed.map(|response| response.into_inner().findings.len())
    };
    for number in [f64::NAN, 1e308, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        let test = wire::NumberTest {
            eq: Some(number),
            ..Default::default()
        };
        match seen(test).await {
            Ok(found) => assert_eq!(found, 0, "{number}"),
            Err(status) => assert_eq!(status.code(), Code::InvalidArgument, "{status}"),
        }
    }
    // A document whose number is too large for one.
    let text = finding(ACCOUNT, "2").to_string();
    let text = text.replace("\"HIGH\"", "\"HIGH\",\"Product\":1e999");
    uplink
        .ask(Ask::Batch(wire::Batch {
            first_sequence: 2,
            findings: vec![text.into()],
        }))
        .await;
    uplink.acknowledged().await.unwrap();
    assert!(!world.all_findings().await.is_empty());
}

/// A page is bounded in bytes too: whoever asks for a thousand large findings, and reads none, holds no gigabyte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_page_of_large_findings_is_a_short_one() {
    const ALL: usize = 90;
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    let findings: Vec<_> = (0..ALL)
        .map(|number| {
            let mut finding = finding(ACCOUNT, &number.to_string());
            finding["Filler"] = "x".repeat(220_000).into();
            finding
        })
        .collect();
    let mut first = 1;
    for batch in findings.chunks(15) {
        let acknowledged = uplink.send(first, batch).await.unwrap();
        assert_eq!(acknowledged.refused, []);
        first += batch.len() as u64;
    }
    let mut client = world.findings().await.max_decoding_message_size(64 << 20);
    let (mut seen, mut pages, mut token) = (0, 0, String::new());
    loop {
        let request = wire::ListFindingsRequest {
            page_size: 1_000,
            page_token: token,
            format: wire::FindingFormat::Asff.into(),
            ..Default::default()
        };
        let page = client.list_findings(request).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) < 17 << 20);
        (seen, pages) = (seen + page.findings.len(), pages + 1);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((seen, pages), (ALL, 2));
}

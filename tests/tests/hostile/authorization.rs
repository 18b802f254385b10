//! Z01 to Z06, Z08, M10: who may call what, and for which account.

use bytes::Bytes;
use muster_admin::api::authorization::{Rule, TABLE};
use muster_admin::operators::Role;
use muster_mtls::{Credential, PrivateKey};
use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Ask;
use serde_json::{Value as Json, json};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;

use super::agent::{Uplink, finding};
use super::world::{ACCOUNT, OTHER, World};

/// Whether a rule lets somebody in.
type May = fn(Rule) -> bool;

/// Calls any method with an empty message.
async fn call(channel: &Channel, method: &str) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("a connection");
    let path = method.parse().expect("a path");
    let codec = ProstCodec::<(), ()>::default();
    client
        .unary(Request::new(()), path, codec)
        .await
        .map(|_| ())
}

pub(super) async fn operator(world: &World, name: &str, role: wire::Role) -> Channel {
    let key = PrivateKey::generate();
    let request = wire::CreateOperatorRequest {
        operator_id: name.to_owned(),
        role: role.into(),
        csr: key.request().der.into(),
    };
    let created = world
        .operators()
        .await
        .create_operator(request)
        .await
        .unwrap()
        .into_inner();
    let credential: Credential = super::claim::credential(&key, &created.certificate.unwrap());
    world.operator(Some(&credential)).await
}

#[tokio::test]
async fn z05_nobody_may_call_more_than_the_table_says() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let callers: [(&str, Channel, May); 4] = [
        ("a stranger", world.stranger().await, |rule| {
            rule == Rule::Stranger
        }),
        (
            "an agent",
            world.agent(&joined.credential).await.unwrap(),
            |rule| matches!(rule, Rule::Agent | Rule::RenewingAgent),
        ),
        (
            "a viewer",
            operator(&world, "vi", wire::Role::Viewer).await,
            |rule| matches!(rule, Rule::Operator(needed) if needed <= Role::Viewer),
        ),
        (
            "an analyst",
            operator(&world, "an", wire::Role::Analyst).await,
            |rule| matches!(rule, Rule::Operator(needed) if needed <= Role::Analyst),
        ),
    ];
    for (who, channel, may) in callers {
        for (number, (method, rule)) in TABLE.iter().enumerate() {
            if *rule == Rule::Connected || may(*rule) {
                continue;
            }
            let status = call(&channel, method).await.expect_err(method);
            let code = status.code();
            assert!(
                matches!(code, Code::PermissionDenied | Code::Unauthenticated),
                "{who} {method} {number}: {status}"
            );
        }
        // What refuses also tells.
        world.clock.advance(1_000);
    }
    let refused = world.audit("call.refuse").await;
    assert!(
        refused
            .iter()
            .any(|event| event.subject.ends_with("/DeleteMembers")),
        "{refused:?}"
    );
}

/// A path that is no row of the table is served to nobody, however it is spelled.
#[tokio::test]
async fn z05_a_path_in_another_spelling_is_served_to_nobody() {
    let world = World::start().await;
    world.create(ACCOUNT).await;
    let root = world.operator(None).await;
    for path in [
        "/",
        "/muster.v1.Members",
        "/muster.v1.Members/",
        "/muster.v1.Members/DeleteMembers/",
        "//muster.v1.Members/DeleteMembers",
        "/muster.v1.Members//DeleteMembers",
        "/./muster.v1.Members/DeleteMembers",
        "/muster.v1.Members/Delete%4dembers",
        "/muster.v1.Members%2fDeleteMembers",
        "/muster.v1.members/DeleteMembers",
        "/muster.v1.Members/deleteMembers",
        "/muster.v1.Members/ListMembers/../DeleteMembers",
        "/muster.v2.Members/DeleteMembers",
        "/grpc.health.v1.Health/Set",
    ] {
        let status = call(&root, path).await.expect_err(path);
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
}

/// What an agent sends, as raw text.
async fn refused(uplink: &mut Uplink, first: u64, document: String) -> wire::RefusedFinding {
    let findings = vec![Bytes::from(document)];
    uplink
        .ask(Ask::Batch(wire::Batch {
            first_sequence: first,
            findings,
        }))
        .await;
    let acknowledged = uplink.acknowledged().await.unwrap();
    assert_eq!(acknowledged.through_sequence, first);
    acknowledged.refused.into_iter().next().expect("a refusal")
}

#[tokio::test]
async fn z01_an_agent_speaks_for_no_other_account() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    world.join(OTHER).await;
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    let own = finding(ACCOUNT, "x");
    let with = |property: &str, value: Json| {
        let mut changed = own.clone();
        changed[property] = value;
        changed.to_string()
    };
    let foreign_arn = format!("arn:aws:securityhub:us-east-1:{OTHER}:product/{OTHER}/default");
    let account = format!("\"AwsAccountId\":\"{ACCOUNT}\"");
    let documents = [
        (finding(OTHER, "x").to_string(), "InvalidAccess"),
        (with("AwsAccountId", json!(OTHER)), "InvalidAccess"),
        (with("ProductArn", json!(foreign_arn)), "InvalidAccess"),
        // One account for whoever reads the first, the other for whoever reads the last.
        (
            own.to_string()
                .replace(&account, &format!("{account},\"AwsAccountId\":\"{OTHER}\"")),
            "InvalidInput",
        ),
        (
            own.to_string()
                .replace(&account, &format!("\"AwsAccountId\":\"{OTHER}\",{account}")),
            "InvalidInput",
        ),
        (
            own.to_string().replace(
                &account,
                &format!("{account},\"\\u0041wsAccountId\":\"{OTHER}\""),
            ),
            "InvalidInput",
        ),
        (
            with("AwsAccountId", json!(111_122_223_333_u64)),
            "InvalidInput",
        ),
        (
            with("AwsAccountId", json!(format!("{ACCOUNT} "))),
            "InvalidInput",
        ),
        (
            with("AwsAccountId", json!("１１１１２２２２３３３３")),
            "InvalidInput",
        ),
        (with("AwsAccountId", json!([ACCOUNT])), "InvalidInput"),
        (with("AwsAccountId", Json::Null), "InvalidInput"),
        (format!("{own}{}", finding(OTHER, "x")), "InvalidInput"),
    ];
    for (first, (document, code)) in (1..).zip(documents) {
        let refusal = refused(&mut uplink, first, document.clone()).await;
        assert_eq!(refusal.code, code, "{document}: {}", refusal.message);
    }
    assert_eq!(world.all_findings().await.len(), 0);
    // One says the same as another, and is counted.
    let told = world.audit("ingest.refuse").await;
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|event| event.refused && event.subject == format!("members/{OTHER}"))
    );
    assert!(
        told.iter()
            .all(|event| event.actor == joined.credential.facts().id.to_string())
    );
}

/// Z02, Z04: a finding belongs to its account; the same ids of another account are other findings.
#[tokio::test]
async fn z04_the_ids_of_another_account_lead_to_nothing_of_it() {
    let world = World::start().await;
    let (one, two) = (world.join(ACCOUNT).await, world.join(OTHER).await);
    let guardduty = |account: &str, title: &str| {
        let mut finding = finding(
            account,
            "arn:aws:guardduty:us-east-1:444455556666:detector/d/finding/f",
        );
        finding["ProductArn"] = json!("arn:aws:securityhub:us-east-1::product/aws/guardduty");
        finding["Title"] = json!(title);
        finding
    };
    world
        .uplink(&two.credential)
        .await
        .unwrap()
        .send(1, &[guardduty(OTHER, "right")])
        .await
        .unwrap();
    let acknowledged = world
        .uplink(&one.credential)
        .await
        .unwrap()
        .send(1, &[guardduty(ACCOUNT, "forged")])
        .await
        .unwrap();
    assert_eq!(acknowledged.refused, []);
    let mut titles: Vec<(String, String)> = Vec::new();
    for record in world.all_findings().await {
        let Some(wire::finding_record::Document::Asff(document)) = record.document else {
            panic!("no document")
        };
        let document: Json = serde_json::from_slice(&document).unwrap();
        let text = |key: &str| document[key].as_str().unwrap().to_owned();
        titles.push((text("AwsAccountId"), text("Title")));
    }
    titles.sort();
    let expected = [(ACCOUNT, "forged"), (OTHER, "right")]
        .map(|(account, title)| (account.to_owned(), title.to_owned()));
    assert_eq!(titles, expected);
}

/// Z02: how far another agent's spool is known is nobody else's business.
#[tokio::test]
async fn z02_a_spool_of_another_agent_is_a_new_one() {
    let world = World::start().await;
    let (one, two) = (world.join(ACCOUNT).await, world.join(OTHER).await);
    let spool = Uuid::new_v4();
    let mut uplink = Uplink::open(world.agent(&two.credential).await.unwrap(), spool)
        .await
        .unwrap();
    uplink
        .send(1, &[finding(OTHER, "1"), finding(OTHER, "2")])
        .await
        .unwrap();
    let foreign = Uplink::open(world.agent(&one.credential).await.unwrap(), spool)
        .await
        .unwrap();
    assert_eq!(foreign.welcome.acknowledged_sequence, 0);
    let own = Uplink::open(world.agent(&two.credential).await.unwrap(), spool)
        .await
        .unwrap();
    assert_eq!(own.welcome.acknowledged_sequence, 2);
}

#[tokio::test]
async fn z08_one_foreign_finding_among_many_is_refused_alone() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    let mut findings: Vec<Json> = (0..499)
        .map(|number| finding(ACCOUNT, &number.to_string()))
        .collect();
    findings.push(finding(OTHER, "499"));
    let acknowledged = uplink.send(1, &findings).await.unwrap();
    assert_eq!(acknowledged.through_sequence, 500);
    let [refusal] = &acknowledged.refused[..] else {
        panic!("{:?}", acknowledged.refused)
    };
    assert_eq!(
        (refusal.sequence, refusal.code.as_str()),
        (500, "InvalidAccess")
    );
    let found = world.all_findings().await;
    assert_eq!(found.len(), 499);
}

/// Z06: operators name an account exactly, too.
#[tokio::test]
async fn z06_an_account_in_another_spelling_is_no_member() {
    let world = World::start().await;
    world.create(ACCOUNT).await;
    let mut members = world.members().await;
    for account in [
        "111122223333 ",
        "0111122223333",
        "１１１１２２２２３３３３",
        "members/111122223333",
        "",
    ] {
        let request = super::world::accounts(account);
        let response = members.delete_members(request).await.unwrap().into_inner();
        let Some(wire::member_result::Outcome::Error(error)) = &response.results[0].outcome else {
            panic!("{account:?} was deleted");
        };
        assert_eq!(error.code, "InvalidInput", "{account:?}");
    }
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Created
    );
}

/// Z02: a page token is good for who got it and the list that it is of.
#[tokio::test]
async fn z02_a_page_token_of_somebody_else_opens_nothing() {
    let world = World::start().await;
    for account in [ACCOUNT, OTHER] {
        world.create(account).await;
    }
    let request = |page_token: &str| wire::ListMembersRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let mut root = world.members().await;
    let token = root
        .list_members(request(""))
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    assert_eq!(
        root.list_members(request(&token))
            .await
            .unwrap()
            .into_inner()
            .members
            .len(),
        1
    );
    let viewer = operator(&world, "vi", wire::Role::Viewer).await;
    let mut viewer = muster_proto::v1::members_client::MembersClient::new(viewer);
    assert_eq!(
        viewer
            .list_members(request(&token))
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    let list = wire::ListInvitationsRequest {
        page_size: 1,
        page_token: token,
        all: true,
    };
    assert_eq!(
        root.list_invitations(list).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

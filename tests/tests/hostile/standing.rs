//! M07 to M09: certificates that end while their connection lasts.

use std::time::{Duration, Instant};

use muster_common::clock::Clock;
use muster_common::timestamp::HOUR;
use muster_common::timestamp::MINUTE;
use muster_mtls::{Credential, PrivateKey};
use muster_proto::v1 as wire;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::operators_client::OperatorsClient;
use muster_tests::eventually;
use tonic::{Code, Request};
use uuid::Uuid;

use super::agent::{Uplink, finding};
use super::world::{ACCOUNT, OTHER, World, accounts};

/// How soon a revocation must be felt.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn ends_at_once(uplink: &mut Uplink, since: Instant) {
    let ended = tokio::time::timeout(AT_ONCE, uplink.ended()).await;
    assert!(ended.is_ok(), "the stream is still open");
    assert!(since.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn m07_a_certificate_that_expires_ends_what_its_connection_may_do() {
    let world = World::at(Clock::system().now(), |config| {
        config.certificates.agent_hours = 1
    })
    .await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut uplink = Uplink::open(channel.clone(), Uuid::new_v4()).await.unwrap();
    uplink.send(1, &[finding(ACCOUNT, "before")]).await.unwrap();
    world.clock.advance(HOUR);
    let status = uplink
        .send(2, &[finding(ACCOUNT, "after")])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    let status = Uplink::open(channel, Uuid::new_v4()).await.err().unwrap();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    assert_eq!(world.all_findings().await.len(), 1);
}

#[tokio::test]
async fn m09_a_revocation_cuts_open_streams_at_once() {
    let world = World::start().await;
    let revoked = world.join(ACCOUNT).await;
    let sibling = world.accept(&world.invite_again(ACCOUNT).await).await;
    let other = world.join(OTHER).await;
    let mut uplink = world.uplink(&revoked.credential).await.unwrap();
    let mut sibling_uplink = world.uplink(&sibling.credential).await.unwrap();
    let mut other_uplink = world.uplink(&other.credential).await.unwrap();
    uplink.send(1, &[finding(ACCOUNT, "before")]).await.unwrap();
    world.revoke(&format!("agents/{}", revoked.agent)).await;
    let since = Instant::now();
    uplink.batch(2, &[finding(ACCOUNT, "after")]).await;
    ends_at_once(&mut uplink, since).await;
    assert!(!world.may_speak(&revoked.credential).await);
    sibling_uplink
        .send(1, &[finding(ACCOUNT, "sibling")])
        .await
        .unwrap();
    // The whole account.
    world.disassociate(ACCOUNT).await;
    let since = Instant::now();
    ends_at_once(&mut sibling_uplink, since).await;
    assert!(!world.may_speak(&sibling.credential).await);
    other_uplink
        .send(1, &[finding(OTHER, "other")])
        .await
        .unwrap();
    assert_eq!(world.all_findings().await.len(), 3, "nothing came after");
}

#[tokio::test]
async fn m09_a_suspended_member_is_silent_until_it_is_resumed() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let mut uplink = world.uplink(&joined.credential).await.unwrap();
    world.suspend(ACCOUNT).await;
    let since = Instant::now();
    ends_at_once(&mut uplink, since).await;
    assert!(!world.may_speak(&joined.credential).await);
    assert!(world.renew(&joined.credential).await.is_err());
    world.resume(ACCOUNT).await;
    assert!(world.may_speak(&joined.credential).await);
    assert!(world.renew(&joined.credential).await.is_ok());
}

/// An account above its rate waits; what waited when its agent was revoked is not stored.
#[tokio::test]
async fn m09_what_still_waits_when_its_agent_is_revoked_is_not_stored() {
    let world = World::with(|config| config.ingest.findings_per_second = 20).await;
    let revoked = world.join(ACCOUNT).await;
    let sibling = world.accept(&world.invite_again(ACCOUNT).await).await;
    let findings = |from: u32, to: u32| -> Vec<_> {
        (from..to)
            .map(|number| finding(ACCOUNT, &number.to_string()))
            .collect()
    };
    let mut uplink = world.uplink(&revoked.credential).await.unwrap();
    let mut sibling_uplink = world.uplink(&sibling.credential).await.unwrap();
    // Two seconds' worth goes through at once; what comes next waits for a second.
    uplink.send(1, &findings(0, 40)).await.unwrap();
    uplink.batch(41, &findings(40, 60)).await;
    eventually("the batch waits", async || {
        let metrics = world.metrics().await;
        metrics.contains("\nmuster_ingest_throttled_total ")
    })
    .await;
    world.revoke(&format!("agents/{}", revoked.agent)).await;
    uplink.ended().await;
    // Who comes later has waited longer.
    sibling_uplink.send(1, &findings(60, 61)).await.unwrap();
    assert_eq!(world.all_findings().await.len(), 41);
}

/// Whoever asks for a removal may be gone before it is durable; once it is, it is felt.
#[tokio::test]
async fn m09_a_removal_whose_caller_does_not_wait_is_felt_all_the_same() {
    let world = World::start().await;
    let mut members = world.members().await;
    for round in 0..20_u32 {
        let account = format!("{round:012}");
        let joined = world.join(&account).await;
        let mut uplink = world.uplink(&joined.credential).await.unwrap();
        let mut request = Request::new(accounts(&account));
        request.set_timeout(Duration::from_micros(200) * round);
        let _ = members.disassociate_members(request).await;
        if world.member_status(&account).await == wire::MemberStatus::Removed {
            ends_at_once(&mut uplink, Instant::now()).await;
        }
    }
}

/// An operator, with a role.
async fn operator(world: &World, name: &str, role: wire::Role) -> Credential {
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
    super::claim::credential(&key, &created.certificate.unwrap())
}

#[tokio::test]
async fn m09_a_revoked_operator_is_cut_off_at_once() {
    let world = World::start().await;
    let ana = operator(&world, "ana", wire::Role::Viewer).await;
    let channel = world.operator(Some(&ana)).await;
    let request = wire::WatchFindingsRequest::default();
    let mut watch = FindingsClient::new(channel.clone())
        .watch_findings(request)
        .await
        .unwrap()
        .into_inner();
    let request = wire::RevokeOperatorRequest {
        name: "operators/ana".to_owned(),
    };
    world
        .operators()
        .await
        .revoke_operator(request)
        .await
        .unwrap();
    let ended = tokio::time::timeout(AT_ONCE, watch.message())
        .await
        .expect("the stream is still open");
    assert!(ended.is_err(), "{ended:?}");
    for channel in [channel, world.operator(Some(&ana)).await] {
        let refused = OperatorsClient::new(channel)
            .get_caller(wire::GetCallerRequest {})
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    }
}

/// A renewed operator's old credential ends with the first use of the new one.
#[tokio::test]
async fn r02_a_replaced_credential_of_an_operator_renews_nothing_and_soon_ends() {
    let world = World::start().await;
    let ana = operator(&world, "ana", wire::Role::Analyst).await;
    let key = PrivateKey::generate();
    let request = wire::RenewOperatorRequest {
        csr: key.request().der.into(),
    };
    let mut client = OperatorsClient::new(world.operator(Some(&ana)).await);
    let renewed = client.renew_operator(request).await.unwrap().into_inner();
    let renewed = super::claim::credential(&key, &renewed);
    let mut new = OperatorsClient::new(world.operator(Some(&renewed)).await);
    new.get_caller(wire::GetCallerRequest {}).await.unwrap();
    let request = wire::RenewOperatorRequest {
        csr: PrivateKey::generate().request().der.into(),
    };
    let refused = client.renew_operator(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // A command that runs may end.
    client.get_caller(wire::GetCallerRequest {}).await.unwrap();
    world.clock.advance(10 * MINUTE);
    let ended = client.get_caller(wire::GetCallerRequest {}).await;
    assert_eq!(ended.unwrap_err().code(), Code::PermissionDenied);
}

//! R01 to R05, R09: renewals with dead, copied and foreign certificates, and with keys that were used before.

use futures::future::join;
use muster_admin::authority::{self, Authority, Lives, Root, Step};
use muster_common::clock::Clock;
use muster_common::timestamp::{HOUR, SECOND};
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use tonic::Code;

use super::agent::Renewing;
use super::claim::credential;
use super::world::{ACCOUNT, World};

/// An agent whose key the test has.
async fn joined_with_key(world: &World) -> (PrivateKey, muster_mtls::Credential) {
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let enrolled = super::claim::Claim::of(world, &invitation, &key)
        .send(world)
        .await
        .unwrap();
    let credential = credential(&key, &enrolled.certificate.unwrap());
    (key, credential)
}

#[tokio::test]
async fn r01_an_expired_certificate_is_not_renewed() {
    let world = World::at(Clock::system().now(), |config| {
        config.certificates.agent_hours = 1
    })
    .await;
    let joined = world.join(ACCOUNT).await;
    world.clock.advance(HOUR - SECOND);
    let channel = world.agent(&joined.credential).await.unwrap();
    let waiting = Renewing::begin(channel.clone()).await.unwrap();
    world.clock.advance(2 * SECOND);
    let status = world.renew(&joined.credential).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    assert!(status.message().contains("expired"), "{status}");
    // Nor in a talk that was opened while it was good.
    let key = PrivateKey::generate();
    waiting.hello(key.request().der).await;
    let status = waiting.finish(&key).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    assert!(
        world
            .audit("agent.renew")
            .await
            .iter()
            .all(|event| event.refused)
    );
}

#[tokio::test]
async fn r02_a_replaced_certificate_that_asks_for_another_stops_its_agent_and_no_other() {
    let world = World::start().await;
    let stolen = world.join(ACCOUNT).await;
    let bystander = world.accept(&world.invite_again(ACCOUNT).await).await;
    let renewed = world.renew(&stolen.credential).await.unwrap();
    let mut uplink = world.uplink(&renewed).await.unwrap();
    // The old one may not even speak.
    assert!(!world.may_speak(&stolen.credential).await);
    // The answer may be cut off with the connection.
    world.renew(&stolen.credential).await.unwrap_err();
    // Whoever it is, it is silent now.
    uplink.ended().await;
    for credential in [&stolen.credential, &renewed] {
        assert!(!world.may_speak(credential).await);
        let status = world.renew(credential).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(status.message().contains("clone"), "{status}");
    }
    assert!(world.may_speak(&bystander.credential).await);
    let quarantined = world.audit("agent.quarantine").await;
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].subject, format!("agents/{}", stolen.agent));
    let agents = world.agents(ACCOUNT).await;
    let state = |id: &str| {
        agents
            .iter()
            .find(|agent| agent.name.ends_with(id))
            .unwrap()
            .state()
    };
    assert_eq!(
        state(&stolen.agent.to_string()),
        wire::AgentState::Quarantined
    );
    assert_eq!(
        state(&bystander.agent.to_string()),
        wire::AgentState::Enrolled
    );
}

/// A renewal whose answer was lost is asked for again with another key: nobody is a clone then.
#[tokio::test]
async fn r02_a_lost_answer_makes_no_clone() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let _lost = world.renew(&joined.credential).await.unwrap();
    assert!(world.may_speak(&joined.credential).await);
    let renewed = world.renew(&joined.credential).await.unwrap();
    assert!(world.may_speak(&renewed).await);
    assert_eq!(world.audit("agent.quarantine").await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r03_of_two_clones_that_renew_at_once_one_goes_on_and_the_other_is_found_out() {
    let world = World::start().await;
    world.create(ACCOUNT).await;
    for _ in 0..12 {
        let joined = world.accept(&world.invite_again(ACCOUNT).await).await;
        let (one, two) = (
            world.agent(&joined.credential).await.unwrap(),
            world.agent(&joined.credential).await.unwrap(),
        );
        let keys = [PrivateKey::generate(), PrivateKey::generate()];
        let renew = async |channel, key: &PrivateKey| {
            let renewing = Renewing::open(channel, key.request().der).await?;
            let renewed = renewing.finish(key).await?;
            world.uplink(&renewed).await.map(|_| renewed)
        };
        let ends = join(renew(one, &keys[0]), renew(two, &keys[1])).await;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for end in [ends.0, ends.1] {
            match end {
                Ok(renewed) => good.push(renewed),
                Err(status) => bad.push(status),
            }
        }
        // One lineage at most; the clone was refused, and that is written down.
        assert!(good.len() <= 1, "both clones go on");
        assert!(
            bad.iter().all(|status| status.code() != Code::Internal),
            "{bad:?}"
        );
        let told = world
            .audit("")
            .await
            .into_iter()
            .filter(|event| event.refused || event.action == "agent.quarantine");
        let id = joined.agent.to_string();
        assert!(
            told.into_iter()
                .any(|event| event.actor.contains(&id) || event.subject.contains(&id))
        );
    }
}

#[tokio::test]
async fn r05_a_renewal_needs_a_key_that_is_not_in_use() {
    let world = World::start().await;
    let (key, credential) = joined_with_key(&world).await;
    let renew = async |key: &PrivateKey| {
        let channel = world.agent(&credential).await.unwrap();
        Renewing::open(channel, key.request().der)
            .await?
            .finish(key)
            .await
    };
    let status = renew(&key).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("new key"), "{status}");
    // Nor by way of a renewal with another key whose answer was never used.
    let between = PrivateKey::generate();
    renew(&between).await.unwrap();
    assert_eq!(renew(&key).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(
        renew(&between).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert!(renew(&PrivateKey::generate()).await.is_ok());
}

#[tokio::test]
async fn r05_a_bad_request_for_a_renewal_changes_nothing_and_is_written_down() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    for csr in [
        Vec::new(),
        vec![0x30; 9_000],
        include_bytes!("requests/p384_sha256.der").to_vec(),
    ] {
        let channel = world.agent(&joined.credential).await.unwrap();
        let mut renewing = Renewing::open(channel, csr).await.unwrap();
        assert_eq!(
            renewing.next().await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    // Once: they all say the same.
    assert_eq!(
        world
            .audit("agent.renew")
            .await
            .iter()
            .filter(|event| event.refused)
            .count(),
        1
    );
    assert!(world.may_speak(&joined.credential).await);
}

/// R09: every step of a rotation, with an agent and an operator from before it.
#[tokio::test]
async fn r09_a_rotation_of_roots_loses_nobody_until_the_old_one_is_retired() {
    let mut world = World::start().await;
    let old = world.join(ACCOUNT).await;
    let folder = authority::folder(&world.config.data_dir);
    let mut agents = vec![old.credential.clone()];
    for step in [Step::Prepare, Step::Activate] {
        world.stop().await;
        Authority::open(&folder, world.clock.clone())
            .unwrap()
            .rotate(Root::Agents, step, Lives::default())
            .unwrap();
        world.serve().await;
        for agent in &agents {
            assert!(world.may_speak(agent).await, "{step:?}");
        }
        agents.push(
            world
                .accept(&world.invite_again(ACCOUNT).await)
                .await
                .credential,
        );
    }
    world.stop().await;
    Authority::open(&folder, world.clock.clone())
        .unwrap()
        .rotate(Root::Agents, Step::Retire, Lives::default())
        .unwrap();
    world.serve().await;
    let speak = [
        world.may_speak(&agents[0]).await,
        world.may_speak(&agents[1]).await,
        world.may_speak(&agents[2]).await,
    ];
    assert_eq!(speak, [false, false, true], "only what the new root signed");
}

//! E25, E26, I04, M12: who stands between, who guesses, and who claims to be somebody by a header.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use muster_admin::authority::{Authority, Names, Root};
use muster_common::clock::Clock;
use muster_common::identity::Identity;
use muster_common::invitation::InvitationId;
use muster_common::timestamp::MINUTE;
use muster_mtls::{Audience, Credential, Listener, PrivateKey, ServerCredential, Trust, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::enrollment_client::EnrollmentClient;
use muster_proto::v1::members_client::MembersClient;
use muster_tests::eventually;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::claim::Claim;
use super::sts::Reply;
use super::tls;
use super::world::{ACCOUNT, OTHER, World, accounts, assert_untouched};

/// A listener of another authority for the same trust domain, and how many got through to it.
async fn impostor(
    world: &World,
    chain: impl FnOnce(Vec<Vec<u8>>) -> Vec<Vec<u8>>,
) -> (String, Arc<AtomicUsize>) {
    let folder = world.folder.path().join("impostor");
    let authority = Authority::create(&folder, &world.domain(), Clock::system()).unwrap();
    let key = PrivateKey::generate();
    let id = world.domain().id(Identity::Admin);
    let issued = authority
        .certify(Root::Servers, &key.public_key(), &id, 24, &Names::default())
        .unwrap();
    let credential = Credential::new(&key, chain(issued.chain)).unwrap();
    let local = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(
        local,
        Audience::Anyone,
        &world.domain(),
        &ServerCredential::new(&credential),
        &[],
    )
    .await
    .unwrap();
    let address = listener.address().unwrap().to_string();
    let through = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&through);
    let mut incoming = listener.incoming(CancellationToken::new());
    tokio::spawn(async move {
        while incoming.next().await.is_some() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, through)
}

#[tokio::test]
async fn e25_an_impostor_at_first_contact_is_told_nothing() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let Trust::Roots(real) = world.trust() else {
        panic!("no roots")
    };
    // With its own root, and with the real root beside it, as anybody can get it from the real server.
    let (own, through_own) = impostor(&world, |chain| chain).await;
    std::fs::remove_dir_all(world.folder.path().join("impostor")).unwrap();
    let (both, through_both) = impostor(&world, |mut chain| {
        chain.truncate(1);
        chain.extend(real.iter().cloned());
        chain
    })
    .await;
    for address in [own, both] {
        let mut lured = invitation.clone();
        lured.endpoint = address;
        let error = muster_agent::identity::decline(&lured).await.unwrap_err();
        assert!(
            matches!(error, muster_agent::identity::Error::Connect(_)),
            "{error}"
        );
    }
    assert_eq!(
        through_own.load(Ordering::SeqCst),
        0,
        "no handshake was finished"
    );
    assert_eq!(
        through_both.load(Ordering::SeqCst),
        0,
        "no handshake was finished"
    );
    assert_untouched(&world, &invitation).await;
}

/// A server of the right root that is not the admin: a certificate of the house for somebody else.
#[tokio::test]
async fn e25_no_other_certificate_of_the_house_passes_for_the_admin() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let local = "127.0.0.1:0".parse().unwrap();
    let own = ServerCredential::new(&joined.credential);
    let listener = Listener::bind(local, Audience::Anyone, &world.domain(), &own, &[])
        .await
        .unwrap();
    let address = listener.address().unwrap().to_string();
    let _incoming = listener.incoming(CancellationToken::new());
    let invitation = world.invite(OTHER).await;
    for trust in [world.trust(), Trust::Pin(invitation.pin)] {
        assert!(
            channel(&address, &trust, &world.domain(), None)
                .await
                .is_err()
        );
    }
}

async fn decline(client: &mut EnrollmentClient<Channel>, id: &str, secret: &[u8]) -> Status {
    let request = wire::DeclineInvitationRequest {
        invitation_id: id.to_owned(),
        invitation_secret: secret.to_vec().into(),
    };
    client.decline_invitation(request).await.unwrap_err()
}

#[tokio::test]
async fn i04_who_keeps_guessing_waits_and_the_invitation_does_not() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let guess = Claim {
        secret: vec![7; 32].into(),
        ..honest.clone()
    };
    for _ in 0..10 {
        assert_eq!(guess.refused(&world).await.code(), Code::PermissionDenied);
    }
    assert_eq!(
        guess.refused(&world).await.code(),
        Code::Unavailable,
        "the guesser waits"
    );
    assert_eq!(
        world.audit("enrollment.refuse").await.len(),
        10,
        "and every guess was told"
    );
    // Somebody else does not.
    let elsewhere =
        tls::channel_from(Ipv4Addr::new(127, 0, 0, 2), world.addresses().enrollment).await;
    assert!(honest.on(elsewhere).await.is_ok());
}

/// Channels for forty calls at a time: each connection takes eight.
async fn strangers(world: &World) -> Vec<Channel> {
    let mut strangers = Vec::new();
    for _ in 0..5 {
        strangers.extend(vec![world.stranger().await; 8]);
    }
    strangers
}

/// Talks that were opened before the guesser had to wait.
#[tokio::test]
async fn i04_guessing_in_many_talks_at_once_gives_no_more_guesses() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let guess = Claim {
        secret: vec![7; 32].into(),
        ..honest
    };
    let strangers = strangers(&world).await;
    let talks = join_all(strangers.into_iter().map(|stranger| guess.open(stranger))).await;
    let mut judged = 0;
    for talk in talks {
        let talk = talk.unwrap();
        let proof = guess.proof(&talk.challenge);
        let status = talk.prove(proof).await.unwrap_err();
        judged += usize::from(status.code() == Code::PermissionDenied);
    }
    assert_eq!(judged, 10);
}

#[tokio::test]
async fn i04_declining_gives_no_further_guesses_and_tells_no_more_than_enrolling() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let mut client = world.enrollment().await;
    let wrong = decline(&mut client, &invitation.id.to_string(), &[7; 32]).await;
    let unknown = decline(&mut client, &InvitationId::random().to_string(), &[7; 32]).await;
    assert_eq!(wrong.code(), Code::PermissionDenied);
    assert_eq!(
        (wrong.code(), wrong.message()),
        (unknown.code(), unknown.message())
    );
    assert_eq!(world.audit("invitation.refuse").await.len(), 2);
    for _ in 2..10 {
        decline(&mut client, &invitation.id.to_string(), &[8; 32]).await;
    }
    let eleventh = decline(
        &mut client,
        &invitation.id.to_string(),
        invitation.secret.as_bytes(),
    )
    .await;
    assert_eq!(eleventh.code(), Code::Unavailable, "{eleventh}");
    assert_untouched(&world, &invitation).await;
    world.clock.advance(MINUTE);
    let request = wire::DeclineInvitationRequest {
        invitation_id: invitation.id.to_string(),
        invitation_secret: invitation.secret.as_bytes().to_vec().into(),
    };
    client.decline_invitation(request).await.unwrap();
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Resigned
    );
}

/// A clock that was set back does not make the wait longer.
#[tokio::test]
async fn i04_a_guesser_waits_a_minute_by_whatever_clock() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let guess = Claim {
        secret: vec![7; 32].into(),
        ..honest.clone()
    };
    for _ in 0..10 {
        guess.refused(&world).await;
    }
    world.clock.advance(-2 * MINUTE);
    let at = world.clock.now();
    assert!(Claim { at, ..honest }.send(&world).await.is_ok());
}

/// M12: the peer is who the connection says, whatever a header claims.
#[tokio::test]
async fn m12_headers_name_nobody() {
    let world = World::start().await;
    let joined = world.join(OTHER).await;
    let root = format!("spiffe://{}/operator/root", world.domain());
    let dressed = |request: wire::MembersRequest| {
        let mut request = Request::new(request);
        for (name, value) in [
            ("x-forwarded-client-cert", format!("By={root};URI={root}")),
            ("x-forwarded-for", "203.0.113.9".to_owned()),
            ("x-real-ip", "203.0.113.9".to_owned()),
            ("x-client-cert", root.clone()),
            ("x-amzn-mtls-clientcert-subject", root.clone()),
            ("authorization", format!("Bearer {root}")),
        ] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    for listener in [
        world.stranger().await,
        world.agent(&joined.credential).await.unwrap(),
    ] {
        let refused = MembersClient::new(listener)
            .delete_members(dressed(accounts(OTHER)))
            .await;
        let code = refused.unwrap_err().code();
        assert!(
            matches!(code, Code::Unauthenticated | Code::PermissionDenied),
            "{code}"
        );
    }
    // Nor does one make another stranger of a guesser.
    let invitation = world.invite(ACCOUNT).await;
    let mut client = world.enrollment().await;
    for number in 0..12 {
        let mut request = Request::new(wire::DeclineInvitationRequest {
            invitation_id: invitation.id.to_string(),
            invitation_secret: vec![7; 32].into(),
        });
        let claimed = format!("203.0.113.{number}").parse().unwrap();
        request.metadata_mut().insert("x-forwarded-for", claimed);
        let status = client.decline_invitation(request).await.unwrap_err();
        let expected = if number < 10 {
            Code::PermissionDenied
        } else {
            Code::Unavailable
        };
        assert_eq!(status.code(), expected, "{number}");
    }
}

/// Strangers who hold every connection of their listener keep nobody away from the others, and give way.
#[tokio::test]
async fn e26_strangers_who_hold_every_connection_keep_nobody_from_the_other_listeners() {
    let world = World::with(|config| config.limits.connections = 4).await;
    let joined = world.join(ACCOUNT).await;
    let address = world.addresses().enrollment;
    let config = Arc::new(tls::Dress::default().config());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(tls::connect(address, Arc::clone(&config)).await.unwrap());
    }
    let mut waiting = tokio::spawn(tls::connect(address, config));
    assert!(world.may_speak(&joined.credential).await);
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Enabled
    );
    assert!(!waiting.is_finished());
    held.pop();
    assert!((&mut waiting).await.unwrap().is_ok());
}

/// However many have an invitation, STS is asked so much at a time; the others are told at once.
#[tokio::test]
async fn e26_sts_is_asked_no_more_than_so_much_at_a_time() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    world.sts.answer(Reply::Silent);
    let strangers = strangers(&world).await;
    let claims: Vec<Claim> = (0..40)
        .map(|_| Claim::of(&world, &invitation, &PrivateKey::generate()))
        .collect();
    let mut ends: FuturesUnordered<_> = claims
        .iter()
        .zip(strangers)
        .map(|(claim, stranger)| claim.on(stranger))
        .collect();
    for _ in 32..40 {
        let status = ends.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("too many agents"), "{status}");
    }
    eventually("the others ask", async || world.sts.asked().len() == 32).await;
    drop(ends);
    assert_untouched(&world, &invitation).await;
}

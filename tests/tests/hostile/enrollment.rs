//! E03 to E06, E15, E16, E18, E19, E24: proofs and challenges of other accounts, keys, talks and servers.

use std::collections::HashSet;

use futures::future::join_all;
use muster_common::timestamp::{MINUTE, SECOND};
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use tonic::Code;

use super::claim::{Bound, Claim};
use super::sts::ROLE;
use super::world::{ACCOUNT, OTHER, World, assert_untouched};

#[tokio::test]
async fn an_honest_agent_enrolls_and_the_request_to_sts_is_exactly_the_rebuilt_one() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Enabled
    );
    assert!(world.may_speak(&joined.credential).await);
    assert_eq!(world.sts.asked().len(), 1);
    assert_eq!(world.sts.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn e03_a_secret_of_one_account_with_the_proof_of_another_enrolls_nobody() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let foreign = world.sts.session(OTHER, ROLE);
    let claim = Claim::by(&world, &invitation, &PrivateKey::generate(), foreign);
    // The invitation's account with a foreign proof; the foreign account with the invitation's secret.
    let mut crossed = claim.clone();
    OTHER.clone_into(&mut crossed.hello.account_id);
    for claim in [claim, crossed] {
        assert_eq!(claim.refused(&world).await.code(), Code::PermissionDenied);
        assert_untouched(&world, &invitation).await;
        let refusal = &world.audit("enrollment.refuse").await[0];
        assert!(refusal.refused);
        let told = format!("{} {}", refusal.subject, refusal.detail);
        assert!(told.contains(ACCOUNT) && told.contains(OTHER), "{told}");
    }
}

#[tokio::test]
async fn e04_of_many_keys_at_once_an_invitation_enrolls_one() {
    let world = World::start().await;
    let mut invitation = world.invite(ACCOUNT).await;
    for round in 1..=8 {
        let stranger = world.stranger().await;
        let claims: Vec<Claim> = (0..24)
            .map(|_| Claim::of(&world, &invitation, &PrivateKey::generate()))
            .collect();
        let ends = join_all(claims.iter().map(|claim| claim.on(stranger.clone()))).await;
        let (enrolled, refused): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
        assert_eq!(enrolled.len(), 1);
        for status in refused.into_iter().filter_map(Result::err) {
            // Spent, or turned away as one of too many failures.
            let code = status.code();
            assert!(
                matches!(code, Code::FailedPrecondition | Code::Unavailable),
                "{status}"
            );
        }
        assert_eq!(world.agents(ACCOUNT).await.len(), round);
        world.clock.advance(MINUTE);
        invitation = world.invite_again(ACCOUNT).await;
    }
}

#[tokio::test]
async fn e05_a_spent_invitation_answers_its_own_key_again_and_no_other() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let claim = Claim::of(&world, &invitation, &key);
    let first = claim.send(&world).await.unwrap();
    let again = Claim::of(&world, &invitation, &key)
        .send(&world)
        .await
        .unwrap();
    assert_eq!(first.certificate, again.certificate, "the same bytes");
    let other = Claim::of(&world, &invitation, &PrivateKey::generate());
    assert_eq!(other.refused(&world).await.code(), Code::FailedPrecondition);
    // The same key with a wrong secret is a stranger's.
    let guess = Claim {
        secret: vec![9; 32].into(),
        ..claim
    };
    assert_eq!(guess.refused(&world).await.code(), Code::PermissionDenied);
    world.clock.advance(10 * MINUTE);
    let late = Claim::of(&world, &invitation, &key);
    assert_eq!(late.refused(&world).await.code(), Code::FailedPrecondition);
    assert_eq!(world.agents(ACCOUNT).await.len(), 1);
}

#[tokio::test]
async fn e06_a_challenge_is_good_for_its_own_talk_once() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let claim = Claim::of(&world, &invitation, &key);
    let stranger = world.stranger().await;
    let [one, two] = [
        claim.open(stranger.clone()).await.unwrap(),
        claim.open(stranger).await.unwrap(),
    ];
    assert_ne!(one.challenge.nonce, two.challenge.nonce);
    // The proof for one talk, said in another one.
    let proof = claim.proof(&one.challenge);
    assert_eq!(
        two.prove(proof.clone()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    drop(one);
    // And in a later connection.
    let later = claim.open(world.stranger().await).await.unwrap();
    assert_eq!(
        later.prove(proof).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e06_challenges_never_repeat() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    let stranger = world.stranger().await;
    let mut seen = HashSet::new();
    for _ in 0..64 {
        let talk = claim.open(stranger.clone()).await.unwrap();
        assert!(seen.insert(talk.challenge.nonce.to_vec()));
    }
}

/// CVE-2025-11621: what is known of one account must not answer for another.
#[tokio::test]
async fn e15_the_same_role_in_two_accounts_stays_two_roles() {
    let world = World::start().await;
    for round in 0..4 {
        for (own, foreign) in [(ACCOUNT, OTHER), (OTHER, ACCOUNT)] {
            let invitation = match round {
                0 => world.invite(own).await,
                _ => world.invite_again(own).await,
            };
            let session = world.sts.session(foreign, ROLE);
            let claim = Claim::by(&world, &invitation, &PrivateKey::generate(), session);
            assert_eq!(claim.refused(&world).await.code(), Code::PermissionDenied);
            world.accept(&invitation).await;
            world.clock.advance(SECOND);
        }
    }
    assert_eq!(world.agents(ACCOUNT).await.len(), 4);
    assert_eq!(world.agents(OTHER).await.len(), 4);
}

#[tokio::test]
async fn e16_a_role_made_anew_is_refused_until_the_member_is_admitted_anew() {
    let world = World::start().await;
    world.join(ACCOUNT).await;
    let anew = world.sts.session_of(ACCOUNT, ROLE, "AROANEWNEWNEWNEW");
    let invitation = world.invite_again(ACCOUNT).await;
    let key = PrivateKey::generate();
    let status = Claim::by(&world, &invitation, &key, anew.clone())
        .refused(&world)
        .await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("made again"), "{status}");
    assert_eq!(world.agents(ACCOUNT).await.len(), 1);
    world.disassociate(ACCOUNT).await;
    let invitation = world.invite_again(ACCOUNT).await;
    let claim = Claim::by(&world, &invitation, &key, anew);
    assert!(claim.send(&world).await.is_ok());
}

/// E18, E19: a signature over another binding is good for nothing here, and ours for nothing elsewhere.
#[tokio::test]
async fn e18_a_proof_that_is_bound_to_anything_else_is_refused() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let honest = Claim::of(&world, &invitation, &key);
    let right = honest.bound.clone();
    let bounds = [
        Bound {
            server_id: Some("spiffe://other.example/admin".to_owned()),
            ..right.clone()
        },
        Bound {
            purpose: Some("renew".to_owned()),
            ..right.clone()
        },
        Bound {
            purpose: Some("0b5a3c8e-6a0e-4c43-8f3e-0f5b8f3c9d11".to_owned()),
            ..right.clone()
        },
        Bound {
            account: Some(OTHER.to_owned()),
            ..right.clone()
        },
        Bound {
            nonce: Some([0; 32]),
            ..right.clone()
        },
        Bound {
            public_key: Some(PrivateKey::generate().public_key()),
            ..right
        },
    ];
    for (number, bound) in bounds.into_iter().enumerate() {
        let status = Claim {
            bound,
            ..honest.clone()
        }
        .refused(&world)
        .await;
        assert_eq!(status.code(), Code::PermissionDenied, "{number}");
        assert!(
            status.message().contains("SignatureDoesNotMatch"),
            "{number}: {status}"
        );
    }
    assert_untouched(&world, &invitation).await;
    assert_eq!(world.sts.faults(), Vec::<String>::new());
    assert!(honest.send(&world).await.is_ok());
}

/// Credentials that the signature does not go with, or whose token is another's.
#[tokio::test]
async fn e18_a_signature_of_other_credentials_is_refused() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let bends: [fn(&mut wire::AccountProof); 3] = [
        |proof| proof.access_key_id = "ASIA0000000000000000".to_owned(),
        |proof| proof.session_token.clear(),
        |proof| proof.session_token = "another".to_owned(),
    ];
    for bend in bends {
        let status = Claim {
            bend,
            ..honest.clone()
        }
        .refused(&world)
        .await;
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    }
    assert_untouched(&world, &invitation).await;
}

/// E24: the answer is lost with the connection, and then with the whole server.
#[tokio::test]
async fn e24_a_lost_answer_can_be_asked_for_again_even_after_a_restart() {
    let mut world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let claim = Claim::of(&world, &invitation, &key);
    let talk = claim.open(world.stranger().await).await.unwrap();
    talk.ask(muster_proto::v1::enroll_request::Message::Proof(
        claim.proof(&talk.challenge),
    ))
    .await;
    // Gone as soon as the proof is out: the server may have got it or not.
    drop(talk);
    let first = Claim::of(&world, &invitation, &key)
        .send(&world)
        .await
        .unwrap();
    world.stop().await;
    world.serve().await;
    let again = Claim::of(&world, &invitation, &key)
        .send(&world)
        .await
        .unwrap();
    assert_eq!(first.certificate, again.certificate);
    assert_eq!(world.agents(ACCOUNT).await.len(), 1);
}

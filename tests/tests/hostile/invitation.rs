//! I01 to I03, I05, I09: invitations of members in every state, replaced ones, and members that go while one is used.

use futures::future::join;
use muster_common::timestamp::{HOUR, SECOND};
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use tonic::Code;

use super::claim::Claim;
use super::world::{ACCOUNT, World, accounts};

#[tokio::test]
async fn i01_only_an_invited_member_is_joined() {
    let world = World::start().await;
    let claim = |invitation: &_| Claim::of(&world, invitation, &PrivateKey::generate());
    // CREATED: the invitation was withdrawn.
    let withdrawn = world.invite(ACCOUNT).await;
    let request = wire::WithdrawInvitationRequest {
        name: withdrawn.id.to_string(),
    };
    world
        .members()
        .await
        .withdraw_invitation(request)
        .await
        .unwrap();
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Created
    );
    assert_eq!(
        claim(&withdrawn).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    // ENABLED with a further invitation, then suspended.
    let first = world.invite_again(ACCOUNT).await;
    world.accept(&first).await;
    let further = world.invite_again(ACCOUNT).await;
    world.suspend(ACCOUNT).await;
    assert_eq!(
        claim(&further).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    world.resume(ACCOUNT).await;
    assert_eq!(
        claim(&further).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    // REMOVED.
    let further = world.invite_again(ACCOUNT).await;
    world.disassociate(ACCOUNT).await;
    assert_eq!(
        claim(&further).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    // DELETED, and created anew.
    let last = world.invite_again(ACCOUNT).await;
    world.delete(ACCOUNT).await;
    assert_eq!(
        claim(&last).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    world.create(ACCOUNT).await;
    assert_eq!(
        claim(&last).refused(&world).await.code(),
        Code::FailedPrecondition
    );
    assert_eq!(
        world.sts.asked().len(),
        1,
        "STS was asked for the one that enrolled"
    );
    assert_eq!(world.agents(ACCOUNT).await.len(), 1);
}

#[tokio::test]
async fn i01_a_declined_invitation_enrolls_nobody() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    muster_agent::identity::decline(&invitation).await.unwrap();
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Resigned
    );
    let claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    assert_eq!(claim.refused(&world).await.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn i02_a_new_invitation_voids_the_one_before() {
    let world = World::start().await;
    let old = world.invite(ACCOUNT).await;
    let new = world.invite_again(ACCOUNT).await;
    let claim = Claim::of(&world, &old, &PrivateKey::generate());
    assert_eq!(claim.refused(&world).await.code(), Code::FailedPrecondition);
    // The secret of one with the name of the other is nobody's.
    let mut mixed = claim.clone();
    mixed.hello.invitation_id = new.id.to_string();
    assert_eq!(mixed.refused(&world).await.code(), Code::PermissionDenied);
    world.accept(&new).await;
}

/// An invitation that had expired when it was replaced is not voided by a write; it must stay out all the same.
#[tokio::test]
async fn i02_an_invitation_that_expired_and_was_replaced_stays_void_when_the_clock_steps_back() {
    let world = World::start().await;
    let old = world.invite(ACCOUNT).await;
    world.clock.advance(HOUR);
    let new = world.invite_again(ACCOUNT).await;
    world.clock.advance(-SECOND);
    let claim = Claim::of(&world, &old, &PrivateKey::generate());
    assert_eq!(claim.refused(&world).await.code(), Code::FailedPrecondition);
    assert_eq!(
        world.invitation_state(&new).await,
        wire::InvitationState::Open
    );
    world.accept(&new).await;
    assert_eq!(claim.refused(&world).await.code(), Code::FailedPrecondition);
    assert_eq!(world.agents(ACCOUNT).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i03_a_member_that_is_deleted_while_it_joins_is_either_joined_or_deleted() {
    let world = World::start().await;
    let (stranger, mut members) = (world.stranger().await, world.members().await);
    let mut ends = [0; 2];
    for number in 0..24 {
        let account = format!("{:012}", 100_000 + number);
        let invitation = world.invite(&account).await;
        let key = PrivateKey::generate();
        let claim = Claim::of(&world, &invitation, &key);
        let talk = claim.open(stranger.clone()).await.unwrap();
        let proof = claim.proof(&talk.challenge);
        let delete = async {
            // At another moment of the enrollment every time.
            for _ in 0..number {
                tokio::task::yield_now().await;
            }
            members.delete_members(accounts(&account)).await.unwrap()
        };
        let (joined, _) = join(talk.prove(proof), delete).await;
        let status = world.member_status(&account).await;
        match joined {
            Ok(enrolled) => {
                assert_eq!(status, wire::MemberStatus::Enabled);
                let credential = super::claim::credential(&key, &enrolled.certificate.unwrap());
                assert!(world.may_speak(&credential).await);
                ends[0] += 1;
            }
            Err(refused) => {
                assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
                assert_eq!(status, wire::MemberStatus::Deleted);
                assert_eq!(world.agents(&account).await, []);
                ends[1] += 1;
                world.clock.advance(10 * SECOND);
            }
        }
    }
    assert_eq!(ends.iter().sum::<usize>(), 24);
}

#[tokio::test]
async fn i09_who_left_comes_back_only_by_a_new_invitation_and_old_certificates_stay_dead() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let mut agent = muster_proto::v1::agent_client::AgentClient::new(
        world.agent(&joined.credential).await.unwrap(),
    );
    // The answer may be cut off with the connection.
    let _ = agent.leave(wire::LeaveRequest {}).await;
    assert_eq!(
        world.member_status(ACCOUNT).await,
        wire::MemberStatus::Resigned
    );
    assert!(!world.may_speak(&joined.credential).await);
    assert!(world.renew(&joined.credential).await.is_err());
    let invitation = world.invite_again(ACCOUNT).await;
    assert!(!world.may_speak(&joined.credential).await);
    let back = world.accept(&invitation).await;
    assert!(world.may_speak(&back.credential).await);
    assert!(
        !world.may_speak(&joined.credential).await,
        "an agent of an earlier time"
    );
    assert!(world.renew(&joined.credential).await.is_err());
}

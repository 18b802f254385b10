//! E01, E02, E07, E08, E09, E17, E27: messages of a wrong form, region or date.

use bytes::Bytes;
use muster_common::timestamp::{HOUR, SECOND};
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use muster_proto::v1::enroll_request::Message as Ask;
use tonic::Code;

use super::claim::Claim;
use super::world::{ACCOUNT, OTHER, World, assert_untouched};

#[tokio::test]
async fn e01_garbage_for_an_invitation_is_refused_in_one_way() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let upper = invitation.id.to_string().to_uppercase();
    let bare = invitation.id.to_string().replace('-', "");
    let long = "A".repeat(40_000);
    let mut told = Vec::new();
    for id in [
        "",
        "x",
        &upper,
        &bare,
        &long,
        "../x",
        "\u{0}",
        &format!("{}\n", invitation.id),
    ] {
        let mut claim = honest.clone();
        id.clone_into(&mut claim.hello.invitation_id);
        told.push(claim.refused(&world).await);
    }
    for secret in [
        &b""[..],
        &invitation.secret.as_bytes()[..31],
        &[7; 33],
        &[0; 40_000],
    ] {
        let secret = Bytes::copy_from_slice(secret);
        told.push(
            Claim {
                secret,
                ..honest.clone()
            }
            .refused(&world)
            .await,
        );
    }
    for status in told {
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(
            status.message().starts_with("the invitation is not valid"),
            "{status}"
        );
    }
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e01_an_unknown_invitation_and_a_wrong_secret_are_told_the_same() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let mut unknown = honest.clone();
    unknown.hello.invitation_id = "0b5a3c8e-6a0e-4c43-8f3e-0f5b8f3c9d11".to_owned();
    let wrong = Claim {
        secret: vec![7; 32].into(),
        ..honest.clone()
    };
    let mut wrong_and_foreign = wrong.clone();
    OTHER.clone_into(&mut wrong_and_foreign.hello.account_id);
    let told = [
        unknown.refused(&world).await,
        wrong.refused(&world).await,
        wrong_and_foreign.refused(&world).await,
    ];
    for status in &told {
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(
            (status.message(), status.details()),
            (told[0].message(), told[0].details())
        );
    }
    assert_eq!(
        world.sts.asked().len(),
        0,
        "STS is not asked in the name of strangers"
    );
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e01_a_message_larger_than_an_enrollment_is_not_read() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let mut claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    claim.hello.agent_version = "v".repeat(65 << 10);
    assert_eq!(claim.refused(&world).await.code(), Code::OutOfRange);
    assert_untouched(&world, &invitation).await;
}

/// What is signed for a later clock cannot be dated for an earlier one: the date of the proof ties the admin's clock to
/// that of STS, so a clock that was set back revives no invitation.
#[tokio::test]
async fn e02_an_expired_invitation_enrolls_nobody_by_whatever_clock() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    world.clock.advance(HOUR);
    let late = Claim::of(&world, &invitation, &PrivateKey::generate());
    let status = late.refused(&world).await;
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("expired"), "{status}");
    world.clock.advance(-HOUR);
    assert_eq!(late.refused(&world).await.code(), Code::PermissionDenied);
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e07_no_region_leads_to_a_host_of_its_own_choice() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    for region in [
        "",
        "us-east-1.evil.com/",
        "evil#",
        "evil#-east-1",
        "a@b-c-1",
        "..",
        "../../x-y-1",
        "US-EAST-1",
        "us-east-1\u{0}",
        "us-east-1\r\nx: y",
        "us-east-1 ",
        "us\u{3002}east-1",
        "us-\u{0435}ast-1",
        // A bucket called `sts` would answer there.
        "s3-eu-west-1",
        &"a-".repeat(150),
    ] {
        let mut hello = honest.clone();
        region.clone_into(&mut hello.hello.region);
        let status = hello.refused(&world).await;
        assert_eq!(
            status.code(),
            Code::InvalidArgument,
            "{region:?} in the hello: {status}"
        );
        let region = region.to_owned();
        let status = Claim {
            region: region.clone(),
            ..honest.clone()
        }
        .refused(&world)
        .await;
        assert_eq!(
            status.code(),
            Code::InvalidArgument,
            "{region:?} in the proof: {status}"
        );
    }
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e08_a_proof_from_another_partition_is_refused() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    for region in ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
        let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
        let status = Claim {
            region: region.to_owned(),
            ..honest
        }
        .refused(&world)
        .await;
        assert_eq!(status.code(), Code::PermissionDenied, "{region}");
    }
    assert_eq!(
        world.sts.asked().len(),
        0,
        "another partition's STS is not asked"
    );
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e09_no_scalar_carries_more_than_itself_into_a_header() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    let bends: [fn(&mut wire::AccountProof); 14] = [
        |proof| proof.access_key_id += "\r\nhost: evil",
        |proof| proof.access_key_id += " ",
        |proof| proof.access_key_id += ", SignedHeaders=host",
        |proof| proof.access_key_id += "\u{0}",
        |proof| proof.access_key_id.clear(),
        |proof| proof.session_token += "\r\nx-amz-date: 1",
        |proof| proof.session_token += "\u{0}",
        |proof| proof.session_token = "t".repeat(4_097),
        |proof| proof.amz_date += "\n",
        |proof| proof.amz_date = format!("{0}, {0}", proof.amz_date),
        |proof| proof.amz_date = "now".to_owned(),
        |proof| proof.signature += ", Signature=00",
        |proof| proof.signature = proof.signature.to_uppercase(),
        |proof| proof.signature.truncate(63),
    ];
    for (number, bend) in bends.into_iter().enumerate() {
        let status = Claim {
            bend,
            ..honest.clone()
        }
        .refused(&world)
        .await;
        assert_eq!(status.code(), Code::InvalidArgument, "{number}: {status}");
    }
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn e17_a_proof_dated_more_than_five_minutes_off_is_refused_before_sts_is_asked() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    for off in [-301, 301, -86_400, 86_400] {
        let at = world.clock.now().plus(off * SECOND);
        let status = Claim {
            at,
            ..honest.clone()
        }
        .refused(&world)
        .await;
        assert_eq!(status.code(), Code::PermissionDenied, "{off} s");
        assert!(status.message().contains("clock"), "{status}");
    }
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
    let at = world.clock.now().plus(-299 * SECOND);
    assert!(Claim { at, ..honest }.send(&world).await.is_ok());
}

#[tokio::test]
async fn e27_an_account_has_one_spelling() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let honest = Claim::of(&world, &invitation, &PrivateKey::generate());
    for account in [
        "",
        "11112222333",
        "1111222233334",
        " 111122223333",
        "111122223333\n",
        "١١١١٢٢٢٢٣٣٣٣",
        "1.1112222e11",
    ] {
        let mut claim = honest.clone();
        account.clone_into(&mut claim.hello.account_id);
        let status = claim.refused(&world).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{account:?}");
    }
    assert_untouched(&world, &invitation).await;
}

#[tokio::test]
async fn a_talk_out_of_order_enrolls_nobody() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    for wrong in [Some(Ask::Hello(claim.hello.clone())), None] {
        let mut talk = claim.open(world.stranger().await).await.unwrap();
        match wrong {
            Some(hello) => talk.ask(hello).await,
            None => talk.ask(Ask::Proof(wire::EnrollProof::default())).await,
        }
        assert_eq!(talk.next().await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert_untouched(&world, &invitation).await;
}

//! I05, L02: no secret stands in a log of any level, in the audit log, in an answer or on the disk.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use super::claim::Claim;
use super::sts::{ROLE, Reply};
use super::world::{ACCOUNT, World};

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Logs all that this process says, at every level.
    fn start() -> Self {
        let lines = Self::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(lines.clone())
            .with_ansi(false)
            .init();
        lines
    }

    /// What was logged, which is a lot.
    fn everything(&self) -> Vec<u8> {
        let log = self.0.lock().clone();
        let text = String::from_utf8_lossy(&log);
        for sign in ["TRACE", "DEBUG", "INFO", "h2::"] {
            assert!(text.contains(sign), "nothing of {sign} is logged");
        }
        log
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A secret in all the spellings in which it could slip out.
struct Canary {
    what: &'static str,
    spellings: Vec<Vec<u8>>,
}

impl Canary {
    fn bytes(what: &'static str, secret: &[u8]) -> Self {
        let hex = |upper: bool| -> String {
            let digits = |byte: &u8| {
                if upper {
                    format!("{byte:02X}")
                } else {
                    format!("{byte:02x}")
                }
            };
            secret.iter().map(digits).collect()
        };
        let listed = format!("{secret:?}");
        Self {
            what,
            spellings: vec![
                secret.to_vec(),
                hex(true).into_bytes(),
                hex(false).into_bytes(),
                // The end depends on what follows.
                STANDARD_NO_PAD
                    .encode(&secret[..secret.len() / 3 * 3])
                    .into_bytes(),
                URL_SAFE_NO_PAD
                    .encode(&secret[..secret.len() / 3 * 3])
                    .into_bytes(),
                listed.trim_matches(['[', ']']).as_bytes().to_vec(),
                format!("{:?}", bytes::Bytes::copy_from_slice(secret))
                    .trim_matches(['b', '"'])
                    .as_bytes()
                    .to_vec(),
            ],
        }
    }

    fn text(what: &'static str, secret: &str) -> Self {
        Self {
            what,
            spellings: vec![secret.as_bytes().to_vec()],
        }
    }

    fn assert_absent(&self, place: &str, text: &[u8]) {
        for spelling in &self.spellings {
            let found = text
                .windows(spelling.len())
                .position(|window| window == spelling);
            if let Some(at) = found {
                let around = &text[at.saturating_sub(300)..(at + 100).min(text.len())];
                panic!(
                    "the {} stands in {place}: {}",
                    self.what,
                    String::from_utf8_lossy(around)
                );
            }
        }
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// What the API answers to everybody who may ask, as debug text.
async fn answers(world: &World) -> String {
    let mut members = world.members().await;
    let listed = members
        .list_members(wire::ListMembersRequest::default())
        .await
        .unwrap();
    let all = wire::ListInvitationsRequest {
        all: true,
        ..Default::default()
    };
    let invitations = members.list_invitations(all).await.unwrap();
    let status = world
        .status()
        .await
        .get_status(wire::GetStatusRequest {})
        .await
        .unwrap();
    let agents = world.agents(ACCOUNT).await;
    format!("{listed:?} {invitations:?} {agents:?} {status:?}")
}

#[tokio::test]
async fn l02_no_secret_is_ever_written_down() {
    let lines = Lines::start();
    let mut world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let mut canaries = vec![
        Canary::bytes("invitation's secret", invitation.secret.as_bytes()),
        Canary::text("printed invitation", &invitation.to_string()),
        Canary::text("private key", key.to_pem().lines().nth(1).unwrap()),
    ];
    // Every way that an enrollment can end.
    let claim = Claim::of(&world, &invitation, &key);
    let foreign = world.sts.session_of(ACCOUNT, "Other", "AROAOTHER");
    let talk = claim.open(world.stranger().await).await.unwrap();
    let proof = claim.proof(&talk.challenge);
    let signed = proof.proof.clone().unwrap();
    canaries.push(Canary::text("signature", &signed.signature));
    canaries.push(Canary::text("session token", &signed.session_token));
    canaries.push(Canary::text(
        "secret key",
        claim.session.credentials.secret_access_key(),
    ));
    canaries.push(Canary::text(
        "foreign session token",
        foreign.credentials.session_token().unwrap(),
    ));
    let later = claim.open(world.stranger().await).await.unwrap();
    later.prove(proof.clone()).await.unwrap_err();
    Claim::by(&world, &invitation, &key, foreign)
        .refused(&world)
        .await;
    world.sts.answer(Reply::Json(500, String::new()));
    claim.refused(&world).await;
    world.sts.answer(Reply::Raw(b"nonsense\r\n".to_vec()));
    claim.refused(&world).await;
    world.sts.answer(Reply::Honest);
    let bend = |proof: &mut wire::AccountProof| proof.signature += "x";
    Claim {
        bend,
        ..claim.clone()
    }
    .refused(&world)
    .await;
    let enrolled = talk.prove(proof).await.unwrap();
    claim.refused_again(&world).await;
    // What comes after.
    let credential = super::claim::credential(&key, &enrolled.certificate.unwrap());
    let renewed = world.renew(&credential).await.unwrap();
    assert!(world.may_speak(&renewed).await);
    world.renew(&credential).await.unwrap_err();
    let declined = world.invite_again(ACCOUNT).await;
    canaries.push(Canary::bytes(
        "declined invitation's secret",
        declined.secret.as_bytes(),
    ));
    muster_agent::identity::decline(&declined).await.unwrap();

    let audit = format!("{:?}", world.audit("").await).into_bytes();
    let mut places = vec![
        ("the audit log".to_owned(), audit),
        ("an answer".to_owned(), answers(&world).await.into_bytes()),
    ];
    world.stop().await;
    places.push(("the log".to_owned(), lines.everything()));
    places.extend(files(&world.config.data_dir));
    for canary in canaries {
        for (place, text) in &places {
            canary.assert_absent(place, text);
        }
    }
}

impl Claim {
    /// The invitation was spent with this key: it is answered again, and another key is refused.
    async fn refused_again(&self, world: &World) {
        assert!(self.send(world).await.is_ok());
        let mut other = self.clone();
        other.hello.csr = PrivateKey::generate().request().der.into();
        other.refused(world).await;
    }
}

/// The role's name is no secret; what proves it is. A refusal names the one and not the other.
#[tokio::test]
async fn i05_a_refusal_names_the_principal_and_no_credential() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let session = world.sts.known_as(
        ACCOUNT,
        &format!("arn:aws:iam::{ACCOUNT}:user/ana"),
        "AIDAEXAMPLE",
    );
    let claim = Claim::by(
        &world,
        &invitation,
        &PrivateKey::generate(),
        session.clone(),
    );
    let status = claim.refused(&world).await;
    assert!(
        status.message().contains("user/ana") && status.message().contains(ROLE),
        "{status}"
    );
    let told = format!("{status:?} {:?}", world.audit("").await);
    for secret in [
        session.credentials.secret_access_key(),
        session.credentials.session_token().unwrap(),
    ] {
        assert!(!told.contains(secret));
    }
}

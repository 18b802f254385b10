//! E22, E23: certificate requests that are none, and those that ask for more than a certificate for their key.
//!
//! The files in `requests/` are `openssl req -new` of keys that no agent has; none of the keys exists any more.

use base64::Engine as _;
use muster_admin::authority::{Authority, Names, Root, requested_key};
use muster_common::clock::Clock;
use muster_common::identity::{AgentId, Identity, TrustDomain};
use muster_common::timestamp::DAY;
use muster_mtls::{PrivateKey, facts, public_key_of};
use muster_proto::v1 as wire;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use tonic::Code;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::claim::Claim;
use super::world::{ACCOUNT, OTHER, World, assert_untouched};

const FOREIGN: [(&str, &[u8]); 10] = [
    ("ed25519", include_bytes!("requests/ed25519.der")),
    ("p224", include_bytes!("requests/p224.der")),
    (
        "p256_compressed",
        include_bytes!("requests/p256_compressed.der"),
    ),
    (
        "p256_explicit",
        include_bytes!("requests/p256_explicit.der"),
    ),
    ("p256_sha1", include_bytes!("requests/p256_sha1.der")),
    ("p384_sha256", include_bytes!("requests/p384_sha256.der")),
    ("p384_sha384", include_bytes!("requests/p384_sha384.der")),
    ("rsa1024", include_bytes!("requests/rsa1024.der")),
    ("rsa2048", include_bytes!("requests/rsa2048.der")),
    ("secp256k1", include_bytes!("requests/secp256k1.der")),
];

#[tokio::test]
async fn e22_only_a_whole_request_of_a_p256_key_is_one() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let good = PrivateKey::generate().request().der;
    let mut wrong: Vec<(&str, Vec<u8>)> = FOREIGN.map(|(name, der)| (name, der.to_vec())).to_vec();
    wrong.push(("nothing", Vec::new()));
    wrong.push(("trailing bytes", [good.as_slice(), &[0]].concat()));
    wrong.push(("twice", [good.as_slice(), &good].concat()));
    wrong.push(("cut", good[..good.len() - 1].to_vec()));
    wrong.push((
        "indefinite length",
        [&[0x30, 0x80], &good[3..], &[0, 0]].concat(),
    ));
    wrong.push(("large", vec![0x30; 9 << 10]));
    let mut signature = good.clone();
    *signature.last_mut().unwrap() ^= 1;
    wrong.push(("another signature", signature));
    for (what, csr) in wrong {
        world.clock.advance(60_000);
        let mut claim = Claim::of(&world, &invitation, &PrivateKey::generate());
        claim.hello.csr = csr.into();
        let status = claim.refused(&world).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status}");
    }
    assert_eq!(world.sts.asked().len(), 0);
    assert_untouched(&world, &invitation).await;
}

/// The key's owner signed the request: one that was changed gives no other key, and nothing panics.
#[test]
fn e22_a_changed_request_gives_no_other_key() {
    let key = PrivateKey::generate();
    let good = key.request().der;
    assert_eq!(requested_key(&good).unwrap(), key.public_key());
    let mut refused = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            match requested_key(&changed) {
                Ok(same) => assert_eq!(same, key.public_key(), "byte {at}"),
                Err(_) => refused += 1,
            }
        }
        assert!(requested_key(&good[..at]).is_err(), "cut at {at}");
    }
    // What is not signed is the frame around it.
    assert!(
        refused > 8 * good.len() - 20,
        "{refused} of {}",
        8 * good.len()
    );
}

/// A request for everything that an agent must not be.
fn greedy(key: &KeyPair, world: &World) -> Vec<u8> {
    let domain = world.domain();
    let mut params = CertificateParams::new(vec!["admin.muster.example".to_owned()]).unwrap();
    let uri = |path: &str| SanType::URI(format!("spiffe://{domain}/{path}").try_into().unwrap());
    params.subject_alt_names.push(uri("admin"));
    params.subject_alt_names.push(uri("operator/root"));
    params
        .subject_alt_names
        .push(uri(&format!("account/{OTHER}/agent/{}", AgentId::random())));
    params.distinguished_name.push(DnType::CommonName, "admin");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::Any,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    params.serialize_request(key).unwrap().der().to_vec()
}

/// E23, R04: only the key comes from the request, in an enrollment and in a renewal.
#[tokio::test]
async fn e23_a_greedy_request_gets_what_everybody_gets() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = KeyPair::generate().unwrap();
    let own = PrivateKey::from_pem(&key.serialize_pem()).unwrap();
    let mut claim = Claim::of(&world, &invitation, &own);
    claim.hello.csr = greedy(&key, &world).into();
    let enrolled = claim.send(&world).await.unwrap();
    let certificate = enrolled.certificate.unwrap();
    assert_plain_leaf(&certificate, &own.public_key());
    let credential = super::claim::credential(&own, &certificate);

    let next = KeyPair::generate().unwrap();
    let own = PrivateKey::from_pem(&next.serialize_pem()).unwrap();
    let agent = world.agent(&credential).await.unwrap();
    let mut renewing = super::agent::Renewing::open(agent, greedy(&next, &world))
        .await
        .unwrap();
    let Ok(wire::renew_response::Message::Certificate(renewed)) = renewing.next().await else {
        panic!("no certificate");
    };
    assert_plain_leaf(&renewed, &own.public_key());
    let renewed = super::claim::credential(&own, &renewed);
    assert_eq!(renewed.facts().id, credential.facts().id);
}

fn assert_plain_leaf(certificate: &wire::Certificate, public_key: &[u8]) {
    let leaf = &certificate.chain[0];
    let facts = facts(leaf).unwrap();
    assert!(
        facts
            .id
            .to_string()
            .starts_with(&format!("spiffe://muster.example/account/{ACCOUNT}/agent/"))
    );
    assert_eq!(public_key_of(leaf).unwrap(), public_key);
    let (rest, parsed) = X509Certificate::from_der(leaf).unwrap();
    assert!(rest.is_empty());
    assert_eq!(parsed.subject().iter().count(), 0);
    assert!(!parsed.is_ca());
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical);
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
    let usage = parsed.key_usage().unwrap().unwrap();
    assert_eq!(usage.value.flags, 1, "digitalSignature alone");
    let purposes = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(
        purposes.client_auth && !purposes.server_auth && !purposes.any && purposes.other.is_empty()
    );
    assert_eq!(parsed.extensions().len(), 6, "and two key identifiers");
    let life = facts.not_after.since(facts.not_before);
    assert_eq!(life, (24 * 60 + 1) * 60_000, "a day, and a minute back");
}

/// An extension that nobody here knows is refused, critical or not.
#[tokio::test]
async fn e23_a_request_with_an_unknown_extension_is_refused() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = KeyPair::generate().unwrap();
    for critical in [false, true] {
        let mut params = CertificateParams::default();
        let mut extension =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(critical);
        params.custom_extensions = vec![extension];
        let mut claim = Claim::of(&world, &invitation, &PrivateKey::generate());
        claim.hello.csr = params
            .serialize_request(&key)
            .unwrap()
            .der()
            .to_vec()
            .into();
        assert_eq!(claim.refused(&world).await.code(), Code::InvalidArgument);
    }
    assert_untouched(&world, &invitation).await;
}

/// A key that is PEM where DER is asked for is no key, and its bytes come back nowhere.
#[tokio::test]
async fn e22_a_private_key_sent_by_mistake_is_not_repeated() {
    let world = World::start().await;
    let invitation = world.invite(ACCOUNT).await;
    let key = PrivateKey::generate();
    let mut claim = Claim::of(&world, &invitation, &key);
    let pem = key.to_pem().to_string();
    claim.hello.csr = pem.clone().into_bytes().into();
    let status = claim.refused(&world).await;
    let line = pem.lines().nth(1).unwrap();
    let coded = base64::engine::general_purpose::STANDARD.encode(line);
    let told = format!("{status:?} {:?}", world.audit("").await);
    assert!(!told.contains(line) && !told.contains(&coded));
}

/// R08: whatever the clock says, no certificate ends before it begins.
#[test]
fn r08_a_root_that_has_expired_certifies_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let domain: TrustDomain = "muster.example".parse().unwrap();
    let clock = Clock::standing_at(Clock::system().now());
    let authority = Authority::create(folder.path(), &domain, clock.clone()).unwrap();
    let key = PrivateKey::generate().public_key();
    let id = domain.id(Identity::Admin);
    let certify = || authority.certify(Root::Servers, &key, &id, 24, &Names::default());
    for _ in 0..5 * 365 {
        let issued = certify().unwrap();
        let facts = facts(&issued.chain[0]).unwrap();
        assert!(facts.not_before < clock.now() && clock.now() < facts.not_after);
        clock.advance(DAY);
    }
    assert!(certify().is_err());
}

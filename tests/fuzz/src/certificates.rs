//! Certificates and certificate requests: whoever gets in has exactly one name of the product's grammar, that an authority
//! wrote; and of a request nothing but its key comes into a certificate.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use muster_admin::authority::{Authority, Issued, Names, Root, requested_key};
use muster_common::clock::Clock;
use muster_common::identity::{Identity, SpiffeId, TrustDomain};
use muster_common::timestamp::{DAY, HOUR, Timestamp};
use muster_mtls::fuzzing::{Door, client, pinned_server};
use muster_mtls::{Audience, PrivateKey, facts, pem_certificates, public_key_of, root_pin};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const AGENT: &str =
    "spiffe://muster.example/account/111122223333/agent/0191d3a8-7c44-4cde-9f8e-2f4f9c1f7a10";
const OPERATOR: &str = "spiffe://muster.example/operator/ana";
const ADMIN: &str = "spiffe://muster.example/admin";

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    match choice % 6 {
        0 => any_certificate(rest),
        1 => damaged_certificate(rest),
        2 => drop(certificate_of_parts(&mut Unstructured::new(rest))),
        3 => request(rest),
        4 => drop(request_of_parts(&mut Unstructured::new(rest))),
        _ => {
            let text = String::from_utf8_lossy(rest);
            for der in pem_certificates(&text).unwrap_or_default() {
                any_certificate(&der);
            }
        }
    }
}

/// An authority of the product with a leaf of each kind, and one of ours that signs whatever it is told to.
struct World {
    authority: Authority,
    domain: TrustDomain,
    leaves: [Issued; 3],
    root: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    /// Of what the parts make.
    leaf_key: KeyPair,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is room for keys");
    let domain: TrustDomain = "muster.example".parse().expect("it is a domain");
    let clock = Clock::standing_at(NOW);
    let authority = Authority::create(folder.path(), &domain, clock).expect("the folder is empty");
    let key = PrivateKey::generate();
    let leaf = |root, id: &str| {
        let id: SpiffeId = id.parse().expect("it is an id");
        let names = Names::default();
        let issued = authority.certify(root, &key.public_key(), &id, 24, &names);
        issued.expect("the root is active")
    };
    let leaves = [
        leaf(Root::Agents, AGENT),
        leaf(Root::Operators, OPERATOR),
        leaf(Root::Servers, ADMIN),
    ];
    let root_key = KeyPair::generate().expect("a key is made");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.not_before = at(NOW.plus(-DAY));
    params.not_after = at(NOW.plus(400 * DAY));
    let root = params.self_signed(&root_key).expect("it signs itself");
    World {
        authority,
        domain,
        leaves,
        root: root.der().to_vec(),
        issuer: Issuer::new(params, root_key),
        leaf_key: KeyPair::generate().expect("a key is made"),
    }
});

fn at(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.as_seconds()).expect("it is a time of ours")
}

fn door(audience: Audience, roots: Vec<Vec<u8>>) -> Door {
    Door {
        client_roots: roots,
        audience,
        domain: WORLD.domain.clone(),
    }
}

/// Every door of the product, with who may come in.
fn doors() -> [(Door, Root); 2] {
    [
        (Audience::Agents, Root::Agents),
        (Audience::Operators, Root::Operators),
    ]
    .map(|(audience, root)| (door(audience, WORLD.authority.trusted(root)), root))
}

fn any_certificate(der: &[u8]) {
    let _ = (public_key_of(der), root_pin(der));
    if let Ok(facts) = facts(der) {
        assert_eq!(facts.id.to_string().parse().as_ref(), Ok(&facts.id));
        assert_eq!(facts.serial.to_string().parse(), Ok(facts.serial));
    }
    for (door, _) in doors() {
        assert!(client(&door, &[der.to_vec()], NOW).is_err(), "a stranger");
    }
}

/// A certificate of ours in which bytes were changed lets in nobody else than before.
fn damaged_certificate(edits: &[u8]) {
    let Some((which, edits)) = edits.split_first() else {
        return;
    };
    let leaf = &WORLD.leaves[usize::from(*which) % 3];
    let mut chain = leaf.chain.clone();
    for edit in edits.chunks_exact(4) {
        let certificate = &mut chain[usize::from(edit[0] >> 7)];
        let place = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % certificate.len();
        if edit[0] & 1 == 0 {
            certificate[place] ^= edit[3];
        } else {
            certificate.truncate(place);
            if certificate.is_empty() {
                return;
            }
        }
    }
    let before = facts(&leaf.chain[0]).expect("it was issued");
    for (door, root) in doors() {
        if client(&door, &chain, NOW).is_ok() {
            let after = facts(&chain[0]).expect("it was let in");
            assert_eq!(after, before, "another one was let in");
            assert_eq!(
                root.name(),
                ["agents", "operators", "servers"][usize::from(*which) % 3]
            );
        }
    }
    let pin = WORLD.authority.server_pin().expect("the root is active");
    if pinned_server(pin, &WORLD.domain, &chain, NOW).is_ok() {
        let after = facts(&chain[0]).expect("it was trusted");
        assert_eq!(after, before, "another server was trusted");
        assert_eq!(after.id.identity, Identity::Admin);
    }
}

#[derive(Arbitrary, Debug)]
enum Name {
    Agent,
    Operator,
    Admin,
    /// An agent of another domain.
    Foreign,
    Other(String),
    Dns(String),
}

impl Name {
    fn text(&self) -> String {
        match self {
            Self::Agent => AGENT.to_owned(),
            Self::Operator => OPERATOR.to_owned(),
            Self::Admin => ADMIN.to_owned(),
            Self::Foreign => AGENT.replace("muster.example", "other.example"),
            Self::Other(text) | Self::Dns(text) => text.clone(),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Parts {
    names: Vec<Name>,
    authority: bool,
    client: bool,
    server: bool,
    serial: Vec<u8>,
    from_hours: i8,
    to_hours: i8,
    common_name: Option<String>,
    extension: Option<(u8, Vec<u8>, bool)>,
}

impl Parts {
    /// `None` if rcgen does not write it.
    fn params(&self) -> Option<CertificateParams> {
        let mut params = CertificateParams::default();
        for name in &self.names {
            let text = Ia5String::try_from(name.text()).ok()?;
            params.subject_alt_names.push(match name {
                Name::Dns(_) => SanType::DnsName(text),
                Name::Agent | Name::Operator | Name::Admin | Name::Foreign | Name::Other(_) => {
                    SanType::URI(text)
                }
            });
        }
        if let Some(name) = &self.common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        if let Some((arc, content, critical)) = &self.extension {
            let oid = [1, 3, 6, 1, 4, 1, 55_555, u64::from(*arc)];
            let mut extension = CustomExtension::from_oid_content(&oid, content.clone());
            extension.set_criticality(*critical);
            params.custom_extensions.push(extension);
        }
        Some(params)
    }
}

/// Whoever a trusted root certifies gets in with one name of the right kind, as a leaf, in its time, or not at all.
fn certificate_of_parts(dice: &mut Unstructured<'_>) -> Option<()> {
    let parts = Parts::arbitrary(dice).ok()?;
    let mut params = parts.params()?;
    params.is_ca = if parts.authority {
        IsCa::Ca(BasicConstraints::Unconstrained)
    } else {
        IsCa::ExplicitNoCa
    };
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for (wanted, purpose) in [
        (parts.client, ExtendedKeyUsagePurpose::ClientAuth),
        (parts.server, ExtendedKeyUsagePurpose::ServerAuth),
    ] {
        if wanted {
            params.extended_key_usages.push(purpose);
        }
    }
    params.serial_number = Some(SerialNumber::from_slice(&parts.serial));
    let (from, to) = (
        NOW.plus(i64::from(parts.from_hours) * HOUR),
        NOW.plus(i64::from(parts.to_hours) * HOUR),
    );
    (params.not_before, params.not_after) = (at(from), at(to));
    let leaf = params.signed_by(&WORLD.leaf_key, &WORLD.issuer).ok()?;
    let uris: Vec<&Name> = parts
        .names
        .iter()
        .filter(|name| !matches!(name, Name::Dns(_)))
        .collect();
    let named = match uris[..] {
        [name] => name.text().parse::<SpiffeId>().ok(),
        _ => None,
    };
    let named = named.filter(|id| id.domain == WORLD.domain);
    let usages = parts.client || !parts.server;
    let good = !parts.authority && usages && from <= NOW && NOW <= to;
    for audience in [Audience::Agents, Audience::Operators, Audience::Anyone] {
        let door = door(audience, vec![WORLD.root.clone()]);
        let right = named.as_ref().is_some_and(|id| match id.identity {
            Identity::Agent { .. } => audience == Audience::Agents,
            Identity::Operator(_) => audience == Audience::Operators,
            Identity::Admin => false,
        });
        let entered = client(&door, &[leaf.der().to_vec()], NOW).is_ok();
        assert!(!entered || right && good, "{audience:?} {parts:?}");
        let plain = parts.extension.is_none()
            && parts.common_name.is_none()
            && parts.names.len() == 1
            && parts.client
            && parts.serial.len() == 16
            && (1..0x80).contains(&parts.serial[0]);
        assert!(
            entered || !(plain && right && good),
            "{audience:?} {parts:?}"
        );
    }
    Some(())
}

/// A request is refused, or gives a key that gets a certificate like any other.
fn request(csr: &[u8]) {
    if let Ok(key) = requested_key(csr) {
        certified(&key);
    }
}

fn request_of_parts(dice: &mut Unstructured<'_>) -> Option<()> {
    let parts = Parts::arbitrary(dice).ok()?;
    let edits = <[(u16, u8); 2]>::arbitrary(dice).ok()?;
    let params = parts.params()?;
    let csr = params.serialize_request(&WORLD.leaf_key).ok()?;
    let mut der = csr.der().to_vec();
    let whole = requested_key(&der).ok();
    for (at, with) in edits {
        let at = usize::from(at) % der.len();
        der[at] ^= with;
    }
    let damaged = requested_key(&der).ok();
    let key = WORLD.leaf_key.subject_public_key_info();
    for asked in [whole, damaged].into_iter().flatten() {
        assert_eq!(asked, key, "another key was taken");
        certified(&asked);
    }
    Some(())
}

/// A certificate for a key differs from any other of its kind in the key alone.
fn certified(key: &[u8]) {
    let id: SpiffeId = AGENT.parse().expect("it is an id");
    let issued = WORLD
        .authority
        .certify(Root::Agents, key, &id, 24, &Names::default())
        .expect("a requested key can be certified");
    let leaf = &issued.chain[0];
    let facts = facts(leaf).expect("it was issued");
    assert_eq!(facts.id, id);
    assert_eq!(facts.public_key, key);
    assert_eq!(facts.serial, issued.serial);
    assert_eq!(shape(leaf), shape(&WORLD.leaves[0].chain[0]));
    let [(agents, _), (operators, _)] = doors();
    assert_eq!(client(&agents, &issued.chain, NOW), Ok(()));
    assert!(client(&operators, &issued.chain, NOW).is_err());
}

/// Names, usages and limits of a certificate.
fn shape(der: &[u8]) -> Vec<String> {
    let (_, certificate) = X509Certificate::from_der(der).expect("it was issued");
    let validity = certificate.validity();
    let extensions = certificate.extensions().iter().map(|extension| {
        let of_key = matches!(
            extension.parsed_extension(),
            ParsedExtension::SubjectKeyIdentifier(_)
        );
        let value = if of_key { &[] } else { extension.value };
        format!("{} {} {value:?}", extension.oid, extension.critical)
    });
    [
        certificate.subject().to_string(),
        certificate.issuer().to_string(),
        format!("{} {}", validity.not_before, validity.not_after),
        format!("{:?}", certificate.signature_algorithm.algorithm),
    ]
    .into_iter()
    .chain(extensions)
    .collect()
}

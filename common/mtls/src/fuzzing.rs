//! A door for fuzzing to the verifiers, which rustls calls otherwise.

use std::time::Duration;

use muster_common::identity::TrustDomain;
use muster_common::invitation::RootPin;
use muster_common::timestamp::Timestamp;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;

use crate::verify::{AdminVerifier, Anchor, Audience, ClientVerifier};

/// What a listener goes by.
#[derive(Clone, Debug)]
pub struct Door {
    pub client_roots: Vec<Vec<u8>>,
    pub audience: Audience,
    pub domain: TrustDomain,
}

/// Whether a listener accepts these certificates, the leaf first. That the peer has the leaf's key is not asked.
///
/// # Errors
/// Why not.
pub fn client(door: &Door, chain: &[Vec<u8>], now: Timestamp) -> Result<(), String> {
    let verifier = ClientVerifier::new(&door.client_roots, door.audience, door.domain.clone())
        .map_err(|error| error.to_string())?;
    let (leaf, rest) = certificates(chain)?;
    verifier
        .verify_client_cert(&leaf, &rest, time(now))
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Whether an agent accepts the certificates of a server that it knows by a pin.
///
/// # Errors
/// Why not.
pub fn pinned_server(
    pin: RootPin,
    domain: &TrustDomain,
    chain: &[Vec<u8>],
    now: Timestamp,
) -> Result<(), String> {
    let verifier = AdminVerifier::new(Anchor::Pin(pin), domain.clone());
    let (leaf, rest) = certificates(chain)?;
    let name = ServerName::try_from("muster.invalid").map_err(|error| error.to_string())?;
    verifier
        .verify_server_cert(&leaf, &rest, &name, &[], time(now))
        .map(drop)
        .map_err(|error| error.to_string())
}

type Chain<'a> = (CertificateDer<'a>, Vec<CertificateDer<'a>>);

fn certificates(chain: &[Vec<u8>]) -> Result<Chain<'_>, String> {
    let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
    let leaf = chain.next().ok_or("no certificate")?;
    Ok((leaf, chain.collect()))
}

fn time(now: Timestamp) -> UnixTime {
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

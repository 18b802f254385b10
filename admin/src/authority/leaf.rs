//! Leaf certificates: everything in one is chosen here; from outside comes only the public key.
//!
//! rcgen would copy a hostile request's names, usages and even its wish to be an authority into the certificate
//! (measured), so the request is read for its key and its proof of possession and dropped.

use muster_common::identity::{Identity, Serial, SpiffeId};
use muster_common::timestamp::{HOUR, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};

use super::keyring::Held;
use super::validity::{BACK_DATE, offset_time};
use super::{Error, Issued};

const HOURS_MAX: u32 = 31 * 24;
/// Requests larger than this are refused unread.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// A P-256 point that is not compressed.
const POINT_BYTES: usize = 65;

/// What else a server is called: host names and addresses, for clients that check them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

/// A P-256 public key from outside.
struct PublicKey(Vec<u8>);

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

pub(super) fn requested_key(csr: &[u8]) -> Result<Vec<u8>, Error> {
    if csr.len() > REQUEST_BYTES_MAX || !is_one_sequence(csr) {
        return Err(Error::PublicKey);
    }
    let request =
        CertificateSigningRequestParams::from_der(&csr.into()).map_err(|_| Error::PublicKey)?;
    let key = request.public_key;
    if key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 || !is_point(key.der_bytes()) {
        return Err(Error::PublicKey);
    }
    Ok(key.subject_public_key_info())
}

/// Whether these bytes are one DER sequence and nothing else: the parser leaves unread what follows.
fn is_one_sequence(der: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    match *der {
        [SEQUENCE, length @ ..=0x7f, ref rest @ ..] => rest.len() == usize::from(length),
        [SEQUENCE, 0x81, length @ 0x80..=0xff, ref rest @ ..] => rest.len() == usize::from(length),
        [SEQUENCE, 0x82, high @ 1..=0xff, low, ref rest @ ..] => {
            rest.len() == usize::from(u16::from_be_bytes([high, low]))
        }
        _ => false,
    }
}

/// Whether this is a P-256 point, not compressed. rcgen tells the curve by the signature alone, so that a P-384 key that
/// signed with SHA-256 would pass for one.
fn is_point(bytes: &[u8]) -> bool {
    bytes.len() == POINT_BYTES && bytes[0] == 4
}

pub(super) fn issue(
    signer: &Held,
    public_key: &[u8],
    id: &SpiffeId,
    hours: u32,
    names: &Names,
    now: Timestamp,
) -> Result<Issued, Error> {
    if hours == 0 || hours > HOURS_MAX {
        return Err(Error::Lifetime);
    }
    let signing = |error: rcgen::Error| Error::Signing(error.to_string());
    let serial = Serial::random();
    let not_before = now.plus(-BACK_DATE);
    let not_after = now
        .plus(i64::from(hours) * HOUR)
        .min(signer.facts.not_after);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.not_before = offset_time(not_before);
    params.not_after = offset_time(not_after);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match id.identity {
        Identity::Admin => ExtendedKeyUsagePurpose::ServerAuth,
        Identity::Agent { .. } | Identity::Operator(_) => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    params.use_authority_key_identifier_extension = true;
    let uri = Ia5String::try_from(id.to_string()).map_err(signing)?;
    params.subject_alt_names = vec![SanType::URI(uri)];
    for name in &names.0 {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(Ia5String::try_from(name.as_str()).map_err(signing)?),
        });
    }
    let key = PublicKey(raw_key(public_key)?);
    let issuer = Issuer::from_ca_cert_der(&signer.certificate.as_slice().into(), &signer.key)
        .map_err(signing)?;
    let certificate = params.signed_by(&key, &issuer).map_err(signing)?;
    Ok(Issued {
        chain: vec![certificate.der().to_vec(), signer.certificate.clone()],
        serial,
        not_before,
        not_after,
    })
}

/// The point of a P-256 SubjectPublicKeyInfo, whose header has one form only.
fn raw_key(public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let start = public_key
        .len()
        .checked_sub(POINT_BYTES)
        .ok_or(Error::PublicKey)?;
    Ok(public_key[start..].to_vec())
}

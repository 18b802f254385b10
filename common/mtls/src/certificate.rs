//! Reading certificates: whose they are, how long they hold, and nothing that they merely claim.

use muster_common::identity::{Serial, SpiffeId};
use muster_common::invitation::RootPin;
use muster_common::timestamp::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a leaf certificate of this product says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    pub id: SpiffeId,
    pub serial: Serial,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    #[error("it is not a certificate")]
    Syntax,
    #[error("it has {0} URI names; exactly one is allowed")]
    Names(usize),
    #[error("{0}")]
    Name(#[from] muster_common::identity::InvalidIdentity),
    #[error("it is an authority's certificate")]
    Authority,
    #[error("its serial number is not one of ours")]
    Serial,
}

/// Reads a leaf certificate in DER. Its signature is not checked here.
///
/// # Errors
/// [`InvalidCertificate`] if it is not of the shape that the authority issues.
pub fn facts(der: &[u8]) -> Result<CertificateFacts, InvalidCertificate> {
    let certificate = parse(der)?;
    if certificate.is_ca() {
        return Err(InvalidCertificate::Authority);
    }
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| InvalidCertificate::Syntax)?
        .map(|names| names.value.general_names.as_slice())
        .unwrap_or_default();
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| {
            let GeneralName::URI(uri) = name else {
                return None;
            };
            Some(*uri)
        })
        .collect();
    let [uri] = uris[..] else {
        return Err(InvalidCertificate::Names(uris.len()));
    };
    let validity = certificate.validity();
    Ok(CertificateFacts {
        id: uri.parse()?,
        serial: Serial::from_bytes(certificate.raw_serial()).ok_or(InvalidCertificate::Serial)?,
        public_key: certificate.public_key().raw.to_vec(),
        not_before: Timestamp::from_seconds(validity.not_before.timestamp()),
        not_after: Timestamp::from_seconds(validity.not_after.timestamp()),
    })
}

/// The public key of a certificate: SubjectPublicKeyInfo in DER.
///
/// # Errors
/// [`InvalidCertificate::Syntax`].
pub fn public_key_of(der: &[u8]) -> Result<Vec<u8>, InvalidCertificate> {
    Ok(parse(der)?.public_key().raw.to_vec())
}

/// The pin of a root certificate.
///
/// # Errors
/// [`InvalidCertificate::Syntax`].
pub fn root_pin(der: &[u8]) -> Result<RootPin, InvalidCertificate> {
    Ok(RootPin::of(parse(der)?.public_key().raw))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InvalidCertificate> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(InvalidCertificate::Syntax),
    }
}

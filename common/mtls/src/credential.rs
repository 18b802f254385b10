//! Credentials: a private key and the certificate that goes with it. A key is made where it is used and never travels.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::certificate::{CertificateFacts, InvalidCertificate, facts, public_key_of};

/// An ECDSA P-256 key.
pub struct PrivateKey(KeyPair);

/// A request for a certificate: PKCS #10 in DER. Only the public key in it counts.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    pub der: Vec<u8>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
}

/// A key with its certificate chain, the leaf first.
#[derive(Clone)]
pub struct Credential {
    certified: Arc<CertifiedKey>,
    facts: CertificateFacts,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum InvalidCredential {
    #[error("the private key cannot be read")]
    Key,
    #[error("the chain has no certificate")]
    Empty,
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] InvalidCertificate),
    #[error("the certificate does not belong to the private key")]
    Mismatch,
}

impl PrivateKey {
    /// # Panics
    /// The machine gives no random numbers.
    #[must_use]
    pub fn generate() -> Self {
        Self(
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
                .expect("the machine gives random numbers"),
        )
    }

    /// # Errors
    /// [`InvalidCredential::Key`] if this is no PKCS #8 key of ours.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCredential> {
        KeyPair::from_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|_| InvalidCredential::Key)
    }

    /// PKCS #8. Keep it where only its owner reads.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// Asks for a certificate; proves that the asker has the key.
    ///
    /// # Panics
    /// Never: the request holds nothing that could be refused.
    #[must_use]
    pub fn request(&self) -> SigningRequest {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params
            .serialize_request(&self.0)
            .expect("an empty request is signed by a P-256 key");
        SigningRequest {
            der: request.der().to_vec(),
            public_key: self.public_key(),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private key]")
    }
}

impl Credential {
    /// Puts a key and its certificates together.
    ///
    /// # Errors
    /// [`InvalidCredential`] if they do not belong together or the leaf is not of this product.
    pub fn new(key: &PrivateKey, chain: Vec<Vec<u8>>) -> Result<Self, InvalidCredential> {
        let leaf = chain.first().ok_or(InvalidCredential::Empty)?;
        let facts = facts(leaf)?;
        if public_key_of(leaf)? != key.public_key() {
            return Err(InvalidCredential::Mismatch);
        }
        let der =
            PrivateKeyDer::try_from(key.0.serialize_der()).map_err(|_| InvalidCredential::Key)?;
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der)
            .map_err(|_| InvalidCredential::Key)?;
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Ok(Self {
            certified: Arc::new(CertifiedKey::new(chain, signing)),
            facts,
        })
    }

    #[must_use]
    pub const fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, {})", self.facts.id, self.facts.serial)
    }
}

/// The certificates in a PEM text, in DER.
///
/// # Errors
/// [`InvalidCredential::Certificate`] if a part of it is not PEM.
pub fn pem_certificates(pem: &str) -> Result<Vec<Vec<u8>>, InvalidCredential> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| InvalidCredential::Certificate(InvalidCertificate::Syntax))
}

/// Certificates in DER as PEM.
#[must_use]
pub fn to_pem(certificates: &[Vec<u8>]) -> String {
    certificates
        .iter()
        .map(|der| {
            let block = pem::Pem::new("CERTIFICATE", der.as_slice());
            let unix = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
            pem::encode_config(&block, unix)
        })
        .collect()
}

//! Verifiers: chain, time and name of a peer's certificate. Everything that rustls leaves to its users stands here.

use std::fmt;
use std::sync::Arc;

use muster_common::identity::{Identity, TrustDomain};
use muster_common::invitation::RootPin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use crate::certificate::{facts, root_pin};

/// Chains longer than this are refused unread.
const CHAIN_MAX: usize = 4;
/// Certificates larger than this are refused unread.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// A root signs leaves itself. What a peer sends beside its leaf builds no path: webpki does not hold a trusted root to
/// its path length.
const NO_INTERMEDIATES: &[CertificateDer<'_>] = &[];

fn refused(why: impl Into<String>) -> Error {
    Error::General(why.into())
}

fn small_enough(leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), Error> {
    let large = |certificate: &CertificateDer<'_>| certificate.len() > CERTIFICATE_BYTES_MAX;
    if rest.len() >= CHAIN_MAX || large(leaf) || rest.iter().any(large) {
        return Err(refused("the certificate chain is too large"));
    }
    Ok(())
}

/// Roots in DER as rustls wants them.
pub(crate) fn roots(der: &[Vec<u8>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for root in der {
        store.add(CertificateDer::from(root.as_slice()))?;
    }
    Ok(store)
}

/// Whom a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Agents,
    Operators,
    /// Asks for no certificate.
    Anyone,
}

/// Accepts clients of one kind: the chain must lead to that kind's roots, and the leaf must name such a client.
pub(crate) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    audience: Audience,
    domain: TrustDomain,
}

impl ClientVerifier {
    pub(crate) fn new(
        client_roots: &[Vec<u8>],
        audience: Audience,
        domain: TrustDomain,
    ) -> Result<Self, Error> {
        let roots = Arc::new(roots(client_roots)?);
        let chain = WebPkiClientVerifier::builder_with_provider(roots, crate::provider())
            .build()
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            chain,
            audience,
            domain,
        })
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientVerifier({:?}, {})", self.audience, self.domain)
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        small_enough(leaf, rest)?;
        self.chain.verify_client_cert(leaf, NO_INTERMEDIATES, now)?;
        let id = facts(leaf).map_err(|error| refused(error.to_string()))?.id;
        let welcome = match (self.audience, &id.identity) {
            (Audience::Agents, Identity::Agent { .. })
            | (Audience::Operators, Identity::Operator(_)) => true,
            (Audience::Agents | Audience::Operators | Audience::Anyone, _) => false,
        };
        if !welcome || id.domain != self.domain {
            return Err(refused(format!("{id} may not connect here")));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// What a client trusts a server by.
#[derive(Clone, Debug)]
pub(crate) enum Anchor {
    /// The roots of servers that it learned at enrollment.
    Roots(Arc<RootCertStore>),
    /// The key of a root that the server sends along: first contact.
    Pin(RootPin),
}

/// Accepts the admin of one trust domain, whatever the host is called.
#[derive(Debug)]
pub(crate) struct AdminVerifier {
    anchor: Anchor,
    domain: TrustDomain,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AdminVerifier {
    pub(crate) fn new(anchor: Anchor, domain: TrustDomain) -> Self {
        Self {
            anchor,
            domain,
            algorithms: crate::provider().signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for AdminVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        small_enough(leaf, rest)?;
        let pinned;
        let roots = match &self.anchor {
            Anchor::Roots(roots) => roots.as_ref(),
            Anchor::Pin(pin) => {
                let root = rest
                    .iter()
                    .find(|certificate| root_pin(certificate).as_ref() == Ok(pin))
                    .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
                pinned = roots(&[root.to_vec()])?;
                &pinned
            }
        };
        let parsed = ParsedCertificate::try_from(leaf)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            NO_INTERMEDIATES,
            now,
            self.algorithms.all,
        )?;
        let id = facts(leaf).map_err(|error| refused(error.to_string()))?.id;
        if id != self.domain.id(Identity::Admin) {
            return Err(refused(format!(
                "the server is {id}, not the admin of {}",
                self.domain
            )));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

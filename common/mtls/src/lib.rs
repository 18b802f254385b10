//! Mutual TLS: who speaks to whom, and nothing else of rustls.
//!
//! In: certificates, keys and roots in DER. Out: a stream of accepted connections, each with its [`Peer`]; channels to an
//! admin. Always: TLS 1.3 only; no session is resumed, so every connection passes the verifier; a peer is named by
//! exactly one URI of this product's grammar; agents, operators and servers have roots of their own.
//! Not here: who is still welcome (`membership`, asked at every call), who signs (`authority`).

mod certificate;
mod client;
mod connection;
mod credential;
mod fault;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod server;
mod unread;
mod verify;

pub use certificate::{CertificateFacts, InvalidCertificate, facts, public_key_of, root_pin};
pub use client::{ConnectError, Trust, channel};
pub use connection::{Connections, Entry, Peer};
pub use credential::{
    Credential, InvalidCredential, PrivateKey, SigningRequest, pem_certificates, to_pem,
};
pub use fault::Fault;
pub use file::{CredentialFile, FileError};
pub use server::{Limits, Listener, Reload, ServerCredential, host};
pub use unread::Given;
pub use verify::Audience;

/// The one cryptography provider of the house.
fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The one protocol version of the house.
static VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// HTTP/2, as gRPC speaks it.
const ALPN: &[u8] = b"h2";

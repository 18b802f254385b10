//! Connecting: a channel to the admin of one trust domain, wherever it listens.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use muster_common::identity::TrustDomain;
use muster_common::invitation::RootPin;
use rustls::ClientConfig;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::credential::Credential;
use crate::fault::{self, Fault};
use crate::verify::{AdminVerifier, Anchor, roots};
use crate::{ALPN, VERSIONS};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// What to trust the server by.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Roots of servers, in DER.
    Roots(Vec<Vec<u8>>),
    /// First contact, by an invitation.
    Pin(RootPin),
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("`{0}` is no address; expected host:port")]
    Address(String),
    #[error("a trusted root cannot be used: {0}")]
    Roots(String),
    /// The reason says what to do.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        address: String,
        fault: Fault,
        reason: String,
    },
}

/// Connects to `host:port` and waits for the handshake. The channel reconnects by itself.
///
/// # Errors
/// [`ConnectError`] tells whether the address, the network or the server's certificate is at fault.
pub async fn channel(
    address: &str,
    trust: &Trust,
    domain: &TrustDomain,
    credential: Option<&Credential>,
) -> Result<Channel, ConnectError> {
    let wrong = || ConnectError::Address(address.chars().take(256).collect());
    let (host, _) = address.rsplit_once(':').ok_or_else(wrong)?;
    let name =
        ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| wrong())?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| wrong())?
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_timeout(CONNECT_TIMEOUT);
    let tls = TlsConnector::from(Arc::new(config(trust, domain, credential)?));
    let target = address.to_owned();
    let connector = service_fn(move |_| {
        let (tls, name, target) = (tls.clone(), name.clone(), target.clone());
        async move {
            let connect = async {
                let stream = TcpStream::connect(target).await?;
                stream.set_nodelay(true)?;
                tls.connect(name, stream).await
            };
            tokio::time::timeout(CONNECT_TIMEOUT, connect)
                .await
                .unwrap_or_else(|_| {
                    Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "no answer within 10 s",
                    ))
                })
                .map(TokioIo::new)
        }
    });
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| {
            let (fault, reason) = fault::of(&innermost(&error));
            ConnectError::Connect {
                address: address.to_owned(),
                fault,
                reason,
            }
        })
}

/// The cause at the bottom of an error, which is the one that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn config(
    trust: &Trust,
    domain: &TrustDomain,
    credential: Option<&Credential>,
) -> Result<ClientConfig, ConnectError> {
    let anchor = match trust {
        Trust::Pin(pin) => Anchor::Pin(*pin),
        Trust::Roots(der) => Anchor::Roots(Arc::new(
            roots(der).map_err(|error| ConnectError::Roots(error.to_string()))?,
        )),
    };
    let builder = ClientConfig::builder_with_provider(crate::provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|error| ConnectError::Roots(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AdminVerifier::new(anchor, domain.clone())));
    let mut config = match credential {
        Some(credential) => {
            builder.with_client_cert_resolver(Arc::new(Always(credential.certified())))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Shows one certificate to every server.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(
        &self,
        _root_hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

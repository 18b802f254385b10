//! Listening: an accept loop with limits, and configurations that are replaced while it runs.
//!
//! tonic's own TLS has no handshake timeout, no cap on connections, no reload and resumes sessions, which skips the
//! verifier; so the loop is ours and tonic gets accepted connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use muster_common::identity::TrustDomain;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::certificate::facts;
use crate::connection::{Connection, Connections, Peer};
use crate::credential::Credential;
use crate::verify::{Audience, ClientVerifier};
use crate::{ALPN, VERSIONS};

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait in the kernel's queue.
    pub connections: usize,
    /// Handshakes at a time.
    pub handshakes: usize,
    pub handshake_timeout: Duration,
}

/// The server's own credential. All listeners share it and see a new one at once.
#[derive(Clone, Debug)]
pub struct ServerCredential(Arc<ArcSwap<CertifiedKey>>);

impl ServerCredential {
    #[must_use]
    pub fn new(credential: &Credential) -> Self {
        Self(Arc::new(ArcSwap::new(credential.certified())))
    }

    pub fn replace(&self, credential: &Credential) {
        self.0.store(credential.certified());
    }
}

impl ResolvesServerCert for ServerCredential {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Replaces the roots that a listener trusts clients by.
#[derive(Clone)]
pub struct Reload {
    config: Arc<ArcSwap<ServerConfig>>,
    credential: ServerCredential,
    audience: Audience,
    domain: TrustDomain,
}

impl Reload {
    /// New connections are verified by these roots from here on.
    ///
    /// # Errors
    /// A root cannot be used; the old ones stay.
    pub fn client_roots(&self, roots: &[Vec<u8>]) -> io::Result<()> {
        let config = config(&self.credential, self.audience, &self.domain, roots)?;
        self.config.store(Arc::new(config));
        Ok(())
    }
}

/// A bound socket, and what it takes to accept on it.
pub struct Listener {
    socket: TcpListener,
    reload: Reload,
    limits: Limits,
    connections: Connections,
}

impl Listener {
    /// Binds an address. `client_roots` is empty for [`Audience::Anyone`].
    ///
    /// # Errors
    /// The address is taken, or a root cannot be used.
    pub async fn bind(
        address: SocketAddr,
        audience: Audience,
        domain: &TrustDomain,
        credential: &ServerCredential,
        client_roots: &[Vec<u8>],
    ) -> io::Result<Self> {
        let config = config(credential, audience, domain, client_roots)?;
        Ok(Self {
            socket: TcpListener::bind(address).await?,
            reload: Reload {
                config: Arc::new(ArcSwap::from_pointee(config)),
                credential: credential.clone(),
                audience,
                domain: domain.clone(),
            },
            limits: Limits {
                connections: 20_000,
                handshakes: 256,
                handshake_timeout: Duration::from_secs(5),
            },
            connections: Connections::default(),
        })
    }

    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lists accepted connections where they can be cut.
    #[must_use]
    pub fn listed_in(mut self, connections: &Connections) -> Self {
        self.connections = connections.clone();
        self
    }

    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop`. Gives connections that have passed their handshake.
    #[must_use]
    pub fn incoming(self, stop: CancellationToken) -> ReceiverStream<io::Result<Connection>> {
        let (accepted, incoming) = mpsc::channel(64);
        tokio::spawn(async move {
            tokio::select! {
                () = self.accept(accepted) => {}
                () = stop.cancelled() => {}
            }
        });
        ReceiverStream::new(incoming)
    }

    async fn accept(self, accepted: mpsc::Sender<io::Result<Connection>>) {
        let open = Arc::new(Semaphore::new(self.limits.connections));
        let mut handshakes = JoinSet::new();
        let mut pause = Duration::ZERO;
        loop {
            let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
                return;
            };
            while handshakes.len() >= self.limits.handshakes {
                handshakes.join_next().await;
            }
            while handshakes.try_join_next().is_some() {}
            match self.socket.accept().await {
                Ok((stream, address)) => {
                    pause = Duration::ZERO;
                    let handshake = Handshake {
                        config: self.reload.config.load_full(),
                        connections: self.connections.clone(),
                        address,
                        permit,
                    };
                    let (accepted, timeout) = (accepted.clone(), self.limits.handshake_timeout);
                    handshakes.spawn(async move {
                        match tokio::time::timeout(timeout, handshake.run(stream)).await {
                            Ok(Ok(connection)) => drop(accepted.send(Ok(connection)).await),
                            Ok(Err(error)) => tracing::debug!(%address, %error, "handshake failed"),
                            Err(_) => tracing::debug!(%address, "handshake timed out"),
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to come back.
                    pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

struct Handshake {
    config: Arc<ServerConfig>,
    connections: Connections,
    address: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Handshake {
    async fn run(self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        let stream = TlsAcceptor::from(self.config).accept(stream).await?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::other("the client does not speak HTTP/2"));
        }
        let certificate = session
            .peer_certificates()
            .and_then(<[_]>::first)
            .map(|leaf| facts(leaf).map(Arc::new))
            .transpose()
            .map_err(io::Error::other)?;
        let peer = Peer {
            address: self.address,
            certificate,
        };
        Ok(self.connections.add(stream, peer, self.permit))
    }
}

fn config(
    credential: &ServerCredential,
    audience: Audience,
    domain: &TrustDomain,
    client_roots: &[Vec<u8>],
) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(crate::provider())
        .with_protocol_versions(VERSIONS)
        .map_err(io::Error::other)?;
    let builder = match audience {
        Audience::Anyone => builder.with_no_client_auth(),
        Audience::Agents | Audience::Operators => {
            let verifier = ClientVerifier::new(client_roots, audience, domain.clone())
                .map_err(io::Error::other)?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(credential.clone()));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would not pass the verifier again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

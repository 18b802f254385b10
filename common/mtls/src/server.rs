//! Listening: an accept loop with limits, and configurations that are replaced while it runs.
//!
//! tonic's own TLS has no handshake timeout, no cap on connections, no reload and resumes sessions, which skips the
//! verifier; so the loop is ours and tonic gets accepted connections. It always accepts, and lets addresses take turns
//! (`turns`): a line that is only the kernel's would be served in the order of arrival, which whoever connects fastest
//! wins.

mod turns;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use muster_common::identity::TrustDomain;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::certificate::facts;
use crate::connection::{Connection, Connections, Peer};
use crate::credential::Credential;
use crate::verify::{Audience, ClientVerifier};
use crate::{ALPN, VERSIONS};
pub use turns::host;
use turns::{Step, Turns};

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait, and of strangers the address with most of them gives way.
    pub connections: usize,
    /// Open connections of a certificate's holder; one more ends the oldest.
    pub connections_each: usize,
    /// Handshakes at a time.
    pub handshakes: usize,
    /// For a handshake, and again for the greeting of HTTP/2.
    pub handshake_timeout: Duration,
    /// How long a part of an answer may lie unread.
    pub answer_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_each: 8,
            handshakes: 256,
            handshake_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(120),
        }
    }
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
            limits: Limits::default(),
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
        let mut hall = Hall {
            turns: Turns::new(self.limits.handshakes),
            handshakes: JoinSet::new(),
            begun: HashMap::new(),
            spare: None,
            giving_way: false,
            accepted,
            listener: &self,
        };
        let mut pause = Duration::ZERO;
        let mut paused_until = None;
        loop {
            let wake = hall.let_begin();
            let sleep = tokio::time::sleep_until(earlier(wake, paused_until));
            tokio::select! {
                permit = Arc::clone(&open).acquire_owned(), if hall.spare.is_none() => {
                    let Ok(permit) = permit else { return };
                    hall.spare = Some(permit);
                    hall.giving_way = false;
                }
                Some(ended) = hall.handshakes.join_next_with_id() => {
                    hall.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                socket = self.socket.accept(), if paused_until.is_none() => match socket {
                    Ok((stream, address)) => {
                        pause = Duration::ZERO;
                        let host = host(address.ip());
                        // Whoever has to go is closed by that.
                        drop(hall.turns.come(host, (stream, address), Instant::now().into_std()));
                    }
                    Err(error) => {
                        // Out of file descriptors, mostly: wait for some to come back.
                        pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                        paused_until = Some(Instant::now() + pause);
                        tracing::warn!(%error, "cannot accept connections");
                    }
                },
                () = sleep => paused_until = paused_until.filter(|until| Instant::now() < *until),
            }
        }
    }
}

/// The next time to look again; a minute is soon enough if there is none.
fn earlier(wake: Option<Instant>, paused_until: Option<Instant>) -> Instant {
    let times = [wake, paused_until].into_iter().flatten();
    times
        .min()
        .unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
}

/// Where connections wait for their handshake and have it.
struct Hall<'a> {
    turns: Turns<(TcpStream, SocketAddr), Id>,
    handshakes: JoinSet<()>,
    begun: HashMap<Id, AbortHandle>,
    /// Room for one more connection.
    spare: Option<OwnedSemaphorePermit>,
    /// Somebody was cut off to make room, and has not gone yet.
    giving_way: bool,
    accepted: mpsc::Sender<io::Result<Connection>>,
    listener: &'a Listener,
}

impl Hall<'_> {
    /// Lets everybody begin who may. Says when to look again.
    fn let_begin(&mut self) -> Option<Instant> {
        loop {
            let now = std::time::Instant::now();
            match self.turns.next(now) {
                Step::Begin(host) => {
                    let Some(permit) = self.spare.take() else {
                        self.make_room(host);
                        return None;
                    };
                    let Some((stream, address)) = self.turns.take(host) else {
                        self.spare = Some(permit);
                        return None;
                    };
                    let begun = self.begin(stream, address, permit);
                    self.turns.begun(host, begun.id(), now);
                    self.begun.insert(begun.id(), begun);
                    // The next one takes its room as soon as there is some.
                    return Some(Instant::from_std(now));
                }
                Step::End(id) => {
                    if let Some(begun) = self.ended(id) {
                        begun.abort();
                    }
                }
                Step::Wait(until) => return until.map(Instant::from_std),
            }
        }
    }

    /// A listener of strangers has few places: somebody with many goes.
    fn make_room(&mut self, host: IpAddr) {
        if self.listener.reload.audience == Audience::Anyone && !self.giving_way {
            self.giving_way = self.listener.connections.give_way(host);
        }
    }

    fn begin(
        &mut self,
        stream: TcpStream,
        address: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> AbortHandle {
        let limits = self.listener.limits;
        let handshake = Handshake {
            config: self.listener.reload.config.load_full(),
            connections: self.listener.connections.clone(),
            limits,
            address,
            permit,
        };
        let accepted = self.accepted.clone();
        self.handshakes.spawn(async move {
            match tokio::time::timeout(limits.handshake_timeout, handshake.run(stream)).await {
                Ok(Ok(connection)) => drop(accepted.send(Ok(connection)).await),
                Ok(Err(error)) => tracing::debug!(%address, %error, "handshake failed"),
                Err(_) => tracing::debug!(%address, "handshake timed out"),
            }
        })
    }

    fn ended(&mut self, id: Id) -> Option<AbortHandle> {
        self.turns.ended(id);
        self.begun.remove(&id)
    }
}

struct Handshake {
    config: Arc<ServerConfig>,
    connections: Connections,
    limits: Limits,
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
        let peer = Peer::new(self.address, certificate);
        Ok(self
            .connections
            .add(stream, peer, self.permit, &self.limits))
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

//! Accepted connections: bytes that pass through TLS, the peer at the other end, and ways to cut it off: by hand, because
//! its holder has too many, because it does not say hello, because it does not read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use muster_common::identity::SpiffeId;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use crate::certificate::CertificateFacts;
use crate::server::{Limits, host};
use crate::unread::{Given, Unread};

/// What HTTP/2 starts with: 24 bytes, and an empty frame of settings at least.
const GREETING_BYTES: usize = 33;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// What its certificate says; `None` on a listener that asks for none.
    pub certificate: Option<Arc<CertificateFacts>>,
    unread: Unread,
}

impl Peer {
    #[must_use]
    pub fn new(address: SocketAddr, certificate: Option<Arc<CertificateFacts>>) -> Self {
        Self {
            address,
            certificate,
            unread: Unread::default(),
        }
    }

    /// Notes that the peer was given a part of an answer, until it has room for the next one. Who lets one lie for too
    /// long is cut off.
    #[must_use]
    pub fn given(&self) -> Given {
        self.unread.given()
    }

    fn holder(&self) -> Holder {
        match &self.certificate {
            Some(facts) => Holder::Certified(facts.id.clone()),
            None => Holder::Address(host(self.address.ip())),
        }
    }
}

/// Whose connection it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Certified(SpiffeId),
    Address(IpAddr),
}

/// The live connections of all listeners that share it.
#[derive(Clone, Default, Debug)]
pub struct Connections(Arc<Mutex<Live>>);

#[derive(Default, Debug)]
struct Live {
    next: u64,
    connections: BTreeMap<u64, (Peer, CancellationToken)>,
    /// The oldest first.
    holders: HashMap<Holder, VecDeque<u64>>,
}

impl Connections {
    /// Cuts the connections of the peers that `which` picks: their next read or write fails, and every stream on them
    /// ends.
    pub fn cut(&self, which: impl Fn(&Peer) -> bool) {
        self.0
            .lock()
            .connections
            .values()
            .filter(|(peer, _)| which(peer))
            .for_each(|(_, token)| token.cancel());
    }

    /// How many peers of a kind are connected.
    #[must_use]
    pub fn count(&self, which: impl Fn(&Peer) -> bool) -> usize {
        self.0
            .lock()
            .connections
            .values()
            .filter(|(peer, _)| which(peer))
            .count()
    }

    /// Makes room for a stranger of an address that has fewer connections than another one: the oldest of the one with
    /// most is cut. Says whether one was.
    pub(crate) fn give_way(&self, address: IpAddr) -> bool {
        let live = self.0.lock();
        let own = live.holders.get(&Holder::Address(host(address)));
        let own = own.map_or(0, VecDeque::len);
        let most = live
            .holders
            .iter()
            .filter(|(holder, _)| matches!(holder, Holder::Address(_)))
            .max_by_key(|(_, numbers)| numbers.len());
        match most {
            Some((_, numbers)) if own + 1 < numbers.len() => live.cut_first(numbers),
            Some(_) | None => false,
        }
    }

    pub(crate) fn add(
        &self,
        stream: TlsStream<TcpStream>,
        peer: Peer,
        permit: OwnedSemaphorePermit,
        limits: &Limits,
    ) -> Connection {
        let entry = self.enter(peer.clone(), limits.connections_each);
        Connection {
            stream,
            cut: Box::pin(entry.cut.clone().cancelled_owned()),
            greeting: Some(Greeting {
                missing: GREETING_BYTES,
                deadline: Box::pin(tokio::time::sleep(limits.handshake_timeout)),
            }),
            answer_timeout: limits.answer_timeout,
            stuck: None,
            entry,
            peer,
            _permit: permit,
        }
    }

    /// Puts the peer of a connection on the list, where it stays as long as the entry. A holder with a certificate that
    /// has more than `each_max` loses the oldest.
    #[must_use]
    pub fn enter(&self, peer: Peer, each_max: usize) -> Entry {
        let cut = CancellationToken::new();
        let mut live = self.0.lock();
        live.next += 1;
        let number = live.next;
        let holder = peer.holder();
        let numbers = live.holders.entry(holder.clone()).or_default();
        numbers.push_back(number);
        // Rather the oldest than the newest: what a cut network left behind must not keep its owner out.
        let many = peer.certificate.is_some() && numbers.len() > each_max;
        let address = peer.address;
        live.connections.insert(number, (peer, cut.clone()));
        if many && let Some(numbers) = live.holders.get(&holder) {
            tracing::warn!(peer = %address, "a holder of too many connections loses the oldest");
            live.cut_first(numbers);
        }
        Entry {
            number,
            holder,
            cut,
            connections: self.clone(),
        }
    }
}

impl Live {
    /// Cuts the first of these that was not cut yet.
    fn cut_first(&self, numbers: &VecDeque<u64>) -> bool {
        let mut tokens = numbers
            .iter()
            .filter_map(|number| self.connections.get(number).map(|(_, token)| token));
        match tokens.find(|token| !token.is_cancelled()) {
            Some(token) => {
                token.cancel();
                true
            }
            None => false,
        }
    }
}

/// A live connection's place on the list, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    number: u64,
    holder: Holder,
    cut: CancellationToken,
    connections: Connections,
}

impl Entry {
    /// Waits until the connection is to be cut off.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut live = self.connections.0.lock();
        live.connections.remove(&self.number);
        if let Some(numbers) = live.holders.get_mut(&self.holder) {
            numbers.retain(|number| *number != self.number);
            if numbers.is_empty() {
                live.holders.remove(&self.holder);
            }
        }
    }
}

/// One accepted connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until the peer has greeted.
    greeting: Option<Greeting>,
    answer_timeout: Duration,
    /// While the peer takes nothing of what is written. A ping cannot tell that: it would wait behind it.
    stuck: Option<Pin<Box<Sleep>>>,
    #[expect(dead_code, reason = "held for its Drop")]
    entry: Entry,
    _permit: OwnedSemaphorePermit,
}

/// What the peer has to say before anything else, and by when. Keepalive begins afterwards.
struct Greeting {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    fn alive(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let aborted = |why| Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        if self.cut.as_mut().poll(context).is_ready() {
            return aborted("cut off by the admin");
        }
        // Whoever answers pings and takes no answer is seen when it answers.
        let oldest = self.peer.unread.oldest();
        if oldest.is_some_and(|since| since.elapsed() >= self.answer_timeout) {
            return aborted("the peer does not read its answers");
        }
        Ok(())
    }

    /// Notes whether something could be written.
    fn wrote(&mut self, written: bool, context: &mut Context<'_>) -> io::Result<()> {
        if written {
            self.stuck = None;
            return Ok(());
        }
        let timeout = self.answer_timeout;
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match stuck.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer takes nothing",
            )),
            Poll::Pending => Ok(()),
        }
    }

    fn greeted(&mut self, bytes: usize, context: &mut Context<'_>) -> io::Result<()> {
        let Some(greeting) = &mut self.greeting else {
            return Ok(());
        };
        greeting.missing = greeting.missing.saturating_sub(bytes);
        if greeting.missing == 0 {
            self.greeting = None;
        } else if greeting.deadline.as_mut().poll(context).is_ready() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer does not say hello",
            ));
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.greeted(buffer.filled().len() - before, context)?;
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written.is_ready(), context)?;
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(context)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(flushed.is_ready(), context)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(written.is_ready(), context)?;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

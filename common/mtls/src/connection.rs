//! Accepted connections: bytes that pass through TLS, the peer at the other end, and a way to cut it off.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use crate::certificate::CertificateFacts;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// What its certificate says; `None` on a listener that asks for none.
    pub certificate: Option<Arc<CertificateFacts>>,
}

/// The live connections of all listeners that share it.
#[derive(Clone, Default, Debug)]
pub struct Connections(Arc<Mutex<Live>>);

#[derive(Default, Debug)]
struct Live {
    next: u64,
    connections: HashMap<u64, (Peer, CancellationToken)>,
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

    pub(crate) fn add(
        &self,
        stream: TlsStream<TcpStream>,
        peer: Peer,
        permit: OwnedSemaphorePermit,
    ) -> Connection {
        let token = CancellationToken::new();
        let mut live = self.0.lock();
        live.next += 1;
        let number = live.next;
        live.connections
            .insert(number, (peer.clone(), token.clone()));
        Connection {
            stream,
            peer,
            cut: Box::pin(token.cancelled_owned()),
            entry: Entry {
                number,
                connections: self.clone(),
            },
            _permit: permit,
        }
    }
}

/// Takes a connection off the list when it ends.
struct Entry {
    number: u64,
    connections: Connections,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.0.lock().connections.remove(&self.number);
    }
}

/// One accepted connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    #[expect(dead_code, reason = "held for its Drop")]
    entry: Entry,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn alive(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "cut off by the admin",
            )),
            Poll::Pending => Ok(()),
        }
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
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
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
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! HTTP/2 by hand: frames as no honest client would send them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_common::identity::SpiffeId;
use muster_mtls::Credential;
use muster_tests::eventually;
use parking_lot::Mutex;
use rcgen::SerialNumber;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use super::tls::{self, Dress, Shown};
use super::world::World;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;

/// How long anything may take; the server's own patience is shorter in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection whose other half is read, and its pings answered, as long as it lasts.
pub(super) struct Raw {
    writer: Arc<tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>>,
    seen: Arc<Mutex<Seen>>,
    reading: JoinHandle<()>,
}

/// What came from the server.
#[derive(Default)]
pub(super) struct Seen {
    /// Frames by their kind.
    pub frames: HashMap<u8, usize>,
    /// Why streams were reset.
    pub resets: HashMap<u32, u32>,
    pub goaway: Option<u32>,
    pub data: usize,
    /// Headers and trailers as they came, packed.
    pub headers: Vec<u8>,
    pub closed: bool,
}

impl Raw {
    /// Connects and greets.
    pub(super) async fn open(address: SocketAddr, config: ClientConfig) -> Self {
        Self::greeting(address, config, &[]).await
    }

    pub(super) async fn greeting(
        address: SocketAddr,
        config: ClientConfig,
        settings: &[(u16, u32)],
    ) -> Self {
        let mut stream = tls::connect(address, Arc::new(config))
            .await
            .expect("a connection");
        let mut greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        greeting.extend(frame(SETTINGS, 0, 0, &payload));
        stream.write_all(&greeting).await.expect("a greeting");
        let (reader, writer) = tokio::io::split(stream);
        let writer = Arc::new(tokio::sync::Mutex::new(writer));
        let seen = Arc::<Mutex<Seen>>::default();
        let reading = tokio::spawn(read(reader, Arc::clone(&writer), Arc::clone(&seen)));
        Self {
            writer,
            seen,
            reading,
        }
    }

    /// Stops reading: what comes fills the buffers on the way.
    pub(super) fn close_eyes(&self) {
        self.reading.abort();
    }

    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        writer.write_all(bytes).await?;
        writer.flush().await
    }

    /// Sends the same again and again, until it may not or until it was sent so often.
    pub(super) async fn flood(&self, rounds: usize, mut bytes: impl FnMut(usize) -> Vec<u8>) {
        let flooding = async {
            for round in 0..rounds {
                if self.send(&bytes(round)).await.is_err() {
                    return;
                }
            }
        };
        // A server that reads no more lets the flooder wait.
        let _ = tokio::time::timeout(PATIENCE, flooding).await;
    }

    pub(super) fn look<T>(&self, at: impl FnOnce(&Seen) -> T) -> T {
        at(&self.seen.lock())
    }

    /// Waits until the server says goodbye, or has closed. The answer is its reason, if it gave one.
    pub(super) async fn cut_off(&self) -> Option<u32> {
        eventually("the peer is cut off", async || {
            self.look(|seen| seen.goaway.is_some_and(|code| code != 0) || seen.closed)
        })
        .await;
        self.look(|seen| seen.goaway)
    }

    pub(super) async fn waits_for(&self, what: &str, shows: impl Fn(&Seen) -> bool) {
        eventually(what, async || self.look(&shows)).await;
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    writer: Arc<tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>>,
    seen: Arc<Mutex<Seen>>,
) {
    while let Ok((kind, flags, stream, payload)) = next(&mut reader).await {
        {
            let mut seen = seen.lock();
            *seen.frames.entry(kind).or_default() += 1;
            match kind {
                DATA => seen.data += payload.len(),
                HEADERS => seen.headers.extend(&payload),
                RST_STREAM => drop(seen.resets.insert(stream, number(&payload))),
                GOAWAY => seen.goaway = payload.get(4..).map(number),
                _ => {}
            }
        }
        let answer = match kind {
            PING if flags & ACK == 0 => frame(PING, ACK, 0, &payload),
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            _ => continue,
        };
        // Who floods writes too; an answer that has to wait for that is not given.
        if let Ok(mut writer) = writer.try_lock() {
            let _ = writer.write_all(&answer).await;
            let _ = writer.flush().await;
        }
    }
    seen.lock().closed = true;
}

async fn next(reader: &mut ReadHalf<TlsStream<TcpStream>>) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    reader.read_exact(&mut payload).await?;
    Ok((head[3], head[4], number(&head[5..]), payload))
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a call, packed one by one without any table.
pub(super) fn call(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let always = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in always.iter().chain(more) {
        block.push(0);
        packed(&mut block, name);
        packed(&mut block, value);
    }
    block
}

/// A length of any size and the bytes, as HPACK has them.
pub(super) fn packed(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push((length % 128 + 128) as u8);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend(text.as_bytes());
}

/// Opens a call on a stream. Its message is still to come.
pub(super) fn begun(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call(path, &[]))
}

/// A message of gRPC in one frame of data.
pub(super) fn message(flags: u8, stream: u32, message: &[u8]) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend((message.len() as u32).to_be_bytes());
    payload.extend(message);
    frame(DATA, flags, stream, &payload)
}

/// A client whose certificate is an agent's, with a key that the test has: as the house would have made it.
pub(super) fn as_agent(world: &World, credential: &Credential) -> ClientConfig {
    let facts = credential.facts();
    as_holder(world, &facts.id, Some(facts.serial.as_bytes()), "agents")
}

/// The same of any holder of a root.
pub(super) fn as_holder(
    world: &World,
    id: &SpiffeId,
    serial: Option<&[u8]>,
    root: &str,
) -> ClientConfig {
    let mut leaf = tls::leaf_of(&id.to_string());
    if let Some(serial) = serial {
        leaf.serial_number = Some(SerialNumber::from_slice(serial));
    }
    shown(&tls::signed(&leaf, &tls::stolen_root(world, root)))
}

fn shown(shown: &Shown) -> ClientConfig {
    Dress {
        shown: Some(shown),
        ..Dress::default()
    }
    .config()
}

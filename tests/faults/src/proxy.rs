//! A TCP proxy that does to connections what networks do: cuts them, forgets them, slows them down.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Bytes of one piece.
const PIECE: usize = 4 << 10;

/// What the network does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Connections are accepted and everything is swallowed, in both directions, without a word to anybody. What was open
    /// stays so for ever, also in fair weather.
    Silent,
    /// Every connection is reset after so many bytes.
    Torn {
        after: u64,
    },
    /// So many bytes a second in each direction.
    Slow {
        bytes: u32,
    },
    /// Everything arrives so much later.
    Late {
        by: Duration,
    },
}

/// Stops when it is dropped, with its connections.
pub(crate) struct Proxy {
    pub address: SocketAddr,
    sky: Arc<Sky>,
    serving: JoinHandle<()>,
}

struct Sky {
    weather: watch::Sender<Weather>,
    /// Raised to reset every open connection.
    cut: watch::Sender<u64>,
    resets: AtomicU64,
}

impl Proxy {
    /// Stands before a server.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket");
        let sky = Arc::new(Sky {
            weather: watch::Sender::new(Weather::Fair),
            cut: watch::Sender::new(0),
            resets: AtomicU64::new(0),
        });
        let seen = Arc::clone(&sky);
        let serving = tokio::spawn(async move {
            // They end with the task that holds them.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = socket.accept().await {
                connections.spawn(Arc::clone(&seen).carry(client, server));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            sky,
            serving,
        }
    }

    pub(crate) fn turn(&self, weather: Weather) {
        self.sky.weather.send_replace(weather);
    }

    /// Resets every open connection.
    pub(crate) fn cut(&self) {
        self.sky.cut.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections were reset.
    pub(crate) fn resets(&self) -> u64 {
        self.sky.resets.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sky {
    async fn carry(self: Arc<Self>, client: TcpStream, server: SocketAddr) {
        let mut cut = self.cut.subscribe();
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let line = Arc::<Line>::default();
        let mut up = self.way(from_client, to_server, &line);
        let mut down = self.way(from_server, to_client, &line);
        let torn = tokio::select! {
            ended = async { tokio::try_join!(up.run(), down.run()) } => ended.is_err(),
            _ = cut.changed() => true,
        };
        if torn {
            self.resets.fetch_add(1, Ordering::Relaxed);
            for half in [up.to, down.to] {
                // Closing says nothing but that it is over.
                let _ = half.as_ref().set_zero_linger();
                half.forget();
            }
        }
    }

    fn way(&self, from: OwnedReadHalf, to: OwnedWriteHalf, line: &Arc<Line>) -> Way {
        let weather = self.weather.subscribe();
        let line = Arc::clone(line);
        Way {
            from,
            to,
            weather,
            line,
        }
    }
}

/// What both directions of a connection share.
#[derive(Default)]
struct Line {
    carried: AtomicU64,
    /// Something was swallowed.
    dead: AtomicBool,
}

/// One direction of a connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: watch::Receiver<Weather>,
    line: Arc<Line>,
}

/// The connection is to be reset.
struct Torn;

impl Way {
    /// Carries until the sender has ended.
    async fn run(&mut self) -> Result<(), Torn> {
        let mut piece = [0; PIECE];
        loop {
            let read = self.from.read(&mut piece).await.unwrap_or(0);
            let weather = *self.weather.borrow();
            if weather == Weather::Silent {
                self.line.dead.store(true, Ordering::Relaxed);
            }
            if self.line.dead.load(Ordering::Relaxed) {
                if read == 0 {
                    // Nobody learns of it.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if read == 0 || self.pass(&piece[..read], weather).await?.is_err() {
                let _ = self.to.shutdown().await;
                return Ok(());
            }
        }
    }

    async fn pass(&mut self, piece: &[u8], weather: Weather) -> Result<io::Result<()>, Torn> {
        let size = piece.len() as u64;
        let before = self.line.carried.fetch_add(size, Ordering::Relaxed);
        match weather {
            Weather::Fair | Weather::Silent => {}
            Weather::Torn { after } if before + size > after => {
                let rest = after.saturating_sub(before) as usize;
                let _ = self.to.write_all(&piece[..rest]).await;
                return Err(Torn);
            }
            Weather::Torn { .. } => {}
            Weather::Slow { bytes } => {
                sleep(Duration::from_secs(1).mul_f64(size as f64 / f64::from(bytes))).await
            }
            Weather::Late { by } => sleep(by).await,
        }
        Ok(self.to.write_all(piece).await)
    }
}

//! The uplink: sends the spool to the admin, oldest first, and gives up what the admin has acknowledged.
//!
//! In: the spool. Out: batches over mTLS, acknowledgements back. Always: a document leaves the spool only after the admin
//! acknowledged it, and a refused one only after it is a dead letter; a few batches are under way at most. Survives:
//! nothing is kept here; after a crash the same batches are sent again, which the admin counts once. It retries sending,
//! and nobody else does.

mod backoff;
mod dial;
mod probe;
mod talk;
mod tell;

use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::collectors::Progress;
use crate::dead_letters::DeadLetters;
use crate::identity::Identity;
use crate::queue::Queue;
use backoff::Backoff;
pub use dial::{Carrier, Dial, MutualTls};
pub use probe::probe;
pub use tell::{Carriers, Teller};

/// What the uplink works with.
pub struct Uplink {
    pub queue: Queue,
    pub dead_letters: DeadLetters,
    pub board: Board,
    /// Forgotten when the admin has lost what it acknowledged, so that it is collected again.
    pub progress: Progress,
    /// Changes when the certificate is renewed.
    pub identity: watch::Receiver<Identity>,
    pub link: watch::Sender<Link>,
    pub dial: Arc<dyn Dial>,
    /// For what is told beside the spool, on the same connection.
    pub carriers: Carriers,
    pub home: String,
    pub clock: Clock,
    /// A number from 0 to 1 that spreads the pauses of many agents.
    pub share: fn() -> f64,
    pub stop: CancellationToken,
}

/// How the connection fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    /// The admin answers.
    Up {
        since: Timestamp,
    },
    /// It is tried again.
    Down {
        reason: String,
    },
    /// The admin does not want this agent; it is asked again, ever more seldom.
    Refused {
        reason: String,
    },
}

/// How a talk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Stopped,
    /// There is a new certificate to connect with.
    Renewed,
    /// There is a new spool to introduce.
    Anew,
    Lost(String),
    /// This machine's disk does not take what came of sending.
    Disk(String),
    Refused(String),
}

impl Uplink {
    /// Sends until `stop`, and then waits a moment for what is under way.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !self.stop.is_cancelled() {
            self.link.send_replace(Link::Connecting);
            let end = self.talk().await;
            self.carriers.down();
            let was_up = matches!(*self.link.borrow(), Link::Up { .. });
            // A disk that fails does so after every connection.
            if was_up && !matches!(end, End::Disk(_)) {
                backoff = Backoff::default();
            }
            let pause = match end {
                End::Stopped => return,
                End::Renewed | End::Anew => continue,
                End::Lost(reason) => {
                    if was_up {
                        tracing::info!(reason, "the uplink ended; connecting again");
                    } else {
                        tracing::warn!(reason, "the admin cannot be reached; trying again");
                    }
                    self.link.send_replace(Link::Down { reason });
                    backoff.next((self.share)())
                }
                End::Disk(reason) => {
                    tracing::warn!(reason, "what was sent cannot be given up; trying again");
                    self.link.send_replace(Link::Down { reason });
                    backoff.next((self.share)())
                }
                End::Refused(reason) => {
                    tracing::error!(reason, "the admin refuses this agent; asking again");
                    self.link.send_replace(Link::Refused { reason });
                    backoff.next((self.share)())
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                // A new certificate is worth a try at once.
                _ = self.identity.changed() => {}
            }
        }
    }
}

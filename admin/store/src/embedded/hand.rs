//! The writer without a thread of its own: whoever has the hand decides when a durable step is taken.

use tokio::sync::mpsc;

use super::block::Encoders;
use super::writer::{Request, Writer};

/// Takes the durable steps of a store. Without it, the store is closed.
pub struct Hand {
    writer: Writer,
    requests: mpsc::Receiver<Request>,
    encoders: Encoders,
    waiting: Option<Request>,
}

impl Hand {
    pub(super) fn new(writer: Writer, requests: mpsc::Receiver<Request>) -> Self {
        Self {
            writer,
            requests,
            encoders: Encoders::new(),
            waiting: None,
        }
    }

    /// Waits until there is something to do; `false` once there never will be again.
    pub async fn asked(&mut self) -> bool {
        if self.waiting.is_none() {
            self.waiting = self.requests.recv().await;
        }
        self.waiting.is_some()
    }

    /// Takes one step, with everything that waits by now.
    pub fn step(&mut self) {
        let Some(first) = self
            .waiting
            .take()
            .or_else(|| self.requests.try_recv().ok())
        else {
            return;
        };
        self.waiting = self
            .writer
            .step(first, &mut self.requests, &mut self.encoders);
    }
}

//! The writer without a thread of its own: whoever has the hand decides when a durable step is taken.

use super::block::Encoders;
use super::line::Line;
use super::writer::Writer;

/// Takes the durable steps of a store. Without it, the store is closed.
pub struct Hand {
    writer: Writer,
    line: Line,
    encoders: Encoders,
}

impl Hand {
    pub(super) fn new(writer: Writer, line: Line) -> Self {
        Self {
            writer,
            line,
            encoders: Encoders::new(),
        }
    }

    /// Waits until there is something to do; `false` once there never will be again.
    pub async fn asked(&mut self) -> bool {
        self.line.asked().await
    }

    /// Takes one step, with everything that waits by now.
    pub fn step(&mut self) {
        self.writer.step(&mut self.line, &mut self.encoders);
    }
}

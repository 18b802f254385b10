//! The writer without threads of its own: whoever has the hand decides when a durable step is taken.

use super::durable::Durable;
use super::line::Line;
use super::step::Step;
use super::writer::Writer;

/// Takes the durable steps of a store. Without it, the store is closed.
pub struct Hand {
    pub(super) writer: Writer,
    pub(super) durable: Durable,
    pub(super) line: Line,
    /// Decided, and not durable.
    pub(super) ahead: Option<Step>,
}

impl Hand {
    /// Waits until there is something to do; `false` once there never will be again.
    pub async fn asked(&mut self) -> bool {
        self.ahead.is_some() || self.line.asked().await
    }

    /// Decides over everything that waits by now, and then makes durable what was decided the last time.
    pub fn step(&mut self) {
        let next = self.writer.decide(&mut self.line);
        let result = self.ahead.take().map(|step| self.durable.take(step));
        match (next, result) {
            (Some(next), Some(Err(refused))) => self.writer.give_up(next, refused),
            (Some(next), _) if next.is_awaited() => {
                let result = self.durable.take(next);
                self.writer.settle(result);
            }
            (Some(next), _) => self.ahead = Some(next),
            (None, Some(result)) => self.writer.settle(result),
            (None, None) => {}
        }
    }
}

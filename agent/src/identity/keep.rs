//! Keeping the certificate fresh while the agent runs.

use std::time::Duration;

use muster_common::account::Region;
use muster_common::clock::Clock;
use muster_common::health::CollectorState;
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Error, Identity, State, due, renew};
use crate::board::Board;
use crate::cloud::Cloud;

/// Its place on the board.
const NAME: &str = "certificate";
/// The longest sleep: machines are suspended, and clocks are set.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const RETRY_FIRST: f64 = 5.0;
const RETRY_LONGEST: f64 = 900.0;

/// Renews a certificate whenever it is due.
pub struct Keeper {
    pub state: State,
    pub cloud: Cloud,
    pub home: Region,
    pub board: Board,
    pub clock: Clock,
    /// Where a new identity is told.
    pub identity: watch::Sender<Identity>,
}

impl Keeper {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        while self.wait(failures, &stop).await {
            match self.renew().await {
                Ok(()) => {
                    failures = 0;
                    self.board.remove(NAME, None);
                }
                Err(error) => {
                    failures += 1;
                    self.tell(&error);
                }
            }
        }
    }

    /// Waits until a renewal is due, or a failed one is tried again; `false` if the agent stops.
    async fn wait(&self, failures: u32, stop: &CancellationToken) -> bool {
        let at = match failures {
            0 => {
                let identity = self.identity.borrow();
                let facts = identity.credential.facts();
                due(facts.not_before, facts.not_after, rand::random())
            }
            failures => {
                let pause = retry_pause(failures, rand::random());
                self.clock.now().plus((pause * 1e3) as i64)
            }
        };
        loop {
            let left = u64::try_from(at.since(self.clock.now())).unwrap_or(0);
            if left == 0 {
                return !stop.is_cancelled();
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(LOOK_EVERY.min(Duration::from_millis(left))) => {}
            }
        }
    }

    async fn renew(&self) -> Result<(), Error> {
        let identity = self.identity.borrow().clone();
        let renewed = renew(&identity, &self.state, &self.cloud, &self.home, &self.clock).await?;
        let until = renewed.credential.facts().not_after;
        tracing::info!(%until, "the certificate was renewed");
        self.identity.send_replace(renewed);
        Ok(())
    }

    fn tell(&self, error: &Error) {
        let message = trouble(&self.identity.borrow(), self.clock.now(), error);
        tracing::warn!(reason = message, "the certificate was not renewed");
        self.board.set(NAME, None, CollectorState::Failed, &message);
    }
}

fn trouble(identity: &Identity, now: Timestamp, error: &Error) -> String {
    let until = identity.credential.facts().not_after;
    identity.expired(now).unwrap_or_else(|| {
        format!("the certificate is good until {until} and could not be renewed: {error}")
    })
}

/// Seconds until the next try: a random share of a span that doubles. Pure.
fn retry_pause(failures: u32, share: f64) -> f64 {
    let span = RETRY_FIRST * f64::from(1_u32 << failures.min(16));
    RETRY_FIRST.max(span.min(RETRY_LONGEST) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_renewal_is_tried_again_within_a_quarter_of_an_hour() {
        let pauses: Vec<f64> = (1..9).map(|failures| retry_pause(failures, 1.0)).collect();
        assert_eq!(pauses, [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 900.0]);
        assert_eq!(retry_pause(9, 0.0), 5.0);
    }
}

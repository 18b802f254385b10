//! What runs by itself: certificates are kept fresh, what is too old goes.

use std::time::Duration;

use muster_common::clock::Clock;
use muster_common::drill::{self, Limit};
use muster_common::timestamp::DAY;
use tokio_util::sync::CancellationToken;

use super::identity::ServerIdentity;
use crate::audit::Audit;
use crate::findings::Retention;
use crate::inventory;

const CERTIFICATE_EVERY: Duration = Duration::from_secs(10);
/// A server that is restarted often tidies too, and one that starts has other things to do first.
const TIDY_AFTER_START: Duration = Duration::from_secs(60);
const REPEATS_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn keep_certified(identity: ServerIdentity, stop: CancellationToken) {
    while waited(CERTIFICATE_EVERY, &stop).await {
        if let Err(error) = identity.renew_if_due() {
            tracing::error!(%error, "the server's certificate was not renewed");
        }
    }
}

/// What goes when it is too old, and what is told of when it is over.
pub(super) struct Tidy {
    pub retention: Retention,
    pub inventory: inventory::Retention,
    pub audit: Audit,
    /// `None` is for ever.
    pub audit_days: Option<u32>,
    /// Between two rounds.
    pub every: Duration,
    pub clock: Clock,
}

impl Tidy {
    pub(super) async fn keep(self, stop: CancellationToken) {
        tokio::join!(self.remove_old(&stop), self.tell_repeats(&stop));
    }

    async fn remove_old(&self, stop: &CancellationToken) {
        let every = drill::limit(Limit::RetentionSeconds, self.every.as_secs());
        for pause in pauses(Duration::from_secs(every)) {
            if !waited(pause, stop).await {
                return;
            }
            self.findings().await;
            self.resources().await;
            self.events().await;
        }
    }

    /// Writes down how often refusals were repeated: when their hour is over, and at the end.
    async fn tell_repeats(&self, stop: &CancellationToken) {
        while waited(REPEATS_EVERY, stop).await {
            self.audit.tell_repeats(self.clock.now()).await;
        }
        self.audit.tell_all_repeats(self.clock.now()).await;
    }

    async fn findings(&self) {
        match self.retention.run(self.clock.now()).await {
            Ok(0) => {}
            Ok(removed) => {
                metrics::counter!("muster_findings_expired_total").increment(removed);
                tracing::info!(removed, "findings were removed by retention");
            }
            Err(error) => {
                tracing::error!(%error, "retention did not finish; it is tried again in the next round");
            }
        }
    }

    async fn resources(&self) {
        match self.inventory.run(self.clock.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "resources that were long gone were removed"),
            Err(error) => {
                tracing::error!(%error, "what was of resources was not removed; it is tried again in the next round");
            }
        }
    }

    async fn events(&self) {
        let Some(days) = self.audit_days else {
            return;
        };
        let before = self.clock.now().plus(-i64::from(days) * DAY);
        match self.audit.trim(before).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old events were removed from the audit log"),
            Err(error) => {
                tracing::error!(%error, "the audit log was not trimmed; it is tried again in the next round");
            }
        }
    }
}

/// Before each round.
fn pauses(every: Duration) -> impl Iterator<Item = Duration> {
    std::iter::once(TIDY_AFTER_START.min(every)).chain(std::iter::repeat(every))
}

/// Waits; `false` if the server stops.
async fn waited(span: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(span) => true,
        () = stop.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_never_runs_for_an_hour_tidies_too() {
        let of = |seconds| {
            pauses(Duration::from_secs(seconds))
                .take(3)
                .collect::<Vec<_>>()
        };
        let seconds = |list: [u64; 3]| list.map(Duration::from_secs);
        assert_eq!(of(3_600), seconds([60, 3_600, 3_600]));
        assert_eq!(of(1), seconds([1, 1, 1]));
    }
}

//! What runs by itself: certificates are kept fresh, what is too old goes.

use std::time::Duration;

use muster_common::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::identity::ServerIdentity;
use crate::findings::Retention;

const CERTIFICATE_EVERY: Duration = Duration::from_secs(10);
const RETENTION_EVERY: Duration = Duration::from_secs(3_600);

pub(super) async fn keep_certified(identity: ServerIdentity, stop: CancellationToken) {
    while waited(CERTIFICATE_EVERY, &stop).await {
        if let Err(error) = identity.renew_if_due() {
            tracing::error!(%error, "the server's certificate was not renewed");
        }
    }
}

pub(super) async fn keep_tidy(retention: Retention, clock: Clock, stop: CancellationToken) {
    while waited(RETENTION_EVERY, &stop).await {
        match retention.run(clock.now()).await {
            Ok(0) => {}
            Ok(removed) => {
                metrics::counter!("muster_findings_expired_total").increment(removed);
                tracing::info!(removed, "findings were removed by retention");
            }
            Err(error) => {
                tracing::error!(%error, "retention did not finish; it starts again in an hour")
            }
        }
    }
}

/// Waits; `false` if the server stops.
async fn waited(span: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(span) => true,
        () = stop.cancelled() => false,
    }
}

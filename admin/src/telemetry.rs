//! Metrics and health over HTTP: what a monitoring system scrapes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use muster_common::clock::Clock;
use muster_common::timestamp::{SECOND, Timestamp};
use muster_store::{Ledger, Status};
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::membership::Membership;

/// What is measured when it is asked for.
#[derive(Clone)]
pub struct Sources {
    pub ledger: Arc<dyn Ledger>,
    pub membership: Membership,
    /// Folders of controls that were refused at the start.
    pub refused_controls: Arc<[String]>,
    pub clock: Clock,
    pub certificate_expires_at: Arc<RwLock<Timestamp>>,
}

/// Serves `/metrics`, `/healthz` (the process answers) and `/readyz` (the store is whole).
pub struct Telemetry {
    socket: TcpListener,
    handle: PrometheusHandle,
}

#[derive(Clone)]
struct Answering {
    sources: Sources,
    handle: PrometheusHandle,
}

impl Telemetry {
    /// # Errors
    /// The address is taken.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // A second server in one process, as in tests, counts into the first one's recorder.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        Ok(Self { socket, handle })
    }

    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until `stop`.
    pub async fn serve(self, sources: Sources, stop: CancellationToken) {
        let answering = Answering {
            sources,
            handle: self.handle,
        };
        let routes = Router::new()
            .route("/metrics", get(scrape))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(answering);
        let served = axum::serve(self.socket, routes)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "metrics are not served any more");
        }
    }
}

fn describe() {
    describe_counter!(
        "muster_findings_recorded_total",
        "Findings recorded, by effect"
    );
    describe_counter!(
        "muster_findings_refused_total",
        "Findings refused at ingest"
    );
    describe_counter!(
        "muster_ingest_throttled_total",
        "Batches that waited for their account's rate"
    );
    describe_counter!(
        "muster_findings_expired_total",
        "Findings removed by retention"
    );
    describe_histogram!(
        "muster_record_seconds",
        "Time of a batch from decoded to durable and visible"
    );
    describe_gauge!("muster_findings", "Findings that queries see");
    describe_gauge!("muster_store_bytes", "Bytes of the store on disk");
    describe_gauge!("muster_index_bytes", "Bytes of the index in memory");
    describe_gauge!(
        "muster_store_damaged",
        "Parts of the store that cannot be read"
    );
    describe_gauge!(
        "muster_store_failing",
        "1 while changes cannot be written, as on a full disk"
    );
    describe_gauge!(
        "muster_controls_refused",
        "Folders of controls of one's own that were refused at the start"
    );
    describe_counter!(
        "muster_compliance_rounds_total",
        "Times that all accounts were judged by all controls"
    );
    describe_gauge!("muster_agents_connected", "Agents that are connected");
    describe_gauge!(
        "muster_server_certificate_seconds",
        "Seconds until the server's certificate expires"
    );
}

async fn scrape(State(answering): State<Answering>) -> String {
    let Answering { sources, handle } = answering;
    if let Ok(status) = sources.ledger.status().await {
        gauge!("muster_findings").set(status.findings as f64);
        gauge!("muster_store_bytes").set(status.bytes as f64);
        gauge!("muster_index_bytes").set(status.index_bytes as f64);
        gauge!("muster_store_damaged").set(status.damaged.len() as f64);
        gauge!("muster_store_failing").set(f64::from(u8::from(status.failing.is_some())));
    }
    gauge!("muster_controls_refused").set(sources.refused_controls.len() as f64);
    gauge!("muster_agents_connected").set(sources.membership.connected() as f64);
    let left = sources
        .certificate_expires_at
        .read()
        .since(sources.clock.now());
    gauge!("muster_server_certificate_seconds").set(left as f64 / SECOND as f64);
    handle.render()
}

async fn ready(State(answering): State<Answering>) -> (StatusCode, String) {
    match answering.sources.ledger.status().await {
        Ok(Status {
            failing: Some(reason),
            ..
        }) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        Ok(status) => {
            let refused = &answering.sources.refused_controls;
            (StatusCode::OK, health(&status.damaged, refused))
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// How a server is that can do its work.
fn health(damaged: &[String], refused: &[String]) -> String {
    let mut text = if damaged.is_empty() {
        "ready\n".to_owned()
    } else {
        let damaged = damaged.join("\n");
        format!("ready, but a part of the store is damaged:\n{damaged}\n")
    };
    if let Some(folder) = refused.first() {
        let more = match refused.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!(
            "controls are refused and do not count: {folder}{more}; 'muster status' says why\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_tells_what_does_not_count() {
        let refused = ["/etc/a", "/etc/b", "/etc/c"].map(str::to_owned);
        insta::assert_snapshot!(health(&[], &[]), @"ready");
        insta::assert_snapshot!(health(&[], &refused[..1]), @r"
        ready
        controls are refused and do not count: /etc/a; 'muster status' says why
        ");
        let damaged = ["block 00000001.log@0".to_owned()];
        insta::assert_snapshot!(health(&damaged, &refused), @r"
        ready, but a part of the store is damaged:
        block 00000001.log@0
        controls are refused and do not count: /etc/a and 2 more; 'muster status' says why
        ");
    }
}

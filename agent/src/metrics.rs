//! Metrics over HTTP, for a monitoring system to scrape: the snapshot in Prometheus's text format.

use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use muster_common::health::CollectorState;
use muster_common::timestamp::SECOND;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::snapshot::{LinkState, Snapshot, Subject};

/// # Errors
/// The address is taken.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers `/metrics` and `/healthz` until `stop`.
pub(crate) async fn serve(socket: TcpListener, subject: Subject, stop: CancellationToken) {
    let routes = Router::new()
        .route(
            "/metrics",
            get(|State(subject): State<Subject>| async move { render(&subject.take()) }),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(subject);
    let served = axum::serve(socket, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "metrics are not served any more");
    }
}

fn render(snapshot: &Snapshot) -> String {
    let left = snapshot.certificate_expires_at.since(snapshot.taken_at) / SECOND;
    let up = i64::from(snapshot.link == LinkState::Up);
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut text = String::new();
    for (name, kind, help, value) in [
        ("up", "gauge", "Whether the admin answers", up),
        (
            "certificate_seconds",
            "gauge",
            "Seconds until the certificate expires",
            left,
        ),
        (
            "sent_total",
            "counter",
            "Findings that the admin has acknowledged",
            whole(snapshot.sent),
        ),
        (
            "waiting",
            "gauge",
            "Findings in the spool",
            whole(snapshot.waiting),
        ),
        (
            "spool_bytes",
            "gauge",
            "Bytes of the spool",
            whole(snapshot.spool_bytes),
        ),
        (
            "spool_bytes_max",
            "gauge",
            "Bytes that the spool may have",
            whole(snapshot.spool_bytes_max),
        ),
        (
            "spool_damaged",
            "gauge",
            "Records of the spool that cannot be read",
            whole(snapshot.damaged),
        ),
        (
            "dead_letters",
            "gauge",
            "Findings that were refused",
            whole(snapshot.dead_letters),
        ),
    ] {
        // A string takes everything.
        let _ = write!(
            text,
            "# HELP muster_agent_{name} {help}\n# TYPE muster_agent_{name} {kind}\nmuster_agent_{name} {value}\n"
        );
    }
    text.push_str("# HELP muster_agent_collector_ok Whether a source was read to its end\n# TYPE muster_agent_collector_ok gauge\n");
    for health in &snapshot.collectors {
        let ok = u8::from(health.state == CollectorState::Ok);
        let (collector, region) = (&health.collector, &health.region);
        let _ = writeln!(
            text,
            "muster_agent_collector_ok{{collector=\"{collector}\",region=\"{region}\",state=\"{}\"}} {ok}",
            health.state.name()
        );
    }
    text
}

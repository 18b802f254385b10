//! Callers that may not: with a certificate that was replaced, is over or whose holder was barred, with an operator's,
//! with one that nobody issued, with none; and methods that are not theirs or not in the table.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use muster_common::account::AccountId;
use muster_common::identity::{AgentId, Identity as Holder, Serial};
use muster_mtls::CertificateFacts;
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::uplink_request::Message as Ask;
use tokio::time::timeout;
use tonic::body::Body;
use tower::Service as _;
use uuid::Uuid;

use crate::dice;
use crate::kit::Shared;
use crate::network::Network;
use crate::source::{self, Document};

/// How long one goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tries to get a finding in under a certificate that is no good.
pub(crate) async fn send(
    network: &Network,
    machine: usize,
    facts: Option<Arc<CertificateFacts>>,
    account: AccountId,
    number: u64,
) {
    let bytes = source::document(&account, &account, 1_000_000 + number, 5_000_000);
    let key = muster_common::finding::read(&bytes).ok();
    let document = Document {
        key: key.map(|reading| reading.key),
        stamp: 5_000_000,
        bytes: bytes.clone(),
    };
    {
        let mut state = network.model.lock();
        state.forbid(document);
        state.tally.rogues += 1;
        state.note(format!("a rogue calls for {account}"));
    }
    let hello = wire::UplinkHello {
        agent_version: String::new(),
        spool_id: Uuid::from_u128(u128::from(number) + 1).to_string(),
        region: String::new(),
    };
    let batch = wire::Batch {
        first_sequence: 1,
        findings: vec![bytes],
    };
    let asks = [Ask::Hello(hello), Ask::Batch(batch)]
        .map(|ask| wire::UplinkRequest { message: Some(ask) });
    let talk = async {
        let carrier = network.connect(machine, None, facts).await.ok()?;
        let mut client = AgentClient::new(carrier);
        let answers = client.uplink(tokio_stream::iter(asks)).await.ok()?;
        let mut answers = answers.into_inner();
        while answers.message().await.ok()?.is_some() {}
        Some(())
    };
    // What comes of it, the model sees.
    let _ = timeout(PATIENCE, talk).await;
}

/// Calls a method that is not the caller's or has no row.
pub(crate) async fn call(network: &Network, machine: usize, facts: Option<Arc<CertificateFacts>>) {
    let path = dice::pick(&[
        "/muster.v1.Unlisted/Enter",
        "/muster.v1.Members/DisassociateMembers",
        "/muster.v1.Members/ListMembers",
    ]);
    let path = *path.expect("some");
    {
        let mut state = network.model.lock();
        state.tally.rogues += 1;
        state.note(format!("a rogue calls {path}"));
    }
    let talk = async {
        let mut carrier = network.connect(machine, None, facts).await.ok()?;
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .body(Body::empty())
            .ok()?;
        let response = carrier.call(request).await.ok()?;
        let code = response
            .headers()
            .get("grpc-status")?
            .to_str()
            .ok()?
            .to_owned();
        Some(code)
    };
    if let Ok(Some(code)) = timeout(PATIENCE, talk).await
        && code == "0"
    {
        network.model.fail(format!("{path} was served"));
    }
}

/// A certificate that TLS would not let through, or another sort of caller's.
pub(crate) fn forged(shared: &Shared, account: AccountId) -> Option<Arc<CertificateFacts>> {
    let holder = match dice::below(3) {
        0 => return None,
        1 => Holder::Operator("ana".parse().ok()?),
        _ => Holder::Agent {
            account,
            agent: AgentId::random(),
        },
    };
    Some(Arc::new(CertificateFacts {
        id: shared.domain.id(holder),
        serial: Serial::random(),
        public_key: Vec::new(),
        not_before: shared.clock.now(),
        not_after: shared.clock.now().plus(3_600_000),
    }))
}

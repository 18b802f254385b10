//! A server that knows one small organization and keeps nothing: for sessions of the commands, in tests.

mod inventory;
mod members;
mod standards;

use muster_proto::v1 as wire;
use muster_proto::v1::findings_server::{Findings, FindingsServer};
use muster_proto::v1::members_server::MembersServer;
use muster_proto::v1::resources_server::ResourcesServer;
use muster_proto::v1::standards_server::StandardsServer;
use muster_proto::v1::status_server::{Status as StatusService, StatusServer};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use crate::session::Session;

type Answer<T> = Result<Response<T>, Status>;

/// Starts it, and connects.
pub(super) async fn session() -> Session {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .add_service(StandardsServer::new(standards::Fake))
        .add_service(ResourcesServer::new(inventory::Fake))
        .add_service(FindingsServer::new(Fake))
        .add_service(StatusServer::new(Fake))
        .add_service(MembersServer::new(members::Fake))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Session::with(endpoint.connect_lazy())
}

fn no<T>() -> Answer<T> {
    Err(Status::unimplemented("not here"))
}

/// The items of a page, and where the next one begins: two at most, so that there are several.
fn page<T: Clone>(items: &[T], token: &str, size: u32) -> (Vec<T>, String) {
    let from = token.parse().unwrap_or(0);
    let size = usize::try_from(size).unwrap().clamp(1, 2);
    let to = (from + size).min(items.len());
    let next = if to < items.len() {
        to.to_string()
    } else {
        String::new()
    };
    (items[from..to].to_vec(), next)
}

struct Fake;

#[tonic::async_trait]
impl Findings for Fake {
    async fn count_findings(
        &self,
        request: Request<wire::CountFindingsRequest>,
    ) -> Answer<wire::CountFindingsResponse> {
        let request = request.into_inner();
        let mut counts = super::report::sample::facts().standards.remove(0).resources;
        if request.group_by.is_empty() {
            counts.total = 2;
            counts.groups.clear();
        }
        Ok(Response::new(counts))
    }

    async fn list_findings(
        &self,
        request: Request<wire::ListFindingsRequest>,
    ) -> Answer<wire::ListFindingsResponse> {
        let request = request.into_inner();
        let finding = |account: &str| {
            let document = serde_json::json!({
                "AwsAccountId": account,
                "Compliance": {
                    "SecurityControlId": "CloudTrail.1",
                    "StatusReasons": [{ "ReasonCode": "AccessDenied", "Description": "cloudtrail:GetTrailStatus" }],
                },
            });
            wire::FindingRecord {
                document: Some(wire::finding_record::Document::Asff(
                    document.to_string().into(),
                )),
                ..wire::FindingRecord::default()
            }
        };
        let all = [finding("111122223333"), finding("222233334444")];
        let (findings, next_page_token) = page(&all, &request.page_token, 1);
        Ok(Response::new(wire::ListFindingsResponse {
            findings,
            next_page_token,
        }))
    }

    async fn import_findings(
        &self,
        _: Request<wire::ImportFindingsRequest>,
    ) -> Answer<wire::ImportFindingsResponse> {
        no()
    }

    async fn get_finding(
        &self,
        _: Request<wire::GetFindingRequest>,
    ) -> Answer<wire::FindingRecord> {
        no()
    }

    async fn update_findings(
        &self,
        _: Request<wire::UpdateFindingsRequest>,
    ) -> Answer<wire::UpdateFindingsResponse> {
        no()
    }

    async fn list_finding_history(
        &self,
        _: Request<wire::ListFindingHistoryRequest>,
    ) -> Answer<wire::ListFindingHistoryResponse> {
        no()
    }

    type WatchFindingsStream = futures::stream::Empty<Result<wire::WatchFindingsResponse, Status>>;

    async fn watch_findings(
        &self,
        _: Request<wire::WatchFindingsRequest>,
    ) -> Answer<Self::WatchFindingsStream> {
        no()
    }
}

#[tonic::async_trait]
impl StatusService for Fake {
    async fn get_status(&self, _: Request<wire::GetStatusRequest>) -> Answer<wire::StatusReport> {
        Ok(Response::new(wire::StatusReport {
            version: "0.1.0".to_owned(),
            trust_domain: "muster.test".to_owned(),
            store: Some(wire::StoreStatus {
                sequence: 1_020,
                ..wire::StoreStatus::default()
            }),
            ..wire::StatusReport::default()
        }))
    }

    async fn list_ledger(
        &self,
        _: Request<wire::ListLedgerRequest>,
    ) -> Answer<wire::ListLedgerResponse> {
        no()
    }
}

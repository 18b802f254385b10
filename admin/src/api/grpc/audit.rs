//! `muster.v1.Audit`.

use muster_common::page::PageSeal;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::audit_server::Audit as Service;
use tonic::{Request, Response, Status};

use crate::api::error::status;
use crate::api::{caller, page};
use crate::audit::{Audit, Event, Selection};

const PAGE_MAX: u32 = 1_000;

pub struct AuditService {
    pub audit: Audit,
    pub seal: PageSeal,
}

#[tonic::async_trait]
impl Service for AuditService {
    async fn list_audit_events(
        &self,
        request: Request<wire::ListAuditEventsRequest>,
    ) -> Result<Response<wire::ListAuditEventsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListAuditEventsRequest {
            page_size,
            page_token,
            action_prefix,
            subject,
            refused_only,
        } = request.into_inner();
        let given = Selection {
            action_prefix,
            subject,
            refused_only,
        };
        let position: Option<(Selection, u64)> = page::open(&self.seal, "audit", &by, &page_token)?;
        let (selection, before) = match position {
            Some((selection, before)) => (selection, Some(before)),
            None => (given, None),
        };
        let (events, more) = self
            .audit
            .list(&selection, before, page::size(page_size, PAGE_MAX)?)
            .await
            .map_err(status)?;
        let next = events
            .last()
            .filter(|_| more)
            .map(|(number, _)| (selection, *number));
        Ok(Response::new(wire::ListAuditEventsResponse {
            events: events.into_iter().map(event).collect(),
            next_page_token: page::seal(&self.seal, "audit", &by, next.as_ref()),
        }))
    }
}

fn event((number, event): (u64, Event)) -> wire::AuditEvent {
    let Event {
        time,
        action,
        actor,
        subject,
        refused,
        detail,
    } = event;
    wire::AuditEvent {
        number,
        time: Some(to_wire(time)),
        action,
        actor,
        subject,
        refused,
        detail,
    }
}

//! `muster.v1.Status`.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_common::account::AccountId;
use muster_common::identity::TrustDomain;
use muster_common::page::PageSeal;
use muster_common::timestamp::{Timestamp, to_wire};
use muster_proto::v1 as wire;
use muster_proto::v1::status_server::Status as Service;
use muster_store::{Ledger, LedgerEntry};
use parking_lot::RwLock;
use tonic::{Request, Response, Status};

use crate::api::error::status;
use crate::api::{caller, page};
use crate::compliance::{Compliance, Refused};
use crate::membership::{Agent, MemberStatus, Membership};

const PAGE_MAX: u32 = 10_000;
/// Refused controls that one report tells.
const REFUSED_MAX: usize = 100;
/// Characters of the reason of one.
const REASON_MAX: usize = 1_000;

pub struct StatusService {
    pub membership: Membership,
    pub compliance: Compliance,
    pub ledger: Arc<dyn Ledger>,
    pub seal: PageSeal,
    pub domain: TrustDomain,
    pub started_at: Timestamp,
    /// Moved by the renewal of the server's certificate.
    pub certificate_expires_at: Arc<RwLock<Timestamp>>,
}

#[tonic::async_trait]
impl Service for StatusService {
    async fn get_status(
        &self,
        _request: Request<wire::GetStatusRequest>,
    ) -> Result<Response<wire::StatusReport>, Status> {
        let members = self.membership.counts().await.map_err(status)?;
        let agents = self.membership.all_agents().await.map_err(status)?;
        let entries = self.ledger.entries().await.map_err(status)?;
        let waiting = self.waiting(&agents);
        let lag = waiting.values().copied().fold(0, u64::saturating_add);
        let mut total = LedgerEntry::default();
        for (_, entry) in &entries {
            total.add(entry);
            total.visible += entry.visible;
        }
        let store = self.ledger.status().await.map_err(status)?;
        let may_come = |agent: &&Agent| self.membership.may_come(agent);
        let enrolled = agents.iter().filter(may_come).count();
        let refused = self.compliance.catalog().refused();
        Ok(Response::new(wire::StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(to_wire(self.started_at)),
            trust_domain: self.domain.to_string(),
            members: members
                .into_iter()
                .map(|(status, count): (MemberStatus, u64)| (status.name().to_owned(), count))
                .collect(),
            agents: enrolled as u64,
            agents_connected: self.membership.connected() as u64,
            ledger: Some(ledger_entry(None, &total, lag)),
            store: Some(wire::StoreStatus {
                engine: store.engine.to_owned(),
                findings: store.findings,
                sequence: store.sequence,
                bytes: store.bytes,
                index_bytes: store.index_bytes,
                damaged: store.damaged,
                failing: store.failing.unwrap_or_default(),
            }),
            server_certificate_expires_at: Some(to_wire(*self.certificate_expires_at.read())),
            lag,
            refused_controls: refused
                .iter()
                .take(REFUSED_MAX)
                .map(refused_control)
                .collect(),
            refused_control_count: refused.len() as u64,
        }))
    }

    async fn list_ledger(
        &self,
        request: Request<wire::ListLedgerRequest>,
    ) -> Result<Response<wire::ListLedgerResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListLedgerRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let size = page::size(page_size, PAGE_MAX)?;
        let after: Option<AccountId> = page::open(&self.seal, "ledger", &by, &page_token)?;
        let agents = self.membership.all_agents().await.map_err(status)?;
        let waiting = self.waiting(&agents);
        let mut entries: BTreeMap<AccountId, LedgerEntry> = self
            .ledger
            .entries()
            .await
            .map_err(status)?
            .into_iter()
            .collect();
        waiting.keys().for_each(|account| {
            entries.entry(*account).or_default();
        });
        let mut rest = entries
            .into_iter()
            .filter(|(account, _)| after.is_none_or(|after| *account > after));
        let page: Vec<_> = rest.by_ref().take(size).collect();
        let next = page
            .last()
            .filter(|_| rest.next().is_some())
            .map(|(account, _)| *account);
        Ok(Response::new(wire::ListLedgerResponse {
            entries: page
                .iter()
                .map(|(account, entry)| {
                    ledger_entry(
                        Some(*account),
                        entry,
                        waiting.get(account).copied().unwrap_or(0),
                    )
                })
                .collect(),
            next_page_token: page::seal(&self.seal, "ledger", &by, next.as_ref()),
        }))
    }
}

impl StatusService {
    /// Findings that agents have spooled and not been acknowledged for, per account, as far as they reported: whatever
    /// numbers they like.
    fn waiting(&self, agents: &[Agent]) -> BTreeMap<AccountId, u64> {
        let mut waiting: BTreeMap<AccountId, u64> = BTreeMap::new();
        for agent in agents {
            if let Some(seen) = self.membership.presence().seen(agent.id) {
                let lag = seen.report.last_sequence.saturating_sub(seen.acknowledged);
                let sum = waiting.entry(agent.account).or_default();
                *sum = sum.saturating_add(lag);
            }
        }
        waiting
    }
}

fn refused_control(refused: &Refused) -> wire::RefusedControl {
    let Refused { folder, reason } = refused;
    wire::RefusedControl {
        folder: folder.clone(),
        reason: reason.chars().take(REASON_MAX).collect(),
    }
}

fn ledger_entry(
    account: Option<AccountId>,
    entry: &LedgerEntry,
    waiting: u64,
) -> wire::LedgerEntry {
    let LedgerEntry {
        created,
        updated,
        unchanged,
        refused,
        missing,
        expired,
        visible,
    } = *entry;
    wire::LedgerEntry {
        account_id: account.map(String::from).unwrap_or_default(),
        sent: entry.sent(),
        created,
        updated,
        unchanged,
        refused,
        expired,
        visible,
        waiting,
        missing,
    }
}

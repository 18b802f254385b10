//! `muster.v1.Members`.

mod translate;

use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::invitation::{InvitationId, PrintedInvitation};
use muster_common::page::PageSeal;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::members_server::Members as Service;
use tonic::{Request, Response, Status};

use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::enrollment::Enrollment;
use crate::membership::{Agent, AgentState, Error, Member, MemberStatus, Membership, Sent};
pub(super) use translate::wire_status;
use translate::{account, invitation, item_error, new_member, status_of};

/// Accounts of one call, and entries of one page.
const ACCOUNTS_MAX: usize = 1_000;
const PAGE_MAX: u32 = 1_000;

pub struct MembersService {
    pub membership: Membership,
    pub enrollment: Enrollment,
    pub seal: PageSeal,
    pub clock: Clock,
    /// Where invited agents enroll.
    pub enrollment_endpoint: String,
}

/// What is done to each account of a call.
#[derive(Clone, Copy)]
enum Step {
    Disassociate,
    Suspend,
    Resume,
    Delete,
}

#[tonic::async_trait]
impl Service for MembersService {
    async fn create_members(
        &self,
        request: Request<wire::CreateMembersRequest>,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let members = request.into_inner().members;
        limited(members.len())?;
        let mut results = Vec::with_capacity(members.len());
        for member in members {
            let account_id = member.account_id.clone();
            let created = match new_member(member) {
                Ok(new) => self.membership.create(new, &by).await.map_err(item_error),
                Err(error) => Err(error),
            };
            results.push(self.member_result(account_id, created).await?);
        }
        Ok(Response::new(wire::MembersResponse { results }))
    }

    async fn invite_members(
        &self,
        request: Request<wire::InviteMembersRequest>,
    ) -> Result<Response<wire::InviteMembersResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::InviteMembersRequest {
            account_ids,
            valid_hours,
        } = request.into_inner();
        limited(account_ids.len())?;
        let mut results = Vec::with_capacity(account_ids.len());
        for account_id in account_ids {
            let outcome = match self.invite(&account_id, valid_hours, &by).await {
                Ok(sent) => wire::invite_result::Outcome::Invitation(sent),
                Err(error) => wire::invite_result::Outcome::Error(error),
            };
            results.push(wire::InviteResult {
                account_id,
                outcome: Some(outcome),
            });
        }
        Ok(Response::new(wire::InviteMembersResponse { results }))
    }

    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Result<Response<wire::ListMembersResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListMembersRequest {
            page_size,
            page_token,
            statuses,
        } = request.into_inner();
        let statuses: Vec<MemberStatus> = statuses
            .into_iter()
            .filter_map(|status| {
                wire::MemberStatus::try_from(status)
                    .ok()
                    .and_then(status_of)
            })
            .collect();
        let after = page::open(&self.seal, "members", &by, &page_token)?;
        let (found, next) = self
            .membership
            .members(&statuses, after, page::size(page_size, PAGE_MAX)?)
            .await
            .map_err(status)?;
        let mut members = Vec::with_capacity(found.len());
        for member in found {
            members.push(self.member(member).await?);
        }
        Ok(Response::new(wire::ListMembersResponse {
            members,
            next_page_token: page::seal(&self.seal, "members", &by, next.as_ref()),
        }))
    }

    async fn get_member(
        &self,
        request: Request<wire::GetMemberRequest>,
    ) -> Result<Response<wire::Member>, Status> {
        let name = request.into_inner().name;
        let account = name.strip_prefix("members/").unwrap_or(&name);
        let account = account
            .parse()
            .map_err(|error| invalid(format!("name: {error}")))?;
        let member = self.membership.member(account).await.map_err(status)?;
        Ok(Response::new(self.member(member).await?))
    }

    async fn disassociate_members(
        &self,
        request: Request<wire::MembersRequest>,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        self.each(request, Step::Disassociate).await
    }

    async fn suspend_members(
        &self,
        request: Request<wire::MembersRequest>,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        self.each(request, Step::Suspend).await
    }

    async fn resume_members(
        &self,
        request: Request<wire::MembersRequest>,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        self.each(request, Step::Resume).await
    }

    async fn delete_members(
        &self,
        request: Request<wire::MembersRequest>,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        self.each(request, Step::Delete).await
    }

    async fn list_invitations(
        &self,
        request: Request<wire::ListInvitationsRequest>,
    ) -> Result<Response<wire::ListInvitationsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListInvitationsRequest {
            page_size,
            page_token,
            all,
        } = request.into_inner();
        let after = page::open(&self.seal, "invitations", &by, &page_token)?;
        let (found, next) = self
            .membership
            .invitations(all, after, page::size(page_size, PAGE_MAX)?)
            .await
            .map_err(status)?;
        let now = self.clock.now();
        let invitations = found
            .into_iter()
            .map(|(id, open)| invitation(id, open, now))
            .collect();
        Ok(Response::new(wire::ListInvitationsResponse {
            invitations,
            next_page_token: page::seal(&self.seal, "invitations", &by, next.as_ref()),
        }))
    }

    async fn withdraw_invitation(
        &self,
        request: Request<wire::WithdrawInvitationRequest>,
    ) -> Result<Response<wire::Invitation>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let name = request.into_inner().name;
        let id: InvitationId = name
            .parse()
            .map_err(|_| invalid(format!("name: `{name}` is no invitation id")))?;
        let withdrawn = self.membership.withdraw(id, &by).await.map_err(status)?;
        Ok(Response::new(invitation(id, withdrawn, self.clock.now())))
    }

    async fn list_agents(
        &self,
        request: Request<wire::ListAgentsRequest>,
    ) -> Result<Response<wire::ListAgentsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListAgentsRequest {
            account_id,
            page_size,
            page_token,
        } = request.into_inner();
        let account = match account_id.as_str() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|error| invalid(format!("account_id: {error}")))?,
            ),
        };
        let list = format!("agents/{account_id}");
        let after = page::open(&self.seal, &list, &by, &page_token)?;
        let (found, next) = self
            .membership
            .agents(account, after, page::size(page_size, PAGE_MAX)?)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::ListAgentsResponse {
            agents: found.into_iter().map(|found| self.agent(found)).collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn revoke_agent(
        &self,
        request: Request<wire::RevokeAgentRequest>,
    ) -> Result<Response<wire::AgentRecord>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::RevokeAgentRequest { name, reason } = request.into_inner();
        let bare = name.strip_prefix("agents/").unwrap_or(&name);
        let id = bare
            .parse()
            .map_err(|error| invalid(format!("name: {error}")))?;
        let revoked = self
            .membership
            .revoke_agent(id, &reason, &by)
            .await
            .map_err(status)?;
        Ok(Response::new(self.agent(revoked)))
    }
}

impl MembersService {
    async fn each(
        &self,
        request: Request<wire::MembersRequest>,
        step: Step,
    ) -> Result<Response<wire::MembersResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let account_ids = request.into_inner().account_ids;
        limited(account_ids.len())?;
        let mut results = Vec::with_capacity(account_ids.len());
        for account_id in account_ids {
            let moved = match account(&account_id) {
                Ok(account) => self.step(step, account, &by).await.map_err(item_error),
                Err(error) => Err(error),
            };
            results.push(self.member_result(account_id, moved).await?);
        }
        Ok(Response::new(wire::MembersResponse { results }))
    }

    async fn step(&self, step: Step, account: AccountId, by: &str) -> Result<Member, Error> {
        match step {
            Step::Disassociate => self.membership.disassociate(account, by).await,
            Step::Suspend => self.membership.suspend(account, by).await,
            Step::Resume => self.membership.resume(account, by).await,
            Step::Delete => self.membership.delete(account, by).await,
        }
    }

    async fn invite(
        &self,
        account_id: &str,
        hours: u32,
        by: &str,
    ) -> Result<wire::SentInvitation, wire::ItemError> {
        let account = account(account_id)?;
        let pin = self.enrollment.pin().map_err(item_error)?;
        let Sent {
            id,
            secret,
            expires_at,
        } = self
            .membership
            .invite(account, hours, by)
            .await
            .map_err(item_error)?;
        let printed = PrintedInvitation {
            endpoint: self.enrollment_endpoint.clone(),
            pin,
            domain: self.enrollment.domain().clone(),
            account,
            id,
            secret,
            expires_at,
        };
        Ok(wire::SentInvitation {
            name: format!("invitations/{id}"),
            invitation: printed.to_string(),
            expires_at: Some(to_wire(expires_at)),
        })
    }

    async fn member_result(
        &self,
        account_id: String,
        result: Result<Member, wire::ItemError>,
    ) -> Result<wire::MemberResult, Status> {
        let outcome = match result {
            Ok(member) => wire::member_result::Outcome::Member(self.member(member).await?),
            Err(error) => wire::member_result::Outcome::Error(error),
        };
        Ok(wire::MemberResult {
            account_id,
            outcome: Some(outcome),
        })
    }

    async fn member(&self, member: Member) -> Result<wire::Member, Status> {
        let agents = self
            .membership
            .agent_count(member.account)
            .await
            .map_err(status)?;
        Ok(wire::Member {
            name: member.resource(),
            account_id: member.account.to_string(),
            email: member.email,
            account_name: member.name,
            status: wire_status(member.status).into(),
            created_at: Some(to_wire(member.created_at)),
            invited_at: member.invited_at.map(to_wire),
            updated_at: Some(to_wire(member.updated_at)),
            partition: member.partition.to_string(),
            role_name: member.role_name,
            agent_count: agents,
        })
    }

    fn agent(&self, agent: Agent) -> wire::AgentRecord {
        let seen = self
            .membership
            .presence()
            .seen(agent.id)
            .unwrap_or_default();
        let state = match agent.state {
            AgentState::Enrolled => wire::AgentState::Enrolled,
            AgentState::Quarantined { .. } => wire::AgentState::Quarantined,
            AgentState::Revoked { .. } => wire::AgentState::Revoked,
        };
        let version = if seen.report.version.is_empty() {
            agent.version
        } else {
            seen.report.version
        };
        wire::AgentRecord {
            name: format!("agents/{}", agent.id),
            account_id: agent.account.to_string(),
            version,
            region: agent.region.to_string(),
            state: state.into(),
            enrolled_at: Some(to_wire(agent.enrolled_at)),
            last_contact: seen.last_contact.or(agent.last_contact).map(to_wire),
            certificate_expires_at: Some(to_wire(agent.certificate_expires_at)),
            connected: seen.uplinks > 0,
            collectors: seen.report.collectors.into_iter().map(Into::into).collect(),
            spool_bytes: seen.report.spool_bytes,
            reason: agent.state.reason().to_owned(),
        }
    }
}

fn limited(count: usize) -> Result<(), Status> {
    match count {
        0 => Err(invalid("name at least one account")),
        count if count > ACCOUNTS_MAX => Err(invalid(format!(
            "{count} accounts are too many for one call; at most {ACCOUNTS_MAX}"
        ))),
        _ => Ok(()),
    }
}

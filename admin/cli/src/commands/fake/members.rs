//! The members of the small organization.

use muster_proto::v1 as wire;
use muster_proto::v1::members_server::Members;
use tonic::Request;

use super::{Answer, no, page};
use crate::commands::report::sample;

pub(super) struct Fake;

#[tonic::async_trait]
impl Members for Fake {
    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Answer<wire::ListMembersResponse> {
        let request = request.into_inner();
        let all: Vec<wire::Member> = sample::facts().members.into_values().collect();
        let (members, next_page_token) = page(&all, &request.page_token, request.page_size);
        Ok(tonic::Response::new(wire::ListMembersResponse {
            members,
            next_page_token,
        }))
    }

    async fn create_members(
        &self,
        _: Request<wire::CreateMembersRequest>,
    ) -> Answer<wire::MembersResponse> {
        no()
    }

    async fn invite_members(
        &self,
        _: Request<wire::InviteMembersRequest>,
    ) -> Answer<wire::InviteMembersResponse> {
        no()
    }

    async fn get_member(&self, _: Request<wire::GetMemberRequest>) -> Answer<wire::Member> {
        no()
    }

    async fn disassociate_members(
        &self,
        _: Request<wire::MembersRequest>,
    ) -> Answer<wire::MembersResponse> {
        no()
    }

    async fn suspend_members(
        &self,
        _: Request<wire::MembersRequest>,
    ) -> Answer<wire::MembersResponse> {
        no()
    }

    async fn resume_members(
        &self,
        _: Request<wire::MembersRequest>,
    ) -> Answer<wire::MembersResponse> {
        no()
    }

    async fn delete_members(
        &self,
        _: Request<wire::MembersRequest>,
    ) -> Answer<wire::MembersResponse> {
        no()
    }

    async fn list_invitations(
        &self,
        _: Request<wire::ListInvitationsRequest>,
    ) -> Answer<wire::ListInvitationsResponse> {
        no()
    }

    async fn withdraw_invitation(
        &self,
        _: Request<wire::WithdrawInvitationRequest>,
    ) -> Answer<wire::Invitation> {
        no()
    }

    async fn list_agents(
        &self,
        _: Request<wire::ListAgentsRequest>,
    ) -> Answer<wire::ListAgentsResponse> {
        no()
    }

    async fn revoke_agent(
        &self,
        _: Request<wire::RevokeAgentRequest>,
    ) -> Answer<wire::AgentRecord> {
        no()
    }
}

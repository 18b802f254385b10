//! The world: the real server in this process, on loopback, by a clock that the test moves, with an STS that the test
//! scripts.

use muster_admin::config::Config;
use muster_admin::init::{Administrator, init};
use muster_admin::serve::{Addresses, Running, serve};
use muster_common::clock::Clock;
use muster_common::identity::TrustDomain;
use muster_common::invitation::PrintedInvitation;
use muster_common::timestamp::{MINUTE, Timestamp};
use muster_mtls::{Credential, CredentialFile, Trust, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::audit_client::AuditClient;
use muster_proto::v1::enrollment_client::EnrollmentClient;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::members_client::MembersClient;
use muster_proto::v1::operators_client::OperatorsClient;
use muster_proto::v1::status_client::StatusClient;
use muster_tests::eventually;
use tempfile::TempDir;
use tonic::transport::Channel;

use super::sts::Sts;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const OTHER: &str = "444455556666";
pub(super) const DOMAIN: &str = "muster.example";

pub(super) struct World {
    pub clock: Clock,
    pub sts: Sts,
    pub config: Config,
    pub folder: TempDir,
    running: Option<Running>,
}

impl World {
    /// A server whose clock stands half an hour ago: the test may move it that far on before certificates that are made
    /// then lie in the future of the real clock, by which TLS judges them.
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(Clock::system().now().plus(-30 * MINUTE), change).await
    }

    pub(super) async fn at(now: Timestamp, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sts = Sts::start().await;
        let mut config = Config {
            data_dir: folder.path().join("data"),
            ..Config::default()
        };
        for address in [
            &mut config.listen.enrollment,
            &mut config.listen.agents,
            &mut config.listen.operators,
            &mut config.listen.metrics,
        ] {
            address.set_port(0);
        }
        config.sts.endpoint = Some(sts.endpoint());
        change(&mut config);
        let wanted = Administrator {
            operator: "root".parse().unwrap(),
            credential: folder.path().join("credential.toml"),
            endpoint: String::new(),
        };
        let domain = DOMAIN.parse().unwrap();
        init(&config, &domain, &wanted).await.expect("an admin");
        let clock = Clock::standing_at(now);
        let running = serve(&config, clock.clone()).await.expect("a server");
        Self {
            clock,
            sts,
            config,
            folder,
            running: Some(running),
        }
    }

    pub(super) fn addresses(&self) -> &Addresses {
        &self.running.as_ref().expect("the server runs").addresses
    }

    pub(super) fn domain(&self) -> TrustDomain {
        DOMAIN.parse().unwrap()
    }

    /// Stops the server; its data stays.
    pub(super) async fn stop(&mut self) {
        self.config.limits.drain_seconds = 1;
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Starts it again, on other ports. The store is free once the last call of its life before has ended.
    pub(super) async fn serve(&mut self) {
        let (config, clock) = (&self.config, &self.clock);
        let mut started = None;
        eventually("the server starts", async || {
            started = serve(config, clock.clone()).await.ok();
            started.is_some()
        })
        .await;
        self.running = started;
    }

    /// The first operator's credential, as `init` wrote it.
    pub(super) fn root(&self) -> CredentialFile {
        CredentialFile::read(&self.folder.path().join("credential.toml")).expect("a credential")
    }

    /// What everybody who enrolled trusts the server by.
    pub(super) fn trust(&self) -> Trust {
        self.root().trust().expect("roots")
    }

    /// A connection of the first operator, or of another one.
    pub(super) async fn operator(&self, credential: Option<&Credential>) -> Channel {
        let own = self.root().credential().expect("a credential");
        let address = self.addresses().operators.to_string();
        channel(
            &address,
            &self.trust(),
            &self.domain(),
            Some(credential.unwrap_or(&own)),
        )
        .await
        .expect("a connection")
    }

    /// A connection of a stranger.
    pub(super) async fn stranger(&self) -> Channel {
        let address = self.addresses().enrollment.to_string();
        channel(&address, &self.trust(), &self.domain(), None)
            .await
            .expect("a connection")
    }

    pub(super) async fn enrollment(&self) -> EnrollmentClient<Channel> {
        EnrollmentClient::new(self.stranger().await)
    }

    pub(super) async fn members(&self) -> MembersClient<Channel> {
        MembersClient::new(self.operator(None).await)
    }

    pub(super) async fn findings(&self) -> FindingsClient<Channel> {
        FindingsClient::new(self.operator(None).await)
    }

    pub(super) async fn operators(&self) -> OperatorsClient<Channel> {
        OperatorsClient::new(self.operator(None).await)
    }

    pub(super) async fn status(&self) -> StatusClient<Channel> {
        StatusClient::new(self.operator(None).await)
    }

    pub(super) async fn create(&self, account: &str) {
        self.create_as(wire::NewMember {
            account_id: account.to_owned(),
            ..Default::default()
        })
        .await;
    }

    pub(super) async fn create_as(&self, member: wire::NewMember) {
        let request = wire::CreateMembersRequest {
            members: vec![member],
        };
        let response = self
            .members()
            .await
            .create_members(request)
            .await
            .unwrap()
            .into_inner();
        let created = &response.results[0].outcome;
        assert!(
            matches!(created, Some(wire::member_result::Outcome::Member(_))),
            "{created:?}"
        );
    }

    /// Invites a member that is there.
    pub(super) async fn invite_again(&self, account: &str) -> PrintedInvitation {
        let request = wire::InviteMembersRequest {
            account_ids: vec![account.to_owned()],
            valid_hours: 1,
        };
        let response = self
            .members()
            .await
            .invite_members(request)
            .await
            .unwrap()
            .into_inner();
        match &response.results[0].outcome {
            Some(wire::invite_result::Outcome::Invitation(sent)) => {
                sent.invitation.parse().unwrap()
            }
            refused => panic!("{account}: {refused:?}"),
        }
    }

    /// Creates a member and invites it.
    pub(super) async fn invite(&self, account: &str) -> PrintedInvitation {
        self.create(account).await;
        self.invite_again(account).await
    }

    pub(super) async fn member(&self, account: &str) -> wire::Member {
        let request = wire::GetMemberRequest {
            name: format!("members/{account}"),
        };
        self.members()
            .await
            .get_member(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub(super) async fn member_status(&self, account: &str) -> wire::MemberStatus {
        self.member(account).await.status()
    }

    pub(super) async fn invitation_state(
        &self,
        invitation: &PrintedInvitation,
    ) -> wire::InvitationState {
        let request = wire::ListInvitationsRequest {
            page_size: 1_000,
            all: true,
            ..Default::default()
        };
        let response = self
            .members()
            .await
            .list_invitations(request)
            .await
            .unwrap()
            .into_inner();
        let name = format!("invitations/{}", invitation.id);
        let found = response.invitations.iter().find(|found| found.name == name);
        found.expect("the invitation").state()
    }

    pub(super) async fn agents(&self, account: &str) -> Vec<wire::AgentRecord> {
        let request = wire::ListAgentsRequest {
            account_id: account.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        self.members()
            .await
            .list_agents(request)
            .await
            .unwrap()
            .into_inner()
            .agents
    }

    /// Moves members by one of the calls that take account ids.
    pub(super) async fn disassociate(&self, account: &str) {
        let response = self
            .members()
            .await
            .disassociate_members(accounts(account))
            .await;
        moved(&response.unwrap().into_inner());
    }

    pub(super) async fn suspend(&self, account: &str) {
        let response = self
            .members()
            .await
            .suspend_members(accounts(account))
            .await;
        moved(&response.unwrap().into_inner());
    }

    pub(super) async fn resume(&self, account: &str) {
        let response = self.members().await.resume_members(accounts(account)).await;
        moved(&response.unwrap().into_inner());
    }

    pub(super) async fn delete(&self, account: &str) {
        let response = self.members().await.delete_members(accounts(account)).await;
        moved(&response.unwrap().into_inner());
    }

    pub(super) async fn revoke(&self, agent: &str) {
        let request = wire::RevokeAgentRequest {
            name: agent.to_owned(),
            reason: "a test".to_owned(),
        };
        self.members().await.revoke_agent(request).await.unwrap();
    }

    /// What a monitoring system scrapes.
    pub(super) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.addresses().metrics);
        let answer = reqwest::get(url).await.expect("the admin answers");
        answer.text().await.expect("text")
    }

    /// The audit events whose action starts so, newest first.
    pub(super) async fn audit(&self, action: &str) -> Vec<wire::AuditEvent> {
        let request = wire::ListAuditEventsRequest {
            page_size: 1_000,
            action_prefix: action.to_owned(),
            ..Default::default()
        };
        let mut client = AuditClient::new(self.operator(None).await);
        client
            .list_audit_events(request)
            .await
            .unwrap()
            .into_inner()
            .events
    }

    /// Every finding, as operators see them.
    pub(super) async fn all_findings(&self) -> Vec<wire::FindingRecord> {
        let request = wire::ListFindingsRequest {
            page_size: 1_000,
            format: wire::FindingFormat::Asff.into(),
            ..Default::default()
        };
        self.findings()
            .await
            .list_findings(request)
            .await
            .unwrap()
            .into_inner()
            .findings
    }
}

pub(super) fn accounts(account: &str) -> wire::MembersRequest {
    wire::MembersRequest {
        account_ids: vec![account.to_owned()],
    }
}

fn moved(response: &wire::MembersResponse) {
    let outcome = &response.results[0].outcome;
    assert!(
        matches!(outcome, Some(wire::member_result::Outcome::Member(_))),
        "{outcome:?}"
    );
}

/// Nothing came of an enrollment: the invitation is still good, and there is no agent.
pub(super) async fn assert_untouched(world: &World, invitation: &PrintedInvitation) {
    let account = invitation.account.to_string();
    assert_eq!(
        world.invitation_state(invitation).await,
        wire::InvitationState::Open
    );
    assert_eq!(
        world.member_status(&account).await,
        wire::MemberStatus::Invited
    );
    assert_eq!(world.agents(&account).await, []);
}

//! Endings: members that part, agents that are stopped, and the connections that are cut with them. What is durable is
//! felt, though whoever asked for it may be gone.

use std::time::Duration;

use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use muster_store::Table;

use super::{Agent, AgentState, Error, Member, MemberStatus, Membership, agent_key, agent_of};
use crate::audit::Event;
use crate::records::{Draft, to_the_end};

/// How long the agent that leaves may wait for its answer.
const LAST_WORD: Duration = Duration::from_millis(250);

/// A move of a member's life, as `member` has it.
type Step = fn(Member, Timestamp) -> Result<Member, Error>;

impl Membership {
    /// The admin parts with the member: its agents are cut, its findings stay.
    ///
    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`].
    pub async fn disassociate(&self, account: AccountId, by: &str) -> Result<Member, Error> {
        self.move_member(account, "member.disassociate", by, Member::remove)
            .await
    }

    /// The member parts with the admin.
    ///
    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`].
    pub async fn resign(&self, account: AccountId, by: &str) -> Result<Member, Error> {
        let (membership, by) = (self.clone(), by.to_owned());
        to_the_end(async move {
            let resigned = membership
                .step_member(account, "member.resign", &by, Member::resign)
                .await?;
            tokio::spawn(async move {
                // The answer goes out on one of the connections that are cut.
                tokio::time::sleep(LAST_WORD).await;
                membership.cut(|of, _| of == account);
            });
            Ok(resigned)
        })
        .await
    }

    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`].
    pub async fn suspend(&self, account: AccountId, by: &str) -> Result<Member, Error> {
        self.move_member(account, "member.suspend", by, Member::suspend)
            .await
    }

    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`].
    pub async fn resume(&self, account: AccountId, by: &str) -> Result<Member, Error> {
        self.move_member(account, "member.resume", by, Member::resume)
            .await
    }

    /// # Errors
    /// [`Error::NoMember`], [`Error::Status`].
    pub async fn delete(&self, account: AccountId, by: &str) -> Result<Member, Error> {
        self.move_member(account, "member.delete", by, Member::delete)
            .await
    }

    async fn move_member(
        &self,
        account: AccountId,
        action: &'static str,
        by: &str,
        step: Step,
    ) -> Result<Member, Error> {
        let (membership, by) = (self.clone(), by.to_owned());
        to_the_end(async move {
            let moved = membership.step_member(account, action, &by, step).await?;
            if moved.status != MemberStatus::Enabled {
                membership.cut(|of, _| of == account);
            }
            Ok(moved)
        })
        .await
    }

    /// Moves a member without cutting anybody.
    async fn step_member(
        &self,
        account: AccountId,
        action: &str,
        by: &str,
        step: Step,
    ) -> Result<Member, Error> {
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let (kept, member) = self.kept_member(account).await?;
                    let open = member.invitation;
                    let moved = step(member, now)?;
                    let mut draft = self.change(&moved, action, by).expect(&kept);
                    if let Some(open) = open.filter(|_| moved.invitation.is_none()) {
                        draft = self.void(draft, open, by, now).await?;
                    }
                    Ok((moved, draft))
                })
            })
            .await
    }

    /// Revokes one agent. The others of its account stay.
    ///
    /// # Errors
    /// [`Error::NoAgent`].
    pub async fn revoke_agent(&self, id: AgentId, reason: &str, by: &str) -> Result<Agent, Error> {
        let agent = self.find_agent(id).await?;
        let state = AgentState::Revoked {
            reason: reason.chars().take(256).collect(),
        };
        self.stop_agent(agent.account, id, state, "agent.revoke", by)
            .await
    }

    /// Stops an agent whose key was seen twice, as that of a clone.
    ///
    /// # Errors
    /// [`Error::NoAgent`].
    pub async fn quarantine(
        &self,
        account: AccountId,
        id: AgentId,
        by: &str,
    ) -> Result<Agent, Error> {
        let reason =
            "a certificate that was replaced asked for another one, as a clone would".to_owned();
        let state = AgentState::Quarantined { reason };
        self.stop_agent(account, id, state, "agent.quarantine", by)
            .await
    }

    async fn stop_agent(
        &self,
        account: AccountId,
        id: AgentId,
        state: AgentState,
        action: &'static str,
        by: &str,
    ) -> Result<Agent, Error> {
        let (membership, by) = (self.clone(), by.to_owned());
        to_the_end(async move {
            let stopped = membership
                .step_agent(account, id, state, action, &by)
                .await?;
            membership.cut(|_, agent| agent == id);
            Ok(stopped)
        })
        .await
    }

    /// Stops an agent without cutting it.
    async fn step_agent(
        &self,
        account: AccountId,
        id: AgentId,
        state: AgentState,
        action: &str,
        by: &str,
    ) -> Result<Agent, Error> {
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let (kept, mut agent) = self.kept_agent(account, id).await?;
                    if agent.state != AgentState::Enrolled {
                        return Err(Error::Stopped { id });
                    }
                    agent.state = state.clone();
                    let event = Event::new(self.clock.now(), action, by, format!("agents/{id}"))
                        .detail(format!("of {account}: {}", agent.state.reason()));
                    let draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Agents, agent_key(account, id), &agent)
                        .audit(&event);
                    Ok((agent, draft))
                })
            })
            .await
    }

    fn cut(&self, which: impl Fn(AccountId, AgentId) -> bool) {
        self.connections
            .cut(|peer| agent_of(peer).is_some_and(|(account, agent)| which(account, agent)));
    }
}

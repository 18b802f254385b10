//! Looking: members, invitations and agents, one by one and page by page.

use std::collections::BTreeMap;

use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use muster_common::invitation::InvitationId;
use muster_store::{Bound, Table};
use serde::de::DeserializeOwned;

use super::{
    AGENTS_MAX, Agent, AgentState, Error, Invitation, Member, MemberStatus, Membership, agent_key,
    agent_of, key,
};
use crate::records::{Draft, PAGE_MAX};

/// A page of a list, and where the next one starts.
pub type Listed<T> = (Vec<T>, Option<Vec<u8>>);

impl Membership {
    /// # Errors
    /// [`Error::NoMember`].
    pub async fn member(&self, account: AccountId) -> Result<Member, Error> {
        let member = self.records.get(Table::Members, key(account)).await?;
        member.ok_or(Error::NoMember { account })
    }

    /// Up to `limit` members after a key, of some statuses; all but deleted ones if none is given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn members(
        &self,
        statuses: &[MemberStatus],
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed<Member>, Error> {
        let picks = |member: &Member| {
            if statuses.is_empty() {
                member.status != MemberStatus::Deleted
            } else {
                statuses.contains(&member.status)
            }
        };
        values(self.list(Table::Members, "", after, limit, picks).await?)
    }

    /// Members by status.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn counts(&self) -> Result<Vec<(MemberStatus, u64)>, Error> {
        let mut counts: BTreeMap<&str, (MemberStatus, u64)> = BTreeMap::new();
        for (_, member) in self.records.all::<Member>(Table::Members).await? {
            counts
                .entry(member.status.name())
                .or_insert((member.status, 0))
                .1 += 1;
        }
        Ok(counts.into_values().collect())
    }

    /// Up to `limit` invitations after a key; only open ones unless `all`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn invitations(
        &self,
        all: bool,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed<(InvitationId, Invitation)>, Error> {
        let now = self.clock.now();
        let picks = |invitation: &Invitation| all || invitation.is_open(now);
        let (found, next) = self
            .list(Table::Invitations, "", after, limit, picks)
            .await?;
        let named = found.into_iter().filter_map(|(key, invitation)| {
            let id = std::str::from_utf8(&key).ok()?.parse().ok()?;
            Some((id, invitation))
        });
        Ok((named.collect(), next))
    }

    /// Up to `limit` agents after a key, of one account or of all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn agents(
        &self,
        account: Option<AccountId>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed<Agent>, Error> {
        let prefix = account
            .map(|account| format!("{account}/"))
            .unwrap_or_default();
        values(
            self.list(Table::Agents, &prefix, after, limit, |_: &Agent| true)
                .await?,
        )
    }

    /// Every agent that is enrolled.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn all_agents(&self) -> Result<Vec<Agent>, Error> {
        let agents = self.records.all::<Agent>(Table::Agents).await?;
        let enrolled = agents.into_iter().map(|(_, agent)| agent);
        Ok(enrolled
            .filter(|agent| agent.state == AgentState::Enrolled)
            .collect())
    }

    /// The agents of an account that may speak again: those that were not stopped, of the member as it is. One whose
    /// certificate is over is among them; nobody said that it shall not come back.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn standing_agents(&self, account: AccountId) -> Result<Vec<AgentId>, Error> {
        let member: Option<Member> = self.records.get(Table::Members, key(account)).await?;
        let Some(Member { epoch, .. }) = member else {
            return Ok(Vec::new());
        };
        let picks = |agent: &Agent| agent.state == AgentState::Enrolled && agent.epoch == epoch;
        let prefix = format!("{account}/");
        let (agents, _) = self
            .list(Table::Agents, &prefix, None, usize::MAX, picks)
            .await?;
        Ok(agents.into_iter().map(|(_, agent)| agent.id).collect())
    }

    /// The enrolled agents of an account.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn agent_count(&self, account: AccountId) -> Result<u32, Error> {
        let enrolled = |agent: &Agent| agent.state == AgentState::Enrolled;
        let prefix = format!("{account}/");
        let (agents, _) = self
            .list(Table::Agents, &prefix, None, AGENTS_MAX, enrolled)
            .await?;
        Ok(u32::try_from(agents.len()).unwrap_or(u32::MAX))
    }

    /// Whether another agent of an account may enroll.
    ///
    /// # Errors
    /// [`Error::TooManyAgents`].
    pub async fn room_for_agent(&self, account: AccountId) -> Result<(), Error> {
        if self.agent_count(account).await? as usize >= AGENTS_MAX {
            return Err(Error::TooManyAgents { account });
        }
        Ok(())
    }

    /// Agents that are connected now.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connections.count(|peer| agent_of(peer).is_some())
    }

    /// Writes down when an agent was last heard of.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn contacted(&self, account: AccountId, id: AgentId) -> Result<(), Error> {
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let (kept, mut agent) = self.kept_agent(account, id).await?;
                    agent.last_contact = Some(self.clock.now());
                    let draft = Draft::default().expect(&kept).put(
                        Table::Agents,
                        agent_key(account, id),
                        &agent,
                    );
                    Ok(((), draft))
                })
            })
            .await
    }

    pub(super) async fn find_agent(&self, id: AgentId) -> Result<Agent, Error> {
        let agents = self.records.all::<Agent>(Table::Agents).await?;
        agents
            .into_iter()
            .map(|(_, agent)| agent)
            .find(|agent| agent.id == id)
            .ok_or_else(|| Error::NoAgent { id: id.to_string() })
    }

    /// Up to `limit` entries after a key whose keys start with `prefix` and which `picks` takes.
    async fn list<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &str,
        after: Option<Vec<u8>>,
        limit: usize,
        picks: impl Fn(&T) -> bool,
    ) -> Result<Listed<(Vec<u8>, T)>, Error> {
        let mut found: Vec<(Vec<u8>, T)> = Vec::new();
        // No key is the bare prefix.
        let mut from = after.or_else(|| (!prefix.is_empty()).then(|| prefix.into()));
        loop {
            let bound = from.map_or(Bound::Start, Bound::After);
            let page = self.records.scan::<T>(table, bound, PAGE_MAX).await?;
            let last = page.len() < PAGE_MAX;
            from = page.last().map(|(key, _)| key.clone());
            for (key, value) in page {
                if !key.starts_with(prefix.as_bytes()) {
                    return Ok((found, None));
                }
                if !picks(&value) {
                    continue;
                }
                if found.len() == limit {
                    let next = found.last().map(|(key, _)| key.clone());
                    return Ok((found, next));
                }
                found.push((key, value));
            }
            if last {
                return Ok((found, None));
            }
        }
    }
}

fn values<T>((found, next): Listed<(Vec<u8>, T)>) -> Result<Listed<T>, Error> {
    Ok((found.into_iter().map(|(_, value)| value).collect(), next))
}

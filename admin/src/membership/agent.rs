//! Agents, and whether one may speak.

use std::fmt;

use muster_common::account::{AccountId, Region};
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Member, MemberStatus};
use crate::lineage::{Leaf, Lineage, Place};

/// An agent that enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub id: AgentId,
    pub account: AccountId,
    pub state: AgentState,
    pub lineage: Lineage,
    /// SHA-256 over the last certified public key, in hexadecimal.
    pub key: String,
    /// The member's epoch at enrollment.
    pub epoch: u32,
    /// The unique id of the role that proved the account; it must stay the same.
    pub role_id: String,
    pub version: String,
    pub region: Region,
    pub enrolled_at: Timestamp,
    /// The last proof of account.
    pub proven_at: Timestamp,
    pub certificate_expires_at: Timestamp,
    /// As of the last connection; the presence knows better while it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "is")]
pub enum AgentState {
    /// By its proof.
    Enrolled,
    /// Final. By a replaced certificate that asked for a new one.
    Quarantined { reason: String },
    /// Final. By an operator.
    Revoked { reason: String },
}

impl AgentState {
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Enrolled => "",
            Self::Quarantined { reason } | Self::Revoked { reason } => reason,
        }
    }
}

/// What a certificate is good for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Good, and to be made the current one.
    Renewed,
    /// Good, and from a time that this admin has lost; to be made the current one.
    Ahead,
    /// A later certificate took its place.
    Superseded,
    /// No agent of this name is enrolled.
    Unknown,
    /// The agent was stopped.
    Stopped(AgentState),
    /// The member is not enabled, or the agent enrolled before the member parted.
    NotMember(Option<MemberStatus>),
}

impl fmt::Display for Standing {
    /// What to tell whoever came with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good | Self::Renewed | Self::Ahead => f.write_str("the agent may speak"),
            Self::Superseded => f.write_str(
                "the certificate was replaced by a later one; if this agent was not copied, enroll it again with a new invitation",
            ),
            Self::Unknown => {
                f.write_str("this agent is not enrolled here; enroll it with a new invitation")
            }
            Self::Stopped(state) => write!(
                f,
                "this agent was stopped: {}; enroll it again with a new invitation",
                state.reason()
            ),
            Self::NotMember(Some(member)) => write!(
                f,
                "the account is no enabled member ({}), or the agent enrolled before it parted",
                member.name()
            ),
            Self::NotMember(None) => f.write_str("the account is no member"),
        }
    }
}

/// Judges a certificate. Pure; the order is that of the answers a caller needs.
pub(crate) fn standing(member: Option<&Member>, agent: Option<&Agent>, leaf: Leaf) -> Standing {
    let (Some(member), Some(agent)) = (member, agent) else {
        return match member {
            Some(member) if member.status != MemberStatus::Enabled => {
                Standing::NotMember(Some(member.status))
            }
            Some(_) => Standing::Unknown,
            None => Standing::NotMember(None),
        };
    };
    match &agent.state {
        AgentState::Enrolled => {}
        stopped @ (AgentState::Quarantined { .. } | AgentState::Revoked { .. }) => {
            return Standing::Stopped(stopped.clone());
        }
    }
    if member.status != MemberStatus::Enabled || member.epoch != agent.epoch {
        return Standing::NotMember(Some(member.status));
    }
    match agent.lineage.place(leaf) {
        Place::Current => Standing::Good,
        Place::Next => Standing::Renewed,
        Place::Ahead => Standing::Ahead,
        Place::Outside => Standing::Superseded,
    }
}

//! How a collector fares: told by the agent, shown to the operator.

use muster_proto::v1 as wire;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// One source in one Region of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorHealth {
    /// Such as `guardduty`.
    pub collector: String,
    /// Empty for a source without a Region.
    pub region: String,
    pub state: CollectorState,
    /// What is wrong and what to do, for people.
    pub message: String,
    pub last_success: Option<Timestamp>,
    /// Findings collected since the agent started.
    pub findings: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollectorState {
    /// Has not run yet.
    Pending,
    Ok,
    /// The service is off in this account and Region.
    Disabled,
    PermissionMissing,
    Throttled,
    Failed,
    /// The spool is full: the source is not read.
    Blocked,
}

impl CollectorState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Disabled => "disabled",
            Self::PermissionMissing => "permission-missing",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
        }
    }
}

/// The longest message that is kept, in bytes.
const MESSAGE_MAX: usize = 1_024;

impl From<CollectorHealth> for wire::CollectorHealth {
    fn from(health: CollectorHealth) -> Self {
        let CollectorHealth {
            collector,
            region,
            state,
            message,
            last_success,
            findings,
        } = health;
        Self {
            collector,
            region,
            state: wire::CollectorState::from(state).into(),
            message,
            last_success: last_success.map(crate::timestamp::to_wire),
            findings,
        }
    }
}

impl From<wire::CollectorHealth> for CollectorHealth {
    /// Texts are cut to a sane length: they come from an agent.
    fn from(health: wire::CollectorHealth) -> Self {
        let state = health.state().into();
        let wire::CollectorHealth {
            collector,
            region,
            state: _,
            message,
            last_success,
            findings,
        } = health;
        Self {
            collector: cut(collector, 64),
            region: cut(region, 64),
            state,
            message: cut(message, MESSAGE_MAX),
            last_success: last_success.as_ref().map(crate::timestamp::from_wire),
            findings,
        }
    }
}

fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let end = (0..=max)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}

impl From<CollectorState> for wire::CollectorState {
    fn from(state: CollectorState) -> Self {
        match state {
            CollectorState::Pending => Self::Pending,
            CollectorState::Ok => Self::Ok,
            CollectorState::Disabled => Self::Disabled,
            CollectorState::PermissionMissing => Self::PermissionMissing,
            CollectorState::Throttled => Self::Throttled,
            CollectorState::Failed => Self::Failed,
            CollectorState::Blocked => Self::Blocked,
        }
    }
}

impl From<wire::CollectorState> for CollectorState {
    fn from(state: wire::CollectorState) -> Self {
        match state {
            wire::CollectorState::Unspecified | wire::CollectorState::Pending => Self::Pending,
            wire::CollectorState::Ok => Self::Ok,
            wire::CollectorState::Disabled => Self::Disabled,
            wire::CollectorState::PermissionMissing => Self::PermissionMissing,
            wire::CollectorState::Throttled => Self::Throttled,
            wire::CollectorState::Failed => Self::Failed,
            wire::CollectorState::Blocked => Self::Blocked,
        }
    }
}

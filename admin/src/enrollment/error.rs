//! Why an enrollment or a renewal comes to nothing.

use std::net::IpAddr;

use muster_common::account::{AccountId, Partition};
use muster_common::identity::AgentId;
use muster_common::proof::InvalidProof;
use muster_common::timestamp::Timestamp;

use super::identity::NotWelcome;
use super::sts::StsError;
use crate::authority;
use crate::error::{Kind, Kinded};
use crate::membership::invitation::Refused;
use crate::membership::{self, Standing};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Invitation(#[from] Refused),
    #[error(transparent)]
    Membership(#[from] membership::Error),
    #[error(transparent)]
    Authority(#[from] authority::Error),
    #[error(transparent)]
    Proof(#[from] InvalidProof),
    #[error(transparent)]
    Sts(#[from] StsError),
    #[error(transparent)]
    Identity(#[from] NotWelcome),
    #[error("{account} is in partition {expected}; the proof is from {found}")]
    Partition {
        account: AccountId,
        expected: Partition,
        found: Partition,
    },
    #[error(
        "the role of {account} was deleted and made again since it was first seen; if that was meant, disassociate the account and invite it again"
    )]
    RoleRecreated { account: AccountId },
    #[error("too many failed attempts from {peer}; try again in a minute")]
    Throttled { peer: IpAddr },
    #[error("agent {agent} renews its certificate too often; try again in some minutes")]
    TooOften { agent: AgentId },
    #[error("{0}")]
    Standing(Standing),
    #[error(
        "the certificate expired at {expires_at}; enroll the agent again with a new invitation"
    )]
    Expired { expires_at: Timestamp },
    #[error("a renewal needs a new key")]
    SameKey,
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invitation(error) => error.kind(),
            Self::Membership(error) => error.kind(),
            Self::Authority(error) => error.kind(),
            Self::Sts(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Proof(InvalidProof::Form(_)) | Self::SameKey => Kind::Invalid,
            Self::Proof(InvalidProof::Skew { .. })
            | Self::Identity(_)
            | Self::Partition { .. }
            | Self::RoleRecreated { .. }
            | Self::Standing(_) => Kind::Denied,
            Self::Expired { .. } => Kind::Unauthenticated,
            Self::Throttled { .. } | Self::TooOften { .. } => Kind::Busy,
        }
    }
}

impl Error {
    /// Whether it says something about who asked, and not about the state of the house.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Membership(membership::Error::Store(_)) => false,
            Self::Invitation(_)
            | Self::Membership(_)
            | Self::Proof(_)
            | Self::Identity(_)
            | Self::Partition { .. }
            | Self::RoleRecreated { .. }
            | Self::TooOften { .. }
            | Self::Standing(_)
            | Self::Expired { .. }
            | Self::SameKey
            | Self::Sts(StsError::Refused { .. })
            | Self::Authority(authority::Error::PublicKey) => true,
            Self::Throttled { .. } | Self::Authority(_) | Self::Sts(_) | Self::Store(_) => false,
        }
    }
}

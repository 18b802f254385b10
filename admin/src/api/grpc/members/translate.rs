//! Members and invitations to and from the wire.

use muster_common::account::{AccountId, Partition};
use muster_common::invitation::InvitationId;
use muster_common::timestamp::{Timestamp, to_wire};
use muster_proto::v1 as wire;

use crate::api::error::status;
use crate::error::{Kind, Kinded};
use crate::membership::{Invitation, InvitationState, MemberStatus, NewMember};

pub(super) fn account(text: &str) -> Result<AccountId, wire::ItemError> {
    text.parse().map_err(
        |error: muster_common::account::InvalidAccountId| wire::ItemError {
            code: "InvalidInput".to_owned(),
            message: error.to_string(),
        },
    )
}

pub(super) fn new_member(member: wire::NewMember) -> Result<NewMember, wire::ItemError> {
    let wire::NewMember {
        account_id,
        email,
        account_name,
        partition,
        role_name,
    } = member;
    let partition = match partition.as_str() {
        "" => Partition::default(),
        text => text
            .parse()
            .map_err(
                |error: muster_common::account::InvalidPartition| wire::ItemError {
                    code: "InvalidInput".to_owned(),
                    message: error.to_string(),
                },
            )?,
    };
    Ok(NewMember {
        account: account(&account_id)?,
        email,
        name: account_name,
        partition,
        role_name: Some(role_name).filter(|name| !name.is_empty()),
    })
}

/// An error as an item of an answer carries it.
pub(super) fn item_error<E: Kinded>(error: E) -> wire::ItemError {
    let code = match error.kind() {
        Kind::NotFound => "ResourceNotFound",
        Kind::Conflict => "ResourceConflict",
        Kind::Invalid => "InvalidInput",
        Kind::Denied | Kind::Unauthenticated => "InvalidAccess",
        Kind::Busy => "Throttling",
        Kind::Exhausted => "LimitExceeded",
        Kind::Disk | Kind::Internal => "InternalFailure",
    };
    // The same table as for whole calls decides what may be shown.
    wire::ItemError {
        code: code.to_owned(),
        message: status(error).message().to_owned(),
    }
}

pub(super) fn invitation(
    id: InvitationId,
    invitation: Invitation,
    now: Timestamp,
) -> wire::Invitation {
    let state = match invitation.state {
        InvitationState::Open {} if now < invitation.expires_at => wire::InvitationState::Open,
        InvitationState::Open {} => wire::InvitationState::Expired,
        InvitationState::Spent { .. } => wire::InvitationState::Spent,
        InvitationState::Withdrawn { .. } => wire::InvitationState::Withdrawn,
        InvitationState::Declined => wire::InvitationState::Declined,
    };
    wire::Invitation {
        name: format!("invitations/{id}"),
        account_id: invitation.account.to_string(),
        state: state.into(),
        created_at: Some(to_wire(invitation.created_at)),
        expires_at: Some(to_wire(invitation.expires_at)),
        created_by: invitation.created_by,
    }
}

pub(in crate::api::grpc) const fn wire_status(status: MemberStatus) -> wire::MemberStatus {
    match status {
        MemberStatus::Created => wire::MemberStatus::Created,
        MemberStatus::Invited => wire::MemberStatus::Invited,
        MemberStatus::Enabled => wire::MemberStatus::Enabled,
        MemberStatus::Removed => wire::MemberStatus::Removed,
        MemberStatus::Resigned => wire::MemberStatus::Resigned,
        MemberStatus::Deleted => wire::MemberStatus::Deleted,
        MemberStatus::AccountSuspended => wire::MemberStatus::AccountSuspended,
    }
}

pub(super) const fn status_of(status: wire::MemberStatus) -> Option<MemberStatus> {
    match status {
        wire::MemberStatus::Unspecified => None,
        wire::MemberStatus::Created => Some(MemberStatus::Created),
        wire::MemberStatus::Invited => Some(MemberStatus::Invited),
        wire::MemberStatus::Enabled => Some(MemberStatus::Enabled),
        wire::MemberStatus::Removed => Some(MemberStatus::Removed),
        wire::MemberStatus::Resigned => Some(MemberStatus::Resigned),
        wire::MemberStatus::Deleted => Some(MemberStatus::Deleted),
        wire::MemberStatus::AccountSuspended => Some(MemberStatus::AccountSuspended),
    }
}

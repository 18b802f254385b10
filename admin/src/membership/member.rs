//! The life of a member account. Pure: every move takes the member and gives the moved one, or says why not.
//!
//! Source: Security Hub API Reference, `Member.MemberStatus`; the user guide on managing accounts.

use muster_common::account::{AccountId, Partition};
use muster_common::invitation::InvitationId;
use muster_common::text::is_visible;
use muster_common::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::invitation::InvitationState;
use super::{Error, NewMember};

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MemberStatus {
    /// By an operator. Waits for an invitation.
    Created,
    /// By an operator. Waits for an agent to enroll.
    Invited,
    /// By an agent that proved the account. Its agents may speak.
    Enabled,
    /// By an operator: parted. Its findings stay; it may be invited again.
    Removed,
    /// By the member: declined or left. Its findings stay; it may be invited again.
    Resigned,
    /// By an operator. Final, but that the account may be created anew.
    Deleted,
    /// By an operator: its agents are silent until it is resumed.
    AccountSuspended,
}

/// A member account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub account: AccountId,
    pub partition: Partition,
    /// The IAM role that its agents run under.
    pub role_name: String,
    /// The unique id of that role, as of the first agent of this epoch. A role of the same name made anew has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub status: MemberStatus,
    /// Rises when the member parts: agents of an earlier epoch stay out.
    pub epoch: u32,
    /// The open invitation, if there is one. An enabled member may have one, for a further agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<InvitationId>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl MemberStatus {
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Invited,
        Self::Enabled,
        Self::Removed,
        Self::Resigned,
        Self::Deleted,
        Self::AccountSuspended,
    ];

    /// Whether operators may import findings for such a member.
    #[must_use]
    pub const fn keeps_findings(self) -> bool {
        match self {
            Self::Created
            | Self::Invited
            | Self::Enabled
            | Self::Removed
            | Self::Resigned
            | Self::AccountSuspended => true,
            Self::Deleted => false,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Invited => "INVITED",
            Self::Enabled => "ENABLED",
            Self::Removed => "REMOVED",
            Self::Resigned => "RESIGNED",
            Self::Deleted => "DELETED",
            Self::AccountSuspended => "ACCOUNT_SUSPENDED",
        }
    }
}

impl Member {
    /// Creates a member, or creates a deleted one anew.
    pub(super) fn create(
        old: Option<&Self>,
        new: &NewMember,
        role_name: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let epoch = match old {
            None => 0,
            Some(old) if old.status == MemberStatus::Deleted => old.epoch,
            Some(old) => {
                return Err(Error::Exists {
                    account: new.account,
                    status: old.status,
                });
            }
        };
        Ok(Self {
            account: new.account,
            partition: new.partition,
            role_name: role_name.to_owned(),
            role_id: None,
            email: new.email.clone(),
            name: new.name.clone(),
            status: MemberStatus::Created,
            epoch,
            invitation: None,
            created_at: now,
            invited_at: None,
            updated_at: now,
        })
    }

    /// Invites, or invites again. An enabled member stays enabled: the invitation is for a further agent.
    pub(super) fn invite(mut self, id: InvitationId, now: Timestamp) -> Result<Self, Error> {
        self.status = match self.status {
            MemberStatus::Created
            | MemberStatus::Invited
            | MemberStatus::Removed
            | MemberStatus::Resigned => MemberStatus::Invited,
            MemberStatus::Enabled => MemberStatus::Enabled,
            MemberStatus::Deleted => {
                return Err(self.refuse("create it again first, with 'muster member create'"));
            }
            MemberStatus::AccountSuspended => {
                return Err(self.refuse("resume it first, with 'muster member resume'"));
            }
        };
        self.invitation = Some(id);
        self.invited_at = Some(now);
        self.updated_at = now;
        Ok(self)
    }

    /// An agent enrolled with the open invitation.
    pub(crate) fn enable(mut self, role_id: &str, now: Timestamp) -> Result<Self, Error> {
        self.status = match self.status {
            MemberStatus::Invited | MemberStatus::Enabled => MemberStatus::Enabled,
            MemberStatus::Created
            | MemberStatus::Removed
            | MemberStatus::Resigned
            | MemberStatus::Deleted
            | MemberStatus::AccountSuspended => {
                return Err(
                    self.refuse("it must be invited to enroll, with 'muster member invite'")
                );
            }
        };
        self.role_id = Some(role_id.to_owned());
        self.invitation = None;
        self.updated_at = now;
        Ok(self)
    }

    /// The open invitation ended without an agent.
    pub(super) fn without_invitation(mut self, how: &InvitationState, now: Timestamp) -> Self {
        if self.status == MemberStatus::Invited {
            self.status = match how {
                InvitationState::Declined => MemberStatus::Resigned,
                InvitationState::Open { .. }
                | InvitationState::Spent { .. }
                | InvitationState::Withdrawn { .. } => MemberStatus::Created,
            };
        }
        self.invitation = None;
        self.updated_at = now;
        self
    }

    pub(super) fn remove(self, now: Timestamp) -> Result<Self, Error> {
        self.part(MemberStatus::Removed, now)
    }

    pub(super) fn resign(self, now: Timestamp) -> Result<Self, Error> {
        self.part(MemberStatus::Resigned, now)
    }

    fn part(mut self, to: MemberStatus, now: Timestamp) -> Result<Self, Error> {
        match self.status {
            MemberStatus::Enabled | MemberStatus::AccountSuspended => {
                self.status = to;
                self.epoch += 1;
                self.role_id = None;
                self.invitation = None;
                self.updated_at = now;
                Ok(self)
            }
            MemberStatus::Created
            | MemberStatus::Invited
            | MemberStatus::Removed
            | MemberStatus::Resigned
            | MemberStatus::Deleted => {
                Err(self.refuse("only an enabled member can be disassociated"))
            }
        }
    }

    pub(super) fn suspend(mut self, now: Timestamp) -> Result<Self, Error> {
        match self.status {
            MemberStatus::Enabled => {
                self.status = MemberStatus::AccountSuspended;
                self.invitation = None;
                self.updated_at = now;
                Ok(self)
            }
            MemberStatus::Created
            | MemberStatus::Invited
            | MemberStatus::Removed
            | MemberStatus::Resigned
            | MemberStatus::Deleted
            | MemberStatus::AccountSuspended => {
                Err(self.refuse("only an enabled member can be suspended"))
            }
        }
    }

    pub(super) fn resume(mut self, now: Timestamp) -> Result<Self, Error> {
        match self.status {
            MemberStatus::AccountSuspended => {
                self.status = MemberStatus::Enabled;
                self.updated_at = now;
                Ok(self)
            }
            MemberStatus::Created
            | MemberStatus::Invited
            | MemberStatus::Enabled
            | MemberStatus::Removed
            | MemberStatus::Resigned
            | MemberStatus::Deleted => Err(self.refuse("only a suspended member can be resumed")),
        }
    }

    pub(super) fn delete(mut self, now: Timestamp) -> Result<Self, Error> {
        match self.status {
            MemberStatus::Created
            | MemberStatus::Invited
            | MemberStatus::Removed
            | MemberStatus::Resigned => {
                self.status = MemberStatus::Deleted;
                self.epoch += 1;
                self.role_id = None;
                self.invitation = None;
                self.updated_at = now;
                Ok(self)
            }
            MemberStatus::Enabled | MemberStatus::AccountSuspended => {
                Err(self.refuse("disassociate it first, with 'muster member disassociate'"))
            }
            MemberStatus::Deleted => Err(self.refuse("it is deleted already")),
        }
    }

    /// `members/{account}`.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("members/{}", self.account)
    }

    fn refuse(&self, need: &'static str) -> Error {
        Error::Status {
            account: self.account,
            status: self.status,
            need,
        }
    }
}

pub(super) fn check_texts(email: &str, name: &str, role_name: &str) -> Result<(), Error> {
    let plain = |text: &str, max: usize| text.len() <= max && is_visible(text);
    if !plain(email, 254) {
        return Err(Error::Invalid {
            what: "the email",
            expected: "at most 254 visible characters",
        });
    }
    if !plain(name, 128) {
        return Err(Error::Invalid {
            what: "the account name",
            expected: "at most 128 visible characters",
        });
    }
    let role = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if role_name.is_empty() || role_name.len() > 64 || !role_name.bytes().all(role) {
        return Err(Error::Invalid {
            what: "the role name",
            expected: "1 to 64 of letters, digits and +=,.@_- (a name, not an ARN)",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A move by its name.
    type Move = (&'static str, fn(Member, Timestamp) -> Result<Member, Error>);

    const MOVES: [Move; 9] = [
        ("invite", |member, now| {
            member.invite(InvitationId::random(), now)
        }),
        ("enable", |member, now| member.enable("AROAEXAMPLE", now)),
        ("decline", |member, now| {
            Ok(member.without_invitation(&InvitationState::Declined, now))
        }),
        ("withdraw", |member, now| {
            Ok(member.without_invitation(&InvitationState::Withdrawn { by: String::new() }, now))
        }),
        ("disassociate", Member::remove),
        ("leave", Member::resign),
        ("suspend", Member::suspend),
        ("resume", Member::resume),
        ("delete", Member::delete),
    ];

    fn member(status: MemberStatus) -> Member {
        let new = NewMember {
            account: "111122223333".parse().unwrap(),
            email: String::new(),
            name: String::new(),
            partition: Partition::Aws,
            role_name: None,
        };
        let created = Member::create(None, &new, "MusterAgent", Timestamp::default()).unwrap();
        Member { status, ..created }
    }

    #[test]
    fn the_transitions_are_those_of_aws() {
        let mut table = String::new();
        for from in MemberStatus::ALL {
            for (name, step) in MOVES {
                let to = match step(member(from), Timestamp::default()) {
                    Ok(moved) => moved.status.name().to_owned(),
                    Err(error) => format!("- ({error})"),
                };
                table += &format!("{:18}{name:14}{to}\n", from.name());
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn parting_starts_a_new_epoch_and_suspending_does_not() {
        let now = Timestamp::default();
        assert_eq!(member(MemberStatus::Enabled).remove(now).unwrap().epoch, 1);
        assert_eq!(member(MemberStatus::Enabled).resign(now).unwrap().epoch, 1);
        assert_eq!(member(MemberStatus::Created).delete(now).unwrap().epoch, 1);
        assert_eq!(member(MemberStatus::Enabled).suspend(now).unwrap().epoch, 0);
    }
}

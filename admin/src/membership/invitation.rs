//! The life of an invitation. Pure.

use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use muster_common::invitation::{InvitationSecret, SecretDigest};
use muster_common::timestamp::{MINUTE, SECOND, Timestamp};
use serde::{Deserialize, Serialize};

use super::Sent;
use crate::error::{Kind, Kinded};

/// How long a spent invitation answers the same key again: the answer may have been lost.
const ANSWER_AGAIN: i64 = 10 * MINUTE;

/// An offer to a member. Of its secret only a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub account: AccountId,
    pub secret: SecretDigest,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Timestamp,
    pub state: InvitationState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "is")]
pub enum InvitationState {
    /// The only state that enrolls. Left by use, by the admin, by the member; and by time, without a write.
    Open {},
    /// Final. The same key is answered the same again for ten minutes.
    Spent {
        at: Timestamp,
        agent: AgentId,
        /// SHA-256 over the certified public key, in hexadecimal.
        key: String,
        /// The certificate chain, in base64 of DER.
        chain: Vec<String>,
    },
    /// Final. By an operator, or by a later invitation.
    Withdrawn { by: String },
    /// Final. By the member.
    Declined,
}

/// Why an invitation does not do what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One text for an unknown invitation and a wrong secret, so that nobody learns which it is.
    #[error("the invitation is not valid; ask the admin's operators for a new one")]
    Unknown,
    #[error(
        "the invitation for {account} expired {ago} ago; ask for a new one ('muster member invite {account}')"
    )]
    Expired { account: AccountId, ago: String },
    #[error(
        "the invitation for {account} was used already; ask for a new one ('muster member invite {account}')"
    )]
    Spent { account: AccountId },
    #[error(
        "the invitation for {account} was withdrawn; ask for a new one ('muster member invite {account}')"
    )]
    Withdrawn { account: AccountId },
    #[error(
        "the invitation for {account} was declined; ask for a new one ('muster member invite {account}')"
    )]
    Declined { account: AccountId },
    #[error("the invitation is for {invited}, not for {account}")]
    OtherAccount {
        invited: AccountId,
        account: AccountId,
    },
}

impl Kinded for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown | Self::OtherAccount { .. } => Kind::Denied,
            Self::Expired { .. }
            | Self::Spent { .. }
            | Self::Withdrawn { .. }
            | Self::Declined { .. } => Kind::Conflict,
        }
    }
}

/// What an invitation answers to a claim with its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It enrolls.
    Fresh,
    /// It enrolled this key a moment ago; this was the answer.
    Again { agent: AgentId, chain: Vec<String> },
}

impl Invitation {
    pub(super) fn open(account: AccountId, sent: &Sent, by: &str, now: Timestamp) -> Self {
        Self {
            account,
            secret: sent.secret.digest(),
            created_at: now,
            created_by: by.to_owned(),
            expires_at: sent.expires_at,
            state: InvitationState::Open {},
        }
    }

    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state, InvitationState::Open {}) && now < self.expires_at
    }

    /// Judges a claim: secret first, then account, then state.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn claim(
        &self,
        secret: &InvitationSecret,
        account: AccountId,
        key: &str,
        now: Timestamp,
    ) -> Result<Claim, Refused> {
        if !self.secret.is_of(secret) {
            return Err(Refused::Unknown);
        }
        if self.account != account {
            return Err(Refused::OtherAccount {
                invited: self.account,
                account,
            });
        }
        match &self.state {
            InvitationState::Open {} if now < self.expires_at => Ok(Claim::Fresh),
            InvitationState::Open {} => Err(Refused::Expired {
                account,
                ago: duration(now.since(self.expires_at)),
            }),
            InvitationState::Spent {
                at,
                agent,
                key: first,
                chain,
            } if first == key && now.since(*at) < ANSWER_AGAIN => Ok(Claim::Again {
                agent: *agent,
                chain: chain.clone(),
            }),
            InvitationState::Spent { .. } => Err(Refused::Spent { account }),
            InvitationState::Withdrawn { .. } => Err(Refused::Withdrawn { account }),
            InvitationState::Declined => Err(Refused::Declined { account }),
        }
    }

    /// Spends an open invitation. The caller has judged the claim in the same transaction.
    #[must_use]
    pub fn spend(
        mut self,
        agent: AgentId,
        key: String,
        chain: Vec<String>,
        now: Timestamp,
    ) -> Self {
        self.state = InvitationState::Spent {
            at: now,
            agent,
            key,
            chain,
        };
        self
    }

    pub(super) fn withdraw(mut self, by: &str) -> Result<Self, Refused> {
        self.still_open()?;
        self.state = InvitationState::Withdrawn { by: by.to_owned() };
        Ok(self)
    }

    pub(super) fn decline(mut self, secret: &InvitationSecret) -> Result<Self, Refused> {
        if !self.secret.is_of(secret) {
            return Err(Refused::Unknown);
        }
        self.still_open()?;
        self.state = InvitationState::Declined;
        Ok(self)
    }

    fn still_open(&self) -> Result<(), Refused> {
        let account = self.account;
        match self.state {
            InvitationState::Open {} => Ok(()),
            InvitationState::Spent { .. } => Err(Refused::Spent { account }),
            InvitationState::Withdrawn { .. } => Err(Refused::Withdrawn { account }),
            InvitationState::Declined => Err(Refused::Declined { account }),
        }
    }
}

/// A span as people say it.
fn duration(millis: i64) -> String {
    let seconds = millis / SECOND;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use muster_common::invitation::InvitationId;

    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn open(secret: &InvitationSecret) -> Invitation {
        let sent = Sent {
            id: InvitationId::random(),
            secret: secret.clone(),
            expires_at: Timestamp::from_millis(24 * HOUR),
        };
        Invitation::open(
            "111122223333".parse().unwrap(),
            &sent,
            "ana",
            Timestamp::default(),
        )
    }

    /// E02, E05, I02: time, use and withdrawal end an invitation; only the same key is answered again, and not for long.
    #[test]
    fn an_invitation_enrolls_once_and_in_time() {
        let secret = InvitationSecret::random();
        let account = "111122223333".parse().unwrap();
        let at = Timestamp::from_millis;
        let claim =
            |invitation: &Invitation, key: &str, now| invitation.claim(&secret, account, key, now);
        let invitation = open(&secret);
        assert_eq!(claim(&invitation, "k", at(24 * HOUR - 1)), Ok(Claim::Fresh));
        let expired = claim(&invitation, "k", at(27 * HOUR)).unwrap_err();
        assert_eq!(
            expired.to_string(),
            "the invitation for 111122223333 expired 3 h ago; ask for a new one ('muster member invite 111122223333')"
        );
        let agent = AgentId::random();
        let chain = vec!["leaf".to_owned()];
        let spent = invitation
            .clone()
            .spend(agent, "k".into(), chain.clone(), at(0));
        assert_eq!(
            claim(&spent, "k", at(9 * MINUTE)),
            Ok(Claim::Again { agent, chain })
        );
        assert_eq!(
            claim(&spent, "k", at(10 * MINUTE)),
            Err(Refused::Spent { account })
        );
        assert_eq!(
            claim(&spent, "other", at(1)),
            Err(Refused::Spent { account })
        );
        let withdrawn = invitation.clone().withdraw("ana").unwrap();
        assert_eq!(
            claim(&withdrawn, "k", at(0)),
            Err(Refused::Withdrawn { account })
        );
        let declined = invitation.decline(&secret).unwrap();
        assert_eq!(
            claim(&declined, "k", at(0)),
            Err(Refused::Declined { account })
        );
        assert!(declined.withdraw("ana").is_err());
    }

    /// E03: a secret is good for its account alone; a wrong secret says nothing else.
    #[test]
    fn a_wrong_secret_or_account_is_refused() {
        let secret = InvitationSecret::random();
        let invitation = open(&secret);
        let now = Timestamp::default();
        let other = "444455556666".parse().unwrap();
        assert!(matches!(
            invitation.claim(&secret, other, "k", now),
            Err(Refused::OtherAccount { .. })
        ));
        let wrong = InvitationSecret::random();
        assert_eq!(
            invitation.claim(&wrong, other, "k", now),
            Err(Refused::Unknown)
        );
        assert_eq!(invitation.decline(&wrong), Err(Refused::Unknown));
    }

    #[test]
    fn a_stored_invitation_does_not_hold_its_secret() {
        let secret = InvitationSecret::random();
        let stored = serde_json::to_string(&open(&secret)).unwrap();
        let bytes = serde_json::to_string(secret.as_bytes()).unwrap();
        assert!(!stored.contains(&bytes));
    }
}

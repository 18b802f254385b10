//! The printable invitation: all that an agent needs to enroll, in one string.
//!
//! `muster1_` and base64url of JSON. It holds a secret: it is shown once and its `Debug` hides it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::account::AccountId;
use crate::identity::TrustDomain;
use crate::timestamp::Timestamp;

/// Names one invitation. Says nothing about its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvitationId(Uuid);

/// 256 random bits that only the admin's operator and the invited member know.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationSecret([u8; 32]);

/// What the admin keeps of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretDigest([u8; 32]);

/// SHA-256 over the public key (SubjectPublicKeyInfo, DER) of the root that the admin's server certificate chains to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootPin(pub [u8; 32]);

/// An offer to a member account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedInvitation {
    /// `host:port` of the admin's enrollment listener.
    pub endpoint: String,
    pub pin: RootPin,
    pub domain: TrustDomain,
    pub account: AccountId,
    pub id: InvitationId,
    pub secret: InvitationSecret,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvitation {
    #[error(
        "this is no invitation: one starts with `{PREFIX}`; copy the whole line that 'muster member invite' printed"
    )]
    Form,
    #[error(
        "the invitation is incomplete or changed; copy the whole line that 'muster member invite' printed"
    )]
    Content,
}

const PREFIX: &str = "muster1_";
const LENGTH_MAX: usize = 4_096;

impl InvitationId {
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl FromStr for InvitationId {
    type Err = InvalidInvitation;

    /// Reads the hyphenated form, with or without `invitations/` before it.
    fn from_str(text: &str) -> Result<Self, InvalidInvitation> {
        let bare = text.strip_prefix("invitations/").unwrap_or(text);
        match Uuid::try_parse(bare) {
            Ok(id) if id.to_string() == bare => Ok(Self(id)),
            Ok(_) | Err(_) => Err(InvalidInvitation::Form),
        }
    }
}

impl InvitationSecret {
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// `None` unless there are 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The secret has 256 bits of its own, so a plain digest keeps it safe.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl SecretDigest {
    /// Whether this is the digest of `secret`, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn is_of(&self, secret: &InvitationSecret) -> bool {
        let given = secret.digest();
        let differ = self
            .0
            .iter()
            .zip(given.0)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        differ == 0
    }
}

impl RootPin {
    /// The pin of a public key in DER.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        Self(Sha256::digest(public_key).into())
    }
}

impl fmt::Debug for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What stands in the string. Short names keep it short.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    e: String,
    p: String,
    d: TrustDomain,
    a: AccountId,
    i: InvitationId,
    s: String,
    x: i64,
}

impl fmt::Display for PrintedInvitation {
    /// The string with its secret: for the operator's eyes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = Content {
            e: self.endpoint.clone(),
            p: URL_SAFE_NO_PAD.encode(self.pin.0),
            d: self.domain.clone(),
            a: self.account,
            i: self.id,
            s: URL_SAFE_NO_PAD.encode(self.secret.0),
            x: self.expires_at.as_seconds(),
        };
        let json = serde_json::to_vec(&content).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for PrintedInvitation {
    type Err = InvalidInvitation;

    fn from_str(text: &str) -> Result<Self, InvalidInvitation> {
        let text = text.trim();
        let coded = text.strip_prefix(PREFIX).ok_or(InvalidInvitation::Form)?;
        if text.len() > LENGTH_MAX {
            return Err(InvalidInvitation::Form);
        }
        let content = || InvalidInvitation::Content;
        let bytes = |coded: &str| URL_SAFE_NO_PAD.decode(coded).map_err(|_| content());
        let json: Content = serde_json::from_slice(&bytes(coded)?).map_err(|_| content())?;
        let expires_at = Timestamp::from_seconds(json.x);
        if expires_at.as_seconds() != json.x {
            return Err(content());
        }
        let pin: [u8; 32] = bytes(&json.p)?.try_into().map_err(|_| content())?;
        Ok(Self {
            endpoint: json.e,
            pin: RootPin(pin),
            domain: json.d,
            account: json.a,
            id: json.i,
            secret: InvitationSecret::from_bytes(&bytes(&json.s)?).ok_or_else(content)?,
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PrintedInvitation {
        PrintedInvitation {
            endpoint: "muster.example.com:7700".into(),
            pin: RootPin([3; 32]),
            domain: "muster.example".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
            id: InvitationId::random(),
            secret: InvitationSecret::random(),
            expires_at: Timestamp::from_seconds(1_800_000_000),
        }
    }

    #[test]
    fn an_invitation_is_one_word_that_reads_back() {
        let invitation = sample();
        let text = invitation.to_string();
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        );
        assert_eq!(format!("  {text}\n").parse(), Ok(invitation));
    }

    #[test]
    fn a_cut_or_changed_invitation_is_refused() {
        let text = sample().to_string();
        for end in 0..text.len() {
            assert!(text[..end].parse::<PrintedInvitation>().is_err(), "{end}");
        }
        assert_eq!(
            "hello".parse::<PrintedInvitation>(),
            Err(InvalidInvitation::Form)
        );
        let long = format!("{PREFIX}{}", "A".repeat(65_536));
        assert_eq!(
            long.parse::<PrintedInvitation>(),
            Err(InvalidInvitation::Form)
        );
    }

    #[test]
    fn an_expiry_beyond_all_times_is_refused() {
        let text = |seconds: i64| {
            let invitation = sample().to_string();
            let json = URL_SAFE_NO_PAD.decode(&invitation[PREFIX.len()..]).unwrap();
            let json = String::from_utf8(json).unwrap();
            let json = json.replace("1800000000", &seconds.to_string());
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
        };
        assert!(text(1_900_000_000).parse::<PrintedInvitation>().is_ok());
        assert!(text(i64::MAX).parse::<PrintedInvitation>().is_err());
    }

    /// I05: nothing that prints an invitation by accident shows its secret.
    #[test]
    fn debug_shows_no_secret() {
        let invitation = sample();
        let secret = URL_SAFE_NO_PAD.encode(invitation.secret.0);
        let shown = format!("{invitation:?}");
        assert!(
            !shown.contains(&secret) && shown.contains("[secret]"),
            "{shown}"
        );
    }

    #[test]
    fn a_digest_knows_its_secret() {
        let secret = InvitationSecret::random();
        assert!(secret.digest().is_of(&secret));
        assert!(!secret.digest().is_of(&InvitationSecret::random()));
    }
}

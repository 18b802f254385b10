//! Who a caller is: SPIFFE ids of agents, operators and the admin.
//!
//! Source: the SPIFFE-ID and X509-SVID standards. The grammar here is narrower: only the three shapes that the
//! authority issues exist, and a string that differs in one byte is refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::AccountId;

/// The name of one admin and all that it certified: lower-case letters, digits, `.`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(String);

/// One agent process. Made by the admin at enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(Uuid);

/// The name of an operator: 1 to 64 of `a-z 0-9 -`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperatorId(String);

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    Agent { account: AccountId, agent: AgentId },
    Operator(OperatorId),
    Admin,
}

/// An identity within a trust domain: what stands in a certificate's URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    pub domain: TrustDomain,
    pub identity: Identity,
}

/// The serial number of a certificate: 16 bytes, positive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial([u8; 16]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}")]
pub struct InvalidIdentity {
    kind: &'static str,
    text: String,
}

fn invalid(kind: &'static str, text: &str) -> InvalidIdentity {
    InvalidIdentity {
        kind,
        text: text.chars().take(256).collect(),
    }
}

impl TrustDomain {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn id(&self, identity: Identity) -> SpiffeId {
        SpiffeId {
            domain: self.clone(),
            identity,
        }
    }
}

impl FromStr for TrustDomain {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let legal = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        if (1..=255).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("trust domain", text))
        }
    }
}

impl AgentId {
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for AgentId {
    type Err = InvalidIdentity;

    /// Only the hyphenated lower-case form, so that one agent has one spelling.
    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Ok(Self(uuid)),
            Ok(_) | Err(_) => Err(invalid("agent id", text)),
        }
    }
}

impl OperatorId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperatorId {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = (1..=64).contains(&text.len())
            && text.as_bytes()[0].is_ascii_lowercase()
            && text.bytes().all(legal);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid(
                "operator name (1 to 64 of a-z, 0-9 and -, a letter first)",
                text,
            ))
        }
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let wrong = || invalid("SPIFFE id of this product", text);
        let rest = text.strip_prefix("spiffe://").ok_or_else(wrong)?;
        let (domain, path) = rest.split_once('/').ok_or_else(wrong)?;
        let identity = match path.split('/').collect::<Vec<_>>()[..] {
            ["admin"] => Identity::Admin,
            ["operator", name] => Identity::Operator(name.parse()?),
            ["account", account, "agent", agent] => Identity::Agent {
                account: account.parse().map_err(|_| wrong())?,
                agent: agent.parse()?,
            },
            _ => return Err(wrong()),
        };
        Ok(Self {
            domain: domain.parse()?,
            identity,
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/", self.domain.0)?;
        match &self.identity {
            Identity::Admin => f.write_str("admin"),
            Identity::Operator(name) => write!(f, "operator/{name}"),
            Identity::Agent { account, agent } => write!(f, "account/{account}/agent/{agent}"),
        }
    }
}

impl Serial {
    #[must_use]
    pub fn random() -> Self {
        let mut bytes: [u8; 16] = rand::random();
        // Positive, and never shorter than 16 bytes in DER.
        bytes[0] = bytes[0] & 0x7f | 0x40;
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A serial as it stands in a certificate; `None` if it is not one of ours.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Serial {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        // The parser of numbers would take a sign.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid("serial", text));
        }
        u128::from_str_radix(text, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| invalid("serial", text))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidIdentity;

            fn try_from(text: String) -> Result<Self, InvalidIdentity> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}

as_text!(TrustDomain, OperatorId, Serial);

macro_rules! displayed_as_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0.to_string())
            }
        }
    )*};
}

displayed_as_inner!(TrustDomain, AgentId, OperatorId);

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str =
        "spiffe://muster.example/account/111122223333/agent/0191d3a8-7c44-4cde-9f8e-2f4f9c1f7a10";

    #[test]
    fn the_three_shapes_read_back() {
        for text in [
            AGENT,
            "spiffe://muster.example/operator/ana-2",
            "spiffe://muster.example/admin",
        ] {
            assert_eq!(text.parse::<SpiffeId>().unwrap().to_string(), text);
        }
    }

    /// M03: nothing that merely looks like an id is one.
    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "",
            "spiffe://",
            "spiffe://muster.example",
            "spiffe://muster.example/",
            "spiffe://muster.example/admin/",
            "spiffe://muster.example//admin",
            "spiffe://Muster.example/admin",
            "SPIFFE://muster.example/admin",
            "spiffe://muster.example/./admin",
            "spiffe://muster.example/x/../admin",
            "spiffe://muster.example/%61dmin",
            "spiffe://user@muster.example/admin",
            "spiffe://muster.example:443/admin",
            "spiffe://muster.example/admin?x=1",
            "spiffe://muster.example/admin#x",
            "spiffe://muster.example/operator/",
            "spiffe://muster.example/operator/Ana",
            "spiffe://muster.example/operator/ana/x",
            "spiffe://muster.example/account/11112222333/agent/0191d3a8-7c44-4cde-9f8e-2f4f9c1f7a10",
            "spiffe://muster.example/account/111122223333/agent/0191D3A8-7C44-4CDE-9F8E-2F4F9C1F7A10",
            "spiffe://muster.example/account/111122223333/agent/0191d3a87c444cde9f8e2f4f9c1f7a10",
            "spiffe://muster.example/account/111122223333/agent/..",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn serials_are_positive_and_read_back() {
        for _ in 0..64 {
            let serial = Serial::random();
            assert_eq!(serial.as_bytes()[0] & 0xc0, 0x40);
            assert_eq!(serial.to_string().parse(), Ok(serial));
        }
        assert!("00".parse::<Serial>().is_err());
        for digits in ["zz", "+1", " 1"] {
            assert!(digits.repeat(16).parse::<Serial>().is_err(), "{digits}");
        }
    }
}

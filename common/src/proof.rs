//! Proof of account: a signed STS GetCallerIdentity request, as constants and the few scalars that differ.
//!
//! The agent signs the request; the admin rebuilds it from the scalars and sends it to STS. Nothing of it is ever
//! forwarded, so there is no URL, method, header or body for an attacker to choose (the lesson of CVE-2020-16250). The
//! binding header ties the signature to this server, this invitation and this key.
//!
//! Source: AWS Signature Version 4; ARCHITECTURE.md, "Walkthrough: enroll".

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::account::{AccountId, Partition, Region};
use crate::timestamp::{MINUTE, Timestamp};

pub const METHOD: &str = "POST";
pub const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
pub const ACCEPT: &str = "application/json";
/// The header that carries the [`Binding`]; always signed.
pub const BINDING_HEADER: &str = "x-muster-binding";
pub const SERVICE: &str = "sts";

/// How far the date of a proof may be from the admin's clock, either way.
const SKEW_MAX: i64 = 5 * MINUTE;

/// What the signature is good for: one server, one purpose, one account, one challenge, one key.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub server_id: &'a str,
    /// The invitation id, or `renew`.
    pub purpose: &'a str,
    pub account: AccountId,
    pub nonce: &'a [u8; 32],
    /// The public key to be certified: SubjectPublicKeyInfo in DER.
    pub public_key: &'a [u8],
}

impl Binding<'_> {
    /// The value of the binding header: 64 hexadecimal digits.
    #[must_use]
    pub fn header(&self) -> String {
        let key = Sha256::digest(self.public_key);
        let mut digest = Sha256::new();
        for part in [
            b"muster proof v1".as_slice(),
            self.server_id.as_bytes(),
            self.purpose.as_bytes(),
            self.account.as_str().as_bytes(),
            self.nonce,
            &key,
        ] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        hex(&digest.finalize())
    }
}

/// The scalars of a signed request, each of a checked form.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    region: Region,
    access_key_id: String,
    session_token: Option<String>,
    date: Timestamp,
    signature: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProof {
    #[error("the proof's {0} has no valid form")]
    Form(&'static str),
    #[error("the proof is dated {date}, {} s from the admin's clock; set the clock of the agent's machine", .off_ms.abs() / 1_000)]
    Skew { date: Timestamp, off_ms: i64 },
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Proof({}, {}, {})",
            self.region, self.access_key_id, self.date
        )
    }
}

impl Proof {
    /// # Errors
    /// [`InvalidProof::Form`] names the scalar that could carry more than it should.
    pub fn new(
        region: &str,
        access_key_id: &str,
        session_token: &str,
        amz_date: &str,
        signature: &str,
    ) -> Result<Self, InvalidProof> {
        let form = InvalidProof::Form;
        let key_legal = (16..=128).contains(&access_key_id.len())
            && access_key_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
        let token_legal = session_token.len() <= 4_096
            && session_token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.%".contains(&byte));
        let signature_legal = signature.len() == 64
            && signature
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !key_legal {
            return Err(form("access key id"));
        }
        if !token_legal {
            return Err(form("session token"));
        }
        if !signature_legal {
            return Err(form("signature"));
        }
        Ok(Self {
            region: region.parse().map_err(|_| form("Region"))?,
            access_key_id: access_key_id.to_owned(),
            session_token: (!session_token.is_empty()).then(|| session_token.to_owned()),
            date: Timestamp::from_amz_date(amz_date).map_err(|_| form("date"))?,
            signature: signature.to_owned(),
        })
    }

    #[must_use]
    pub const fn region(&self) -> &Region {
        &self.region
    }

    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition::of(&self.region)
    }

    /// # Errors
    /// [`InvalidProof::Skew`] if the proof is dated more than five minutes from `now`, either way.
    pub fn check_date(&self, now: Timestamp) -> Result<(), InvalidProof> {
        let off_ms = self.date.since(now);
        if off_ms.abs() > SKEW_MAX {
            return Err(InvalidProof::Skew {
                date: self.date,
                off_ms,
            });
        }
        Ok(())
    }

    /// The headers of the rebuilt request, but for `host`, which the caller sends as given.
    #[must_use]
    pub fn headers(&self, binding: &Binding<'_>) -> Vec<(&'static str, String)> {
        let token = self
            .session_token
            .clone()
            .map(|token| ("x-amz-security-token", token));
        [
            ("accept", ACCEPT.to_owned()),
            ("content-type", CONTENT_TYPE.to_owned()),
            ("x-amz-date", self.date.amz_date()),
            (BINDING_HEADER, binding.header()),
            ("authorization", self.authorization()),
        ]
        .into_iter()
        .chain(token)
        .collect()
    }

    fn authorization(&self) -> String {
        let date = self.date.amz_date();
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/{SERVICE}/aws4_request, SignedHeaders={}, Signature={}",
            self.access_key_id,
            &date[..8],
            self.region,
            signed_headers(self.session_token.is_some()),
            self.signature
        )
    }
}

/// The names of the signed headers, sorted, as Signature Version 4 joins them. A constant but for the token.
#[must_use]
pub const fn signed_headers(with_token: bool) -> &'static str {
    if with_token {
        "accept;content-type;host;x-amz-date;x-amz-security-token;x-muster-binding"
    } else {
        "accept;content-type;host;x-amz-date;x-muster-binding"
    }
}

/// The STS host of a Region. Built from a checked Region and its partition's suffix, never from a peer's text.
#[must_use]
pub fn sts_host(region: &Region) -> String {
    format!("sts.{region}.{}", Partition::of(region).dns_suffix())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn proof(change: impl Fn(&mut [String; 5])) -> Result<Proof, InvalidProof> {
        let mut parts = [
            "us-east-1",
            "ASIAIOSFODNN7EXAMPLE",
            "IQoJb3JpZ2luX2VjEXAMPLE/+=",
            "20261123T101530Z",
            SIGNATURE,
        ]
        .map(str::to_owned);
        change(&mut parts);
        let [region, key, token, date, signature] = &parts;
        Proof::new(region, key, token, date, signature)
    }

    /// E07, E09: scalars that carry more than they should never reach a socket.
    #[test]
    fn scalars_of_another_form_are_refused() {
        assert!(proof(|_| {}).is_ok());
        for (at, wrong) in [
            (0, "us-east-1.evil.com/"),
            (0, "us-east-1\r\nx: y"),
            (1, "ASIAIOSFODNN7EXAMPL/E"),
            (1, "ASIAIOSFODNN7EXAMPLE\r\nHost: evil"),
            (1, "AKIA"),
            (2, "token\r\nx-amz-date: 1"),
            (2, "token, SignedHeaders=host"),
            (2, "a b"),
            (3, "20261123T101530Z, 20261123T101530Z"),
            (3, "2026-11-23"),
            (
                4,
                "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
            ),
            (4, "00"),
            (4, ""),
        ] {
            let refused = proof(|parts| parts[at] = wrong.to_owned());
            assert!(matches!(refused, Err(InvalidProof::Form(_))), "{wrong:?}");
        }
    }

    /// E17: five minutes either way.
    #[test]
    fn an_old_or_early_proof_is_refused() {
        let proof = proof(|_| {}).unwrap();
        let date = Timestamp::from_amz_date("20261123T101530Z").unwrap();
        for (off_ms, good) in [
            (-300_000, true),
            (300_000, true),
            (-300_001, false),
            (301_000, false),
        ] {
            assert_eq!(
                proof.check_date(date.plus(off_ms)).is_ok(),
                good,
                "{off_ms}"
            );
        }
    }

    /// E18: the binding differs when any part does.
    #[test]
    fn the_binding_depends_on_every_part() {
        let base = Binding {
            server_id: "a",
            purpose: "b",
            account: "111122223333".parse().unwrap(),
            nonce: &[1; 32],
            public_key: b"key",
        };
        let headers = [
            base.header(),
            Binding {
                server_id: "ab",
                purpose: "",
                ..base
            }
            .header(),
            Binding {
                purpose: "renew",
                ..base
            }
            .header(),
            Binding {
                account: "444455556666".parse().unwrap(),
                ..base
            }
            .header(),
            Binding {
                nonce: &[2; 32],
                ..base
            }
            .header(),
            Binding {
                public_key: b"other",
                ..base
            }
            .header(),
        ];
        let distinct: std::collections::HashSet<_> = headers.iter().collect();
        assert_eq!(distinct.len(), headers.len());
    }

    #[test]
    fn hosts_come_from_the_region_alone() {
        let host = |region: &str| sts_host(&region.parse().unwrap());
        assert_eq!(host("eu-west-1"), "sts.eu-west-1.amazonaws.com");
        assert_eq!(host("cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("us-gov-west-1"), "sts.us-gov-west-1.amazonaws.com");
        assert_eq!(host("eusc-de-east-1"), "sts.eusc-de-east-1.amazonaws.eu");
    }
}

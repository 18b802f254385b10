//! AWS accounts, partitions and Regions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An AWS account: exactly twelve ASCII digits. Always text; leading zeros count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId([u8; 12]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no AWS account id: twelve digits, such as 111122223333")]
pub struct InvalidAccountId(String);

impl AccountId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are UTF-8")
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        match <[u8; 12]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            Ok(_) | Err(_) => Err(InvalidAccountId(text.chars().take(64).collect())),
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;

    fn try_from(text: String) -> Result<Self, InvalidAccountId> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.as_str().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of Regions that share credentials and an ARN prefix.
/// Source: "AWS partitions", AWS Fault Isolation Boundaries whitepaper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Partition {
    #[default]
    #[serde(rename = "aws")]
    Aws,
    #[serde(rename = "aws-cn")]
    China,
    #[serde(rename = "aws-us-gov")]
    GovCloud,
    #[serde(rename = "aws-eusc")]
    EuropeanSovereign,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no partition; one of aws, aws-cn, aws-us-gov, aws-eusc")]
pub struct InvalidPartition(String);

impl Partition {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::GovCloud => "aws-us-gov",
            Self::EuropeanSovereign => "aws-eusc",
        }
    }

    /// The suffix of the partition's endpoints.
    #[must_use]
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::GovCloud => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuropeanSovereign => "amazonaws.eu",
        }
    }

    /// The partition that a Region belongs to, by the prefix of its name.
    #[must_use]
    pub fn of(region: &Region) -> Self {
        match region.as_str().split_once('-').map(|(area, _)| area) {
            Some("cn") => Self::China,
            Some("eusc") => Self::EuropeanSovereign,
            Some("us") if region.as_str().starts_with("us-gov-") => Self::GovCloud,
            Some(_) | None => Self::Aws,
        }
    }
}

impl FromStr for Partition {
    type Err = InvalidPartition;

    fn from_str(text: &str) -> Result<Self, InvalidPartition> {
        [
            Self::Aws,
            Self::China,
            Self::GovCloud,
            Self::EuropeanSovereign,
        ]
        .into_iter()
        .find(|partition| partition.as_str() == text)
        .ok_or_else(|| InvalidPartition(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A Region's name: lower-case words and a number, such as `eu-west-1`. Safe to stand in a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no AWS Region, such as us-east-1")]
pub struct InvalidRegion(String);

impl Region {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let invalid = || InvalidRegion(text.chars().take(64).collect());
        let (name, number) = text.rsplit_once('-').ok_or_else(invalid)?;
        let words = name.split('-');
        let good = text.len() <= 32
            && (2..=4).contains(&words.clone().count())
            && words
                .clone()
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            && (1..=2).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit());
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidRegion;

    fn try_from(text: String) -> Result<Self, InvalidRegion> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_ascii_digits_and_keeps_its_zeros() {
        let account: AccountId = "000639480520".parse().unwrap();
        assert_eq!(account.to_string(), "000639480520");
        for wrong in [
            "",
            "11112222333",
            "1111222233334",
            "11112222333x",
            " 11122223333",
            "١١١١٢٢٢٢٣٣٣٣",
        ] {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_region_cannot_smuggle_a_host() {
        for good in [
            "us-east-1",
            "us-gov-west-1",
            "eusc-de-east-1",
            "us-isob-east-1",
        ] {
            assert_eq!(good.parse::<Region>().unwrap().as_str(), good);
        }
        for wrong in [
            "us-east-1.evil.com/",
            "evil#-1",
            "a@b-1",
            "..",
            "US-EAST-1",
            "us-east-1\0",
            "us-east-",
            "us--1",
            "-1",
            "us-east-1\u{3002}",
            "useast1",
        ] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
        assert!("a-".repeat(150).parse::<Region>().is_err());
    }

    #[test]
    fn a_region_names_its_partition() {
        let partition = |region: &str| Partition::of(&region.parse().unwrap()).as_str();
        assert_eq!(partition("us-east-1"), "aws");
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("eusc-de-east-1"), "aws-eusc");
    }
}

//! What an account's security services would list: findings, each in its newest version, good ones and bad ones.

use std::fmt::Write as _;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::finding::{self, FindingKey};

use crate::clocks::START;
use crate::dice;

/// One version of one finding.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub key: Option<FindingKey>,
    /// Rises with every change of a source.
    pub stamp: u64,
    pub bytes: Bytes,
}

impl Document {
    /// What an agent sends in the place of a record that it cannot read, as it may be after a power cut in the middle of
    /// its write. The collector has not heard that it was written, and reads it again.
    pub(crate) const fn unreadable() -> Self {
        Self {
            key: None,
            stamp: 0,
            bytes: Bytes::new(),
        }
    }

    /// Whether it should be refused.
    pub(crate) const fn is_bad(&self) -> bool {
        self.key.is_none()
    }
}

/// The findings of one account.
pub(crate) struct Source {
    pub account: AccountId,
    pub findings: Vec<Document>,
    /// Of the last change.
    pub stamp: u64,
}

impl Source {
    pub(crate) const fn new(account: AccountId) -> Self {
        Self {
            account,
            findings: Vec::new(),
            stamp: 0,
        }
    }

    /// New findings, and now and then a new version of an old one. The answer is what is new.
    pub(crate) fn change(&mut self, count: u64) -> Vec<Document> {
        (0..count).map(|_| self.change_one()).collect()
    }

    fn change_one(&mut self) -> Document {
        self.stamp += 1;
        let old = self.findings.len() as u64;
        let again = old > 0 && dice::percent(15);
        let number = if again { dice::below(old) } else { old };
        let place = usize::try_from(number).expect("few findings");
        let good = self
            .findings
            .get(place)
            .map_or_else(|| dice::percent(90), |document| !document.is_bad());
        let bytes = if good {
            document(&self.account, &self.account, number, self.stamp)
        } else {
            self.bad(number)
        };
        let read = finding::read(&bytes).ok();
        let document = Document {
            key: read.filter(|_| good).map(|reading| reading.key),
            stamp: self.stamp,
            bytes,
        };
        if again {
            self.findings[place] = document.clone();
        } else {
            self.findings.push(document.clone());
        }
        document
    }

    /// Something that must be refused.
    fn bad(&self, number: u64) -> Bytes {
        let foreign: AccountId = "999900001111".parse().expect("an account");
        match dice::below(3) {
            0 => Bytes::from(format!("no finding {number} {}", self.stamp)),
            1 => document(&foreign, &foreign, number, self.stamp),
            _ => document(&self.account, &foreign, number, self.stamp),
        }
    }

    /// What changed after a mark, the oldest change first.
    pub(crate) fn after(&self, mark: u64) -> Vec<Document> {
        let mut found: Vec<Document> = self
            .findings
            .iter()
            .filter(|document| document.stamp > mark)
            .cloned()
            .collect();
        found.sort_by_key(|document| document.stamp);
        found
    }
}

/// An ASFF document. Its `UpdatedAt` is its stamp.
pub(crate) fn document(account: &AccountId, owner: &AccountId, number: u64, stamp: u64) -> Bytes {
    let updated = START.plus(i64::try_from(stamp).unwrap_or_default() * 1_000);
    let mut text = String::with_capacity(900);
    write!(
        text,
        r#"{{"SchemaVersion":"2018-10-08","Id":"finding/{number}","ProductArn":"arn:aws:securityhub:us-east-1:{owner}:product/{owner}/default","GeneratorId":"generator-{kind}","AwsAccountId":"{account}","Types":["Software and Configuration Checks"],"CreatedAt":"{START}","UpdatedAt":"{updated}","Severity":{{"Label":"HIGH"}},"Title":"Finding {number}","Description":"Version {stamp}","Resources":[{{"Type":"AwsS3Bucket","Id":"arn:aws:s3:::bucket-{number}"}}]}}"#,
        kind = number % 7,
    )
    .expect("writing to a string");
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_documents_are_findings() {
        let account: AccountId = "111122223333".parse().expect("an account");
        let reading = finding::read(&document(&account, &account, 7, 9)).expect("a finding");
        assert_eq!(reading.account, account);
        assert_eq!(reading.updated_at, START.plus(9_000));
    }
}

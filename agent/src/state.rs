//! The configuration of the account: what resources there are and how they are set, told to the admin epoch by epoch.
//!
//! In: AWS's answers. Out: for each type of resource and place (a Region, or `aws-global`) one epoch per run of a survey: what
//! changed since the epoch that the admin took last, what is gone, and an end that says that this is all, or why it is not; and
//! what is read at all, so that nobody waits for a Region that is off or was taken out of the settings.
//! Always: a resource counts as gone only if a whole listing lacks it; what could not be read says so by call and code; a
//! listing is held a page at a time. Survives: nothing; the first epoch of a process tells everything. Not here: what a
//! state means (the admin's controls), and the way to the admin ([`Admin`]).

mod access_analyzer;
mod account;
mod cloudtrail;
mod cloudwatch;
mod document;
mod ec2;
mod efs;
mod epoch;
mod iam;
mod kms;
mod logs;
mod rds;
mod s3;
mod schedule;
mod site;
mod sns;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;

use crate::board::Board;
use crate::collectors::Sources;
use crate::config;

pub use document::Resource;
pub use epoch::{Base, Broken, Memory, Telling};
pub use schedule::{check, run};
pub use site::Refused;

/// The place of what has no Region.
pub const GLOBAL: &str = "aws-global";

/// Part of an epoch, in order. At most 500 documents and ids, and 1 MiB, unless one document alone is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The type of the resources, such as `AWS::S3::Bucket`.
    pub kind: &'static str,
    /// The Region that was surveyed, or [`GLOBAL`]. Buckets are listed there, and have Regions of their own.
    pub place: String,
    /// When it began; later than every one before it of the same type and place.
    pub epoch: Timestamp,
    /// The epoch that the changes start from. Unset: everything is told.
    pub base: Option<Timestamp>,
    /// Of the portion in its epoch, from 0. An epoch that goes on over another connection is told by it from a new one.
    pub number: u32,
    /// Resources that are new or otherwise, as JSON: `type`, `id`, `region`, `state`.
    pub changed: Vec<Bytes>,
    /// Ids of resources that are no more.
    pub gone: Vec<String>,
    /// Unset: more follows.
    pub end: Option<EpochEnd>,
}

/// How an epoch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpochEnd {
    /// That was all. The count is that of the resources that there are, told now or before, refused ones too.
    Complete { count: u64 },
    /// The listing broke off; nothing is to be concluded from what is missing.
    Unavailable {
        /// AWS's code.
        code: String,
        /// Such as `ec2:DescribeInstances`.
        call: String,
        message: String,
    },
}

/// What the admin says to a portion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Taken {
        refused: Vec<RefusedResource>,
    },
    /// It does not have the base: everything has to be told.
    BaseUnknown,
}

/// A resource that the admin did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedResource {
    pub id: String,
    pub code: String,
    pub message: String,
}

/// The way to the admin broke before it answered; the epoch has to start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin was lost before it answered")]
pub struct Lost;

/// Types by place: all that this agent reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads(pub BTreeMap<String, BTreeSet<&'static str>>);

/// Who is told.
pub trait Admin: Send + Sync {
    /// Says what is read from here on, in place of what was said before; waits until there is a connection. It is said again
    /// on every new connection, before the first portion.
    fn read(&self, reads: Reads) -> BoxFuture<'_, Result<(), Lost>>;

    /// Tells a portion; waits until there is a connection.
    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>>;
}

/// What surveying works with.
pub struct Surveying {
    /// The account, its Regions and the way to AWS.
    pub sources: Sources,
    pub settings: config::State,
    pub board: Board,
    pub clock: Clock,
    pub admin: Arc<dyn Admin>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every `service:Action` that stands in the source of a survey.
    fn calls(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                calls(&path, found);
            } else if !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("mod tests {").next().unwrap();
                let words = text.split('"').skip(1).step_by(2);
                found.extend(words.filter(|word| is_call(word)).map(str::to_owned));
            }
        }
    }

    fn is_call(word: &str) -> bool {
        let Some((service, action)) = word.split_once(':') else {
            return false;
        };
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !service.is_empty()
            && service.bytes().all(lower)
            && action.starts_with(|letter: char| letter.is_ascii_uppercase())
            && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    #[test]
    fn the_policy_allows_what_the_surveys_call() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let policy = std::fs::read_to_string(root.join("../deploy/agent-policy.json")).unwrap();
        let mut found = Vec::new();
        calls(&root.join("src/state"), &mut found);
        assert!(found.len() > 50, "{found:?}");
        for call in found {
            assert!(policy.contains(&format!("\"{call}\"")), "{call}");
        }
    }
}

//! Resources as collectors saw them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The type that stands for the account itself.
pub const ACCOUNT: &str = "AWS::::Account";

/// The Region of what has none.
pub(crate) const GLOBAL: &str = "aws-global";

/// A resource and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Such as `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An ARN where there is one.
    pub id: String,
    /// `aws-global` for what has none.
    pub region: String,
    /// By part: what a read call answered, in the shapes of the AWS API; null where the API says there is nothing; or
    /// [`Unavailable`].
    pub state: BTreeMap<String, Json>,
}

/// Why a part could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Unavailable {
    /// Such as `AccessDenied`.
    pub code: String,
    /// Such as `s3:GetBucketAcl`.
    pub call: String,
}

/// What is known of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<'a> {
    Known(&'a Json),
    Unavailable(Unavailable),
    /// No collector has looked.
    Missing,
}

impl Resource {
    #[must_use]
    pub fn part(&self, name: &str) -> Part<'_> {
        let Some(part) = self.state.get(name) else {
            return Part::Missing;
        };
        let Some(told) = part.get("Unavailable") else {
            return Part::Known(part);
        };
        match serde_json::from_value(told.clone()) {
            Ok(unavailable) => Part::Unavailable(unavailable),
            Err(_) => Part::Known(part),
        }
    }
}

/// Resources of an account, by type.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Account {
    pub id: String,
    pub resources: BTreeMap<String, Vec<Resource>>,
}

//! Collectors: each reads one source of findings in one Region and hands them to the spool.
//!
//! In: AWS's answers, files. Out: ASFF documents in the spool, and how it went on the board. Always: a source is marked
//! as read only after what it gave is in the spool, so a crash repeats and loses nothing; what cannot be mapped becomes a
//! dead letter with its reason; while the spool is full, the source is not read. Survives: the marks, in
//! `progress.json`. Not here: sending (`uplink`), what a finding means (`mapping`).

mod drop_folder;
mod guardduty;
mod inspector2;
mod intake;
mod macie2;
mod progress;
mod schedule;
mod securityhub;
mod sources;
mod sweep;

use std::time::Duration;

use futures::future::BoxFuture;
use muster_common::account::Region;
use muster_common::health::CollectorState;

use crate::cloud::{CallError, Problem};

pub use intake::{Intake, OpenError};
pub use progress::Progress;
pub(crate) use schedule::pause;
pub use schedule::{Collecting, run};
pub use sources::Sources;

/// How services say that they are off; each does it in its own way, and some with the code of a missing permission.
const OFF: [&str; 3] = [
    "Macie is not enabled",
    "account is not enabled",
    "is not subscribed to AWS Security Hub",
];

/// One source in one Region.
pub trait Collector: Send {
    fn name(&self) -> &'static str;

    /// `None` for a source without a Region.
    fn region(&self) -> Option<&Region>;

    /// From one run to the next.
    fn every(&self) -> Duration;

    /// Reads what is new.
    fn collect<'a>(&'a mut self, intake: &'a Intake) -> BoxFuture<'a, Result<(), Setback>>;

    /// Asks the least that shows whether collecting would work.
    fn check(&self) -> BoxFuture<'_, Result<(), Setback>>;
}

/// Why a source could not be read to its end, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    /// The service is off in this account and Region.
    #[error("{0}")]
    Off(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Throttled(String),
    #[error("{0}")]
    Failed(String),
}

impl Setback {
    #[must_use]
    pub const fn state(&self) -> CollectorState {
        match self {
            Self::Off(_) => CollectorState::Disabled,
            Self::Denied(_) => CollectorState::PermissionMissing,
            Self::Throttled(_) => CollectorState::Throttled,
            Self::Failed(_) => CollectorState::Failed,
        }
    }

    /// What a failed call means for a collector.
    pub(crate) fn of_call(error: CallError) -> Self {
        let CallError {
            problem,
            code,
            message,
        } = error;
        if OFF.iter().any(|words| message.contains(words)) {
            return Self::Off(message);
        }
        match problem {
            Problem::Denied => Self::Denied(format!("{message}; allow it in the role's policy")),
            Problem::Throttled => Self::Throttled("AWS asks to slow down".to_owned()),
            Problem::Credentials => Self::Failed(format!(
                "AWS does not accept the credentials ({message}); if the Region is off, leave it out of `regions`"
            )),
            Problem::Unreachable => Self::Failed(format!("no answer from AWS: {message}")),
            Problem::Failed => Self::Failed(format!("{code}: {message}")),
        }
    }
}

//! Compliance: what is known of an account's resources becomes control findings, and these become status and score.
//!
//! In: changes of the inventory, operators' choices (standards, controls, parameters). Out: findings in the shape of Security
//! Hub's own, one per control and resource, written through `ingest` in the house's name; from the findings, and so true with
//! suppression as of the last acknowledged one, the status of controls and the score, also day by day.
//! Always: nothing passes of which something is not known. A type that was not listed to its end in some place leaves a finding
//! NOT_AVAILABLE for the account, with AWS's code; what a rule looks at and cannot see makes its verdict NOT_AVAILABLE; what
//! was listed more than two days ago counts as not known, from the next daily round on. What an agent says that it reads is
//! waited for. A listing that breaks off for once changes no verdict over resources that were seen before it, but the control
//! is Unknown at once, and so is what looks at that type beside. A verdict that stays as it is writes nothing.
//! Where there is nothing to judge and all was read, the account passes, as with AWS.
//! Survives: choices, scores of days, the position in the changes; what is stored is compared with, not remembered, so that a
//! crash loses no verdict and repeats none. Two accounts are judged at a time, by 256 resources; of each, one type and all that
//! rules look at beside it are in memory.
//! Not here: how state is read (agents), what is kept of it (the inventory, behind [`State`]), the rules (`muster_controls`).

mod attempt;
mod catalog;
mod choices;
mod evaluation;
mod finding;
mod follow;
mod gaps;
mod history;
mod judging;
mod known;
mod score;
mod standards;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod wishes;

use std::path::PathBuf;
use std::sync::Arc;

use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::timestamp::{DAY, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use crate::error::{Kind, Kinded};
use crate::findings::{self, Findings};
use crate::ingest::Ingest;
use crate::inventory;
pub use crate::inventory::{GLOBAL, Trouble};
use crate::records::Records;
pub use attempt::{ATTEMPT_VERDICTS_MAX, Attempt, Attempted, TriedVerdict};
pub use catalog::{Catalog, Entry, Refused};
pub use choices::{Choices, ControlChoice, Disabling, Place};
pub use evaluation::{Evaluated, Extent};
pub use history::{DAYS_MAX, Whose};
use known::{Known, Shelves};
pub use score::{ControlStatus, Tally, Totals};
pub use standards::Standard;
use standards::rank;
pub use standing::{Score, Standing};
pub use state::{Changes, State};

/// An unchanged finding is written again after this time, so that it is never too old to keep; sooner if findings are kept
/// shorter.
const REFRESH_AFTER: i64 = 30 * DAY;
/// Controls that are tried at a time.
const ATTEMPTS_AT_ONCE: usize = 1;

/// Judges accounts and tells how they stand. Cheap to clone.
#[derive(Clone)]
pub struct Compliance {
    catalog: Arc<Catalog>,
    records: Records,
    findings: Findings,
    ingest: Ingest,
    state: Arc<dyn State>,
    clock: Clock,
    config: Arc<Settled>,
    /// Read when they are first needed.
    choices: Arc<Mutex<Option<Arc<Choices>>>>,
    /// Counts changes of the choices.
    chosen: Arc<watch::Sender<u64>>,
    known: Arc<Shelves>,
    attempts: Arc<Semaphore>,
}

/// What the room works with.
pub struct Deps {
    pub records: Records,
    pub findings: Findings,
    pub ingest: Ingest,
    pub state: Arc<dyn State>,
    pub clock: Clock,
}

/// How it works.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// A folder of folders, each with a control of one's own.
    pub controls: Option<PathBuf>,
    /// In whose name findings are written: the admin's SPIFFE id.
    pub actor: String,
    /// How long findings are kept without an update, in days; `None` is for ever.
    pub active_days: Option<u32>,
}

/// What follows from the config.
struct Settled {
    actor: Arc<str>,
    /// In milliseconds.
    refresh: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no standard {id}; 'muster standard list' shows them")]
    NoStandard { id: String },
    #[error("there is no control {id}; {}", did_you_mean(meant.as_deref()))]
    NoControl { id: String, meant: Option<String> },
    #[error(
        "{control} is not off {place}, and nothing changed; 'muster control show {control}' tells where it is off"
    )]
    NotOff { control: String, place: Place },
    #[error("{control} is off {place} already: {reason}")]
    AlreadyOff {
        control: String,
        place: Place,
        reason: String,
    },
    #[error("{control} has no requirement in {standard}")]
    NotInStandard { control: String, standard: String },
    #[error(
        "a control is off everywhere, in one standard or in one account; name at most one of the two"
    )]
    TwoPlaces,
    #[error("to switch a control off takes a reason of 1 to {max} visible characters", max = wishes::REASON_MAX)]
    Reason,
    #[error("{control} has no parameter {name}{}", listed(.known))]
    NoParameter {
        control: String,
        name: String,
        known: Vec<String>,
    },
    #[error("parameter {name} of {control}: {reason}")]
    Parameter {
        control: String,
        name: String,
        reason: String,
    },
    #[error("nothing is to be changed; name what")]
    NoChange,
    #[error("{0}")]
    InvalidControl(#[from] muster_controls::InvalidControl),
    #[error("a case came out otherwise than expected: {0}")]
    Case(Box<muster_controls::Mismatch>),
    #[error("the control has {count} cases; at most {max} are tried")]
    TooManyCases { count: usize, max: usize },
    #[error("other controls are being tried; try again in a moment")]
    Busy,
    #[error(
        "the control took more than {seconds} s for {accounts} accounts; name fewer, or make the rule simpler"
    )]
    TooLong { seconds: u64, accounts: usize },
    #[error("the work was interrupted: {reason}")]
    Interrupted { reason: String },
    #[error(transparent)]
    Inventory(#[from] inventory::Error),
    #[error(transparent)]
    Findings(#[from] findings::Error),
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "; it has none".to_owned(),
        names => format!("; it has {}", names.join(", ")),
    }
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(
        || "'muster control list' shows them".to_owned(),
        |id| format!("did you mean {id}?"),
    )
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoStandard { .. } | Self::NoControl { .. } => Kind::NotFound,
            Self::NotOff { .. } | Self::AlreadyOff { .. } => Kind::Conflict,
            Self::NotInStandard { .. }
            | Self::TwoPlaces
            | Self::Reason
            | Self::NoParameter { .. }
            | Self::Parameter { .. }
            | Self::NoChange
            | Self::InvalidControl(_)
            | Self::Case(_)
            | Self::TooManyCases { .. } => Kind::Invalid,
            Self::Busy => Kind::Busy,
            Self::TooLong { .. } => Kind::Exhausted,
            Self::Interrupted { .. } => Kind::Internal,
            Self::Findings(error) => error.kind(),
            Self::Inventory(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}

impl Compliance {
    /// Opens the room. Folders that hold no good control are told in the log and by [`Catalog::refused`].
    #[must_use]
    pub fn new(deps: Deps, config: &Config) -> Self {
        let Deps {
            records,
            findings,
            ingest,
            state,
            clock,
        } = deps;
        let catalog = Catalog::open(config.controls.as_deref());
        for Refused { folder, reason } in catalog.refused() {
            tracing::error!(folder, reason, "a control was refused; the others count");
        }
        let kept = config.active_days.map(|days| i64::from(days) * DAY / 2);
        Self {
            catalog: Arc::new(catalog),
            records,
            findings,
            ingest,
            state,
            clock,
            config: Arc::new(Settled {
                actor: Arc::from(config.actor.as_str()),
                refresh: kept.map_or(REFRESH_AFTER, |kept| kept.min(REFRESH_AFTER)),
            }),
            choices: Arc::default(),
            chosen: Arc::new(watch::Sender::new(0)),
            known: Arc::default(),
            attempts: Arc::new(Semaphore::new(ATTEMPTS_AT_ONCE)),
        }
    }

    /// Every control and standard.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The controls of a standard in its order, or all by their ids.
    ///
    /// # Errors
    /// [`Error::NoStandard`].
    pub fn controls(&self, standard: &str) -> Result<Vec<&Entry>, Error> {
        self.check_standard(standard)?;
        if !standard.is_empty() {
            return Ok(self.catalog.of_standard(standard));
        }
        let mut entries: Vec<&Entry> = self.catalog.entries().iter().collect();
        entries.sort_by_cached_key(|entry| rank(&entry.control().id));
        Ok(entries)
    }

    /// # Errors
    /// [`Error::NoControl`].
    pub fn control(&self, id: &str) -> Result<&Entry, Error> {
        self.catalog.find(id).ok_or_else(|| Error::NoControl {
            id: id.chars().take(128).collect(),
            meant: self.catalog.alike(id).map(str::to_owned),
        })
    }

    /// What operators chose.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn choices(&self) -> Result<Arc<Choices>, Error> {
        if let Some(choices) = self.choices.lock().clone() {
            return Ok(choices);
        }
        let at = *self.chosen.borrow();
        let read = Arc::new(Choices::read(&self.records).await?);
        let mut choices = self.choices.lock();
        // What was chosen meanwhile may not be in it.
        if *self.chosen.borrow() == at {
            *choices = Some(Arc::clone(&read));
        }
        Ok(read)
    }

    /// Judges an account and writes what changed.
    ///
    /// # Errors
    /// [`Error`]; what was not written is judged again.
    pub async fn evaluate(&self, account: AccountId, extent: &Extent) -> Result<Evaluated, Error> {
        let _turn = self.known.turn(account).await;
        let known = match self.known.take(account) {
            Some(known) => known,
            None => Known::read(&self.findings, &self.catalog, account).await?,
        };
        // After an error it is read again.
        let (evaluated, known) = evaluation::evaluate(self, account, extent, known).await?;
        self.known.put(account, known);
        metrics::counter!("muster_control_findings_written_total").increment(evaluated.written);
        Ok(evaluated)
    }

    /// Scores of the last days, the oldest first: dates such as `2026-11-28`.
    ///
    /// # Errors
    /// [`Error::NoStandard`].
    pub async fn history(
        &self,
        whose: &Whose,
        days: usize,
    ) -> Result<Vec<(String, Totals)>, Error> {
        self.check_standard(&whose.standard)?;
        Ok(history::read(&self.records, whose, days.min(DAYS_MAX)).await?)
    }

    /// Writes down how everybody stands today.
    async fn keep_scores(&self, now: Timestamp) -> Result<(), Error> {
        let scores = standing::all(self).await?;
        history::write(&self.records, now, &scores).await?;
        Ok(history::trim(&self.records, now).await?)
    }

    /// An empty id means all controls that are on.
    fn check_standard(&self, id: &str) -> Result<(), Error> {
        match self.catalog.standard(id) {
            None if !id.is_empty() => Err(Error::NoStandard {
                id: id.chars().take(128).collect(),
            }),
            None | Some(_) => Ok(()),
        }
    }
}

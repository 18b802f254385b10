//! What a control would say, without writing anything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use muster_controls::{
    ACCOUNT, Control, Definition, Files, Status, Subject, Surroundings, Verdict,
};

use super::evaluation::work;
use super::finding;
use super::gaps::{Gaps, Ground};
use super::judging;
use super::score::Tally;
use super::{Compliance, Error};

/// Verdicts that are shown.
pub const ATTEMPT_VERDICTS_MAX: usize = 1_000;
/// Cases that are tried first.
const CASES_MAX: usize = 100;
/// What an attempt may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The three files of a control's folder.
    pub control: String,
    pub rule: String,
    pub cases: String,
    /// Unset: now.
    pub as_of: Option<Timestamp>,
    /// Empty: all.
    pub accounts: Vec<AccountId>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempted {
    pub tally: Tally,
    /// Up to [`ATTEMPT_VERDICTS_MAX`]; those that failed first.
    pub verdicts: Vec<TriedVerdict>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedVerdict {
    pub account: AccountId,
    pub region: String,
    pub kind: String,
    pub id: String,
    pub verdict: Verdict,
}

/// What is known of one account.
struct Scene {
    account: AccountId,
    subjects: Vec<Subject>,
    surroundings: Surroundings,
    ground: Ground,
    gaps: Gaps,
}

impl Compliance {
    /// Tries a control on stored state, after its cases. Of an earlier time it is known which resources there were, and not
    /// what could be read: a type of which nothing is kept is not known.
    ///
    /// # Errors
    /// [`Error::InvalidControl`], [`Error::Case`], [`Error::TooManyCases`], [`Error::TooLong`], [`Error::Busy`].
    pub async fn attempt(&self, attempt: Attempt) -> Result<Attempted, Error> {
        let _place = self.attempts.try_acquire().map_err(|_| Error::Busy)?;
        let Attempt {
            control,
            rule,
            cases,
            as_of,
            accounts,
        } = attempt;
        let mut definition = work(move || {
            let files = Files {
                control: &control,
                rule: &rule,
                cases: &cases,
            };
            try_cases(Definition::parse(files)?)
        })
        .await??;
        let accounts = if accounts.is_empty() {
            self.state.accounts().await?
        } else {
            accounts
        };
        let started = Instant::now();
        let mut attempted = Attempted::default();
        for account in &accounts {
            let scene = self.scene(&definition.control, *account, as_of).await?;
            let (after, verdicts) = work(move || {
                let verdicts = judge(&mut definition, &scene, started);
                (definition, verdicts)
            })
            .await?;
            definition = after;
            let verdicts = verdicts.ok_or(Error::TooLong {
                seconds: TIME_MAX.as_secs(),
                accounts: accounts.len(),
            })?;
            attempted.add(verdicts);
        }
        Ok(attempted)
    }

    async fn scene(
        &self,
        control: &Control,
        account: AccountId,
        as_of: Option<Timestamp>,
    ) -> Result<Scene, Error> {
        let now = as_of.unwrap_or_else(|| self.clock.now());
        let ground = Ground::new(self.state.coverage(account).await?);
        let kinds: BTreeSet<&str> = control.types().collect();
        let kinds = kinds.into_iter().map(str::to_owned).collect();
        let held = self.state.resources(account, kinds, as_of).await?;
        let by_type = work(move || judging::by_type(judging::subjects(&held))).await?;
        let of = |kind: &str| by_type.get(kind).map_or(&[][..], Vec::as_slice);
        let surroundings = Surroundings::new(
            control,
            account.as_str(),
            of,
            &control.defaults(),
            &now.to_string(),
        );
        let gaps = match as_of {
            None => Gaps::of(control, &ground, now),
            Some(_) => {
                let unkept = control.read_types().filter(|kind| of(kind).is_empty());
                Gaps::unkept(unkept, now)
            }
        };
        let judged = control.resource_types.iter();
        Ok(Scene {
            account,
            subjects: judged.flat_map(|kind| of(kind)).cloned().collect(),
            surroundings,
            ground,
            gaps,
        })
    }
}

impl Attempted {
    fn add(&mut self, verdicts: Vec<TriedVerdict>) {
        for tried in &verdicts {
            self.tally.add(tried.verdict.status.name(), 1);
        }
        self.verdicts.extend(verdicts);
        self.verdicts
            .sort_by_key(|tried| order(tried.verdict.status));
        self.verdicts.truncate(ATTEMPT_VERDICTS_MAX);
    }
}

fn try_cases(mut definition: Definition) -> Result<Definition, Error> {
    let count = definition.cases.len();
    if count > CASES_MAX {
        return Err(Error::TooManyCases {
            count,
            max: CASES_MAX,
        });
    }
    match definition.test().into_iter().next() {
        Some(mismatch) => Err(Error::Case(Box::new(mismatch))),
        None => Ok(definition),
    }
}

/// Judges one account; `None` if the time is over.
fn judge(
    definition: &mut Definition,
    scene: &Scene,
    started: Instant,
) -> Option<Vec<TriedVerdict>> {
    let Scene {
        account,
        subjects,
        surroundings,
        ground,
        gaps,
    } = scene;
    let scope = definition.control.scope;
    let mut verdicts = Vec::new();
    let mut tell = |kind: &str, id: &str, region: &str, verdict: Verdict| {
        if verdict.status != Status::Skipped {
            verdicts.push(TriedVerdict {
                account: *account,
                region: region.to_owned(),
                kind: kind.to_owned(),
                id: id.to_owned(),
                verdict,
            });
        }
    };
    let partition = finding::partition(ground.regions());
    let about = |place: &str| finding::About::resource(*account, partition, ACCOUNT, "", place);
    // Where the account itself was judged.
    let mut said = BTreeSet::new();
    for subject in subjects {
        if started.elapsed() > TIME_MAX {
            return None;
        }
        if judging::concerns(scope, &subject.region) {
            if subject.kind == ACCOUNT {
                said.insert(about(&subject.region).region);
            }
            let verdict = judging::verdict(definition, subject, surroundings, gaps, ground);
            tell(&subject.kind, &subject.id, &subject.region, verdict);
        }
    }
    for (place, verdict) in gaps.of_account() {
        let about = about(place);
        if !said.contains(&about.region) {
            tell(&about.kind, &about.id, &about.region, verdict);
        }
    }
    Some(verdicts)
}

const fn order(status: Status) -> u8 {
    match status {
        Status::Failed => 0,
        Status::NotAvailable => 1,
        Status::Warning => 2,
        Status::Passed => 3,
        Status::Skipped => 4,
    }
}

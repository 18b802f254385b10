//! One account, judged: resources are fetched and read once, judged by every control that is on, and what changed is written.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use muster_common::account::{AccountId, Partition};
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_controls::{Subject, Surroundings};

use super::catalog::Entry;
use super::choices::Choices;
use super::finding::{self, Stamp};
use super::gaps::{Gaps, Ground};
use super::judging::{self, Bench, Draft, Sheet};
use super::known::{Kept, Known};
use super::{Compliance, Error};
use crate::ingest::Admission;

/// Resources that are judged in one go.
const STEP: usize = 256;
/// Findings that are written in one go.
const BATCH: usize = 500;

/// Which controls of an account to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    All,
    /// Those that look at one of these types.
    Looking(BTreeSet<String>),
}

/// What an evaluation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Resources that were judged.
    pub resources: u64,
    pub written: u64,
    pub archived: u64,
    /// Findings that ingest did not take.
    pub refused: u64,
}

/// An evaluation under way.
struct Pass<'a> {
    compliance: &'a Compliance,
    account: AccountId,
    choices: Arc<Choices>,
    ground: Arc<Ground>,
    partition: Partition,
    /// What rules look at beside what they judge, by type.
    read: Arc<BTreeMap<String, Vec<Subject>>>,
    /// The types that were judged.
    judged: BTreeSet<String>,
    now: Timestamp,
    evaluated: Evaluated,
}

/// Judges an account. One evaluation of an account runs at a time: the caller holds `known`.
pub(super) async fn evaluate(
    compliance: &Compliance,
    account: AccountId,
    extent: &Extent,
    known: Known,
) -> Result<(Evaluated, Known), Error> {
    let coverage = compliance.state.coverage(account).await?;
    let ground = Ground::new(coverage);
    let partition = finding::partition(ground.regions());
    let mut pass = Pass {
        account,
        choices: compliance.choices().await?,
        partition,
        ground: Arc::new(ground),
        read: Arc::default(),
        judged: BTreeSet::new(),
        now: compliance.clock.now(),
        evaluated: Evaluated::default(),
        compliance,
    };
    let on = pass.on(extent);
    pass.read(&on).await?;
    let mut known = known;
    for (kinds, controls) in &on {
        known = pass.kinds(kinds, controls, known).await?;
    }
    known = pass.archive_what_is_off(extent, &on, known).await?;
    Ok((pass.evaluated, known))
}

/// Controls by the types that they judge: their places in the catalog.
type ByKinds = BTreeMap<Vec<String>, Vec<u16>>;

impl Pass<'_> {
    /// The controls to run.
    fn on(&self, extent: &Extent) -> ByKinds {
        let mut on = ByKinds::new();
        let catalog = &self.compliance.catalog;
        for (place, entry) in (0..).zip(catalog.entries()) {
            let standards = self
                .choices
                .standards_of(catalog, entry, Some(self.account));
            if concerned(entry, extent) && !standards.is_empty() {
                let kinds = entry.control().resource_types.clone();
                on.entry(kinds).or_default().push(place);
            }
        }
        on
    }

    fn entry(&self, place: u16) -> &Entry {
        &self.compliance.catalog.entries()[usize::from(place)]
    }

    /// Reads what the rules look at beside what they judge, and what several groups of controls judge.
    async fn read(&mut self, on: &ByKinds) -> Result<(), Error> {
        let places = on.values().flatten();
        let reads = places.flat_map(|place| self.entry(*place).control().read_types());
        let mut judged = HashSet::new();
        let kinds = on.keys().flatten();
        let again = kinds.filter(|kind| !judged.insert(*kind));
        let reads: BTreeSet<String> = reads
            .chain(again.map(String::as_str))
            .map(str::to_owned)
            .collect();
        if !reads.is_empty() {
            let subjects = self.subjects(reads.into_iter().collect()).await?;
            self.read = Arc::new(judging::by_type(subjects));
        }
        Ok(())
    }

    async fn subjects(&self, kinds: Vec<String>) -> Result<Vec<Subject>, Error> {
        let state = &self.compliance.state;
        let held = state.resources(self.account, kinds, None).await?;
        work(move || judging::subjects(&held)).await
    }

    /// Judges all resources of some types, and writes what changed.
    async fn kinds(
        &mut self,
        kinds: &[String],
        controls: &[u16],
        known: Known,
    ) -> Result<Known, Error> {
        let (mut subjects, mut unread) = (Vec::new(), Vec::new());
        for kind in kinds {
            match self.read.get(kind) {
                Some(read) => subjects.extend_from_slice(read),
                None => unread.push(kind.clone()),
            }
        }
        if !unread.is_empty() {
            subjects.extend(self.subjects(unread).await?);
        }
        let first = |subject: &&Subject| !self.judged.contains(&subject.kind);
        self.evaluated.resources += subjects.iter().filter(first).count() as u64;
        self.judged.extend(kinds.iter().cloned());
        let mut bench = Bench {
            sheets: controls.iter().map(|place| self.sheet(*place)).collect(),
            known,
            seen: HashSet::new(),
            now: self.now,
            refresh_before: self.now.plus(-self.compliance.config.refresh),
        };
        for step in subjects.chunks(STEP) {
            let (step, ground) = (step.to_vec(), Arc::clone(&self.ground));
            let (after, drafts) = work(move || {
                let drafts = bench.judge(&step, &ground);
                (bench, drafts)
            })
            .await?;
            bench = after;
            self.write(drafts, &mut bench.known).await?;
        }
        let last = bench.conclude();
        self.write(last, &mut bench.known).await?;
        let ours: HashSet<u16> = controls.iter().copied().collect();
        let active = bench.known.active_of(|control| ours.contains(&control));
        let gone = active.into_iter().filter(|key| !bench.seen.contains(key));
        let gone: Vec<FindingKey> = gone.collect();
        self.archive(gone, &mut bench.known).await?;
        Ok(bench.known)
    }

    fn sheet(&self, place: u16) -> Sheet {
        let entry = self.entry(place);
        let control = entry.control();
        let catalog = &self.compliance.catalog;
        let parameters = self.choices.parameters(entry);
        let standards = self
            .choices
            .standards_of(catalog, entry, Some(self.account));
        let of = |kind: &str| self.read.get(kind).map_or(&[][..], Vec::as_slice);
        let surroundings = Surroundings::new(
            control,
            self.account.as_str(),
            of,
            &parameters,
            &self.now.to_string(),
        );
        Sheet {
            place,
            definition: entry.definition.clone(),
            stamp: Stamp::new(
                self.account,
                self.partition,
                control,
                &standards,
                parameters,
            ),
            surroundings,
            gaps: Gaps::of(control, &self.ground, self.now),
            shown: 0,
        }
    }

    /// Archives the findings of controls that are off, of which nothing was judged.
    async fn archive_what_is_off(
        &mut self,
        extent: &Extent,
        on: &ByKinds,
        mut known: Known,
    ) -> Result<Known, Error> {
        let on: HashSet<u16> = on.values().flatten().copied().collect();
        let entries = self.compliance.catalog.entries();
        let off = known.active_of(|control| {
            // A control that there is no more has no entry.
            let entry = entries.get(usize::from(control));
            let concerned = entry.map_or(*extent == Extent::All, |entry| concerned(entry, extent));
            concerned && !on.contains(&control)
        });
        self.archive(off, &mut known).await?;
        Ok(known)
    }

    async fn archive(&mut self, keys: Vec<FindingKey>, known: &mut Known) -> Result<(), Error> {
        for keys in keys.chunks(BATCH) {
            let mut drafts = Vec::with_capacity(keys.len());
            for key in keys {
                let Some(kept) = known.get(*key) else {
                    continue;
                };
                drafts.push(self.archived(*key, kept).await?);
                if drafts.last().is_some_and(Option::is_none) {
                    known.forget(*key);
                }
            }
            let drafts: Vec<Draft> = drafts.into_iter().flatten().collect();
            self.evaluated.archived += self.record(drafts, known).await?;
        }
        Ok(())
    }

    /// The archived form of a finding; `None` if retention has removed it.
    async fn archived(&self, key: FindingKey, kept: Kept) -> Result<Option<Draft>, Error> {
        let seen = match self.compliance.findings.get(key).await {
            Ok(seen) => seen,
            Err(crate::findings::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let updated_at = judging::next(kept, self.now);
        let document = finding::archived(&seen.document, updated_at);
        Ok(document.map(|document| Draft {
            key,
            kept: Kept {
                updated_at,
                archived: true,
                ..kept
            },
            document: Bytes::from(document),
        }))
    }

    async fn write(&mut self, drafts: Vec<Draft>, known: &mut Known) -> Result<(), Error> {
        self.evaluated.written += self.record(drafts, known).await?;
        Ok(())
    }

    /// Has findings stored. The answer is how many were taken.
    async fn record(&mut self, drafts: Vec<Draft>, known: &mut Known) -> Result<u64, Error> {
        let mut taken = 0;
        let mut drafts = drafts.into_iter().peekable();
        while drafts.peek().is_some() {
            let batch: Vec<Draft> = drafts.by_ref().take(BATCH).collect();
            let documents = batch.iter().map(|draft| draft.document.clone()).collect();
            let Compliance { ingest, config, .. } = self.compliance;
            let admissions = ingest
                .from_house(self.account, &config.actor, documents)
                .await?;
            for (draft, admission) in batch.into_iter().zip(admissions) {
                match admission {
                    Admission::Created(_) | Admission::Updated(_) | Admission::Unchanged(_) => {
                        known.put(draft.key, draft.kept);
                        taken += 1;
                    }
                    Admission::Refused(refusal) => {
                        self.evaluated.refused += 1;
                        tracing::warn!(account = %self.account, %refusal, "a control finding was refused");
                    }
                }
            }
        }
        Ok(taken)
    }
}

fn concerned(entry: &Entry, extent: &Extent) -> bool {
    match extent {
        Extent::All => true,
        Extent::Looking(kinds) => kinds.iter().any(|kind| entry.looks_at(kind)),
    }
}

/// Does what takes its time off the runtime's threads.
pub(super) async fn work<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    muster_disk::work(work)
        .await
        .map_err(|error| Error::Interrupted {
            reason: error.to_string(),
        })
}

//! Reading a service of AWS page by page, from where the last run got to.
//!
//! Services tell late of what they found. So each run starts a little before the mark, and what was sent in that span
//! already is not sent again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use muster_common::account::Region;
use muster_common::timestamp::{MINUTE, Timestamp};
use serde_json::Value as Json;

use super::intake::Found;
use super::{Collector, Intake, Setback};
use crate::mapping::{Place, Unmappable};

/// How far before its mark a source is read again.
const OVERLAP: i64 = 10 * MINUTE;
/// Findings of the overlap that are remembered; beyond, some are sent twice, which does no harm.
const SENT_MAX: usize = 200_000;
/// Pages of one run; a source that never ends is not one.
const PAGES_MAX: usize = 100_000;

/// A service that lists findings.
pub(super) trait Source: Send + Sync {
    /// The name of the collector.
    const NAME: &'static str;
    /// Whether pages come with the oldest update first, so that each one moves the mark.
    const ORDERED: bool;

    /// The findings that were updated at `from` or later; all of them without it.
    fn page(&self, ask: Ask<'_>) -> impl Future<Output = Result<Page, Setback>> + Send;

    /// Makes an ASFF document of a finding.
    fn map(&self, finding: &Json, place: &Place) -> Result<Json, Unmappable>;
}

/// What to ask for.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub place: &'a Place,
    pub from: Option<Timestamp>,
    pub token: Option<&'a str>,
}

/// A page of native findings, and where the next one starts.
pub(super) struct Page {
    pub findings: Vec<Json>,
    pub next: Option<String>,
}

/// The items of a list in an answer.
pub(super) fn list(value: Option<Json>) -> Vec<Json> {
    match value {
        Some(Json::Array(items)) => items,
        Some(_) | None => Vec::new(),
    }
}

/// A collector over a [`Source`].
pub(super) struct Sweep<S> {
    pub source: S,
    pub place: Place,
    pub every: Duration,
    /// What was sent from the span before the mark: digests, with when they were updated.
    sent: HashMap<u64, Timestamp>,
}

impl<S: Source> Sweep<S> {
    pub(super) fn new(source: S, place: Place, every: Duration) -> Self {
        Self {
            source,
            place,
            every,
            sent: HashMap::new(),
        }
    }

    async fn run(&mut self, intake: &Intake) -> Result<(), Setback> {
        let key = format!("{}/{}", S::NAME, self.place.region);
        let start = intake.progress.start(&key);
        let mark = start.mark;
        let from = mark.map(|mark| mark.plus(-OVERLAP));
        match from {
            Some(from) => self.sent.retain(|_, updated_at| *updated_at >= from),
            None => self.sent.clear(),
        }
        let mut newest = mark;
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let ask = Ask {
                place: &self.place,
                from,
                token: token.as_deref(),
            };
            let page = self.source.page(ask).await?;
            newest = newest.max(self.take(page.findings, intake).await?);
            if let Some(newest) = newest.filter(|_| S::ORDERED || page.next.is_none()) {
                // A finding from the future must not hide those of the present.
                let newest = newest.min(intake.clock.now());
                let moved = intake.progress.advance(&key, start, newest).await;
                moved.map_err(|error| Setback::Failed(format!("progress.json: {error}")))?;
            }
            token = page.next;
            if token.is_none() {
                return Ok(());
            }
        }
        Err(Setback::Failed(format!(
            "the list has no end after {PAGES_MAX} pages"
        )))
    }

    /// Puts the findings of a page into the spool. The answer is the newest update among them.
    async fn take(
        &mut self,
        findings: Vec<Json>,
        intake: &Intake,
    ) -> Result<Option<Timestamp>, Setback> {
        let mut newest = None;
        let mut fresh = Vec::new();
        let mut sent = Vec::new();
        for native in findings {
            let (updated_at, found) = self.read(&native);
            newest = newest.max(updated_at);
            let digest = digest(&found);
            if !self.sent.contains_key(&digest) {
                fresh.push(found);
                sent.push((digest, updated_at.unwrap_or(intake.clock.now())));
            }
        }
        intake.put(S::NAME, Some(&self.place.region), fresh).await?;
        if self.sent.len() + sent.len() > SENT_MAX {
            self.sent.clear();
        }
        self.sent.extend(sent);
        Ok(newest)
    }

    fn read(&self, native: &Json) -> (Option<Timestamp>, Found) {
        match self.source.map(native, &self.place) {
            Ok(document) => {
                let updated_at = document["UpdatedAt"]
                    .as_str()
                    .and_then(|text| text.parse().ok());
                let text = Bytes::from(document.to_string());
                (updated_at, Found::Document(text))
            }
            Err(error) => {
                let unfit = Found::Unfit {
                    reason: error.to_string(),
                    original: native.to_string(),
                };
                (None, unfit)
            }
        }
    }
}

impl<S: Source> Collector for Sweep<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn region(&self) -> Option<&Region> {
        Some(&self.place.region)
    }

    fn every(&self) -> Duration {
        self.every
    }

    fn collect<'a>(&'a mut self, intake: &'a Intake) -> BoxFuture<'a, Result<(), Setback>> {
        self.run(intake).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), Setback>> {
        let ask = Ask {
            place: &self.place,
            from: None,
            token: None,
        };
        async move { self.source.page(ask).await.map(|_| ()) }.boxed()
    }
}

/// Of the whole document: a finding that changed is sent, also if its time did not.
fn digest(found: &Found) -> u64 {
    let mut hasher = DefaultHasher::new();
    match found {
        Found::Document(document) => document.hash(&mut hasher),
        Found::Unfit { original, .. } => original.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;

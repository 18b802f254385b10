//! Compaction: a segment that mostly holds versions that nobody needs is rewritten without them, and neighbours that have
//! become small are put together.
//!
//! Always: the latest version of a finding is kept; the kept versions of one finding are the newest ones without a gap,
//! so a version goes only after the one before it. A segment with damage in it is left alone. Memory holds one block at a
//! time, however much is rewritten.

mod rewrite;

use std::path::PathBuf;
use std::sync::Arc;

use muster_common::drill::{self, Point};
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;

use self::rewrite::Rewrite;
use super::log;
use super::state::{Edition, Look, Shared};
use crate::Error;

/// The share of versions to drop at which a segment is worth rewriting.
const WORTH: f64 = 0.5;
/// So many neighbours are put together, if they fit into one segment. Fewer files, more writing.
const NEIGHBOURS: usize = 4;

/// Rewrites segments, one at a time.
pub(super) struct Compaction {
    pub shared: Arc<Shared>,
    pub folder: PathBuf,
    /// Neighbours that are together no larger than a segment are put together.
    pub segment_bytes: u64,
    pub running: Mutex<()>,
}

impl Compaction {
    /// Rewrites the segments that are worth it. Versions recorded before `keep_since` may go. The answer is the number
    /// of bytes that became free.
    pub(super) fn run(&self, keep_since: Timestamp) -> Result<u64, Error> {
        let _one_at_a_time = self.running.lock();
        let mut freed = 0;
        for edition in self.worthwhile(keep_since) {
            freed += self.rewrite(&[edition], keep_since)?;
        }
        for editions in self.neighbours() {
            freed += self.rewrite(&editions, keep_since)?;
        }
        Ok(freed)
    }

    /// The segments that are written no more.
    fn closed(&self) -> Vec<Edition> {
        let state = self.shared.state.read();
        let mut closed: Vec<Edition> = state.blocks.segments.values().cloned().collect();
        closed.pop();
        closed
    }

    fn look(&self, number: u32, look: Look) {
        self.shared.state.write().blocks.look(number, look);
    }

    fn worthwhile(&self, keep_since: Timestamp) -> Vec<Edition> {
        let mut closed = self.closed();
        closed.retain(|edition| {
            let due = match edition.look {
                Look::Now => true,
                Look::After(recorded) => recorded < keep_since,
                Look::Blocked | Look::Damaged => false,
            };
            due && edition.superseded > 0 && is_worth(edition.superseded, edition.entries)
        });
        closed
    }

    fn neighbours(&self) -> Vec<Vec<Edition>> {
        let bytes_max = self.segment_bytes;
        let mut runs = Vec::new();
        let mut run: Vec<Edition> = Vec::new();
        let mut bytes = 0;
        for edition in self.closed() {
            if edition.look == Look::Damaged || edition.segment.bytes > bytes_max {
                run.clear();
                bytes = 0;
                continue;
            }
            bytes += edition.segment.bytes;
            run.push(edition);
            while bytes > bytes_max {
                bytes -= run.remove(0).segment.bytes;
            }
            if run.len() == NEIGHBOURS {
                runs.push(std::mem::take(&mut run));
                bytes = 0;
            }
        }
        runs
    }

    /// Writes one segment in the place of one or of several neighbours.
    fn rewrite(&self, editions: &[Edition], keep_since: Timestamp) -> Result<u64, Error> {
        let numbers: Vec<u32> = editions
            .iter()
            .map(|edition| edition.segment.number)
            .collect();
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return Ok(0);
        };
        let disk = |error: std::io::Error| Error::Disk {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        };
        let rewrite = Rewrite::start(&self.shared, &self.folder, *first, keep_since)?;
        let rewritten = match rewrite.read(editions)? {
            Ok(rewritten) => rewritten,
            Err(damaged) => {
                self.look(damaged, Look::Damaged);
                return Ok(0);
            }
        };
        let Left { dropped, kept, .. } = rewritten.left;
        if editions.len() == 1 && !is_worth(dropped, dropped + kept) {
            self.look(*first, rewritten.left.next_look());
            return Ok(0);
        }
        let counted: u64 = editions.iter().map(|edition| edition.superseded).sum();
        let superseded = rewritten.left.superseded();
        let places = rewritten.places;
        let segment = rewritten.draft.place().map_err(disk)?;
        let before: u64 = editions.iter().map(|edition| edition.segment.bytes).sum();
        let freed = before.saturating_sub(segment.bytes);
        tracing::info!(segments = ?numbers, dropped, freed, "compacted");
        {
            let mut state = self.shared.state.write();
            let blocks = &mut state.blocks;
            // What was superseded meanwhile.
            let now = blocks.superseded(*first, *last);
            let superseded = superseded + now.saturating_sub(counted);
            blocks.replace(*last, segment, places, (kept, superseded));
        }
        for number in &numbers[1..] {
            log::remove(&self.folder, *number).map_err(disk)?;
            drill::pass(Point::CompactionRemoved);
        }
        Ok(freed)
    }
}

/// What a look at a segment found.
#[derive(Default)]
struct Left {
    kept: u64,
    dropped: u64,
    /// Old enough to go, but the version before is kept.
    blocked: u64,
    /// When versions that nobody needs were recorded that are too young to go.
    young: Vec<Timestamp>,
}

impl Left {
    fn superseded(&self) -> u64 {
        self.blocked + self.young.len() as u64
    }

    /// When a segment that was not worth rewriting may be.
    fn next_look(mut self) -> Look {
        let worth = (WORTH * (self.dropped + self.kept) as f64).ceil() as u64;
        let missing = worth.saturating_sub(self.dropped + self.blocked);
        self.young.sort_unstable();
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        match missing.checked_sub(1) {
            Some(at) => self
                .young
                .get(at)
                .map_or(Look::Blocked, |due| Look::After(*due)),
            None => Look::Blocked,
        }
    }
}

fn is_worth(dropped: u64, entries: u64) -> bool {
    dropped as f64 >= WORTH * entries.max(1) as f64
}

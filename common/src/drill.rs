//! The drill: places between two durable steps where a test can end the process, and limits that a test can lower.
//!
//! In: the environment, such as `MUSTER_DRILL=log.written:3`, which ends the process when it passes that point for the
//! third time, as a power cut would; `MUSTER_DRILL_SEGMENT_BYTES=4096` lowers a limit. Always: a release build has none
//! of it. `tests/faults` passes every point in this list.

macro_rules! points {
    ($($point:ident $name:literal $meaning:literal)*) => {
        /// A place between two durable steps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Point {
            $(#[doc = $meaning] $point,)*
        }

        impl Point {
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }

            /// What is done by then, and what is not.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$point => $meaning,)*
                }
            }
        }
    };
}

points! {
    // The admin: a durable step.
    SegmentCreated "log.segment-created" "A segment is made; its folder does not know."
    LogWritten "log.written" "The frames are in the file, and the disk was not waited for."
    LogSynced "log.synced" "The frames are on the disk, and nobody knows."
    StepFolded "step.folded" "The step is in the index, and not in the tables."
    StepShelved "step.shelved" "The step is in the tables, and nobody was answered."
    ShelfFlushed "shelf.flushed" "The tables are on the disk, and the writer has not noted it."
    // The admin: the inventory.
    InventoryStored "inventory.stored" "The resources of a portion are stored, and nobody was answered."
    InventoryParted "inventory.parted" "What an epoch did not name is gone, and its listing is not complete."
    InventoryUnread "inventory.unread" "What is not read any more is history, and its listing stands."
    // The admin: opening.
    TailKept "recovery.tail-kept" "The torn end is kept beside the log, and still in it."
    TailCut "recovery.tail-cut" "The torn end is cut off, and the disk was not waited for."
    // The admin: compaction.
    CompactionDrafted "compaction.drafted" "The new segment is on the disk under its draft's name."
    CompactionRenamed "compaction.renamed" "The new segment has its name; its folder does not know."
    CompactionPlaced "compaction.placed" "The new segment is on the disk; readers use the old one."
    CompactionRemoved "compaction.removed" "Of the segments that were put together with one before, some are left."
    // The admin: init and root keys.
    FolderMade "init.folder-made" "The store's folder is made and says its format."
    RootDrafted "roots.drafted" "A key, a root or their list is on the disk under its draft's name."
    RootRenamed "roots.renamed" "A key, a root or their list has its name; its folder does not know."
    RootsListed "init.roots-listed" "The roots are made, and there is no operator."
    OperatorMade "init.operator-made" "The first operator is made, and has no credential."
    // The admin: enrollment.
    ClaimProven "enrollment.proven" "STS has said who it is, and nothing has changed."
    ClaimEnrolled "enrollment.enrolled" "The agent is enrolled, and was not answered."
    RenewalRecorded "renewal.recorded" "The next certificate counts, and the agent does not have it."
    // Admin, agent and command line: credentials.
    CredentialDrafted "credential.drafted" "A credential is on the disk under its draft's name."
    CredentialRenamed "credential.renamed" "A credential has its name; its folder does not know."
    // The agent: its identity.
    PendingWritten "accept.key-written" "The key of an enrollment is in its file, and the disk was not waited for."
    PendingKept "accept.key-kept" "The key of an enrollment is on the disk, and nobody has seen it."
    AcceptAnswered "accept.answered" "The certificate is here, and not kept."
    AcceptSaved "accept.saved" "The certificate is kept, and the key of the enrollment still, too."
    RenewAnswered "renew.answered" "The next certificate is here, and not kept."
    // The agent: its spool.
    SpoolSegmentCreated "spool.segment-created" "A segment is made; its folder does not know."
    SpoolWritten "spool.written" "The records are in the file, and the disk was not waited for."
    SpoolSynced "spool.synced" "The records are on the disk, and the collector does not know."
    SpoolSegmentRemoved "spool.segment-removed" "A segment that was acknowledged is gone; `HEAD` does not know."
    SpoolRenamed "spool.renamed" "The last segment is named by the next sequence; its folder does not know."
    SpoolNamed "spool.named" "The last segment is named by the next sequence, and not empty."
    SpoolGivenUp "spool.given-up" "What was acknowledged is gone, and `HEAD` does not know."
    FileDrafted "file.drafted" "`HEAD`, the marks or the status are on the disk under their draft's name."
    FileRenamed "file.renamed" "`HEAD`, the marks or the status have their name; their folder does not know."
    AnewMade "anew.made" "A new spool lies beside the old one."
    AnewLeft "anew.left" "The old spool is moved away, and there is none in its place."
    AnewPlaced "anew.placed" "The new spool is in its place, and what waits is in the old one."
    AdoptAppended "adopt.appended" "Documents of the old spool are in the new one, too."
    AdoptEmptied "adopt.emptied" "The old spool is empty and still there."
    // The agent: what comes in and what comes back.
    IntakeAppended "intake.appended" "Findings are in the spool; their source's mark or file has not moved."
    LettersPut "letters.put" "What was refused is among the dead letters, and still in the spool."
}

/// What a test can lower, so that it comes sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a segment of the log.
    SegmentBytes,
    /// Commits after which the tables are flushed.
    FlushCommits,
    /// Seconds between two runs of retention.
    RetentionSeconds,
    /// Bytes of a segment of the spool.
    SpoolSegmentBytes,
    /// Resources of a portion of configuration.
    PortionResources,
}

impl Limit {
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::SegmentBytes => "MUSTER_DRILL_SEGMENT_BYTES",
            Self::FlushCommits => "MUSTER_DRILL_FLUSH_COMMITS",
            Self::RetentionSeconds => "MUSTER_DRILL_RETENTION_SECONDS",
            Self::SpoolSegmentBytes => "MUSTER_DRILL_SPOOL_SEGMENT_BYTES",
            Self::PortionResources => "MUSTER_DRILL_PORTION_RESOURCES",
        }
    }
}

/// Passes a point: nothing happens, unless a test wants the process to end here.
#[inline]
pub fn pass(point: Point) {
    if cfg!(debug_assertions) {
        armed::pass(point);
    }
}

/// Lowers a limit on this thread, or not any more.
pub fn lower(limit: Limit, value: Option<u64>) {
    if cfg!(debug_assertions) {
        armed::lower(limit, value);
    }
}

/// A limit, or the lower one that a test wants.
#[inline]
#[must_use]
pub fn limit(limit: Limit, value: u64) -> u64 {
    if cfg!(debug_assertions) {
        return armed::limit(limit).unwrap_or(value);
    }
    value
}

mod armed {
    use std::cell::RefCell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Limit, Point};

    /// Where the process ends, and how often it passes there until then.
    static END: OnceLock<Option<(Point, AtomicU64)>> = OnceLock::new();

    thread_local! {
        static LOWERED: RefCell<Vec<(Limit, u64)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn pass(point: Point) {
        let end = END.get_or_init(|| {
            let (name, times) = variable("MUSTER_DRILL")?
                .split_once(':')
                .map(|(name, times)| (name.to_owned(), times.parse().unwrap_or(1)))?;
            let point = Point::ALL.iter().find(|point| point.name() == name)?;
            Some((*point, AtomicU64::new(times)))
        });
        if let Some((at, left)) = end
            && *at == point
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            std::process::abort();
        }
    }

    pub(super) fn lower(limit: Limit, value: Option<u64>) {
        LOWERED.with_borrow_mut(|lowered| {
            lowered.retain(|(other, _)| *other != limit);
            lowered.extend(value.map(|value| (limit, value)));
        });
    }

    pub(super) fn limit(limit: Limit) -> Option<u64> {
        let lowered = LOWERED.with_borrow(|lowered| {
            let mut lowered = lowered.iter();
            lowered.find(|(other, _)| *other == limit).copied()
        });
        if let Some((_, value)) = lowered {
            return Some(value);
        }
        variable(limit.variable())?.parse().ok()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no setting: a release build does not have it"
    )]
    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_points_share_a_name() {
        let mut names: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Point::ALL.len());
    }

    #[test]
    fn who_is_not_drilled_passes_everywhere() {
        for point in Point::ALL {
            pass(*point);
            assert!(!point.meaning().is_empty());
        }
        assert_eq!(limit(Limit::SegmentBytes, 7), 7);
        lower(Limit::SegmentBytes, Some(3));
        assert_eq!(limit(Limit::SegmentBytes, 7), 3);
        assert_eq!(limit(Limit::FlushCommits, 7), 7);
        lower(Limit::SegmentBytes, None);
        assert_eq!(limit(Limit::SegmentBytes, 7), 7);
    }
}

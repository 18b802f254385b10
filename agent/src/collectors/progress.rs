//! How far each source was read, kept in one small file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::timestamp::Timestamp;
use muster_disk::fs;
use parking_lot::Mutex;

use crate::spool::write_whole;

/// Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Marks>>);

#[derive(Clone)]
struct Marks {
    path: PathBuf,
    /// By source, such as `guardduty/eu-west-1`: everything that was updated before this is in the spool.
    marks: BTreeMap<String, Timestamp>,
    /// How often all were forgotten.
    forgotten: u64,
}

/// What is known of a source when a run of it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub mark: Option<Timestamp>,
    forgotten: u64,
}

impl Progress {
    /// Reads the marks in a folder. A file that cannot be read counts as none: sources are read from their start.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join("progress.json");
        let marks = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the marks cannot be read; collecting from the start");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Self(Arc::new(Mutex::new(Marks {
            path,
            marks,
            forgotten: 0,
        })))
    }

    #[must_use]
    pub fn start(&self, source: &str) -> Start {
        let inner = self.0.lock();
        Start {
            mark: inner.marks.get(source).copied(),
            forgotten: inner.forgotten,
        }
    }

    /// Moves a mark on, durably. Marks never go back; and a run that started before they were forgotten moves none, for
    /// what it skipped is to be read again.
    ///
    /// # Errors
    /// The disk refuses; the mark stays.
    pub async fn advance(&self, source: &str, start: Start, to: Timestamp) -> io::Result<()> {
        let source = source.to_owned();
        self.write(
            move |Marks {
                      marks, forgotten, ..
                  }| {
                let moves = marks.get(&source).is_none_or(|mark| *mark < to);
                if !moves || *forgotten != start.forgotten {
                    return false;
                }
                marks.insert(source, to);
                true
            },
        )
        .await
    }

    /// Forgets every mark: the sources are read from their start.
    ///
    /// # Errors
    /// The disk refuses; the marks stay.
    pub async fn forget(&self) -> io::Result<()> {
        self.write(|inner| {
            inner.marks.clear();
            inner.forgotten += 1;
            true
        })
        .await
    }

    /// Changes the marks, and writes them if the change says that it is one.
    async fn write(
        &self,
        change: impl FnOnce(&mut Marks) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let inner = Arc::clone(&self.0);
        let written = muster_disk::work(move || {
            let mut inner = inner.lock();
            let mut changed = inner.clone();
            if change(&mut changed) {
                write_whole(&inner.path, &serde_json::to_vec_pretty(&changed.marks)?)?;
                *inner = changed;
            }
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "guardduty/eu-west-1";

    #[tokio::test]
    async fn marks_move_on_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_millis;
        let progress = Progress::open(folder.path());
        let start = progress.start(SOURCE);
        progress.advance(SOURCE, start, at(7)).await.unwrap();
        progress.advance(SOURCE, start, at(5)).await.unwrap();
        let progress = Progress::open(folder.path());
        assert_eq!(progress.start(SOURCE).mark, Some(at(7)));
        assert_eq!(progress.start("macie2/eu-west-1").mark, None);
        progress.forget().await.unwrap();
        assert_eq!(Progress::open(folder.path()).start(SOURCE).mark, None);
    }

    #[tokio::test]
    async fn a_run_under_way_does_not_bring_back_a_mark_that_was_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_millis;
        let progress = Progress::open(folder.path());
        let before = progress.start(SOURCE);
        progress.forget().await.unwrap();
        progress.advance(SOURCE, before, at(7)).await.unwrap();
        assert_eq!(progress.start(SOURCE).mark, None);
        let after = progress.start(SOURCE);
        progress.advance(SOURCE, after, at(7)).await.unwrap();
        assert_eq!(progress.start(SOURCE).mark, Some(at(7)));
    }

    #[test]
    fn spoiled_marks_count_as_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("progress.json"), "{").unwrap();
        assert_eq!(Progress::open(folder.path()).start("x").mark, None);
    }
}

//! How far each source was read, kept in one small file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;

use crate::spool::write_whole;

/// Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Marks>>);

struct Marks {
    path: PathBuf,
    /// By source, such as `guardduty/eu-west-1`: everything that was updated before this is in the spool.
    marks: BTreeMap<String, Timestamp>,
}

impl Progress {
    /// Reads the marks in a folder. A file that cannot be read counts as none: sources are read from their start.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join("progress.json");
        let marks = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the marks cannot be read; collecting from the start");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Self(Arc::new(Mutex::new(Marks { path, marks })))
    }

    #[must_use]
    pub fn mark(&self, source: &str) -> Option<Timestamp> {
        self.0.lock().marks.get(source).copied()
    }

    /// Moves a mark on, durably. Marks never go back.
    ///
    /// # Errors
    /// The disk refuses; the mark stays.
    pub async fn advance(&self, source: &str, to: Timestamp) -> io::Result<()> {
        let source = source.to_owned();
        self.write(move |marks| {
            if marks.get(&source).is_some_and(|mark| *mark >= to) {
                return false;
            }
            marks.insert(source, to);
            true
        })
        .await
    }

    /// Forgets every mark: the sources are read from their start.
    ///
    /// # Errors
    /// The disk refuses; the marks stay.
    pub async fn forget(&self) -> io::Result<()> {
        self.write(|marks| {
            marks.clear();
            true
        })
        .await
    }

    /// Changes the marks, and writes them if the change says that it is one.
    async fn write(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Timestamp>) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let inner = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            let mut inner = inner.lock();
            let mut marks = inner.marks.clone();
            if change(&mut marks) {
                write_whole(&inner.path, &serde_json::to_vec_pretty(&marks)?)?;
                inner.marks = marks;
            }
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn marks_move_on_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_millis;
        let progress = Progress::open(folder.path());
        progress
            .advance("guardduty/eu-west-1", at(7))
            .await
            .unwrap();
        progress
            .advance("guardduty/eu-west-1", at(5))
            .await
            .unwrap();
        let progress = Progress::open(folder.path());
        assert_eq!(progress.mark("guardduty/eu-west-1"), Some(at(7)));
        assert_eq!(progress.mark("macie2/eu-west-1"), None);
        progress.forget().await.unwrap();
        assert_eq!(
            Progress::open(folder.path()).mark("guardduty/eu-west-1"),
            None
        );
    }

    #[test]
    fn spoiled_marks_count_as_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("progress.json"), "{").unwrap();
        assert_eq!(Progress::open(folder.path()).mark("x"), None);
    }
}

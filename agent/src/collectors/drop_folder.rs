//! A folder that other tools put files into: ASFF, or OCSF detection findings as Prowler writes them.
//!
//! A file is read once it stands still. Then it moves to `done/`, and what was no good in it is a dead letter, broken JSON
//! lines too; a file that cannot be read at all moves to `bad/`, with the reason beside it. Names that start with a dot or
//! end with `.tmp` or `.part` are somebody's unfinished work. When the marks are forgotten, what is in `done/` is read again.

mod read;

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, FutureExt as _};
use muster_common::account::Region;
use muster_common::timestamp::{DAY, Timestamp};
use tokio::sync::mpsc;

use super::intake::Found;
use super::{Collector, Intake, Setback};
use crate::config;
use crate::mapping::Place;
use read::Shape;

const NAME: &str = "drop-folder";
/// Files of one run.
const FILES_MAX: usize = 10_000;
/// What is left alone for so many runs is told.
const SKIPPED_RUNS: u32 = 3;

pub(super) struct DropFolder {
    path: PathBuf,
    place: Place,
    every: Duration,
    keep: i64,
    /// Files as the last run saw them; the same again stands still.
    seen: HashMap<PathBuf, Look>,
    /// What is left alone, and in how many runs.
    skipped: HashMap<PathBuf, u32>,
}

/// What changes when somebody writes to a file.
type Look = (u64, Option<SystemTime>);

/// A file that is no good as a whole.
struct Bad(String);

impl DropFolder {
    pub(super) fn new(path: PathBuf, settings: &config::DropFolder, place: Place) -> Self {
        Self {
            path,
            place,
            every: Duration::from_secs(settings.every_seconds),
            keep: i64::from(settings.keep_days) * DAY,
            seen: HashMap::new(),
            skipped: HashMap::new(),
        }
    }

    async fn run(&mut self, intake: &Intake) -> Result<(), Setback> {
        let path = self.path.clone();
        let failed =
            |error: io::Error| Setback::Failed(format!("cannot use {}: {error}", path.display()));
        fs::create_dir_all(&self.path).map_err(failed)?;
        let done = self.path.join("done");
        let now = intake.clock.now();
        let start = intake.progress.start(NAME);
        if start.mark.is_none() {
            sweep_out(&done, now, self.keep)
                .and_then(|()| bring_back(&done, &self.path))
                .map_err(failed)?;
            let marked = intake.progress.advance(NAME, start, now).await;
            marked.map_err(|error| Setback::Failed(format!("progress.json: {error}")))?;
        }
        let Listed { looks, skipped } = files(&self.path).map_err(failed)?;
        self.tell_skipped(skipped);
        let mut still: Vec<PathBuf> = looks
            .iter()
            .filter(|(file, look)| self.seen.get(*file) == Some(look))
            .map(|(file, _)| file.clone())
            .collect();
        still.sort();
        self.seen = looks;
        for file in still {
            self.take(&file, intake).await?;
            self.seen.remove(&file);
        }
        sweep_out(&done, now, self.keep).map_err(failed)
    }

    /// Reads a file into the spool and moves it away.
    async fn take(&self, file: &Path, intake: &Intake) -> Result<(), Setback> {
        let moved = match self.read(file, intake).await? {
            Ok(findings) => {
                tracing::info!(file = %file.display(), findings, "a file was read");
                put_away(file, &self.path.join("done"))
            }
            Err(Bad(reason)) => {
                tracing::warn!(file = %file.display(), reason, "a file was put aside");
                put_aside(file, &self.path.join("bad"), &reason)
            }
        };
        moved.map_err(|error| {
            Setback::Failed(format!(
                "{} was read but cannot be moved: {error}",
                file.display()
            ))
        })
    }

    /// Tells once what is left alone, unless it is gone soon as unfinished work is.
    fn tell_skipped(&mut self, skipped: Vec<(PathBuf, &'static str)>) {
        let mut runs = HashMap::with_capacity(skipped.len());
        for (path, why) in skipped {
            let run = self
                .skipped
                .get(&path)
                .map_or(0, |run| run.saturating_add(1));
            if run == SKIPPED_RUNS {
                tracing::warn!(file = %path.display(), why, "a file in the drop folder is left alone");
            }
            runs.insert(path, run);
        }
        self.skipped = runs;
    }

    /// Two passes: the first one finds out whether the whole file is JSON, so that no half of it is sent. What is not may
    /// still be JSON lines with a broken one, as when a tool was stopped while it wrote.
    async fn read(&self, file: &Path, intake: &Intake) -> Result<Result<usize, Bad>, Setback> {
        let path = file.to_owned();
        let shape = tokio::task::spawn_blocking(move || read::shape(&path)).await;
        let shape = match shape.map_err(|error| Setback::Failed(error.to_string()))? {
            Ok(shape) => shape,
            Err(error) => return Ok(Err(Bad(error.to_string()))),
        };
        let (chunks, mut found) = mpsc::channel::<Vec<Found>>(1);
        let (path, place) = (file.to_owned(), self.place.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let take = |chunk| chunks.blocking_send(chunk).is_ok();
            match shape {
                Shape::Whole => read::findings(&path, &place, take),
                Shape::Lines => read::lines(&path, &place, take),
            }
        });
        let mut good = 0;
        while let Some(chunk) = found.recv().await {
            let fit = |found: &&Found| matches!(found, Found::Document(_));
            good += chunk.iter().filter(fit).count();
            intake.put(NAME, None, chunk).await?;
        }
        let read = reading
            .await
            .map_err(|error| Setback::Failed(error.to_string()))?;
        Ok(match read {
            Ok(()) => Ok(good),
            Err(error) => Err(Bad(error.to_string())),
        })
    }
}

impl Collector for DropFolder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn every(&self) -> Duration {
        self.every
    }

    fn collect<'a>(&'a mut self, intake: &'a Intake) -> BoxFuture<'a, Result<(), Setback>> {
        self.run(intake).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), Setback>> {
        if !self.path.exists() {
            let path = self.path.display();
            let none = format!("there is no {path} yet; the agent makes it when it runs");
            return async { Err(Setback::Off(none)) }.boxed();
        }
        let checked = files(&self.path).and_then(|_| {
            let probe = self.path.join(".muster-probe");
            fs::write(&probe, b"")?;
            fs::remove_file(&probe)
        });
        let path = self.path.display().to_string();
        let checked =
            checked.map_err(|error| Setback::Failed(format!("cannot use {path}: {error}")));
        async move { checked }.boxed()
    }
}

/// What is in the folder.
#[derive(Default)]
struct Listed {
    /// The files that are ready to be looked at.
    looks: HashMap<PathBuf, Look>,
    /// What is left alone, and why.
    skipped: Vec<(PathBuf, &'static str)>,
}

fn files(folder: &Path) -> io::Result<Listed> {
    let mut listed = Listed::default();
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let unfinished = [".tmp", ".part"].iter().any(|end| name.ends_with(end));
        // A file may go away while it is looked at.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() || name.starts_with('.') {
            continue;
        }
        if !metadata.is_file() {
            let why = "it is no regular file; put a copy there";
            listed.skipped.push((entry.path(), why));
        } else if unfinished {
            let why = "its name says that it is unfinished; rename it when it is whole";
            listed.skipped.push((entry.path(), why));
        } else {
            listed.looks.insert(entry.path(), look(&metadata));
        }
    }
    Ok(listed)
}

fn look(metadata: &Metadata) -> Look {
    (metadata.len(), metadata.modified().ok())
}

/// Moves a file into a folder, under a name that is free there.
fn put_away(file: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::rename(file, free_name(file, folder))
}

/// Moves what was read back to where it is read: the admin has lost what it had acknowledged.
fn bring_back(done: &Path, folder: &Path) -> io::Result<()> {
    for (file, _) in done_files(done)? {
        put_away(&file, folder)?;
    }
    Ok(())
}

/// Moves a bad file into a folder, with the reason beside it.
fn put_aside(file: &Path, folder: &Path, reason: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let target = free_name(file, folder);
    let mut note = target.clone().into_os_string();
    note.push(".reason.txt");
    fs::write(note, format!("{reason}\n"))?;
    fs::rename(file, target)
}

fn free_name(file: &Path, folder: &Path) -> PathBuf {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let plain = folder.join(&name);
    if !plain.exists() {
        return plain;
    }
    (2..)
        .map(|number| folder.join(format!("{number}-{name}")))
        .find(|path| !path.exists())
        .unwrap_or(plain)
}

/// Removes what was read long ago.
fn sweep_out(done: &Path, now: Timestamp, keep: i64) -> io::Result<()> {
    for (file, metadata) in done_files(done)? {
        let since_1970 = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let age = since_1970
            .and_then(|span| i64::try_from(span.as_millis()).ok())
            .map(|millis| now.since(Timestamp::from_millis(millis)));
        if age.is_some_and(|age| age > keep) {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// The files that were read; somebody may clear them away meanwhile.
fn done_files(done: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let entries = match fs::read_dir(done) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        files.push((entry.path(), metadata));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;

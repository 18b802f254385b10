//! A folder that other tools put files into: ASFF, or OCSF detection findings as Prowler writes them.
//!
//! A file is read once it stands still. Then it moves to `done/`; a file that cannot be read moves to `bad/`, with the
//! reason beside it. Names that start with a dot or end with `.tmp` or `.part` are somebody's unfinished work.

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

const NAME: &str = "drop-folder";
/// Files of one run.
const FILES_MAX: usize = 10_000;

pub(super) struct DropFolder {
    path: PathBuf,
    place: Place,
    every: Duration,
    keep: i64,
    /// Files as the last run saw them; the same again stands still.
    seen: HashMap<PathBuf, Look>,
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
        }
    }

    async fn run(&mut self, intake: &Intake) -> Result<(), Setback> {
        let failed = |error: io::Error| {
            Setback::Failed(format!("cannot use {}: {error}", self.path.display()))
        };
        fs::create_dir_all(&self.path).map_err(failed)?;
        let looks = files(&self.path).map_err(failed)?;
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
        let now = intake.clock.now();
        sweep_out(&self.path.join("done"), now, self.keep).map_err(failed)
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

    /// Two passes: the first one finds out whether the whole file is JSON, so that no half of it is sent.
    async fn read(&self, file: &Path, intake: &Intake) -> Result<Result<usize, Bad>, Setback> {
        let path = file.to_owned();
        let checked = tokio::task::spawn_blocking(move || read::check(&path)).await;
        match checked.map_err(|error| Setback::Failed(error.to_string()))? {
            Ok(()) => {}
            Err(error) => return Ok(Err(Bad(error.to_string()))),
        }
        let (chunks, mut found) = mpsc::channel::<Vec<Found>>(1);
        let (path, place) = (file.to_owned(), self.place.clone());
        let reading = tokio::task::spawn_blocking(move || {
            read::findings(&path, &place, |chunk| chunks.blocking_send(chunk).is_ok())
        });
        let (mut good, mut first_reason) = (0, None);
        while let Some(chunk) = found.recv().await {
            for found in &chunk {
                match found {
                    Found::Document(_) => good += 1,
                    Found::Unfit { reason, .. } => {
                        first_reason.get_or_insert_with(|| reason.clone());
                    }
                }
            }
            intake.put(NAME, None, chunk).await?;
        }
        match reading
            .await
            .map_err(|error| Setback::Failed(error.to_string()))?
        {
            Err(error) => Ok(Err(Bad(error.to_string()))),
            Ok(()) => Ok(match first_reason {
                Some(reason) if good == 0 => Err(Bad(format!(
                    "no finding in it is good; the first: {reason}"
                ))),
                Some(_) | None => Ok(good),
            }),
        }
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

/// The files that are ready to be looked at.
fn files(folder: &Path) -> io::Result<HashMap<PathBuf, Look>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let unfinished = [".tmp", ".part"].iter().any(|end| name.ends_with(end));
        // A file may go away while it is looked at.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() && !name.starts_with('.') && !unfinished {
            found.insert(entry.path(), look(&metadata));
        }
    }
    Ok(found)
}

fn look(metadata: &Metadata) -> Look {
    (metadata.len(), metadata.modified().ok())
}

/// Moves a file into a folder, under a name that is free there.
fn put_away(file: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::rename(file, free_name(file, folder))
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
    let entries = match fs::read_dir(done) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let since_1970 = modified
            .ok()
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let age = since_1970
            .and_then(|span| i64::try_from(span.as_millis()).ok())
            .map(|millis| now.since(Timestamp::from_millis(millis)));
        if age.is_some_and(|age| age > keep) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

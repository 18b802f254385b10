//! A clock for processes that a test can move, by libfaketime.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Several processes share one; it runs, from wherever it was moved to.
#[derive(Clone, Debug)]
pub struct MovedClock {
    file: PathBuf,
}

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

impl MovedClock {
    /// # Panics
    /// There is no libfaketime.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        assert!(
            Path::new(LIBRARY).exists(),
            "there is no libfaketime; tests/run.sh installs it"
        );
        let clock = Self {
            file: folder.join("clock"),
        };
        clock.move_to(0);
        clock
    }

    /// Moves it to so many seconds after the real time.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn move_to(&self, seconds: i64) {
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, format!("{seconds:+}\n")).expect("the clock file");
        std::fs::rename(draft, &self.file).expect("the clock file");
    }

    /// Lets a process live by this clock. Its timers stay real.
    pub fn rule(&self, command: &mut Command) {
        let others = command.as_std().get_envs().find_map(|(key, value)| {
            (key == "LD_PRELOAD")
                .then(|| value.map(|value| value.to_string_lossy().into_owned()))?
        });
        let libraries = match others {
            Some(others) => format!("{LIBRARY}:{others}"),
            None => LIBRARY.to_owned(),
        };
        command
            .env("LD_PRELOAD", libraries)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // What it does for the waits of an old libc ends those of this one at once, and whoever waits spins.
            .env("FAKETIME_FORCE_MONOTONIC_FIX", "0");
    }
}

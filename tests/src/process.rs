//! Processes that end with their value.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// How long a test waits for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at least, and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A process whose output goes to a file. Dropped, it is killed.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("the process starts");
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Everything that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// Waits until it has ended by itself. The answer is the signal that ended it, if it was one.
    ///
    /// # Panics
    /// It does not end.
    pub async fn ended(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(ended) = ended else {
            panic!("the process does not end; it said:\n{}", self.log());
        };
        ended.expect("the process is ours").signal()
    }

    /// Asks it to end, and waits until it has. The answer is its exit code.
    ///
    /// # Panics
    /// It does not end.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(ended) = ended else {
            panic!("the process does not stop; it said:\n{}", self.log());
        };
        ended.expect("the process is ours").code()
    }

    /// # Panics
    /// The process has ended.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("the process runs");
    }
}

/// A binary of this workspace, beside the test's own: a test stands in `deps` below it, another binary with it.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows where it is");
    let folder = own.parent().expect("target/PROFILE");
    let folder = match folder.parent() {
        Some(above) if folder.ends_with("deps") => above,
        Some(_) | None => folder,
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "there is no {}; run tests/run.sh, or 'cargo build --workspace' first",
        path.display()
    );
    path
}

/// Looks until something holds.
///
/// # Panics
/// It does not within a minute.
pub async fn eventually(what: &str, look: impl AsyncFnMut() -> bool) {
    eventually_within(PATIENCE, what, look).await;
}

/// Looks until something holds.
///
/// # Panics
/// It does not in time.
pub async fn eventually_within(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> bool,
) {
    let since = Instant::now();
    loop {
        let looked = Instant::now();
        if look().await {
            return;
        }
        assert!(
            since.elapsed() < patience,
            "not within {patience:?}: {what}"
        );
        // Who looks leaves most of the time to what is waited for.
        let pause = looked.elapsed() * 2;
        tokio::time::sleep(pause.clamp(LOOK_EVERY.0, LOOK_EVERY.1)).await;
    }
}

//! `muster`, as a person or a script uses it.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value as Json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{MovedClock, binary};

/// One operator at a terminal that is none.
#[derive(Clone, Debug)]
pub struct Muster {
    pub credential: PathBuf,
    pub clock: Option<MovedClock>,
}

/// What a command printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Muster {
    /// The command line, ready to be changed.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("muster"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MUSTER_CREDENTIAL", &self.credential)
            .args(arguments)
            .kill_on_drop(true);
        if let Some(clock) = &self.clock {
            clock.rule(&mut command);
        }
        command
    }

    /// Runs a command.
    pub async fn try_run(&self, arguments: &[&str]) -> Printed {
        self.run_with(arguments, b"").await
    }

    /// Runs a command with text on its standard input.
    ///
    /// # Panics
    /// It does not start, or prints what is no text.
    pub async fn run_with(&self, arguments: &[&str], input: &[u8]) -> Printed {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("muster starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let feeding = tokio::spawn(async move {
            // It may not read it all.
            let _ = stdin.write_all(&input).await;
        });
        let output = child.wait_with_output().await.expect("muster ends");
        let _ = feeding.await;
        Printed {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs a command that should do what it is asked.
    ///
    /// # Panics
    /// It does not.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let printed = self.try_run(arguments).await;
        assert_eq!(printed.code, 0, "muster {arguments:?}: {printed:?}");
        printed.out
    }

    /// Runs a command for its JSON.
    ///
    /// # Panics
    /// It fails, or prints something else.
    pub async fn json(&self, arguments: &[&str]) -> Json {
        let out = self.run(&[arguments, &["--output", "json"]].concat()).await;
        serde_json::from_str(&out).expect("JSON")
    }

    /// How many findings match.
    ///
    /// # Panics
    /// As [`Muster::json`].
    pub async fn count(&self, filter: &[&str]) -> u64 {
        let counted = self.json(&[&["finding", "count"], filter].concat()).await;
        counted["total"].as_u64().expect("a number")
    }
}

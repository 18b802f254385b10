//! `muster-agent` as a process.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tokio::process::Command;

use crate::{Admin, MovedClock, Printed, Process, World, binary};

/// An agent: its state, its AWS credentials, and its process while it runs.
pub struct Agent {
    state: PathBuf,
    environment: Vec<(String, String)>,
    clock: Option<MovedClock>,
    process: Option<Process>,
}

impl Agent {
    /// An agent that is not enrolled, with the credentials in a folder of the seeder's.
    #[must_use]
    pub fn new(world: &World, name: &str, account: &Path) -> Self {
        let set = |key: &str, value: String| (key.to_owned(), value);
        let often = |source: &str| {
            set(
                &format!("MUSTER_AGENT_COLLECTORS__{source}__EVERY_SECONDS"),
                "1".to_owned(),
            )
        };
        let credentials = account.join("credentials");
        Self {
            state: world.folder().join(name),
            environment: vec![
                set("AWS_REGION", "us-east-1".to_owned()),
                set("AWS_ENDPOINT_URL", world.endpoint.clone()),
                set("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
                set(
                    "AWS_SHARED_CREDENTIALS_FILE",
                    credentials.display().to_string(),
                ),
                often("GUARDDUTY"),
                often("INSPECTOR2"),
                often("MACIE2"),
                often("SECURITYHUB"),
                often("DROP_FOLDER"),
                // Most journeys are about findings.
                set("MUSTER_AGENT_STATE__ENABLED", "false".to_owned()),
            ],
            clock: None,
            process: None,
        }
    }

    /// Enrolls an agent for an account and starts it.
    ///
    /// # Panics
    /// It is refused.
    pub async fn join(world: &World, admin: &Admin, account: &str, credentials: &Path) -> Self {
        let mut agent = Self::new(world, &format!("agent-{account}"), credentials);
        let accepted = agent.accept(&admin.invite(account).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        agent.start();
        agent
    }

    /// Reads the account's configuration, too.
    #[must_use]
    pub fn with_configuration(self) -> Self {
        self.with("MUSTER_AGENT_STATE__ENABLED", "true")
    }

    /// Changes a variable of its environment, such as `("MUSTER_AGENT_SPOOL__MAX_MIB", "1")`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Changes its environment for the next starts, such as `("LD_PRELOAD", Some(library))`; nothing takes it out.
    pub fn set(&mut self, key: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != key);
        let set = value.map(|value| (key.to_owned(), value.to_owned()));
        self.environment.extend(set);
    }

    /// Lives by another clock.
    #[must_use]
    pub fn by(mut self, clock: &MovedClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// The command line, ready to be changed.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("muster-agent"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MUSTER_AGENT_STATE_DIR", &self.state)
            .envs(self.environment.iter().cloned())
            .args(arguments)
            .kill_on_drop(true);
        if let Some(clock) = &self.clock {
            clock.rule(&mut command);
        }
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// It does not start, or prints what is no text.
    pub async fn run(&self, arguments: &[&str]) -> Printed {
        let output = self
            .command(arguments)
            .output()
            .await
            .expect("muster-agent starts");
        Printed {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub async fn accept(&self, invitation: &str) -> Printed {
        self.run(&["accept", invitation]).await
    }

    /// Starts collecting and sending.
    pub fn start(&mut self) {
        let log = self.state.with_extension("log");
        self.process = Some(Process::start(self.command(&["run"]), &log));
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Stops it in order. The answer is its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => None,
        }
    }

    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the agent runs")
    }

    /// Everything that it has printed in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.with_extension("log")).unwrap_or_default()
    }

    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What `muster-agent status` tells.
    ///
    /// # Panics
    /// It is not enrolled.
    pub async fn status(&self) -> Json {
        let printed = self.run(&["status", "--json"]).await;
        serde_json::from_str(&printed.out).unwrap_or_else(|_| panic!("{printed:?}"))
    }

    /// How far the status says something, such as `/snapshot/link`.
    pub async fn told(&self, pointer: &str) -> Json {
        let status = self.status().await;
        status.pointer(pointer).cloned().unwrap_or_default()
    }

    /// The state of each survey of the account's configuration, such as `ok`.
    pub async fn surveys(&self) -> Vec<String> {
        let collectors = self.told("/snapshot/collectors").await;
        let collectors = collectors.as_array().into_iter().flatten();
        let surveys = collectors.filter(|collector| {
            let name = collector["collector"].as_str().unwrap_or_default();
            name.starts_with("config-")
        });
        surveys
            .filter_map(|survey| survey["state"].as_str().map(str::to_owned))
            .collect()
    }

    /// Puts a file into its drop folder, in one piece.
    ///
    /// # Panics
    /// The disk refuses.
    pub fn drop_file(&self, name: &str, text: &[u8]) {
        let folder = self.state.join("drop");
        std::fs::create_dir_all(&folder).expect("the drop folder");
        let draft = folder.join(format!("{name}.tmp"));
        std::fs::write(&draft, text).expect("the file");
        std::fs::rename(draft, folder.join(name)).expect("the file");
    }
}

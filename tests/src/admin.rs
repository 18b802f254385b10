//! `muster-admin` as a process.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;
use tokio::process::Command;

use crate::{MovedClock, Muster, Printed, Process, World, binary, eventually};

/// An admin: its data, and its process while it runs.
pub struct Admin {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    clock: Option<MovedClock>,
    process: Option<Process>,
    addresses: Option<Json>,
}

/// A port that stays its own while it is stopped: none that the system gives to whoever connects or asks for any, and
/// none of another test's process.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    const EACH: u32 = 64;
    loop {
        let next = std::process::id() * EACH + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (PORTS.start + next % PORTS.len() as u32) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Admin {
    /// Makes an admin in the world's folder and starts it.
    pub async fn start(world: &World) -> Self {
        let mut admin = Self::init(world).await;
        admin.serve().await;
        admin
    }

    /// Makes an admin that does not run yet.
    pub async fn init(world: &World) -> Self {
        Self::init_by(world, None).await
    }

    /// Makes an admin that lives by another clock and does not run yet.
    ///
    /// # Panics
    /// `muster-admin init` fails.
    pub async fn init_by(world: &World, clock: Option<&MovedClock>) -> Self {
        let mut admin = Self::new(world, "admin");
        admin.clock = clock.cloned();
        let made = admin.try_init(&admin.credential()).await;
        assert_eq!(made.code, 0, "init: {made:?}");
        admin
    }

    /// An admin of which nothing is made yet.
    #[must_use]
    pub fn new(world: &World, name: &str) -> Self {
        let any = |key: &str| {
            (
                format!("MUSTER_ADMIN_LISTEN__{key}"),
                format!("127.0.0.1:{}", free_port()),
            )
        };
        Self {
            environment: vec![
                any("ENROLLMENT"),
                any("AGENTS"),
                any("OPERATORS"),
                any("METRICS"),
                (
                    "MUSTER_ADMIN_STS__ENDPOINT".to_owned(),
                    world.endpoint.clone(),
                ),
            ],
            folder: world.folder().join(name),
            clock: None,
            process: None,
            addresses: None,
        }
    }

    /// Runs `muster-admin init`, with a place for the first operator's credential.
    pub async fn try_init(&self, credential: &Path) -> Printed {
        self.run(&["init", "--trust-domain", "muster.example"], credential)
            .await
    }

    /// Runs `muster-admin rescue`, with a place for the credential.
    pub async fn try_rescue(&self, credential: &Path) -> Printed {
        self.run(&["rescue"], credential).await
    }

    async fn run(&self, arguments: &[&str], credential: &Path) -> Printed {
        let output = self
            .command(arguments)
            .arg("--credential")
            .arg(credential)
            .output()
            .await
            .expect("muster-admin starts");
        Printed {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Changes a setting for the next start, such as `("INGEST__FINDINGS_PER_SECOND", "10")`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment
            .push((format!("MUSTER_ADMIN_{key}"), value.to_owned()));
        self
    }

    /// Changes its environment for the next starts, such as `("LD_PRELOAD", Some(library))`; nothing takes it out.
    pub fn set(&mut self, key: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != key);
        let set = value.map(|value| (key.to_owned(), value.to_owned()));
        self.environment.extend(set);
    }

    /// The command line, ready to be changed.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        // A file that may not grow is an error to it, as a full disk is, and not its end.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(binary("muster-admin"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MUSTER_ADMIN_DATA_DIR", self.data())
            .envs(self.environment.iter().cloned())
            .args(arguments)
            .kill_on_drop(true);
        if let Some(clock) = &self.clock {
            clock.rule(&mut command);
        }
        command
    }

    /// Starts it, always on the same ports, and waits until it serves.
    ///
    /// # Panics
    /// It does not.
    pub async fn serve(&mut self) {
        self.launch();
        let told = self.data().join("addresses.json");
        let process = self.process();
        eventually("the admin serves", async || {
            assert!(!process.has_ended(), "the admin ended:\n{}", process.log());
            told.exists()
        })
        .await;
        if self.addresses.is_none() {
            let text = std::fs::read(&told).expect("the addresses");
            let addresses: Json = serde_json::from_slice(&text).expect("JSON");
            self.addresses = Some(addresses);
            self.point_credential();
        }
    }

    /// Starts it, always on the same ports, and does not wait.
    pub fn launch(&mut self) {
        let _ = std::fs::remove_file(self.data().join("addresses.json"));
        let log = self.folder.with_extension("log");
        self.process = Some(Process::start(self.command(&["serve"]), &log));
    }

    /// The credential was made before the port was known.
    fn point_credential(&self) {
        let path = self.credential();
        let text = std::fs::read_to_string(&path).expect("the credential");
        let endpoint = format!("endpoint = \"{}\"", self.address("operators"));
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                if line.starts_with("endpoint = ") {
                    endpoint.as_str()
                } else {
                    line
                }
            })
            .collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("the credential");
    }

    /// Plays a full disk: no file grows past so many bytes while it runs, or all may again.
    ///
    /// # Panics
    /// It does not run.
    pub async fn limit_files(&mut self, bytes: Option<u64>) {
        let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let process = self.process().id().to_string();
        let limited = Command::new("prlimit")
            .args(["--pid", &process, &format!("--fsize={soft}:unlimited")])
            .status()
            .await;
        assert!(limited.expect("prlimit starts").success());
    }

    /// Where it listens: `enrollment`, `agents`, `operators` or `metrics`.
    ///
    /// # Panics
    /// It never ran.
    #[must_use]
    pub fn address(&self, listener: &str) -> SocketAddr {
        let addresses = self.addresses.as_ref().expect("the admin ran");
        addresses[listener]
            .as_str()
            .and_then(|address| address.parse().ok())
            .expect("an address")
    }

    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The first operator's.
    #[must_use]
    pub fn credential(&self) -> PathBuf {
        self.folder.join("credential.toml")
    }

    /// The first operator.
    #[must_use]
    pub fn operator(&self) -> Muster {
        Muster {
            credential: self.credential(),
            clock: self.clock.clone(),
        }
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
        self.process.as_mut().expect("the admin runs")
    }

    /// Everything that it has printed in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default()
    }

    /// Creates and invites a member. The answer is the printed invitation.
    ///
    /// # Panics
    /// It is refused.
    pub async fn invite(&self, account: &str) -> String {
        let muster = self.operator();
        muster.try_run(&["member", "create", account]).await;
        let sent = muster.json(&["member", "invite", account]).await;
        sent[0]["invitation"]
            .as_str()
            .expect("an invitation")
            .to_owned()
    }

    /// A folder beside the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

//! AWS, as the stand-in plays it, and the door for tests (`world/README.md`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{Process, Seeded, eventually, root};

/// A running stand-in, with a folder for everything that a test makes.
pub struct World {
    folder: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    door: reqwest::Client,
    _process: Process,
}

impl World {
    /// # Panics
    /// There is no Python with the stand-in's packages.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts it with changes to its command, such as another clock.
    ///
    /// # Panics
    /// As [`World::start`].
    pub async fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ready = folder.path().join("ready.json");
        let mut command = python("stand_in.py");
        command
            .args(["--port", "0", "--quiet", "--ready-file"])
            .arg(&ready);
        change(&mut command);
        let mut process = Process::start(command, &folder.path().join("stand-in.log"));
        eventually("the stand-in listens", async || {
            assert!(
                !process.has_ended(),
                "the stand-in ended:\n{}",
                process.log()
            );
            ready.exists()
        })
        .await;
        let told: Json = serde_json::from_slice(&std::fs::read(&ready).expect("the ready file"))
            .expect("the ready file is JSON");
        Self {
            endpoint: format!("http://127.0.0.1:{}", told["port"]),
            door: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("an HTTP client"),
            _process: process,
            folder,
        }
    }

    /// Where a test keeps its things.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Fills accounts with findings, as `ACCOUNT` or `ACCOUNT:PROFILE`.
    ///
    /// # Panics
    /// The seeder fails.
    pub async fn seed(&self, accounts: &[&str], findings: u32) -> Seeded {
        self.seeded(accounts, findings, &["--unconfigured"]).await
    }

    /// Fills accounts with findings and configuration, which takes seconds for each.
    ///
    /// # Panics
    /// The seeder fails.
    pub async fn configure(&self, accounts: &[&str], findings: u32) -> Seeded {
        self.seeded(accounts, findings, &[]).await
    }

    async fn seeded(&self, accounts: &[&str], findings: u32, how: &[&str]) -> Seeded {
        let out = self.folder().join("seed");
        let mut command = python("seed.py");
        command
            .args([
                "--endpoint",
                &self.endpoint,
                "--findings",
                &findings.to_string(),
            ])
            .args(how)
            .arg("--out")
            .arg(&out);
        for account in accounts {
            command.args(["--account", account]);
        }
        run(command).await;
        Seeded::read(&out)
    }

    /// An account with a role, and no findings. The answer is a folder with the `credentials` of a session of the role.
    ///
    /// # Panics
    /// The stand-in refuses.
    pub async fn account(&self, account: &str, life: Duration) -> PathBuf {
        let wish = json!({ "account": account, "principal": "role", "name": "MusterAgent", "seconds": life.as_secs() });
        let key = self.post("keys", wish).await;
        let part = |name: &str| key[name].as_str().expect("a text").to_owned();
        let credentials = format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
            part("access_key_id"),
            part("secret_access_key"),
            part("session_token"),
        );
        let out = self.folder().join("seed").join(account);
        std::fs::create_dir_all(&out).expect("a folder");
        std::fs::write(out.join("credentials"), credentials).expect("a file");
        out
    }

    /// Puts findings into a service.
    pub async fn put(&self, service: &str, account: &str, region: &str, findings: &[Json]) {
        let body = json!({ "service": service, "account": account, "region": region, "findings": findings });
        self.post("findings", body).await;
    }

    /// Findings of a service as it holds them.
    ///
    /// # Panics
    /// The stand-in refuses.
    pub async fn findings(&self, service: &str, account: &str, region: &str) -> Vec<Json> {
        let url = format!(
            "{}/world/findings?service={service}&account={account}&region={region}",
            self.endpoint
        );
        let answer = self
            .door
            .get(url)
            .send()
            .await
            .expect("the stand-in answers");
        let answer = answer.text().await.expect("text");
        let answer: Json = serde_json::from_str(&answer).expect("JSON");
        answer["findings"].as_array().cloned().unwrap_or_default()
    }

    /// How often an account has called an operation.
    ///
    /// # Panics
    /// The stand-in refuses.
    pub async fn asked(&self, account: &str, service: &str, operation: &str) -> u64 {
        let url = format!("{}/world/requests", self.endpoint);
        let answer = self
            .door
            .get(url)
            .send()
            .await
            .expect("the stand-in answers");
        let text = answer.text().await.expect("text");
        let counts: Json = serde_json::from_str(&text).expect("JSON");
        counts["requests"][account][service][operation]
            .as_u64()
            .unwrap_or(0)
    }

    /// Makes calls fail, as `world/README.md` lists the kinds.
    pub async fn fault(&self, fault: Json) {
        self.post("faults", fault).await;
    }

    /// # Panics
    /// The stand-in refuses.
    pub async fn mend(&self) {
        let url = format!("{}/world/faults", self.endpoint);
        self.door
            .delete(url)
            .send()
            .await
            .expect("the stand-in answers");
    }

    /// # Panics
    /// The stand-in refuses.
    pub async fn post(&self, door: &str, body: Json) -> Json {
        let url = format!("{}/world/{door}", self.endpoint);
        let answer = self
            .door
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .expect("the stand-in answers");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{door} {body}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn python(script: &str) -> Command {
    let python = root().join(".venv/bin/python");
    assert!(
        python.exists(),
        "there is no {}; tests/run.sh makes it",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(root().join("tests/world").join(script));
    command
}

async fn run(mut command: Command) {
    let output = command.output().await.expect("the script starts");
    assert!(
        output.status.success(),
        "{command:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

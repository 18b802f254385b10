//! What the product is compared with: programs in Python that drive other databases (`tests/bench/opponents`).

use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A program that answers in JSON, one line for each answer. Dropped, it is killed.
pub(crate) struct Opponent {
    name: &'static str,
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Opponent {
    pub(crate) fn start(name: &'static str, arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("opponents");
        let python = folder.join("../../../.venv-bench/bin/python");
        anyhow::ensure!(
            python.exists(),
            "there is no {}; tests/bench.sh makes it",
            python.display()
        );
        let mut process = Command::new(python)
            .arg(folder.join(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = process.stdout.take().context("its output")?;
        Ok(Self {
            name,
            process,
            answers: BufReader::new(out).lines(),
        })
    }

    pub(crate) async fn next(&mut self) -> anyhow::Result<Json> {
        let line = self.answers.next_line().await?;
        let line = line.with_context(|| format!("{} gives no answer", self.name))?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let ended = self.process.wait().await?;
        anyhow::ensure!(ended.success(), "{}: {ended}", self.name);
        Ok(())
    }
}

pub(crate) fn number(answer: &Json, name: &str) -> anyhow::Result<f64> {
    let number = answer.get(name).and_then(Json::as_f64);
    number.with_context(|| format!("no {name} in {answer}"))
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of text")
}

//! What the product is compared with: programs in Python that drive other databases (`tests/bench/opponents`).

use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use muster_common::finding::{self, Import, Reading};
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
        // From the root of the checkout, where tests/bench.sh runs this.
        let folder = Path::new("tests/bench/opponents");
        let python = Path::new(".venv-bench/bin/python");
        anyhow::ensure!(
            python.exists(),
            "there is no {} here; tests/bench.sh makes it",
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

/// The workflow status of a finding that was imported once; a reading of its document does not have it.
pub(crate) fn workflow(reading: &Reading) -> &'static str {
    match finding::import(None, reading) {
        Import::Store {
            workflow: Some(moved),
        } => moved,
        Import::Store { workflow: None } | Import::Ignore => "NEW",
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of text")
}

//! The embedded engine against the suite, and against what happens to disks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use muster_store::conformance::{self, Engine};
use muster_store::{Config, Embedded};

fn open(path: &Path) -> Embedded {
    Embedded::open(&Config {
        path: path.to_owned(),
        cache_bytes: 1 << 20,
    })
    .unwrap()
}

macro_rules! conforms {
    ($($rule:ident)+) => {$(
        #[tokio::test]
        async fn $rule() {
            let folder = tempfile::tempdir().unwrap();
            conformance::$rule(&open(folder.path())).await;
        }
    )+};
}

conforms! {
    imports_are_idempotent
    expiry_removes_what_is_old
    spools_count_once
    commits_are_all_or_nothing
    appended_entries_are_numbered
    tidying_keeps_the_latest
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_rivals_wins() {
    let folder = tempfile::tempdir().unwrap();
    let engine: Arc<dyn Engine> = Arc::new(open(folder.path()));
    conformance::one_of_many_rivals_wins(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_agree_with_the_findings_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    let engine: Arc<dyn Engine> = Arc::new(open(folder.path()));
    conformance::the_books_agree_with_the_findings_at_every_moment(engine).await;
}

#[tokio::test]
async fn it_agrees_with_a_naive_store() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let reopen = |engine: Embedded| {
            drop(engine);
            open(folder.path())
        };
        conformance::agrees_with_a_naive_store(seed, open(folder.path()), reopen).await;
    }
}

//! An operator at work: creates members while servers come and go, and knows which creations were answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_tests::Muster;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The members whose creation was answered.
#[derive(Debug, Default)]
pub(crate) struct Created {
    accounts: BTreeSet<String>,
    asked: u64,
}

impl Created {
    /// Asks for one more.
    pub(crate) async fn one_more(&mut self, muster: &Muster) {
        let account = format!("{}", 500_000_000_000 + self.asked);
        self.asked += 1;
        if muster.try_run(&["member", "create", &account]).await.code == 0 {
            self.accounts.insert(account);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.accounts.len() as u64
    }

    /// # Panics
    /// One of them is not there.
    pub(crate) async fn check(&self, muster: &Muster) {
        let members = muster.json(&["member", "list", "--all"]).await.to_string();
        let mut gone = self.accounts.iter();
        let gone = gone.find(|account| !members.contains(account.as_str()));
        assert_eq!(gone, None, "its creation was answered, and it is not there");
    }
}

/// Creates members, one after the other, as well as the server lets.
pub(crate) struct Operator {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Created>,
}

impl Operator {
    pub(crate) fn start(muster: Muster) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut created = Created::default();
            while !told.load(Ordering::Relaxed) {
                created.one_more(&muster).await;
                // It is one operator, not a flood.
                sleep(Duration::from_millis(100)).await;
            }
            created
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> Created {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("it creates members")
    }
}

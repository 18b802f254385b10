//! What the seeder put into the world, as it wrote it down in `expected.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Everything that was seeded.
#[derive(Debug, Deserialize)]
pub struct Seeded {
    #[serde(skip)]
    folder: PathBuf,
    pub accounts: BTreeMap<String, Account>,
    pub total: u64,
}

#[derive(Debug, Deserialize)]
pub struct Account {
    pub services: BTreeMap<String, Listed>,
    pub drop: BTreeMap<String, Listed>,
    /// By control, and by Region or `global`. Empty for an account that was not configured.
    #[serde(default)]
    pub controls: BTreeMap<String, BTreeMap<String, Judged>>,
}

/// What a control must find.
#[derive(Debug, Deserialize)]
pub struct Judged {
    /// Exactly the resources that fail.
    pub failed: Vec<String>,
    /// Some of those that pass.
    pub passed: Vec<String>,
}

/// The findings of one source, by the source's own ids.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub count: u64,
    pub ids: Vec<String>,
    pub active: Vec<String>,
}

impl Seeded {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = std::fs::read(folder.join("expected.json")).expect("the seeder wrote it");
        let seeded: Self = serde_json::from_slice(&text).expect("it is as its README says");
        Self {
            folder: folder.to_owned(),
            ..seeded
        }
    }

    /// The folder of an account, with `credentials` and `drop/`.
    #[must_use]
    pub fn of(&self, account: &str) -> PathBuf {
        self.folder.join(account)
    }

    /// All findings of an account.
    ///
    /// # Panics
    /// The account was not seeded.
    #[must_use]
    pub fn count(&self, account: &str) -> u64 {
        let account = &self.accounts[account];
        let sources = account.services.values().chain(account.drop.values());
        sources.map(|listed| listed.count).sum()
    }
}

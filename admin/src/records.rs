//! Typed entries of tables: a version byte and JSON. And transactions over them: read, decide, commit what is still
//! true, or look again.

use std::sync::Arc;

use futures::future::BoxFuture;
use muster_store::{Bound, Commit, Error, Expected, Op, Table, Tables};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of every entry so far.
const VERSION: u8 = 1;
/// How often a transaction looks again before it gives up.
const ATTEMPTS_MAX: usize = 16;
/// Entries that one page of a scan reads.
pub const PAGE_MAX: usize = 1_000;

/// Carries a step out to its end, though whoever asked for it may be gone: a call that is cancelled between a commit and
/// what must follow it would leave a change that is durable and not felt.
///
/// # Panics
/// As the step does.
pub async fn to_the_end<T: Send + 'static>(step: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(step).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the whole process ends a step.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The tables, typed.
#[derive(Clone)]
pub struct Records(Arc<dyn Tables>);

/// An entry as it was read.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    pub value: T,
    expected: Expected,
}

/// A transaction in the making.
#[derive(Clone, Debug, Default)]
pub struct Draft(Commit);

impl Records {
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>) -> Self {
        Self(tables)
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        table: Table,
        key: impl Into<Vec<u8>>,
    ) -> Result<Option<T>, Error> {
        let bytes = self.0.get(table, key.into()).await?;
        bytes.map(|bytes| decode(table, &bytes)).transpose()
    }

    /// Reads an entry so that a draft can expect it unchanged; `None` counts as a value.
    pub async fn keep<T: DeserializeOwned>(
        &self,
        table: Table,
        key: impl Into<Vec<u8>>,
    ) -> Result<Kept<Option<T>>, Error> {
        let key = key.into();
        let bytes = self.0.get(table, key.clone()).await?;
        Ok(Kept {
            value: bytes
                .as_deref()
                .map(|bytes| decode(table, bytes))
                .transpose()?,
            expected: Expected {
                table,
                key,
                value: bytes,
            },
        })
    }

    /// Up to `limit` entries with their keys.
    pub async fn scan<T: DeserializeOwned>(
        &self,
        table: Table,
        bound: Bound,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, Error> {
        let entries = self.0.scan(table, bound, limit).await?;
        entries
            .into_iter()
            .map(|(key, bytes)| Ok((key, decode(table, &bytes)?)))
            .collect()
    }

    /// Every entry of a table, page by page.
    pub async fn all<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<(Vec<u8>, T)>, Error> {
        let mut all: Vec<(Vec<u8>, T)> = Vec::new();
        loop {
            let bound = all
                .last()
                .map_or(Bound::Start, |(key, _)| Bound::After(key.clone()));
            let page = self.scan(table, bound, PAGE_MAX).await?;
            let last = page.len() < PAGE_MAX;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }

    pub async fn commit(&self, draft: Draft) -> Result<(), Error> {
        self.0.commit(draft.0).await
    }

    /// Reads, decides and commits; looks again if something changed in the meantime.
    pub async fn transact<'a, T, E: From<Error>>(
        &self,
        attempt: impl Fn() -> BoxFuture<'a, Result<(T, Draft), E>>,
    ) -> Result<T, E> {
        let mut tries = 0;
        loop {
            let (answer, draft) = attempt().await?;
            match self.commit(draft).await {
                Ok(()) => return Ok(answer),
                Err(Error::Conflict { .. }) if tries < ATTEMPTS_MAX => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Draft {
    /// The commit is made only if the entry is still as it was read.
    #[must_use]
    pub fn expect<T>(mut self, kept: &Kept<T>) -> Self {
        self.0.expected.push(kept.expected.clone());
        self
    }

    /// Whether it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.ops.is_empty()
    }

    #[must_use]
    pub fn put<T: Serialize>(mut self, table: Table, key: impl Into<Vec<u8>>, value: &T) -> Self {
        self.0.ops.push(Op::Put {
            table,
            key: key.into(),
            value: encode(value),
        });
        self
    }

    #[must_use]
    pub fn delete(mut self, table: Table, key: impl Into<Vec<u8>>) -> Self {
        self.0.ops.push(Op::Delete {
            table,
            key: key.into(),
        });
        self
    }

    #[must_use]
    pub fn append<T: Serialize>(mut self, table: Table, value: &T) -> Self {
        self.0.ops.push(Op::Append {
            table,
            value: encode(value),
        });
        self
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).expect("entries are plain data");
    bytes
}

fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, Error> {
    let damaged = |what: String| Error::Damaged {
        what: format!("an entry of {table} ({what})"),
    };
    match bytes.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))
        }
        Some((version, _)) => Err(damaged(format!("version {version} is not known here"))),
        None => Err(damaged("empty".to_owned())),
    }
}

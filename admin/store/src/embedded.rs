//! The embedded engine: blocks in a log, an index in memory, tables in sled.
//!
//! The log is the database. A durable step writes blocks of findings, the ledger and the table writes, waits for the
//! disk once, and is then folded into the index and put on the shelf. The same log is the feed, the history of a finding
//! and the ledger. Measured against one sled entry per finding it writes four times as fast in a fiftieth of the memory;
//! and unlike sled it survives a flipped bit: sled 0.34 does not open at all then (ARCHITECTURE.md, "The store").

mod account;
mod block;
mod codec;
mod compact;
mod distinct;
mod durable;
mod entry;
mod folder;
mod frame;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(feature = "simulated")]
mod hand;
mod index;
mod line;
mod log;
mod query;
mod recover;
mod rows;
mod shape;
mod shelf;
mod state;
mod step;
mod versions;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use futures::FutureExt as _;
use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::Filter;
use muster_common::finding::FindingKey;
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::{
    Answer, Batch, Bound, Commit, CountQuery, Counts, Entry, Error, FeedEntry, Findings, Ledger,
    LedgerEntry, Outcome, Page, Query, Record, Status, Table, Tables, Version, Walk, Walked,
};
use block::Encoders;
use compact::Compaction;
use durable::Durable;
use folder::Folder;
#[cfg(feature = "simulated")]
pub use hand::Hand;
use index::Index;
use line::{Line, Request};
use recover::{Recovered, recover};
use shelf::Shelf;
use state::Shared;
use writer::Writer;

/// Batches that may wait for the writer.
const WAITING_MAX: usize = 64;

#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder; made if it is not there.
    pub path: PathBuf,
    /// Decompressed documents to keep in memory.
    pub cache_bytes: usize,
}

/// An open store. Dropping it waits until everything taken is written.
pub struct Embedded {
    shared: Arc<Shared>,
    shelf: Arc<Shelf>,
    requests: Option<mpsc::Sender<Request>>,
    head: watch::Receiver<u64>,
    writer: Option<JoinHandle<()>>,
    compaction: Arc<Compaction>,
    /// Held as long as the store is open.
    _folder: Folder,
}

impl Embedded {
    /// Opens a data folder and reads its log.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::OtherFormat`], [`Error::Disk`].
    pub fn open(config: &Config) -> Result<Self, Error> {
        let (mut store, writer, durable, line) = Self::build(config)?;
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(line, durable))
            .map_err(|error| Error::Disk {
                path: config.path.display().to_string(),
                reason: error.to_string(),
            })?;
        store.writer = Some(writer);
        Ok(store)
    }

    /// Opens a data folder whose durable steps are taken by [`Hand`], on the thread of whoever has it.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    #[cfg(feature = "simulated")]
    pub fn open_by_hand(config: &Config) -> Result<(Self, Hand), Error> {
        let (store, writer, durable, line) = Self::build(config)?;
        let hand = Hand {
            writer,
            durable,
            line,
            ahead: None,
        };
        Ok((store, hand))
    }

    fn build(config: &Config) -> Result<(Self, Writer, Durable, Line), Error> {
        let folder = Folder::open(&config.path)?;
        let (shelf, aside) = Shelf::open(&folder.tables())?;
        let Recovered {
            mut state,
            log,
            commit,
        } = recover(&folder.log(), &shelf)?;
        if let Some(aside) = aside {
            let what = format!(
                "the tables (kept in {}); they were made again from the log",
                aside.display()
            );
            tracing::error!(%what, "damaged");
            state.damaged.push(what);
        }
        let sequence = state.index.sequence();
        let shared = Arc::new(Shared::new(state, config.cache_bytes));
        let shelf = Arc::new(shelf);
        let compaction = Arc::new(Compaction {
            shared: Arc::clone(&shared),
            folder: folder.log(),
            segment_bytes: log::segment_bytes(),
            running: Mutex::new(()),
        });
        let (publish, head) = watch::channel(sequence);
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            shared: Arc::clone(&shared),
            shelf: Arc::clone(&shelf),
            sequence,
            encoders: Encoders::new(),
            ahead: Weak::new(),
        };
        let durable = Durable {
            shared: Arc::clone(&shared),
            shelf: Arc::clone(&shelf),
            log,
            head: publish,
            commit,
            backlog: VecDeque::new(),
            taken: 0,
            sick: false,
        };
        let store = Self {
            shared,
            shelf,
            requests: Some(requests),
            head,
            writer: None,
            compaction,
            _folder: folder,
        };
        Ok((store, writer, durable, Line::new(waiting)))
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        requests
            .send(request(reply))
            .await
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Runs work on the shared state off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        muster_disk::work(move || work(&shared))
            .await
            .map_err(|_| Error::Closed)?
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Findings for Embedded {
    fn record(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.ask(|reply| Request::Record(batch, reply)).boxed()
    }

    fn fetch(&self, keys: Vec<FindingKey>) -> Answer<'_, Vec<Option<Record>>> {
        self.read(move |shared| keys.into_iter().map(|key| shared.latest(key)).collect())
            .boxed()
    }

    fn starting_with(&self, digits: String, limit: usize) -> Answer<'_, Vec<FindingKey>> {
        self.read(move |shared| Ok(shared.state.read().index.starting_with(&digits, limit)))
            .boxed()
    }

    fn versions(
        &self,
        key: FindingKey,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<Version>> {
        self.read(move |shared| query::versions(shared, key, before, limit))
            .boxed()
    }

    fn query(&self, query: Query) -> Answer<'_, Page> {
        self.read(move |shared| query::page(shared, &query)).boxed()
    }

    fn walk(&self, walk: Walk) -> Answer<'_, Walked> {
        self.read(move |shared| query::walk(shared, &walk)).boxed()
    }

    fn count(&self, query: CountQuery) -> Answer<'_, Counts> {
        self.read(move |shared| query::count(shared, &query))
            .boxed()
    }

    fn feed(&self, after: u64, limit: usize) -> Answer<'_, Vec<FeedEntry>> {
        self.read(move |shared| query::feed(shared, after, limit))
            .boxed()
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}

impl Tables for Embedded {
    fn get(&self, table: Table, key: Vec<u8>) -> Answer<'_, Option<Vec<u8>>> {
        futures::future::ready(self.shelf.get(table, &key)).boxed()
    }

    fn scan(&self, table: Table, bound: Bound, limit: usize) -> Answer<'_, Vec<Entry>> {
        futures::future::ready(self.shelf.scan(table, &bound, limit)).boxed()
    }

    fn commit(&self, commit: Commit) -> Answer<'_, ()> {
        self.ask(|reply| Request::Commit(commit, reply)).boxed()
    }
}

impl Ledger for Embedded {
    fn acknowledged(&self, agent: AgentId, spool: Uuid) -> Answer<'_, u64> {
        let through = self.shared.state.read().books.acknowledged(agent, spool);
        futures::future::ready(Ok(through)).boxed()
    }

    fn entries(&self) -> Answer<'_, Vec<(AccountId, LedgerEntry)>> {
        self.read(|shared| {
            let state = shared.state.read();
            let mut ledger = state.books.ledger.clone();
            for (account, visible) in visible(&state.index) {
                ledger.entry(account).or_default().visible = visible;
            }
            Ok(ledger.into_iter().collect())
        })
        .boxed()
    }

    fn status(&self) -> Answer<'_, Status> {
        let state = self.shared.state.read();
        let status = Status {
            engine: "embedded",
            findings: state.index.len(),
            sequence: state.index.sequence(),
            bytes: state.blocks.bytes(),
            index_bytes: state.index.bytes() as u64,
            damaged: state.damaged.clone(),
            failing: state.failing.clone(),
        };
        futures::future::ready(Ok(status)).boxed()
    }

    fn tidy(&self, keep_since: Timestamp) -> Answer<'_, u64> {
        let compaction = Arc::clone(&self.compaction);
        self.read(move |_| compaction.run(keep_since)).boxed()
    }
}

/// Findings per account, as queries see them.
fn visible(index: &Index) -> impl Iterator<Item = (AccountId, u64)> {
    let everything = Filter::default();
    let account = Field::AwsAccountId;
    let (_, groups, _) = index.count(&everything, account, usize::MAX, Timestamp::default());
    groups.into_iter().filter_map(|group| {
        let account = group.values.first()?.parse().ok()?;
        Some((account, group.count))
    })
}

//! The spool as collectors and the uplink share it.
//!
//! In: documents from several collectors. Out: the same, one after the other, to one reader. Always: whoever appends
//! waits while the spool is full; nobody blocks the runtime while the disk works. Not here: the format (`spool`).

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::spool::{Error, Spool, Spooled, size};

/// Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    spool: Arc<Mutex<Spool>>,
    numbers: watch::Sender<Numbers>,
}

/// How a spool fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The last sequence that was given out.
    pub last: u64,
    pub acknowledged: u64,
    pub bytes: u64,
    pub bytes_max: u64,
    /// Records that could not be read.
    pub damaged: u64,
}

impl Numbers {
    /// Findings that wait.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.last - self.acknowledged
    }

    const fn fits(&self, bytes: u64) -> bool {
        self.bytes == 0 || self.bytes + bytes <= self.bytes_max
    }
}

impl From<&Spool> for Numbers {
    fn from(spool: &Spool) -> Self {
        Self {
            last: spool.last(),
            acknowledged: spool.acknowledged(),
            bytes: spool.bytes(),
            bytes_max: spool.bytes_max(),
            damaged: spool.damaged(),
        }
    }
}

impl Queue {
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self {
            numbers: watch::Sender::new(Numbers::from(&spool)),
            spool: Arc::new(Mutex::new(spool)),
        }
    }

    #[must_use]
    pub fn spool_id(&self) -> Uuid {
        self.spool.lock().id()
    }

    #[must_use]
    pub fn numbers(&self) -> Numbers {
        *self.numbers.borrow()
    }

    /// Follows the numbers.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Numbers> {
        self.numbers.subscribe()
    }

    /// Whether these documents have room now.
    #[must_use]
    pub fn has_room(&self, documents: &[Bytes]) -> bool {
        self.numbers().fits(size(documents))
    }

    /// Appends documents, all or none, and waits for the disk; before that it waits for room.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub async fn append(&self, documents: Vec<Bytes>) -> Result<(), Error> {
        let needed = size(&documents);
        let documents: Arc<[Bytes]> = documents.into();
        let mut numbers = self.watch();
        loop {
            // The sender lives as long as this queue.
            let _ = numbers.wait_for(|numbers| numbers.fits(needed)).await;
            let documents = Arc::clone(&documents);
            match self.work(move |spool| spool.append(&documents)).await {
                Err(Error::Full { .. }) => {}
                other => return other,
            }
        }
    }

    /// The documents after a sequence, up to a number and a size; at least one if there is one.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub async fn read(
        &self,
        after: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Spooled>, Error> {
        self.work(move |spool| spool.read(after, count, bytes))
            .await
    }

    /// Gives up what the admin has.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub async fn acknowledge(&self, through: u64) -> Result<(), Error> {
        self.work(move |spool| spool.acknowledge(through)).await
    }

    /// Starts a new spool with what waits in this one; see [`Spool::start_anew`].
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub async fn start_anew(&self) -> Result<(), Error> {
        self.work(Spool::start_anew).await
    }

    /// Works on the spool off the runtime, and tells the numbers afterwards.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let spool = Arc::clone(&self.spool);
        let worked = muster_disk::work(move || {
            let mut spool = spool.lock();
            let result = work(&mut spool);
            (result, Numbers::from(&*spool))
        });
        let (result, numbers) = worked.await.map_err(|error| Error::Disk {
            path: "the spool".to_owned(),
            reason: error.to_string(),
        })?;
        self.numbers.send_if_modified(|known| {
            let changed = *known != numbers;
            *known = numbers;
            changed
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn queue(folder: &std::path::Path, bytes_max: u64) -> Queue {
        Queue::new(Spool::open(folder, bytes_max).unwrap())
    }

    fn documents(count: usize) -> Vec<Bytes> {
        vec![Bytes::from_static(&[b'x'; 100]); count]
    }

    #[tokio::test]
    async fn who_appends_to_a_full_spool_waits_for_an_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(folder.path(), 1_000);
        queue.append(documents(8)).await.unwrap();
        assert!(!queue.has_room(&documents(1)));
        let mut waiting = Box::pin(queue.append(documents(2)));
        assert!(waiting.as_mut().now_or_never().is_none());
        queue.acknowledge(8).await.unwrap();
        waiting.await.unwrap();
        assert_eq!(queue.numbers().waiting(), 2);
        let read = queue.read(8, 10, 1 << 20).await.unwrap();
        assert_eq!(read.len(), 2);
    }

    /// Numbers may be told out of order by two workers; they must not go back.
    #[tokio::test]
    async fn many_appenders_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(folder.path(), 1 << 20);
        let appends: Vec<_> = (0..20)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.append(documents(3)).await })
            })
            .collect();
        for append in appends {
            append.await.unwrap().unwrap();
        }
        assert_eq!(queue.read(0, 100, 1 << 20).await.unwrap().len(), 60);
        assert_eq!(queue.numbers().last, 60);
    }
}

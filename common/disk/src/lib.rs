//! The disk as spool and store use it.
//!
//! In: paths and files, by the names of the standard library. Out: the same. Always: without the feature `simulated`,
//! [`fs`] is the standard library and [`work`] is tokio's `spawn_blocking`. With it, paths below `/simulated` of a thread
//! that has such disks are kept in memory, with what a power cut leaves of them; all others go to the machine.
//! Not here: any format, any decision.

pub mod fs;
#[cfg(feature = "simulated")]
pub mod simulated;

use tokio::task::JoinError;

/// Does work on files off the runtime's threads. On a simulated disk it takes as long as that disk says, on this thread.
///
/// # Errors
/// The work panicked, or the runtime ends.
pub async fn work<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        simulated::wait().await;
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}

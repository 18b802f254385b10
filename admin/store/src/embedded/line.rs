//! The line before the writer: table writes go first, accounts take turns, and each keeps the order of its own batches.

use std::collections::VecDeque;

use muster_common::account::AccountId;
use tokio::sync::{mpsc, oneshot};

use crate::{Batch, Commit, Error, Outcome};

/// So many stand in line; the others wait to get into it.
const LINE_MAX: usize = 1_024;

/// What is asked of the writer, and who waits for the answer.
pub(super) enum Request {
    Record(Batch, oneshot::Sender<Result<Vec<Outcome>, Error>>),
    Commit(Commit, oneshot::Sender<Result<(), Error>>),
}

pub(super) struct Line {
    requests: mpsc::Receiver<Request>,
    length: usize,
    commits: VecDeque<Request>,
    /// Batches by account, whose turn it is in front. `None` stands for what is no account's: operators, retention.
    lanes: VecDeque<(Option<AccountId>, VecDeque<Request>)>,
}

impl Line {
    pub(super) const fn new(requests: mpsc::Receiver<Request>) -> Self {
        Self {
            requests,
            length: 0,
            commits: VecDeque::new(),
            lanes: VecDeque::new(),
        }
    }

    /// Waits until there is something to do; `false` once there never will be again.
    pub(super) fn wait(&mut self) -> bool {
        if self.length == 0
            && let Some(request) = self.requests.blocking_recv()
        {
            self.put(request);
        }
        self.length > 0
    }

    /// As [`Line::wait`], for those who must not block.
    #[cfg(feature = "simulated")]
    pub(super) async fn asked(&mut self) -> bool {
        if self.length == 0
            && let Some(request) = self.requests.recv().await
        {
            self.put(request);
        }
        self.length > 0
    }

    /// Whose turn it is. Table writes only if they are wanted.
    pub(super) fn next(&mut self, commits: bool) -> Option<Request> {
        while self.length < LINE_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            self.put(request);
        }
        let commit = commits.then(|| self.commits.pop_front()).flatten();
        let next = commit.or_else(|| self.next_batch())?;
        self.length -= 1;
        Some(next)
    }

    fn next_batch(&mut self) -> Option<Request> {
        let (account, mut lane) = self.lanes.pop_front()?;
        let next = lane.pop_front();
        if !lane.is_empty() {
            self.lanes.push_back((account, lane));
        }
        next
    }

    /// Gives back a table write that must wait for the step to be done.
    pub(super) fn give_back(&mut self, commit: Request) {
        self.commits.push_front(commit);
        self.length += 1;
    }

    fn put(&mut self, request: Request) {
        self.length += 1;
        let account = match &request {
            Request::Commit(..) => {
                self.commits.push_back(request);
                return;
            }
            Request::Record(batch, _) => batch.spool.map(|spool| spool.account),
        };
        match self.lanes.iter_mut().find(|(other, _)| *other == account) {
            Some((_, lane)) => lane.push_back(request),
            None => self.lanes.push_back((account, VecDeque::from([request]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_common::identity::AgentId;
    use muster_common::timestamp::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::SpoolRange;

    fn batch(account: &str, first: u64) -> Request {
        let spool = SpoolRange {
            account: account.parse().unwrap(),
            agent: AgentId::random(),
            spool: Uuid::nil(),
            first,
        };
        let batch = Batch {
            actor: Arc::from("spiffe://test/agent"),
            now: Timestamp::default(),
            spool: Some(spool),
            items: Vec::new(),
        };
        Request::Record(batch, oneshot::channel().0)
    }

    fn commit() -> Request {
        let commit = Commit {
            expected: Vec::new(),
            ops: Vec::new(),
        };
        Request::Commit(commit, oneshot::channel().0)
    }

    fn told(request: Option<Request>) -> String {
        match request {
            Some(Request::Commit(..)) => "commit".to_owned(),
            Some(Request::Record(batch, _)) => {
                let spool = batch.spool.unwrap();
                format!("{}:{}", spool.account, spool.first)
            }
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn accounts_take_turns_and_keep_their_order() {
        let (sender, requests) = mpsc::channel(100);
        let mut line = Line::new(requests);
        for first in 1..=4 {
            sender.try_send(batch("111111111111", first)).unwrap();
        }
        sender.try_send(batch("222222222222", 1)).unwrap();
        sender.try_send(commit()).unwrap();
        let told: Vec<String> = (0..7).map(|_| told(line.next(true))).collect();
        assert_eq!(
            told.join(" "),
            "commit 111111111111:1 222222222222:1 111111111111:2 111111111111:3 111111111111:4 nothing"
        );
    }

    #[test]
    fn a_table_write_that_was_given_back_comes_first_and_keeps_no_batch_waiting() {
        let (sender, requests) = mpsc::channel(100);
        let mut line = Line::new(requests);
        sender.try_send(commit()).unwrap();
        sender.try_send(batch("111111111111", 1)).unwrap();
        let held = line.next(true).unwrap();
        let (one, two) = (told(line.next(false)), told(line.next(false)));
        line.give_back(held);
        assert!(line.wait());
        assert_eq!(
            format!("{one} {two} {}", told(line.next(true))),
            "111111111111:1 nothing commit"
        );
    }

    #[test]
    fn the_line_has_an_end() {
        let (sender, requests) = mpsc::channel(2 * LINE_MAX);
        let mut line = Line::new(requests);
        for first in 1..=LINE_MAX as u64 + 10 {
            sender.try_send(batch("111111111111", first)).unwrap();
        }
        assert!(line.next(true).is_some());
        assert_eq!(sender.capacity(), 2 * LINE_MAX - 10);
        drop(sender);
        let mut left = 0;
        while line.wait() {
            left += u64::from(line.next(true).is_some());
        }
        assert_eq!(left, LINE_MAX as u64 + 9);
    }
}

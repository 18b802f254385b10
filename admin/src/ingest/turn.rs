//! Turns: accounts take turns at having their documents read and stored, so that one that sends without end delays the
//! others by no more than what is in work.
//!
//! In work is little at a time. Of those who wait, the account that had least goes first, by bytes and by findings; who
//! comes after a pause starts level with the others (start-time fair queueing). Who has nothing in work yet need not wait
//! for room that another one's batches take up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use muster_common::account::AccountId;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// What may be in work at a time, in cost; as much again for those who have nothing in work. It is more than the store
/// writes in one step, so that the next step is read while one waits for the disk.
const IN_WORK_MAX: u64 = 32 << 20;
/// The cost of a batch, beside its bytes: what it takes to have one.
const BATCH_COST: u64 = 8 << 10;
/// The cost of a finding, beside its bytes.
const FINDING_COST: u64 = 512;

/// Hands out turns. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Line>>);

/// A batch may be worked on. Dropped, it is done.
pub struct Turn {
    account: AccountId,
    cost: u64,
    turns: Turns,
}

#[derive(Default)]
struct Line {
    in_work: u64,
    /// What the account that began last had had by then.
    level: u64,
    accounts: HashMap<AccountId, Account>,
    /// Who waits, by what it has had.
    order: BTreeSet<(u64, AccountId)>,
}

#[derive(Default)]
struct Account {
    /// In all, or what others had had when it came.
    had: u64,
    in_work: u64,
    waiting: VecDeque<(u64, oneshot::Sender<Turn>)>,
}

impl Turns {
    /// Waits for the turn of a batch. Whoever stops waiting has lost its place in the line.
    pub(super) async fn take(&self, account: AccountId, findings: usize, bytes: usize) -> Turn {
        let cost = BATCH_COST + FINDING_COST * findings as u64 + bytes as u64;
        let (grant, turn) = oneshot::channel();
        self.0.lock().come(account, cost, grant);
        self.grant();
        // A sender is only dropped once it was used.
        turn.await.expect("everybody who waits has a turn")
    }

    fn grant(&self) {
        loop {
            let Some((account, cost, grant)) = self.0.lock().next() else {
                return;
            };
            let turn = Turn {
                account,
                cost,
                turns: self.clone(),
            };
            // Who stopped waiting gives it back by dropping it.
            drop(grant.send(turn));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().done(self.account, self.cost);
        self.turns.grant();
    }
}

impl Line {
    fn come(&mut self, id: AccountId, cost: u64, grant: oneshot::Sender<Turn>) {
        let level = self.level;
        let account = self.accounts.entry(id).or_default();
        if account.waiting.is_empty() {
            if account.in_work == 0 {
                account.had = account.had.max(level);
            }
            self.order.insert((account.had, id));
        }
        account.waiting.push_back((cost, grant));
    }

    /// Who may begin now.
    fn next(&mut self) -> Option<(AccountId, u64, oneshot::Sender<Turn>)> {
        let (had, id) = *self.order.iter().find(|(_, id)| self.has_room(*id))?;
        let account = self.accounts.get_mut(&id)?;
        let (cost, grant) = account.waiting.pop_front()?;
        self.order.remove(&(had, id));
        self.level = self.level.max(had);
        account.had += cost;
        account.in_work += cost;
        self.in_work += cost;
        if !account.waiting.is_empty() {
            self.order.insert((account.had, id));
        }
        Some((id, cost, grant))
    }

    fn has_room(&self, id: AccountId) -> bool {
        let idle = self
            .accounts
            .get(&id)
            .is_some_and(|account| account.in_work == 0);
        self.in_work < if idle { 2 * IN_WORK_MAX } else { IN_WORK_MAX }
    }

    fn done(&mut self, id: AccountId, cost: u64) {
        self.in_work -= cost;
        if let Some(account) = self.accounts.get_mut(&id) {
            account.in_work -= cost;
        }
        if self.order.is_empty() && self.in_work == 0 {
            // Nobody has anything to catch up with.
            self.accounts.clear();
            self.level = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LARGE: usize = 4 << 20;

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    #[tokio::test]
    async fn who_floods_waits_and_who_comes_does_not() {
        let turns = Turns::default();
        let flood: Vec<Turn> = (0..100)
            .map_while(|_| turns.take(account(1), 500, LARGE).now_or_never())
            .collect();
        assert_eq!(flood.len(), 8);
        assert!(turns.take(account(1), 1, 1).now_or_never().is_none());
        assert!(turns.take(account(2), 500, LARGE).now_or_never().is_some());
    }

    /// Two that always have something waiting get as much, whatever the size of their batches.
    #[tokio::test]
    async fn shares_are_equal_in_bytes_not_in_batches() {
        let turns = Turns::default();
        let mut line = turns.0.lock();
        let mut kept = Vec::new();
        for _ in 0..4_000 {
            for (number, cost) in [(1, 1_000_000), (2, 10_000)] {
                let (grant, turn) = oneshot::channel();
                line.come(account(number), cost, grant);
                kept.push(turn);
            }
        }
        let mut had = HashMap::<AccountId, u64>::new();
        for _ in 0..2_000 {
            let (id, cost, _grant) = line.next().unwrap();
            *had.entry(id).or_default() += cost;
            line.done(id, cost);
        }
        let [one, two] = [1, 2].map(|number| had[&account(number)]);
        assert!(one.abs_diff(two) <= 1_000_000, "{one} and {two}");
    }

    /// Who was away has saved nothing up.
    #[tokio::test]
    async fn who_comes_late_starts_level() {
        let turns = Turns::default();
        let mut line = turns.0.lock();
        let mut kept = Vec::new();
        let come = |line: &mut Line, kept: &mut Vec<_>, number| {
            let (grant, turn) = oneshot::channel();
            line.come(account(number), 1_000, grant);
            kept.push(turn);
        };
        for _ in 0..200 {
            come(&mut line, &mut kept, 1);
        }
        for _ in 0..100 {
            let (id, cost, _grant) = line.next().unwrap();
            line.done(id, cost);
        }
        for _ in 0..100 {
            come(&mut line, &mut kept, 2);
        }
        let mut late = 0;
        for _ in 0..20 {
            let (id, cost, _grant) = line.next().unwrap();
            late += u32::from(id == account(2));
            line.done(id, cost);
        }
        assert!((9..=11).contains(&late), "{late}");
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_with_it() {
        let turns = Turns::default();
        let held = turns
            .take(account(1), 0, IN_WORK_MAX as usize)
            .now_or_never()
            .unwrap();
        let waits = Box::pin(turns.take(account(1), 0, 1));
        let gave_up = waits.now_or_never();
        assert!(gave_up.is_none());
        drop(held);
        assert_eq!(turns.0.lock().in_work, 0);
        assert!(
            turns
                .take(account(1), 0, IN_WORK_MAX as usize)
                .now_or_never()
                .is_some()
        );
        assert!(turns.0.lock().accounts.is_empty());
    }
}

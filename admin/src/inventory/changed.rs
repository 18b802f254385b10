//! What changed, for those who follow: types of accounts, each at the position of its last change.

use std::collections::{BTreeMap, HashMap};

use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Kept in memory: a server that starts counts everything as changed, and its positions go on behind those of the run
/// before, since they start at the time of its start.
pub(super) struct Changed {
    order: Mutex<Order>,
    head: watch::Sender<u64>,
}

#[derive(Default)]
struct Order {
    last: u64,
    /// One entry for each type of an account, so it is bounded by what there is.
    by_position: BTreeMap<u64, (AccountId, String)>,
    position_of: HashMap<(AccountId, String), u64>,
}

impl Changed {
    pub(super) fn new(now: Timestamp) -> Self {
        // A thousand changes a millisecond are more than a store takes.
        let last = u64::try_from(now.as_millis())
            .unwrap_or_default()
            .saturating_mul(1_000);
        Self {
            order: Mutex::new(Order {
                last,
                ..Order::default()
            }),
            head: watch::channel(last).0,
        }
    }

    pub(super) fn mark(&self, account: AccountId, kind: &str) {
        let mut order = self.order.lock();
        order.last += 1;
        let last = order.last;
        let what = (account, kind.to_owned());
        if let Some(before) = order.position_of.insert(what.clone(), last) {
            order.by_position.remove(&before);
        }
        order.by_position.insert(last, what);
        metrics::gauge!("muster_inventory_position").set(last as f64);
        self.head.send_replace(last);
    }

    pub(super) fn after(&self, after: u64, limit: usize) -> (Vec<(AccountId, String)>, u64) {
        let order = self.order.lock();
        let mut reached = after;
        let changed = order
            .by_position
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(position, what)| {
                reached = *position;
                what.clone()
            })
            .collect();
        (changed, reached)
    }

    pub(super) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_an_account_is_told_once_at_its_last_change() {
        let account: AccountId = "111122223333".parse().unwrap();
        let changed = Changed::new(Timestamp::from_millis(1));
        for kind in ["a", "b", "a"] {
            changed.mark(account, kind);
        }
        let told = |after, limit| {
            let (told, reached) = changed.after(after, limit);
            let kinds: Vec<String> = told.into_iter().map(|(_, kind)| kind).collect();
            (kinds.join(" "), reached)
        };
        assert_eq!(told(0, 10), ("b a".to_owned(), 1_003));
        assert_eq!(told(0, 1), ("b".to_owned(), 1_002));
        assert_eq!(told(1_002, 10), ("a".to_owned(), 1_003));
        assert_eq!(told(1_003, 10), (String::new(), 1_003));
        assert_eq!(*changed.head().borrow(), 1_003);
        // A later run starts behind.
        assert!(*Changed::new(Timestamp::from_millis(2)).head().borrow() > 1_003);
    }
}

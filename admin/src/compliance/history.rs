//! Scores day by day, kept in a table.

use muster_common::account::AccountId;
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::{Bound, Error, Table};
use serde::{Deserialize, Serialize};

use super::score::Totals;
use crate::records::{Draft, PAGE_MAX, Records};

/// Days that are kept.
pub const DAYS_MAX: usize = 400;
/// Rows that one transaction writes or removes.
const STEP: usize = 500;

/// Whose score it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// Empty: all controls that are on.
    pub standard: String,
    /// Unset: the organization.
    pub account: Option<AccountId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    totals: Totals,
}

impl Whose {
    /// What the keys of its days begin with. No part holds a zero.
    fn prefix(&self) -> Vec<u8> {
        let account = self.account.as_ref().map_or("", AccountId::as_str);
        format!("{}\0{account}\0", self.standard).into_bytes()
    }

    fn key(&self, date: &str) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(date.as_bytes());
        key
    }
}

/// A day as in `2026-11-28`, UTC.
pub(super) fn date(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// Writes down how things stand on a day.
pub(super) async fn write(
    records: &Records,
    now: Timestamp,
    scores: &[(Whose, Totals)],
) -> Result<(), Error> {
    let date = date(now);
    for scores in scores.chunks(STEP) {
        let draft = scores
            .iter()
            .fold(Draft::default(), |draft, (whose, totals)| {
                draft.put(Table::Scores, whose.key(&date), &Row { totals: *totals })
            });
        records.commit(draft).await?;
    }
    Ok(())
}

/// The last days, the oldest first.
pub(super) async fn read(
    records: &Records,
    whose: &Whose,
    days: usize,
) -> Result<Vec<(String, Totals)>, Error> {
    let prefix = whose.prefix();
    let mut end = prefix.clone();
    // Behind every digit.
    end.push(b'~');
    let rows = records
        .scan::<Row>(Table::Scores, Bound::Before(end), days)
        .await?;
    let mut found: Vec<(String, Totals)> = rows
        .into_iter()
        .map_while(|(key, row)| {
            let date = key.strip_prefix(prefix.as_slice())?;
            Some((String::from_utf8_lossy(date).into_owned(), row.totals))
        })
        .collect();
    found.reverse();
    Ok(found)
}

/// Removes what is too old.
pub(super) async fn trim(records: &Records, now: Timestamp) -> Result<(), Error> {
    let first = date(now.plus(-(DAYS_MAX as i64) * DAY));
    let mut bound = Bound::Start;
    loop {
        let page = records.scan::<Row>(Table::Scores, bound, PAGE_MAX).await?;
        let last = page.len() < PAGE_MAX;
        let Some((key, _)) = page.last() else {
            return Ok(());
        };
        bound = Bound::After(key.clone());
        let old = page
            .iter()
            .map(|(key, _)| key)
            .filter(|key| is_before(key, &first));
        let draft = old.fold(Draft::default(), |draft, key| {
            draft.delete(Table::Scores, key.clone())
        });
        if !draft.is_empty() {
            records.commit(draft).await?;
        }
        if last {
            return Ok(());
        }
    }
}

fn is_before(key: &[u8], first: &str) -> bool {
    let date = key.rsplit(|byte| *byte == 0).next().unwrap_or_default();
    date < first.as_bytes()
}

//! The managed insights, read from `managed.json` once.

use std::sync::LazyLock;

use muster_common::filter::from_json;
use serde::Deserialize;

use super::{Insight, InsightId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// As in the ARN `arn:aws:securityhub:::insight/securityhub/default/{number}`.
    number: u32,
    title: String,
    group_by: String,
    filters: serde_json::Value,
}

static MANAGED: LazyLock<Vec<Insight>> = LazyLock::new(|| {
    let entries: Vec<Entry> =
        serde_json::from_str(include_str!("managed.json")).expect("a test reads the catalog");
    entries.into_iter().map(Insight::from).collect()
});

impl From<Entry> for Insight {
    fn from(entry: Entry) -> Self {
        Self {
            id: InsightId::Managed(entry.number),
            title: entry.title,
            filter: from_json(&entry.filters.to_string()).expect("a test reads every filter"),
            group_by: vec![entry.group_by.parse().expect("a test reads every field")],
            kept: None,
        }
    }
}

pub(super) fn all() -> &'static [Insight] {
    &MANAGED
}

pub(super) fn find(number: u32) -> Option<&'static Insight> {
    MANAGED
        .iter()
        .find(|insight| insight.id == InsightId::Managed(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{groupable, unindexed};

    #[test]
    fn the_catalog_has_35_insights_that_the_index_answers() {
        assert_eq!(all().len(), 35);
        for insight in all() {
            assert!(!unindexed(&insight.filter), "{}", insight.id);
            assert!(groupable(&insight.group_by).is_ok(), "{}", insight.id);
            assert_eq!(find_id(&insight.id), Some(insight));
        }
    }

    fn find_id(id: &InsightId) -> Option<&'static Insight> {
        match id {
            InsightId::Managed(number) => find(*number),
            InsightId::Custom(_) => None,
        }
    }
}

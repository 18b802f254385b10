//! Answering: from the index where it can decide, from documents where it cannot.

use std::collections::BinaryHeap;
use std::sync::Arc;

use muster_common::field::{Field, FieldSet};
use muster_common::filter::{Filter, Subject};
use muster_common::finding::{self, FindingKey, Row};
use muster_common::timestamp::Timestamp;

use super::index::{Tally, is_indexed, product, shown};
use super::state::{Shared, record};
use crate::{
    CountQuery, Counts, Error, FeedEntry, FeedEvent, Page, Position, Query, Record, Version, Walk,
    Walked,
};

/// Documents that one page looks at before it gives up and answers with what it has.
const LOOKS_MAX: usize = 200_000;
/// Documents of one page, in bytes: a page of large findings is a short one.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// Blocks that one look at the feed reads.
const FEED_BLOCKS_MAX: usize = 64;

pub(super) fn page(shared: &Shared, query: &Query) -> Result<Page, Error> {
    let wanted = Wanted {
        filter: &query.filter,
        now: query.now,
        limit: query.limit,
    };
    let (records, next) = gather(shared, &wanted, query.after.clone(), |after, limit| {
        ordered(shared, query, after, limit)
    })?;
    Ok(Page { records, next })
}

pub(super) fn walk(shared: &Shared, walk: &Walk) -> Result<Walked, Error> {
    let wanted = Wanted {
        filter: &walk.filter,
        now: walk.now,
        limit: walk.limit,
    };
    let (records, next) = gather(shared, &wanted, walk.after, |after, limit| {
        recorded(shared, walk, after.copied().unwrap_or(0), limit)
    })?;
    Ok(Walked { records, next })
}

/// What a page may hold.
struct Wanted<'a> {
    filter: &'a Filter,
    now: Timestamp,
    limit: usize,
}

/// The next findings that may match, each with its position, and whether they all do.
type Candidates<P> = (Vec<(FindingKey, P)>, bool);

/// Reads candidates until a page is full. The answer is the page, and the position to go on from.
fn gather<P>(
    shared: &Shared,
    wanted: &Wanted<'_>,
    mut after: Option<P>,
    candidates: impl Fn(Option<&P>, usize) -> Candidates<P>,
) -> Result<(Vec<Record>, Option<P>), Error> {
    let mut records = Vec::new();
    let (mut looks, mut bytes) = (0, 0);
    let mut step = wanted.limit + 1;
    loop {
        let (found, exact) = candidates(after.as_ref(), step);
        let last = found.len() < step;
        for (key, position) in found {
            if records.len() == wanted.limit || bytes >= PAGE_BYTES_MAX {
                return Ok((records, after));
            }
            looks += 1;
            after = Some(position);
            let Some(record) = readable(shared, key)? else {
                continue;
            };
            if exact || matches(&record, wanted.filter, wanted.now) {
                bytes += record.document.len();
                records.push(record);
            }
        }
        if last {
            return Ok((records, None));
        }
        if looks >= LOOKS_MAX {
            return Ok((records, after));
        }
        step = (step * 4).min(16_384);
    }
}

/// In the order of a query.
fn ordered(
    shared: &Shared,
    query: &Query,
    after: Option<&Position>,
    limit: usize,
) -> Candidates<Position> {
    let state = shared.state.read();
    let matches = state.index.matches(&query.filter, query.now);
    let order = state.index.order(&query.sort);
    let found = order
        .first(&matches, after, limit)
        .into_iter()
        .map(|slot| (state.index.at(slot).0, order.position(slot)))
        .collect();
    told(matches.exact);
    (found, matches.exact)
}

/// In the order of the log.
fn recorded(shared: &Shared, walk: &Walk, after: u64, limit: usize) -> Candidates<u64> {
    let state = shared.state.read();
    let exact = state.index.matches(&walk.filter, walk.now).exact;
    let mut first: BinaryHeap<(u64, FindingKey)> = BinaryHeap::new();
    for slot in state.index.select(&walk.filter, walk.now).iter() {
        let (key, sequence) = state.index.at(slot);
        let full = first.len() == limit;
        let late = full && first.peek().is_some_and(|(last, _)| sequence > *last);
        if sequence > after && !late {
            if full {
                first.pop();
            }
            first.push((sequence, key));
        }
    }
    told(exact);
    let found = first.into_sorted_vec().into_iter();
    (
        found.map(|(sequence, key)| (key, sequence)).collect(),
        exact,
    )
}

fn told(exact: bool) {
    if !exact {
        tracing::debug!("no index decides the filter; reading documents");
    }
}

/// The latest state of a finding; `None` if it is gone by now or its block is damaged, which is reported elsewhere.
fn readable(shared: &Shared, key: FindingKey) -> Result<Option<Record>, Error> {
    match shared.latest(key) {
        Err(Error::Damaged { .. }) => Ok(None),
        other => other,
    }
}

/// Looks at the document.
fn matches(record: &Record, filter: &Filter, now: Timestamp) -> bool {
    seen(record, filter.fields()).is_some_and(|(row, document)| {
        let subject = Subject {
            row: &row,
            document: &document,
        };
        filter.matches(subject, now)
    })
}

/// Some fields of a finding as readers see it, and the document. `None` if it cannot be read, which spoils no answer about
/// others.
fn seen(record: &Record, wanted: FieldSet) -> Option<(Row, Vec<u8>)> {
    let document = finding::render(&record.document, &record.overlay, record.recorded_at).ok();
    let seen = document.and_then(|document| {
        let row = finding::fields(&document, wanted).ok()?;
        Some((row, document))
    });
    if seen.is_none() {
        tracing::error!(finding = %record.key.name(), "a document cannot be read; filters pass over it");
    }
    seen
}

pub(super) fn count(shared: &Shared, query: &CountQuery) -> Result<Counts, Error> {
    let CountQuery {
        filter,
        group_by,
        limit,
        now,
    } = query;
    let grouped: FieldSet = group_by.iter().copied().collect();
    if !filter.fields().union(grouped).iter().all(is_indexed) {
        return count_documents(shared, query);
    }
    let state = shared.state.read();
    let (total, groups, group_count) = if let [field] = group_by[..] {
        state.index.count(filter, field, *limit, *now)
    } else {
        let slots = state.index.select(filter, *now);
        let (groups, group_count) = state.index.group(&slots, group_by, *limit);
        (slots.len(), groups, group_count)
    };
    Ok(Counts {
        total,
        groups,
        group_count,
        sequence: state.index.sequence(),
    })
}

/// Counts where rows do not hold what is asked for.
fn count_documents(shared: &Shared, query: &CountQuery) -> Result<Counts, Error> {
    let CountQuery {
        filter,
        group_by,
        limit,
        now,
    } = query;
    let (keys, sequence) = {
        let state = shared.state.read();
        let slots = state.index.select(filter, *now);
        tracing::debug!(
            candidates = slots.len(),
            "no index decides the count; reading documents"
        );
        // In the order of the log, so that each block is read once.
        let mut keys: Vec<(u64, FindingKey)> = slots
            .iter()
            .map(|slot| {
                let (key, sequence) = state.index.at(slot);
                (sequence, key)
            })
            .collect();
        keys.sort_unstable();
        (keys, state.index.sequence())
    };
    let wanted = group_by
        .iter()
        .copied()
        .fold(filter.fields(), FieldSet::with);
    let mut total = 0;
    let mut tally = Tally::default();
    for (_, key) in keys {
        let Some(record) = readable(shared, key)? else {
            continue;
        };
        let Some((row, document)) = seen(&record, wanted) else {
            continue;
        };
        let subject = Subject {
            row: &row,
            document: &document,
        };
        if filter.matches(subject, *now) {
            total += 1;
            tally.add(groups_of(&row, group_by));
        }
    }
    let (groups, group_count) = tally.rank(*limit);
    Ok(Counts {
        total,
        groups,
        group_count,
        sequence,
    })
}

/// The groups that a finding belongs to.
fn groups_of(row: &Row, group_by: &[Field]) -> Vec<Vec<String>> {
    if group_by.is_empty() {
        return Vec::new();
    }
    let values: Vec<Vec<String>> = group_by
        .iter()
        .map(|field| {
            let values = row.values(*field).map(|value| shown(value).into_owned());
            let mut values: Vec<String> = values.collect();
            values.sort_unstable();
            values.dedup();
            values
        })
        .collect();
    let members: Vec<&[String]> = values.iter().map(Vec::as_slice).collect();
    product(&members)
}

pub(super) fn versions(
    shared: &Shared,
    key: FindingKey,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Version>, Error> {
    let latest = shared.state.read().index.latest(&key);
    let mut versions = Vec::new();
    let mut next = latest.unwrap_or(0);
    while next != 0 && versions.len() < limit {
        let Some((documents, entry)) = shared.version(next)? else {
            break;
        };
        let sequence = next;
        next = entry.previous;
        if before.is_some_and(|before| sequence >= before) {
            continue;
        }
        versions.push(Version {
            record: record(key, &documents, &entry)?,
            actor: Arc::clone(&entry.actor),
            event: entry.event,
            has_previous: next != 0 && shared.version(next)?.is_some(),
        });
        if entry.event == FeedEvent::Created {
            break;
        }
    }
    Ok(versions)
}

pub(super) fn feed(shared: &Shared, after: u64, limit: usize) -> Result<Vec<FeedEntry>, Error> {
    let blocks = {
        let state = shared.state.read();
        let places = state.blocks.after(after, FEED_BLOCKS_MAX);
        places
            .into_iter()
            .filter_map(|place| Some((place, state.blocks.segments.get(&place.segment)?.clone())))
            .collect::<Vec<_>>()
    };
    let mut entries = Vec::new();
    for (place, edition) in blocks {
        let Some(rows) = Shared::rows(&place, &edition)? else {
            shared.report(&place);
            continue;
        };
        let documents = match shared.documents(&place, &edition) {
            Ok(documents) => documents,
            Err(Error::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        for row in rows.entries().iter().filter(|row| row.sequence > after) {
            let Some(entry) = documents.find(row.sequence) else {
                continue;
            };
            let kept = match row.event {
                FeedEvent::Expired => None,
                FeedEvent::Created | FeedEvent::Imported | FeedEvent::Updated => {
                    match record(row.key, &documents, entry) {
                        Ok(record) => Some(record),
                        Err(error) => {
                            tracing::error!(%error, "a change cannot be shown");
                            continue;
                        }
                    }
                }
            };
            entries.push(FeedEntry {
                key: row.key,
                sequence: row.sequence,
                event: row.event,
                actor: Arc::clone(&entry.actor),
                record: kept,
            });
            if entries.len() == limit {
                return Ok(entries);
            }
        }
    }
    Ok(entries)
}

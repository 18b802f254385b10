//! Asking: lists, states now and at a time, histories, counts.

use std::collections::BTreeMap;

use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::{FieldFilter, Filter, Test};
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_store::{CountQuery, Counts, Position, Query, Record, Walk, Walked};

use super::document::held;
use super::{Error, Held, Inventory};

/// Resources that one question of our own reads at a time.
pub(super) const PAGE: usize = 1_000;
/// Versions that one look back reads.
const VERSIONS: usize = 100;
/// The fewest digits that name a resource.
const DIGITS_MIN: usize = 6;
/// Values of one condition.
const VALUES_MAX: usize = 200;

/// Which resources. An empty list means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub accounts: Vec<AccountId>,
    pub regions: Vec<String>,
    /// Where they are listed.
    pub places: Vec<String>,
    pub kinds: Vec<String>,
    pub id: Option<Name>,
    /// Those that are gone, too.
    pub gone: bool,
}

/// An id, or how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Whole(String),
    Beginning(String),
}

/// What to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Kind,
    Account,
    Region,
}

impl Asked {
    pub(super) fn filter(&self) -> Result<Filter, Error> {
        let mut filters = Vec::new();
        let accounts: Vec<String> = self.accounts.iter().map(ToString::to_string).collect();
        for (what, field, values) in [
            ("accounts", Field::AwsAccountId, &accounts),
            ("regions", Field::ResourceRegion, &self.regions),
            ("places", Field::Region, &self.places),
            ("types", Field::ResourceType, &self.kinds),
        ] {
            if values.len() > VALUES_MAX {
                return Err(Error::TooMany {
                    what,
                    count: values.len(),
                    max: VALUES_MAX,
                });
            }
            if !values.is_empty() {
                filters.push(Filter::Field(FieldFilter {
                    field,
                    any: values.iter().cloned().map(Test::Equals).collect(),
                    none: Vec::new(),
                }));
            }
        }
        filters.extend(self.id.clone().map(|id| {
            let test = match id {
                Name::Whole(id) => Test::Equals(id),
                Name::Beginning(id) => Test::Prefix(id),
            };
            Filter::field(Field::ResourceId, test)
        }));
        if !self.gone {
            let active = Test::Equals("ACTIVE".to_owned());
            filters.push(Filter::field(Field::RecordState, active));
        }
        Ok(Filter::All(filters))
    }
}

impl Inventory {
    /// A page of resources, those that changed last first, and where the next one starts.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Store`].
    pub async fn list(
        &self,
        asked: &Asked,
        after: Option<Position>,
        limit: usize,
    ) -> Result<(Vec<Held>, Option<Position>), Error> {
        let query = Query {
            filter: asked.filter()?,
            sort: Vec::new(),
            after,
            limit,
            now: self.clock.now(),
        };
        let page = self.engine.query(query).await?;
        let resources = page.records.iter().map(held).collect::<Result<_, _>>()?;
        Ok((resources, page.next))
    }

    /// # Errors
    /// [`Error::TooMany`], [`Error::Store`].
    pub async fn count(&self, asked: &Asked, by: &[By], limit: usize) -> Result<Counts, Error> {
        let field = |by: &By| match by {
            By::Kind => Field::ResourceType,
            By::Account => Field::AwsAccountId,
            By::Region => Field::ResourceRegion,
        };
        let query = CountQuery {
            filter: asked.filter()?,
            group_by: by.iter().map(field).collect(),
            limit,
            now: self.clock.now(),
        };
        Ok(self.engine.count(query).await?)
    }

    /// The resource that a name means: `resources/` and its digits, the first ones of them, or an id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn resolve(&self, name: &str) -> Result<FindingKey, Error> {
        let bare = name.strip_prefix("resources/").unwrap_or(name);
        let digits = bare.to_lowercase();
        let named = || name.chars().take(256).collect::<String>();
        let is_digits =
            digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut keys = if is_digits {
            self.engine.starting_with(digits, 2).await?
        } else {
            Vec::new()
        };
        if keys.is_empty() {
            let asked = Asked {
                id: Some(Name::Whole(bare.to_owned())),
                gone: true,
                ..Asked::default()
            };
            let (found, _) = self.list(&asked, None, 2).await?;
            keys = found.iter().map(|held| held.key).collect();
        }
        match keys[..] {
            [key] => Ok(key),
            [] => Err(Error::NotFound { name: named() }),
            _ => Err(Error::Ambiguous { name: named() }),
        }
    }

    /// A resource as it stands, or as it stood at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`]: nothing was known of it then.
    pub async fn get(&self, key: FindingKey, as_of: Option<Timestamp>) -> Result<Held, Error> {
        let record = self.engine.fetch(vec![key]).await?.pop().flatten();
        let record = match (record, as_of) {
            (Some(record), Some(time)) => self.at(record, time).await?,
            (record, _) => record,
        };
        let missing = || Error::NotFound {
            name: format!("resources/{key}"),
        };
        Ok(held(&record.ok_or_else(missing)?)?)
    }

    /// States of a resource from before a sequence on, newest first, and the sequence to go on from.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn history(
        &self,
        key: FindingKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Held>, Option<u64>), Error> {
        let versions = self.engine.versions(key, before, limit).await?;
        let next = versions
            .last()
            .filter(|last| last.has_previous)
            .map(|last| last.record.sequence);
        let states = versions.iter().map(|version| held(&version.record));
        Ok((states.collect::<Result<_, _>>()?, next))
    }

    /// The resources of an account of some types, as they are or were at a time.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Store`].
    pub async fn of_account(
        &self,
        account: AccountId,
        kinds: Vec<String>,
        as_of: Option<Timestamp>,
    ) -> Result<Vec<Held>, Error> {
        let asked = Asked {
            accounts: vec![account],
            kinds,
            gone: as_of.is_some(),
            ..Asked::default()
        };
        let mut resources = BTreeMap::new();
        let mut after = None;
        loop {
            // In the order in which they were recorded: what changes meanwhile comes again at the end, and nothing is left out.
            let walk = Walk {
                filter: asked.filter()?,
                after,
                limit: PAGE,
                now: self.clock.now(),
            };
            let Walked { records, next } = self.engine.walk(walk).await?;
            for record in &records {
                let held = held(record)?;
                let held = match as_of {
                    Some(time) if held.observed_at > time => {
                        match self.get(held.key, as_of).await {
                            Ok(held) => held,
                            Err(Error::NotFound { .. }) => continue,
                            Err(error) => return Err(error),
                        }
                    }
                    Some(_) | None => held,
                };
                if held.is_present() {
                    resources.insert(held.key, held);
                } else {
                    resources.remove(&held.key);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if self.doubts().await? {
            let what = "resources, which have to be told anew".to_owned();
            return Err(muster_store::Error::Damaged { what }.into());
        }
        Ok(resources.into_values().collect())
    }

    /// The version that stood at a time.
    async fn at(&self, latest: Record, time: Timestamp) -> Result<Option<Record>, Error> {
        if latest.recorded_at <= time {
            return Ok(Some(latest));
        }
        let mut before = None;
        loop {
            let versions = self.engine.versions(latest.key, before, VERSIONS).await?;
            let Some(last) = versions.last() else {
                return Ok(None);
            };
            before = Some(last.record.sequence);
            let more = last.has_previous;
            let mut versions = versions.into_iter();
            if let Some(found) = versions.find(|version| version.record.recorded_at <= time) {
                return Ok(Some(found.record));
            }
            if !more {
                return Ok(None);
            }
        }
    }
}

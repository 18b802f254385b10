//! Insights: saved filters with a grouping; their results are ranked counts.
//!
//! In: titles, filters, groupings. Out: insights, results. Always: a stored filter was valid when it was stored; the 35
//! managed insights are data (`managed.json`, after the managed insights of Security Hub) and cannot be changed; results
//! are counted when they are asked for, true as of the last acknowledged finding. Survives: custom insights.
//! It writes no findings.

mod managed;

use muster_common::clock::Clock;
use muster_common::field::{Field, UnknownField};
use muster_common::filter::{self, Filter};
use muster_common::text::is_visible;
use muster_common::timestamp::Timestamp;
use muster_store::{Bound, Counts, Table};
use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::error::{Kind, Kinded};
use crate::findings::{self, Findings, groupable};
use crate::records::{Draft, Records};

/// Custom insights of one admin.
const CUSTOM_MAX: usize = 1_000;
const TITLE_MAX: usize = 128;

/// Keeps insights and gives their results. Cheap to clone.
#[derive(Clone)]
pub struct Insights {
    records: Records,
    findings: Findings,
    clock: Clock,
}

/// Which insight: `managed-{number}`, or the id of a custom one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InsightId {
    Managed(u32),
    Custom(uuid::Uuid),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Insight {
    pub id: InsightId,
    pub title: String,
    pub filter: Filter,
    pub group_by: Vec<Field>,
    /// Unset for a managed one.
    pub kept: Option<Kept>,
}

/// Who keeps a custom insight, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub owner: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A custom insight as it is stored. The filter is JSON in the form of the Security Hub API.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    title: String,
    filter: serde_json::Value,
    group_by: Vec<String>,
    #[serde(flatten)]
    kept: Kept,
}

/// What to change about a custom insight.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub title: Option<String>,
    pub filter: Option<Filter>,
    pub group_by: Option<Vec<Field>>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no insight {id}; 'muster insight list' shows them")]
    NotFound { id: String },
    #[error("{id} is a managed insight and cannot be changed; create one of your own")]
    Managed { id: String },
    #[error("an insight needs a title of 1 to {TITLE_MAX} visible characters")]
    Title,
    #[error("an insight needs a field to group by, such as ResourceId")]
    NoGrouping,
    #[error("the change sets nothing; give a title, a filter or a grouping")]
    NoChange,
    #[error("there are {CUSTOM_MAX} custom insights, which is the limit; delete one first")]
    TooMany,
    #[error(transparent)]
    Findings(#[from] findings::Error),
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Managed { .. } => Kind::Conflict,
            Self::Title | Self::NoGrouping | Self::NoChange => Kind::Invalid,
            Self::TooMany => Kind::Exhausted,
            Self::Findings(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}

impl std::fmt::Display for InsightId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Managed(number) => write!(f, "managed-{number}"),
            Self::Custom(id) => write!(f, "{id}"),
        }
    }
}

impl std::str::FromStr for InsightId {
    type Err = Error;

    /// Reads an id, with or without `insights/` before it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = text.strip_prefix("insights/").unwrap_or(text);
        let unknown = || Error::NotFound {
            id: bare.chars().take(64).collect(),
        };
        match bare.strip_prefix("managed-") {
            Some(number) => number.parse().map(Self::Managed).map_err(|_| unknown()),
            None => bare.parse().map(Self::Custom).map_err(|_| unknown()),
        }
    }
}

impl Insights {
    #[must_use]
    pub const fn new(records: Records, findings: Findings, clock: Clock) -> Self {
        Self {
            records,
            findings,
            clock,
        }
    }

    /// # Errors
    /// [`Error::Title`], [`Error::NoGrouping`], [`Error::TooMany`], [`Error::Findings`] for a field that does not group.
    pub async fn create(
        &self,
        title: &str,
        filter: Filter,
        group_by: Vec<Field>,
        owner: &str,
    ) -> Result<Insight, Error> {
        check(title, &group_by)?;
        if self.records.all::<Stored>(Table::Insights).await?.len() >= CUSTOM_MAX {
            return Err(Error::TooMany);
        }
        let now = self.clock.now();
        let insight = Insight {
            id: InsightId::Custom(uuid::Uuid::new_v4()),
            title: title.to_owned(),
            filter,
            group_by,
            kept: Some(Kept {
                owner: owner.to_owned(),
                created_at: now,
                updated_at: now,
            }),
        };
        let event = Event::new(
            now,
            "insight.create",
            owner,
            format!("insights/{}", insight.id),
        )
        .detail(title);
        let draft = Draft::default()
            .put(Table::Insights, insight.id.to_string(), &insight.stored())
            .audit(&event);
        self.records.commit(draft).await?;
        Ok(insight)
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: &InsightId) -> Result<Insight, Error> {
        let missing = || Error::NotFound { id: id.to_string() };
        match id {
            InsightId::Managed(number) => managed::find(*number).cloned().ok_or_else(missing),
            InsightId::Custom(_) => {
                let stored = self
                    .records
                    .get::<Stored>(Table::Insights, id.to_string())
                    .await?;
                stored.ok_or_else(missing)?.insight(id.clone())
            }
        }
    }

    /// Changes a custom insight.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Managed`], [`Error::NoChange`], and those of [`Insights::create`].
    pub async fn update(
        &self,
        id: &InsightId,
        change: &Change,
        by: &str,
    ) -> Result<Insight, Error> {
        custom(id)?;
        let Change {
            title,
            filter,
            group_by,
        } = change;
        if title.is_none() && filter.is_none() && group_by.is_none() {
            return Err(Error::NoChange);
        }
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let now = self.clock.now();
                    let kept = self
                        .records
                        .keep::<Stored>(Table::Insights, id.to_string())
                        .await?;
                    let stored = kept
                        .value
                        .clone()
                        .ok_or_else(|| Error::NotFound { id: id.to_string() })?;
                    let mut insight = stored.insight(id.clone())?;
                    insight.title = title.clone().unwrap_or(insight.title);
                    insight.filter = filter.clone().unwrap_or(insight.filter);
                    insight.group_by = group_by.clone().unwrap_or(insight.group_by);
                    check(&insight.title, &insight.group_by)?;
                    if let Some(kept) = &mut insight.kept {
                        kept.updated_at = now;
                    }
                    let event = Event::new(now, "insight.update", by, format!("insights/{id}"))
                        .detail(&insight.title);
                    let draft = Draft::default()
                        .expect(&kept)
                        .put(Table::Insights, id.to_string(), &insight.stored())
                        .audit(&event);
                    Ok((insight, draft))
                })
            })
            .await
    }

    /// # Errors
    /// [`Error::NotFound`], [`Error::Managed`].
    pub async fn delete(&self, id: &InsightId, by: &str) -> Result<(), Error> {
        custom(id)?;
        self.records
            .transact::<_, Error>(|| {
                Box::pin(async {
                    let kept = self
                        .records
                        .keep::<Stored>(Table::Insights, id.to_string())
                        .await?;
                    let stored = kept
                        .value
                        .clone()
                        .ok_or_else(|| Error::NotFound { id: id.to_string() })?;
                    let event = Event::new(
                        self.clock.now(),
                        "insight.delete",
                        by,
                        format!("insights/{id}"),
                    )
                    .detail(&stored.title);
                    let draft = Draft::default()
                        .expect(&kept)
                        .delete(Table::Insights, id.to_string())
                        .audit(&event);
                    Ok(((), draft))
                })
            })
            .await
    }

    /// The managed insights.
    #[must_use]
    pub fn managed(&self) -> &'static [Insight] {
        managed::all()
    }

    /// Up to `limit` custom insights after a key, and whether there are more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn custom(
        &self,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<(Vec<Insight>, bool), Error> {
        let bound = after.map_or(Bound::Start, Bound::After);
        let mut page = self
            .records
            .scan::<Stored>(Table::Insights, bound, limit + 1)
            .await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let insights = page
            .into_iter()
            .map(|(key, stored)| {
                stored.insight(std::str::from_utf8(&key).unwrap_or_default().parse()?)
            })
            .collect::<Result<_, _>>()?;
        Ok((insights, more))
    }

    /// The ranked counts of an insight now.
    ///
    /// # Errors
    /// [`Error::Findings`].
    pub async fn results(&self, insight: &Insight, limit: usize) -> Result<Counts, Error> {
        let Insight {
            filter, group_by, ..
        } = insight;
        Ok(self
            .findings
            .count(filter.clone(), group_by.clone(), limit)
            .await?)
    }

    /// The last sequence of the feed, and a way to wait for the next.
    #[must_use]
    pub fn head(&self) -> tokio::sync::watch::Receiver<u64> {
        self.findings.head()
    }
}

impl Insight {
    fn stored(&self) -> Stored {
        Stored {
            title: self.title.clone(),
            filter: filter::to_json(&self.filter),
            group_by: self
                .group_by
                .iter()
                .map(|field| field.name().to_owned())
                .collect(),
            kept: self.kept.clone().unwrap_or_else(|| Kept {
                owner: String::new(),
                created_at: Timestamp::default(),
                updated_at: Timestamp::default(),
            }),
        }
    }
}

impl Stored {
    fn insight(self, id: InsightId) -> Result<Insight, Error> {
        let damaged = |what: String| {
            Error::Store(muster_store::Error::Damaged {
                what: format!("insight {id} ({what})"),
            })
        };
        let filter = filter::from_json(&self.filter.to_string())
            .map_err(|error| damaged(error.to_string()))?;
        let group_by = self
            .group_by
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, UnknownField>>()
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Insight {
            id,
            title: self.title,
            filter,
            group_by,
            kept: Some(self.kept),
        })
    }
}

fn check(title: &str, group_by: &[Field]) -> Result<(), Error> {
    let length = title.chars().count();
    if title.trim().is_empty() || length > TITLE_MAX || !is_visible(title) {
        return Err(Error::Title);
    }
    if group_by.is_empty() {
        return Err(Error::NoGrouping);
    }
    Ok(groupable(group_by)?)
}

fn custom(id: &InsightId) -> Result<(), Error> {
    match id {
        InsightId::Managed(_) => Err(Error::Managed { id: id.to_string() }),
        InsightId::Custom(_) => Ok(()),
    }
}

//! What surveys there are, and what they have in common.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, StreamExt as _};
use serde_json::{Map, Value as Json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Paging, Refused, Site, state, taken, text};
use super::{
    access_analyzer, account, cloudtrail, cloudwatch, ec2, efs, iam, kms, logs, rds, s3, sns,
};
use crate::cloud::Service;

/// Resources that are described at the same time.
const AT_A_TIME: usize = 4;

/// The surveys of what has no Region.
pub(super) const GLOBAL: &[&Survey] = &[&account::GLOBAL, &iam::SURVEY, &s3::SURVEY];

/// The surveys of a Region.
pub(super) const REGIONAL: &[&Survey] = &[
    &account::REGIONAL,
    &access_analyzer::SURVEY,
    &cloudtrail::SURVEY,
    &cloudwatch::SURVEY,
    &ec2::SURVEY,
    &efs::SURVEY,
    &kms::SURVEY,
    &logs::SURVEY,
    &rds::SURVEY,
    &sns::SURVEY,
];

/// What one service has in one place.
pub(super) struct Survey {
    /// On the board.
    pub name: &'static str,
    pub listings: &'static [Listing],
    /// The least that shows whether it would work.
    pub check: for<'a> fn(&'a Site) -> BoxFuture<'a, Result<(), Refused>>,
}

/// All resources of a type.
pub(super) struct Listing {
    pub kind: &'static str,
    pub list: List,
}

pub(super) enum List {
    /// Every entry of a list is a resource, and its state.
    Entries(Entries),
    /// Otherwise.
    Own(for<'a> fn(&'a Site, &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>>),
}

/// A listing whose entries say everything.
pub(super) struct Entries {
    pub service: Service,
    pub call: &'static str,
    pub parameters: &'static [(&'static str, &'static str)],
    pub paging: Paging,
    pub list: &'static str,
    /// The name of the entry as a part.
    pub part: &'static str,
    /// Members that are measured and not set: left out, or the resource would be another one at each look.
    pub measured: &'static [&'static str],
    pub id: Id,
}

/// How an entry is named.
#[derive(Clone, Copy)]
pub(super) enum Id {
    /// A member has its ARN.
    Arn(&'static str),
    /// A member has its name, which stands in an ARN behind the service and `/`.
    Named {
        service: &'static str,
        kind: &'static str,
        member: &'static str,
    },
    /// Its ARN is put together otherwise.
    Made(fn(&Json, &Site) -> String),
}

impl Listing {
    pub(super) async fn run(&self, site: &Site, out: &mut Telling) -> Result<(), Broken> {
        match &self.list {
            List::Entries(entries) => entries.run(site, out).await,
            List::Own(list) => list(site, out).await,
        }
    }
}

impl Entries {
    async fn run(&self, site: &Site, out: &mut Telling) -> Result<(), Broken> {
        let parameters = parameters(self.parameters);
        let mut pages = site.pages(self.service, self.call, parameters, self.paging);
        while let Some(mut page) = pages.next().await? {
            for mut entry in taken(&mut page, self.list) {
                if is_foreign(&entry, site) {
                    continue;
                }
                leave_out(self.measured, &mut entry);
                let id = self.id.of(&entry, site);
                out.add(Resource {
                    id,
                    region: site.place.clone(),
                    state: state([(self.part, entry)]),
                })
                .await?;
            }
        }
        Ok(())
    }
}

impl Id {
    pub(super) fn of(self, entry: &Json, site: &Site) -> String {
        match self {
            Self::Arn(member) => text(entry, member).to_owned(),
            Self::Named {
                service,
                kind,
                member,
            } => site.arn(service, &format!("{kind}/{}", text(entry, member))),
            Self::Made(make) => make(entry, site),
        }
    }
}

/// Whether an entry is another account's: shared networks are listed with one's own.
pub(super) fn is_foreign(entry: &Json, site: &Site) -> bool {
    let owner = entry["OwnerId"].as_str();
    owner.is_some_and(|owner| owner != site.account.as_str())
}

/// Takes members out of an entry.
pub(super) fn leave_out(members: &[&str], entry: &mut Json) {
    if let Some(entry) = entry.as_object_mut() {
        entry.retain(|name, _| !members.contains(&name.as_str()));
    }
}

pub(super) fn parameters(fields: &[(&str, &str)]) -> Json {
    let fields = fields.iter();
    let fields: Map<String, Json> = fields
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    Json::Object(fields)
}

/// Describes the entries of a page, a few at a time, and gives them on in their order. Only when all are described: the
/// admin may keep one waiting, and a call that is under way does not wait.
pub(super) async fn describe<'a>(
    entries: Vec<Json>,
    out: &mut Telling,
    mut one: impl FnMut(Json) -> BoxFuture<'a, Result<Resource, Refused>> + Send,
) -> Result<(), Broken> {
    let mut resources = Vec::with_capacity(entries.len());
    let mut entries = entries.into_iter();
    let first: Vec<_> = entries.by_ref().take(AT_A_TIME).map(&mut one).collect();
    let mut under_way: stream::FuturesOrdered<_> = first.into_iter().collect();
    while let Some(described) = under_way.next().await {
        resources.push(described?);
        under_way.extend(entries.next().map(&mut one));
    }
    for resource in resources {
        out.add(resource).await?;
    }
    Ok(())
}

/// The check of a survey whose first call has no parameters but these.
pub(super) fn check<'a>(
    site: &'a Site,
    service: Service,
    call: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> BoxFuture<'a, Result<(), Refused>> {
    async move {
        let answer = site.act(service, call, &parameters(fields)).await;
        answer.map(|_| ())
    }
    .boxed()
}

//! What surveys there are, and what they have in common.

use std::collections::VecDeque;
use std::pin::pin;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesOrdered, StreamExt as _};
use serde_json::{Map, Value as Json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Paging, Refused, Site, state, taken, text};
use super::{
    access_analyzer, account, cloudtrail, cloudwatch, ec2, efs, iam, kms, logs, rds, s3, sns,
};
use crate::cloud::Service;

/// Resources of a listing that are being described or wait to be told. How many calls that makes, the services say.
const HELD_MAX: usize = 64;

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

/// Describes the entries of a page, some at a time, and tells of them in their order. What is under way goes on while the
/// admin takes its time, but nothing more is begun.
pub(super) async fn describe<'a>(
    entries: Vec<Json>,
    out: &mut Telling,
    one: impl Fn(Json) -> BoxFuture<'a, Result<Resource, Refused>> + Send,
) -> Result<(), Broken> {
    let kind = out.kind();
    let one = |entry| {
        let described = one(entry);
        async move { described.await.map(|resource| resource.document(kind)) }
    };
    let mut entries = entries.into_iter();
    let mut under_way = FuturesOrdered::new();
    let mut described = VecDeque::new();
    loop {
        let room = HELD_MAX.saturating_sub(under_way.len() + described.len());
        under_way.extend(entries.by_ref().take(room).map(one));
        let next = match described.pop_front() {
            Some(next) => Some(next),
            None => under_way.next().await,
        };
        let Some(document) = next else {
            return Ok(());
        };
        let mut telling = pin!(out.take(document?));
        loop {
            tokio::select! {
                told = &mut telling => break told?,
                Some(next) = under_way.next() => described.push_back(next),
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use muster_common::timestamp::Timestamp;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::cloud::{CallError, Problem};
    use crate::state::epoch::Memory;
    use crate::state::{Admin, Lost, Portion, Reads, Taken};

    /// Takes a portion when it is let.
    struct Slow {
        turns: Semaphore,
        heard: AtomicUsize,
    }

    impl Admin for Slow {
        fn read(&self, _: Reads) -> BoxFuture<'_, Result<(), Lost>> {
            std::future::ready(Ok(())).boxed()
        }

        fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
            async move {
                self.turns.acquire().await.unwrap().forget();
                self.heard.fetch_add(portion.changed.len(), Relaxed);
                let refused = Vec::new();
                Ok(Taken::Taken { refused })
            }
            .boxed()
        }
    }

    /// What was begun, what was done, and an admin that waits.
    struct Scene {
        begun: AtomicUsize,
        done: AtomicUsize,
        turns: Semaphore,
        admin: Arc<Slow>,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                begun: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
                turns: Semaphore::new(0),
                admin: Arc::new(Slow {
                    turns: Semaphore::new(0),
                    heard: AtomicUsize::new(0),
                }),
            }
        }

        fn telling(&self) -> Telling {
            let admin: Arc<dyn Admin> = self.admin.clone();
            let now = Timestamp::from_seconds(1_000);
            Memory::default().begin("AWS::S3::Bucket", GLOBAL_PLACE, &admin, now)
        }

        fn counts(&self) -> (usize, usize) {
            (self.begun.load(Relaxed), self.done.load(Relaxed))
        }

        /// Describes a number of resources; each takes a turn.
        async fn describe(&self, out: &mut Telling, count: usize) -> Result<(), Broken> {
            let one = |entry: Json| {
                self.begun.fetch_add(1, Relaxed);
                async move {
                    self.turns.acquire().await.unwrap().forget();
                    self.done.fetch_add(1, Relaxed);
                    Ok(Resource {
                        id: entry.to_string(),
                        region: "eu-west-1".to_owned(),
                        state: state([("Entry", entry)]),
                    })
                }
                .boxed()
            };
            let entries = (0..count).map(Json::from).collect();
            describe(entries, out, one).await
        }
    }

    const GLOBAL_PLACE: &str = "aws-global";

    fn refused() -> Refused {
        Refused {
            call: "s3:GetBucketAcl",
            error: CallError {
                problem: Problem::Throttled,
                code: "SlowDown".to_owned(),
                message: String::new(),
            },
        }
    }

    #[tokio::test]
    async fn never_more_is_held_than_may_be_however_slow_the_admin_is() {
        let scene = Scene::new();
        let mut out = scene.telling();
        let describing = scene.describe(&mut out, 1_000);
        let mut describing = Box::pin(tokio::task::unconstrained(describing));
        let mut go_on = || loop {
            let before = scene.counts();
            assert!(describing.as_mut().now_or_never().is_none());
            if scene.counts() == before {
                break before;
            }
        };
        assert_eq!(go_on(), (HELD_MAX, 0));
        // The first portion has 500. The one that is too many waits for the admin, and what is under way goes on.
        scene.turns.add_permits(1_000);
        assert_eq!(go_on(), (500 + HELD_MAX, 500 + HELD_MAX));
        scene.admin.turns.add_permits(1);
        assert_eq!(describing.await, Ok(()));
        assert_eq!(scene.counts(), (1_000, 1_000));
        scene.admin.turns.add_permits(1);
        out.complete().await.unwrap();
        assert_eq!(scene.admin.heard.load(Relaxed), 1_000);
    }

    #[tokio::test]
    async fn what_breaks_off_ends_what_is_under_way() {
        let scene = Scene::new();
        let mut out = scene.telling();
        let one = |entry: Json| {
            let broken = entry == "broken";
            let held = CountsDown::new(&scene.begun);
            async move {
                if broken {
                    return Err(refused());
                }
                std::future::pending::<()>().await;
                drop(held);
                Err(refused())
            }
            .boxed()
        };
        let entries = vec!["broken".into(), "slow".into(), "slow".into()];
        let broken = describe(entries, &mut out, one).await;
        assert_eq!(broken, Err(Broken::Refused(refused())));
        assert_eq!(scene.counts().0, 0, "nothing is under way");
    }

    /// Counts what there is of it.
    struct CountsDown<'a>(&'a AtomicUsize);

    impl<'a> CountsDown<'a> {
        fn new(count: &'a AtomicUsize) -> Self {
            count.fetch_add(1, Relaxed);
            Self(count)
        }
    }

    impl Drop for CountsDown<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Relaxed);
        }
    }
}

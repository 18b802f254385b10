//! IAM Access Analyzer: the analyzers of a Region.

use futures::future::{BoxFuture, FutureExt as _};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::site::{Paging, Site, state, taken, text};
use super::survey::{List, Listing, Survey, leave_out};
use crate::cloud::Service;

const LIST: &str = "access-analyzer:ListAnalyzers";
const PAGING: Paging = Paging {
    ask: "nextToken",
    told: "nextToken",
};

pub(super) const SURVEY: Survey = Survey {
    name: "config-access-analyzer",
    listings: &[Listing {
        kind: "AWS::AccessAnalyzer::Analyzer",
        list: List::Own(analyzers),
    }],
    check: |site| {
        async move {
            let answer = site.get(Service::AccessAnalyzer, LIST, "/analyzer?maxResults=1");
            answer.await.map(|_| ())
        }
        .boxed()
    },
};

fn analyzers<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let path = "/analyzer?maxResults=100";
        let mut pages = site.paths(Service::AccessAnalyzer, LIST, path, PAGING);
        while let Some(mut page) = pages.next().await? {
            for mut analyzer in taken(&mut page, "analyzers") {
                leave_out(
                    &["lastResourceAnalyzed", "lastResourceAnalyzedAt"],
                    &mut analyzer,
                );
                out.add(Resource {
                    id: text(&analyzer, "arn").to_owned(),
                    region: site.place.clone(),
                    state: state([("Analyzer", analyzer)]),
                })
                .await?;
            }
        }
        Ok(())
    }
    .boxed()
}

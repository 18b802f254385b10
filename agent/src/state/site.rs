//! Where a survey looks: one account, one Region, the calls to it and what they were refused for.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::account::{AccountId, Partition, Region};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};

use super::document::unavailable;
use crate::cloud::{CallError, Cloud, Problem, Service, unreadable};

/// Tries of a call that is throttled, beyond those of the SDK.
const PATIENCE: u32 = 3;
/// Pages of one listing; one that never ends is none.
const PAGES_MAX: usize = 100_000;

/// A place to survey.
pub(super) struct Site {
    pub cloud: Cloud,
    pub account: AccountId,
    /// Where AWS is asked; for what is global, the home Region.
    pub region: Region,
    /// The Region as resources name it.
    pub place: String,
    /// Calls that were refused for parts, and AWS's codes.
    refused: Mutex<BTreeMap<&'static str, String>>,
}

/// A call that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {error}")]
pub struct Refused {
    /// The permission that it takes, such as `iam:ListUsers`.
    pub call: &'static str,
    pub error: CallError,
}

impl Refused {
    pub(super) fn code(&self) -> &str {
        match (self.error.code.as_str(), self.error.problem) {
            ("", Problem::Unreachable) => "Unreachable",
            ("", Problem::Credentials) => "NoCredentials",
            ("", Problem::Denied | Problem::Throttled | Problem::Failed) => "Failed",
            (code, _) => code,
        }
    }

    /// Whether the next call would fare no better.
    pub(super) fn is_general(&self) -> bool {
        self.error.problem == Problem::Throttled || self.is_silence()
    }

    /// Whether nothing is to be had from the place: it does not answer, or takes no credentials.
    pub(super) fn is_silence(&self) -> bool {
        match self.error.problem {
            Problem::Credentials => true,
            Problem::Unreachable => self.error.code.is_empty(),
            Problem::Denied | Problem::Throttled | Problem::Failed => false,
        }
    }

    /// Whether it has one of these codes. An answer without a code has none, whatever the list says.
    fn is_one_of(&self, codes: &[&str]) -> bool {
        let code = self.error.code.as_str();
        !code.is_empty() && codes.contains(&code)
    }

    pub(super) fn part(&self) -> Json {
        unavailable(self.code(), self.call)
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    /// An action, with parameters.
    Act(&'a Json),
    Get {
        path: &'a str,
        headers: &'a [(&'static str, String)],
    },
    Post {
        path: &'a str,
        body: &'a Json,
    },
}

/// Names of the token of a page: in the question, and in the answer.
#[derive(Clone, Copy)]
pub(super) struct Paging {
    pub ask: &'static str,
    pub told: &'static str,
}

pub(super) const MARKER: Paging = Paging {
    ask: "Marker",
    told: "Marker",
};
pub(super) const NEXT_TOKEN: Paging = Paging {
    ask: "NextToken",
    told: "NextToken",
};

impl Site {
    pub(super) fn new(cloud: Cloud, account: AccountId, region: Region, place: String) -> Self {
        Self {
            cloud,
            account,
            region,
            place,
            refused: Mutex::default(),
        }
    }

    pub(super) fn partition(&self) -> Partition {
        Partition::of(&self.region)
    }

    /// The ARN of something of this account here.
    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        let partition = self.partition().as_str();
        let Self {
            account, region, ..
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    /// Calls an action. The call's name is its permission.
    pub(super) async fn act(
        &self,
        service: Service,
        call: &'static str,
        parameters: &Json,
    ) -> Result<Json, Refused> {
        self.ask(&self.region, service, call, Ask::Act(parameters))
            .await
    }

    /// Asks a path.
    pub(super) async fn post(
        &self,
        service: Service,
        call: &'static str,
        path: &str,
        body: &Json,
    ) -> Result<Json, Refused> {
        let ask = Ask::Post { path, body };
        self.ask(&self.region, service, call, ask).await
    }

    /// Reads a path.
    pub(super) async fn get(
        &self,
        service: Service,
        call: &'static str,
        path: &str,
    ) -> Result<Json, Refused> {
        let ask = Ask::Get { path, headers: &[] };
        self.ask(&self.region, service, call, ask).await
    }

    /// Asks, again and later and later while AWS asks to slow down.
    pub(super) async fn ask(
        &self,
        region: &Region,
        service: Service,
        call: &'static str,
        ask: Ask<'_>,
    ) -> Result<Json, Refused> {
        let cloud = &self.cloud;
        let mut tries = 0;
        loop {
            let answer = match ask {
                Ask::Act(parameters) => {
                    let (_, action) = call.split_once(':').unwrap_or(("", call));
                    cloud.act(service, region, action, parameters).await
                }
                Ask::Get { path, headers } => {
                    cloud.get(service, region, path, headers.to_vec()).await
                }
                Ask::Post { path, body } => {
                    cloud.call(service, region, "POST", path, Some(body)).await
                }
            };
            match answer {
                Ok(mut answer) => {
                    without_null(&mut answer);
                    return Ok(answer);
                }
                Err(error) if error.problem == Problem::Throttled && tries < PATIENCE => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_secs(1 << tries)).await;
                }
                Err(error) => return Err(Refused { call, error }),
            }
        }
    }

    /// An action, page by page.
    pub(super) const fn pages(
        &self,
        service: Service,
        call: &'static str,
        parameters: Json,
        paging: Paging,
    ) -> Pages<'_> {
        Pages {
            site: self,
            service,
            call,
            parameters,
            paging,
            left: PAGES_MAX,
        }
    }

    /// A path, page by page. The path has a query; the token goes behind it.
    pub(super) fn paths(
        &self,
        service: Service,
        call: &'static str,
        path: &str,
        paging: Paging,
    ) -> Paths<'_> {
        Paths {
            site: self,
            service,
            call,
            path: path.to_owned(),
            next: Some(path.to_owned()),
            paging,
            left: PAGES_MAX,
        }
    }

    /// The items of a list in all the pages of an action, for lists that are known to be short.
    pub(super) async fn whole(
        &self,
        mut pages: Pages<'_>,
        list: &str,
    ) -> Result<Vec<Json>, Refused> {
        let mut items = Vec::new();
        while let Some(mut page) = pages.next().await? {
            items.append(&mut taken(&mut page, list));
        }
        Ok(items)
    }

    /// What an answer is as a part: null where the code says that there is nothing, unavailable where it was refused.
    /// Fails only if the survey cannot go on.
    pub(super) fn part(
        &self,
        answer: Result<Json, Refused>,
        nothing: &[&str],
    ) -> Result<Json, Refused> {
        match answer {
            Ok(part) => Ok(part),
            Err(refused) if refused.is_general() => Err(refused),
            Err(refused) if refused.is_one_of(nothing) => Ok(Json::Null),
            Err(refused) => {
                self.note(&refused);
                Ok(refused.part())
            }
        }
    }

    /// Remembers that a call was refused for a part.
    pub(super) fn note(&self, refused: &Refused) {
        let code = refused.code().to_owned();
        self.refused.lock().insert(refused.call, code);
    }

    /// The calls that were refused for parts, and why.
    pub(super) fn refused(&self) -> BTreeMap<&'static str, String> {
        self.refused.lock().clone()
    }
}

/// The pages of a listing.
pub(super) struct Pages<'a> {
    site: &'a Site,
    service: Service,
    call: &'static str,
    /// Null behind the last page.
    parameters: Json,
    paging: Paging,
    left: usize,
}

impl Pages<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Json>, Refused> {
        if self.parameters.is_null() {
            return Ok(None);
        }
        let site = self.site;
        let page = site.act(self.service, self.call, &self.parameters).await?;
        let page = listed(self.call, page)?;
        let token = page[self.paging.told].as_str();
        match token.filter(|token| !token.is_empty()) {
            Some(_) if self.left == 0 => return Err(endless(self.call)),
            Some(token) => self.parameters[self.paging.ask] = token.into(),
            None => self.parameters = Json::Null,
        }
        self.left = self.left.saturating_sub(1);
        Ok(Some(page))
    }
}

/// The pages of a listing that is a path.
pub(super) struct Paths<'a> {
    site: &'a Site,
    service: Service,
    call: &'static str,
    path: String,
    next: Option<String>,
    paging: Paging,
    left: usize,
}

impl Paths<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Json>, Refused> {
        let Some(path) = self.next.take() else {
            return Ok(None);
        };
        let page = self.site.get(self.service, self.call, &path).await?;
        let page = listed(self.call, page)?;
        let token = page[self.paging.told].as_str();
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            if self.left == 0 {
                return Err(endless(self.call));
            }
            let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            self.next = Some(format!("{}&{}={token}", self.path, self.paging.ask));
        }
        self.left = self.left.saturating_sub(1);
        Ok(Some(page))
    }
}

/// The answer of a listing, which is an object even if nothing is listed: of anything else all would seem gone.
pub(super) fn listed(call: &'static str, answer: Json) -> Result<Json, Refused> {
    if answer.is_object() {
        return Ok(answer);
    }
    let error = unreadable("the answer lists nothing, not even that there is nothing");
    Err(Refused { call, error })
}

fn endless(call: &'static str) -> Refused {
    Refused {
        call,
        error: CallError {
            problem: Problem::Failed,
            code: "EndlessListing".to_owned(),
            message: format!("the listing has no end after {PAGES_MAX} pages"),
        },
    }
}

/// Members without a value say as much as members that are not there, and services are not of one mind about them.
fn without_null(answer: &mut Json) {
    match answer {
        Json::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_null);
        }
        Json::Array(items) => items.iter_mut().for_each(without_null),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// A list out of an answer.
pub(super) fn taken(answer: &mut Json, list: &str) -> Vec<Json> {
    match answer.get_mut(list).map(Json::take) {
        Some(Json::Array(items)) => items,
        Some(_) | None => Vec::new(),
    }
}

/// A member out of an answer; null if it has none.
pub(super) fn member(answer: Result<Json, Refused>, name: &str) -> Result<Json, Refused> {
    answer.map(|mut answer| answer.get_mut(name).map(Json::take).unwrap_or_default())
}

/// A text of an entry; empty if it has none.
pub(super) fn text<'a>(entry: &'a Json, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

/// A state of these parts.
pub(super) fn state<const N: usize>(parts: [(&str, Json); N]) -> Map<String, Json> {
    parts
        .into_iter()
        .map(|(name, part)| (name.to_owned(), part))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::fake;

    /// The first page of a listing that is an action and of one that is a path.
    async fn pages(action: &'static str, path: &'static str) -> [Result<Option<Json>, String>; 2] {
        let cloud = fake::cloud(move |asked| {
            let answer = if asked.is_empty() { path } else { action };
            answer.to_owned()
        });
        let region: Region = "eu-west-1".parse().unwrap();
        let account = "111122223333".parse().unwrap();
        let site = Site::new(cloud.await, account, region, "eu-west-1".to_owned());
        let mut topics = site.pages(Service::Sns, "sns:ListTopics", json!({}), NEXT_TOKEN);
        let mut buckets = site.paths(Service::S3, "s3:ListAllMyBuckets", "/?a=b", NEXT_TOKEN);
        [topics.next().await, buckets.next().await]
            .map(|page| page.map_err(|refused| refused.code().to_owned()))
    }

    #[tokio::test]
    async fn a_page_that_is_no_list_is_not_a_list_of_nothing() {
        for (action, path) in [
            ("", ""),
            (" ", "null"),
            ("<html/>", "<html><body>Sign in</body></html>"),
            ("<ListTopicsResponse/>", "{}"),
        ] {
            for page in pages(action, path).await {
                assert_eq!(page, Err("UnreadableAnswer".to_owned()), "{action} {path}");
            }
        }
        let none = pages(
            "<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult></ListTopicsResponse>",
            "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
        );
        let [topics, buckets] = none.await;
        assert_eq!(topics, Ok(Some(json!({ "Topics": [] }))));
        assert_eq!(buckets, Ok(Some(json!({ "Buckets": [] }))));
    }

    #[test]
    fn a_listing_in_json_is_an_object() {
        assert_eq!(listed("a:B", json!({})), Ok(json!({})));
        for answer in [Json::Null, json!([]), json!("")] {
            assert_eq!(
                listed("a:B", answer).unwrap_err().code(),
                "UnreadableAnswer"
            );
        }
    }
}

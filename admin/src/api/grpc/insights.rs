//! `muster.v1.Insights`.

use std::time::Duration;

use futures::stream::BoxStream;
use muster_common::filter;
use muster_common::page::PageSeal;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::insights_server::Insights as Service;
use muster_store::Counts;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::findings::{fields, groups, read_filter};
use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::insights::{Change, Insight, InsightId, Insights};

const PAGE_MAX: u32 = 1_000;
const GROUPS_MAX: u32 = 10_000;
/// A watched insight is counted again at most once in this time.
const PACE: Duration = Duration::from_secs(1);

pub struct InsightsService {
    pub insights: Insights,
    pub seal: PageSeal,
    /// Ends watches when the server drains.
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl Service for InsightsService {
    type WatchInsightStream = BoxStream<'static, Result<wire::InsightResults, Status>>;

    async fn create_insight(
        &self,
        request: Request<wire::CreateInsightRequest>,
    ) -> Result<Response<wire::Insight>, Status> {
        let owner = caller::operator(&request)?.id.to_string();
        let wire::CreateInsightRequest {
            title,
            filter,
            group_by,
        } = request.into_inner();
        let filter = read_filter(filter.as_ref())?;
        let created = self
            .insights
            .create(&title, filter, fields(&group_by)?, &owner)
            .await
            .map_err(status)?;
        Ok(Response::new(insight(&created)))
    }

    async fn list_insights(
        &self,
        request: Request<wire::ListInsightsRequest>,
    ) -> Result<Response<wire::ListInsightsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListInsightsRequest {
            page_size,
            page_token,
            kind,
        } = request.into_inner();
        let kind = wire::InsightKind::try_from(kind)
            .map_err(|_| invalid("kind: should be MANAGED or CUSTOM"))?;
        let list = format!("insights/{}", kind.as_str_name());
        let after: Option<Vec<u8>> = page::open(&self.seal, &list, &by, &page_token)?;
        let size = page::size(page_size, PAGE_MAX)?;
        let mut insights = Vec::new();
        // The managed ones stand on the first page, before the custom ones.
        if after.is_none() && kind != wire::InsightKind::Custom {
            insights.extend(self.insights.managed().iter().map(insight));
        }
        let mut next = None;
        if kind != wire::InsightKind::Managed {
            let (custom, more) = self.insights.custom(after, size).await.map_err(status)?;
            next = custom
                .last()
                .filter(|_| more)
                .map(|last| last.id.to_string().into_bytes());
            insights.extend(custom.iter().map(insight));
        }
        Ok(Response::new(wire::ListInsightsResponse {
            insights,
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn get_insight(
        &self,
        request: Request<wire::GetInsightRequest>,
    ) -> Result<Response<wire::Insight>, Status> {
        let found = self
            .insights
            .get(&id(&request.into_inner().name)?)
            .await
            .map_err(status)?;
        Ok(Response::new(insight(&found)))
    }

    async fn update_insight(
        &self,
        request: Request<wire::UpdateInsightRequest>,
    ) -> Result<Response<wire::Insight>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::UpdateInsightRequest {
            name,
            title,
            filter,
            group_by,
        } = request.into_inner();
        let change = Change {
            title,
            filter: filter
                .map(|filter| read_filter(Some(&filter)))
                .transpose()?,
            group_by: group_by.map(|list| fields(&list.values)).transpose()?,
        };
        let changed = self
            .insights
            .update(&id(&name)?, &change, &by)
            .await
            .map_err(status)?;
        Ok(Response::new(insight(&changed)))
    }

    async fn delete_insight(
        &self,
        request: Request<wire::DeleteInsightRequest>,
    ) -> Result<Response<wire::DeleteInsightResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let id = id(&request.into_inner().name)?;
        self.insights.delete(&id, &by).await.map_err(status)?;
        Ok(Response::new(wire::DeleteInsightResponse {}))
    }

    async fn get_insight_results(
        &self,
        request: Request<wire::GetInsightResultsRequest>,
    ) -> Result<Response<wire::InsightResults>, Status> {
        let wire::GetInsightResultsRequest { name, limit } = request.into_inner();
        let limit = page::size(limit, GROUPS_MAX)?;
        let found = self.insights.get(&id(&name)?).await.map_err(status)?;
        let counts = self.insights.results(&found, limit).await.map_err(status)?;
        Ok(Response::new(results(&found, counts)))
    }

    async fn watch_insight(
        &self,
        request: Request<wire::WatchInsightRequest>,
    ) -> Result<Response<Self::WatchInsightStream>, Status> {
        let wire::WatchInsightRequest { name, limit } = request.into_inner();
        let limit = page::size(limit, GROUPS_MAX)?;
        let watched = self.insights.get(&id(&name)?).await.map_err(status)?;
        let (answers, stream) = mpsc::channel(2);
        let (insights, stop) = (self.insights.clone(), self.stop.clone());
        tokio::spawn(async move {
            let end = tokio::select! {
                end = watch(&insights, &watched, limit, &answers) => end,
                () = stop.cancelled() => Err(Status::unavailable("the server is stopping; watch again")),
            };
            if let Err(error) = end {
                // The reader may have gone.
                let _ = answers.send(Err(error)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

/// Tells the results now, and after every change of them.
async fn watch(
    insights: &Insights,
    watched: &Insight,
    limit: usize,
    answers: &mpsc::Sender<Result<wire::InsightResults, Status>>,
) -> Result<(), Status> {
    let mut head = insights.head();
    let mut told: Option<Counts> = None;
    loop {
        head.borrow_and_update();
        let counts = insights.results(watched, limit).await.map_err(status)?;
        let same = told
            .as_ref()
            .is_some_and(|told| (told.total, &told.groups) == (counts.total, &counts.groups));
        if !same
            && answers
                .send(Ok(results(watched, counts.clone())))
                .await
                .is_err()
        {
            return Ok(());
        }
        told = Some(counts);
        tokio::select! {
            () = answers.closed() => return Ok(()),
            () = tokio::time::sleep(PACE) => {}
        }
        tokio::select! {
            () = answers.closed() => return Ok(()),
            changed = head.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

fn id(name: &str) -> Result<InsightId, Status> {
    name.parse().map_err(status::<crate::insights::Error>)
}

fn insight(insight: &Insight) -> wire::Insight {
    let kept = insight.kept.as_ref();
    wire::Insight {
        name: format!("insights/{}", insight.id),
        title: insight.title.clone(),
        managed: kept.is_none(),
        filters_json: filter::to_json(&insight.filter).to_string(),
        group_by: insight
            .group_by
            .iter()
            .map(|field| field.name().to_owned())
            .collect(),
        created_at: kept.map(|kept| to_wire(kept.created_at)),
        updated_at: kept.map(|kept| to_wire(kept.updated_at)),
        owner: kept.map(|kept| kept.owner.clone()).unwrap_or_default(),
    }
}

fn results(of: &Insight, counts: Counts) -> wire::InsightResults {
    let Counts {
        total,
        groups: ranked,
        group_count,
        sequence,
    } = counts;
    wire::InsightResults {
        insight: Some(insight(of)),
        total,
        groups: groups(ranked),
        group_count,
        sequence,
    }
}

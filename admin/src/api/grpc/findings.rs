//! `muster.v1.Findings`.

mod translate;
mod watch;

use bytes::Bytes;
use futures::stream::BoxStream;
use muster_common::filter::{Filter, wire as filter_wire};
use muster_common::finding::{self, FindingKey, IMPORT_FINDINGS_MAX};
use muster_common::page::PageSeal;
use muster_proto::v1 as wire;
use muster_proto::v1::findings_server::Findings as Service;
use muster_store::{Position, Sort};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::findings::{Error, Findings};
use crate::ingest::Ingest;
use crate::membership::Membership;
use translate::{Statuses, admission, history, item_error, patch, record, updated};
pub(super) use translate::{fields, groups};

const PAGE_MAX: u32 = 1_000;
const HISTORY_PAGE_MAX: u32 = 100;
const GROUPS_MAX: u32 = 10_000;
const UPDATE_MAX: usize = 100;

pub struct FindingsService {
    pub findings: Findings,
    pub ingest: Ingest,
    pub membership: Membership,
    pub seal: PageSeal,
    /// Ends watches when the server drains.
    pub stop: CancellationToken,
}

/// Where a list of findings goes on: the query and the place in its order.
#[derive(Serialize, Deserialize)]
struct ListPosition {
    filter: String,
    order_by: Vec<(String, bool)>,
    after: Position,
}

#[tonic::async_trait]
impl Service for FindingsService {
    type WatchFindingsStream = BoxStream<'static, Result<wire::WatchFindingsResponse, Status>>;

    async fn import_findings(
        &self,
        request: Request<wire::ImportFindingsRequest>,
    ) -> Result<Response<wire::ImportFindingsResponse>, Status> {
        let actor = caller::operator(&request)?.id.to_string();
        let items = request.into_inner().items;
        if items.is_empty() || items.len() > IMPORT_FINDINGS_MAX {
            return Err(invalid(format!(
                "items: {} were given; 1 to {IMPORT_FINDINGS_MAX} are allowed",
                items.len()
            )));
        }
        let documents = items
            .into_iter()
            .enumerate()
            .map(|(at, item)| {
                document(item).map_err(|what| invalid(format!("items[{at}]: {what}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let admissions = self
            .ingest
            .from_operator(&actor, documents)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::ImportFindingsResponse {
            results: admissions.into_iter().map(admission).collect(),
        }))
    }

    async fn list_findings(
        &self,
        request: Request<wire::ListFindingsRequest>,
    ) -> Result<Response<wire::ListFindingsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListFindingsRequest {
            filter,
            order_by,
            page_size,
            page_token,
            format,
        } = request.into_inner();
        let position: Option<ListPosition> = page::open(&self.seal, "findings", &by, &page_token)?;
        let (filter, sort) = match &position {
            Some(position) => continued(position, filter.as_ref(), &order_by)?,
            None => (read_filter(filter.as_ref())?, sorts(&order_by)?),
        };
        let size = page::size(page_size, PAGE_MAX)?;
        let after = position.map(|position| position.after);
        let found = self
            .findings
            .list(filter.clone(), sort.clone(), after, size)
            .await
            .map_err(status)?;
        let next = found.next.map(|after| ListPosition {
            filter: muster_common::filter::to_json(&filter).to_string(),
            order_by: sort
                .iter()
                .map(|sort| (sort.field.name().to_owned(), sort.descending))
                .collect(),
            after,
        });
        let mut statuses = Statuses::new(&self.membership);
        let mut findings = Vec::with_capacity(found.findings.len());
        for finding in found.findings {
            findings.push(record(finding, format, &mut statuses).await?);
        }
        Ok(Response::new(wire::ListFindingsResponse {
            findings,
            next_page_token: page::seal(&self.seal, "findings", &by, next.as_ref()),
        }))
    }

    async fn get_finding(
        &self,
        request: Request<wire::GetFindingRequest>,
    ) -> Result<Response<wire::FindingRecord>, Status> {
        let wire::GetFindingRequest { name, format } = request.into_inner();
        let key = self.findings.resolve(&name).await.map_err(status)?;
        let found = self.findings.get(key).await.map_err(status)?;
        let mut statuses = Statuses::new(&self.membership);
        Ok(Response::new(record(found, format, &mut statuses).await?))
    }

    async fn update_findings(
        &self,
        request: Request<wire::UpdateFindingsRequest>,
    ) -> Result<Response<wire::UpdateFindingsResponse>, Status> {
        let caller = caller::operator(&request)?;
        let wire::UpdateFindingsRequest {
            findings,
            patch: wanted,
        } = request.into_inner();
        if findings.is_empty() || findings.len() > UPDATE_MAX {
            return Err(invalid(format!(
                "findings: {} were given; 1 to {UPDATE_MAX} are allowed",
                findings.len()
            )));
        }
        let wanted = patch(wanted.unwrap_or_default(), caller.name().as_str());
        wanted.check().map_err(|error| invalid(error.to_string()))?;
        let actor = caller.id.to_string();
        let mut results = Vec::with_capacity(findings.len());
        for named in findings {
            let outcome = match self.identify(named).await? {
                Ok(key) => {
                    let outcomes = self
                        .findings
                        .update(vec![key], &wanted, &actor)
                        .await
                        .map_err(status)?;
                    updated(outcomes.first().copied())
                }
                Err(error) => wire::update_result::Outcome::Error(error),
            };
            results.push(wire::UpdateResult {
                outcome: Some(outcome),
            });
        }
        Ok(Response::new(wire::UpdateFindingsResponse { results }))
    }

    async fn list_finding_history(
        &self,
        request: Request<wire::ListFindingHistoryRequest>,
    ) -> Result<Response<wire::ListFindingHistoryResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListFindingHistoryRequest {
            name,
            page_size,
            page_token,
        } = request.into_inner();
        let key = self.findings.resolve(&name).await.map_err(status)?;
        let list = format!("history/{key}");
        let before: Option<u64> = page::open(&self.seal, &list, &by, &page_token)?;
        let size = page::size(page_size, HISTORY_PAGE_MAX)?;
        let (entries, more) = self
            .findings
            .history(key, before, size)
            .await
            .map_err(status)?;
        let next = entries.last().filter(|_| more).map(|entry| entry.sequence);
        Ok(Response::new(wire::ListFindingHistoryResponse {
            records: entries.into_iter().map(history).collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn watch_findings(
        &self,
        request: Request<wire::WatchFindingsRequest>,
    ) -> Result<Response<Self::WatchFindingsStream>, Status> {
        let wire::WatchFindingsRequest {
            filter,
            after_sequence,
            format,
        } = request.into_inner();
        let filter = read_filter(filter.as_ref())?;
        let head = self.findings.head();
        let after = after_sequence.unwrap_or(*head.borrow());
        let watch = watch::Watch {
            findings: self.findings.clone(),
            membership: self.membership.clone(),
            filter,
            format,
            after,
            head,
        };
        Ok(Response::new(watch.stream(self.stop.clone())))
    }

    async fn count_findings(
        &self,
        request: Request<wire::CountFindingsRequest>,
    ) -> Result<Response<wire::CountFindingsResponse>, Status> {
        let wire::CountFindingsRequest {
            filter,
            group_by,
            limit,
        } = request.into_inner();
        let filter = read_filter(filter.as_ref())?;
        let limit = page::size(limit, GROUPS_MAX)?;
        let counts = self
            .findings
            .count(filter, fields(&group_by)?, limit)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::CountFindingsResponse {
            total: counts.total,
            groups: groups(counts.groups),
            group_count: counts.group_count,
        }))
    }
}

impl FindingsService {
    /// The one finding that an identifier names.
    async fn identify(
        &self,
        named: wire::FindingIdentifier,
    ) -> Result<Result<FindingKey, wire::ItemError>, Status> {
        let wire::FindingIdentifier {
            name,
            id,
            product_arn,
        } = named;
        if !name.is_empty() {
            return match self.findings.resolve(&name).await {
                Ok(key) => Ok(Ok(key)),
                Err(error @ (Error::NotFound { .. } | Error::Ambiguous { .. })) => {
                    Ok(Err(item_error("FindingNotFound", error.to_string())))
                }
                Err(error @ Error::Name { .. }) => {
                    Ok(Err(item_error("InvalidInput", error.to_string())))
                }
                Err(error) => Err(status(error)),
            };
        }
        let found = self
            .findings
            .find(&id, &product_arn)
            .await
            .map_err(status)?;
        Ok(match found[..] {
            [key] => Ok(key),
            [] => Err(item_error(
                "FindingNotFound",
                format!("there is no finding with id `{id}` of product `{product_arn}`"),
            )),
            _ => Err(item_error(
                "DuplicatedFindingIdentifier",
                format!(
                    "{} findings have the id `{id}`; name one by `findings/...`",
                    found.len()
                ),
            )),
        })
    }
}

fn document(item: wire::ImportItem) -> Result<Bytes, String> {
    match item.document {
        Some(wire::import_item::Document::Asff(text)) => Ok(text),
        Some(wire::import_item::Document::Finding(typed)) => finding::wire::to_json(&typed)
            .map(Bytes::from)
            .map_err(|error| error.to_string()),
        None => Err("neither `finding` nor `asff` is set".to_owned()),
    }
}

pub(super) fn read_filter(filter: Option<&wire::Filter>) -> Result<Filter, Status> {
    filter_wire::read(filter).map_err(|error| invalid(format!("filter: {error}")))
}

fn sorts(order_by: &[wire::SortCriterion]) -> Result<Vec<Sort>, Status> {
    order_by
        .iter()
        .map(|criterion| {
            Ok(Sort {
                field: criterion
                    .field
                    .parse()
                    .map_err(|error| invalid(format!("order_by: {error}")))?,
                descending: criterion.descending,
            })
        })
        .collect()
}

/// The query of a continued list. What is given beside the token must be the same.
fn continued(
    position: &ListPosition,
    filter: Option<&wire::Filter>,
    order_by: &[wire::SortCriterion],
) -> Result<(Filter, Vec<Sort>), Status> {
    let damaged = |_| invalid("page_token: it was made by another version; start again without it");
    let kept = muster_common::filter::from_json(&position.filter).map_err(damaged)?;
    let criteria: Vec<wire::SortCriterion> = position
        .order_by
        .iter()
        .map(|(field, descending)| wire::SortCriterion {
            field: field.clone(),
            descending: *descending,
        })
        .collect();
    let differs = match filter {
        Some(filter) => {
            muster_common::filter::to_json(&read_filter(Some(filter))?)
                != muster_common::filter::to_json(&kept)
        }
        None => false,
    };
    if differs || !order_by.is_empty() && order_by != criteria {
        return Err(invalid(
            "page_token: it belongs to another filter or order; leave them out, or start again",
        ));
    }
    Ok((kept, sorts(&criteria)?))
}

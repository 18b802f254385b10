//! `muster.v1.Resources`.

use muster_common::account::AccountId;
use muster_common::page::PageSeal;
use muster_common::timestamp::{from_wire, to_wire};
use muster_proto::v1 as wire;
use muster_proto::v1::resources_server::Resources as Service;
use muster_store::{Bound, Position};
use tonic::{Request, Response, Status};

use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::inventory::{Asked, By, Coverage, Held, Inventory, Listing, Name, Presence, Trouble};

const PAGE_MAX: u32 = 1_000;
const HISTORY_MAX: u32 = 100;
const HISTORY_DEFAULT: u32 = 20;
const GROUPS_MAX: u32 = 10_000;
const GROUP_BY_MAX: usize = 2;

pub struct ResourcesService {
    pub inventory: Inventory,
    pub seal: PageSeal,
}

#[tonic::async_trait]
impl Service for ResourcesService {
    async fn list_resources(
        &self,
        request: Request<wire::ListResourcesRequest>,
    ) -> Result<Response<wire::ListResourcesResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListResourcesRequest {
            filter,
            page_size,
            page_token,
            with_state,
        } = request.into_inner();
        let asked = asked(filter.unwrap_or_default())?;
        // A token is good for its own question only.
        let list = format!("resources/{asked:?}");
        let after: Option<Position> = page::open(&self.seal, &list, &by, &page_token)?;
        let size = page::size(page_size, PAGE_MAX)?;
        let (found, next) = self
            .inventory
            .list(&asked, after, size)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::ListResourcesResponse {
            resources: found
                .iter()
                .map(|held| resource(held, with_state))
                .collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn get_resource(
        &self,
        request: Request<wire::GetResourceRequest>,
    ) -> Result<Response<wire::ObservedResource>, Status> {
        let wire::GetResourceRequest { name, as_of } = request.into_inner();
        let key = self.inventory.resolve(&name).await.map_err(status)?;
        let as_of = as_of.as_ref().map(from_wire);
        let held = self.inventory.get(key, as_of).await.map_err(status)?;
        Ok(Response::new(resource(&held, true)))
    }

    async fn list_resource_history(
        &self,
        request: Request<wire::ListResourceHistoryRequest>,
    ) -> Result<Response<wire::ListResourceHistoryResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListResourceHistoryRequest {
            name,
            page_size,
            page_token,
        } = request.into_inner();
        let key = self.inventory.resolve(&name).await.map_err(status)?;
        let list = format!("resources/{key}/history");
        let before: Option<u64> = page::open(&self.seal, &list, &by, &page_token)?;
        let size = match page_size {
            0 => HISTORY_DEFAULT as usize,
            given => page::size(given, HISTORY_MAX)?,
        };
        let history = self.inventory.history(key, before, size).await;
        let (states, next) = history.map_err(status)?;
        Ok(Response::new(wire::ListResourceHistoryResponse {
            states: states.iter().map(|held| resource(held, true)).collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn count_resources(
        &self,
        request: Request<wire::CountResourcesRequest>,
    ) -> Result<Response<wire::CountResourcesResponse>, Status> {
        let wire::CountResourcesRequest {
            filter,
            group_by,
            limit,
        } = request.into_inner();
        let asked = asked(filter.unwrap_or_default())?;
        if group_by.len() > GROUP_BY_MAX {
            return Err(invalid(format!(
                "group_by: at most {GROUP_BY_MAX} of type, account, region"
            )));
        }
        let by: Vec<By> = group_by
            .iter()
            .map(|name| by(name))
            .collect::<Result<_, _>>()?;
        let limit = page::size(limit, GROUPS_MAX)?;
        let counts = self.inventory.count(&asked, &by, limit).await;
        let counts = counts.map_err(status)?;
        let groups = counts.groups.into_iter().filter(|_| !by.is_empty());
        Ok(Response::new(wire::CountResourcesResponse {
            total: counts.total,
            groups: groups
                .map(|group| wire::ResourceGroup {
                    values: group.values,
                    count: group.count,
                })
                .collect(),
            group_count: counts.group_count,
        }))
    }

    async fn list_coverage(
        &self,
        request: Request<wire::ListCoverageRequest>,
    ) -> Result<Response<wire::ListCoverageResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListCoverageRequest {
            account: only,
            page_size,
            page_token,
        } = request.into_inner();
        if !only.is_empty() {
            let rows = self.inventory.coverage(account(&only)?).await;
            return Ok(Response::new(wire::ListCoverageResponse {
                coverage: rows.map_err(status)?.into_iter().map(coverage).collect(),
                next_page_token: String::new(),
            }));
        }
        let after: Option<Vec<u8>> = page::open(&self.seal, "coverage", &by, &page_token)?;
        let size = match page_size {
            0 => PAGE_MAX as usize,
            given => page::size(given, PAGE_MAX)?,
        };
        let bound = after.map_or(Bound::Start, Bound::After);
        let rows = self.inventory.coverage_page(bound, size).await;
        let (rows, next) = rows.map_err(status)?;
        Ok(Response::new(wire::ListCoverageResponse {
            coverage: rows.into_iter().map(coverage).collect(),
            next_page_token: page::seal(&self.seal, "coverage", &by, next.as_ref()),
        }))
    }
}

fn asked(filter: wire::ResourceFilter) -> Result<Asked, Status> {
    let wire::ResourceFilter {
        accounts,
        regions,
        resource_types,
        id,
        include_gone,
    } = filter;
    Ok(Asked {
        accounts: accounts
            .iter()
            .map(|text| account(text))
            .collect::<Result<_, _>>()?,
        regions,
        places: Vec::new(),
        kinds: resource_types,
        id: match (id.strip_suffix('*'), id.is_empty()) {
            (_, true) => None,
            (Some(beginning), _) => Some(Name::Beginning(beginning.to_owned())),
            (None, _) => Some(Name::Whole(id)),
        },
        gone: include_gone,
    })
}

fn account(text: &str) -> Result<AccountId, Status> {
    text.parse()
        .map_err(|error| invalid(format!("account: {error}")))
}

fn by(name: &str) -> Result<By, Status> {
    match name {
        "type" => Ok(By::Kind),
        "account" => Ok(By::Account),
        "region" => Ok(By::Region),
        other => Err(invalid(format!(
            "group_by: {other:?} is none of type, account, region"
        ))),
    }
}

fn resource(held: &Held, with_state: bool) -> wire::ObservedResource {
    let Held {
        key,
        account,
        kind,
        region,
        id,
        document,
        observed_at,
        presence,
    } = held;
    wire::ObservedResource {
        name: format!("resources/{key}"),
        account: account.to_string(),
        region: region.clone(),
        resource_type: kind.clone(),
        id: id.clone(),
        state_json: if with_state {
            state(document)
        } else {
            String::new()
        },
        observed_at: Some(to_wire(*observed_at)),
        gone: *presence != Presence::Present,
        unread: *presence == Presence::Unread,
    }
}

/// The state in a stored document, as it stands there.
fn state(document: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Stated<'a> {
        #[serde(borrow)]
        state: &'a serde_json::value::RawValue,
    }
    serde_json::from_slice::<Stated<'_>>(document)
        .map(|stated| stated.state.get().to_owned())
        .unwrap_or_default()
}

fn coverage(row: Coverage) -> wire::Coverage {
    let Coverage {
        account,
        place,
        kind,
        listing,
    } = row;
    let Listing {
        epoch: _,
        complete_at,
        count,
        tried_at,
        trouble,
    } = listing;
    let (trouble_code, trouble_call, trouble_message) = trouble.map_or_else(
        Default::default,
        |Trouble {
             code,
             call,
             message,
         }| (code, call, message),
    );
    wire::Coverage {
        account: account.to_string(),
        region: place,
        resource_type: kind,
        complete_at: complete_at.map(to_wire),
        count,
        tried_at: Some(to_wire(tried_at)),
        trouble_code,
        trouble_call,
        trouble_message,
    }
}

//! `muster.v1.Standards`.

mod translate;

use std::collections::BTreeMap;

use muster_common::account::AccountId;
use muster_common::page::PageSeal;
use muster_common::timestamp::from_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::standards_server::Standards as Service;
use muster_proto::v1::update_control_request::Change;
use tonic::{Request, Response, Status};

use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::compliance::{Attempt, Compliance, DAYS_MAX, Error, Place, Whose};
use translate::{attempted, control, daily, score, standard, totals};

const PAGE_MAX: u32 = 1_000;
const CONTROLS_DEFAULT: u32 = 1_000;
const DAYS_DEFAULT: u32 = 30;
/// Accounts that one attempt may name.
const ACCOUNTS_MAX: usize = 1_000;

pub struct StandardsService {
    pub compliance: Compliance,
    pub seal: PageSeal,
}

#[tonic::async_trait]
impl Service for StandardsService {
    async fn list_standards(
        &self,
        _: Request<wire::ListStandardsRequest>,
    ) -> Result<Response<wire::ListStandardsResponse>, Status> {
        let choices = self.compliance.choices().await.map_err(status)?;
        let catalog = self.compliance.catalog();
        let standards = catalog.standards().iter();
        let standards = standards.map(|one| standard(catalog, &choices, one));
        Ok(Response::new(wire::ListStandardsResponse {
            standards: standards.collect(),
        }))
    }

    async fn enable_standard(
        &self,
        request: Request<wire::EnableStandardRequest>,
    ) -> Result<Response<wire::Standard>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::EnableStandardRequest { name } = request.into_inner();
        self.set_standard(&name, true, &by).await
    }

    async fn disable_standard(
        &self,
        request: Request<wire::DisableStandardRequest>,
    ) -> Result<Response<wire::Standard>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::DisableStandardRequest { name } = request.into_inner();
        self.set_standard(&name, false, &by).await
    }

    async fn get_score(
        &self,
        request: Request<wire::GetScoreRequest>,
    ) -> Result<Response<wire::Score>, Status> {
        let wire::GetScoreRequest { standard, account } = request.into_inner();
        let whose = whose(&standard, &account)?;
        let told = self.compliance.score(whose).await.map_err(status)?;
        Ok(Response::new(score(told)))
    }

    async fn list_account_scores(
        &self,
        request: Request<wire::ListAccountScoresRequest>,
    ) -> Result<Response<wire::ListAccountScoresResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListAccountScoresRequest {
            standard,
            page_size,
            page_token,
        } = request.into_inner();
        let standard = standard_id(&standard);
        let list = format!("account-scores/{standard}");
        let after: Option<u64> = page::open(&self.seal, &list, &by, &page_token)?;
        let start = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX);
        let size = page::size(page_size, PAGE_MAX)?;
        let all = self
            .compliance
            .account_scores(standard)
            .await
            .map_err(status)?;
        let end = start.saturating_add(size);
        let next = (end < all.len()).then_some(end as u64);
        let shown = all.into_iter().skip(start).take(size);
        let scores = shown.map(|(account, of_account)| {
            let whose = Whose {
                standard: standard.to_owned(),
                account: Some(account),
            };
            totals(&whose, of_account)
        });
        Ok(Response::new(wire::ListAccountScoresResponse {
            scores: scores.collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn list_score_history(
        &self,
        request: Request<wire::ListScoreHistoryRequest>,
    ) -> Result<Response<wire::ListScoreHistoryResponse>, Status> {
        let wire::ListScoreHistoryRequest {
            standard,
            account,
            days,
        } = request.into_inner();
        let whose = whose(&standard, &account)?;
        let days = match days {
            0 => DAYS_DEFAULT as usize,
            days => days as usize,
        };
        if days > DAYS_MAX {
            return Err(invalid(format!(
                "days: {days} is too many; at most {DAYS_MAX}"
            )));
        }
        let told = self.compliance.history(&whose, days).await;
        let days = told.map_err(status)?.into_iter();
        Ok(Response::new(wire::ListScoreHistoryResponse {
            days: days.map(|(date, of)| daily(&whose, date, of)).collect(),
        }))
    }

    async fn list_controls(
        &self,
        request: Request<wire::ListControlsRequest>,
    ) -> Result<Response<wire::ListControlsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListControlsRequest {
            standard,
            page_size,
            page_token,
        } = request.into_inner();
        let standard = standard_id(&standard);
        let list = format!("controls/{standard}");
        let after: Option<u64> = page::open(&self.seal, &list, &by, &page_token)?;
        let start = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX);
        let size = match page_size {
            0 => CONTROLS_DEFAULT as usize,
            size => page::size(size, PAGE_MAX)?,
        };
        let choices = self.compliance.choices().await.map_err(status)?;
        let catalog = self.compliance.catalog();
        let entries = self.compliance.controls(standard).map_err(status)?;
        let end = start.saturating_add(size);
        let next = (end < entries.len()).then_some(end as u64);
        let shown = entries.into_iter().skip(start).take(size);
        Ok(Response::new(wire::ListControlsResponse {
            controls: shown
                .map(|entry| control(catalog, &choices, entry))
                .collect(),
            next_page_token: page::seal(&self.seal, &list, &by, next.as_ref()),
        }))
    }

    async fn get_control(
        &self,
        request: Request<wire::GetControlRequest>,
    ) -> Result<Response<wire::Control>, Status> {
        self.control(control_id(&request.into_inner().name)).await
    }

    async fn update_control(
        &self,
        request: Request<wire::UpdateControlRequest>,
    ) -> Result<Response<wire::Control>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::UpdateControlRequest { name, change } = request.into_inner();
        let id = control_id(&name);
        let compliance = &self.compliance;
        let done = match change {
            None => Err(Error::NoChange),
            Some(Change::Disable(disabling)) => {
                let place = place(&disabling)?;
                let reason = &disabling.reason;
                compliance.switch_off(id, &place, reason, &by).await
            }
            Some(Change::Enable(disabling)) => {
                let place = place(&disabling)?;
                compliance.switch_on(id, &place, &by).await
            }
            Some(Change::Parameters(wire::ParameterValues { values })) => {
                let values: BTreeMap<String, String> = values.into_iter().collect();
                compliance.set_parameters(id, &values, &by).await
            }
        };
        done.map_err(status)?;
        self.control(id).await
    }

    async fn try_control(
        &self,
        request: Request<wire::TryControlRequest>,
    ) -> Result<Response<wire::TryControlResponse>, Status> {
        let wire::TryControlRequest {
            control_toml,
            rule_rego,
            cases_json,
            as_of,
            accounts,
        } = request.into_inner();
        if accounts.len() > ACCOUNTS_MAX {
            return Err(invalid(format!(
                "accounts: {} were given, at most {ACCOUNTS_MAX} are allowed",
                accounts.len()
            )));
        }
        let accounts = accounts.iter().map(|text| account(text));
        let attempt = Attempt {
            control: control_toml,
            rule: rule_rego,
            cases: cases_json,
            as_of: as_of.as_ref().map(from_wire),
            accounts: accounts.collect::<Result<_, _>>()?,
        };
        let told = self.compliance.attempt(attempt).await.map_err(status)?;
        Ok(Response::new(attempted(told)))
    }
}

impl StandardsService {
    async fn set_standard(
        &self,
        name: &str,
        enabled: bool,
        by: &str,
    ) -> Result<Response<wire::Standard>, Status> {
        let id = standard_id(name);
        let compliance = &self.compliance;
        compliance
            .set_standard(id, enabled, by)
            .await
            .map_err(status)?;
        let choices = compliance.choices().await.map_err(status)?;
        let catalog = compliance.catalog();
        let missing = || Error::NoStandard { id: id.to_owned() };
        let found = catalog.standard(id).ok_or_else(missing).map_err(status)?;
        Ok(Response::new(standard(catalog, &choices, found)))
    }

    async fn control(&self, id: &str) -> Result<Response<wire::Control>, Status> {
        let choices = self.compliance.choices().await.map_err(status)?;
        let entry = self.compliance.control(id).map_err(status)?;
        let catalog = self.compliance.catalog();
        Ok(Response::new(control(catalog, &choices, entry)))
    }
}

/// A standard's id, with or without `standards/` before it.
fn standard_id(name: &str) -> &str {
    name.strip_prefix("standards/").unwrap_or(name)
}

/// A control's id, with or without `controls/` before it.
fn control_id(name: &str) -> &str {
    name.strip_prefix("controls/").unwrap_or(name)
}

fn account(text: &str) -> Result<AccountId, Status> {
    text.parse()
        .map_err(|error| invalid(format!("account: {error}")))
}

fn whose(standard: &str, of: &str) -> Result<Whose, Status> {
    let account = (!of.is_empty()).then(|| account(of)).transpose()?;
    Ok(Whose {
        standard: standard_id(standard).to_owned(),
        account,
    })
}

fn place(disabling: &wire::Disabling) -> Result<Place, Status> {
    let wire::Disabling {
        standard,
        account: of,
        reason: _,
        actor: _,
        at: _,
    } = disabling;
    match (standard.is_empty(), of.is_empty()) {
        (true, true) => Ok(Place::Everywhere),
        (false, true) => Ok(Place::Standard(standard_id(standard).to_owned())),
        (true, false) => Ok(Place::Account(account(of)?)),
        (false, false) => Err(status(Error::TwoPlaces)),
    }
}

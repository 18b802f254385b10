//! The standards of the small organization.

use muster_proto::v1 as wire;
use muster_proto::v1::standards_server::Standards;
use muster_proto::v1::update_control_request::Change;
use tonic::{Request, Response, Status};

use super::{Answer, page};
use crate::commands::report::sample;
use crate::naming;

pub(super) struct Fake;

fn controls() -> Vec<wire::Control> {
    let mut facts = sample::facts();
    let mut controls = facts.standards.remove(0).controls;
    let (mut disabled, place) = facts.disabled.remove(0);
    disabled.disabled.push(place);
    disabled.parameters.push(wire::ControlParameter {
        name: "ports".to_owned(),
        description: "What may be open".to_owned(),
        default_json: r#"["443"]"#.to_owned(),
        value_json: String::new(),
    });
    controls[0] = disabled;
    controls.push(wire::Control {
        name: "controls/Shop.1".to_owned(),
        title: "Baskets are closed at night".to_owned(),
        severity: "LOW".to_owned(),
        resource_types: vec!["AWS::S3::Bucket".to_owned()],
        custom: true,
        ..wire::Control::default()
    });
    controls
}

fn control(name: &str) -> Result<wire::Control, Status> {
    controls()
        .into_iter()
        .find(|control| control.name == name)
        .ok_or_else(|| Status::not_found(format!("there is no control {}", naming::id(name))))
}

fn standard(name: &str, enabled: bool) -> Result<Response<wire::Standard>, Status> {
    let standards = naming::tests::standards();
    let standard = standards.into_iter().find(|one| one.name == name);
    let standard = standard.ok_or_else(|| Status::not_found("there is no such standard"))?;
    Ok(Response::new(wire::Standard {
        enabled,
        ..standard
    }))
}

#[tonic::async_trait]
impl Standards for Fake {
    async fn list_standards(
        &self,
        _: Request<wire::ListStandardsRequest>,
    ) -> Answer<wire::ListStandardsResponse> {
        Ok(Response::new(wire::ListStandardsResponse {
            standards: naming::tests::standards(),
        }))
    }

    async fn enable_standard(
        &self,
        request: Request<wire::EnableStandardRequest>,
    ) -> Answer<wire::Standard> {
        standard(&request.into_inner().name, true)
    }

    async fn disable_standard(
        &self,
        request: Request<wire::DisableStandardRequest>,
    ) -> Answer<wire::Standard> {
        standard(&request.into_inner().name, false)
    }

    async fn get_score(&self, request: Request<wire::GetScoreRequest>) -> Answer<wire::Score> {
        let wire::GetScoreRequest { standard, account } = request.into_inner();
        Ok(Response::new(wire::Score {
            standard,
            account,
            ..sample::facts().standards.remove(0).score
        }))
    }

    async fn list_account_scores(
        &self,
        request: Request<wire::ListAccountScoresRequest>,
    ) -> Answer<wire::ListAccountScoresResponse> {
        let request = request.into_inner();
        let accounts = sample::facts().standards.remove(0).accounts;
        let (scores, next_page_token) = page(&accounts, &request.page_token, 1);
        Ok(Response::new(wire::ListAccountScoresResponse {
            scores,
            next_page_token,
        }))
    }

    async fn list_score_history(
        &self,
        request: Request<wire::ListScoreHistoryRequest>,
    ) -> Answer<wire::ListScoreHistoryResponse> {
        let wanted = usize::try_from(request.into_inner().days).unwrap();
        let mut days = sample::facts().standards.remove(0).history;
        days.drain(..days.len().saturating_sub(wanted));
        Ok(Response::new(wire::ListScoreHistoryResponse { days }))
    }

    async fn list_controls(
        &self,
        request: Request<wire::ListControlsRequest>,
    ) -> Answer<wire::ListControlsResponse> {
        let request = request.into_inner();
        let (controls, next_page_token) = page(&controls(), &request.page_token, 2);
        Ok(Response::new(wire::ListControlsResponse {
            controls,
            next_page_token,
        }))
    }

    async fn get_control(
        &self,
        request: Request<wire::GetControlRequest>,
    ) -> Answer<wire::Control> {
        control(&request.into_inner().name).map(Response::new)
    }

    async fn update_control(
        &self,
        request: Request<wire::UpdateControlRequest>,
    ) -> Answer<wire::Control> {
        let request = request.into_inner();
        let mut control = control(&request.name)?;
        match request.change.unwrap() {
            Change::Disable(place) => control.disabled.push(place),
            Change::Enable(place) => control.disabled.retain(|one| one.account != place.account),
            Change::Parameters(parameters) => {
                for parameter in &mut control.parameters {
                    if let Some(value) = parameters.values.get(&parameter.name) {
                        parameter.value_json.clone_from(value);
                    }
                }
            }
        }
        Ok(Response::new(control))
    }

    async fn try_control(
        &self,
        request: Request<wire::TryControlRequest>,
    ) -> Answer<wire::TryControlResponse> {
        let request = request.into_inner();
        assert!(request.control_toml.contains("S3.8"));
        let verdict = |status: &str, detail: &str| wire::TriedVerdict {
            account: request
                .accounts
                .first()
                .map_or("111122223333", String::as_str)
                .to_owned(),
            region: "eu-west-1".to_owned(),
            resource_type: "AWS::S3::Bucket".to_owned(),
            resource_id: "arn:aws:s3:::ledger-exports".to_owned(),
            status: status.to_owned(),
            detail: detail.to_owned(),
            ..wire::TriedVerdict::default()
        };
        Ok(Response::new(wire::TryControlResponse {
            passed: 1,
            failed: 1,
            verdicts: vec![
                verdict("FAILED", "ACLs may be public"),
                verdict("PASSED", ""),
            ],
            ..wire::TryControlResponse::default()
        }))
    }
}

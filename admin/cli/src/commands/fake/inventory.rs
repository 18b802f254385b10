//! The resources of the small organization: one bucket, and its life.

use muster_common::timestamp::{DAY, Timestamp, to_wire};
use muster_proto::v1 as wire;
use muster_proto::v1::resources_server::Resources;
use serde_json::{Value as Json, json};
use tonic::{Request, Response, Status};

use super::{Answer, page};
use crate::commands::report::sample;

pub(super) struct Fake;

const NAME: &str = "resources/3f9ac01b2d0000000000000000000000";
const ID: &str = "arn:aws:s3:::ledger-exports";

fn bucket(day: i64, state: &Json, gone: bool) -> wire::ObservedResource {
    let start = Timestamp::from_seconds(1_795_000_000);
    wire::ObservedResource {
        name: NAME.to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        resource_type: "AWS::S3::Bucket".to_owned(),
        id: ID.to_owned(),
        state_json: if gone {
            String::new()
        } else {
            state.to_string()
        },
        observed_at: Some(to_wire(start.plus(day * DAY))),
        gone,
        unread: false,
    }
}

/// The newest first.
fn life() -> Vec<wire::ObservedResource> {
    let closed = json!({
        "Name": "ledger-exports",
        "PublicAccessBlock": { "BlockPublicAcls": true, "BlockPublicPolicy": true },
        "Policy": { "Statement": [{ "Sid": "Readers" }] },
    });
    let open = json!({
        "Name": "ledger-exports",
        "PublicAccessBlock": { "BlockPublicAcls": false, "BlockPublicPolicy": true },
        "Policy": { "Statement": [{ "Sid": "Everybody" }, { "Sid": "Readers" }] },
    });
    let unread = json!({
        "Name": "ledger-exports",
        "PublicAccessBlock": { "BlockPublicAcls": true, "BlockPublicPolicy": true },
        "Policy": { "Unavailable": { "Code": "AccessDenied", "Call": "s3:GetBucketPolicy" } },
    });
    vec![
        bucket(5, &unread, false),
        bucket(4, &closed, false),
        bucket(3, &closed, true),
        bucket(2, &open, false),
        bucket(1, &closed, false),
    ]
}

#[tonic::async_trait]
impl Resources for Fake {
    async fn list_resources(
        &self,
        request: Request<wire::ListResourcesRequest>,
    ) -> Answer<wire::ListResourcesResponse> {
        let request = request.into_inner();
        let mut all = life();
        all.truncate(3);
        for resource in &mut all {
            if !request.with_state {
                resource.state_json.clear();
            }
        }
        let (resources, next_page_token) = page(&all, &request.page_token, request.page_size);
        Ok(Response::new(wire::ListResourcesResponse {
            resources,
            next_page_token,
        }))
    }

    async fn get_resource(
        &self,
        request: Request<wire::GetResourceRequest>,
    ) -> Answer<wire::ObservedResource> {
        let request = request.into_inner();
        if request.name != ID && !NAME.starts_with(&request.name) {
            return Err(Status::not_found(format!("there is no {}", request.name)));
        }
        let state = request.as_of.map_or(0, |_| 3);
        Ok(Response::new(life().remove(state)))
    }

    async fn list_resource_history(
        &self,
        request: Request<wire::ListResourceHistoryRequest>,
    ) -> Answer<wire::ListResourceHistoryResponse> {
        let request = request.into_inner();
        let (states, next_page_token) = page(&life(), &request.page_token, request.page_size);
        Ok(Response::new(wire::ListResourceHistoryResponse {
            states,
            next_page_token,
        }))
    }

    async fn count_resources(
        &self,
        request: Request<wire::CountResourcesRequest>,
    ) -> Answer<wire::CountResourcesResponse> {
        let request = request.into_inner();
        let group = |count, words: [&str; 2]| wire::ResourceGroup {
            values: words
                .map(str::to_owned)
                .into_iter()
                .take(request.group_by.len())
                .collect(),
            count,
        };
        Ok(Response::new(wire::CountResourcesResponse {
            total: 70,
            groups: vec![
                group(40, ["AWS::S3::Bucket", "111122223333"]),
                group(30, ["AWS::IAM::User", "222233334444"]),
            ],
            group_count: 2,
        }))
    }

    async fn list_coverage(
        &self,
        request: Request<wire::ListCoverageRequest>,
    ) -> Answer<wire::ListCoverageResponse> {
        let request = request.into_inner();
        let trouble = sample::facts().troubles.remove(0);
        let whole = wire::Coverage {
            account: "111122223333".to_owned(),
            trouble_code: String::new(),
            trouble_call: String::new(),
            trouble_message: String::new(),
            count: 12,
            ..trouble.clone()
        };
        let (coverage, next_page_token) = page(&[whole, trouble], &request.page_token, 1);
        Ok(Response::new(wire::ListCoverageResponse {
            coverage,
            next_page_token,
        }))
    }
}

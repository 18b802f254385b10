//! A stand-in for STS: answers GetCallerIdentity for the account that the access key id ends in.

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use muster_common::account::AccountId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Stops when it is dropped.
pub(super) struct Sts {
    pub endpoint: String,
    serving: JoinHandle<()>,
}

impl Sts {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/", socket.local_addr()?);
        let serving = tokio::spawn(async move {
            // Whoever asks notices if it ends.
            let _ = axum::serve(socket, Router::new().route("/", post(identity))).await;
        });
        Ok(Self { endpoint, serving })
    }
}

impl Drop for Sts {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The access key id of an account.
pub(super) fn access_key_id(account: AccountId) -> String {
    format!("ASIA{account}")
}

async fn identity(
    headers: HeaderMap,
) -> (
    StatusCode,
    [(axum::http::HeaderName, &'static str); 1],
    String,
) {
    let json = [(CONTENT_TYPE, "application/json")];
    let account = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential=ASIA"))
        .and_then(|(_, rest)| rest.get(..12)?.parse::<AccountId>().ok());
    match account {
        Some(account) => {
            let answer = format!(
                r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":"{account}","Arn":"arn:aws:sts::{account}:assumed-role/MusterAgent/bench","UserId":"AROABENCH{account}:bench"}},"ResponseMetadata":{{"RequestId":"bench"}}}}}}"#
            );
            (StatusCode::OK, json, answer)
        }
        None => (
            StatusCode::FORBIDDEN,
            json,
            r#"{"Error":{"Code":"InvalidClientTokenId"}}"#.to_owned(),
        ),
    }
}

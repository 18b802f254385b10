//! A stand-in for AWS: STS knows the account that the access key id ends in, and every other service has nothing to tell.

use axum::Router;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use muster_common::account::AccountId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Regions that an account has unless it asks for more.
const REGIONS: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "sa-east-1",
];

/// Stops when it is dropped.
pub(crate) struct Cloud {
    pub endpoint: String,
    serving: JoinHandle<()>,
}

impl Cloud {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let routes = Router::new()
            .route("/", post(identity))
            .fallback(async || (JSON, nothing()));
        Self::serve(routes).await
    }

    /// Another one, that answers otherwise.
    pub(crate) async fn serve(routes: Router) -> anyhow::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/", socket.local_addr()?);
        let serving = tokio::spawn(async move {
            // Whoever asks notices if it ends.
            let _ = axum::serve(socket, routes).await;
        });
        Ok(Self { endpoint, serving })
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The access key id of an account.
pub(crate) fn access_key_id(account: AccountId) -> String {
    format!("ASIA{account}")
}

pub(crate) type ContentType = [(HeaderName, &'static str); 1];
const JSON: ContentType = [(CONTENT_TYPE, "application/json")];
const XML: ContentType = [(CONTENT_TYPE, "text/xml")];

/// An empty list of everything that collectors ask for, and the Regions of the account.
fn nothing() -> String {
    let regions = REGIONS.map(
        |name| serde_json::json!({"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"}),
    );
    serde_json::json!({
        "Regions": regions, "detectorIds": [], "findingIds": [], "findings": [], "Findings": [],
    })
    .to_string()
}

/// Whose the credentials are.
pub(crate) async fn identity(headers: HeaderMap) -> (StatusCode, ContentType, String) {
    let account = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential=ASIA"))
        .and_then(|(_, rest)| rest.get(..12)?.parse::<AccountId>().ok());
    let Some(account) = account else {
        let error = r#"{"Error":{"Code":"InvalidClientTokenId"}}"#.to_owned();
        return (StatusCode::FORBIDDEN, JSON, error);
    };
    let arn = format!("arn:aws:sts::{account}:assumed-role/MusterAgent/bench");
    let user = format!("AROABENCH{account}:bench");
    // The admin asks for JSON, the agent's client takes XML.
    if headers
        .get(ACCEPT)
        .is_some_and(|accept| accept == "application/json")
    {
        let answer = format!(
            r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":"{account}","Arn":"{arn}","UserId":"{user}"}},"ResponseMetadata":{{"RequestId":"bench"}}}}}}"#
        );
        return (StatusCode::OK, JSON, answer);
    }
    let answer = format!(
        r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>{user}</UserId><Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#
    );
    (StatusCode::OK, XML, answer)
}

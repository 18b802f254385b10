//! The way to AWS: signed calls to any service in its own protocol, on the SDK's own runtime.
//!
//! In: a service, a Region, and a path and a body or an action and its parameters. Out: the answer as JSON, whole. Always: credentials, signing, retries,
//! timeouts and endpoints are those of the AWS SDK for Rust; an answer is at most 32 MiB; of each service in each Region so many
//! calls are under way as it takes, and never more than [`Service`] says. Not here: what an answer means
//! (`collectors`, `mapping`, `state`).
//! Why no generated clients: they drop every field that they do not know, which for findings is data loss, and each adds
//! minutes to a build and megabytes to a binary that promises to be small (ARCHITECTURE.md, "The agent").

mod ask;
mod call;
#[cfg(test)]
pub(crate) mod fake;
mod pace;
mod proof;
mod refusal;
mod service;
mod shape;
mod skew;
mod xml;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use muster_common::account::{AccountId, Region};
use muster_common::clock::Clock;
use parking_lot::Mutex;
use serde_json::Value as Json;

pub(crate) use ask::unreadable;
use call::Operation;
pub use call::{CallError, Problem};
pub use proof::sign;
pub use service::Service;
use skew::Skew;

/// Tries of one call, the first included.
const ATTEMPTS_MAX: u32 = 4;
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the list of Regions, each of which has 50; one that never ends is none.
const REGION_PAGES_MAX: usize = 20;

/// A way to AWS. Cheap to clone.
#[derive(Clone)]
pub struct Cloud {
    config: Arc<SdkConfig>,
    operations: Arc<Mutex<HashMap<(Service, Region), Operation>>>,
    skew: Skew,
}

/// An AWS that is not the environment's.
pub struct Endpoint {
    /// Of all services.
    pub url: String,
    pub credentials: Credentials,
    pub client: SharedHttpClient,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountId,
    pub arn: String,
}

/// Why the credentials are no good.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(
        "there are no AWS credentials{0}; set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where there is a role"
    )]
    Missing(String),
    #[error(
        "STS does not accept the credentials: {0}; check the key and the session, and whether they are still good"
    )]
    Refused(String),
    #[error("STS cannot be reached: {0}")]
    Unreachable(String),
}

impl Cloud {
    /// Credentials, Region and endpoints as every AWS tool finds them: environment, profile, container, instance.
    pub async fn connect(home: Option<&Region>, clock: &Clock) -> Self {
        let mut loader = loader().http_client(http_client());
        if let Some(home) = home {
            loader = loader.region(SdkRegion::new(home.to_string()));
        }
        Self::load(loader, clock).await
    }

    /// Credentials and endpoint as they are given. Only `AWS_ENDPOINT_URL` of the environment and the profile's own still
    /// count for more.
    pub async fn at(endpoint: Endpoint, home: &Region, clock: &Clock) -> Self {
        let Endpoint {
            url,
            credentials,
            client,
        } = endpoint;
        let loader = loader()
            .http_client(client)
            .endpoint_url(url)
            .credentials_provider(credentials)
            .region(SdkRegion::new(home.to_string()));
        Self::load(loader, clock).await
    }

    async fn load(loader: ConfigLoader, clock: &Clock) -> Self {
        Self {
            config: Arc::new(loader.load().await),
            operations: Arc::default(),
            skew: Skew::new(clock.clone()),
        }
    }

    /// The Region that the environment names, if any.
    #[must_use]
    pub fn home(&self) -> Option<Region> {
        self.config.region()?.as_ref().parse().ok()
    }

    /// How far AWS's clock is ahead of this machine's, in milliseconds, as the last answer told.
    #[must_use]
    pub fn skew(&self) -> Option<i64> {
        self.skew.last()
    }

    /// Calls a service. The answer is the whole JSON document.
    ///
    /// # Errors
    /// [`CallError`] tells the kind of the problem and AWS's own words.
    pub async fn call(
        &self,
        service: Service,
        region: &Region,
        method: &'static str,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, CallError> {
        let operation = self.operation(service, region)?;
        let kind = body.map(|_| ("content-type", "application/json".to_owned()));
        let answer = operation
            .invoke(call::Request {
                method,
                path: path.to_owned(),
                headers: kind.into_iter().collect(),
                body: body.map(Json::to_string).unwrap_or_default(),
            })
            .await?;
        ask::read(service, None, &answer)
    }

    fn operation(&self, service: Service, region: &Region) -> Result<Operation, CallError> {
        let mut operations = self.operations.lock();
        if let Some(operation) = operations.get(&(service, region.clone())) {
            return Ok(operation.clone());
        }
        let operation = Operation::build(&self.config, service, region, &self.skew)?;
        operations.insert((service, region.clone()), operation.clone());
        Ok(operation)
    }

    /// Asks STS whose the credentials are.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub async fn caller(&self) -> Result<Caller, CredentialsError> {
        self.credentials().await?;
        let answer = aws_sdk_sts::Client::new(&self.config)
            .get_caller_identity()
            .send()
            .await;
        let identity = match answer {
            Ok(identity) => identity,
            Err(error) if error.as_service_error().is_some() => {
                let code = error.code().unwrap_or("Unknown");
                let message = error.message().unwrap_or("without a message");
                let message = message.trim_end_matches('.');
                return Err(CredentialsError::Refused(format!("{code}: {message}")));
            }
            Err(error) => return Err(CredentialsError::Unreachable(root_cause(&error))),
        };
        let unreadable = || CredentialsError::Refused("STS named no account".to_owned());
        Ok(Caller {
            account: identity
                .account()
                .and_then(|account| account.parse().ok())
                .ok_or_else(unreadable)?,
            arn: identity.arn().unwrap_or_default().to_owned(),
        })
    }

    /// The credentials of now.
    ///
    /// # Errors
    /// [`CredentialsError::Missing`].
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let provider = self
            .config
            .credentials_provider()
            .ok_or_else(|| CredentialsError::Missing(String::new()))?;
        provider
            .provide_credentials()
            .await
            .map_err(|error| CredentialsError::Missing(missing(&root_cause(&error))))
    }

    /// The Regions that are enabled in the account.
    ///
    /// # Errors
    /// [`CallError`]; the permission is `account:ListRegions`.
    pub async fn enabled_regions(&self, home: &Region) -> Result<Vec<Region>, CallError> {
        let mut regions = Vec::new();
        let mut token = Json::Null;
        for _ in 0..REGION_PAGES_MAX {
            let mut body = serde_json::json!({
                "MaxResults": 50,
                "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"],
            });
            if token.is_string() {
                body["NextToken"] = token;
            }
            let page = self
                .call(Service::Account, home, "POST", "/listRegions", Some(&body))
                .await?;
            let names = page["Regions"].as_array().into_iter().flatten();
            regions.extend(
                names.filter_map(|region| region["RegionName"].as_str()?.parse::<Region>().ok()),
            );
            token = page["NextToken"].clone();
            if !token.is_string() {
                regions.sort();
                return Ok(regions);
            }
        }
        Err(CallError {
            problem: Problem::Failed,
            code: "EndlessListing".to_owned(),
            message: format!("the list of Regions has no end after {REGION_PAGES_MAX} pages"),
        })
    }
}

fn loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT);
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .timeout_config(timeouts.build())
}

/// One pool of connections for everything. Proxies are those of the environment, as the SDK has it.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// Why there are none, behind those words. That no provider of the chain has any says nothing, unless a file is locked.
fn missing(cause: &str) -> String {
    if let Some((file, error)) = unreadable_file() {
        return format!(": {} cannot be read ({error})", file.display());
    }
    match cause.lines().next() {
        Some(line) if !line.starts_with("no credentials found in chain") => format!(": {line}"),
        Some(_) | None => String::new(),
    }
}

/// The credentials file, if there is one that cannot be read.
fn unreadable_file() -> Option<(PathBuf, std::io::Error)> {
    let file = std::env::var_os("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".aws/credentials")))?;
    match std::fs::read(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Some((file, error)),
        Ok(_) | Err(_) => None,
    }
}

/// The cause at the bottom of an error, which is the one that says something.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_of_regions_ends() {
        let home: Region = "eu-west-1".parse().unwrap();
        let page = r#"{"Regions":[{"RegionName":"eu-west-1"}],"NextToken":"more"}"#;
        let endless = fake::cloud(move |_| page.to_owned()).await;
        let error = endless.enabled_regions(&home).await.unwrap_err();
        assert_eq!(error.code, "EndlessListing");
        let last = r#"{"Regions":[{"RegionName":"eu-north-1"}]}"#;
        let two = fake::cloud(move |asked| {
            let page = if asked.contains("NextToken") {
                last
            } else {
                page
            };
            page.to_owned()
        });
        let regions = two.await.enabled_regions(&home).await.unwrap();
        assert_eq!(
            regions,
            ["eu-north-1", "eu-west-1"].map(|name| name.parse().unwrap())
        );
    }
}

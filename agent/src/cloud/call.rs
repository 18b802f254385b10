//! One signed call: everything between request and answer is the SDK's runtime.

use std::borrow::Cow;
use std::fmt;

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as SdkOperation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use muster_common::account::Region;

use super::pace::Pace;
use super::refusal;
use super::service::{Protocol, Service};
use super::skew::Skew;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// What to send.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: &'static str,
    /// With its query.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Calls of one service in one Region.
#[derive(Clone)]
pub(super) struct Operation {
    inner: SdkOperation<Request, Bytes, Refusal>,
    pace: Pace,
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    pub problem: Problem,
    /// AWS's error code, or the HTTP status.
    pub code: String,
    pub message: String,
}

/// The kinds of problems that somebody can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The role lacks a permission.
    Denied,
    /// The credentials are missing, expired or unknown.
    Credentials,
    Throttled,
    /// The network or the service does not answer.
    Unreachable,
    /// Anything else that AWS says.
    Failed,
}

/// What a service said instead of an answer.
#[derive(Debug)]
struct Refusal {
    status: u16,
    metadata: ErrorMetadata,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

impl Refusal {
    /// AWS's code, or the HTTP status.
    fn told(&self) -> String {
        let code = self.code().map(str::to_owned);
        code.unwrap_or_else(|| format!("HTTP {}", self.status))
    }

    fn problem(&self) -> Problem {
        problem(&self.told(), self.status)
    }
}

impl Operation {
    pub(super) fn build(
        config: &SdkConfig,
        service: Service,
        region: &Region,
        skew: &Skew,
    ) -> Result<Self, CallError> {
        let seat = service.seat(region);
        let missing = |what: &str| CallError {
            problem: Problem::Credentials,
            code: "MissingCredentials".to_owned(),
            message: format!("there are no AWS {what}"),
        };
        let credentials = config
            .credentials_provider()
            .ok_or_else(|| missing("credentials"))?;
        let client = config.http_client().ok_or_else(|| missing("HTTP client"))?;
        let signing = Signing {
            service: service.signing_name(),
            region: seat.to_string(),
            scheme: scheme(service),
            identity: SharedIdentityResolver::new(credentials),
            cache: config
                .identity_cache()
                .unwrap_or_else(|| IdentityCache::lazy().build()),
        };
        let pace = Pace::new(service.at_once());
        let mut builder = SdkOperation::builder()
            .service_name(service.signing_name())
            .operation_name("call")
            .endpoint_url(&endpoint(config, service, &seat))
            .http_client(client)
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .runtime_plugin(signing)
            .serializer(serialize)
            .deserializer({
                let (skew, pace) = (skew.clone(), pace.clone());
                // Each try, those that the SDK repeats too.
                move |response: &HttpResponse| {
                    skew.note(response.headers().get("date"));
                    let answer = deserialize(response);
                    match &answer {
                        Err(error) if is_throttled(error) => pace.slower(),
                        Ok(_) | Err(_) => pace.answered(),
                    }
                    answer
                }
            });
        if let Some(retries) = config.retry_config() {
            builder = builder.standard_retry(retries);
        }
        if let Some(timeouts) = config.timeout_config() {
            builder = builder.timeout_config(timeouts.clone());
        }
        if let Some(sleep) = config.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            builder = builder.time_source(time);
        }
        Ok(Self {
            inner: builder.build(),
            pace,
        })
    }

    /// Sends a request when it is its turn.
    pub(super) async fn invoke(&self, request: Request) -> Result<Bytes, CallError> {
        let _turn = self.pace.turn().await;
        self.inner.invoke(request).await.map_err(call_error)
    }
}

/// The endpoint that the environment or a profile sets, or the service's own.
fn endpoint(config: &SdkConfig, service: Service, seat: &Region) -> String {
    let key = ServiceConfigKey::builder()
        .service_id(service.id())
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let for_service = key.and_then(|key| config.service_config()?.load_config(key));
    for_service
        .or_else(|| config.endpoint_url().map(str::to_owned))
        .unwrap_or_else(|| service.endpoint(seat))
}

fn serialize(request: Request) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
    let mut builder = http::Request::builder()
        .method(request.method)
        .uri(request.path);
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    if !request.body.is_empty() {
        builder = builder.header("content-length", request.body.len());
    }
    Ok(builder.body(SdkBody::from(request.body))?.try_into()?)
}

fn deserialize(response: &HttpResponse) -> Result<Bytes, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if body.len() > ANSWER_BYTES_MAX {
        return Err(OrchestratorError::other("the answer is larger than 32 MiB"));
    }
    if response.status().is_success() {
        return Ok(Bytes::copy_from_slice(body));
    }
    let header = response.headers().get("x-amzn-errortype");
    Err(OrchestratorError::operation(Refusal {
        status: response.status().as_u16(),
        metadata: refusal::read(header, body),
    }))
}

fn is_throttled(error: &OrchestratorError<Refusal>) -> bool {
    let refusal = error.as_operation_error();
    refusal.is_some_and(|refusal| refusal.problem() == Problem::Throttled)
}

fn call_error(error: SdkError<Refusal, HttpResponse>) -> CallError {
    let SdkError::ServiceError(refused) = &error else {
        let message = super::root_cause(&error);
        let credentials = ["credential", "token", "identity"];
        let problem = if credentials
            .iter()
            .any(|word| message.to_lowercase().contains(word))
        {
            Problem::Credentials
        } else {
            Problem::Unreachable
        };
        return CallError {
            problem,
            code: String::new(),
            message,
        };
    };
    let refusal = refused.err();
    let code = refusal.told();
    CallError {
        problem: refusal.problem(),
        message: refusal
            .message()
            .unwrap_or(&code)
            .chars()
            .take(512)
            .collect(),
        code,
    }
}

fn problem(code: &str, status: u16) -> Problem {
    match code {
        "AccessDeniedException"
        | "AccessDenied"
        | "AuthorizationError"
        | "UnauthorizedAccess"
        | "UnauthorizedOperation" => Problem::Denied,
        "ExpiredTokenException"
        | "ExpiredToken"
        | "AuthFailure"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "OptInRequired"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => Problem::Credentials,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "Throttled"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "SlowDown" => Problem::Throttled,
        _ if status == 429 => Problem::Throttled,
        _ if status >= 500 => Problem::Unreachable,
        _ => Problem::Failed,
    }
}

/// S3 signs paths as they are, and names the digest of the body.
fn scheme(service: Service) -> SigningOptions {
    let mut options = SigningOptions::default();
    let rest_xml = service.protocol() == Protocol::RestXml;
    options.double_uri_encode = !rest_xml;
    options.normalize_uri_path = !rest_xml;
    options.content_sha256_header = rest_xml;
    options
}

/// Signature Version 4, as generated clients set it up.
#[derive(Debug)]
struct Signing {
    service: &'static str,
    region: String,
    scheme: SigningOptions,
    identity: SharedIdentityResolver,
    cache: SharedIdentityCache,
}

impl RuntimePlugin for Signing {
    fn config(&self) -> Option<FrozenLayer> {
        let mut layer = Layer::new("signing");
        layer.store_put(SigV4OperationSigningConfig {
            signing_options: self.scheme.clone(),
            ..SigV4OperationSigningConfig::default()
        });
        layer.store_put(SigningName::from_static(self.service));
        layer.store_put(SigningRegion::from(aws_config::Region::new(
            self.region.clone(),
        )));
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        Some(layer.freeze())
    }

    fn runtime_components(
        &self,
        _current: &RuntimeComponentsBuilder,
    ) -> Cow<'_, RuntimeComponentsBuilder> {
        let components = RuntimeComponentsBuilder::new("signing")
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
                StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
            )))
            .with_identity_cache(Some(self.cache.clone()))
            .with_identity_resolver(SCHEME_ID, self.identity.clone());
        Cow::Owned(components)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_apart() {
        for (code, status, expected) in [
            ("AccessDeniedException", 403, Problem::Denied),
            ("UnrecognizedClientException", 403, Problem::Credentials),
            ("ThrottlingException", 400, Problem::Throttled),
            ("HTTP 429", 429, Problem::Throttled),
            ("HTTP 503", 503, Problem::Unreachable),
            ("BadRequestException", 400, Problem::Failed),
            ("UnauthorizedOperation", 403, Problem::Denied),
            ("AuthorizationError", 403, Problem::Denied),
            ("RequestLimitExceeded", 503, Problem::Throttled),
            ("AuthFailure", 401, Problem::Credentials),
            ("NoSuchBucketPolicy", 404, Problem::Failed),
        ] {
            assert_eq!(problem(code, status), expected, "{code}");
        }
    }
}

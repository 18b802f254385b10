//! Asking STS. The request is rebuilt from constants and the proof's scalars and goes to the host of the proof's Region,
//! or to the one configured endpoint. No redirects, no proxy from the environment, five seconds, eight kilobytes, JSON.

use std::time::Duration;

use futures::future::BoxFuture;
use muster_common::account::Region;
use muster_common::proof::{BODY, Binding, Proof, sts_host};
use tokio::sync::Semaphore;

use super::identity::CallerIdentity;
use crate::error::{Kind, Kinded};

const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const BODY_BYTES_MAX: usize = 8 * 1024;
/// Questions to STS at a time.
const QUESTIONS_MAX: usize = 32;

/// Names the caller behind a proof: the seam to AWS.
pub trait Prover: Send + Sync {
    fn identify<'a>(
        &'a self,
        proof: &'a Proof,
        binding: &'a Binding<'a>,
    ) -> BoxFuture<'a, Result<CallerIdentity, StsError>>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StsError {
    #[error(
        "AWS does not accept the proof of account ({code}); check the agent's credentials with 'muster-agent doctor'"
    )]
    Refused { code: String },
    #[error(
        "STS of {region} cannot be asked now ({reason}); the invitation is still good, try again in a minute"
    )]
    Unavailable { region: Region, reason: String },
    #[error("STS of {region} gave an answer that is not one; the invitation is still good")]
    Nonsense { region: Region },
}

impl Kinded for StsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } => Kind::Denied,
            Self::Unavailable { .. } | Self::Nonsense { .. } => Kind::Busy,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Instead of the Region's own endpoint, such as a VPC endpoint: `https://host` (or `http://` on loopback).
    pub endpoint: Option<String>,
}

/// The real STS.
pub struct Sts {
    client: reqwest::Client,
    endpoint: Option<String>,
    questions: Semaphore,
}

impl Sts {
    /// # Errors
    /// The endpoint is neither https nor loopback, or TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Self, String> {
        if let Some(endpoint) = &config.endpoint {
            let url: reqwest::Url = endpoint
                .parse()
                .map_err(|_| format!("sts.endpoint: `{endpoint}` is no URL"))?;
            let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
            if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
                return Err(format!(
                    "sts.endpoint: `{endpoint}` should start with https://"
                ));
            }
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| format!("no TLS for STS: {error}"))?;
        Ok(Self {
            client,
            endpoint: config.endpoint.clone(),
            questions: Semaphore::new(QUESTIONS_MAX),
        })
    }

    async fn ask(&self, proof: &Proof, binding: &Binding<'_>) -> Result<CallerIdentity, StsError> {
        let region = proof.region();
        let unavailable = |reason: String| StsError::Unavailable {
            region: region.clone(),
            reason,
        };
        let _turn = self
            .questions
            .try_acquire()
            .map_err(|_| unavailable("too many agents enroll at once".to_owned()))?;
        let host = sts_host(region);
        let url = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{host}/"),
        };
        let mut request = self.client.post(url).header("host", &host).body(BODY);
        for (name, value) in proof.headers(binding) {
            request = request.header(name, value);
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| unavailable(reason(&error)))?;
        let status = response.status().as_u16();
        let json = is_json(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unavailable(reason(&error)))?
        {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(StsError::Nonsense {
                    region: region.clone(),
                });
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            200 if json => CallerIdentity::read(&body).ok_or_else(|| StsError::Nonsense {
                region: region.clone(),
            }),
            400 | 401 | 403 => match error_code(&body) {
                Some(code) if code.contains("Throttl") => Err(unavailable(code)),
                code => Err(StsError::Refused {
                    code: code.unwrap_or_else(|| format!("HTTP {status}")),
                }),
            },
            200 => Err(StsError::Nonsense {
                region: region.clone(),
            }),
            status => Err(unavailable(format!("HTTP {status}"))),
        }
    }
}

impl Prover for Sts {
    fn identify<'a>(
        &'a self,
        proof: &'a Proof,
        binding: &'a Binding<'a>,
    ) -> BoxFuture<'a, Result<CallerIdentity, StsError>> {
        Box::pin(self.ask(proof, binding))
    }
}

/// Whether an answer says that it is JSON, once, and not compressed.
fn is_json(headers: &reqwest::header::HeaderMap) -> bool {
    let mut kinds = headers.get_all("content-type").iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    let media = kind.and_then(|kind| kind.split(';').next());
    media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
        && kinds.next().is_none()
        && !headers.contains_key("content-encoding")
}

/// The error code of an STS answer, cut to a sane form.
fn error_code(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = answer.get("Error")?.get("Code")?.as_str()?;
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within 5 s".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

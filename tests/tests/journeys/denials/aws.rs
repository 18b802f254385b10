//! AWS from memory: what the stand-in answered once, to every question of an agent in this process; and one call denied.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use parking_lot::Mutex;

/// Cheap to clone; clones have the same answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Aws {
    answers: Arc<Mutex<HashMap<Question, Answer>>>,
    /// The permission that there is not.
    denied: Option<String>,
    denials: Arc<AtomicUsize>,
}

/// What tells one question from another; the signature does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    method: String,
    /// With its query.
    path: String,
    service: String,
    region: String,
    target: String,
    body: String,
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    kind: String,
    body: String,
}

impl Aws {
    /// The same answers, without a permission.
    pub(super) fn denying(&self, permission: &str) -> Self {
        Self {
            answers: Arc::clone(&self.answers),
            denied: Some(permission.to_owned()),
            denials: Arc::default(),
        }
    }

    /// How often something was denied.
    pub(super) fn denials(&self) -> usize {
        self.denials.load(Ordering::Relaxed)
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let question = Question::of(&request);
        if self.denied.is_some() && question.permission() == self.denied {
            self.denials.fetch_add(1, Ordering::Relaxed);
            return response(&question.denial());
        }
        let known = self.answers.lock().get(&question).cloned();
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = fetched(&request).await;
                // A report that is being made is another answer the next time.
                if !answer.body.contains("<State>STARTED</State>")
                    && !answer.body.contains("<State>INPROGRESS</State>")
                {
                    self.answers.lock().insert(question, answer.clone());
                }
                answer
            }
        };
        response(&answer)
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.clone();
        HttpConnectorFuture::new(async move { aws.answer(request).await })
    }
}

impl HttpClient for Aws {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Asks the stand-in.
async fn fetched(request: &HttpRequest) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut asked = client.request(request.method().parse().unwrap(), request.uri());
    for (name, value) in request.headers() {
        asked = asked.header(name, value);
    }
    let body = request.body().bytes().unwrap_or_default().to_vec();
    let answer = asked.body(body).send().await.unwrap();
    let status = match answer.status().as_u16() {
        // What the stand-in does not serve. It would be asked for again, seconds apart, each time that the account is read.
        500.. => 404,
        status => status,
    };
    let kind = answer.headers().get("content-type");
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
    Answer {
        status,
        kind: kind.unwrap_or_default(),
        body: answer.text().await.unwrap(),
    }
}

fn response(answer: &Answer) -> Result<HttpResponse, ConnectorError> {
    let status = answer.status.try_into();
    let status = status.map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body.clone()));
    response
        .headers_mut()
        .insert("content-type", answer.kind.clone());
    Ok(response)
}

impl Question {
    fn of(request: &HttpRequest) -> Self {
        let uri = request.uri();
        let path = uri.splitn(4, '/').nth(3).unwrap_or_default();
        let header = |name| request.headers().get(name).unwrap_or_default();
        // Credential=KEY/DAY/REGION/SERVICE/aws4_request
        let mut scope = header("authorization").split('/').skip(2);
        let (region, service) = (scope.next(), scope.next());
        let body = request.body().bytes().unwrap_or_default();
        Self {
            method: request.method().to_owned(),
            path: format!("/{path}"),
            service: service.unwrap_or_default().to_owned(),
            region: region.unwrap_or_default().to_owned(),
            target: header("x-amz-target").to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }

    fn action(&self) -> Option<&str> {
        let form = self.body.split('&');
        let named = form.filter_map(|field| field.strip_prefix("Action="));
        let targeted = self.target.rsplit_once('.').map(|(_, action)| action);
        named.chain(targeted).next()
    }

    /// The permission that it takes, by AWS's Service Authorization Reference.
    fn permission(&self) -> Option<String> {
        let prefix = match self.service.as_str() {
            "monitoring" => "cloudwatch",
            service => service,
        };
        let action = match self.action() {
            Some(action) => action,
            None => self.of_path()?,
        };
        Some(format!("{prefix}:{action}"))
    }

    fn of_path(&self) -> Option<&'static str> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let first = query.split(['&', '=']).next().unwrap_or_default();
        Some(match (self.service.as_str(), path, first) {
            ("access-analyzer", "/analyzer", _) => "ListAnalyzers",
            ("account", "/getAlternateContact", _) => "GetAlternateContact",
            ("account", "/listRegions", _) => "ListRegions",
            ("elasticfilesystem", "/2015-02-01/file-systems", _) => "DescribeFileSystems",
            ("elasticfilesystem", "/2015-02-01/mount-targets", _) => "DescribeMountTargets",
            ("elasticfilesystem", path, _) if path.ends_with("/backup-policy") => {
                "DescribeBackupPolicy"
            }
            ("s3", "/v20180820/configuration/publicAccessBlock", _) => {
                "GetAccountPublicAccessBlock"
            }
            ("s3", "/", _) => "ListAllMyBuckets",
            ("s3", _, "acl") => "GetBucketAcl",
            ("s3", _, "encryption") => "GetEncryptionConfiguration",
            ("s3", _, "lifecycle") => "GetLifecycleConfiguration",
            ("s3", _, "location") => "GetBucketLocation",
            ("s3", _, "logging") => "GetBucketLogging",
            ("s3", _, "notification") => "GetBucketNotification",
            ("s3", _, "object-lock") => "GetBucketObjectLockConfiguration",
            ("s3", _, "ownershipControls") => "GetBucketOwnershipControls",
            ("s3", _, "policy") => "GetBucketPolicy",
            ("s3", _, "policyStatus") => "GetBucketPolicyStatus",
            ("s3", _, "publicAccessBlock") => "GetBucketPublicAccessBlock",
            ("s3", _, "versioning") => "GetBucketVersioning",
            _ => return None,
        })
    }

    /// As the service's protocol says it.
    fn denial(&self) -> Answer {
        const WHY: &str = "User is not authorized to perform this action";
        let error =
            |code: &str| format!("<Error><Code>{code}</Code><Message>{WHY}</Message></Error>");
        let json = format!(r#"{{"__type":"AccessDeniedException","message":"{WHY}"}}"#);
        let (status, kind, body) = match self.service.as_str() {
            "ec2" => {
                let errors = format!("<Errors>{}</Errors>", error("UnauthorizedOperation"));
                (403, "text/xml", format!("<Response>{errors}</Response>"))
            }
            "s3" => (403, "application/xml", error("AccessDenied")),
            "sns" => (403, "text/xml", framed(&error("AuthorizationError"))),
            _ if self.body.contains("Action=") => (403, "text/xml", framed(&error("AccessDenied"))),
            _ if !self.target.is_empty() => (400, "application/x-amz-json-1.1", json),
            _ => (403, "application/json", json),
        };
        Answer {
            status,
            kind: kind.to_owned(),
            body,
        }
    }
}

fn framed(error: &str) -> String {
    format!("<ErrorResponse>{error}</ErrorResponse>")
}

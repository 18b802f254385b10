//! An AWS for tests: it answers at once, and always with success.

use std::fmt;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use muster_common::account::Region;
use muster_common::clock::Clock;

use super::{Cloud, Endpoint};

type Answers = dyn Fn(&str) -> String + Send + Sync;

/// Answers the body of a question.
#[derive(Clone)]
struct Fake(Arc<Answers>);

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = request.body().bytes().unwrap_or_default();
        let answer = (self.0)(&String::from_utf8_lossy(asked));
        let status = 200_u16.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
    }
}

/// A way to an AWS that answers so.
pub(crate) async fn cloud(answers: impl Fn(&str) -> String + Send + Sync + 'static) -> Cloud {
    let fake = Fake(Arc::new(answers));
    let home: Region = "eu-west-1".parse().unwrap();
    let credentials = Credentials::new("id", "secret", None, None, "fake");
    let endpoint = Endpoint {
        url: "http://aws.invalid".to_owned(),
        credentials,
        client: http_client_fn(move |_, _| SharedHttpConnector::new(fake.clone())),
    };
    Cloud::at(endpoint, &home, &Clock::system()).await
}

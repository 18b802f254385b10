//! How the admin is reached: the seam between the talk and the network.

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::BoxCloneService;

use crate::identity::Identity;

/// What carries the calls of one connection.
pub type Carrier = BoxCloneService<Request<Body>, Response<Body>, Status>;

/// Connects to the admin.
pub trait Dial: Send + Sync {
    /// A connection under this identity, or why there is none, for people.
    fn dial(&self, identity: &Identity) -> BoxFuture<'static, Result<Carrier, String>>;
}

/// Mutual TLS over TCP.
#[derive(Clone, Copy, Debug)]
pub struct MutualTls;

impl Dial for MutualTls {
    fn dial(&self, identity: &Identity) -> BoxFuture<'static, Result<Carrier, String>> {
        let identity = identity.clone();
        Box::pin(async move {
            let channel = identity
                .connect()
                .await
                .map_err(|error| error.to_string())?;
            Ok(BoxCloneService::new(
                channel.map_err(|error| Status::from_error(error.into())),
            ))
        })
    }
}

//! Renewing the certificate, with a fresh key, in the middle of its life.

use bytes::Bytes;
use muster_common::account::Region;
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::proof::Binding;
use muster_common::timestamp::Timestamp;
use muster_mtls::{Credential, CredentialFile, PrivateKey};
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::renew_request::Message as Ask;
use muster_proto::v1::renew_response::Message as Answer;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Error, Identity, State, challenged, in_time};
use crate::cloud::{Cloud, sign};

/// What a proof for a renewal is bound to.
const PURPOSE: &str = "renew";

/// When to renew: at 45 to 55 % of the certificate's life, by `share` of 0 to 1. Pure.
#[must_use]
pub fn due(not_before: Timestamp, not_after: Timestamp, share: f64) -> Timestamp {
    let life = not_after.since(not_before) as f64;
    not_before.plus((life * (0.45 + 0.1 * share)) as i64)
}

/// Renews the certificate and keeps it.
///
/// # Errors
/// [`Error::Refused`] with the admin's reason; the old certificate stays.
pub async fn renew(
    identity: &Identity,
    state: &State,
    cloud: &Cloud,
    region: &Region,
    clock: &Clock,
) -> Result<Identity, Error> {
    let key = PrivateKey::generate();
    let certificate = in_time(talk(identity, &key, cloud, region, clock)).await?;
    let wire::Certificate {
        chain,
        server_roots,
    } = certificate;
    let der = |list: Vec<Bytes>| list.into_iter().map(|der| der.to_vec()).collect::<Vec<_>>();
    let (chain, roots) = (der(chain), der(server_roots));
    let credential = Credential::new(&key, chain.clone())?;
    let file = CredentialFile::new(
        &identity.file.endpoint,
        &identity.file.trust_domain,
        &key,
        &chain,
        &roots,
    );
    drill::pass(Point::RenewAnswered);
    state.save(&file)?;
    Ok(Identity {
        file,
        credential,
        ..identity.clone()
    })
}

/// The member leaves the admin: the agents of its account may send no more.
///
/// # Errors
/// [`Error::Refused`] with the admin's reason.
pub async fn leave(identity: &Identity) -> Result<(), Error> {
    in_time(async {
        AgentClient::new(identity.connect().await?)
            .leave(wire::LeaveRequest {})
            .await?;
        Ok(())
    })
    .await
}

async fn talk(
    identity: &Identity,
    key: &PrivateKey,
    cloud: &Cloud,
    region: &Region,
    clock: &Clock,
) -> Result<wire::Certificate, Error> {
    let mut client = AgentClient::new(identity.connect().await?);
    let (asks, outgoing) = mpsc::channel(2);
    let ask = async |message| {
        asks.send(wire::RenewRequest {
            message: Some(message),
        })
        .await
        .map_err(|_| Error::Protocol("the talk ended early".to_owned()))
    };
    let request = key.request();
    ask(Ask::Hello(wire::RenewHello {
        csr: request.der.into(),
    }))
    .await?;
    let mut answers = client
        .renew(ReceiverStream::new(outgoing))
        .await?
        .into_inner();
    let challenge = match next(&mut answers).await? {
        Answer::Certificate(certificate) => return Ok(certificate),
        Answer::Challenge(challenge) => challenge,
    };
    let (server_id, nonce) = challenged(&challenge, &identity.file.trust_domain)?;
    let binding = Binding {
        server_id: &server_id,
        purpose: PURPOSE,
        account: identity.account,
        nonce: &nonce,
        public_key: &request.public_key,
    };
    let credentials = cloud.credentials().await?;
    let proof = sign(&credentials, region, &binding, clock.now()).map_err(Error::Protocol)?;
    ask(Ask::Proof(proof)).await?;
    match next(&mut answers).await? {
        Answer::Certificate(certificate) => Ok(certificate),
        Answer::Challenge(_) => Err(Error::Protocol("a second challenge".to_owned())),
    }
}

async fn next(answers: &mut Streaming<wire::RenewResponse>) -> Result<Answer, Error> {
    answers
        .message()
        .await?
        .and_then(|response| response.message)
        .ok_or_else(|| Error::Protocol("the admin ended the talk".to_owned()))
}

#[cfg(test)]
mod tests {
    use muster_common::timestamp::HOUR;

    use super::*;

    #[test]
    fn renewal_falls_in_the_middle_of_a_life() {
        let at = |hours: i64| Timestamp::from_millis(hours * HOUR);
        assert_eq!(due(at(0), at(100), 0.0), at(45));
        assert_eq!(due(at(0), at(100), 1.0), at(55));
    }
}

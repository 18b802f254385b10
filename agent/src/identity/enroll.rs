//! Accepting or declining an invitation.

use std::path::PathBuf;

use bytes::Bytes;
use muster_common::account::Region;
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::durable::sync_folder;
use muster_common::invitation::PrintedInvitation;
use muster_common::proof::Binding;
use muster_mtls::{Credential, CredentialFile, PrivateKey, Trust, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::enroll_request::Message as Ask;
use muster_proto::v1::enroll_response::Message as Answer;
use muster_proto::v1::enrollment_client::EnrollmentClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::{Error, Identity, State, challenged, in_time, left};
use crate::cloud::{Cloud, sign};

/// What to do about an identity that the agent has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Refuse: it is in use.
    IfNew,
    /// Give it up for the new one, once that is here.
    Replace,
}

/// Enrolls this agent: proves the account and keeps the certificate.
///
/// # Errors
/// [`Error`] says what is wrong and what to do; the invitation is still good unless it says otherwise.
pub async fn accept(
    invitation: &PrintedInvitation,
    how: Accept,
    state: &State,
    cloud: &Cloud,
    region: &Region,
    clock: &Clock,
) -> Result<Identity, Error> {
    if how == Accept::IfNew && left(state.folder()).is_none() {
        match state.identity() {
            Ok(Identity { account, .. }) => return Err(Error::Enrolled { account }),
            Err(Error::NotEnrolled) => {}
            Err(error) => return Err(error),
        }
    }
    if clock.now() >= invitation.expires_at {
        return Err(Error::Expired(invitation.expires_at));
    }
    let caller = cloud.caller().await?;
    if caller.account != invitation.account {
        return Err(Error::OtherAccount {
            invited: invitation.account,
            own: caller.account,
        });
    }
    let key = pending_key(state)?;
    drill::pass(Point::PendingKept);
    let client = client(invitation).await?;
    let enrolled = in_time(talk(client, invitation, &key, cloud, region, clock)).await?;
    let wire::Enrolled {
        certificate,
        agent_endpoint,
    } = enrolled;
    let certificate = certificate.ok_or_else(|| Error::Protocol("no certificate".to_owned()))?;
    let file = credential_file(&agent_endpoint, invitation, &key, certificate)?;
    drill::pass(Point::AcceptAnswered);
    state.save(&file)?;
    drill::pass(Point::AcceptSaved);
    // From here on the key stands in the credential.
    let _ = std::fs::remove_file(pending_path(state));
    state.identity()
}

/// Declines an invitation.
///
/// # Errors
/// [`Error::Refused`] with the admin's reason.
pub async fn decline(invitation: &PrintedInvitation) -> Result<(), Error> {
    let request = wire::DeclineInvitationRequest {
        invitation_id: invitation.id.to_string(),
        invitation_secret: Bytes::copy_from_slice(invitation.secret.as_bytes()),
    };
    in_time(async {
        client(invitation)
            .await?
            .decline_invitation(request)
            .await?;
        Ok(())
    })
    .await
}

async fn client(invitation: &PrintedInvitation) -> Result<EnrollmentClient<Channel>, Error> {
    let trust = Trust::Pin(invitation.pin);
    let channel = channel(&invitation.endpoint, &trust, &invitation.domain, None).await?;
    Ok(EnrollmentClient::new(channel))
}

/// The key of an enrollment that was cut off, or a new one: the admin answers the same key again.
fn pending_key(state: &State) -> Result<PrivateKey, Error> {
    let path = pending_path(state);
    let pending = std::fs::read_to_string(&path).map(|pem| PrivateKey::from_pem(&pem));
    if let Ok(Ok(key)) = pending {
        return Ok(key);
    }
    // A half-written key was never shown to anybody.
    let _ = std::fs::remove_file(&path);
    let key = PrivateKey::generate();
    write_secret(&path, &key.to_pem()).map_err(|error| Error::Disk {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(key)
}

fn pending_path(state: &State) -> PathBuf {
    state.folder().join("pending.key")
}

fn write_secret(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    drill::pass(Point::PendingWritten);
    file.sync_all()?;
    // Its name too: the admin answers this key alone again.
    path.parent().map_or(Ok(()), sync_folder)
}

async fn talk(
    mut client: EnrollmentClient<Channel>,
    invitation: &PrintedInvitation,
    key: &PrivateKey,
    cloud: &Cloud,
    region: &Region,
    clock: &Clock,
) -> Result<wire::Enrolled, Error> {
    let (asks, outgoing) = mpsc::channel(2);
    let ask = async |message| {
        asks.send(wire::EnrollRequest {
            message: Some(message),
        })
        .await
        .map_err(|_| Error::Protocol("the talk ended early".to_owned()))
    };
    let request = key.request();
    ask(Ask::Hello(wire::EnrollHello {
        invitation_id: invitation.id.to_string(),
        account_id: invitation.account.to_string(),
        region: region.to_string(),
        csr: request.der.into(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
    .await?;
    let mut answers = client
        .enroll(ReceiverStream::new(outgoing))
        .await?
        .into_inner();
    let Answer::Challenge(challenge) = next(&mut answers).await? else {
        return Err(Error::Protocol("expected a challenge".to_owned()));
    };
    let (server_id, nonce) = challenged(&challenge, &invitation.domain)?;
    let binding = Binding {
        server_id: &server_id,
        purpose: &invitation.id.to_string(),
        account: invitation.account,
        nonce: &nonce,
        public_key: &request.public_key,
    };
    let credentials = cloud.credentials().await?;
    let proof = sign(&credentials, region, &binding, clock.now()).map_err(Error::Protocol)?;
    ask(Ask::Proof(wire::EnrollProof {
        invitation_secret: Bytes::copy_from_slice(invitation.secret.as_bytes()),
        proof: Some(proof),
    }))
    .await?;
    match next(&mut answers).await? {
        Answer::Enrolled(enrolled) => Ok(enrolled),
        Answer::Challenge(_) => Err(Error::Protocol("a second challenge".to_owned())),
    }
}

async fn next(answers: &mut Streaming<wire::EnrollResponse>) -> Result<Answer, Error> {
    answers
        .message()
        .await?
        .and_then(|response| response.message)
        .ok_or_else(|| Error::Protocol("the admin ended the talk".to_owned()))
}

fn credential_file(
    endpoint: &str,
    invitation: &PrintedInvitation,
    key: &PrivateKey,
    certificate: wire::Certificate,
) -> Result<CredentialFile, Error> {
    let wire::Certificate {
        chain,
        server_roots,
    } = certificate;
    let der = |list: Vec<Bytes>| list.into_iter().map(|der| der.to_vec()).collect::<Vec<_>>();
    let (chain, roots) = (der(chain), der(server_roots));
    // Refuses a certificate for another key before it is kept.
    Credential::new(key, chain.clone())?;
    Ok(CredentialFile::new(
        endpoint,
        &invitation.domain,
        key,
        &chain,
        &roots,
    ))
}

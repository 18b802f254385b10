//! A session: the operator's credential, kept fresh, and a channel to the admin.

use std::fs::File;
use std::path::{Path, PathBuf};

use muster_common::clock::Clock;
use muster_mtls::{
    ConnectError, Credential, CredentialFile, Fault, FileError, InvalidCredential, PrivateKey,
    Trust, channel, pem_certificates,
};
use muster_proto::v1 as wire;
use muster_proto::v1::audit_client::AuditClient;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::insights_client::InsightsClient;
use muster_proto::v1::members_client::MembersClient;
use muster_proto::v1::operators_client::OperatorsClient;
use muster_proto::v1::resources_client::ResourcesClient;
use muster_proto::v1::standards_client::StandardsClient;
use muster_proto::v1::status_client::StatusClient;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use crate::failure::Failure;

/// The largest answer: a page of 1,000 findings, or of agents that report all they may.
const MESSAGE_MAX: usize = 256 << 20;

/// A connected operator.
pub(crate) struct Session {
    channel: Channel,
    file: CredentialFile,
    path: PathBuf,
    server: Option<String>,
}

impl From<InvalidCredential> for Failure {
    fn from(error: InvalidCredential) -> Self {
        Self::Denied(format!("the credential cannot be used: {error}"))
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing(path) => Self::Denied(format!(
                "there is no credential at {}; make one with 'muster-admin init', ask an administrator for one \
                 ('muster operator create'), or name it with --credential",
                path.display()
            )),
            FileError::Exposed(_) | FileError::Content { .. } | FileError::Disk { .. } => {
                Self::Denied(error.to_string())
            }
        }
    }
}

impl Session {
    /// Connects, to `server` instead of the address in the credential if there is one. A certificate past half of its
    /// life is renewed first.
    pub(crate) async fn open(path: &Path, server: Option<&str>) -> Result<Self, Failure> {
        let file = CredentialFile::read(path)?;
        let credential = file.credential()?;
        let now = Clock::system().now();
        let facts = credential.facts();
        if now >= facts.not_after {
            return Err(Failure::Denied(format!(
                "the credential expired at {}; ask an administrator for a new one",
                facts.not_after
            )));
        }
        let address = server.unwrap_or(&file.endpoint);
        let session = Self {
            channel: connect(address, &file, &credential).await?,
            file,
            path: path.to_owned(),
            server: server.map(str::to_owned),
        };
        let half = facts.not_after.since(facts.not_before) / 2;
        if facts.not_after.since(now) < half {
            return session.renewed().await;
        }
        Ok(session)
    }

    /// Renews the certificate, unless another process does so right now.
    async fn renewed(self) -> Result<Self, Failure> {
        let lock = File::create(self.path.with_extension("lock"))?;
        if lock.try_lock().is_err() {
            return Ok(self);
        }
        let key = PrivateKey::generate();
        let csr = key.request().der.into();
        let renewed = self
            .operators()
            .renew_operator(wire::RenewOperatorRequest { csr })
            .await;
        let Ok(certificate) = renewed else {
            // The old one still holds; the next command tries again.
            return Ok(self);
        };
        let file = credential_file(
            &self.file.endpoint,
            &self.file,
            &key,
            certificate.into_inner(),
        );
        file.write(&self.path)?;
        let credential = file.credential()?;
        let address = self.server.as_deref().unwrap_or(&file.endpoint);
        Ok(Self {
            channel: connect(address, &file, &credential).await?,
            file,
            ..self
        })
    }

    /// Connects anew, with what the credential file says now.
    pub(crate) async fn again(&self) -> Result<Self, Failure> {
        Self::open(&self.path, self.server.as_deref()).await
    }

    pub(crate) fn members(&self) -> MembersClient<Channel> {
        MembersClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX)
    }

    pub(crate) fn findings(&self) -> FindingsClient<Channel> {
        FindingsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX)
            .accept_compressed(CompressionEncoding::Zstd)
    }

    pub(crate) fn insights(&self) -> InsightsClient<Channel> {
        InsightsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX)
    }

    pub(crate) fn standards(&self) -> StandardsClient<Channel> {
        StandardsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX)
            .accept_compressed(CompressionEncoding::Zstd)
    }

    pub(crate) fn resources(&self) -> ResourcesClient<Channel> {
        ResourcesClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX)
            .accept_compressed(CompressionEncoding::Zstd)
    }

    pub(crate) fn operators(&self) -> OperatorsClient<Channel> {
        OperatorsClient::new(self.channel.clone())
    }

    pub(crate) fn audit(&self) -> AuditClient<Channel> {
        AuditClient::new(self.channel.clone())
    }

    pub(crate) fn status(&self) -> StatusClient<Channel> {
        StatusClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX)
    }

    /// A credential file for another operator of the same admin.
    pub(crate) fn credential_for(
        &self,
        key: &PrivateKey,
        certificate: wire::Certificate,
    ) -> CredentialFile {
        credential_file(&self.file.endpoint, &self.file, key, certificate)
    }
}

fn credential_file(
    endpoint: &str,
    like: &CredentialFile,
    key: &PrivateKey,
    certificate: wire::Certificate,
) -> CredentialFile {
    let wire::Certificate {
        chain,
        server_roots,
    } = certificate;
    let der =
        |list: Vec<bytes::Bytes>| list.into_iter().map(|der| der.to_vec()).collect::<Vec<_>>();
    CredentialFile::new(
        endpoint,
        &like.trust_domain,
        key,
        &der(chain),
        &der(server_roots),
    )
}

async fn connect(
    address: &str,
    file: &CredentialFile,
    credential: &Credential,
) -> Result<Channel, Failure> {
    let trust = Trust::Roots(pem_certificates(&file.server_roots)?);
    channel(address, &trust, &file.trust_domain, Some(credential))
        .await
        .map_err(|error| match error {
            ConnectError::Connect {
                address,
                fault,
                reason,
            } => unconnected(&address, fault, &reason),
            ConnectError::Address(_) | ConnectError::Roots(_) => Failure::Usage(error.to_string()),
        })
}

/// What a failed connection means to an operator.
fn unconnected(address: &str, fault: Fault, reason: &str) -> Failure {
    match fault {
        Fault::Nobody | Fault::Clock => {
            Failure::Unreachable(format!("cannot connect to {address}: {reason}"))
        }
        Fault::Network => Failure::Unreachable(format!(
            "cannot connect to {address}: {reason}; is 'muster-admin serve' running there?"
        )),
        Fault::Credential => Failure::Denied(format!(
            "{address} refuses the credential ({reason}); ask an administrator for a new one"
        )),
        Fault::Server => Failure::Denied(format!(
            "{address} is not the server that the credential is for, or its roots were replaced ({reason}); ask an \
             administrator for a new credential"
        )),
    }
}

#[cfg(test)]
impl Session {
    /// A session with a server that asks for no credential.
    pub(crate) fn with(channel: Channel) -> Self {
        let trust_domain = "muster.test".parse().unwrap();
        let key = PrivateKey::generate();
        Self {
            channel,
            file: CredentialFile::new("muster.test:1", &trust_domain, &key, &[], &[]),
            path: PathBuf::new(),
            server: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_connection_says_what_to_do() {
        let says = |fault, reason: &str| unconnected("admin:7702", fault, reason).to_string();
        assert_eq!(
            says(Fault::Server, "invalid peer certificate: UnknownIssuer"),
            "admin:7702 is not the server that the credential is for, or its roots were replaced (invalid peer \
             certificate: UnknownIssuer); ask an administrator for a new credential"
        );
        assert_eq!(
            says(Fault::Network, "no answer within 10 s"),
            "cannot connect to admin:7702: no answer within 10 s; is 'muster-admin serve' running there?"
        );
        assert_eq!(
            says(Fault::Clock, "check the clock"),
            "cannot connect to admin:7702: check the clock"
        );
    }
}

//! Identity: the agent's credential, how it gets it and keeps it fresh.
//!
//! In: an invitation, AWS credentials. Out: a credential file, and channels to the admin. Always: the private key is made
//! here and never leaves; key and certificate change together, in one file. Survives: the credential; an enrollment that
//! was cut off is taken up again with the same key.

mod enroll;
mod keep;
mod renew;
mod words;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_common::account::AccountId;
use muster_common::durable::make_folder;
use muster_common::identity::{AgentId, Identity as Holder, TrustDomain};
use muster_common::timestamp::Timestamp;
use muster_mtls::{
    ConnectError, Credential, CredentialFile, FileError, InvalidCredential, channel,
};
use muster_proto::v1 as wire;
use tonic::Status;
use tonic::transport::Channel;

use crate::cloud::CredentialsError;
pub use enroll::{Accept, accept, decline};
pub use keep::Keeper;
pub use renew::{due, leave, renew};
pub(crate) use words::refusal;

/// How long a talk with the admin may take.
const TALK_TIMEOUT: Duration = Duration::from_secs(60);

/// Where an agent keeps its things. Only one process uses them.
pub struct State {
    folder: PathBuf,
    _lock: File,
}

/// The agent as the admin knows it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub file: CredentialFile,
    pub credential: Credential,
    pub account: AccountId,
    pub agent: AgentId,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this agent is not enrolled; run \"muster-agent accept '<invitation>'\" first")]
    NotEnrolled,
    #[error(
        "this agent is enrolled already, for account {account}; '--replace' enrolls it anew, '--state-dir' sets up another agent"
    )]
    Enrolled { account: AccountId },
    #[error("another muster-agent uses {path} already; stop it first")]
    InUse { path: String },
    #[error("the credential in {path} is not an agent's")]
    NotAnAgent { path: String },
    #[error("cannot use {path}: {reason}")]
    Disk { path: String, reason: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the credential cannot be used: {0}")]
    Credential(#[from] InvalidCredential),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Aws(#[from] CredentialsError),
    #[error(
        "the invitation is for account {invited}, but the AWS credentials here belong to {own}; run this in account {invited}"
    )]
    OtherAccount { invited: AccountId, own: AccountId },
    #[error("the invitation expired at {0}; ask for a new one")]
    Expired(Timestamp),
    #[error("no AWS Region is set; set AWS_REGION, or home_region in the settings")]
    NoRegion,
    #[error("{0}")]
    Refused(String),
    #[error("the admin did not answer as expected: {0}")]
    Protocol(String),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(words::refusal(&status))
    }
}

impl State {
    /// Takes the state folder, a new one if there is none.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Disk`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let disk = |error: std::io::Error| Error::Disk {
            path: folder.display().to_string(),
            reason: error.to_string(),
        };
        make_folder(folder, 0o700).map_err(disk)?;
        let lock = File::create(folder.join("LOCK")).map_err(disk)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse {
                path: folder.display().to_string(),
            }),
            Err(std::fs::TryLockError::Error(error)) => Err(disk(error)),
        }
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The enrolled identity.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], or what is wrong with the file.
    pub fn identity(&self) -> Result<Identity, Error> {
        read(&self.folder)
    }

    fn credential_path(&self) -> PathBuf {
        credential_path(&self.folder)
    }

    fn save(&self, file: &CredentialFile) -> Result<(), Error> {
        file.write(&self.credential_path())?;
        // Whoever has a certificate has come back.
        let _ = std::fs::remove_file(left_path(&self.folder));
        Ok(())
    }

    /// Notes that the account has left the admin, for `status` to tell.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn note_left(&self, at: Timestamp) -> Result<(), Error> {
        let path = left_path(&self.folder);
        std::fs::write(&path, format!("{at}\n")).map_err(|error| Error::Disk {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }
}

/// When the account left the admin, if it did and nobody enrolled since.
#[must_use]
pub fn left(folder: &Path) -> Option<Timestamp> {
    let text = std::fs::read_to_string(left_path(folder)).ok()?;
    text.trim().parse().ok()
}

fn left_path(folder: &Path) -> PathBuf {
    folder.join("left")
}

/// Whether a process uses a state folder. Makes nothing where there is nothing.
#[must_use]
pub fn in_use(folder: &Path) -> bool {
    let lock = File::open(folder.join("LOCK")).map(|lock| lock.try_lock());
    matches!(lock, Ok(Err(std::fs::TryLockError::WouldBlock)))
}

/// Reads the identity of a state folder without taking it.
///
/// # Errors
/// [`Error::NotEnrolled`], or what is wrong with the file.
pub fn read(folder: &Path) -> Result<Identity, Error> {
    let path = credential_path(folder);
    let file = match CredentialFile::read(&path) {
        Err(FileError::Missing(_)) => return Err(Error::NotEnrolled),
        other => other?,
    };
    let credential = file.credential().map_err(|error| FileError::Content {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    match credential.facts().id.identity {
        Holder::Agent { account, agent } => Ok(Identity {
            file,
            credential,
            account,
            agent,
        }),
        Holder::Operator(_) | Holder::Admin => Err(Error::NotAnAgent {
            path: path.display().to_string(),
        }),
    }
}

fn credential_path(folder: &Path) -> PathBuf {
    folder.join("credential.toml")
}

impl Identity {
    /// What to say if the certificate is over, for the admin takes nothing under it.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Option<String> {
        let until = self.credential.facts().not_after;
        (now >= until).then(|| {
            format!(
                "the certificate expired at {until}; ask for a new invitation and run 'muster-agent accept --replace'"
            )
        })
    }

    /// Connects to the admin with the credential.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn connect(&self) -> Result<Channel, Error> {
        let trust = self.file.trust()?;
        Ok(channel(
            &self.file.endpoint,
            &trust,
            &self.file.trust_domain,
            Some(&self.credential),
        )
        .await?)
    }
}

/// The server and the nonce that a proof is bound to. A server gets proofs for itself only: with one for another admin it
/// could pose as this agent there.
fn challenged(
    challenge: &wire::Challenge,
    domain: &TrustDomain,
) -> Result<(String, [u8; 32]), Error> {
    let own = domain.id(Holder::Admin).to_string();
    if challenge.server_id != own {
        return Err(Error::Protocol(
            "it asks for a proof for another admin".to_owned(),
        ));
    }
    let nonce = challenge.nonce.as_ref().try_into();
    let nonce = nonce.map_err(|_| Error::Protocol("the challenge has another size".to_owned()))?;
    Ok((own, nonce))
}

/// Gives up after a while.
async fn in_time<T>(talk: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(TALK_TIMEOUT, talk).await {
        Ok(result) => result,
        Err(_) => Err(Error::Protocol("no answer within 60 s".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_credential_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let domain: TrustDomain = "muster.example".parse().unwrap();
        let key = muster_mtls::PrivateKey::generate();
        let path = credential_path(folder.path());
        let file = CredentialFile::new("localhost:1", &domain, &key, &[vec![7; 9]], &[]);
        file.write(&path).unwrap();
        let said = read(folder.path()).unwrap_err().to_string();
        assert!(
            said.contains("credential.toml is no credential file"),
            "{said}"
        );
    }

    #[test]
    fn a_server_gets_no_proof_for_another_one() {
        let domain: TrustDomain = "muster.example".parse().unwrap();
        let challenge = |server_id: &str, bytes| wire::Challenge {
            nonce: vec![7; bytes].into(),
            server_id: server_id.to_owned(),
        };
        let own = "spiffe://muster.example/admin";
        let (server_id, nonce) = challenged(&challenge(own, 32), &domain).unwrap();
        assert_eq!((server_id.as_str(), nonce), (own, [7; 32]));
        for (server_id, bytes) in [
            ("spiffe://other.example/admin", 32),
            ("spiffe://muster.example/operator/ana", 32),
            ("", 32),
            (own, 31),
            (own, 0),
        ] {
            let refused = challenged(&challenge(server_id, bytes), &domain);
            assert!(matches!(refused, Err(Error::Protocol(_))), "{server_id}");
        }
    }
}

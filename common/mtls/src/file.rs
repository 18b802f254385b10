//! Credential files: all that a client needs to connect, in one file that only its owner may read. One file, so that key
//! and certificate change in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use muster_common::drill::{self, Point};
use muster_common::durable::make_folder;
use muster_common::identity::TrustDomain;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client::Trust;
use crate::credential::{Credential, InvalidCredential, PrivateKey, pem_certificates, to_pem};

/// A credential and where to use it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// `host:port`.
    pub endpoint: String,
    pub trust_domain: TrustDomain,
    /// PEM; the leaf first.
    pub certificates: String,
    /// PEM; the roots to trust servers by.
    pub server_roots: String,
    /// PEM. Secret.
    private_key: String,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("there is no credential at {0}")]
    Missing(PathBuf),
    #[error("{0} can be read by others; run 'chmod 600 {0}'")]
    Exposed(PathBuf),
    #[error("{path} is no credential file: {reason}")]
    Content { path: PathBuf, reason: String },
    #[error("cannot use {path}: {reason}")]
    Disk { path: PathBuf, reason: io::Error },
}

impl std::fmt::Debug for CredentialFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "CredentialFile({}, {})",
            self.endpoint, self.trust_domain
        )
    }
}

impl CredentialFile {
    /// Certificates and roots are DER.
    #[must_use]
    pub fn new(
        endpoint: &str,
        trust_domain: &TrustDomain,
        key: &PrivateKey,
        chain: &[Vec<u8>],
        server_roots: &[Vec<u8>],
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            trust_domain: trust_domain.clone(),
            certificates: to_pem(chain),
            server_roots: to_pem(server_roots),
            private_key: key.to_pem().to_string(),
        }
    }

    /// # Errors
    /// [`FileError`] tells what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let disk = |reason| FileError::Disk {
            path: path.to_owned(),
            reason,
        };
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FileError::Missing(path.to_owned()));
            }
            Err(error) => return Err(disk(error)),
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(FileError::Exposed(path.to_owned()));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(disk)?);
        toml::from_str(&text).map_err(|error| FileError::Content {
            path: path.to_owned(),
            reason: error.message().to_owned(),
        })
    }

    /// Writes the file in one durable step, readable by its owner only.
    ///
    /// # Errors
    /// [`FileError::Disk`].
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let disk = |reason| FileError::Disk {
            path: path.to_owned(),
            reason,
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        make_folder(folder, 0o700).map_err(disk)?;
        let text = Zeroizing::new(toml::to_string(self).expect("a credential is plain text"));
        let draft = path.with_extension("draft");
        // Whoever may write in this folder could have put a file or a link there, to read what is written through it.
        let _ = std::fs::remove_file(&draft);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(disk)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(disk)?;
        drill::pass(Point::CredentialDrafted);
        std::fs::rename(&draft, path).map_err(disk)?;
        drill::pass(Point::CredentialRenamed);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(disk)
    }

    /// # Errors
    /// [`InvalidCredential`] if key and certificate do not go together.
    pub fn credential(&self) -> Result<Credential, InvalidCredential> {
        Credential::new(&self.key()?, pem_certificates(&self.certificates)?)
    }

    /// # Errors
    /// [`InvalidCredential::Key`].
    pub fn key(&self) -> Result<PrivateKey, InvalidCredential> {
        PrivateKey::from_pem(&self.private_key)
    }

    /// # Errors
    /// [`InvalidCredential::Certificate`].
    pub fn trust(&self) -> Result<Trust, InvalidCredential> {
        Ok(Trust::Roots(pem_certificates(&self.server_roots)?))
    }
}

//! The authority: three roots that certify agents, operators and servers.
//!
//! In: a public key and an identity. Out: a certificate in which only the key came from outside. Always: each root's
//! keys live prepared > active > retiring > retired; one key of a root signs; what is not retired is trusted; a leaf
//! never outlives its root. Survives: keys are files of their own (0600), written before they are listed.
//! Not here: who gets a certificate (`enrollment`, `operators`), who keeps it (`membership`). It knows no accounts.

mod key;
mod keyring;
mod leaf;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::identity::{Serial, SpiffeId, TrustDomain};
use muster_common::invitation::RootPin;
use muster_common::timestamp::Timestamp;
use parking_lot::RwLock;

use crate::error::{Kind, Kinded};
pub use key::{KeyState, Lives, RootKey, Step, transitions};
use keyring::Keyring;
pub use leaf::Names;

/// Whom a root certifies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    Agents,
    Operators,
    Servers,
}

impl Root {
    pub const ALL: [Self; 3] = [Self::Agents, Self::Operators, Self::Servers];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Operators => "operators",
            Self::Servers => "servers",
        }
    }
}

/// Certifies. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    keyring: Arc<RwLock<Keyring>>,
    clock: Clock,
}

/// A certificate and what it was issued with.
#[derive(Clone, Debug)]
pub struct Issued {
    /// DER; the leaf first.
    pub chain: Vec<Vec<u8>>,
    pub serial: Serial,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there are no roots in {path}; run 'muster-admin init' first")]
    NoRoots { path: String },
    #[error(
        "{path} already has roots; 'muster-admin rescue' makes a new credential, or choose another data folder to start anew"
    )]
    HasRoots { path: String },
    #[error("cannot use {path}: {reason}")]
    File { path: String, reason: String },
    #[error("{path} can be read by others; run 'chmod 600 {path}'")]
    Exposed { path: String },
    #[error("no active key certifies {}, or it has expired; run 'muster-admin authority activate {}'", .root.name(), .root.name())]
    NoActiveKey { root: Root },
    #[error("the {} root has a prepared key already; activate that one", .root.name())]
    HasPrepared { root: Root },
    #[error(
        "{} key {number} is {} and must stay so until {until}, when everyone has followed; with --now you {verb} it at \
         once, and whoever has not must join again",
        .root.name(), .state.name()
    )]
    TooEarly {
        root: Root,
        number: u32,
        state: KeyState,
        verb: &'static str,
        until: Timestamp,
    },
    #[error("the {} root has no {} key to {verb}", .root.name(), .needed.name())]
    NoSuchKey {
        root: Root,
        needed: KeyState,
        verb: &'static str,
    },
    #[error("the public key is not an ECDSA P-256 key with a valid proof of possession")]
    PublicKey,
    #[error("certificates can be issued for 1 to 72 hours")]
    Lifetime,
    #[error("the certificate could not be made: {0}")]
    Signing(String),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::PublicKey | Self::Lifetime => Kind::Invalid,
            Self::NoRoots { .. }
            | Self::HasRoots { .. }
            | Self::File { .. }
            | Self::Exposed { .. }
            | Self::NoActiveKey { .. }
            | Self::HasPrepared { .. }
            | Self::TooEarly { .. }
            | Self::NoSuchKey { .. }
            | Self::Signing(_) => Kind::Internal,
        }
    }
}

impl Authority {
    /// Makes the three roots of a trust domain in an empty folder.
    ///
    /// # Errors
    /// [`Error::HasRoots`], [`Error::File`].
    pub fn create(folder: &Path, domain: &TrustDomain, clock: Clock) -> Result<Self, Error> {
        let keyring = Keyring::create(folder, domain, clock.now())?;
        Ok(Self::over(keyring, clock))
    }

    /// Reads the roots of a folder.
    ///
    /// # Errors
    /// [`Error::NoRoots`], [`Error::Exposed`], [`Error::File`].
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, Error> {
        Ok(Self::over(Keyring::open(folder)?, clock))
    }

    fn over(keyring: Keyring, clock: Clock) -> Self {
        Self {
            keyring: Arc::new(RwLock::new(keyring)),
            clock,
        }
    }

    /// The name of the admin and of all that it certifies.
    #[must_use]
    pub fn domain(&self) -> TrustDomain {
        self.keyring.read().domain().clone()
    }

    /// Certifies a public key (SubjectPublicKeyInfo in DER) for `hours`.
    ///
    /// # Errors
    /// [`Error::Lifetime`], [`Error::NoActiveKey`], [`Error::Signing`].
    pub fn certify(
        &self,
        root: Root,
        public_key: &[u8],
        id: &SpiffeId,
        hours: u32,
        names: &Names,
    ) -> Result<Issued, Error> {
        let now = self.clock.now();
        let keyring = self.keyring.read();
        let signer = keyring
            .active(root)
            .filter(|signer| now < signer.facts.not_after)
            .ok_or(Error::NoActiveKey { root })?;
        leaf::issue(signer, public_key, id, hours, names, now)
    }

    /// The roots to trust, in DER: all that are not retired.
    #[must_use]
    pub fn trusted(&self, root: Root) -> Vec<Vec<u8>> {
        self.keyring.read().trusted(root)
    }

    /// The pin of the root that certifies servers now.
    ///
    /// # Errors
    /// [`Error::NoActiveKey`].
    pub fn server_pin(&self) -> Result<RootPin, Error> {
        let root = Root::Servers;
        let keyring = self.keyring.read();
        let key = keyring.active(root).ok_or(Error::NoActiveKey { root })?;
        muster_mtls::root_pin(&key.certificate).map_err(|error| Error::Signing(error.to_string()))
    }

    /// All keys, for people.
    #[must_use]
    pub fn keys(&self) -> Vec<RootKey> {
        self.keyring.read().keys()
    }

    /// Moves a root's keys one step on: makes a new one, lets the prepared one sign, or ends the retiring one.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::File`].
    pub fn rotate(&self, root: Root, step: Step, lives: Lives) -> Result<RootKey, Error> {
        self.keyring
            .write()
            .rotate(root, step, lives, self.clock.now())
    }
}

/// The public key of a certificate request (PKCS #10 in DER) whose proof of possession holds.
///
/// # Errors
/// [`Error::PublicKey`].
pub fn requested_key(csr: &[u8]) -> Result<Vec<u8>, Error> {
    leaf::requested_key(csr)
}

/// Where the roots of a data folder are.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("authority")
}

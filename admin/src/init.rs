//! What is done before a server runs: its roots, and the credential of an administrator.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use muster_common::clock::Clock;
use muster_common::drill::{self, Point};
use muster_common::durable::make_folder;
use muster_common::identity::{Identity, OperatorId, TrustDomain};
use muster_mtls::{Connections, CredentialFile, PrivateKey};
use muster_store::Embedded;

use crate::authority::{self, Authority, Root};
use crate::config::Config;
use crate::operators::{self, Operators, Role};
use crate::records::Records;

/// An administrator to make.
pub struct Administrator {
    pub operator: OperatorId,
    /// Where the credential goes.
    pub credential: PathBuf,
    /// `host:port` of the operators' listener, as operators reach it.
    pub endpoint: String,
}

/// Makes roots and the first operator. Nothing is made if any of it is there already.
///
/// # Errors
/// A text that says what is in the way.
pub async fn init(
    config: &Config,
    domain: &TrustDomain,
    wanted: &Administrator,
) -> anyhow::Result<()> {
    let place = Place::reserve(&wanted.credential)?;
    let store = open(config)?;
    let folder = authority::folder(&config.data_dir);
    let authority = Authority::create(&folder, domain, Clock::system())?;
    drill::pass(Point::RootsListed);
    administrator(config, &authority, store, wanted).await?;
    place.keep();
    Ok(())
}

/// Makes one more administrator beside a stopped server: for when nobody has a credential that counts.
///
/// # Errors
/// A text that says what is in the way.
pub async fn rescue(config: &Config, wanted: &Administrator) -> anyhow::Result<()> {
    let place = Place::reserve(&wanted.credential)?;
    let folder = authority::folder(&config.data_dir);
    let authority = Authority::open(&folder, Clock::system())?;
    administrator(config, &authority, open(config)?, wanted).await?;
    place.keep();
    Ok(())
}

fn open(config: &Config) -> Result<Arc<Embedded>, muster_store::Error> {
    Embedded::open(&muster_store::Config {
        path: config.data_dir.join("store"),
        cache_bytes: 1 << 20,
    })
    .map(Arc::new)
}

async fn administrator(
    config: &Config,
    authority: &Authority,
    store: Arc<Embedded>,
    wanted: &Administrator,
) -> anyhow::Result<()> {
    let domain = authority.domain();
    let operators = Operators::new(
        Records::new(store),
        authority.clone(),
        Connections::default(),
        Clock::system(),
        operators::Config {
            domain: domain.clone(),
            certificate_hours: config.certificates.operator_hours,
        },
    );
    let key = PrivateKey::generate();
    let by = domain.id(Identity::Admin).to_string();
    let (_, issued) = operators
        .create(&wanted.operator, Role::Admin, &key.request().der, &by)
        .await?;
    drill::pass(Point::OperatorMade);
    let roots = authority.trusted(Root::Servers);
    CredentialFile::new(&wanted.endpoint, &domain, &key, &issued.chain, &roots)
        .write(&wanted.credential)?;
    Ok(())
}

/// The file of a credential that is not written yet. It goes again if nothing comes of it.
struct Place {
    path: PathBuf,
    kept: bool,
}

impl Place {
    fn reserve(path: &Path) -> anyhow::Result<Self> {
        if path.exists() {
            anyhow::bail!(
                "{} is there already; choose another place with --credential",
                path.display()
            );
        }
        let cannot = || {
            let path = path.display();
            format!("cannot write {path}; choose another place with --credential")
        };
        if let Some(folder) = path.parent() {
            make_folder(folder, 0o700).with_context(cannot)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).with_context(cannot)?;
        Ok(Self {
            path: path.to_owned(),
            kept: false,
        })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

//! The first step of an admin: its roots, and the first operator's credential.

use std::path::PathBuf;
use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::identity::{Identity, OperatorId, TrustDomain};
use muster_mtls::{Connections, CredentialFile, PrivateKey};
use muster_store::Embedded;

use crate::authority::{self, Authority, Root};
use crate::config::Config;
use crate::operators::{self, Operators, Role};
use crate::records::Records;

/// What to make.
pub struct Init {
    pub trust_domain: TrustDomain,
    pub operator: OperatorId,
    /// Where the first credential goes.
    pub credential: PathBuf,
    /// `host:port` of the operators' listener, as operators reach it.
    pub endpoint: String,
}

/// Makes roots and the first operator. Nothing is made if any of it is there already.
///
/// # Errors
/// A text that says what is in the way.
pub async fn init(config: &Config, init: &Init) -> anyhow::Result<()> {
    if init.credential.exists() {
        anyhow::bail!(
            "{} is there already; choose another place with --credential",
            init.credential.display()
        );
    }
    let clock = Clock::system();
    let store = Arc::new(Embedded::open(&muster_store::Config {
        path: config.data_dir.join("store"),
        cache_bytes: 1 << 20,
    })?);
    let folder = authority::folder(&config.data_dir);
    let authority = Authority::create(&folder, &init.trust_domain, clock.clone())?;
    let operators = Operators::new(
        Records::new(store),
        authority.clone(),
        Connections::default(),
        clock,
        operators::Config {
            domain: init.trust_domain.clone(),
            certificate_hours: config.certificates.operator_hours,
        },
    );
    let key = PrivateKey::generate();
    let by = init.trust_domain.id(Identity::Admin).to_string();
    let (_, issued) = operators
        .create(&init.operator, Role::Admin, &key.request().der, &by)
        .await?;
    CredentialFile::new(
        &init.endpoint,
        &init.trust_domain,
        &key,
        &issued.chain,
        &authority.trusted(Root::Servers),
    )
    .write(&init.credential)?;
    Ok(())
}

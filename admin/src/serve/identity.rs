//! The server's own certificate, made anew before it expires.

use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::identity::{Identity, TrustDomain};
use muster_common::timestamp::{HOUR, MINUTE, Timestamp};
use muster_mtls::{Credential, PrivateKey, ServerCredential};
use parking_lot::RwLock;

use crate::authority::{Authority, Names, Root};
use crate::config::Config;

/// The life of the server's certificate.
pub const HOURS: u32 = 7 * 24;
/// How far certificates are back-dated.
const BACK_DATE: i64 = MINUTE;

pub(super) struct ServerIdentity {
    authority: Authority,
    names: Names,
    credential: ServerCredential,
    expires_at: Arc<RwLock<Timestamp>>,
    clock: Clock,
}

impl ServerIdentity {
    pub(super) fn new(
        authority: &Authority,
        config: &Config,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let names = names(config);
        let (credential, expires_at) = certify(authority, &names)?;
        Ok(Self {
            authority: authority.clone(),
            names,
            credential: ServerCredential::new(&credential),
            expires_at: Arc::new(RwLock::new(expires_at)),
            clock,
        })
    }

    pub(super) fn credential(&self) -> ServerCredential {
        self.credential.clone()
    }

    pub(super) fn expires_at(&self) -> Arc<RwLock<Timestamp>> {
        Arc::clone(&self.expires_at)
    }

    pub(super) fn domain(&self) -> TrustDomain {
        self.authority.domain()
    }

    /// Makes a new certificate if half of the old one's life is over, or if it has not begun.
    pub(super) fn renew_if_due(&self) -> anyhow::Result<()> {
        if !due(self.expires_at.read().since(self.clock.now())) {
            return Ok(());
        }
        let (credential, expires_at) = certify(&self.authority, &self.names)?;
        self.credential.replace(&credential);
        *self.expires_at.write() = expires_at;
        tracing::info!(%expires_at, "the server's certificate was renewed");
        Ok(())
    }
}

/// Whether a certificate that holds for so long is to be replaced. One that holds for longer than its life was made before
/// the clock was set back, and nobody takes it yet.
const fn due(left: i64) -> bool {
    let life = HOURS as i64 * HOUR;
    left <= life / 2 || left > life + BACK_DATE
}

fn certify(authority: &Authority, names: &Names) -> anyhow::Result<(Credential, Timestamp)> {
    let key = PrivateKey::generate();
    let id = authority.domain().id(Identity::Admin);
    let issued = authority.certify(Root::Servers, &key.public_key(), &id, HOURS, names)?;
    Ok((Credential::new(&key, issued.chain)?, issued.not_after))
}

/// What clients that check names may call the server.
fn names(config: &Config) -> Names {
    let host = |address: &String| {
        address
            .rsplit_once(':')
            .map(|(host, _)| host.trim_matches(['[', ']']).to_owned())
    };
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(config.public.names.iter().cloned());
    names.extend(config.public.enrollment.iter().filter_map(host));
    names.extend(config.public.agents.iter().filter_map(host));
    names.sort_unstable();
    names.dedup();
    Names(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_replaced_at_half_of_its_life_and_when_it_has_not_begun() {
        let life = i64::from(HOURS) * HOUR;
        let left = [life / 2, life / 2 + 1, life, life + BACK_DATE, life + HOUR];
        assert_eq!(left.map(due), [true, false, false, false, true]);
    }
}

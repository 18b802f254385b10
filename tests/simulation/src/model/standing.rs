//! Who may speak: certificates, and what became of their members and agents.

use muster_common::account::AccountId;
use muster_common::identity::{AgentId, Serial};
use muster_common::timestamp::Timestamp;
use muster_mtls::CertificateFacts;

use super::{State, agent_of};

#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) account: AccountId,
    pub(super) agent: AgentId,
    pub(super) not_after: Timestamp,
    /// For good: its member parted or its agent was stopped.
    pub(super) barred: bool,
    /// A later one was used.
    pub(super) replaced: bool,
    /// It was issued at a time that a restored server has lost, so that it may be good or not.
    pub(super) lost: bool,
    pub(super) number: u64,
}

impl State {
    /// A certificate was issued.
    pub(crate) fn certified(&mut self, facts: &CertificateFacts) {
        let Some((account, agent)) = agent_of(facts) else {
            return;
        };
        if !self.agents.contains(&agent) {
            self.agents.push(agent);
        }
        let certificate = Certificate {
            account,
            agent,
            not_after: facts.not_after,
            barred: false,
            replaced: false,
            lost: false,
            number: self.kept.certificates.len() as u64,
        };
        self.kept
            .certificates
            .insert(*facts.serial.as_bytes(), certificate);
    }

    /// The agents of an account, or one of them, may never speak again.
    pub(crate) fn bar(&mut self, which: impl Fn(AccountId, AgentId) -> bool) {
        for certificate in self.kept.certificates.values_mut() {
            certificate.barred |= which(certificate.account, certificate.agent);
        }
    }

    /// Whether an agent of an account was stopped, or may have been: what it read is not read any more.
    pub(super) fn lost_an_agent(&self, account: AccountId) -> bool {
        let mut certificates = self.kept.certificates.values();
        self.kept.unsure.contains(&account)
            || certificates.any(|known| known.barred && known.account == account)
    }

    pub(crate) fn suspend(&mut self, account: AccountId) {
        self.kept.suspended.insert(account);
    }

    pub(crate) fn resume(&mut self, account: AccountId) {
        self.kept.suspended.remove(&account);
    }

    pub(crate) fn unsure(&mut self, account: AccountId) {
        self.kept.unsure.insert(account);
    }

    /// Whether there is nothing for which a certificate could be refused.
    pub(crate) fn must_stand(&self, facts: &CertificateFacts, now: Timestamp) -> bool {
        !self.restored
            && !self.may_not(facts, now)
            && self
                .certificate(Some(facts))
                .is_some_and(|known| !self.kept.unsure.contains(&known.account))
    }

    fn certificate(&self, facts: Option<&CertificateFacts>) -> Option<&Certificate> {
        self.kept.certificates.get(facts?.serial.as_bytes())
    }

    /// Whether nothing may come of what is sent under a certificate.
    pub(crate) fn is_barred(&self, facts: Option<&CertificateFacts>, now: Timestamp) -> bool {
        self.certificate(facts).is_none_or(|known| {
            known.barred
                || now >= known.not_after
                || !known.lost && self.kept.suspended.contains(&known.account)
        })
    }

    /// Whether a call under a certificate must be refused.
    pub(crate) fn may_not(&self, facts: &CertificateFacts, now: Timestamp) -> bool {
        self.is_barred(Some(facts), now) || self.is_replaced(Some(facts))
    }

    pub(super) fn is_replaced(&self, facts: Option<&CertificateFacts>) -> bool {
        self.certificate(facts).is_none_or(|known| known.replaced)
    }

    /// A certificate was good for a call: the ones before it are replaced.
    pub(super) fn used(&mut self, serial: Serial) {
        let Some(used) = self.kept.certificates.get(serial.as_bytes()).cloned() else {
            return;
        };
        for (other_serial, other) in &mut self.kept.certificates {
            other.replaced |= other.agent == used.agent && other.number < used.number;
            other.lost &= other_serial != serial.as_bytes();
        }
    }
}

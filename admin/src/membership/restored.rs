//! What a certificate tells that this admin does not remember: it was restored from a backup.
//!
//! Only the admin's own authority can have signed a certificate that is later than everything in its records; so the time
//! between is lost. Always: the account of the certificate alone is touched.

use muster_common::account::AccountId;
use muster_common::timestamp::{MINUTE, SECOND};
use muster_mtls::CertificateFacts;
use muster_store::Table;

use super::{Agent, Error, Invitation, Membership, Standing, agent_key, key};
use crate::audit::Event;
use crate::records::Draft;

/// In whose name.
const BY: &str = "muster-admin";
/// How far certificates are back-dated; their times have no fractions.
const BACK_DATE: i64 = MINUTE;

impl Membership {
    /// Makes a certificate the current one of its agent.
    pub(super) fn promote(
        &self,
        draft: Draft,
        standing: &Standing,
        mut agent: Agent,
        shown: &CertificateFacts,
    ) -> Draft {
        agent.lineage = agent.lineage.promoted(shown.into());
        let draft = if *standing == Standing::Ahead {
            agent.certificate_expires_at = shown.not_after;
            let resource = format!("agents/{}", agent.id);
            let event = Event::new(self.clock.now(), "agent.restore", BY, resource);
            draft.audit(&event.detail(format!(
                "serial {} was issued at a time that is lost here, as after a restore from a backup",
                shown.serial
            )))
        } else {
            draft
        };
        draft.put(Table::Agents, agent_key(agent.account, agent.id), &agent)
    }

    /// Makes the member's invitation void if it was open before a certificate was issued that is not remembered: it may
    /// have been used since.
    pub(super) async fn void_since(
        &self,
        draft: Draft,
        account: AccountId,
        shown: &CertificateFacts,
    ) -> Result<Draft, Error> {
        let (kept_member, member) = match self.kept_member(account).await {
            Ok(kept) => kept,
            Err(Error::NoMember { .. }) => return Ok(draft),
            Err(error) => return Err(error),
        };
        let Some(id) = member.invitation else {
            return Ok(draft);
        };
        let now = self.clock.now();
        let kept = self
            .records
            .keep::<Invitation>(Table::Invitations, id.to_string())
            .await?;
        let issued_at = shown.not_before.plus(BACK_DATE + SECOND);
        let Some(open) = kept
            .value
            .clone()
            .filter(|open| open.is_open(now) && open.created_at <= issued_at)
        else {
            return Ok(draft);
        };
        let invitation = open.withdraw(BY)?;
        let event = Event::new(now, "invitation.withdraw", BY, format!("invitations/{id}")).detail(
            format!(
                "{} is not remembered and was issued later: the invitation may have been used at a time that is lost here, as after a restore from a backup",
                shown.id
            ),
        );
        let member = member.without_invitation(&invitation.state, now);
        Ok(draft
            .expect(&kept)
            .expect(&kept_member)
            .put(Table::Invitations, id.to_string(), &invitation)
            .put(Table::Members, key(account), &member)
            .audit(&event))
    }
}

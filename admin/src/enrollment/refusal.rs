//! Strangers: who has failed too often waits, every refusal is written down, and an invitation can be declined.

use std::net::IpAddr;

use muster_common::invitation::{InvitationId, InvitationSecret};

use super::{Enrollment, Error, Hello};
use crate::audit::Event;
use crate::membership;
use crate::membership::invitation::Refused;

/// A refusal to a stranger, as the audit log tells it.
pub(super) struct Refusal {
    action: &'static str,
    peer: IpAddr,
    subject: String,
    about: String,
}

impl Enrollment {
    /// Declines an invitation for whoever has its secret. Who has not learns as little as by enrolling.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Invitation`].
    pub async fn decline(
        &self,
        id: InvitationId,
        secret: &InvitationSecret,
        peer: IpAddr,
    ) -> Result<(), Error> {
        self.admit(peer)?;
        let error = match self.membership.decline(id, secret, &peer.to_string()).await {
            Ok(()) => return Ok(()),
            Err(membership::Error::NoInvitation { .. }) => Refused::Unknown.into(),
            Err(error) => error.into(),
        };
        let refusal = Refusal {
            action: "invitation.refuse",
            peer,
            subject: format!("invitations/{id}"),
            about: "declined".to_owned(),
        };
        Err(self.refuse(error, refusal).await)
    }

    pub(super) fn admit(&self, peer: IpAddr) -> Result<(), Error> {
        if self.throttle.admits(peer, self.clock.now()) {
            Ok(())
        } else {
            Err(Error::Throttled { peer })
        }
    }

    /// Writes down a refusal, and remembers who keeps failing.
    pub(super) async fn refuse(&self, error: Error, refusal: Refusal) -> Error {
        let Refusal {
            action,
            peer,
            subject,
            about,
        } = refusal;
        if error.is_refusal() {
            let now = self.clock.now();
            self.throttle.failed(peer, now);
            let event = Event::new(now, action, peer.to_string(), subject);
            self.audit
                .refusal(event.detail(format!("{about}: {error}")))
                .await;
        } else {
            tracing::warn!(%peer, %subject, %error, "an enrollment was not judged");
        }
        error
    }
}

impl Hello {
    pub(super) fn refusal(&self, peer: IpAddr) -> Refusal {
        Refusal {
            action: "enrollment.refuse",
            peer,
            subject: format!("members/{}", self.account),
            about: format!("invitation {}", self.invitation),
        }
    }
}

//! `muster invitation`.

use clap::Subcommand;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use serde_json::json;

use super::tally;
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer};
use crate::session::Session;
use crate::when::{absolute, time_cell};

const PAGE_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List open invitations
    List {
        /// Also those that are spent, withdrawn, declined or expired
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        extent: Extent,
    },
    /// Withdraw an invitation: it enrolls nobody any more
    Withdraw {
        /// As 'muster invitation list' shows it
        id: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List { ended, extent } => list(ended, extent, session, printer).await,
        Command::Withdraw { id } => {
            let request = wire::WithdrawInvitationRequest { name: id };
            let withdrawn = session
                .members()
                .withdraw_invitation(request)
                .await?
                .into_inner();
            printer.done(&format!(
                "the invitation for {} is withdrawn",
                withdrawn.account_id
            ))
        }
    }
}

async fn list(
    ended: bool,
    extent: Extent,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut list = printer.list(&["ID", "ACCOUNT", "STATE", "EXPIRES", "SENT BY"]);
    let now = Clock::system().now();
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListInvitationsRequest {
            page_size,
            page_token: token,
            all: ended,
        };
        let page = session
            .members()
            .list_invitations(request)
            .await?
            .into_inner();
        for invitation in page.invitations {
            shown += 1;
            let state = invitation.state();
            let name = state.as_str_name().trim_start_matches("INVITATION_STATE_");
            let paint = match state {
                wire::InvitationState::Open => Paint::Good,
                wire::InvitationState::Spent
                | wire::InvitationState::Withdrawn
                | wire::InvitationState::Declined
                | wire::InvitationState::Expired
                | wire::InvitationState::Unspecified => Paint::Dim,
            };
            let id = invitation.name.trim_start_matches("invitations/");
            let cells = vec![
                id.into(),
                invitation.account_id.as_str().into(),
                Cell::new(name, paint),
                time_cell(invitation.expires_at.as_ref(), now),
                Cell::free(invitation.created_by.as_str()),
            ];
            list.push(cells, || {
                json!({
                    "id": id,
                    "account": invitation.account_id,
                    "state": name,
                    "createdAt": absolute(invitation.created_at.as_ref()),
                    "expiresAt": absolute(invitation.expires_at.as_ref()),
                    "createdBy": invitation.created_by,
                })
            })?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(
        shown,
        !token.is_empty(),
        "invitation",
        "invitations",
    ))
}

//! `muster member`.

use clap::{Args, Subcommand};
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::{settle, tally};
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer, print_line, print_note};
use crate::session::Session;
use crate::when::{absolute, relative, time_cell};

/// Accounts of one call.
const CALL_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create members; invite them next
    #[command(
        after_help = "Examples:\n  muster member create 111122223333 --name payments --email owner@example.com\n  muster member create 111122223333 444455556666 --role SecurityAgent"
    )]
    Create(Create),
    /// Invite members, or invite again; prints an invitation for each
    #[command(
        after_help = "An earlier invitation is void. The invitation is shown this once: it holds a secret.\n\nExamples:\n  muster member invite 111122223333\n  muster member invite 111122223333 --hours 72 -o json"
    )]
    Invite(Invite),
    /// List members
    #[command(
        after_help = "Examples:\n  muster member list\n  muster member list --status invited,created\n  muster member list --all -o csv"
    )]
    List(List),
    /// Show one member with its agents
    Show {
        /// Twelve digits
        account: String,
    },
    /// Part with members: their agents are cut at once, their findings stay
    Disassociate(Accounts),
    /// Silence members' agents until they are resumed
    Suspend(Accounts),
    /// Let suspended members' agents speak again
    Resume(Accounts),
    /// Delete members that are not enabled; their findings stay until retention removes them
    Delete(Accounts),
}

#[derive(Args)]
pub(crate) struct Create {
    /// Account ids, twelve digits
    #[arg(required = true, value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// Whom to ask about the account
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// What people call the account
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// The IAM role that its agents run under [default: as the server is configured]
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "ROLE"
    )]
    role: String,
    /// aws, aws-us-gov, aws-cn, aws-eusc
    #[arg(long, default_value = "aws")]
    partition: String,
}

#[derive(Args)]
pub(crate) struct Invite {
    /// Account ids, twelve digits
    #[arg(required = true, value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// How long the invitation holds: 1 to 168 [default: as the server is configured]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=168))]
    hours: Option<u32>,
}

#[derive(Args)]
pub(crate) struct List {
    /// created, invited, enabled, removed, resigned, deleted, suspended [default: all but deleted]
    #[arg(long, value_delimiter = ',')]
    status: Vec<String>,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Args)]
pub(crate) struct Accounts {
    /// Account ids, twelve digits
    #[arg(required = true, value_name = "ACCOUNT")]
    accounts: Vec<String>,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => self::create(create, session, printer).await,
        Command::Invite(invite) => self::invite(invite, session, printer).await,
        Command::List(list) => self::list(&list, session, printer).await,
        Command::Show { account } => show(account, session, printer).await,
        Command::Disassociate(accounts) => {
            step(
                accounts,
                "disassociated",
                Step::Disassociate,
                session,
                printer,
            )
            .await
        }
        Command::Suspend(accounts) => {
            step(accounts, "suspended", Step::Suspend, session, printer).await
        }
        Command::Resume(accounts) => {
            step(accounts, "resumed", Step::Resume, session, printer).await
        }
        Command::Delete(accounts) => {
            step(accounts, "deleted", Step::Delete, session, printer).await
        }
    }
}

async fn create(create: Create, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let Create {
        accounts,
        email,
        name,
        role,
        partition,
    } = create;
    let mut results = Vec::new();
    for accounts in accounts.chunks(CALL_MAX) {
        let members = accounts
            .iter()
            .map(|account| wire::NewMember {
                account_id: account.clone(),
                email: email.clone(),
                account_name: name.clone(),
                partition: partition.clone(),
                role_name: role.clone(),
            })
            .collect();
        let request = wire::CreateMembersRequest { members };
        results.extend(
            session
                .members()
                .create_members(request)
                .await?
                .into_inner()
                .results,
        );
    }
    told(
        results,
        "created; invite it with 'muster member invite'",
        printer,
    )
}

async fn invite(invite: Invite, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let all = invite.accounts.len();
    let mut refused = Vec::new();
    let mut list = printer.list(&["ACCOUNT", "EXPIRES", "INVITATION"]);
    let people = printer.format == crate::output::Format::Table;
    let now = Clock::system().now();
    for accounts in invite.accounts.chunks(CALL_MAX) {
        let request = wire::InviteMembersRequest {
            account_ids: accounts.to_vec(),
            // 0 leaves it to the server.
            valid_hours: invite.hours.unwrap_or(0),
        };
        let results = session
            .members()
            .invite_members(request)
            .await?
            .into_inner()
            .results;
        for result in results {
            let account = result.account_id;
            match result.outcome {
                Some(wire::invite_result::Outcome::Invitation(sent)) if people => {
                    // Whole and on a line of its own: it is to be copied.
                    print_note(&format!(
                        "invitation for {account}, good until {} ({}); run in that account:",
                        absolute(sent.expires_at.as_ref()),
                        relative(sent.expires_at.as_ref(), now)
                    ));
                    print_line(&format!("muster-agent accept '{}'", sent.invitation))?;
                }
                Some(wire::invite_result::Outcome::Invitation(sent)) => {
                    let expires = absolute(sent.expires_at.as_ref());
                    let cells = vec![
                        account.as_str().into(),
                        expires.as_str().into(),
                        sent.invitation.as_str().into(),
                    ];
                    list.push(cells, || {
                        json!({ "account": account, "name": sent.name, "invitation": sent.invitation, "expiresAt": expires })
                    })?;
                }
                Some(wire::invite_result::Outcome::Error(error)) => {
                    refused.push((account, error.message))
                }
                None => refused.push((account, "the server gave no answer".to_owned())),
            }
        }
    }
    list.finish("")?;
    settle(&refused, all)
}

async fn list(arguments: &List, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let statuses = arguments
        .status
        .iter()
        .map(|name| status_of(name).map(i32::from))
        .collect::<Result<Vec<_>, _>>()?;
    let mut list = printer.list(&["ACCOUNT", "NAME", "STATUS", "AGENTS", "ROLE", "UPDATED"]);
    let now = Clock::system().now();
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = arguments.extent.next_page(shown, CALL_MAX) {
        let request = wire::ListMembersRequest {
            page_size,
            page_token: token,
            statuses: statuses.clone(),
        };
        let page = session.members().list_members(request).await?.into_inner();
        for member in page.members {
            shown += 1;
            let cells = vec![
                member.account_id.as_str().into(),
                Cell::free(member.account_name.as_str()),
                status_cell(member.status()),
                u64::from(member.agent_count).into(),
                Cell::free(member.role_name.as_str()),
                time_cell(member.updated_at.as_ref(), now),
            ];
            list.push(cells, || document(&member))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "member", "members"))
}

async fn show(account: String, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let name = format!("members/{account}");
    let member = session
        .members()
        .get_member(wire::GetMemberRequest { name })
        .await?
        .into_inner();
    let request = wire::ListAgentsRequest {
        account_id: account,
        page_size: 100,
        page_token: String::new(),
    };
    let agents = session
        .members()
        .list_agents(request)
        .await?
        .into_inner()
        .agents;
    let now = Clock::system().now();
    let lines = [
        ("account", Cell::from(member.account_id.as_str())),
        ("name", member.account_name.as_str().into()),
        ("email", member.email.as_str().into()),
        ("status", status_cell(member.status())),
        ("role", member.role_name.as_str().into()),
        ("partition", member.partition.as_str().into()),
        ("created", time_cell(member.created_at.as_ref(), now)),
        ("invited", time_cell(member.invited_at.as_ref(), now)),
        ("updated", time_cell(member.updated_at.as_ref(), now)),
    ];
    let mut whole = document(&member);
    whole["agents"] = agents.iter().map(super::agent::document).collect();
    printer.one(&lines, &whole)?;
    if printer.format == crate::output::Format::Table && !agents.is_empty() {
        print_line("")?;
        super::agent::print(&agents, printer, false)?;
        super::agent::print_collectors(&agents)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Step {
    Disassociate,
    Suspend,
    Resume,
    Delete,
}

async fn step(
    accounts: Accounts,
    done: &str,
    step: Step,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut results = Vec::new();
    for account_ids in accounts.accounts.chunks(CALL_MAX) {
        let request = wire::MembersRequest {
            account_ids: account_ids.to_vec(),
        };
        let mut members = session.members();
        let response = match step {
            Step::Disassociate => members.disassociate_members(request).await?,
            Step::Suspend => members.suspend_members(request).await?,
            Step::Resume => members.resume_members(request).await?,
            Step::Delete => members.delete_members(request).await?,
        };
        results.extend(response.into_inner().results);
    }
    told(results, done, printer)
}

/// Prints what became of each account.
fn told(results: Vec<wire::MemberResult>, done: &str, printer: &Printer) -> Result<(), Failure> {
    let all = results.len();
    let mut refused = Vec::new();
    let mut list = printer.list(&["ACCOUNT", "STATUS"]);
    for result in results {
        let account = result.account_id;
        match result.outcome {
            Some(wire::member_result::Outcome::Member(member)) => {
                if printer.format == crate::output::Format::Table {
                    print_line(&format!("{account} {done}"))?;
                } else {
                    list.push(vec![account.into(), status_cell(member.status())], || {
                        document(&member)
                    })?;
                }
            }
            Some(wire::member_result::Outcome::Error(error)) => {
                refused.push((account, error.message))
            }
            None => refused.push((account, "the server gave no answer".to_owned())),
        }
    }
    list.finish("")?;
    settle(&refused, all)
}

fn status_of(name: &str) -> Result<wire::MemberStatus, Failure> {
    let wanted = match name.to_uppercase().as_str() {
        "SUSPENDED" => "ACCOUNT_SUSPENDED".to_owned(),
        other => other.to_owned(),
    };
    wire::MemberStatus::from_str_name(&format!("MEMBER_STATUS_{wanted}")).ok_or_else(|| {
        Failure::Usage(format!(
            "`{name}` is no status; one of created, invited, enabled, removed, resigned, deleted, suspended"
        ))
    })
}

pub(crate) fn status_name(status: wire::MemberStatus) -> &'static str {
    status.as_str_name().trim_start_matches("MEMBER_STATUS_")
}

fn status_cell(status: wire::MemberStatus) -> Cell {
    let paint = match status {
        wire::MemberStatus::Enabled => Paint::Good,
        wire::MemberStatus::Invited | wire::MemberStatus::Created => Paint::Warning,
        wire::MemberStatus::AccountSuspended => Paint::Bad,
        wire::MemberStatus::Removed
        | wire::MemberStatus::Resigned
        | wire::MemberStatus::Deleted
        | wire::MemberStatus::Unspecified => Paint::Dim,
    };
    Cell::new(status_name(status), paint)
}

fn document(member: &wire::Member) -> Json {
    json!({
        "account": member.account_id,
        "accountName": member.account_name,
        "email": member.email,
        "status": status_name(member.status()),
        "partition": member.partition,
        "role": member.role_name,
        "agentCount": member.agent_count,
        "createdAt": absolute(member.created_at.as_ref()),
        "invitedAt": absolute(member.invited_at.as_ref()),
        "updatedAt": absolute(member.updated_at.as_ref()),
    })
}

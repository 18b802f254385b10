//! `muster agent`.

use clap::Subcommand;
use muster_common::clock::Clock;
use muster_common::health::CollectorHealth;
use muster_common::timestamp::from_wire;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::tally;
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer, print_line};
use crate::session::Session;
use crate::when::{absolute, bytes_cell, time_cell};

const PAGE_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List agents
    List {
        /// Only those of one account
        #[arg(long, value_parser = crate::argument::account)]
        account: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Revoke one agent; the member and its other agents stay
    Revoke {
        /// As 'muster agent list' shows it
        id: String,
        #[arg(long, default_value = "revoked by an operator")]
        reason: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::List { account, extent } => {
            let (agents, more) =
                fetch(account.as_deref().unwrap_or_default(), extent, session).await?;
            print(&agents, printer, more)
        }
        Command::Revoke { id, reason } => {
            let name = id;
            let revoked = session
                .members()
                .revoke_agent(wire::RevokeAgentRequest { name, reason })
                .await?
                .into_inner();
            printer.done(&format!("the agent of {} is revoked", revoked.account_id))
        }
    }
}

async fn fetch(
    account: &str,
    extent: Extent,
    session: &Session,
) -> Result<(Vec<wire::AgentRecord>, bool), Failure> {
    let (mut agents, mut token) = (Vec::new(), String::new());
    while let Some(page_size) = extent.next_page(agents.len(), PAGE_MAX) {
        let request = wire::ListAgentsRequest {
            account_id: account.to_owned(),
            page_size,
            page_token: token,
        };
        let page = session.members().list_agents(request).await?.into_inner();
        agents.extend(page.agents);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Ok((agents, !token.is_empty()))
}

pub(crate) fn print(
    agents: &[wire::AgentRecord],
    printer: &Printer,
    more: bool,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let mut list = printer.list(&[
        "AGENT",
        "ACCOUNT",
        "STATE",
        "VERSION",
        "LAST CONTACT",
        "CERTIFICATE",
        "SPOOL",
    ]);
    for agent in agents {
        let (state, paint) = state(agent);
        let cells = vec![
            agent.name.trim_start_matches("agents/").into(),
            agent.account_id.as_str().into(),
            Cell::new(state, paint),
            agent.version.as_str().into(),
            time_cell(agent.last_contact.as_ref(), now),
            time_cell(agent.certificate_expires_at.as_ref(), now),
            bytes_cell(agent.spool_bytes),
        ];
        list.push(cells, || document(agent))?;
    }
    list.finish(&tally(agents.len(), more, "agent", "agents"))
}

/// The collectors of some agents, for people.
pub(crate) fn print_collectors(agents: &[wire::AgentRecord]) -> Result<(), Failure> {
    let now = Clock::system().now();
    let mut list = Printer::new(crate::output::Format::Table).list(&[
        "COLLECTOR",
        "REGION",
        "STATE",
        "FINDINGS",
        "LAST SUCCESS",
        "MESSAGE",
    ]);
    let mut any = false;
    for health in agents.iter().flat_map(|agent| &agent.collectors) {
        any = true;
        let last_success = time_cell(health.last_success.as_ref(), now);
        let CollectorHealth {
            collector,
            region,
            state,
            message,
            findings,
            ..
        } = health.clone().into();
        let cells = vec![
            collector.into(),
            region.into(),
            Cell::new(state.name(), health_paint(health.state())),
            findings.into(),
            last_success,
            Cell::free(message),
        ];
        list.push(cells, || Json::Null)?;
    }
    if any {
        print_line("")?;
        list.finish("")?;
    }
    Ok(())
}

fn health_paint(state: wire::CollectorState) -> Paint {
    match state {
        wire::CollectorState::Ok => Paint::Good,
        wire::CollectorState::Disabled
        | wire::CollectorState::Pending
        | wire::CollectorState::Unspecified => Paint::Dim,
        wire::CollectorState::Throttled => Paint::Warning,
        wire::CollectorState::PermissionMissing
        | wire::CollectorState::Failed
        | wire::CollectorState::Blocked => Paint::Bad,
    }
}

fn state(agent: &wire::AgentRecord) -> (&'static str, Paint) {
    match agent.state() {
        wire::AgentState::Enrolled if agent.connected => ("connected", Paint::Good),
        wire::AgentState::Enrolled if has_expired(agent) => ("expired", Paint::Dim),
        wire::AgentState::Enrolled => ("away", Paint::Warning),
        wire::AgentState::Quarantined => ("quarantined", Paint::Bad),
        wire::AgentState::Revoked => ("revoked", Paint::Dim),
        wire::AgentState::Unspecified => ("unknown", Paint::Dim),
    }
}

pub(crate) fn document(agent: &wire::AgentRecord) -> Json {
    let collectors: Vec<Json> = agent
        .collectors
        .iter()
        .map(|health| {
            json!({
                "collector": health.collector,
                "region": health.region,
                "state": CollectorHealth::from(health.clone()).state.name(),
                "message": health.message,
                "lastSuccess": absolute(health.last_success.as_ref()),
                "findings": health.findings,
            })
        })
        .collect();
    json!({
        "agent": agent.name.trim_start_matches("agents/"),
        "account": agent.account_id,
        "state": state(agent).0,
        "reason": agent.reason,
        "version": agent.version,
        "region": agent.region,
        "connected": agent.connected,
        "lastContact": absolute(agent.last_contact.as_ref()),
        "enrolledAt": absolute(agent.enrolled_at.as_ref()),
        "certificateExpiresAt": absolute(agent.certificate_expires_at.as_ref()),
        "spoolBytes": agent.spool_bytes,
        "collectors": collectors,
    })
}

fn has_expired(agent: &wire::AgentRecord) -> bool {
    let until = agent.certificate_expires_at.as_ref().map(from_wire);
    until.is_some_and(|until| until <= Clock::system().now())
}

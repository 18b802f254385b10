//! `muster-agent`: accepts an invitation, collects, sends; and tells how it fares.

mod show;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use muster_agent::cloud::Cloud;
use muster_agent::config::{Config, PREFIX};
use muster_agent::doctor::{Verdict, examine};
use muster_agent::identity::{self, Accept, State, accept, decline};
use muster_agent::{run, snapshot};
use muster_common::clock::Clock;
use muster_common::invitation::PrintedInvitation;
use muster_common::timestamp::SECOND;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The agent of Muster: collects an account's findings and sends them to the admin.
#[derive(Parser)]
#[command(
    name = "muster-agent",
    version,
    max_term_width = 100,
    after_help = "AWS credentials and Region are found as every AWS tool finds them: environment, profile, container, instance."
)]
struct Arguments {
    /// The settings, in TOML. Every key of it can also be set as MUSTER_AGENT_SECTION__KEY
    #[arg(
        long,
        global = true,
        env = "MUSTER_AGENT_CONFIG_FILE",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    /// Where identity, spool and progress are kept (state_dir in the settings)
    #[arg(long, global = true, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Accept an invitation: prove the account to the admin and keep the certificate
    #[command(
        after_help = "Examples:\n  muster-agent accept 'muster1_...'\n  muster-agent accept - < invitation.txt"
    )]
    Accept {
        #[command(flatten)]
        invitation: Invitation,
        /// Give up the identity that this agent has, as after a quarantine
        #[arg(long)]
        replace: bool,
    },
    /// Decline an invitation
    Decline {
        #[command(flatten)]
        invitation: Invitation,
    },
    /// Collect and send until a signal ends it
    Run,
    /// Show how the agent in the state folder fares
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at everything that can be wrong, and say what to do about it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Leave the admin: no agent of this account may send any more; the findings stay there
    Leave,
}

#[derive(Args)]
struct Invitation {
    /// The invitation; - reads it from standard input, where no process list shows it
    #[arg(
        value_name = "INVITATION",
        env = "MUSTER_INVITATION",
        hide_env_values = true
    )]
    invitation: String,
}

impl Invitation {
    fn read(self) -> anyhow::Result<PrintedInvitation> {
        let mut text = self.invitation;
        if text == "-" {
            text.clear();
            std::io::stdin()
                .lock()
                .take(16 << 10)
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
        }
        Ok(token(&text).parse()?)
    }
}

/// The invitation in a text: people paste the whole line that was printed, or quotes around it.
fn token(text: &str) -> &str {
    let text = text.trim();
    let Some(start) = text.find(TOKEN) else {
        return text;
    };
    let rest = &text[start..];
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter));
    &rest[..end.unwrap_or(rest.len())]
}

/// What invitations start with.
const TOKEN: &str = "muster1_";

/// Bad settings, as sysexits.h counts them.
const EX_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match settings(&arguments) {
        Ok(config) => config,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EX_CONFIG);
        }
    };
    // One thread: an agent is small.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error.into());
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command(arguments.command, config)) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn settings(arguments: &Arguments) -> anyhow::Result<Config> {
    let mut config: Config = muster_settings::load(arguments.config.as_deref(), PREFIX)?;
    if let Some(state_dir) = &arguments.state_dir {
        config.state_dir.clone_from(state_dir);
    }
    config.check().map_err(anyhow::Error::msg)?;
    Ok(config)
}

#[expect(clippy::print_stderr, reason = "the command line's voice")]
fn complain(error: &anyhow::Error) {
    eprintln!("muster-agent: {error:#}");
}

async fn command(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    match command {
        Command::Accept {
            invitation,
            replace,
        } => {
            let how = if replace {
                Accept::Replace
            } else {
                Accept::IfNew
            };
            enroll(invitation.read()?, how, &config, &clock).await?;
        }
        Command::Decline { invitation } => {
            let invitation = invitation.read()?;
            decline(&invitation).await?;
            show::print(&format!(
                "Declined the invitation for account {}.\n",
                invitation.account
            ))?;
        }
        Command::Run => {
            if let Err(error) = muster_settings::logs::start(&config.log) {
                complain(&error.into());
                return Ok(ExitCode::from(EX_CONFIG));
            }
            run_until_signal(config, clock).await?;
        }
        Command::Status { json } => return status(&config, &clock, json),
        Command::Doctor { json } => {
            let checks = examine(&config, &clock).await;
            let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
            let text = if json {
                serde_json::to_string_pretty(&checks)? + "\n"
            } else {
                show::checks(&checks, std::io::stdout().is_terminal())
            };
            show::print(&text)?;
            return Ok(if bad {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            });
        }
        Command::Leave => {
            let state = State::open(&config.state_dir)?;
            let identity = state.identity()?;
            identity::leave(&identity).await?;
            state.note_left(clock.now())?;
            show::print(&format!(
                "Account {} has left {}. Its findings stay there.\n",
                identity.account, identity.file.trust_domain
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn enroll(
    invitation: PrintedInvitation,
    how: Accept,
    config: &Config,
    clock: &Clock,
) -> anyhow::Result<()> {
    let state = State::open(&config.state_dir)?;
    let cloud = Cloud::connect(config.home_region.as_ref(), clock).await;
    let home = cloud.home().ok_or(identity::Error::NoRegion)?;
    let identity = accept(&invitation, how, &state, &cloud, &home, clock).await?;
    show::print(&format!(
        "Agent {} speaks for account {} now.\nNext: 'muster-agent run'.\n",
        identity.agent, identity.account
    ))
}

async fn run_until_signal(config: Config, clock: Clock) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let mut running = Box::pin(run::run(config, clock, stop.clone()));
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
    tokio::select! {
        ended = &mut running => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopping; waiting for acknowledgements under way");
    stop.cancel();
    tokio::select! {
        ended = running => ended,
        _ = interrupt.recv() => anyhow::bail!("stopped at the second signal; the spool keeps what was not acknowledged"),
    }
}

fn status(config: &Config, clock: &Clock, json: bool) -> anyhow::Result<ExitCode> {
    let identity = identity::read(&config.state_dir)?;
    let running = identity::in_use(&config.state_dir);
    let left = identity::left(&config.state_dir);
    let snapshot = snapshot::read(&config.state_dir);
    let now = clock.now();
    let text = if json {
        let document = serde_json::json!({
            "account": identity.account,
            "agent": identity.agent.to_string(),
            "admin": identity.file.endpoint,
            "certificate_expires_at": identity.credential.facts().not_after.to_string(),
            "left_at": left.map(|at| at.to_string()),
            "running": running,
            "snapshot_age_seconds": snapshot.as_ref().map(|taken| now.since(taken.taken_at) / SECOND),
            "snapshot": snapshot,
        });
        serde_json::to_string_pretty(&document)? + "\n"
    } else {
        show::status(&show::Seen {
            identity: &identity,
            left,
            running,
            snapshot: snapshot.as_ref(),
            now,
        })
    };
    show::print(&text)?;
    Ok(if running {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn an_invitation_is_found_in_what_was_pasted() {
        for text in [
            "muster1_aB-9_x",
            " muster1_aB-9_x\n",
            "'muster1_aB-9_x'",
            "muster-agent accept 'muster1_aB-9_x'",
            "\u{201c}muster1_aB-9_x\u{201d}",
        ] {
            assert_eq!(super::token(text), "muster1_aB-9_x", "{text}");
        }
        assert_eq!(super::token(" other "), "other");
    }

    /// No two arguments of a command share a name, no default is refused by its own parser, and the like.
    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}

//! `muster-admin`: the server, and what needs its disk.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use muster_admin::authority::{self, Authority, Root, Step};
use muster_admin::config::{Config, PREFIX};
use muster_admin::init::{Init, init};
use muster_admin::serve::serve;
use muster_common::clock::Clock;
use muster_common::identity::{OperatorId, TrustDomain};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// The server of Muster: invites accounts, admits them, keeps and ranks all findings.
#[derive(Parser)]
#[command(name = "muster-admin", version, max_term_width = 100)]
struct Arguments {
    /// The settings, in TOML. Every key of it can also be set as MUSTER_ADMIN_SECTION__KEY
    #[arg(
        long,
        global = true,
        env = "MUSTER_ADMIN_CONFIG_FILE",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    /// Where everything is kept (data_dir in the settings)
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the roots, the server's identity and the first operator's credential
    #[command(
        after_help = "Examples:\n  muster-admin init\n  muster-admin init --trust-domain security.example.com --operator ana"
    )]
    Init {
        /// The name of this admin and of all that it certifies; cannot be changed later
        #[arg(long, default_value = "muster.internal")]
        trust_domain: TrustDomain,
        /// The first operator, an administrator
        #[arg(long, default_value = "admin")]
        operator: OperatorId,
        /// Where the operator's credential goes [default: ~/.config/muster/credential.toml]
        #[arg(long, value_name = "FILE")]
        credential: Option<PathBuf>,
        /// How operators reach the server, host:port [default: as it listens]
        #[arg(long, value_name = "HOST:PORT")]
        endpoint: Option<String>,
    },
    /// Serve until a signal ends it
    Serve,
    /// Show and rotate the keys that certify agents, operators and servers (while the server is stopped)
    #[command(
        after_help = "A rotation, days apart: prepare (everyone learns of the new key), activate (it signs), retire (the old one ends)."
    )]
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
}

#[derive(Subcommand)]
enum AuthorityCommand {
    /// List all keys and their states
    List,
    /// Make a new key, trusted but not signing yet
    Prepare { root: RootName },
    /// Let the prepared key sign; the active one retires
    Activate { root: RootName },
    /// End the retiring key: what it signed is trusted no more
    Retire { root: RootName },
}

#[derive(Clone, Copy, ValueEnum)]
enum RootName {
    Agents,
    Operators,
    Servers,
}

impl From<RootName> for Root {
    fn from(name: RootName) -> Self {
        match name {
            RootName::Agents => Self::Agents,
            RootName::Operators => Self::Operators,
            RootName::Servers => Self::Servers,
        }
    }
}

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
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error.into());
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command, &config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn settings(arguments: &Arguments) -> anyhow::Result<Config> {
    let mut config: Config = muster_settings::load(arguments.config.as_deref(), PREFIX)?;
    if let Some(data_dir) = &arguments.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    config.check().map_err(anyhow::Error::msg)?;
    Ok(config)
}

#[expect(clippy::print_stderr, reason = "the command line's voice")]
fn complain(error: &anyhow::Error) {
    eprintln!("muster-admin: {error:#}");
}

async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::Init {
            trust_domain,
            operator,
            credential,
            endpoint,
        } => {
            let wanted = Init {
                trust_domain,
                operator,
                credential: credential.unwrap_or_else(|| {
                    muster_settings::home("XDG_CONFIG_HOME", ".config").join("credential.toml")
                }),
                endpoint: endpoint.unwrap_or_else(|| config.listen.operators.to_string()),
            };
            init(config, &wanted).await?;
            tell_init(config, &wanted);
            Ok(())
        }
        Command::Serve => {
            muster_settings::logs::start(&config.log)?;
            raise_file_limit();
            serve_until_signal(config).await
        }
        Command::Authority { command } => rotate(&command, config),
    }
}

#[expect(clippy::print_stdout, reason = "the command line's voice")]
fn tell_init(config: &Config, init: &Init) {
    println!(
        "The admin {} is ready in {}.",
        init.trust_domain,
        config.data_dir.display()
    );
    println!(
        "The credential of operator {} is in {}.",
        init.operator,
        init.credential.display()
    );
    println!("Next: 'muster-admin serve', and in another terminal 'muster status'.");
}

/// Takes as many open files as the machine allows: a connection is one, and shells start processes with 1,024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn serve_until_signal(config: &Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = serve(config, Clock::system()).await?;
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = running.failed() => true,
    };
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
    tokio::select! {
        () = running.stop() => {}
        _ = interrupt.recv() => anyhow::bail!("stopped at the second signal; nothing unfinished was acknowledged"),
    }
    anyhow::ensure!(
        !failed,
        "a part of the server ended by itself; the log tells why"
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command line's voice")]
fn rotate(command: &AuthorityCommand, config: &Config) -> anyhow::Result<()> {
    let authority = Authority::open(&authority::folder(&config.data_dir), Clock::system())?;
    let (root, step) = match *command {
        AuthorityCommand::List => {
            for key in authority.keys() {
                println!(
                    "{:10} {:3}  {:9}  made {}  ends {}",
                    key.root.name(),
                    key.number,
                    key.state.name(),
                    key.created_at,
                    key.not_after
                );
            }
            return Ok(());
        }
        AuthorityCommand::Prepare { root } => (root, Step::Prepare),
        AuthorityCommand::Activate { root } => (root, Step::Activate),
        AuthorityCommand::Retire { root } => (root, Step::Retire),
    };
    // A running server would not see the change.
    let _exclusive = muster_store::Embedded::open(&muster_store::Config {
        path: config.data_dir.join("store"),
        cache_bytes: 1 << 20,
    })?;
    let key = authority.rotate(root.into(), step)?;
    println!(
        "{} key {} is {}",
        key.root.name(),
        key.number,
        key.state.name()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// No two arguments of a command share a name, no default is refused by its own parser, and the like.
    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}

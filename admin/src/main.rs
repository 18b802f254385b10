//! `muster-admin`: the server, and what needs its disk.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use muster_admin::authority::{self, Authority, Lives, Root, RootKey, Step};
use muster_admin::config::{Config, PREFIX};
use muster_admin::init::{Administrator, init, rescue};
use muster_admin::serve::{SERVER_CERTIFICATE_HOURS, serve};
use muster_common::clock::Clock;
use muster_common::identity::{OperatorId, TrustDomain};
use muster_common::timestamp::HOUR;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tikv_jemallocator::Jemalloc;
use tokio::signal::unix::{SignalKind, signal};

/// With it memory stays where it was over hours of compaction; with the platform's it grew (`tests/long-run.md`).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
        #[command(flatten)]
        credential: CredentialArguments,
    },
    /// Make one more administrator, when nobody has a credential that counts (while the server is stopped)
    Rescue {
        /// The name of the administrator
        #[arg(long, default_value = "rescue")]
        operator: OperatorId,
        #[command(flatten)]
        credential: CredentialArguments,
    },
    /// Serve until a signal ends it
    Serve,
    /// Show and rotate the keys that certify agents, operators and servers (while the server is stopped)
    #[command(
        after_help = "A rotation: prepare (everyone learns of the new key), activate (it signs), retire (the old one ends). Each step is\nrefused until everyone whose certificate counts has followed the one before."
    )]
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
}

#[derive(Args)]
struct CredentialArguments {
    /// Where the operator's credential goes [default: ~/.config/muster/credential.toml]
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
    /// How operators reach the server, host:port [default: as it listens]
    #[arg(long, value_name = "HOST:PORT", value_parser = endpoint)]
    endpoint: Option<String>,
}

impl CredentialArguments {
    fn of(self, operator: OperatorId, config: &Config) -> Administrator {
        Administrator {
            operator,
            credential: self.credential.unwrap_or_else(|| {
                muster_settings::home("XDG_CONFIG_HOME", ".config").join("credential.toml")
            }),
            endpoint: self
                .endpoint
                .unwrap_or_else(|| config.listen.operators.to_string()),
        }
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let sound = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    });
    if sound {
        Ok(text.to_owned())
    } else {
        Err("give it as host:port, such as muster.example.com:7702".to_owned())
    }
}

#[derive(Subcommand)]
enum AuthorityCommand {
    /// List all keys and their states
    List,
    /// Make a new key, trusted but not signing yet
    Prepare { root: RootName },
    /// Let the prepared key sign; the active one retires
    Activate {
        root: RootName,
        /// Do not wait until everyone has learned of the key: whoever has not must join again
        #[arg(long)]
        now: bool,
    },
    /// End the retiring key: what it signed is trusted no more
    Retire {
        root: RootName,
        /// Do not wait until everyone has a certificate of the next key: whoever has not must join again
        #[arg(long)]
        now: bool,
    },
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
            // The level of the logs is a setting that is only read when they start.
            if error.is::<muster_settings::Error>() {
                return ExitCode::from(EX_CONFIG);
            }
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
        } => {
            let wanted = credential.of(operator, config);
            init(config, &trust_domain, &wanted).await?;
            print(&format!(
                "The admin {trust_domain} is ready in {}.\n{}\n\
                 Next: 'muster-admin serve', and in another terminal 'muster status'.",
                config.data_dir.display(),
                made(&wanted)
            ))
        }
        Command::Rescue {
            operator,
            credential,
        } => {
            let wanted = credential.of(operator, config);
            rescue(config, &wanted).await?;
            print(&made(&wanted))
        }
        Command::Serve => {
            muster_settings::logs::start(&config.log)?;
            raise_file_limit();
            serve_until_signal(config).await
        }
        Command::Authority { command } => rotate(&command, config),
    }
}

fn made(administrator: &Administrator) -> String {
    format!(
        "The credential of operator {} is in {}.",
        administrator.operator,
        administrator.credential.display()
    )
}

/// Prints for people. Nobody may be reading any more, which is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print")
        }
        Ok(()) | Err(_) => Ok(()),
    }
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

fn rotate(command: &AuthorityCommand, config: &Config) -> anyhow::Result<()> {
    let authority = Authority::open(&authority::folder(&config.data_dir), Clock::system())?;
    let (root, step, now) = match *command {
        AuthorityCommand::List => {
            let lines: Vec<String> = authority.keys().iter().map(line).collect();
            return print(&lines.join("\n"));
        }
        AuthorityCommand::Prepare { root } => (root, Step::Prepare, false),
        AuthorityCommand::Activate { root, now } => (root, Step::Activate, now),
        AuthorityCommand::Retire { root, now } => (root, Step::Retire, now),
    };
    // A running server would not see the change.
    let _exclusive = muster_store::Embedded::open(&muster_store::Config {
        path: config.data_dir.join("store"),
        cache_bytes: 1 << 20,
    })?;
    let lives = Lives {
        agents: HOUR * i64::from(config.certificates.agent_hours),
        operators: HOUR * i64::from(config.certificates.operator_hours),
        servers: HOUR * i64::from(SERVER_CERTIFICATE_HOURS),
    };
    let lives = if now { Lives::default() } else { lives };
    let key = authority.rotate(root.into(), step, lives)?;
    print(&format!(
        "{} key {} is {}",
        key.root.name(),
        key.number,
        key.state.name()
    ))
}

fn line(key: &RootKey) -> String {
    format!(
        "{:10} {:3}  {:9}  since {}  ends {}",
        key.root.name(),
        key.number,
        key.state.name(),
        key.since,
        key.not_after
    )
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

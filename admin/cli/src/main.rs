//! `muster`: the command line of an operator.

mod argument;
mod commands;
mod contact;
mod failure;
mod filter;
mod naming;
mod output;
mod score;
mod session;
mod span;
mod when;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muster_common::text::{escaped, is_visible};

use commands::Command;
use failure::Failure;
use output::{Format, Printer};
use session::Session;

/// Findings of all accounts of an organization: who is in, what is wrong, what matters.
///
/// Commands are a noun and a verb: 'muster member invite', 'muster finding list'.
#[derive(Parser)]
#[command(
    name = "muster",
    version,
    max_term_width = 100,
    after_help = "Exit codes:\n  0  done\n  1  failed\n  2  wrong usage\n  3  done in part: some items were refused\n  4  not found\n  5  not allowed\n  6  the server cannot be reached or is busy"
)]
struct Arguments {
    /// The operator's credential [default: ~/.config/muster/credential.toml]
    #[arg(long, global = true, env = "MUSTER_CREDENTIAL", value_name = "FILE")]
    credential: Option<PathBuf>,
    /// The server, host:port, instead of the one that the credential names
    #[arg(long, global = true, env = "MUSTER_SERVER", value_name = "HOST:PORT")]
    server: Option<String>,
    /// How to print [default: table]
    #[arg(long, short, global = true, value_enum, env = "MUSTER_OUTPUT")]
    output: Option<Format>,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return told(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::other(error.to_string()).report(),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Tells what is wrong with a command line, or helps. An argument that would steer the terminal is quoted without that.
#[expect(clippy::print_stderr, reason = "the command line's voice")]
fn told(error: &clap::Error) -> ExitCode {
    let shows = |argument: std::ffi::OsString| is_visible(&argument.to_string_lossy());
    if !error.use_stderr() || std::env::args_os().all(shows) {
        error.exit();
    }
    for line in error.render().to_string().lines() {
        eprintln!("{}", escaped(line));
    }
    ExitCode::from(2)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        credential,
        server,
        output,
        command,
    } = arguments;
    let printer = Printer::new(output.unwrap_or_default());
    // These need no server, nor a credential for it.
    if let Command::Completion(completion) = command {
        return commands::completion::run(&completion);
    }
    if let Command::Control(commands::control::Command::Test(test)) = &command {
        return commands::control::test::run(test, &printer);
    }
    let path = credential.unwrap_or_else(|| {
        muster_settings::home("XDG_CONFIG_HOME", ".config").join("credential.toml")
    });
    let session = Session::open(&path, server.as_deref()).await?;
    tokio::select! {
        result = commands::run(command, &session, &printer) => result,
        // What was acknowledged before Ctrl-C stays done.
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    }
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

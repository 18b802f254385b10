//! `muster completion`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut crate::Arguments::command(),
        "muster",
        &mut script,
    );
    Ok(std::io::Write::write_all(
        &mut std::io::stdout().lock(),
        &script,
    )?)
}

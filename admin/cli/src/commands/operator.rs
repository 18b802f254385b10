//! `muster operator`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use muster_common::clock::Clock;
use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use serde_json::{Value as Json, json};

use super::tally;
use crate::argument::Extent;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer};
use crate::session::Session;
use crate::when::{absolute, time_cell};

const PAGE_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create an operator; writes its credential to a file, to be handed over
    #[command(
        after_help = "Examples:\n  muster operator create ana --role analyst\n  muster operator create exporter --role viewer --file exporter.toml"
    )]
    Create(Create),
    /// List operators
    List {
        #[command(flatten)]
        extent: Extent,
    },
    /// Revoke an operator; its connections are cut at once
    Revoke { name: String },
    /// Who the credential says you are
    Whoami,
}

#[derive(Args)]
pub(crate) struct Create {
    /// 1 to 64 of a-z, 0-9 and -, a letter first
    name: String,
    #[arg(long, value_enum)]
    role: RoleName,
    /// Where the credential goes [default: NAME.toml]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    /// Reads
    Viewer,
    /// And imports and updates findings, and keeps insights
    Analyst,
    /// And manages members and operators, and reads the audit log
    Admin,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => self::create(create, session, printer).await,
        Command::List { extent } => list(extent, session, printer).await,
        Command::Revoke { name } => {
            let request = wire::RevokeOperatorRequest { name };
            let revoked = session
                .operators()
                .revoke_operator(request)
                .await?
                .into_inner();
            printer.done(&format!("{} is revoked", bare(&revoked)))
        }
        Command::Whoami => {
            let caller = session
                .operators()
                .get_caller(wire::GetCallerRequest {})
                .await?
                .into_inner();
            let now = Clock::system().now();
            let lines = [
                ("operator", Cell::from(bare(&caller))),
                ("role", role_name(&caller).into()),
                (
                    "credential ends",
                    time_cell(caller.certificate_expires_at.as_ref(), now),
                ),
            ];
            printer.one(&lines, &document(&caller))
        }
    }
}

async fn create(create: Create, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let Create { name, role, file } = create;
    let path = file.unwrap_or_else(|| PathBuf::from(format!("{name}.toml")));
    // Before the call: a name is used up by it.
    let place = Place::take(&path)?;
    let key = PrivateKey::generate();
    let role = match role {
        RoleName::Viewer => wire::Role::Viewer,
        RoleName::Analyst => wire::Role::Analyst,
        RoleName::Admin => wire::Role::Admin,
    };
    let request = wire::CreateOperatorRequest {
        operator_id: name.clone(),
        role: role.into(),
        csr: key.request().der.into(),
    };
    let created = session
        .operators()
        .create_operator(request)
        .await?
        .into_inner();
    let certificate = created
        .certificate
        .ok_or_else(|| Failure::other("the server sent no certificate"))?;
    session
        .credential_for(&key, certificate)
        .write(&path)
        .map_err(|error| {
            Failure::other(format!(
                "{name} is created, but its credential is lost ({error}); run 'muster operator revoke {name}'"
            ))
        })?;
    place.keep();
    printer.done(&format!(
        "{name} is created; hand over {} in a safe way: whoever has it is {name}",
        path.display()
    ))
}

/// An empty file of the caller where a credential will stand; gone again unless it is kept.
struct Place {
    path: Option<PathBuf>,
}

impl Place {
    fn take(path: &Path) -> Result<Self, Failure> {
        let taken = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match taken {
            Ok(_) => Ok(Self {
                path: Some(path.to_owned()),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::Usage(
                format!("{} is there already; choose another --file", path.display()),
            )),
            Err(error) => Err(Failure::Usage(format!(
                "cannot write {}: {error}; nothing was created",
                path.display()
            ))),
        }
    }

    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn list(extent: Extent, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut list = printer.list(&["OPERATOR", "ROLE", "STATE", "CREDENTIAL ENDS", "CREATED BY"]);
    let now = Clock::system().now();
    let (mut shown, mut token) = (0, String::new());
    while let Some(page_size) = extent.next_page(shown, PAGE_MAX) {
        let request = wire::ListOperatorsRequest {
            page_size,
            page_token: token,
        };
        let page = session
            .operators()
            .list_operators(request)
            .await?
            .into_inner();
        for operator in page.operators {
            shown += 1;
            let state = if operator.revoked {
                Cell::new("revoked", Paint::Dim)
            } else {
                Cell::new("active", Paint::Good)
            };
            let cells = vec![
                bare(&operator).into(),
                role_name(&operator).into(),
                state,
                time_cell(operator.certificate_expires_at.as_ref(), now),
                Cell::free(operator.created_by.as_str()),
            ];
            list.push(cells, || document(&operator))?;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    list.finish(&tally(shown, !token.is_empty(), "operator", "operators"))
}

fn bare(operator: &wire::Operator) -> &str {
    operator.name.trim_start_matches("operators/")
}

fn role_name(operator: &wire::Operator) -> String {
    operator
        .role()
        .as_str_name()
        .trim_start_matches("ROLE_")
        .to_lowercase()
}

fn document(operator: &wire::Operator) -> Json {
    json!({
        "operator": bare(operator),
        "role": role_name(operator),
        "revoked": operator.revoked,
        "createdAt": absolute(operator.created_at.as_ref()),
        "createdBy": operator.created_by,
        "certificateExpiresAt": absolute(operator.certificate_expires_at.as_ref()),
    })
}

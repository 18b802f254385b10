//! `muster-admin` as a process, and its first operator.

pub(crate) mod null;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use muster_admin::serve::Addresses;
use muster_common::account::AccountId;
use muster_common::invitation::PrintedInvitation;
use muster_mtls::{CredentialFile, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::invite_result::Outcome as Invited;
use muster_proto::v1::members_client::MembersClient;
use muster_proto::v1::resources_client::ResourcesClient;
use muster_proto::v1::standards_client::StandardsClient;
use muster_proto::v1::status_client::StatusClient;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Accounts of one call.
const ACCOUNTS_MAX: usize = 1_000;

/// What a server keeps findings in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// `muster-admin` as it is.
    Embedded,
    /// Nothing is kept.
    Null,
}

/// Dropped, it is killed.
pub(crate) struct Server {
    process: Child,
    data: PathBuf,
    metrics: std::net::SocketAddr,
    pub operator: Operator,
}

/// The first operator, connected. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Operator(Channel);

impl Server {
    /// Starts the admin of a folder; makes it before if there is none yet. One that was stopped comes back where it
    /// listened.
    pub(crate) async fn start(folder: &Path, sts: &str, engine: Engine) -> anyhow::Result<Self> {
        let (data, credential) = (folder.join("data"), folder.join("credential.toml"));
        let (addresses_file, log) = (folder.join("addresses.json"), folder.join("log"));
        if !credential.exists() {
            init(&data, sts, &credential).await?;
        }
        let mut command = command(&data, sts, engine)?;
        if let Ok(text) = std::fs::read(&addresses_file) {
            listen(&mut command, Some(&serde_json::from_slice(&text)?));
        }
        let file = std::fs::File::create(&log)?;
        let mut process = command
            .arg(match engine {
                Engine::Embedded => "serve",
                Engine::Null => NULL_SERVER,
            })
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let addresses = addresses(&mut process, &data, &log).await?;
        std::fs::write(&addresses_file, serde_json::to_vec(&addresses)?)?;
        let file = CredentialFile::read(&credential)?;
        let operator = channel(
            &addresses.operators.to_string(),
            &file.trust()?,
            &file.trust_domain,
            Some(&file.credential()?),
        )
        .await?;
        Ok(Self {
            process,
            data,
            metrics: addresses.metrics,
            operator: Operator(operator),
        })
    }

    /// The folder of its findings.
    pub(crate) fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// What it measures of itself.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.metrics).await?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Stops it in order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGTERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let ended = ended.context("muster-admin does not stop")??;
        anyhow::ensure!(ended.success(), "muster-admin: {ended}");
        Ok(())
    }
}

impl Operator {
    pub(crate) async fn invite(&self, account: AccountId) -> anyhow::Result<PrintedInvitation> {
        let mut invited = self.invite_all(&[account]).await?;
        invited.pop().context("an invitation")
    }

    /// Creates members and invites them. One invitation for each, in order.
    pub(crate) async fn invite_all(
        &self,
        accounts: &[AccountId],
    ) -> anyhow::Result<Vec<PrintedInvitation>> {
        let mut members = MembersClient::new(self.0.clone());
        let mut invitations = Vec::with_capacity(accounts.len());
        for accounts in accounts.chunks(ACCOUNTS_MAX) {
            let new = |account: &AccountId| wire::NewMember {
                account_id: account.to_string(),
                ..wire::NewMember::default()
            };
            members
                .create_members(wire::CreateMembersRequest {
                    members: accounts.iter().map(new).collect(),
                })
                .await?;
            let invited = members
                .invite_members(wire::InviteMembersRequest {
                    account_ids: accounts.iter().map(ToString::to_string).collect(),
                    valid_hours: 0,
                })
                .await?
                .into_inner();
            for result in invited.results {
                invitations.push(match result.outcome.context("an outcome")? {
                    Invited::Invitation(sent) => sent.invitation.parse()?,
                    Invited::Error(error) => anyhow::bail!("no invitation: {}", error.message),
                });
            }
        }
        Ok(invitations)
    }

    pub(crate) async fn status(&self) -> anyhow::Result<wire::StatusReport> {
        let mut client = StatusClient::new(self.0.clone());
        Ok(client
            .get_status(wire::GetStatusRequest {})
            .await?
            .into_inner())
    }

    /// Switches a control off in an account, which has everybody judged anew.
    pub(crate) async fn switch_off(&self, control: &str, account: AccountId) -> anyhow::Result<()> {
        let disabling = wire::Disabling {
            account: account.to_string(),
            reason: "the benchmark".to_owned(),
            ..wire::Disabling::default()
        };
        let change = wire::update_control_request::Change::Disable(disabling);
        let request = wire::UpdateControlRequest {
            name: format!("controls/{control}"),
            change: Some(change),
        };
        let mut client = StandardsClient::new(self.0.clone());
        client.update_control(request).await?;
        Ok(())
    }

    /// The findings that a query for all of them sees, or for those of one account.
    pub(crate) async fn count(&self, account: Option<AccountId>) -> anyhow::Result<u64> {
        let filter = account.map(|account| wire::Filter {
            kind: Some(wire::filter::Kind::SecurityHubJson(format!(
                r#"{{"AwsAccountId":[{{"Comparison":"EQUALS","Value":"{account}"}}]}}"#
            ))),
        });
        let mut client = FindingsClient::new(self.0.clone());
        let request = wire::CountFindingsRequest {
            filter,
            ..wire::CountFindingsRequest::default()
        };
        Ok(client.count_findings(request).await?.into_inner().total)
    }

    /// The resources of an account in listings that came to their end.
    pub(crate) async fn resources(&self, account: AccountId) -> anyhow::Result<u64> {
        let mut client = ResourcesClient::new(self.0.clone());
        let request = wire::ListCoverageRequest {
            account: account.to_string(),
            ..wire::ListCoverageRequest::default()
        };
        let listed = client.list_coverage(request).await?.into_inner();
        Ok(listed.coverage.iter().map(|listing| listing.count).sum())
    }
}

/// The argument that makes this binary a server without a store.
pub(crate) const NULL_SERVER: &str = "null-server";

/// The path of a binary that was built together with this one.
pub(crate) fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(
        binary.exists(),
        "there is no {}; tests/bench.sh builds it",
        binary.display()
    );
    Ok(binary)
}

async fn init(data: &Path, sts: &str, credential: &Path) -> anyhow::Result<()> {
    let made = command(data, sts, Engine::Embedded)?
        .args(["init", "--trust-domain", "muster.example", "--credential"])
        .arg(credential)
        .output()
        .await?;
    anyhow::ensure!(
        made.status.success(),
        "muster-admin init: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    Ok(())
}

/// The binary, with every listener on a free port of loopback.
fn command(data: &Path, sts: &str, engine: Engine) -> anyhow::Result<Command> {
    let binary = match engine {
        Engine::Embedded => sibling("muster-admin")?,
        Engine::Null => std::env::current_exe()?,
    };
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("MUSTER_ADMIN_DATA_DIR", data)
        .env("MUSTER_ADMIN_STS__ENDPOINT", sts)
        // A long run would see the first old ones go.
        .env("MUSTER_ADMIN_FINDINGS__ARCHIVED_DAYS", "never")
        .kill_on_drop(true);
    listen(&mut command, None);
    Ok(command)
}

fn listen(command: &mut Command, addresses: Option<&Addresses>) {
    let free = || "127.0.0.1:0".to_owned();
    let of = |which: fn(&Addresses) -> std::net::SocketAddr| {
        addresses.map_or_else(free, |addresses| which(addresses).to_string())
    };
    command
        .env(
            "MUSTER_ADMIN_LISTEN__ENROLLMENT",
            of(|addresses| addresses.enrollment),
        )
        .env(
            "MUSTER_ADMIN_LISTEN__AGENTS",
            of(|addresses| addresses.agents),
        )
        .env(
            "MUSTER_ADMIN_LISTEN__OPERATORS",
            of(|addresses| addresses.operators),
        )
        .env("MUSTER_ADMIN_LISTEN__METRICS", free());
}

/// Waits until it serves, and tells where.
async fn addresses(process: &mut Child, data: &Path, log: &Path) -> anyhow::Result<Addresses> {
    let told = data.join("addresses.json");
    let waiting = async {
        while !told.exists() {
            if let Some(ended) = process.try_wait()? {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                anyhow::bail!("muster-admin serve: {ended}\n{log}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .context("muster-admin does not serve")??;
    Ok(serde_json::from_slice(&std::fs::read(told)?)?)
}

//! `muster-admin` as a process, and its first operator.

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
use muster_proto::v1::status_client::StatusClient;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Dropped, it is killed.
pub(super) struct Server {
    process: Child,
    data: PathBuf,
    operator: Channel,
}

impl Server {
    /// Makes an admin in a folder and starts it.
    pub(super) async fn start(folder: &Path, sts: &str) -> anyhow::Result<Self> {
        let data = folder.join("data");
        let credential = folder.join("credential.toml");
        let made = command(&data, sts)?
            .args(["init", "--trust-domain", "muster.example", "--credential"])
            .arg(&credential)
            .output()
            .await?;
        anyhow::ensure!(
            made.status.success(),
            "muster-admin init: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let log = std::fs::File::create(folder.join("log"))?;
        let mut process = command(&data, sts)?
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let addresses = addresses(&mut process, &data, &folder.join("log")).await?;
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
            operator,
        })
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    pub(super) async fn invite(&self, account: AccountId) -> anyhow::Result<PrintedInvitation> {
        let mut members = MembersClient::new(self.operator.clone());
        let member = wire::NewMember {
            account_id: account.to_string(),
            ..wire::NewMember::default()
        };
        members
            .create_members(wire::CreateMembersRequest {
                members: vec![member],
            })
            .await?;
        let invited = members
            .invite_members(wire::InviteMembersRequest {
                account_ids: vec![account.to_string()],
                valid_hours: 0,
            })
            .await?
            .into_inner();
        let outcome = invited
            .results
            .into_iter()
            .find_map(|result| result.outcome);
        match outcome {
            Some(Invited::Invitation(sent)) => Ok(sent.invitation.parse()?),
            Some(Invited::Error(error)) => anyhow::bail!("{account}: {}", error.message),
            None => anyhow::bail!("{account}: no answer to the invitation"),
        }
    }

    pub(super) async fn status(&self) -> anyhow::Result<wire::StatusReport> {
        let mut client = StatusClient::new(self.operator.clone());
        Ok(client
            .get_status(wire::GetStatusRequest {})
            .await?
            .into_inner())
    }

    /// The findings that a query for all of them sees.
    pub(super) async fn count(&self) -> anyhow::Result<u64> {
        let mut client = FindingsClient::new(self.operator.clone());
        let request = wire::CountFindingsRequest::default();
        Ok(client.count_findings(request).await?.into_inner().total)
    }

    /// Stops it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGTERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let ended = ended.context("muster-admin does not stop")??;
        anyhow::ensure!(ended.success(), "muster-admin: {ended}");
        Ok(())
    }
}

/// The binary beside this one, with every listener on a free port of loopback.
fn command(data: &Path, sts: &str) -> anyhow::Result<Command> {
    let binary = std::env::current_exe()?.with_file_name("muster-admin");
    anyhow::ensure!(
        binary.exists(),
        "there is no {}; tests/bench.sh builds it",
        binary.display()
    );
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("MUSTER_ADMIN_DATA_DIR", data)
        .env("MUSTER_ADMIN_STS__ENDPOINT", sts)
        .kill_on_drop(true);
    for listener in ["ENROLLMENT", "AGENTS", "OPERATORS", "METRICS"] {
        command.env(format!("MUSTER_ADMIN_LISTEN__{listener}"), "127.0.0.1:0");
    }
    Ok(command)
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

//! A hello without findings behind it.

use std::path::Path;

use muster_proto::v1::agent_client::AgentClient;
use uuid::Uuid;

use super::End;
use super::talk::{hello, open};
use crate::identity::Identity;
use crate::spool;

/// Asks the admin whether it would take findings of this agent, and sends none. It names the spool that the agent has, or
/// what the admin shows of it would be another one's.
///
/// # Errors
/// The reason, for people.
pub async fn probe(identity: &Identity, spool: &Path, home: &str) -> Result<(), String> {
    let asked = async {
        let channel = identity
            .connect()
            .await
            .map_err(|error| End::Lost(error.to_string()))?;
        let id = spool::id_in(spool).unwrap_or(Uuid::nil());
        open(AgentClient::new(channel), hello(id, home)).await
    };
    match asked.await {
        Ok(_) => Ok(()),
        Err(End::Lost(reason) | End::Disk(reason) | End::Refused(reason)) => Err(reason),
        Err(End::Stopped | End::Renewed | End::Anew) => Err("the admin ended the talk".to_owned()),
    }
}

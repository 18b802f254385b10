//! A hello without findings behind it.

use muster_proto::v1::agent_client::AgentClient;
use uuid::Uuid;

use super::End;
use super::dial::{Dial as _, MutualTls};
use super::talk::{hello, open};
use crate::identity::Identity;

/// Asks the admin whether it would take findings of this agent, and sends none. The spool is the one that the
/// agent has, or what the admin shows of it would be another one's.
///
/// # Errors
/// The reason, for people.
pub async fn probe(identity: &Identity, spool: Uuid, home: &str) -> Result<(), String> {
    let asked = async {
        let carrier = MutualTls.dial(identity).await.map_err(End::Lost)?;
        open(AgentClient::new(carrier), hello(spool, home)).await
    };
    match asked.await {
        Ok(_) => Ok(()),
        Err(End::Lost(reason) | End::Disk(reason) | End::Refused(reason)) => Err(reason),
        Err(End::Stopped | End::Renewed | End::Anew) => Err("the admin ended the talk".to_owned()),
    }
}

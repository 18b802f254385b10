//! Packets that get lost, by the kernel's own packet filter, on the ports of the proxies and nowhere else.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Of a hundred packets.
const LOST: u32 = 10;

/// Packets are lost until it is dropped.
pub(crate) struct Loss {
    table: String,
}

impl Loss {
    /// `None` where the packet filter is missing or not ours to change.
    pub(crate) fn on(addresses: &[SocketAddr]) -> Option<Self> {
        let table = format!("muster_faults_{}", std::process::id());
        let ports = addresses.iter().map(|address| address.port().to_string());
        let ports = ports.collect::<Vec<_>>().join(", ");
        let rules = format!(
            "table inet {table} {{ chain in {{ type filter hook input priority 0;
                tcp dport {{ {ports} }} numgen random mod 100 < {LOST} drop
                tcp sport {{ {ports} }} numgen random mod 100 < {LOST} drop
            }}
            }}\n"
        );
        tell(&rules).then_some(Self { table })
    }
}

impl Drop for Loss {
    fn drop(&mut self) {
        tell(&format!("delete table inet {}\n", self.table));
    }
}

/// Whether the packet filter did what it was told.
fn tell(rules: &str) -> bool {
    let mut command = Command::new("nft");
    command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut filter) = command.spawn() else {
        return false;
    };
    let told = filter
        .stdin
        .take()
        .is_some_and(|mut stdin| stdin.write_all(rules.as_bytes()).is_ok());
    filter.wait().is_ok_and(|status| status.success()) && told
}

//! Journeys through the product with its real binaries: what people do, and what must hold on the way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use muster_tests::accounts;

#[path = "journeys/clients.rs"]
mod clients;
#[path = "journeys/collectors.rs"]
mod collectors;
#[path = "journeys/commands.rs"]
mod commands;
#[path = "journeys/compliance.rs"]
mod compliance;
#[path = "journeys/controls.rs"]
mod controls;
#[path = "journeys/denials.rs"]
mod denials;
#[path = "journeys/join.rs"]
mod join;
#[path = "journeys/keys.rs"]
mod keys;
#[path = "journeys/membership.rs"]
mod membership;
#[path = "journeys/operation.rs"]
mod operation;
#[path = "journeys/outage.rs"]
mod outage;
#[path = "journeys/renewal.rs"]
mod renewal;
#[path = "journeys/triage.rs"]
mod triage;

//! The admin: invites accounts and admits them, keeps every finding, ranks what matters.

pub mod api;
pub mod audit;
pub mod authority;
pub mod compliance;
pub mod config;
pub mod enrollment;
pub mod error;
pub mod findings;
pub mod ingest;
pub mod init;
pub mod insights;
pub mod inventory;
pub mod lineage;
pub mod membership;
pub mod operators;
pub mod records;
pub mod serve;
pub mod telemetry;

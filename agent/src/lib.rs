pub mod cloud;
pub mod config;
pub mod identity;
pub mod mapping;
pub mod spool;

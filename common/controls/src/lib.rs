//! Controls: what is checked of an account's configuration, as data.
//!
//! In: a folder with `control.toml`, `rule.rego` and `cases.json`; the state of resources. Out: a verdict per resource, with
//! its reason. Always: what could not be read is NOT_AVAILABLE with its cause, and so is what a rule says nothing about; a
//! verdict is never invented; a rule has a time limit, and sees nothing but its input. Not here: which controls are on, what
//! becomes of verdicts (the admin's `compliance`), and how state is read (the agent's collectors).

mod cases;
mod control;
mod folder;
mod resource;
mod rule;
mod subject;
mod trial;
mod verdict;

pub use cases::Case;
pub use control::{Control, Needs, Parameter, ParameterKind, Scope, Severity, Trigger};
pub use folder::{Definition, Files, InvalidControl};
pub use resource::{ACCOUNT, Account, Part, Resource, Unavailable};
pub use rule::InvalidRule;
pub use subject::{Subject, Surroundings};
pub use trial::Mismatch;
pub use verdict::{Status, Verdict};

/// The controls that come with the product, in the order of their ids as texts.
pub const CATALOG: &[Files<'static>] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

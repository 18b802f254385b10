//! The error table: what a room could not do, as a gRPC status with its details.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::error::{Kind, Kinded};

/// The domain of our reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "muster";
/// When to try again after [`Kind::Busy`].
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Translates an error. What is internal goes to the log, under an id that the caller is told.
pub(super) fn status<E: Kinded>(error: E) -> Status {
    let (code, reason) = code(error.kind());
    let what = match error.kind() {
        Kind::Internal => "internal error",
        Kind::Disk => {
            "the server's disk is full or cannot be written; free space there, and try again"
        }
        Kind::NotFound
        | Kind::Conflict
        | Kind::Invalid
        | Kind::Denied
        | Kind::Unauthenticated
        | Kind::Busy
        | Kind::Exhausted => return with_details(code, error.to_string(), reason),
    };
    let id = uuid::Uuid::new_v4();
    tracing::error!(%id, error = %chain(&error), "a call failed");
    let message = format!("{what}; the server's log tells more under request {id}");
    with_details(code, message, reason)
}

/// A request that says what it must not, or lacks what it needs.
pub(super) fn invalid(message: impl Into<String>) -> Status {
    let (code, reason) = code(Kind::Invalid);
    with_details(code, message.into(), reason)
}

/// A caller that may not.
pub(super) fn denied(message: impl Into<String>) -> Status {
    let (code, reason) = code(Kind::Denied);
    with_details(code, message.into(), reason)
}

/// A caller without a valid credential.
pub(super) fn unauthenticated(message: impl Into<String>) -> Status {
    let (code, reason) = code(Kind::Unauthenticated);
    with_details(code, message.into(), reason)
}

const fn code(kind: Kind) -> (Code, &'static str) {
    match kind {
        Kind::NotFound => (Code::NotFound, "NOT_FOUND"),
        Kind::Conflict => (Code::FailedPrecondition, "CONFLICT"),
        Kind::Invalid => (Code::InvalidArgument, "INVALID"),
        Kind::Denied => (Code::PermissionDenied, "DENIED"),
        Kind::Unauthenticated => (Code::Unauthenticated, "UNAUTHENTICATED"),
        Kind::Busy => (Code::Unavailable, "BUSY"),
        Kind::Exhausted => (Code::ResourceExhausted, "EXHAUSTED"),
        Kind::Disk => (Code::Unavailable, "DISK"),
        Kind::Internal => (Code::Internal, "INTERNAL"),
    }
}

fn with_details(code: Code, message: String, reason: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, [] as [(String, String); 0]);
    if code == Code::Unavailable {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    Status::with_error_details(code, message, details)
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

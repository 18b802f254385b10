//! Failures: what to tell a person, and the exit code that tells it a script.

use std::process::ExitCode;

use muster_common::text::escaped;
use tonic::{Code, Status};

/// Why a command did not do all it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Other(String),
    #[error("{0}")]
    Usage(String),
    /// The refused items were told already.
    #[error("{failed} of {all} {} refused", if *failed == 1 { "was" } else { "were" })]
    Part { failed: usize, all: usize },
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Unreachable(String),
    /// Whoever read the output has seen enough.
    #[error("")]
    ClosedPipe,
    /// Ctrl-C, at which a shell says nothing either.
    #[error("")]
    Interrupted,
}

/// How tonic and hyper say that a connection broke, under several codes.
const LOST: [&str; 4] = [
    "transport error",
    "h2 protocol error",
    "error reading a body",
    "tcp connect error",
];

impl Failure {
    pub(crate) fn other(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }

    /// The same failure, and what became of the rest.
    pub(crate) fn and(self, rest: &str) -> Self {
        let and = |what: String| format!("{what}; {rest}");
        match self {
            Self::Other(what) => Self::Other(and(what)),
            Self::Usage(what) => Self::Usage(and(what)),
            Self::NotFound(what) => Self::NotFound(and(what)),
            Self::Denied(what) => Self::Denied(and(what)),
            Self::Unreachable(what) => Self::Unreachable(and(what)),
            Self::Part { .. } | Self::ClosedPipe | Self::Interrupted => self,
        }
    }

    /// What was not found, and where to look; unless that is said already.
    pub(crate) fn hinted(self, hint: &str) -> Self {
        match self {
            Self::NotFound(what) if !what.contains("'muster ") => Self::NotFound(what).and(hint),
            Self::NotFound(_)
            | Self::Other(_)
            | Self::Usage(_)
            | Self::Part { .. }
            | Self::Denied(_)
            | Self::Unreachable(_)
            | Self::ClosedPipe
            | Self::Interrupted => self,
        }
    }

    /// Tells the person and gives the code.
    #[expect(clippy::print_stderr, reason = "the command line's voice")]
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self {
            Self::ClosedPipe => return ExitCode::SUCCESS,
            Self::Interrupted => return ExitCode::from(130),
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Part { .. } => 3,
            Self::NotFound(_) => 4,
            Self::Denied(_) => 5,
            Self::Unreachable(_) => 6,
        };
        eprintln!("muster: {}", escaped(&self.to_string()));
        ExitCode::from(code)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::NotFound => Self::NotFound(message),
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied(message),
            Code::InvalidArgument => Self::Usage(message),
            _ if LOST.iter().any(|lost| message.contains(lost)) => {
                Self::Unreachable("the connection was lost".to_owned())
            }
            Code::Unavailable | Code::DeadlineExceeded if message.contains("again") => {
                Self::Unreachable(message)
            }
            Code::Unavailable | Code::DeadlineExceeded => {
                Self::Unreachable(format!("{message}; try again in a moment"))
            }
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss => Self::Other(message),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Self::Other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_given_once_and_only_for_what_was_not_found() {
        let says = |failure: Failure| failure.hinted("'muster x list' shows all").to_string();
        let missing = |text: &str| Failure::NotFound(text.to_owned());
        assert_eq!(
            says(missing("there is no x")),
            "there is no x; 'muster x list' shows all"
        );
        let told = "there is no x; 'muster x list' shows them";
        assert_eq!(says(missing(told)), told);
        assert_eq!(says(Failure::other("broken")), "broken");
    }

    #[test]
    fn a_broken_connection_is_told_in_our_words() {
        let says = |status: Status| Failure::from(status).to_string();
        let broken = "h2 protocol error: error reading a body from connection";
        assert_eq!(says(Status::internal(broken)), "the connection was lost");
        assert_eq!(
            says(Status::unknown("transport error")),
            "the connection was lost"
        );
        assert_eq!(
            says(Status::unavailable("busy")),
            "busy; try again in a moment"
        );
        let stopping = "the server is stopping; watch again";
        assert_eq!(says(Status::unavailable(stopping)), stopping);
    }
}

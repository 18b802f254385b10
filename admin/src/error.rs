//! Kinds of errors: what a caller can do about one. Every room's errors tell theirs; one table in `api` turns kinds into
//! gRPC codes.

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Name something that exists.
    NotFound,
    /// Look again: the thing is not in the state that the call needs.
    Conflict,
    /// Correct the request.
    Invalid,
    /// Nothing: the caller may not.
    Denied,
    /// Show a valid credential.
    Unauthenticated,
    /// Try again later.
    Busy,
    /// Ask for less, or make room.
    Exhausted,
    /// Wait until the people who run the server have made room on its disk, or mended it.
    Disk,
    /// Tell the people who run the server.
    Internal,
}

/// An error that tells its kind.
pub trait Kinded: std::error::Error + Send + Sync + 'static {
    fn kind(&self) -> Kind;
}

impl Kinded for muster_store::Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Conflict { .. } => Kind::Conflict,
            Self::Busy | Self::Closed => Kind::Busy,
            Self::Disk { .. } => Kind::Disk,
            Self::Damaged { .. } | Self::InUse { .. } | Self::OtherFormat { .. } => Kind::Internal,
        }
    }
}

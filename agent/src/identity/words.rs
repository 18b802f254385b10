//! What a call ends with, in words that say what to do.

/// A connection that is cut in the middle of a call has no message of its own.
pub(crate) fn refusal(message: &str) -> String {
    match message {
        "transport error" | "operation was canceled" => "the admin ended the connection before it answered; it may not accept this agent's certificate, or it is stopping".to_owned(),
        other => other.to_owned(),
    }
}

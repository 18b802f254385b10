//! What a call ends with, in words that say what to do.

use std::error::Error as _;

use tonic::Status;

/// A connection that is cut in the middle of a call has no message of its own. The alert that comes with it says something
/// if it is about time.
pub(crate) fn refusal(status: &Status) -> String {
    let mut sources = std::iter::successors(status.source(), |error| (*error).source());
    // rustls: one alert for what is over and for what has not begun.
    if sources.any(|error| error.to_string().contains("alert: CertificateExpired")) {
        return "for the admin's clock, this agent's certificate is over or has not begun: check the clocks of both machines; 'muster-agent status' tells until when the certificate holds".to_owned();
    }
    match status.message() {
        "transport error" | "operation was canceled" => "the admin ended the connection before it answered; it may not accept this agent's certificate, or it is stopping".to_owned(),
        other => other.to_owned(),
    }
}

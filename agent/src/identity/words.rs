//! What connecting ends with, in words that say what to do.

use muster_common::timestamp::Timestamp;
use muster_mtls::ConnectError;

/// Says what is behind the words of the operating system and of TLS.
pub(super) fn clear(error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Connect { address, reason } => ConnectError::Connect {
            address,
            reason: reason_of(&reason),
        },
        other @ (ConnectError::Address(_) | ConnectError::Roots(_)) => other,
    }
}

fn reason_of(reason: &str) -> String {
    if reason.contains("Connection refused") {
        return "nobody listens there; is the admin running?".to_owned();
    }
    // rustls: `verification time N (UNIX), but certificate is not valid before M`.
    let time = |behind: &str| {
        let (_, rest) = reason.split_once(behind)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Timestamp::from_seconds)
    };
    match (
        time("verification time "),
        time("not valid before "),
        time("not valid after "),
    ) {
        (Some(now), Some(from), _) => format!(
            "this machine's clock says {now}, and the server's certificate is valid from {from}: check the clock"
        ),
        (Some(now), None, Some(until)) => format!(
            "this machine's clock says {now}, and the server's certificate was valid until {until}: check the clock, or restart the admin"
        ),
        _ => reason.to_owned(),
    }
}

/// A connection that is cut in the middle of a call has no message of its own.
pub(crate) fn refusal(message: &str) -> String {
    match message {
        "transport error" | "operation was canceled" => "the admin ended the connection before it answered; it may not accept this agent's certificate, or it is stopping".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_named_with_both_times() {
        let yet = "invalid peer certificate: certificate not valid yet: verification time 1795293067 (UNIX), but certificate is not valid before 1795296667 (3600 seconds in future)";
        insta::assert_snapshot!(reason_of(yet), @"this machine's clock says 2026-11-21T20:31:07.000Z, and the server's certificate is valid from 2026-11-21T21:31:07.000Z: check the clock");
        let over = "invalid peer certificate: certificate expired: verification time 1795296667 (UNIX), but certificate is not valid after 1795293067 (3600 seconds ago)";
        assert!(reason_of(over).contains("was valid until 2026-11-21T20:31:07.000Z"));
        assert_eq!(
            reason_of("Connection refused (os error 111)"),
            "nobody listens there; is the admin running?"
        );
        assert_eq!(reason_of("other"), "other");
    }
}

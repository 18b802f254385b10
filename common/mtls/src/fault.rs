//! Why a connection failed: what is behind the words of the operating system and of TLS, and what to do.

use muster_common::timestamp::Timestamp;

/// What is at fault, as far as a client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens at the address.
    Nobody,
    /// The server's certificate does not hold by the client's clock.
    Clock,
    /// The server is not the one that is trusted.
    Server,
    /// The server does not take the client's certificate.
    Credential,
    /// Anything on the way.
    Network,
}

/// What an error is, and how to tell it.
pub(crate) fn of(error: &str) -> (Fault, String) {
    if error.contains("Connection refused") {
        let told = "nobody listens there; is the admin running?";
        return (Fault::Nobody, told.to_owned());
    }
    if error.starts_with("received fatal alert") {
        return (Fault::Credential, error.to_owned());
    }
    let Some(certificate) = error.strip_prefix("invalid peer certificate: ") else {
        return (Fault::Network, error.to_owned());
    };
    match clock(certificate) {
        Some(told) => (Fault::Clock, told),
        None => (Fault::Server, error.to_owned()),
    }
}

/// rustls: `verification time N (UNIX), but certificate is not valid before M`.
fn clock(certificate: &str) -> Option<String> {
    let time = |behind: &str| {
        let (_, rest) = certificate.split_once(behind)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Timestamp::from_seconds)
    };
    let now = time("verification time ")?;
    if let Some(from) = time("not valid before ") {
        return Some(format!(
            "this machine's clock says {now}, and the server's certificate is valid from {from}: check the clock"
        ));
    }
    let until = time("not valid after ")?;
    Some(format!(
        "this machine's clock says {now}, and the server's certificate was valid until {until}: check the clock, or restart the admin"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_named_with_both_times() {
        let yet = "invalid peer certificate: certificate not valid yet: verification time 1795293067 (UNIX), but certificate is not valid before 1795296667 (3600 seconds in future)";
        assert_eq!(
            of(yet),
            (
                Fault::Clock,
                "this machine's clock says 2026-11-21T20:31:07.000Z, and the server's certificate is valid from 2026-11-21T21:31:07.000Z: check the clock".to_owned()
            )
        );
        let over = "invalid peer certificate: certificate expired: verification time 1795296667 (UNIX), but certificate is not valid after 1795293067 (3600 seconds ago)";
        let (fault, told) = of(over);
        assert_eq!(fault, Fault::Clock);
        assert!(told.contains("was valid until 2026-11-21T20:31:07.000Z"));
    }

    #[test]
    fn faults_are_told_apart() {
        for (error, fault) in [
            ("Connection refused (os error 111)", Fault::Nobody),
            ("invalid peer certificate: UnknownIssuer", Fault::Server),
            (
                "received fatal alert: CertificateUnknown",
                Fault::Credential,
            ),
            ("no answer within 10 s", Fault::Network),
        ] {
            assert_eq!(of(error).0, fault, "{error}");
        }
    }
}

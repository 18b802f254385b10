//! Invitations, and the other short texts that come from outside: identities, proofs of account, page tokens, times. What
//! is read is written as it was; nothing that is secret is shown by accident; nobody forges a token.

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use muster_common::account::{AccountId, Region};
use muster_common::finding::FindingKey;
use muster_common::identity::{AgentId, OperatorId, Serial, SpiffeId, TrustDomain};
use muster_common::invitation::{InvitationId, InvitationSecret, PrintedInvitation, RootPin};
use muster_common::page::PageSeal;
use muster_common::proof::{Binding, Proof, sts_host};
use muster_common::timestamp::{Timestamp, from_wire, to_wire};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match choice % 8 {
        0 => printed(&text),
        // The outer form is right, so that what is inside is read.
        1 => printed(&format!("muster1_{}", URL_SAFE_NO_PAD.encode(rest))),
        2 => made(&mut Unstructured::new(rest)),
        3 => names(&text),
        4 => proof(&text),
        5 => token(&text),
        6 => time(&text),
        _ => moment(&mut Unstructured::new(rest)),
    }
}

fn printed(text: &str) {
    let Ok(invitation) = text.parse::<PrintedInvitation>() else {
        return;
    };
    reads_back(&invitation);
}

fn reads_back(invitation: &PrintedInvitation) {
    let text = invitation.to_string();
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    );
    assert_eq!(text.parse().as_ref(), Ok(invitation));
    if invitation.pin.0 != *invitation.secret.as_bytes() {
        hides(&format!("{invitation:?}"), invitation.secret.as_bytes());
        hides(&format!("{invitation:#?}"), invitation.secret.as_bytes());
    }
    assert!(invitation.secret.digest().is_of(&invitation.secret));
}

/// No usual form of a secret stands in a text. A secret without variety could stand there by chance.
fn hides(shown: &str, secret: &[u8; 32]) {
    let mut kinds = secret.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 8 {
        return;
    }
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [
        hex,
        URL_SAFE_NO_PAD.encode(secret),
        STANDARD.encode(secret),
        format!("{secret:?}"),
    ] {
        assert!(!shown.contains(&form), "{shown}");
    }
}

#[derive(Arbitrary, Debug)]
struct Parts {
    endpoint: String,
    pin: [u8; 32],
    domain: String,
    account: u64,
    id: u128,
    secret: [u8; 32],
    seconds: i64,
}

/// Whatever an invitation is made of, it reads back if it is short enough.
fn made(dice: &mut Unstructured<'_>) {
    let Ok(parts) = Parts::arbitrary(dice) else {
        return;
    };
    let domain = parts.domain.parse::<TrustDomain>();
    let account = format!("{:012}", parts.account % 1_000_000_000_000).parse::<AccountId>();
    let id = uuid::Uuid::from_u128(parts.id).to_string();
    let (Ok(domain), Ok(account)) = (domain, account) else {
        return;
    };
    if parts.endpoint.len() > 300 {
        return;
    }
    reads_back(&PrintedInvitation {
        endpoint: parts.endpoint,
        pin: RootPin(parts.pin),
        domain,
        account,
        id: id.parse::<InvitationId>().expect("it is a UUID"),
        secret: InvitationSecret::from_bytes(&parts.secret).expect("it has 32 bytes"),
        // Times beyond what milliseconds count are the same one.
        expires_at: Timestamp::from_seconds(parts.seconds % (1 << 50)),
    });
}

/// One thing has one name: a text that is read is written as it was.
fn names(text: &str) {
    let same = |written: Option<String>| {
        assert!(written.is_none_or(|written| written == text), "{text:?}");
    };
    same(text.parse::<SpiffeId>().ok().map(|id| id.to_string()));
    same(text.parse::<TrustDomain>().ok().map(|id| id.to_string()));
    same(text.parse::<OperatorId>().ok().map(|id| id.to_string()));
    same(text.parse::<AgentId>().ok().map(|id| id.to_string()));
    same(text.parse::<AccountId>().ok().map(|id| id.to_string()));
    same(text.parse::<Region>().ok().map(|id| id.to_string()));
    // These are also read with capitals and with what stands before them.
    if let Ok(serial) = text.parse::<Serial>() {
        assert_eq!(serial.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(key) = text.parse::<FindingKey>() {
        let bare = text.strip_prefix("findings/").unwrap_or(text);
        assert_eq!(key.to_string(), bare.to_ascii_lowercase());
    }
    if let Ok(id) = text.parse::<InvitationId>() {
        assert_eq!(
            id.to_string(),
            text.strip_prefix("invitations/").unwrap_or(text)
        );
    }
    if let Ok(region) = text.parse::<Region>() {
        plain_host(&sts_host(&region));
    }
}

fn plain_host(host: &str) {
    assert!(host.starts_with("sts.") && host.len() < 128, "{host}");
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    assert!(host.bytes().all(plain), "{host}");
}

/// No scalar of a proof carries more than itself into the request that is rebuilt from it.
fn proof(text: &str) {
    let parts: Vec<&str> = text.split('\0').collect();
    let [region, key, token, date, signature] = parts[..] else {
        return;
    };
    let Ok(proof) = Proof::new(region, key, token, date, signature) else {
        return;
    };
    plain_host(&sts_host(proof.region()));
    let binding = Binding {
        server_id: "spiffe://muster.example/admin",
        purpose: "renew",
        account: "111122223333".parse().expect("it is an account"),
        nonce: &[7; 32],
        public_key: b"key",
    };
    let headers = proof.headers(&binding);
    assert_eq!(headers.len(), 5 + usize::from(!token.is_empty()));
    for (name, value) in &headers {
        let header = http::HeaderValue::from_str(value);
        assert!(header.is_ok_and(|header| header.to_str().is_ok()), "{name}");
    }
    let (_, authorization) = headers
        .iter()
        .find(|(name, _)| *name == "authorization")
        .expect("a request is signed");
    assert_eq!(authorization.matches(", ").count(), 2, "{authorization}");
    assert_eq!(authorization.matches('/').count(), 4, "{authorization}");
    assert!(authorization.contains(&format!("Credential={key}/")));
    let (_, sent) = headers
        .iter()
        .find(|(name, _)| *name == "x-amz-date")
        .expect("a request is dated");
    // A leap second counts as the second before it.
    assert!(sent == date || date.ends_with("60Z"));
    let shown = format!("{proof:?}");
    // An access key of the same characters is no secret.
    assert!(
        !shown.contains(signature) || key.contains(signature),
        "{shown}"
    );
}

/// What nobody sealed does not open.
fn token(text: &str) {
    let seal = PageSeal::new([7; 32]);
    let opened = seal.open::<serde_json::Value>("findings", "ana", text);
    assert!(opened.is_err(), "{text:?} was forged");
    let sealed = seal.seal("findings", "ana", &text);
    if sealed.len() <= 64 * 1024 {
        let opened = seal.open::<String>("findings", "ana", &sealed);
        assert_eq!(opened.as_deref(), Ok(text));
        assert!(seal.open::<String>("findings", text, &sealed).is_err() || text == "ana");
        assert!(seal.open::<String>(text, "ana", &sealed).is_err() || text == "findings");
    }
}

/// A time reads as another parser of RFC 3339 reads it, and back from its text.
fn time(text: &str) {
    if let Ok(time) = Timestamp::from_amz_date(text) {
        // A leap second counts as the second before it.
        let leap = text.get(13..15) == Some("60");
        assert!(time.amz_date() == text || leap, "{text}");
    }
    let Ok(time) = text.parse::<Timestamp>() else {
        return;
    };
    assert_eq!(time.to_string().parse(), Ok(time), "{text}");
    assert_eq!(from_wire(&to_wire(time)), time);
    let leap = text.get(17..19) == Some("60");
    if let Ok(theirs) = OffsetDateTime::parse(text, &Rfc3339)
        && !leap
    {
        let millis = theirs.unix_timestamp_nanos().div_euclid(1_000_000);
        assert_eq!(i128::from(time.as_millis()), millis, "{text}");
    }
}

/// Any number of milliseconds is a time that can be written, compared and moved.
fn moment(dice: &mut Unstructured<'_>) {
    let Ok((seconds, nanos, span)) = <(i64, i32, i64)>::arbitrary(dice) else {
        return;
    };
    let time = from_wire(&prost_types::Timestamp { seconds, nanos });
    assert!(!time.to_string().is_empty() && !time.amz_date().is_empty());
    let moved = time.plus(span);
    assert!((moved >= time) == (span >= 0) || moved == time);
    let _ = (time.since(moved), to_wire(moved), moved.as_seconds());
}

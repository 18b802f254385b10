//! Signing the proof of account: an STS request that is never sent from here.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4;
use muster_common::account::Region;
use muster_common::proof::{
    ACCEPT, BINDING_HEADER, BODY, Binding, CONTENT_TYPE, METHOD, SERVICE, sts_host,
};
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;

/// Signs a GetCallerIdentity request that is good for one binding only, and gives its scalars.
///
/// # Errors
/// What the signer says; it refuses nothing that is built here.
pub fn sign(
    credentials: &Credentials,
    region: &Region,
    binding: &Binding<'_>,
    now: Timestamp,
) -> Result<wire::AccountProof, String> {
    let host = sts_host(region);
    let uri = format!("https://{host}/");
    let binding = binding.header();
    let headers = [
        ("accept", ACCEPT),
        ("content-type", CONTENT_TYPE),
        ("host", host.as_str()),
        (BINDING_HEADER, binding.as_str()),
    ];
    let identity = credentials.clone().into();
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(SERVICE)
        .time(UNIX_EPOCH + Duration::from_secs(seconds))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let request = SignableRequest::new(
        METHOD,
        &uri,
        headers.into_iter(),
        SignableBody::Bytes(BODY.as_bytes()),
    )
    .map_err(|error| error.to_string())?;
    let (_, signature) = sign_request(request, &params)
        .map_err(|error| error.to_string())?
        .into_parts();
    Ok(wire::AccountProof {
        region: region.to_string(),
        access_key_id: credentials.access_key_id().to_owned(),
        session_token: credentials.session_token().unwrap_or_default().to_owned(),
        amz_date: now.amz_date(),
        signature,
    })
}

#[cfg(test)]
mod tests {
    use muster_common::proof::{Proof, signed_headers};

    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLEEXAMPLE",
            "secret",
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    /// What the agent signs is what the admin rebuilds: the same headers, in the same order.
    #[test]
    fn the_signer_signs_the_headers_that_the_admin_sends() {
        let region: Region = "eu-west-1".parse().unwrap();
        let binding = Binding {
            server_id: "spiffe://muster.example/admin",
            purpose: "renew",
            account: "111122223333".parse().unwrap(),
            nonce: &[7; 32],
            public_key: b"key",
        };
        let now = Timestamp::from_seconds(1_795_000_000);
        for token in [None, Some("token")] {
            let signed = sign(&credentials(token), &region, &binding, now).unwrap();
            let proof = Proof::new(
                &signed.region,
                &signed.access_key_id,
                &signed.session_token,
                &signed.amz_date,
                &signed.signature,
            )
            .unwrap();
            let headers = proof.headers(&binding);
            let mut names: Vec<&str> = headers
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| *name != "authorization")
                .collect();
            names.push("host");
            names.sort_unstable();
            assert_eq!(names.join(";"), signed_headers(token.is_some()));
            assert!(
                headers
                    .iter()
                    .any(|(_, value)| value.contains(&signed.signature))
            );
        }
    }

    #[test]
    fn another_binding_gives_another_signature() {
        let region: Region = "us-east-1".parse().unwrap();
        let signature = |nonce: &[u8; 32]| {
            let binding = Binding {
                server_id: "s",
                purpose: "p",
                account: "111122223333".parse().unwrap(),
                nonce,
                public_key: b"key",
            };
            let now = Timestamp::from_seconds(1_795_000_000);
            sign(&credentials(Some("t")), &region, &binding, now)
                .unwrap()
                .signature
        };
        assert_eq!(signature(&[1; 32]), signature(&[1; 32]));
        assert_ne!(signature(&[1; 32]), signature(&[2; 32]));
    }
}

//! Page tokens: where a list goes on, sealed so that nobody can forge or move one.
//!
//! A token carries the query, so that the next page needs nothing else (a client may send only the token), and who
//! asked, so that it is of no use to another caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Seals and opens page tokens with one key.
#[derive(Clone)]
pub struct PageSeal {
    key: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page token is not from this list or not for this caller; start again without it")]
pub struct InvalidPageToken;

const MAC_BYTES: usize = 16;
/// The longest token, in characters.
const TOKEN_MAX: usize = 64 * 1024;

impl PageSeal {
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Seals a position in a list. `list` names the list and `caller` who may go on.
    #[must_use]
    pub fn seal<T: Serialize>(&self, list: &str, caller: &str, position: &T) -> String {
        let position = serde_json::to_vec(position).expect("a position is plain data");
        let mut token = self.mac(list, caller, &position).to_vec();
        token.extend_from_slice(&position);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Opens what [`PageSeal::seal`] gave.
    ///
    /// # Errors
    /// [`InvalidPageToken`] for anything else, also for another list's or another caller's token.
    pub fn open<T: DeserializeOwned>(
        &self,
        list: &str,
        caller: &str,
        token: &str,
    ) -> Result<T, InvalidPageToken> {
        if token.len() > TOKEN_MAX {
            return Err(InvalidPageToken);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| InvalidPageToken)?;
        let (mac, position) = bytes.split_at_checked(MAC_BYTES).ok_or(InvalidPageToken)?;
        self.hmac(list, caller, position)
            .verify_truncated_left(mac)
            .map_err(|_| InvalidPageToken)?;
        serde_json::from_slice(position).map_err(|_| InvalidPageToken)
    }

    fn mac(&self, list: &str, caller: &str, position: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = [0; MAC_BYTES];
        let full = self.hmac(list, caller, position).finalize().into_bytes();
        mac.copy_from_slice(&full[..MAC_BYTES]);
        mac
    }

    fn hmac(&self, list: &str, caller: &str, position: &[u8]) -> Hmac<Sha256> {
        let mut hmac = Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        for part in [list.as_bytes(), caller.as_bytes(), position] {
            hmac.update(&(part.len() as u64).to_le_bytes());
            hmac.update(part);
        }
        hmac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_where_it_was_made() {
        let seal = PageSeal::new([7; 32]);
        let token = seal.seal("findings", "ana", &(5, "x"));
        let open =
            |list: &str, caller: &str, token: &str| seal.open::<(u32, String)>(list, caller, token);
        assert_eq!(open("findings", "ana", &token), Ok((5, "x".to_owned())));
        assert_eq!(open("members", "ana", &token), Err(InvalidPageToken));
        assert_eq!(open("findings", "bo", &token), Err(InvalidPageToken));
        assert_eq!(open("findings", "ana", ""), Err(InvalidPageToken));
        assert_eq!(open("findings", "ana", "AAAA"), Err(InvalidPageToken));
        let other = PageSeal::new([8; 32]);
        assert!(
            other
                .open::<(u32, String)>("findings", "ana", &token)
                .is_err()
        );
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(
                open("findings", "ana", &forged),
                Err(InvalidPageToken),
                "{at}"
            );
        }
    }
}

//! A call as it comes in: what is asked of which service, whatever its protocol.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use serde_json::Value as Json;

/// Entries of a page for which nobody says how many.
const PAGE: usize = 100;

pub(super) struct Call {
    /// The name that it is signed with.
    pub service: String,
    /// Empty where there are only paths.
    pub action: String,
    pub path: String,
    /// Of the query, the form or the JSON.
    fields: Vec<(String, String)>,
}

impl Call {
    pub(super) fn read(uri: &Uri, headers: &HeaderMap, body: &str) -> Self {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        // Credential=KEY/DAY/REGION/SERVICE/aws4_request
        let service = header(AUTHORIZATION.as_str()).split('/').nth(3);
        let mut fields = form(uri.query().unwrap_or_default());
        match serde_json::from_str::<Json>(body) {
            Ok(Json::Object(members)) => fields.extend(members.into_iter().map(|(name, value)| {
                let text = value.as_str().map(str::to_owned);
                (name, text.unwrap_or_else(|| value.to_string()))
            })),
            Ok(_) | Err(_) => fields.extend(form(body)),
        }
        let targeted = header("x-amz-target").rsplit_once('.');
        let named = fields.iter().find(|(name, _)| name == "Action");
        let action = match (targeted, named) {
            (Some((_, action)), _) => action.to_owned(),
            (None, Some((_, action))) => action.clone(),
            (None, None) => String::new(),
        };
        Self {
            service: service.unwrap_or_default().to_owned(),
            action,
            path: uri.path().to_owned(),
            fields,
        }
    }

    pub(super) fn first_of_query(&self) -> &str {
        self.fields.first().map_or("", |(name, _)| name)
    }

    fn number(&self, name: &str) -> Option<usize> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.and_then(|(_, value)| value.parse().ok())
    }

    /// The entries of the page that is asked for, and the token of the next one. A token is the number of an entry.
    pub(super) fn page(
        &self,
        limit: &str,
        token: &str,
        count: usize,
        item: impl Fn(&mut String, usize),
    ) -> (String, Option<String>) {
        let from = self.number(token).unwrap_or_default();
        let to = count.min(from + self.number(limit).unwrap_or(PAGE));
        let mut items = String::new();
        (from..to).for_each(|n| item(&mut items, n));
        (items, (to < count).then(|| to.to_string()))
    }
}

/// None of the values that matter is encoded.
fn form(text: &str) -> Vec<(String, String)> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    let fields = fields.map(|field| field.split_once('=').unwrap_or((field, "")));
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The one encoder that the credential report needs.
pub(super) fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(text.len() * 4 / 3 + 4);
    for three in text.as_bytes().chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let letter = LETTERS[index as usize];
            out.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

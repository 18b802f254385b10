//! Pages of lists: sizes within limits, tokens that are sealed for their list and their caller.

use muster_common::page::PageSeal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::error::invalid;

const DEFAULT: u32 = 100;

/// The size of a page: 0 is 100, more than `max` is refused.
pub(super) fn size(given: u32, max: u32) -> Result<usize, Status> {
    match given {
        0 => Ok(DEFAULT.min(max) as usize),
        size if size <= max => Ok(size as usize),
        size => Err(invalid(format!(
            "page_size: {size} is too large; at most {max}"
        ))),
    }
}

/// Opens a token; an empty one is the start of the list.
pub(super) fn open<T: DeserializeOwned>(
    seal: &PageSeal,
    list: &str,
    caller: &str,
    token: &str,
) -> Result<Option<T>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    seal.open(list, caller, token)
        .map(Some)
        .map_err(|error| invalid(format!("page_token: {error}")))
}

/// Seals where the next page starts; empty if there is none.
pub(super) fn seal<T: Serialize>(
    seal: &PageSeal,
    list: &str,
    caller: &str,
    next: Option<&T>,
) -> String {
    next.map(|position| seal.seal(list, caller, position))
        .unwrap_or_default()
}

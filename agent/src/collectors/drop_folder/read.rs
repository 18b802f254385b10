//! Reading a dropped file, one finding at a time.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use muster_common::finding::{InvalidFile, for_each_document};
use serde::Deserialize;
use serde_json::Value as Json;

use super::Found;
use crate::mapping::{self, Place};

/// Findings that are handed on together.
const CHUNK: usize = 100;

/// Whether a file is findings in JSON from its start to its end.
pub(super) fn check(file: &Path) -> Result<(), InvalidFile> {
    let reader = BufReader::new(File::open(file)?);
    for_each_document(reader, &mut |_| ControlFlow::Continue(())).map(|_| ())
}

/// Hands on the findings of a file, in chunks, until `take` wants no more.
pub(super) fn findings(
    file: &Path,
    place: &Place,
    mut take: impl FnMut(Vec<Found>) -> bool,
) -> Result<(), InvalidFile> {
    let reader = BufReader::new(File::open(file)?);
    let mut chunk = Vec::with_capacity(CHUNK);
    for_each_document(reader, &mut |document| {
        chunk.push(found(document, place));
        if chunk.len() == CHUNK && !take(std::mem::take(&mut chunk)) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if !chunk.is_empty() {
        take(chunk);
    }
    Ok(())
}

/// The parts of a finding that tell what it is.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "AwsAccountId")]
    account: Option<Json>,
    class_uid: Option<Json>,
    finding_info: Option<Json>,
}

/// An ASFF document is taken as it is; an OCSF finding is mapped. The admin would refuse those of other accounts and
/// write that down, so they are not sent.
fn found(document: &[u8], place: &Place) -> Found {
    let unfit = |reason: String| Found::Unfit {
        reason,
        original: String::from_utf8_lossy(document).into_owned(),
    };
    let head: Head = match serde_json::from_slice(document) {
        Ok(head) => head,
        Err(error) => return unfit(error.to_string()),
    };
    let own = place.account;
    let foreign = |account: &str| {
        unfit(format!(
            "the finding is of account {account}; this agent speaks for {own}"
        ))
    };
    if head.class_uid.is_some() || head.finding_info.is_some() {
        let mapped = serde_json::from_slice(document)
            .map_err(|error| error.to_string())
            .and_then(|native| mapping::ocsf(&native, place).map_err(|error| error.to_string()));
        return match mapped {
            Ok(mapped) => match mapped["AwsAccountId"].as_str() {
                Some(account) if account != own.as_str() => foreign(account),
                Some(_) | None => Found::Document(Bytes::from(mapped.to_string())),
            },
            Err(reason) => unfit(reason),
        };
    }
    match head.account.as_ref().and_then(Json::as_str) {
        Some(account) if account == own.as_str() => {
            Found::Document(Bytes::copy_from_slice(document))
        }
        Some(account) => foreign(account),
        None => unfit("it is neither ASFF (no AwsAccountId) nor OCSF (no class_uid)".to_owned()),
    }
}

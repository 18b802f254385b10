//! Reading a dropped file, one finding at a time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
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
/// A line that is longer is cut, and so broken.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Findings in JSON from its start to its end.
    Whole,
    /// JSON lines, some of which are broken.
    Lines,
}

/// Finds out what a file is.
///
/// # Errors
/// It is neither; the place where it stops being JSON.
pub(super) fn shape(file: &Path) -> Result<Shape, InvalidFile> {
    let reader = BufReader::new(File::open(file)?);
    let Err(error) = for_each_document(reader, &mut |_| ControlFlow::Continue(())) else {
        return Ok(Shape::Whole);
    };
    // Most lines are whole ones: in an array that was cut, or one that is indented, they are not.
    let (mut good, mut broken) = (0, 0);
    for_each_line(file, |_, line| {
        let read = for_each_document(line, &mut |_| ControlFlow::Continue(()));
        match read {
            Ok(count) => good += usize::from(count > 0),
            Err(_) => broken += 1,
        }
        true
    })?;
    if good > broken {
        Ok(Shape::Lines)
    } else {
        Err(error)
    }
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

/// Hands on the findings of a file of JSON lines; a broken line is unfit.
pub(super) fn lines(
    file: &Path,
    place: &Place,
    mut take: impl FnMut(Vec<Found>) -> bool,
) -> Result<(), InvalidFile> {
    let mut chunk = Vec::with_capacity(CHUNK);
    for_each_line(file, |number, line| {
        let before = chunk.len();
        let read = for_each_document(line, &mut |document| {
            chunk.push(found(document, place));
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            chunk.truncate(before);
            chunk.push(Found::Unfit {
                reason: reason(file, number, &error),
                original: String::from_utf8_lossy(line).trim_end().to_owned(),
            });
        }
        chunk.len() < CHUNK || take(std::mem::take(&mut chunk))
    })?;
    if !chunk.is_empty() {
        take(chunk);
    }
    Ok(())
}

/// Shows the lines of a file with their numbers, until `each` wants no more.
fn for_each_line(file: &Path, mut each: impl FnMut(usize, &[u8]) -> bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(file)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = reader.by_ref().take(LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line)? == 0 || !each(number, &line) {
            break;
        }
    }
    Ok(())
}

fn reason(file: &Path, line: usize, error: &InvalidFile) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let what = match error {
        InvalidFile::Syntax { what, .. } => what.clone(),
        other @ (InvalidFile::NoFindings | InvalidFile::Utf16 | InvalidFile::Unreadable(_)) => {
            other.to_string()
        }
    };
    format!("line {line} of {name}: {what}")
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

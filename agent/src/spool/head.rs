//! `HEAD`: which spool it is, and how far it is acknowledged.

use std::io::ErrorKind;
use std::path::Path;

use muster_disk::fs;
use uuid::Uuid;

use super::segment::{self, write_whole};

/// What stands in `HEAD`.
pub(super) struct Head {
    pub id: Uuid,
    pub acknowledged: u64,
    /// It was there and could be read, or the spool is new.
    pub whole: bool,
}

pub(super) fn read(folder: &Path) -> std::io::Result<Head> {
    let read = match fs::read(folder.join("HEAD")) {
        Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(parse),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some((id, acknowledged)) = read {
        return Ok(Head {
            id,
            acknowledged,
            whole: true,
        });
    }
    // Without records it is a new one; with them, what stood there is lost.
    let whole = segment::list(folder)?.is_empty();
    let id = Uuid::new_v4();
    write(folder, id, 0)?;
    Ok(Head {
        id,
        acknowledged: 0,
        whole,
    })
}

/// `ID ACKNOWLEDGED CHECKSUM`; the checksum is not in older ones.
fn parse(text: &str) -> Option<(Uuid, u64)> {
    let mut words = text.split_ascii_whitespace();
    let (id, acknowledged) = (words.next()?, words.next()?);
    if let Some(found) = words.next()
        && found != checksum(&format!("{id} {acknowledged}"))
    {
        return None;
    }
    Some((id.parse().ok()?, acknowledged.parse().ok()?))
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

pub(super) fn write(folder: &Path, id: Uuid, acknowledged: u64) -> std::io::Result<()> {
    let text = format!("{id} {acknowledged}");
    let sum = checksum(&text);
    write_whole(&folder.join("HEAD"), format!("{text} {sum}\n").as_bytes())
}

//! When certificates begin, and times as rcgen takes them.

use muster_common::timestamp::{MINUTE, Timestamp};

/// Certificates count from a minute before they are made: clocks differ.
pub(super) const BACK_DATE: i64 = MINUTE;

pub(super) fn offset_time(time: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(time.as_seconds())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

//! From records to log lines. Runs on the thread `access`; every text that comes from a client goes through `mask`.

use std::fmt::Write as _;

use super::{
    TARGET, mask,
    outages::News,
    record::{Overheard, Record},
};
use crate::tokens::mask::HIDDEN;

/// A line of the access log.
pub fn access(record: &Record) {
    tracing::info!(
        target: TARGET,
        peer = %record.peer,
        method = record.method,
        path = record.masked_path(),
        endpoint = record.place.pattern,
        status = record.status,
        body_bytes = record.body_bytes,
        took_us = microseconds(record.took),
        "request"
    );
}

/// A line at trace.
pub fn overheard(record: &Record, overheard: &Overheard) {
    tracing::trace!(
        target: TARGET,
        method = record.method,
        uri = mask::target(&overheard.target),
        headers = headers(overheard),
        status = record.status,
        took_us = microseconds(record.took),
        "request with headers"
    );
}

/// A line about answers that fail.
pub fn news(news: &News) {
    match news {
        News::Begins(failing) => tracing::error!(
            target: TARGET,
            status = failing.status,
            endpoint = failing.place.pattern,
            took_us = microseconds(failing.took_max),
            count = failing.count,
            "response failed"
        ),
        News::GoesOn(failing) => tracing::error!(
            target: TARGET,
            status = failing.status,
            endpoint = failing.place.pattern,
            took_us = microseconds(failing.took_max),
            count = failing.count,
            "responses keep failing"
        ),
        News::Ends { pattern, status, total } => tracing::info!(
            target: TARGET,
            status,
            endpoint = pattern,
            count = total,
            "responses have stopped failing"
        ),
    }
}

/// So many messages of shards were not taken.
pub fn dropped(count: u64) {
    tracing::warn!(target: TARGET, count, "records of requests were dropped");
}

fn headers(overheard: &Overheard) -> String {
    let mut text = String::new();
    for (name, value) in &overheard.headers {
        let value = value.as_ref().map_or(HIDDEN.into(), |value| mask::header_value(value));
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing into a text does not fail.
        let _ = write!(text, "{separator}{name}: {value}");
    }
    text
}

fn microseconds(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

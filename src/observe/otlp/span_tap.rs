//! From a noticed request to a span of kind server, with the names of the semantic conventions for HTTP.
//!
//! A span joins the caller's trace if the request named one, and begins its own otherwise. Its end is when the record
//! arrives here, milliseconds after the answer; its length is what the shard measured. Runs on the thread `access`.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};

use super::{tap::Tap, wire};
use crate::observe::access::{Parent, Record};

/// Bit of `flags`: the trace is sampled (W3C Trace Context).
const SAMPLED: u32 = 1;

/// See the module.
#[derive(Debug)]
pub struct SpanTap {
    spans: Tap<Span>,
}

/// Random numbers for a span; neither is ever 0 but by a chance that no test will see.
#[derive(Debug, Clone, Copy)]
struct Draw {
    trace_id: [u8; 16],
    span_id: [u8; 8],
}

impl SpanTap {
    pub(super) fn new(spans: Tap<Span>) -> Self {
        Self { spans }
    }

    /// Hands the span of this request over.
    pub fn put(&self, record: &Record) {
        let draw = Draw { trace_id: rand::random(), span_id: rand::random() };
        self.spans.put(span(record, SystemTime::now(), draw));
    }
}

fn span(record: &Record, end: SystemTime, draw: Draw) -> Span {
    let start = end.checked_sub(record.took.max(Duration::from_nanos(1))).unwrap_or(end);
    let (trace_id, parent_span_id) = match record.parent {
        Some(Parent { trace_id, span_id }) => (trace_id, span_id.to_vec()),
        None => (draw.trace_id, Vec::new()),
    };
    let code = if record.status >= 500 { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: trace_id.to_vec(),
        span_id: draw.span_id.to_vec(),
        parent_span_id,
        flags: SAMPLED,
        name: format!("{} {}", record.method, record.place.pattern),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: wire::unix_nanos(start),
        end_time_unix_nano: wire::unix_nanos(end),
        attributes: vec![
            wire::text("http.request.method", record.method),
            wire::text("http.route", record.place.pattern),
            wire::text("url.path", record.masked_path()),
            wire::text("network.peer.address", record.peer.to_string()),
            wire::number("http.response.status_code", record.status),
            wire::number("http.response.body.size", record.body_bytes),
        ],
        status: Some(Status { code: code.into(), ..Default::default() }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::access::{PathText, Place, Surface};

    const DRAW: Draw = Draw { trace_id: [1; 16], span_id: [2; 8] };

    fn record(status: u16, parent: Option<Parent>) -> Record {
        Record {
            place: Place { pattern: "/internal-backstage/features/{token}", surface: Surface::Other },
            peer: [127, 0, 0, 1].into(),
            method: "GET",
            path: PathText::new("/internal-backstage/features/*:development.hunter2"),
            status,
            body_bytes: 7,
            took: Duration::from_micros(20),
            makes_line: false,
            makes_span: true,
            parent,
            overheard: None,
        }
    }

    #[test]
    fn a_request_becomes_a_span_of_its_own_trace() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let span = span(&record(200, None), end, DRAW);
        assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (vec![1; 16], vec![2; 8], vec![]));
        assert_eq!(span.name, "GET /internal-backstage/features/{token}");
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (4_999_980_000, 5_000_000_000));
        assert_eq!(span.status.map(|status| status.code), Some(0));
        assert!(span.attributes.contains(&wire::text("url.path", "/internal-backstage/features/****")));
        assert!(span.attributes.contains(&wire::number("http.response.status_code", 200)));
    }

    #[test]
    fn a_span_joins_the_trace_of_the_caller_and_says_that_it_failed() {
        let parent = Parent { trace_id: [8; 16], span_id: [9; 8] };
        let span = span(&record(503, Some(parent)), SystemTime::UNIX_EPOCH, DRAW);
        assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (vec![8; 16], vec![2; 8], vec![9; 8]));
        assert_eq!(span.status.map(|status| status.code), Some(2));
    }
}

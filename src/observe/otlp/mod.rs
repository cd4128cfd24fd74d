//! Export of logs, spans and metrics to a collector of OpenTelemetry (OTLP 1.x), over gRPC or as JSON over HTTP.
//!
//! Control side only: threads leave records in bounded queues, and one thread of this part batches and sends them. A
//! queue that is full drops and counts. A collector that is away costs a line when that begins and one when it ends; the
//! batch is kept and tried again, later each time. What the thread `otlp` itself logs is not exported, so that no line
//! makes another.
//!
//! ```text
//!   any thread: LogTap (a layer of tracing) --+
//!   thread access: SpanTap -------------------+--> queues --> thread otlp: Lane (batch, back-off) --> Grpc | Http
//!   gatherer of metrics, once a minute -------+
//! ```

mod grpc;
mod http;
mod lane;
mod log_tap;
mod metrics;
mod send;
mod span_tap;
mod tap;
mod thread;
mod wire;

use opentelemetry_proto::tonic::{logs::v1::LogRecord, trace::v1::Span};

use self::tap::{Queue, queue};
pub use self::{
    log_tap::LogTap,
    send::{Payload, SendError, Transport, Unusable, Why},
    span_tap::SpanTap,
    thread::{Export, Gather, Pace, start},
    wire::Origin,
};

/// Where records come in.
pub struct Taps {
    /// For the subscriber of tracing.
    pub logs: LogTap,
    /// For what is noticed about requests.
    pub spans: SpanTap,
}

/// Where records wait for the thread.
pub struct Intake {
    logs: Queue<LogRecord>,
    spans: Queue<Span>,
}

/// Taps and what they fill. Made before logging is set up, so that its first line is exported, too.
pub fn taps() -> (Taps, Intake) {
    let (log_tap, logs) = queue();
    let (span_tap, spans) = queue();
    (Taps { logs: LogTap::new(log_tap), spans: SpanTap::new(span_tap) }, Intake { logs, spans })
}

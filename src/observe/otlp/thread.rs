//! The thread `otlp`: batches what the taps took, gathers metrics once a minute, and sends.
//!
//! It owns the connection and sleeps on its stop signal, so that no tap has to wake it. Its end sends what is left, for at
//! most three seconds in all, and says how much it could not.

use std::{
    convert::Infallible,
    io,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prometheus::proto::MetricFamily;

use super::{
    Intake,
    lane::{Change, Lane, Trouble},
    metrics::Window,
    send::{Payload, TIMEOUT, Transport},
    wire::Origin,
};
use crate::control::Control;

/// Name of the thread, and of those that its libraries start; what they log is not exported.
pub const NAME: &str = "otlp";

/// Between two looks at the queues.
const LOOK: Duration = Duration::from_millis(200);

/// For the last messages.
const FLUSH: Duration = Duration::from_millis(2_500);

/// How long the end of the program waits for the thread, which may be in the middle of a longer call.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reads everything that is measured.
pub type Gather = Box<dyn FnMut() -> Vec<MetricFamily> + Send>;

/// How often metrics are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two gatherings.
    pub metrics: Duration,
}

/// The default of OpenTelemetry.
impl Default for Pace {
    fn default() -> Self {
        Self { metrics: Duration::from_secs(60) }
    }
}

/// The running thread. Dropping it sends what is left.
pub struct Export {
    gather: Sender<Gather>,
    control: Option<Control>,
}

struct Exporter {
    transport: Transport,
    origin: Origin,
    logs: Lane<LogRecord>,
    spans: Lane<Span>,
    metrics: Metrics,
}

struct Metrics {
    gather: Option<Gather>,
    pace: Pace,
    start: SystemTime,
    due: Instant,
    trouble: Trouble,
}

/// Starts the thread.
///
/// # Errors
/// If the system has no thread left.
pub fn start(transport: Transport, origin: Origin, intake: Intake, pace: Pace) -> io::Result<Export> {
    let (gather, given) = bounded(1);
    let metrics = Metrics {
        gather: None,
        pace,
        start: SystemTime::now(),
        due: Instant::now() + pace.metrics,
        trouble: Trouble::default(),
    };
    let (logs, spans) = (Lane::new(intake.logs), Lane::new(intake.spans));
    let exporter = Exporter { transport, origin, logs, spans, metrics };
    let control = Control::start(NAME, move |stopped| exporter.run(&given, stopped))?;
    Ok(Export { gather, control: Some(control) })
}

impl Export {
    /// Exports what this gathers, too; called on the thread `otlp`.
    pub fn measure(&self, gather: Gather) {
        // Full if it was called twice: the first one counts.
        let _ = self.gather.try_send(gather);
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            let ended = control.ended().clone();
            drop(control);
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

impl Exporter {
    fn run(mut self, given: &Receiver<Gather>, stopped: &Receiver<Infallible>) {
        while stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Disconnected) {
            if let Ok(gather) = given.try_recv() {
                self.metrics.gather = Some(gather);
            }
            self.send_what_is_due(Instant::now());
        }
        if let Ok(gather) = given.try_recv() {
            self.metrics.gather = Some(gather);
        }
        self.flush(Instant::now() + FLUSH);
    }

    fn send_what_is_due(&mut self, now: Instant) {
        if let Some(batch) = self.logs.batch(now, false) {
            self.send_logs(batch, TIMEOUT);
        }
        if let Some(batch) = self.spans.batch(now, false) {
            self.send_spans(batch, TIMEOUT);
        }
        if now >= self.metrics.due {
            self.send_metrics(TIMEOUT);
        }
        let lost = [("logs", self.logs.lost(now)), ("traces", self.spans.lost(now))];
        for (signal, count) in lost {
            if let Some(count) = count {
                tracing::warn!(signal, count, "Telemetry was dropped");
            }
        }
    }

    /// A signal that fails is given up; the others may still work.
    fn flush(&mut self, deadline: Instant) {
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Some(batch) = self.spans.batch(Instant::now(), true) {
            if left().is_zero() || !self.send_spans(batch, left()) {
                break;
            }
        }
        if !left().is_zero() {
            self.send_metrics(left());
        }
        while let Some(batch) = self.logs.batch(Instant::now(), true) {
            if left().is_zero() || !self.send_logs(batch, left()) {
                break;
            }
        }
        let (logs, traces) = (self.logs.left(), self.spans.left());
        if logs + traces > 0 {
            tracing::warn!(logs, traces, "Telemetry could not be delivered before the end");
        }
    }

    fn send_logs(&mut self, log_records: Vec<LogRecord>, timeout: Duration) -> bool {
        let Origin { resource, scope } = self.origin.clone();
        let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..Default::default() }];
        let logs = ResourceLogs { resource: Some(resource), scope_logs, ..Default::default() };
        let payload = Payload::Logs(ExportLogsServiceRequest { resource_logs: vec![logs] });
        let outcome = self.transport.send(payload, timeout);
        say("logs", self.logs.sent(&outcome, Instant::now()));
        outcome.is_ok()
    }

    fn send_spans(&mut self, spans: Vec<Span>, timeout: Duration) -> bool {
        let Origin { resource, scope } = self.origin.clone();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
        let spans = ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
        let payload = Payload::Traces(ExportTraceServiceRequest { resource_spans: vec![spans] });
        let outcome = self.transport.send(payload, timeout);
        say("traces", self.spans.sent(&outcome, Instant::now()));
        outcome.is_ok()
    }

    /// Nothing is kept when it fails: the next gathering has it all again.
    fn send_metrics(&mut self, timeout: Duration) {
        let metrics = self.metrics.gathered();
        if metrics.is_empty() {
            return;
        }
        let outcome = self.transport.send(self.metrics_payload(metrics), timeout);
        say("metrics", self.metrics.trouble.note(&outcome, Instant::now()));
    }

    fn metrics_payload(&self, metrics: Vec<Metric>) -> Payload {
        let Origin { resource, scope } = self.origin.clone();
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..Default::default() }];
        let metrics = ResourceMetrics { resource: Some(resource), scope_metrics, ..Default::default() };
        Payload::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![metrics] })
    }
}

impl Metrics {
    fn gathered(&mut self) -> Vec<Metric> {
        self.due = Instant::now() + self.pace.metrics;
        let families = self.gather.as_mut().map(|gather| gather()).unwrap_or_default();
        Window::new(self.start, SystemTime::now()).metrics(&families)
    }
}

fn say(signal: &str, change: Option<Change>) {
    match change {
        Some(Change::Fails(why)) => {
            tracing::warn!(signal, "Could not export telemetry, will keep trying: {why}");
        }
        Some(Change::Works) => tracing::info!(signal, "Telemetry is exported again"),
        None => {}
    }
}

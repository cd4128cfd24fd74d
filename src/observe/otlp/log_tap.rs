//! A layer of tracing that turns what is logged into log records: what the log writer gets, and nothing of our own.
//!
//! The event's `message` becomes the body, its other fields attributes of their types. Runs on the thread that logs.

use std::{fmt, thread, time::SystemTime};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    logs::v1::{LogRecord, SeverityNumber},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{tap::Tap, thread::NAME, wire};

/// See the module.
#[derive(Debug)]
pub struct LogTap {
    records: Tap<LogRecord>,
}

impl LogTap {
    pub(super) fn new(records: Tap<LogRecord>) -> Self {
        Self { records }
    }
}

impl<S: Subscriber> Layer<S> for LogTap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Our own thread, and the libraries that run on it.
        if thread::current().name() != Some(NAME) {
            self.records.put(record(event, SystemTime::now()));
        }
    }
}

fn record(event: &Event<'_>, now: SystemTime) -> LogRecord {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let level = event.metadata().level();
    let target = fields.target.unwrap_or_else(|| event.metadata().target().to_owned());
    fields.attributes.insert(0, wire::text("target", target));
    LogRecord {
        time_unix_nano: wire::unix_nanos(now),
        observed_time_unix_nano: wire::unix_nanos(now),
        severity_number: severity(*level).into(),
        severity_text: level.to_string(),
        body: Some(wire::any(Value::StringValue(fields.message))),
        attributes: fields.attributes,
        ..Default::default()
    }
}

fn severity(level: Level) -> SeverityNumber {
    match level {
        Level::ERROR => SeverityNumber::Error,
        Level::WARN => SeverityNumber::Warn,
        Level::INFO => SeverityNumber::Info,
        Level::DEBUG => SeverityNumber::Debug,
        Level::TRACE => SeverityNumber::Trace,
    }
}

/// The fields of one event.
#[derive(Default)]
struct Fields {
    message: String,
    /// Of an event that came through the `log` crate; its own target only says so.
    target: Option<String>,
    attributes: Vec<KeyValue>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::StringValue(text)) => self.message = text,
            ("log.target", Value::StringValue(text)) => self.target = Some(text),
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.attributes.push(wire::attribute(name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::DoubleValue(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::BoolValue(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::StringValue(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::StringValue(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::{super::tap::queue, *};

    /// What is exported of what is said on a thread of this name.
    fn exported(thread_name: &str, say: impl FnOnce() + Send + 'static) -> Vec<LogRecord> {
        let (tap, queue) = queue();
        let subscriber = tracing_subscriber::registry().with(LogTap::new(tap));
        let saying = thread::Builder::new()
            .name(thread_name.to_owned())
            .spawn(|| tracing::subscriber::with_default(subscriber, say));
        saying.unwrap().join().unwrap();
        queue.records.try_iter().collect()
    }

    #[test]
    fn an_event_becomes_a_record_with_typed_attributes() {
        let records = exported("any", || {
            tracing::warn!(target: "brink::x", count = 2_u64, at = -1, is = true, name = "n", peer = ?[1], "told {}", 1);
        });
        let [record] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "WARN"));
        assert_eq!(record.body, Some(wire::any(Value::StringValue("told 1".into()))));
        assert!(record.time_unix_nano > 1_700_000_000_000_000_000);
        let expected = [
            wire::text("target", "brink::x"),
            wire::number("count", 2),
            wire::number("at", -1),
            wire::attribute("is", Value::BoolValue(true)),
            wire::text("name", "n"),
            wire::text("peer", "[1]"),
        ];
        assert_eq!(record.attributes, expected);
    }

    #[test]
    fn what_the_export_says_is_not_exported() {
        assert_eq!(exported(NAME, || tracing::error!("the collector is away")), []);
    }
}

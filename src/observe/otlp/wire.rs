//! What all messages have in common: who sends, attributes, points in time.

use std::time::SystemTime;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
};

use crate::config::settings::Instance;

/// Who sends: the resource and the scope of every message.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// This process.
    pub resource: Resource,
    /// This program.
    pub scope: InstrumentationScope,
}

impl Origin {
    /// Names of the semantic conventions, and the `client_id` of Unleash Edge 20.4.
    pub fn new(instance: &Instance) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = vec![
            text("service.name", &instance.app_name),
            text("service.instance.id", &instance.instance_id),
            text("service.version", version),
            text("client_id", &instance.client_id),
        ];
        let scope =
            InstrumentationScope { name: "brink".into(), version: version.into(), ..Default::default() };
        Self { resource: Resource { attributes, ..Default::default() }, scope }
    }
}

/// An attribute that is a text.
pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An attribute that is a number.
pub fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    attribute(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

/// Any attribute.
pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..Default::default() }
}

/// A value on its own.
pub fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

/// Nanoseconds since 1970, as every message has them.
pub fn unix_nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

//! One message to the collector, by either protocol, and what may go wrong with it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use thiserror::Error;

use super::{grpc::Grpc, http::Http};
use crate::config::{
    secret::Secret,
    settings::{Otlp, OtlpProtocol},
};

/// For one message, all of it, as OpenTelemetry suggests.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// For the log.
    pub why: Why,
    /// As the collector wishes; zero if it has no wish.
    pub wait: Duration,
    /// It will never be taken.
    pub is_final: bool,
}

/// For the log. Holds no text of the collector's, which may repeat our headers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Why {
    /// An HTTP status.
    #[error("the collector answered {0}")]
    Status(u16),
    /// A status of gRPC.
    #[error("the collector answered {0}")]
    Grpc(&'static str),
    /// No answer.
    #[error("the collector cannot be reached: {0}")]
    Unreachable(String),
    /// It cannot be written down.
    #[error("the message cannot be encoded")]
    Unsendable,
}

/// The endpoint cannot be used.
#[derive(Debug, Error)]
pub enum Unusable {
    /// No runtime for gRPC.
    #[error("Could not start the export of telemetry: {0}")]
    Runtime(#[from] std::io::Error),
    /// Roots, or the URL.
    #[error("Could not use --otel-exporter-otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT): {0}")]
    Endpoint(String),
}

/// A way to the collector.
pub enum Transport {
    /// Protobuf over gRPC.
    Grpc(Box<Grpc>),
    /// JSON over HTTP.
    Http(Box<Http>),
}

/// Headers by what is sent.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    pub traces: HeaderMap,
    pub logs: HeaderMap,
    pub metrics: HeaderMap,
}

impl Transport {
    /// Prepares the way; nothing is sent yet.
    pub fn new(settings: &Otlp) -> Result<Self, Unusable> {
        let headers = Headers::new(settings);
        let mut url = settings.endpoint.expose().clone();
        // Refused only by URLs without a host, which the configuration does not let through.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        Ok(match settings.protocol {
            OtlpProtocol::Grpc => Self::Grpc(Box::new(Grpc::new(&url, headers)?)),
            OtlpProtocol::Http => Self::Http(Box::new(Http::new(&url, headers))),
        })
    }

    /// Sends, for at most so long; returns how many records the collector rejected.
    pub fn send(&mut self, payload: Payload, timeout: Duration) -> Result<u64, SendError> {
        match self {
            Self::Grpc(grpc) => grpc.send(payload, timeout),
            Self::Http(http) => http.send(&payload, timeout),
        }
    }
}

impl SendError {
    /// Worth another try.
    pub fn passing(why: Why) -> Self {
        Self { why, wait: Duration::ZERO, is_final: false }
    }

    /// Not worth one.
    pub fn lasting(why: Why) -> Self {
        Self { why, wait: Duration::ZERO, is_final: true }
    }
}

impl Headers {
    fn new(settings: &Otlp) -> Self {
        let basic = basic_auth(settings);
        let of = |pairs: &[(String, Secret)]| header_map(basic.as_ref(), pairs);
        let given = &settings.headers;
        Self { traces: of(&given.traces), logs: of(&given.logs), metrics: of(&given.metrics) }
    }
}

fn header_map(basic: Option<&HeaderValue>, pairs: &[(String, Secret)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(basic) = basic {
        headers.insert(http::header::AUTHORIZATION, basic.clone());
    }
    for (name, value) in pairs {
        // Checked by the configuration.
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose()))
        {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

/// Credentials in the URL, as a header.
fn basic_auth(settings: &Otlp) -> Option<HeaderValue> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use brink_shards::http::path::percent_decode;

    let url = settings.endpoint.expose();
    let name = Some(url.username()).filter(|name| !name.is_empty())?;
    let (name, password) = (percent_decode(name)?, percent_decode(url.password().unwrap_or_default())?);
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

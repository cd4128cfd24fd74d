//! OTLP over gRPC: one connection, driven by a runtime that only runs while a message is sent.
//!
//! The runtime belongs to the thread `otlp` and has no other. A connection that the collector closed while nothing was
//! sent is only noticed by the next message, which is therefore tried twice.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::{
    logs::v1::logs_service_client::LogsServiceClient,
    metrics::v1::metrics_service_client::MetricsServiceClient,
    trace::v1::trace_service_client::TraceServiceClient,
};
use tokio::runtime::{Builder, Runtime};
use tonic::{
    Code, Request, Status,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use url::Url;

use super::{
    send::{Headers, Payload, SendError, Unusable, Why},
    thread::NAME,
};

/// Of the time for a message.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub struct Grpc {
    runtime: Runtime,
    channel: Channel,
    traces: MetadataMap,
    logs: MetadataMap,
    metrics: MetadataMap,
}

impl Grpc {
    /// Prepares the runtime and the channel; connects with the first message.
    pub fn new(url: &Url, headers: Headers) -> Result<Self, Unusable> {
        let runtime =
            Builder::new_current_thread().enable_all().thread_name(NAME).max_blocking_threads(1).build()?;
        let unusable = |error: tonic::transport::Error| Unusable::Endpoint(chain(&error));
        let mut endpoint = Endpoint::from_shared(url.as_str().to_owned())
            .and_then(|endpoint| endpoint.user_agent(concat!("brink/", env!("CARGO_PKG_VERSION"))))
            .map_err(unusable)?
            .connect_timeout(CONNECT_TIMEOUT);
        if url.scheme() == "https" {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(unusable)?;
        }
        let inside = runtime.enter();
        let channel = endpoint.connect_lazy();
        drop(inside);
        Ok(Self {
            runtime,
            channel,
            traces: MetadataMap::from_headers(headers.traces),
            logs: MetadataMap::from_headers(headers.logs),
            metrics: MetadataMap::from_headers(headers.metrics),
        })
    }

    /// Sends one message.
    pub fn send(&mut self, payload: Payload, timeout: Duration) -> Result<u64, SendError> {
        let once = || self.send_once(payload.clone());
        let outcome = self.runtime.block_on(async {
            tokio::time::timeout(timeout, async {
                match once().await {
                    Err(status) if status.code() == Code::Unavailable => once().await,
                    outcome => outcome,
                }
            })
            .await
        });
        match outcome {
            Ok(outcome) => outcome.map_err(|status| refusal(&status)),
            Err(_) => Err(SendError::passing(Why::Unreachable("timeout".to_owned()))),
        }
    }

    async fn send_once(&self, payload: Payload) -> Result<u64, Status> {
        let channel = self.channel.clone();
        let rejected = match payload {
            Payload::Logs(message) => {
                let answer = LogsServiceClient::new(channel).export(with(&self.logs, message)).await?;
                answer.into_inner().partial_success.map(|partial| partial.rejected_log_records)
            }
            Payload::Traces(message) => {
                let answer = TraceServiceClient::new(channel).export(with(&self.traces, message)).await?;
                answer.into_inner().partial_success.map(|partial| partial.rejected_spans)
            }
            Payload::Metrics(message) => {
                let answer = MetricsServiceClient::new(channel).export(with(&self.metrics, message)).await?;
                answer.into_inner().partial_success.map(|partial| partial.rejected_data_points)
            }
        };
        Ok(rejected.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }
}

fn with<T>(metadata: &MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = metadata.clone();
    request
}

/// Which codes are worth another try is fixed by the specification (OTLP/gRPC, "Failures"). The text of a status is the
/// collector's and stays out of the log.
fn refusal(status: &Status) -> SendError {
    let why = Why::Grpc(name(status.code()));
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => SendError::passing(why),
        _ => SendError::lasting(why),
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

//! A collector for gRPC on a thread of its own, and the program in front of which it stands.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tonic::{Code, Request, Response, Status, transport::server::TcpIncoming};

use crate::brink::{Brink, PATIENCE};

pub const TOKEN: &str = "*:development.back0000000000000000000001";

const DOCUMENT: &str =
    r#"{"version":2,"features":[{"name":"a","enabled":true,"project":"default","strategies":[]}]}"#;

/// The program in offline mode, which exports there.
pub fn exporting(endpoint: &str, protocol: &str, more: &[(&str, &str)]) -> Brink {
    let file = crate::brink::file_of(DOCUMENT);
    let path = file.to_str().expect("a plain path").to_owned();
    let mut command = Brink::command(&["--workers", "1", "-a", "shop", "offline", "-b", &path, "-c", TOKEN]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_TRACES_SHARE", "1")
        .env("INSTANCE_ID", "one-of-many")
        .envs(more.iter().copied());
    Brink::start_with(&mut command)
}

/// What came in, with the header `x-key` it came with.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub logs: Vec<(ExportLogsServiceRequest, Option<String>)>,
    pub traces: Vec<(ExportTraceServiceRequest, Option<String>)>,
    pub metrics: Vec<(ExportMetricsServiceRequest, Option<String>)>,
}

/// See the module. Its thread ends with the test.
pub struct Collector {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Taken>,
    /// What the next calls are answered with, the last one first.
    refusals: Mutex<Vec<Code>>,
}

impl Collector {
    /// Starts on a free loopback port; the first calls are refused with these codes.
    pub fn start(refusals: &[Code]) -> Self {
        let refusals = Mutex::new(refusals.iter().rev().copied().collect());
        let shared = Arc::new(Shared { refusals, ..Shared::default() });
        let (ready, address) = mpsc::channel();
        let services = Arc::clone(&shared);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                ready.send(listener.local_addr().expect("an address")).expect("the test waits");
                tonic::transport::Server::builder()
                    .add_service(LogsServiceServer::from_arc(Arc::clone(&services)))
                    .add_service(TraceServiceServer::from_arc(Arc::clone(&services)))
                    .add_service(MetricsServiceServer::from_arc(services))
                    .serve_with_incoming(TcpIncoming::from(listener))
                    .await
                    .expect("it serves");
            });
        });
        Self { address: address.recv().expect("it listens"), shared }
    }

    /// The endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything taken so far.
    pub fn taken(&self) -> Taken {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what was taken satisfies the check.
    pub fn wait_for(&self, what: &str, check: impl Fn(&Taken) -> bool) -> Taken {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken = self.taken();
            if check(&taken) {
                return taken;
            }
            assert!(Instant::now() < deadline, "no {what}: {taken:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Shared {
    fn take<T>(
        &self,
        request: Request<T>,
        keep: impl FnOnce(&mut Taken, (T, Option<String>)),
    ) -> Result<(), Status> {
        if let Some(code) = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            let key =
                request.metadata().get("x-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
            return Err(Status::new(code, format!("refused {key}")));
        }
        let key = request.metadata().get("x-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
        keep(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner), (request.into_inner(), key));
        Ok(())
    }
}

#[tonic::async_trait]
impl LogsService for Shared {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.take(request, |taken, one| taken.logs.push(one))?;
        let partial = ExportLogsPartialSuccess { rejected_log_records: 0, error_message: String::new() };
        Ok(Response::new(ExportLogsServiceResponse { partial_success: Some(partial) }))
    }
}

#[tonic::async_trait]
impl TraceService for Shared {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(request, |taken, one| taken.traces.push(one))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Shared {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take(request, |taken, one| taken.metrics.push(one))?;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

//! Export of telemetry from the real program and from its parts, to collectors in this process.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "otlp/collector.rs"]
mod collector;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "otlp/grpc.rs"]
mod grpc;
#[path = "otlp/http.rs"]
mod http;

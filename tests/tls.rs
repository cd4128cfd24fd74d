//! HTTPS of the real program, from outside: handshakes, bodies, ends, certificates that change, redirects, and start-up
//! errors. The client is rustls.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/exchange.rs"]
mod exchange;
#[path = "tls/handshake.rs"]
mod handshake;
#[path = "tls/ports.rs"]
mod ports;
#[path = "tls/scene.rs"]
mod scene;

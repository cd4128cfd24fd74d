//! What a new connection costs: connect, shake hands, ask once for the small document, close.
//!
//! Closed loop: each client is a thread that begins again when it is done. Clients need more CPU than the server, so the
//! rate says what they can do; the server's CPU per connection is the figure to look at.

use std::fmt;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::failure::Failure;
use crate::http::Request;
use crate::probe;
use crate::processes::{Launch, Server};
use crate::tls::Endpoint;

/// How connections are made.
pub struct Load {
    pub seconds: u64,
    pub clients: usize,
    pub server_core: usize,
}

/// The outcome for one server and one kind of connection.
pub struct Outcome {
    label: String,
    kind: &'static str,
    tally: Tally,
    took: Duration,
    run_time_nanos: u64,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    connections: u64,
    resumed: u64,
}

/// Connects to the server again and again: over TCP, or over TLS with full handshakes and with resumed ones.
pub fn measure(launch: &Launch, document: &Path, load: &Load) -> Result<Vec<Outcome>, Failure> {
    let server = Server::start(launch, document, Some(load.server_core))?;
    let request = Case::Identity.learn(&server)?.request.with("Connection", "close");
    let run = |kind, endpoint: &Endpoint| one_kind(&server, launch.label(), kind, endpoint, &request, load);
    let endpoint = server.endpoint();
    if launch.tls {
        Ok(vec![
            run("full handshakes", &endpoint.without_resumption())?,
            run("resumed handshakes", endpoint)?,
        ])
    } else {
        Ok(vec![run("connections", endpoint)?])
    }
}

fn one_kind(
    server: &Server,
    label: String,
    kind: &'static str,
    endpoint: &Endpoint,
    request: &Request,
    load: &Load,
) -> Result<Outcome, Failure> {
    // The first session has none to go by.
    connect(endpoint, request).map_err(Failure::io("connect for the first time"))?;
    let before = server.run_times()?;
    let began = Instant::now();
    let end = began + Duration::from_secs(load.seconds);
    let tallies = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..load.clients).map(|_| scope.spawn(|| connect_until(end, endpoint, request))).collect();
        let panicked = |_| Err(io::Error::other("a client panicked"));
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(panicked))
            .collect::<io::Result<Vec<_>>>()
    });
    let tallies = tallies.map_err(Failure::io("connect again and again"))?;
    let took = began.elapsed();
    let run_time_nanos = server.run_time_since(&before)?;
    let tally = Tally {
        connections: tallies.iter().map(|tally| tally.connections).sum(),
        resumed: tallies.iter().map(|tally| tally.resumed).sum(),
    };
    Ok(Outcome { label, kind, tally, took, run_time_nanos })
}

fn connect_until(end: Instant, endpoint: &Endpoint, request: &Request) -> io::Result<Tally> {
    let mut tally = Tally::default();
    while Instant::now() < end {
        tally.resumed += u64::from(connect(endpoint, request)?);
        tally.connections += 1;
    }
    Ok(tally)
}

/// True if a session was resumed.
fn connect(endpoint: &Endpoint, request: &Request) -> io::Result<bool> {
    let mut stream = endpoint.connect()?;
    let answer = probe::ask_on(&mut stream, request)?;
    if answer.status == 200 { Ok(stream.is_resumed()) } else { Err(io::Error::other("not a 200")) }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.tally.connections.max(1) as f64;
        write!(
            out,
            "{}: {} {}, {} of them resumed, {:.0} per second; CPU of the server {:.1} µs each, with one request",
            self.label,
            self.tally.connections,
            self.kind,
            self.tally.resumed,
            connections / self.took.as_secs_f64(),
            self.run_time_nanos as f64 / 1e3 / connections,
        )
    }
}

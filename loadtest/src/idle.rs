//! What an idle keep-alive connection costs: memory each, and CPU while nothing happens.
//!
//! Every connection asks once for the whole document before it goes idle, because a connection
//! that has just been accepted says nothing about buffers that are given back, or not.

use std::fmt;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::case::Case;
use crate::failure::Failure;
use crate::probe;
use crate::processes::{Launch, Memory, Server};

/// Time for a server to settle before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// Descriptors that this process and a server need besides the connections.
const DESCRIPTORS_SPARE: u64 = 256;

/// The outcome for one server.
pub struct Idle {
    label: String,
    connections: usize,
    /// Connections that are still open at the end.
    still_open: usize,
    before: Memory,
    after: Memory,
    seconds: u64,
    /// CPU in nanoseconds during so many seconds without, and with, idle connections.
    alone_nanos: u64,
    crowded_nanos: u64,
}

/// Opens connections, lets them idle, and looks.
pub fn measure(launch: &Launch, document: &Path, connections: usize, seconds: u64) -> Result<Idle, Failure> {
    raise_descriptor_limit(connections)?;
    let server = Server::start(launch, document, None)?;
    let learnt = Case::Identity.learn(&server)?;
    thread::sleep(SETTLE);
    let alone_nanos = run_time_during(&server, seconds)?;
    let before = server.memory()?;
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = server.endpoint().connect().map_err(Failure::io("open a connection"))?;
        probe::ask_on(&mut stream, &learnt.request).map_err(Failure::io("ask before going idle"))?;
        streams.push(stream);
    }
    thread::sleep(SETTLE);
    let crowded_nanos = run_time_during(&server, seconds)?;
    let still_open = streams.iter().filter(|stream| is_open(stream.socket())).count();
    let (label, after) = (launch.label(), server.memory()?);
    Ok(Idle { label, connections, still_open, before, after, seconds, alone_nanos, crowded_nanos })
}

/// Raises the soft limit of descriptors, which the server inherits. Fails if the hard one is too low.
pub fn raise_descriptor_limit(connections: usize) -> Result<(), Failure> {
    let wanted = connections as u64 + DESCRIPTORS_SPARE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    if maximum < wanted {
        return Err(Failure::BadArgument {
            argument: "--connections",
            problem: format!("needs {wanted} descriptors, but only {maximum} are allowed (ulimit -Hn)"),
        });
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(maximum.min(wanted * 2)), maximum: limit.maximum })
        .map_err(|error| Failure::Io {
            action: "raise the descriptor limit".to_owned(),
            source: error.into(),
        })
}

fn run_time_during(server: &Server, seconds: u64) -> Result<u64, Failure> {
    let before = server.run_times()?;
    thread::sleep(Duration::from_secs(seconds));
    server.run_time_since(&before)
}

/// An idle connection is open if there is nothing to read, not even its end.
fn is_open(stream: &TcpStream) -> bool {
    let waits = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
    stream.set_nonblocking(true).is_ok() && stream.peek(&mut [0]).is_err_and(|error| waits(&error))
}

impl Idle {
    /// Resident bytes that each connection added.
    fn bytes_per_connection(&self) -> f64 {
        let grown = self.after.rss_kib.saturating_sub(self.before.rss_kib) * 1024;
        grown as f64 / self.connections.max(1) as f64
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |nanos: u64| nanos as f64 / 1e9 / self.seconds.max(1) as f64 * 100.0;
        write!(
            out,
            "{}: {} connections, {} still open; RSS {} KiB before, {} KiB after (peak {} KiB): {:.0} bytes each; \
             CPU while idle {:.3} % alone, {:.3} % with the connections",
            self.label,
            self.connections,
            self.still_open,
            self.before.rss_kib,
            self.after.rss_kib,
            self.after.peak_kib,
            self.bytes_per_connection(),
            percent(self.alone_nanos),
            percent(self.crowded_nanos),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_closed_connection_is_told_from_an_open_one() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let ours = TcpStream::connect(address).expect("the listener accepts");
        let (theirs, _) = listener.accept().expect("a connection waits");
        assert!(is_open(&ours));
        drop(theirs);
        ours.set_nonblocking(false).expect("the mode can be set");
        assert_eq!(ours.peek(&mut [0]).expect("the end arrives"), 0);
        assert!(!is_open(&ours));
    }
}

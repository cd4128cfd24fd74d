//! Drives `wrk`, a closed-loop load generator, and reads its result.
//!
//! wrk gets method, body and headers and reports its figures through a script, so that nothing has to be read
//! out of text meant for people. Its percentiles are those of a closed loop: a stalled server is
//! not asked meanwhile. Use the open-loop generator where latency is the question.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::failure::Failure;
use crate::http::Request;
use crate::processes::spawn_on;
use crate::tls::Endpoint;

/// Takes method, body and headers, given after `--`, and prints one line of figures.
const SCRIPT: &str = include_str!("wrk.lua");
/// Begins the line that the script prints.
const MARK: &str = "RESULT ";

/// One run of wrk.
pub struct Wrk<'a> {
    pub endpoint: &'a Endpoint,
    pub request: &'a Request,
    pub seconds: u64,
    pub connections: usize,
    pub threads: usize,
    pub core: Option<usize>,
}

/// What wrk counted. Latencies in microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub requests: u64,
    pub micros: u64,
    /// Bytes read, heads included.
    pub bytes: u64,
    /// Failed connects, reads, writes and time-outs.
    pub socket_errors: u64,
    /// Answers with a status of 400 or more.
    pub bad_statuses: u64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Tally {
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / (self.micros as f64).max(1.0)
    }
}

/// Fails if wrk is not there.
pub fn require() -> Result<(), Failure> {
    // Without arguments wrk prints its usage and ends with a failure, which is enough.
    match Command::new("wrk").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::MissingTool { tool: "wrk", remedy: "try `apt-get install wrk`" })
        }
        Err(error) => Err(Failure::Io { action: "run wrk".to_owned(), source: error }),
    }
}

impl Wrk<'_> {
    /// Runs wrk to its end.
    pub fn run(&self) -> Result<Tally, Failure> {
        let folder = TempDir::new().map_err(Failure::io("create a folder for wrk's script"))?;
        let script = folder.path().join("headers.lua");
        fs::write(&script, SCRIPT).map_err(Failure::io("write wrk's script"))?;
        let mut command = Command::new("wrk");
        command.arg(format!("-t{}", self.threads)).arg(format!("-c{}", self.connections));
        command.arg(format!("-d{}s", self.seconds)).args(["--timeout", "10s", "--latency", "-s"]).arg(script);
        command.arg(format!("{}{}", self.endpoint, self.request.path)).arg("--");
        command.args([self.request.method(), self.request.body.as_deref().unwrap_or_default()]);
        command.args(self.request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = spawn_on(self.core, &mut command)
            .and_then(Child::wait_with_output)
            .map_err(Failure::io("run wrk"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        tally(&text).ok_or_else(|| Failure::UnreadableResult {
            tool: "wrk",
            output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        })
    }
}

fn tally(output: &str) -> Option<Tally> {
    let line = output.lines().find_map(|line| line.strip_prefix(MARK))?;
    let field = |name: &str| {
        let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.parse::<f64>().ok());
        values.next().flatten()
    };
    let count = |name: &str| field(name).map(|value| value as u64);
    Some(Tally {
        requests: count("requests")?,
        micros: count("micros")?,
        bytes: count("bytes")?,
        socket_errors: count("socket_errors")?,
        bad_statuses: count("bad_statuses")?,
        p50: field("p50")?,
        p99: field("p99")?,
        p999: field("p999")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_figures_is_read() {
        let line = "RESULT requests=200 micros=1000000 bytes=300 socket_errors=1 bad_statuses=2 p50=3 p99=4.5 p999=6";
        let found = tally(&format!("Running 1s test\n{line}\n")).expect("the line is complete");
        assert_eq!((found.requests, found.socket_errors, found.bad_statuses), (200, 1, 2));
        assert_eq!((found.p50, found.p99, found.p999), (3.0, 4.5, 6.0));
        assert_eq!(found.requests_per_second(), 200.0);
    }

    #[test]
    fn output_without_figures_is_refused() {
        for output in ["", "Running 1s test", "RESULT requests=1", "RESULT requests=x micros=1"] {
            assert_eq!(tally(output), None, "{output:?}");
        }
    }
}

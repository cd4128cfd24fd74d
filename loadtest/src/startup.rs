//! From the start of the process to the first right answer with the whole document.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::failure::Failure;
use crate::processes::{Launch, Server};
use crate::sample::median;

/// The outcome for one server.
pub struct Startup {
    label: String,
    times: Vec<Duration>,
}

/// Starts the server again and again, each time on another port.
pub fn measure(launch: &Launch, document: &Path, rounds: usize) -> Result<Startup, Failure> {
    let request = Case::Identity.request();
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        let mut server = Server::launch(launch, document, None)?;
        server.await_status(&request, Case::Identity.status())?;
        times.push(start.elapsed());
    }
    Ok(Startup { label: launch.label(), times })
}

impl fmt::Display for Startup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis: Vec<f64> = self.times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        let worst = millis.iter().copied().fold(0.0, f64::max);
        let count = millis.len();
        write!(
            out,
            "{}: first answer after {:.1} ms (median of {count} starts), at worst {worst:.1} ms",
            self.label,
            median(millis),
        )
    }
}

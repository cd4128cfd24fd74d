//! What reading the metrics costs: how long a reader waits, and how long it keeps each shard from its requests.
//!
//! On a machine with fewer cores than shards a wall clock mostly shows who had to wait for a core. So each scrape under
//! load has a trivial request beside it, which waits for cores alike; and without load the CPU time that each shard's
//! thread spends on a scrape is read. A shard blocks on nothing, so it cannot be kept from its requests for longer.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::failure::Failure;
use crate::http::Request;
use crate::open::{self, Order, Report};
use crate::probe;
use crate::processes::{Launch, Server, TOKEN_CLIENT};
use crate::tls::Stream;

/// The page that is read, and the one beside it.
const METRICS: &str = "/internal-backstage/metrics";
const HEALTH: &str = "/internal-backstage/health";
/// How shards' threads are called.
const SHARD: &str = "shard-";
/// Enough for every shard to have some of the load: the kernel spreads connections by a hash.
const CONNECTIONS_PER_SHARD: usize = 8;
/// Between two scrapes.
const PAUSE: Duration = Duration::from_millis(50);
/// Longer times count as this: an hour in microseconds, some seconds in nanoseconds.
const LONGEST: u64 = 3_600_000_000;
/// So that what runs at the start is over.
const SETTLE: Duration = Duration::from_secs(1);

/// What to measure.
pub struct Reading<'r> {
    pub launch: &'r Launch,
    pub document: &'r Path,
    /// Requests for features per second, over all shards.
    pub rate: u32,
    /// Scrapes under load, and again without.
    pub scrapes: u32,
}

/// What came out.
pub struct Outcome {
    label: String,
    /// Wall clock, in microseconds.
    scrapes: Histogram<u64>,
    beside: Histogram<u64>,
    load: Report,
    page_bytes: u64,
    /// CPU of the shard that spent most on a scrape, and of the whole process, in nanoseconds.
    shard: Histogram<u64>,
    process: Histogram<u64>,
}

/// Starts a server and reads its metrics again and again.
pub fn measure(reading: &Reading<'_>) -> Result<Outcome, Failure> {
    let server = Server::start(reading.launch, reading.document, None)?;
    let order = Order {
        target: server.endpoint().address,
        request: Request::new("/api/client/features").with("Authorization", TOKEN_CLIENT),
        fresh: false,
        rate: reading.rate,
        duration: SETTLE + (PAUSE + PAUSE) * reading.scrapes,
        count_max: None,
        connections: reading.launch.workers * CONNECTIONS_PER_SHARD,
    };
    let mut outcome = Outcome {
        label: reading.launch.label(),
        scrapes: histogram(),
        beside: histogram(),
        load: Report::new(reading.rate),
        page_bytes: 0,
        shard: histogram(),
        process: histogram(),
    };
    thread::scope(|scope| {
        let load = scope.spawn(|| open::run(&order));
        thread::sleep(SETTLE / 2);
        let read = outcome.read_under_load(&server, reading.scrapes);
        outcome.load = load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        read
    })?;
    thread::sleep(SETTLE);
    outcome.read_alone(&server, reading.scrapes)?;
    Ok(outcome)
}

#[expect(clippy::expect_used, reason = "the bounds are constants that the histogram accepts")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, 3).expect("constant bounds are valid")
}

impl Outcome {
    fn read_under_load(&mut self, server: &Server, scrapes: u32) -> Result<(), Failure> {
        let mut stream = server.endpoint().connect().map_err(Failure::io("open a connection"))?;
        for _ in 0..scrapes {
            for (page, times) in [(HEALTH, &mut self.beside), (METRICS, &mut self.scrapes)] {
                thread::sleep(PAUSE);
                let began = Instant::now();
                self.page_bytes = ask(&mut stream, page)?;
                times.saturating_record(began.elapsed().as_micros() as u64);
            }
        }
        Ok(())
    }

    /// A scrape in the middle of a pause, so that little else falls into the time between the two readings.
    fn read_alone(&mut self, server: &Server, scrapes: u32) -> Result<(), Failure> {
        let mut stream = server.endpoint().connect().map_err(Failure::io("open a connection"))?;
        for _ in 0..scrapes {
            thread::sleep(PAUSE);
            let before = server.run_times()?;
            ask(&mut stream, METRICS)?;
            thread::sleep(PAUSE / 5);
            let after = server.run_times()?;
            self.shard.saturating_record(after.most_since(&before, SHARD));
            self.process.saturating_record(after.since(&before));
        }
        Ok(())
    }
}

fn ask(stream: &mut Stream, page: &str) -> Result<u64, Failure> {
    let answer = probe::ask_on(stream, &Request::new(page)).map_err(Failure::io("read the metrics"))?;
    Ok(answer.body_bytes)
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{}: {} scrapes of {} bytes under load",
            self.label,
            self.scrapes.len(),
            self.page_bytes
        )?;
        for (name, times) in [("scrape", &self.scrapes), ("health beside it", &self.beside)] {
            write!(out, "  {name}:")?;
            write_quantiles(out, times, 1e3, "ms")?;
        }
        writeln!(out, "  without load, CPU of one scrape:")?;
        for (name, times) in [("the busiest shard", &self.shard), ("whole process", &self.process)] {
            write!(out, "  {name}:")?;
            write_quantiles(out, times, 1e6, "ms")?;
        }
        write!(out, "  the load:\n{}", self.load)
    }
}

fn write_quantiles(
    out: &mut fmt::Formatter<'_>,
    times: &Histogram<u64>,
    per_unit: f64,
    unit: &str,
) -> fmt::Result {
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        write!(out, " {name} {:.3}", times.value_at_quantile(quantile) as f64 / per_unit)?;
    }
    writeln!(out, " {unit}")
}

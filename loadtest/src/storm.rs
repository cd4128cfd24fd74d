//! A flood of made-up tokens beside valid traffic: what both see, what upstream sees, what memory does.
//!
//! The flood posts metrics with a fresh token each time, as the load script of Unleash does for rotated keys; the valid
//! traffic asks for features. Both are open-loop. First the valid traffic runs alone, then both together.

mod upstream;

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use upstream::{Call, Upstream};

use crate::failure::Failure;
use crate::http::Request;
use crate::open::{self, FRESH, Order, Report};
use crate::processes::{EdgeLaunch, Memory, Server, TOKEN_CLIENT};

/// Connections of the valid traffic.
const VALID_CONNECTIONS: usize = 10;
const METRICS: &str = r#"{"appName":"flood","bucket":null}"#;
/// What refused requests may take at the 99th percentile.
const REFUSAL_MAX: Duration = Duration::from_millis(50);
/// Calls that upstream may see within any second.
const CALLS_PER_SECOND_MAX: usize = 10;
/// Latencies below this are not compared: a loaded machine adds as much by itself.
const NOISE: Duration = Duration::from_millis(1);
/// Memory that a flood may add for good.
const GROWTH_KIB_MAX: u64 = 48 << 10;

/// How hard it blows.
pub struct Weather {
    pub brink: PathBuf,
    pub workers: usize,
    pub connections: usize,
    pub rate: u32,
    pub valid_rate: u32,
    /// Of each of the two parts.
    pub duration: Duration,
    pub upstream_takes: Duration,
}

/// What was seen.
pub struct Outcome {
    alone: Report,
    valid: Report,
    flood: Report,
    /// Most calls of upstream within a second, and their tokens in all.
    calls_per_second: usize,
    tokens_asked: usize,
    before: Memory,
    after: Memory,
}

/// Starts an upstream and an edge, and lets it blow.
pub fn measure(weather: &Weather) -> Result<Outcome, Failure> {
    let upstream = Upstream::start(weather.upstream_takes).map_err(Failure::io("start an upstream"))?;
    let launch = EdgeLaunch { path: weather.brink.clone(), workers: weather.workers, streaming: false };
    let server = Server::start_edge(&launch, upstream.address())?;
    let valid = || Order {
        target: server.endpoint().address,
        request: Request::new("/api/client/features").with("Authorization", TOKEN_CLIENT),
        fresh: false,
        rate: weather.valid_rate,
        duration: weather.duration,
        count_max: None,
        connections: VALID_CONNECTIONS,
    };
    let flood = Order {
        request: Request::new("/api/client/metrics")
            .with("Authorization", &format!("*:development.{FRESH}"))
            .post_json(METRICS),
        fresh: true,
        rate: weather.rate,
        connections: weather.connections,
        ..valid()
    };
    let alone = open::run(&valid())?;
    let (before, began) = (server.memory()?, Instant::now());
    let (valid, flood) = thread::scope(|scope| {
        let order = valid();
        let valid = scope.spawn(move || open::run(&order));
        let flood = open::run(&flood);
        (valid.join(), flood)
    });
    let valid = valid
        .map_err(|_| Failure::UnreadableResult { tool: "the valid traffic", output: String::new() })??;
    let calls: Vec<Call> = upstream.calls().into_iter().filter(|call| call.at >= began).collect();
    Ok(Outcome {
        alone,
        valid,
        flood: flood?,
        calls_per_second: most_within_a_second(&calls),
        tokens_asked: calls.iter().map(|call| call.tokens).sum(),
        before,
        after: server.memory()?,
    })
}

/// Most calls within any second.
fn most_within_a_second(calls: &[Call]) -> usize {
    let second = Duration::from_secs(1);
    let within = |(place, first): (usize, &Call)| {
        calls.iter().skip(place).take_while(|call| call.at.duration_since(first.at) < second).count()
    };
    calls.iter().enumerate().map(within).max().unwrap_or(0)
}

impl Outcome {
    /// Whether every promise was kept.
    pub fn is_calm(&self) -> bool {
        self.judgements().iter().all(|(_, kept)| *kept)
    }

    fn judgements(&self) -> [(String, bool); 6] {
        let (alone, beside, refusal) =
            (self.alone.latency(99.0), self.valid.latency(99.0), self.flood.latency(99.0));
        let grown = self.after.rss_kib.saturating_sub(self.before.rss_kib);
        let only = |report: &Report, status| {
            report.statuses().all(|(seen, _)| seen == status) && report.errors == 0 && report.unanswered == 0
        };
        [
            ("every made-up token is answered 403".to_owned(), only(&self.flood, 403)),
            (format!("p99 of refusals {refusal:?}, at most {REFUSAL_MAX:?}"), refusal <= REFUSAL_MAX),
            ("every valid request is answered 200".to_owned(), only(&self.valid, 200)),
            (
                format!("p99 of valid requests {beside:?}, alone {alone:?}, at most doubled (or {NOISE:?})"),
                beside <= (2 * alone).max(NOISE),
            ),
            (
                format!(
                    "upstream saw {} calls in its busiest second, at most {CALLS_PER_SECOND_MAX}; {} tokens in all",
                    self.calls_per_second, self.tokens_asked
                ),
                self.calls_per_second <= CALLS_PER_SECOND_MAX,
            ),
            (
                format!("memory {} KiB before, {} KiB after", self.before.rss_kib, self.after.rss_kib),
                grown <= GROWTH_KIB_MAX,
            ),
        ]
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "## valid traffic alone\n{}\n", self.alone)?;
        writeln!(out, "## valid traffic beside the flood\n{}\n", self.valid)?;
        writeln!(out, "## the flood\n{}\n", self.flood)?;
        for (promise, kept) in self.judgements() {
            writeln!(out, "{}: {promise}", if kept { "kept" } else { "BROKEN" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_is_found_wherever_it_begins() {
        let start = Instant::now();
        let check = |millis: &[u64], most| {
            let call = |at: &u64| Call { at: start + Duration::from_millis(*at), tokens: 1 };
            let calls: Vec<Call> = millis.iter().map(call).collect();
            assert_eq!(most_within_a_second(&calls), most, "{millis:?}");
        };
        check(&[], 0);
        check(&[0, 999, 1_000, 1_500, 1_998], 4);
        check(&[0, 1_000, 2_000], 1);
    }
}

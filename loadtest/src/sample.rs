//! One measured run of one request against one server, and the medians of several runs.

use serde::Serialize;

use crate::case::{Case, Learnt};
use crate::failure::Failure;
use crate::processes::{Memory, Server};
use crate::wrk::{Tally, Wrk};

/// How load is made. The same for every server of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    pub seconds: u64,
    pub connections: usize,
    pub threads: usize,
    /// Core of the server; `None` leaves it to the kernel.
    pub server_core: Option<usize>,
    /// Core of the load generator.
    pub load_core: Option<usize>,
}

/// The figures of a run. Times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    pub requests: u64,
    pub requests_per_second: f64,
    pub p50_micros: f64,
    pub p99_micros: f64,
    pub p999_micros: f64,
    /// Run time of all the server's threads, per request answered.
    pub cpu_micros: f64,
    pub memory: Memory,
    /// Socket errors, and answers with a status of the wrong class.
    pub faults: u64,
    /// Answers were on average not as long as the one learnt before.
    pub odd_length: bool,
}

/// Puts load on a server and counts.
pub fn measure(server: &Server, case: Case, learnt: &Learnt, load: &Load) -> Result<Sample, Failure> {
    let wrk = Wrk {
        endpoint: server.endpoint(),
        request: &learnt.request,
        seconds: load.seconds,
        connections: load.connections,
        threads: load.threads,
        core: load.load_core,
    };
    let before = server.run_times()?;
    let tally = wrk.run()?;
    let run_time_nanos = server.run_time_since(&before)?;
    Ok(Sample {
        requests: tally.requests,
        requests_per_second: tally.requests_per_second(),
        p50_micros: tally.p50,
        p99_micros: tally.p99,
        p999_micros: tally.p999,
        cpu_micros: run_time_nanos as f64 / 1e3 / (tally.requests as f64).max(1.0),
        memory: server.memory()?,
        faults: faults(&tally, case.status()),
        odd_length: odd_length(&tally, learnt.answer.wire_bytes, load.connections),
    })
}

/// wrk tells apart only statuses below 400 and the others.
fn faults(tally: &Tally, status: u16) -> u64 {
    let wrong =
        if status < 400 { tally.bad_statuses } else { tally.requests.saturating_sub(tally.bad_statuses) };
    tally.socket_errors + wrong
}

/// At the end of a run each connection may hold part of an answer that is read but not counted.
fn odd_length(tally: &Tally, wire_bytes: u64, connections: usize) -> bool {
    let requests = (tally.requests as f64).max(1.0);
    let mean = tally.bytes as f64 / requests;
    let wanted = wire_bytes as f64;
    mean < wanted * 0.95 || mean > wanted * (1.05 + connections as f64 / requests)
}

/// The medians of several samples, figure by figure; faults are summed, peaks are the highest.
pub fn medians(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
    let memory = Memory {
        rss_kib: of(|sample| sample.memory.rss_kib as f64) as u64,
        peak_kib: samples.iter().map(|sample| sample.memory.peak_kib).max().unwrap_or(0),
    };
    Sample {
        requests: samples.iter().map(|sample| sample.requests).sum(),
        requests_per_second: of(|sample| sample.requests_per_second),
        p50_micros: of(|sample| sample.p50_micros),
        p99_micros: of(|sample| sample.p99_micros),
        p999_micros: of(|sample| sample.p999_micros),
        cpu_micros: of(|sample| sample.cpu_micros),
        memory,
        faults: samples.iter().map(|sample| sample.faults).sum(),
        odd_length: samples.iter().any(|sample| sample.odd_length),
    }
}

/// The middle value, or the mean of the two in the middle; 0 for none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(&upper), 0) => f64::midpoint(values.get(middle - 1).copied().unwrap_or(upper), upper),
        (Some(&value), _) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |values: &[f64], wanted| assert_eq!(median(values.to_vec()), wanted);
        check(&[], 0.0);
        check(&[7.0], 7.0);
        check(&[9.0, 1.0, 4.0], 4.0);
        check(&[4.0, 1.0, 3.0, 100.0], 3.5);
    }

    #[test]
    fn faults_depend_on_the_status_wanted() {
        let tally = Tally { requests: 10, bad_statuses: 4, socket_errors: 1, ..Tally::default() };
        assert_eq!(faults(&tally, 200), 5);
        assert_eq!(faults(&tally, 403), 7);
    }

    #[test]
    fn a_wrong_length_is_noticed() {
        let check = |requests, bytes, wanted| {
            let tally = Tally { requests, bytes, ..Tally::default() };
            assert_eq!(odd_length(&tally, 100, 50), wanted, "{requests} {bytes}");
        };
        check(1000, 100_000, false);
        check(1000, 104_000, false);
        check(1000, 90_000, true);
        check(1000, 120_000, true);
        check(50, 9_900, false);
    }

    #[test]
    fn medians_sum_faults_and_keep_the_highest_peak() {
        let sample = |cpu_micros, peak_kib, faults| Sample {
            cpu_micros,
            faults,
            memory: Memory { rss_kib: 10, peak_kib },
            ..Sample::default()
        };
        let found = medians(&[sample(3.0, 30, 1), sample(1.0, 50, 0), sample(2.0, 40, 2)]);
        assert_eq!((found.cpu_micros, found.memory.peak_kib, found.faults), (2.0, 50, 3));
    }
}

//! The outcome of a comparison as a table for people and as JSON for tools.

use std::fmt;
use std::fs;

use serde::Serialize;

use super::Comparison;
use crate::case::Case;
use crate::sample::{self, Load, Sample};

/// Everything that was measured, and how.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub load: Load,
    pub rounds: usize,
    pub seed: u64,
    pub rows: Vec<Row>,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub kernel: String,
    pub processor: String,
    pub cores: usize,
}

/// One server in one case with one document.
#[derive(Debug, Serialize)]
pub struct Row {
    pub document: &'static str,
    pub case: Case,
    pub server: String,
    /// Size of the body as sent.
    pub body_bytes: u64,
    /// CPU per request in multiples of the bare server's.
    pub cpu_to_bare: Option<f64>,
    /// Medians over the rounds; none if the server did not answer as the case demands.
    pub medians: Option<Sample>,
    /// The single rounds, in order.
    pub rounds: Vec<Sample>,
    pub note: Option<String>,
}

impl Row {
    pub(super) fn measured(
        document: &'static str,
        case: Case,
        server: String,
        body_bytes: u64,
        samples: &[Sample],
        floor_micros: Option<f64>,
    ) -> Self {
        let medians = sample::medians(samples);
        let cpu_to_bare = floor_micros.filter(|&floor| floor > 0.0).map(|floor| medians.cpu_micros / floor);
        let note = medians.odd_length.then(|| "answers differ in length from the first one".to_owned());
        let medians = Some(medians);
        Self { document, case, server, body_bytes, cpu_to_bare, medians, rounds: samples.to_vec(), note }
    }

    pub(super) fn missing(document: &'static str, case: Case, server: String, note: String) -> Self {
        let (medians, note) = (None, Some(note));
        Self { document, case, server, body_bytes: 0, cpu_to_bare: None, medians, rounds: vec![], note }
    }
}

impl Report {
    pub(super) fn new(comparison: &Comparison, rows: Vec<Row>) -> Self {
        let (load, rounds, seed) = (comparison.load.clone(), comparison.rounds, comparison.seed);
        Self { machine: Machine::this(), load, rounds, seed, rows }
    }

    /// True if any server failed or answered wrongly anywhere.
    pub fn has_faults(&self) -> bool {
        let faulty =
            |row: &Row| row.medians.as_ref().is_none_or(|medians| medians.faults > 0 || medians.odd_length);
        self.rows.iter().any(faulty)
    }
}

impl Machine {
    fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: model.map(|(_, model)| model.trim().to_owned()).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = |core: Option<usize>| core.map_or("any core".to_owned(), |core| format!("core {core}"));
        writeln!(
            out,
            "{}, {} cores, Linux {}",
            self.machine.processor, self.machine.cores, self.machine.kernel
        )?;
        writeln!(
            out,
            "medians of {} interleaved rounds of {} s, wrk -t{} -c{}, servers on {}, wrk on {}, documents of seed {}\n",
            self.rounds,
            self.load.seconds,
            self.load.threads,
            self.load.connections,
            core(self.load.server_core),
            core(self.load.load_core),
            self.seed,
        )?;
        writeln!(
            out,
            "{:8} {:9} {:9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6} {:>8} {:>8} {:>7}",
            "document",
            "case",
            "server",
            "body B",
            "req/s",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "CPU µs",
            "×bare",
            "RSS MiB",
            "peak MiB",
            "faults",
        )?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:8} {:9} {:9} {:>9}", self.document, self.case.name(), self.server, self.body_bytes)?;
        if let Some(found) = &self.medians {
            let ratio = self.cpu_to_bare.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            let mib = |kib: u64| kib as f64 / 1024.0;
            write!(
                out,
                " {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>9.2} {ratio:>6} {:>8.1} {:>8.1} {:>7}",
                found.requests_per_second,
                found.p50_micros,
                found.p99_micros,
                found.p999_micros,
                found.cpu_micros,
                mib(found.memory.rss_kib),
                mib(found.memory.peak_kib),
                found.faults,
            )?;
        }
        match &self.note {
            Some(note) => write!(out, "  {note}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_its_figures_and_its_ratio() {
        let samples = [Sample { cpu_micros: 9.0, requests_per_second: 1234.0, ..Sample::default() }];
        let row = Row::measured("small", Case::NotModified, "brink".to_owned(), 0, &samples, Some(6.0));
        let text = row.to_string();
        for part in ["small", "304", "brink", "1234", "9.00", "1.50"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(serde_json::to_value(&row).expect("rows are plain")["case"], "304");
    }

    #[test]
    fn a_missing_row_says_why() {
        let row = Row::missing("huge", Case::Gzip, "peer".to_owned(), "no gzip".to_owned());
        assert!(row.to_string().ends_with("no gzip"));
    }
}

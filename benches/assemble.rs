//! How long a change takes from upstream bytes to finished bodies, on documents of two sizes.
//!
//! `cargo bench --bench assemble`. Plain wall time: each case runs until it has taken half a second (at least
//! five times) and the fastest and the median run are printed. With `-- --once` each case runs once, to see that
//! it does. Everything here runs off the shards, except
//! `prefix`, which a shard does per request.

use brink::features::catalog::Catalog;
use brink::features::compress::{Coding, compress};
use brink::features::environment::EnvironmentData;
use brink::features::parse::parse_document;
use brink::features::view::assemble;
use brink::tokens::scope::{Projects, Scope};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUN_FOR: Duration = Duration::from_millis(500);
const RUNS_MIN: usize = 5;
/// Makes a compressible but not repetitive text.
const WORDS: [&str; 16] = [
    "admin", "async", "banner", "cache", "checkout", "digest", "drawer", "editor", "inbox", "lazy",
    "partner", "regional", "search", "shortcut", "summary", "wizard",
];

fn main() {
    for features in [160, 4_800] {
        bench_document(features);
    }
}

fn bench_document(features: usize) {
    let name: Arc<str> = Arc::from("development");
    let before = wire(features, None);
    let after = wire(features, Some(features / 2));
    let nothing = EnvironmentData::empty(Arc::clone(&name));
    println!("document of {features} features, {} bytes", before.len());
    report("parse", before.len(), || parse_document(before.as_bytes(), &nothing));

    let mut catalog = Catalog::default();
    let document = parse_document(before.as_bytes(), &nothing).expect("the bench's own document");
    catalog.apply(&name, &Projects::All, document.clone());
    let known = Arc::clone(catalog.environment("development").expect("just applied"));
    report("re-parse, nothing changed", before.len(), || parse_document(before.as_bytes(), &known));
    report("re-parse, one changed", after.len(), || parse_document(after.as_bytes(), &known));
    report("apply, nothing changed", before.len(), || catalog.apply(&name, &Projects::All, document.clone()));

    let everything = Scope { environment: Some(Arc::clone(&name)), projects: Projects::All };
    let view = assemble(&known, &everything, None);
    report("assemble", view.identity.len(), || assemble(&known, &everything, None));
    let one_project = Scope { projects: Projects::from_names(["project-3"]), ..everything };
    let one_project_bytes = assemble(&known, &one_project, None).identity.len();
    report("assemble, one of eight projects", one_project_bytes, || assemble(&known, &one_project, None));
    let mut out = Vec::new();
    view.with_prefix("admin.", &mut out);
    report("prefix", out.len(), || {
        out.clear();
        view.with_prefix("admin.", &mut out)
    });
    for coding in Coding::ALL {
        let bytes = compress(coding, &view.identity).map_or(0, |body| body.len());
        report(&format!("compress {} to {bytes}", coding.name()), view.identity.len(), || {
            compress(coding, &view.identity)
        });
    }
    println!();
}

fn is_smoke_run() -> bool {
    std::env::args().any(|argument| argument == "--once")
}

fn report<T>(name: &str, bytes: usize, mut work: impl FnMut() -> T) {
    let mut runs = Vec::new();
    let (run_for, runs_min) = if is_smoke_run() { (Duration::ZERO, 1) } else { (RUN_FOR, RUNS_MIN) };
    let started = Instant::now();
    while started.elapsed() < run_for || runs.len() < runs_min {
        let run = Instant::now();
        black_box(work());
        runs.push(run.elapsed());
    }
    runs.sort_unstable();
    let best = runs.first().copied().unwrap_or_default();
    let median = runs.get(runs.len() / 2).copied().unwrap_or_default();
    let megabytes_per_second = bytes as f64 / median.as_secs_f64() / 1e6;
    println!(
        "  {name:<34} {:>11} ns best {:>11} ns median {megabytes_per_second:>9.0} MB/s",
        best.as_nanos(),
        median.as_nanos()
    );
}

/// A document in the key order of upstream; the feature at `changed` differs from that of another call.
fn wire(features: usize, changed: Option<usize>) -> String {
    let mut text = String::from("{\"version\":2,\"features\":[");
    for at in 0..features {
        if at > 0 {
            text.push(',');
        }
        push_feature(&mut text, at, changed == Some(at));
    }
    text.push_str("],\"query\":{\"environment\":\"development\"},\"segments\":[");
    for id in 0..60 {
        let comma = if id > 0 { "," } else { "" };
        let values = values(id, 8);
        let constraint = format!(r#"{{"contextName":"region","operator":"IN","values":[{values}]}}"#);
        write!(text, r#"{comma}{{"id":{id},"constraints":[{constraint}]}}"#).expect("text grows");
    }
    text.push_str("],\"meta\":{\"revisionId\":41,\"etag\":\"\\\"x:41\\\"\",\"queryHash\":\"x\"}}");
    text
}

fn push_feature(text: &mut String, at: usize, is_changed: bool) {
    let (one, two, three) = (word(at), word(at / 16 + at * 7), word(at / 3));
    let name = format!("{one}.{two}-{three}-{at}");
    let values = values(at, 4);
    let (segment, project, percent) = (at % 60, at % 8, if is_changed { 101 } else { at % 100 });
    write!(
        text,
        r#"{{"impressionData":false,"enabled":true,"name":"{name}","description":"Off when the {two} is down","project":"project-{project}","stale":false,"type":"release","variants":[],"strategies":[{{"name":"flexibleRollout","constraints":[{{"contextName":"country","operator":"IN","inverted":false,"caseInsensitive":false,"values":[{values}]}}],"parameters":{{"groupId":"{name}","rollout":"{percent}","stickiness":"default"}},"segments":[{segment}],"variants":[]}},{{"name":"default","constraints":[],"parameters":{{}},"variants":[]}}]}}"#
    )
    .expect("text grows");
}

fn values(seed: usize, count: usize) -> String {
    let values: Vec<String> =
        (0..count).map(|at| format!("\"{}{}\"", word(seed + at * 5), seed * 31 % 97)).collect();
    values.join(",")
}

fn word(seed: usize) -> &'static str {
    WORDS.get(seed % WORDS.len()).copied().unwrap_or_default()
}

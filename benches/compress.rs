//! What gzip makes of evaluated answers, level by level: bytes and microseconds.
//!
//! `cargo bench --bench compress`, with BRINK_BENCH_DOCUMENTS naming a folder of feature documents (such as
//! `brink-loadtest generate all --dir DIR` makes); without it, nothing is measured. One compressor is reused, as on a
//! shard; wall time of one thread, the fastest and the median of some hundred runs.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use brink::{
    evaluate::{Ask, Context, Engine, Scratch},
    features::{environment::EnvironmentData, parse::parse_document},
    tokens::scope::Projects,
};
use flate2::{Compress, Compression, FlushCompress};

const RUN_FOR: Duration = Duration::from_millis(300);
const RUNS_MIN: usize = 5;
const LEVELS: [u32; 6] = [1, 2, 3, 4, 5, 6];
const QUERY: &str = "userId=user-4711&sessionId=8c7b9e1f&appName=shop&remoteAddress=10.2.3.4&properties[plan]=team\
    &properties[country]=NO&properties[region]=eu-north&properties[tenantId]=tenant-17";

fn main() {
    let Some(folder) = std::env::var_os("BRINK_BENCH_DOCUMENTS") else {
        println!("no documents: see BRINK_BENCH_DOCUMENTS");
        return;
    };
    for entry in std::fs::read_dir(folder).expect("the folder of BRINK_BENCH_DOCUMENTS") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            bench_document(&path.display().to_string(), &std::fs::read(&path).expect("a file"));
        }
    }
}

fn bench_document(name: &str, text: &[u8]) {
    let nothing = EnvironmentData::empty(Arc::from("development"));
    let document = parse_document(text, &nothing).expect("a good document");
    let environment = EnvironmentData {
        version: document.version,
        features: document.features.into(),
        segments: document.segments.into(),
        ..nothing
    };
    let engine = Engine::compile(&environment, None);
    let context = Context::from_query(QUERY).expect("a good query");
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: 1_780_000_000_000, seed: 1 };
    let (mut enabled, mut all) = (Vec::new(), Vec::new());
    engine.write_enabled(&ask, &mut Scratch::default(), &mut enabled);
    engine.write_all(&ask, &mut Scratch::default(), &mut all);
    for (list, answer) in [("enabled", enabled), ("all", all)] {
        println!("{name}, {list}: {} bytes", answer.len());
        LEVELS.iter().for_each(|level| bench_level(*level, &answer));
    }
}

fn bench_level(level: u32, answer: &[u8]) {
    let mut compress = Compress::new_gzip(Compression::new(level), 15);
    let mut out = Vec::with_capacity(answer.len() + 1_000);
    let mut runs = Vec::new();
    let started = Instant::now();
    while started.elapsed() < RUN_FOR || runs.len() < RUNS_MIN {
        let run = Instant::now();
        compress.reset();
        out.clear();
        compress.compress_vec(black_box(answer), &mut out, FlushCompress::Finish).expect("room enough");
        runs.push(run.elapsed());
    }
    runs.sort_unstable();
    let micros = |run: Option<&Duration>| run.map_or(0.0, |run| run.as_nanos() as f64 / 1e3);
    let (best, median) = (micros(runs.first()), micros(runs.get(runs.len() / 2)));
    println!("  level {level} {best:>9.1} us best {median:>9.1} us median {:>9} bytes", out.len());
}

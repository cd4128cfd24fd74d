//! How long an evaluation takes, and making the engine for it.
//!
//! `cargo bench --bench evaluate`, with BRINK_BENCH_DOCUMENTS naming a folder of feature documents (such as
//! `brink-loadtest generate all --dir DIR` makes); without it, a document made here is used. Plain wall time of
//! one thread; each case runs for half a second and the fastest batch and the median batch are printed. Of work in
//! slices the longest one is printed, by which units of work are set. That nothing is allocated is not measured here but proved by `tests/evaluate_allocations.rs`.

use brink::evaluate::{Ask, Context, Engine, List, Progress, Scratch, Used, VALUE_BYTES_MAX};
use brink::features::environment::EnvironmentData;
use brink::features::parse::parse_document;
use brink::tokens::scope::Projects;
use std::fmt::Write;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUN_FOR: Duration = Duration::from_millis(500);
/// A batch takes about this long, so that reading the clock does not count.
const BATCH_NS: u128 = 100_000;
/// Units of work of one slice, as on a shard.
const SLICE_WORK: usize = 200_000;
const FULL: &str = "userId=user-4711&sessionId=8c7b9e1f&environment=production&appName=shop&remoteAddress=10.2.3.4\
    &currentTime=2026-06-01T12:00:00Z&properties[plan]=team&properties[country]=NO&properties[region]=eu-north\
    &properties[tenantId]=tenant-17&properties[appVersion]=4.12.3&properties[age]=44&properties[email]=a%40example.com";

fn main() {
    for (name, text) in documents() {
        bench_document(&name, &text);
    }
}

fn documents() -> Vec<(String, String)> {
    let Some(folder) = std::env::var_os("BRINK_BENCH_DOCUMENTS") else {
        return vec![("own document".to_owned(), own_document(400))];
    };
    let files = std::fs::read_dir(folder).expect("the folder of BRINK_BENCH_DOCUMENTS");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort_by_key(|path| path.metadata().map_or(0, |metadata| metadata.len()));
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(path).expect("text"));
    paths.into_iter().map(read).collect()
}

fn bench_document(name: &str, text: &str) {
    let environment = environment(text);
    let engine = Engine::compile(&environment, None);
    println!(
        "{name}: {} bytes, {} features, {} malformed",
        text.len(),
        environment.features.len(),
        engine.malformed().len()
    );
    report("compile", || Engine::compile(&environment, None));
    report("compile again, nothing changed", || Engine::compile(&environment, Some(&engine)));
    let changed = with_last_changed(&environment);
    report("compile again, one changed", || Engine::compile(&changed, Some(&engine)));

    let mut context = Context::default();
    report("read full query", || context.read_query(FULL));
    let members: Vec<String> = (0..150_000).map(|at| format!(r#""k{at}":"v""#)).collect();
    let body = format!("{{{}}}", members.join(","));
    report(&format!("read {} bytes of short members", body.len()), || context.read_json(body.as_bytes()));
    let members: Vec<String> = (0..31).map(|at| format!(r#""k{at}":"{}""#, "v".repeat(65_000))).collect();
    let body = format!("{{{}}}", members.join(","));
    report(&format!("read {} bytes of long members", body.len()), || context.read_json(body.as_bytes()));
    let empty = Context::default();
    let full = Context::from_query(FULL).expect("a good query");
    let longest =
        Context::from_query(&format!("userId={}", "x".repeat(VALUE_BYTES_MAX))).expect("a good query");
    let one_project = Projects::from_names(["default"]);
    for (label, context, projects) in [
        ("no context", &empty, &Projects::All),
        ("full context", &full, &Projects::All),
        ("full context, project default", &full, &one_project),
        ("longest user id", &longest, &Projects::All),
    ] {
        let ask = Ask { context, projects, now_unix_ms: 1_780_000_000_000, seed: 1 };
        bench_answers(&engine, label, ask);
    }
    let ask = Ask { context: &full, projects: &Projects::All, now_unix_ms: 1_780_000_000_000, seed: 1 };
    bench_slices(&engine, "full context", &ask);
    for filling in ["x", "1", "te", "\u{e9}"] {
        let context = longest_everything(filling);
        let ask =
            Ask { context: &context, projects: &Projects::All, now_unix_ms: 1_780_000_000_000, seed: 1 };
        bench_slices(&engine, &format!("longest values of {filling:?}"), &ask);
    }
    println!();
}

fn bench_answers(engine: &Engine, label: &str, ask: Ask<'_>) {
    let mut scratch = Scratch::default();
    let mut out = Vec::new();
    let mut seed = 0;
    let mut run = |write: &mut dyn FnMut(&Ask<'_>, &mut Scratch, &mut Vec<u8>) -> Used, list: &str| {
        report(&format!("{list}, {label}"), || {
            out.clear();
            seed += 1;
            write(&Ask { seed, ..ask }, &mut scratch, &mut out)
        });
        out.len()
    };
    let enabled = run(&mut |ask, scratch, out| engine.write_enabled(ask, scratch, out), "enabled");
    let all = run(&mut |ask, scratch, out| engine.write_all(ask, scratch, out), "all");
    let last = engine.names().last().unwrap_or_default().to_owned();
    let one =
        run(&mut |ask, scratch, out| engine.write_one(&last, ask, scratch, out).unwrap_or_default(), "one");
    println!("    bytes: enabled {enabled}, all {all}, one {one}");
}

/// Every field and property of [`FULL`] with the longest value of this filling.
fn longest_everything(filling: &str) -> Context {
    let value = filling.repeat(VALUE_BYTES_MAX / filling.len());
    let longest = |pair: &str| format!("{}={value}", pair.split_once('=').map_or(pair, |(name, _)| name));
    let query: Vec<String> = FULL.split('&').map(longest).collect();
    Context::from_query(&query.join("&")).expect("a good query")
}

/// The fastest of some runs, slice by slice, so that a disturbance does not count.
fn bench_slices(engine: &Engine, label: &str, ask: &Ask<'_>) {
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut slices: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        out.clear();
        let mut progress = None;
        for at in 0.. {
            let started = Instant::now();
            let next = match progress.take() {
                None => engine.begin(List::All, ask, &mut scratch, &mut out, SLICE_WORK),
                Some(rest) => engine.go_on(rest, ask, &mut scratch, &mut out, SLICE_WORK),
            };
            let took = started.elapsed();
            match slices.get_mut(at) {
                Some(best) => *best = took.min(*best),
                None => slices.push(took),
            }
            match next {
                Progress::Done(_) => break,
                Progress::More(rest) => progress = Some(rest),
            }
        }
    }
    let (count, total) = (slices.len(), slices.iter().sum::<Duration>());
    let longest = slices.iter().max().copied().unwrap_or_default();
    println!("  all, {label}: {count} slices, {total:?} in all, the longest {longest:?}");
}

fn report<T>(name: &str, mut work: impl FnMut() -> T) {
    let once = Instant::now();
    black_box(work());
    let batch = (BATCH_NS / once.elapsed().as_nanos().max(1)).clamp(1, 100_000) as u32;
    let mut runs = Vec::new();
    let started = Instant::now();
    while started.elapsed() < RUN_FOR {
        let run = Instant::now();
        for _ in 0..batch {
            black_box(work());
        }
        runs.push(run.elapsed() / batch);
    }
    runs.sort_unstable();
    let best = runs.first().copied().unwrap_or_default().as_nanos();
    let median = runs.get(runs.len() / 2).copied().unwrap_or_default().as_nanos();
    println!("  {name:<42} {best:>11} ns best {median:>11} ns median");
}

fn environment(text: &str) -> EnvironmentData {
    let nothing = EnvironmentData::empty(Arc::from("development"));
    let document = parse_document(text.as_bytes(), &nothing).expect("a good document");
    EnvironmentData {
        version: document.version,
        features: document.features.into(),
        segments: document.segments.into(),
        ..nothing
    }
}

/// The same environment, with another source for its last feature.
fn with_last_changed(environment: &EnvironmentData) -> EnvironmentData {
    let mut features = environment.features.to_vec();
    if let Some(last) = features.last_mut() {
        let mut changed = (**last).clone();
        changed.source ^= 1;
        *last = Arc::new(changed);
    }
    EnvironmentData { features: features.into(), ..environment.clone() }
}

/// A quarter of each: on, off, a rollout with variants, a constraint that other features share.
fn own_document(features: usize) -> String {
    let mut text = String::from(r#"{"version":2,"features":["#);
    for at in 0..features {
        let separator = if at > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{separator}{{"name":"feature-{at}","enabled":{},"project":"default""#,
            at % 4 != 1
        );
        let _ = match at % 4 {
            2 => write!(
                text,
                r#","strategies":[{{"name":"flexibleRollout","parameters":{{"rollout":"50","stickiness":"default","groupId":"feature-{at}"}},"variants":[{{"name":"a","weight":500}},{{"name":"b","weight":500}}]}}]"#
            ),
            3 => write!(
                text,
                r#","strategies":[{{"name":"default","constraints":[{{"contextName":"plan","operator":"IN","values":["team","plan-{}"]}}]}}]"#,
                at % 10
            ),
            _ => Ok(()),
        };
        text.push('}');
    }
    text.push_str("]}");
    text
}

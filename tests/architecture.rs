//! House rules of the map in `docs/ARCHITECTURE.md`: which folder may name what.
//!
//! Reads the sources as text. Comments, string literals and tests do not count; grouped imports are spelled out
//! before they are compared.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that are functions of their arguments.
const PURE: [&str; 6] =
    ["src/tokens", "src/features", "src/evaluate", "src/usage", "src/serve", "shards/src/http"];

/// Runtimes, clients, channels, files, sockets, threads, clocks, randomness, shared state.
const IMPURE: [&str; 29] = [
    "brink_sys",
    "clap",
    "crossbeam_channel",
    "futures_lite",
    "glommio",
    "libc",
    "nix",
    "rand::random",
    "rand::rng",
    "socket2",
    "std::cell::OnceCell",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::process",
    "std::sync::Mutex",
    "std::sync::OnceLock",
    "std::sync::RwLock",
    "std::sync::atomic",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "thread_local",
    "ureq",
];

/// One source file: its path from the root of the project, and what it names.
struct Source {
    path: String,
    names: Vec<String>,
}

impl Source {
    /// Whether it names this path or something below it.
    fn names(&self, path: &str) -> bool {
        self.names.iter().any(|name| is_at_or_below(name, path))
    }
}

fn is_at_or_below(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn pure_folders_name_nothing_of_the_outside_world() {
    let mut faults = Vec::new();
    for source in PURE.iter().flat_map(|folder| sources(folder)) {
        let may_send = source.path.starts_with("src/serve/");
        for name in &source.names {
            let is_impure = IMPURE.iter().any(|impure| is_at_or_below(name, impure));
            if is_impure && !(may_send && name == "crossbeam_channel::Sender") {
                faults.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// `crate` is the package of the file, so `crate::driver::glommio` is not the library.
#[test]
fn glommio_is_named_by_its_driver_only() {
    let allowed = |path: &str| path == "shards/src/driver/glommio.rs" || path.starts_with("shards/sys/");
    check_named_only(&["src", "shards", "loadtest/src", "benches"], "glommio", allowed);
}

#[test]
fn clap_is_named_by_the_command_line_only() {
    check_named_only(&["src", "shards"], "clap", |path| path.starts_with("src/config/cli"));
}

#[test]
fn ureq_is_named_by_those_who_call_out_only() {
    let places = [
        "src/upstream/",
        "src/observe/collector.rs",
        "src/observe/remote_write/",
        "src/observe/otlp/http.rs",
        "src/persist/s3/",
        "src/probe.rs",
    ];
    let allowed = |path: &str| places.iter().any(|place| path.starts_with(place));
    check_named_only(&["src", "shards"], "ureq", allowed);
}

/// Where a runtime of tokio drives a connection, it is one of the control side.
#[test]
fn tokio_is_named_by_the_export_only() {
    for name in ["tokio", "tonic"] {
        check_named_only(&["src", "shards"], name, |path| path.starts_with("src/observe/otlp/"));
    }
}

#[test]
fn shards_know_nothing_of_the_program() {
    check_named_only(&["shards"], "brink", |_| false);
}

#[test]
fn unsafe_code_is_in_one_package_and_forbidden_elsewhere() {
    let is_there = |path: &str| path.starts_with("shards/sys/");
    check_named_only(&["src", "shards", "loadtest/src", "benches"], "unsafe", is_there);
    for root in ["src/lib.rs", "src/main.rs", "shards/src/lib.rs", "loadtest/src/main.rs"] {
        let text = read(&project().join(root));
        assert!(text.contains("#![forbid(unsafe_code)]"), "{root}");
    }
}

#[track_caller]
fn check_named_only(folders: &[&str], name: &str, allowed: impl Fn(&str) -> bool) {
    let naming: Vec<Source> =
        folders.iter().flat_map(|folder| sources(folder)).filter(|source| source.names(name)).collect();
    let faults: Vec<&str> = naming.iter().map(|one| &*one.path).filter(|path| !allowed(path)).collect();
    assert!(faults.is_empty(), "{name} is named in {faults:?}");
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The sources below a folder, tests left out.
fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&project().join(folder), &mut files);
    assert!(!files.is_empty(), "{folder} is on the map");
    files.iter().map(|file| source(file)).collect()
}

fn source(file: &Path) -> Source {
    let path = file.strip_prefix(project()).expect("below the project").display().to_string();
    Source { path, names: names(&without_tests(&code(&read(file)))) }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let is_test = name == "tests" || name.ends_with("_tests") || name == "samples";
        match path.extension() {
            _ if is_test => {}
            None if path.is_dir() => collect(&path, files),
            Some(extension) if extension == "rs" => files.push(path),
            _ => {}
        }
    }
}

/// The text without comments and without what stands in quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(end) = raw_string_end(rest) {
            end
        } else if first == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    code
}

fn raw_string_end(text: &str) -> Option<usize> {
    let fence: String = text.strip_prefix('r')?.chars().take_while(|sign| *sign == '#').collect();
    let open = 1 + fence.len();
    text.get(open..)?.strip_prefix('"')?;
    let close = format!("\"{fence}");
    let body = text.get(open + 1..)?;
    Some(open + 1 + body.find(&close).map_or(body.len(), |at| at + close.len()))
}

fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Tests stand last in their file.
fn without_tests(code: &str) -> String {
    let tests = code.find("#[cfg(test)]\nmod tests {");
    code.get(..tests.unwrap_or(code.len())).unwrap_or_default().to_owned()
}

/// Every path that the code names: imports spelled out, and other paths with their first part resolved by them.
fn names(code: &str) -> Vec<String> {
    let mut imports = Vec::new();
    let mut names = Vec::new();
    let mut rest = code;
    while let Some(at) = next_import(rest) {
        let end = rest.get(at..).and_then(|import| import.find(';')).map_or(rest.len(), |length| at + length);
        names.extend(paths(rest.get(..at).unwrap_or_default()));
        spell_out("", rest.get(at + 4..end).unwrap_or_default(), &mut imports);
        rest = rest.get(end..).unwrap_or_default();
    }
    names.extend(paths(rest));
    let resolved = names.iter().flat_map(|name| {
        let (first, more) = name.split_once("::").unwrap_or((name, ""));
        let full = imports.iter().filter(move |import| import.rsplit("::").next() == Some(first));
        full.map(move |import| if more.is_empty() { import.clone() } else { format!("{import}::{more}") })
    });
    let resolved: Vec<String> = resolved.collect();
    names.into_iter().chain(resolved).chain(imports).collect()
}

fn next_import(code: &str) -> Option<usize> {
    code.match_indices("use ").map(|(at, _)| at).find(|at| {
        let before = code.get(..*at).and_then(|before| before.chars().next_back());
        before.is_none_or(char::is_whitespace)
    })
}

/// `a::{b, c::{d, self}}` into `a::b`, `a::c::d`, `a::c`.
fn spell_out(prefix: &str, tree: &str, imports: &mut Vec<String>) {
    let tree = tree.trim();
    let join = |part: &str| if prefix.is_empty() { part.to_owned() } else { format!("{prefix}::{part}") };
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = path.trim_start_matches("::");
        imports.push(match path {
            "self" => prefix.to_owned(),
            path => join(path),
        });
        return;
    };
    let head = head.trim().trim_end_matches("::").trim_start_matches("::");
    let prefix = if head.is_empty() { prefix.to_owned() } else { join(head) };
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    for part in split_top(group) {
        spell_out(&prefix, part, imports);
    }
}

/// The parts between commas that stand in no inner group.
fn split_top(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.extend(group.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(group.get(start..));
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Words joined by `::`; a module that is declared is not named.
fn paths(code: &str) -> Vec<String> {
    let is_of_path = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == ':';
    let words = code.split(|sign| !is_of_path(sign)).map(|word| word.trim_matches(':'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let before = std::iter::once("").chain(words.iter().copied());
    let named = words.iter().zip(before).filter(|(_, before)| *before != "mod");
    named.map(|(word, _)| (*word).to_owned()).collect()
}

#[test]
fn imports_are_spelled_out_and_followed() {
    let check = |text: &str, name: &str, expected: bool| {
        let source = Source { path: String::new(), names: names(&without_tests(&code(text))) };
        assert_eq!(source.names(name), expected, "{name} in {text}");
    };
    check("use std::{fs, io::{self, Read}};", "std::fs", true);
    check("use std::{fs, io::{self, Read}};", "std::io::Read", true);
    check("use std::{fmt, io};", "std::fs", false);
    check("use std::time::{Duration, Instant};\nfn f() { Instant::now(); }", "std::time::Instant::now", true);
    check("use std::time::{Duration, Instant};\nfn f(now: Instant) {}", "std::time::Instant::now", false);
    check("fn f() { std::thread::spawn(g); }", "std::thread", true);
    check("use std::thread;\nfn f() { thread::spawn(g); }", "std::thread::spawn", true);
    check("use crossbeam_channel::Sender;", "crossbeam_channel::Sender", true);
    check("fn f(){}\n    use glommio::{net::TcpStream};", "glommio", true);
    check("use crate::driver::{Driver, glommio::Uring};", "glommio", false);
    check("// glommio::x\n//! use glommio::x;\nconst A: &str = \"use glommio::y;\";", "glommio", false);
    check("const A: &str = r#\"a \" glommio::y\"#;", "glommio", false);
    check("const A: char = '\"'; fn f() { glommio::y(); }", "glommio", true);
    check("pub mod glommio;", "glommio", false);
    check("fn f() { unsafe { g() } }", "unsafe", true);
    check("#![forbid(unsafe_code)]", "unsafe", false);
    check("fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}", "std::fs", false);
    check("#[cfg(test)]\nmod tests;\nuse std::fs;", "std::fs", true);
}

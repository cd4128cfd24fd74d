//! The real program and its host, from outside: signals, ports, threads, limits, and a host that denies io_uring.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use brink::{Brink, Client, Ended, PATIENCE, file_of, run};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::json;
use socket2::{Domain, Socket, Type};

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;

const BACKEND: &str = "*:development.back0000000000000000000001";
const BACK: [(&str, &str); 1] = [("authorization", BACKEND)];
const FEATURES: &str = "/api/client/features";
const FILE: &str = r#"{"version":2,"features":[{"name":"a","enabled":true,"project":"p"}]}"#;

fn small(args: &[&str]) -> Brink {
    Brink::offline(FILE, &[&["-c", BACKEND], args].concat())
}

/// A client in the middle of sending a request, as brink knows: it has answered what came in the same packet.
fn half_way(brink: &Brink) -> Client {
    let mut client = brink.connect();
    let begun =
        format!("POST {FEATURES} HTTP/1.1\r\nauthorization: {BACKEND}\r\ncontent-length: 4\r\n\r\nab");
    let health = client.exchange(format!("GET /health HTTP/1.1\r\n\r\n{begun}"));
    assert_eq!(health.status, 200);
    client
}

/// Waits until nobody listens any more.
fn until_refused(brink: &Brink) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(brink.address).is_ok() {
        assert!(Instant::now() < deadline, "connections are still accepted");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn either_signal_closes_what_is_idle_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let mut brink = small(&[]);
        let mut used: Vec<Client> = (0..10).map(|_| brink.connect()).collect();
        for client in &mut used {
            assert_eq!(client.request("GET", FEATURES, &BACK).status, 200);
        }
        let begin = Instant::now();
        brink.signal(signal);
        for client in &mut used {
            assert!(client.is_closed_by_server());
        }
        assert_eq!(brink.wait(), Some(0), "{signal}");
        assert!(begin.elapsed() < Duration::from_secs(5), "idle connections are not waited for");
        assert!(brink.log().contains(&format!("SIG{signal} received, stopping")), "{}", brink.log());
        assert!(brink.log().contains("Stopped"), "{}", brink.log());
        assert!(TcpStream::connect(brink.address).is_err());
    }
}

#[test]
fn an_open_request_is_finished_before_the_end() {
    let mut brink = small(&[]);
    let mut open = half_way(&brink);
    let mut idle = brink.connect();
    assert_eq!(idle.request("GET", "/health", &[]).status, 200);
    brink.signal("TERM");
    assert!(idle.is_closed_by_server());
    until_refused(&brink);
    open.send("cd");
    let answer = open.read(false).expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(answer.names(), ["a"]);
    assert!(open.is_closed_by_server());
    assert_eq!(brink.wait(), Some(0));
}

/// Stops the process, lets the clients send a request each, and sends SIGTERM before it goes on: it learns of both
/// at once, as it may under load. All must be answered.
fn check_answered_while_stopping(
    make: impl Fn(&Brink) -> Vec<Client>,
    make_stopped: impl Fn(&Brink) -> Vec<Client>,
) {
    for _ in 0..6 {
        let mut brink = small(&["--workers", "2"]);
        let mut clients = make(&brink);
        brink.signal("STOP");
        until_stopped(&brink);
        clients.extend(make_stopped(&brink));
        for client in &mut clients {
            client.send(format!("GET {FEATURES} HTTP/1.1\r\nauthorization: {BACKEND}\r\n\r\n"));
        }
        brink.signal("TERM");
        brink.signal("CONT");
        for client in &mut clients {
            assert_eq!(client.read(false).expect("an answer").status, 200);
            assert!(client.is_closed_by_server());
        }
        assert_eq!(brink.wait(), Some(0));
    }
}

fn until_stopped(brink: &Brink) {
    let deadline = Instant::now() + PATIENCE;
    let state = || fs::read_to_string(format!("/proc/{}/stat", brink.id())).expect("it runs");
    while !state().contains(") T ") {
        assert!(Instant::now() < deadline, "it does not stop: {}", state());
        thread::yield_now();
    }
}

/// Named after what went wrong: idle connections were closed with a request in their buffers.
#[test]
fn a_request_that_came_with_the_signal_is_answered() {
    let served = |brink: &Brink| {
        let mut client = brink.connect();
        assert_eq!(client.request("GET", "/health", &[]).status, 200);
        client
    };
    check_answered_while_stopping(|brink| (0..30).map(|_| served(brink)).collect(), |_| Vec::new());
}

/// Named after what went wrong: the listener was closed with connections in its queue.
#[test]
fn a_connection_made_before_the_signal_is_answered() {
    check_answered_while_stopping(|_| Vec::new(), |brink| (0..30).map(|_| brink.connect()).collect());
}

#[test]
fn a_slow_reader_gets_its_whole_answer_before_the_end() {
    let text = json!({"version": 2, "features": [{"name": "a", "enabled": true, "project": "p", "description": "x".repeat(16 << 20)}]});
    let mut brink = Brink::offline(text.to_string(), &["-c", BACKEND]);
    let mut client = brink.connect();
    client.send(format!("GET {FEATURES} HTTP/1.1\r\nauthorization: {BACKEND}\r\n\r\n"));
    client.stream.peek(&mut [0]).expect("the answer begins");
    brink.signal("TERM");
    until_refused(&brink);
    let answer = client.read(false).expect("an answer");
    assert_eq!((answer.status, answer.names().len()), (200, 1));
    assert!(answer.body.len() > 16 << 20 && client.is_closed_by_server());
    assert_eq!(brink.wait(), Some(0));
}

#[test]
fn a_stuck_request_holds_the_end_up_for_the_shutdown_timeout_only() {
    let mut brink = small(&["--shutdown-timeout", "1", "--edge-request-timeout", "60"]);
    let mut stuck = half_way(&brink);
    let begin = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(6), "{took:?}");
    assert!(stuck.is_closed_by_server());
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut brink = small(&["--edge-request-timeout", "60", "--shutdown-timeout", "60"]);
        let _stuck = half_way(&brink);
        brink.signal("TERM");
        brink.wait_for_log("received, stopping");
        let begin = Instant::now();
        brink.signal(signal);
        assert_eq!(brink.wait(), Some(code));
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_second_signal_ends_the_drain_delay() {
    let mut brink = small(&["--drain-delay", "60"]);
    brink.signal("TERM");
    brink.wait_for_log("received, stopping");
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(143));
}

#[test]
fn during_the_drain_delay_it_serves_and_says_not_ready() {
    let mut brink = small(&["--drain-delay", "2"]);
    let mut kept = brink.connect();
    assert_eq!(kept.request("GET", "/ready", &[]).status, 200);
    let begin = Instant::now();
    brink.signal("TERM");
    let ready = brink.get_until("/internal-backstage/ready", &[], |response| response.status == 503);
    assert_eq!(ready.json(), json!({"error": "Edge is not ready to serve requests", "status": "NOTREADY"}));
    for path in ["/health", FEATURES] {
        let response = brink.get(path, &BACK);
        assert_eq!((response.status, response.header("connection")), (200, None), "{path}");
    }
    assert_eq!(kept.request("GET", FEATURES, &BACK).status, 200);
    assert_eq!(brink.wait(), Some(0));
    assert!(begin.elapsed() > Duration::from_millis(1_900));
}

#[test]
fn a_reader_of_the_log_may_go_away() {
    let file = file_of(FILE);
    let path = file.to_str().expect("a plain path");
    let mut command = Brink::command(&["offline", "-b", path, "-c", BACKEND, "-r", "1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("brink starts");
    let mut log = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(log.read_line(&mut line).expect("text") > 0, "brink ended");
    }
    let address =
        line.split("traffic on ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    drop(log);
    file_of("broken").persist(&file).expect("the file can be replaced");
    let mut client = Client::connect(address.parse().expect("an address"));
    assert_eq!(client.request("GET", FEATURES, &BACK).status, 200);
    let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
    assert!(client.is_closed_by_server());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

fn offline_on(port: u16, more: &[&str]) -> Ended {
    let file = file_of(FILE);
    let (path, port) = (file.to_str().expect("a plain path"), port.to_string());
    run(&mut Brink::command(&[&["offline", "-b", path, "-c", BACKEND, "--port", &port], more].concat()))
}

fn check_start(ended: &Ended, expected: &str) {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), expected));
    assert!(!ended.stdout.contains("listening"), "{}", ended.stdout);
}

const IN_USE: &str = "Error: Failed to configure listening socket Address already in use (os error 98)\n";

#[test]
fn a_foreign_listener_on_the_port_is_found() {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = foreign.local_addr().expect("bound").port();
    check_start(&offline_on(port, &[]), IN_USE);
    check_start(&offline_on(port, &["--interface", "::"]), IN_USE);
    check_start(&offline_on(port, &["--interface", "0.0.0.0"]), IN_USE);
}

#[test]
fn a_foreign_listener_that_shares_its_port_is_found() {
    let foreign = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    foreign.set_reuse_port(true).expect("an option can be set");
    foreign.set_reuse_address(true).expect("an option can be set");
    foreign.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    foreign.listen(1).expect("it listens");
    let port = foreign.local_addr().expect("bound").as_socket().expect("an address").port();
    check_start(&offline_on(port, &[]), IN_USE);
}

#[test]
fn a_second_program_on_the_port_is_refused_and_the_first_goes_on() {
    let first = small(&[]);
    check_start(&offline_on(first.address.port(), &[]), IN_USE);
    assert!((0..50).all(|_| first.get(FEATURES, &BACK).status == 200));
}

/// The kernel takes rings down after their process is gone, so this is not a matter of course.
#[test]
fn the_port_is_free_again_at_once() {
    for (signal, code) in [("TERM", Some(0)), ("KILL", None)] {
        let file = file_of(FILE);
        let path = file.to_str().expect("a plain path");
        let mut first = small(&[]);
        let port = first.address.port().to_string();
        let mut kept = first.connect();
        assert_eq!(kept.request("GET", FEATURES, &BACK).status, 200);
        first.signal(signal);
        assert_eq!(first.wait(), code);
        let again = Brink::start(&["offline", "-b", path, "-c", BACKEND, "--port", &port]);
        assert_eq!(again.address.port().to_string(), port);
        assert_eq!(again.get(FEATURES, &BACK).status, 200);
    }
}

#[test]
fn an_interface_that_is_not_ours_is_refused() {
    let foreign =
        "Error: Failed to configure listening socket Cannot assign requested address (os error 99)\n";
    check_start(&offline_on(0, &["--interface", "192.0.2.1"]), foreign);
    let name =
        "Error: Failed to parse server url: [Invalid IP address 'localhost': invalid IP address syntax]\n";
    check_start(&offline_on(0, &["--interface", "localhost"]), name);
}

/// Runs with the three calls of io_uring denied, as container runtimes do; children inherit that.
fn without_io_uring<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    const IO_URING: std::ops::RangeInclusive<i64> = 425..=427;
    const EPERM: u32 = 1;
    let arch = std::env::consts::ARCH.try_into().expect("a known architecture");
    let rules = IO_URING.map(|number| (number, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM), arch);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a good filter");
    thread::scope(|scope| {
        let filtered = scope.spawn(|| {
            seccompiler::apply_filter(&program).expect("a filter can be set");
            run()
        });
        filtered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn a_host_without_io_uring_is_explained_and_exits_78() {
    let check = |ended: &Ended| {
        let text = &ended.stderr;
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(text.starts_with("Error: io_uring is denied to this process by a seccomp filter."), "{text}");
        assert_eq!(text.lines().count(), 1, "one paragraph: {text}");
        for word in
            ["Docker", "--security-opt seccomp=", "Kubernetes", "seccompProfile", "systemd", "io_uring_setup"]
        {
            assert!(text.contains(word), "{word} is missing: {text}");
        }
        assert!(!ended.stdout.contains("listening"), "{}", ended.stdout);
    };
    let edge = ["edge", "-u", "http://127.0.0.1:9", "-t", BACKEND];
    without_io_uring(|| {
        check(&offline_on(0, &[]));
        check(&run(&mut Brink::command(&edge)));
    });
}

#[test]
fn what_needs_no_io_uring_works_without_it() {
    let brink = small(&[]);
    let url = format!("http://{}", brink.address);
    without_io_uring(|| {
        for (args, stdout) in [
            (vec!["--help"], "Usage"),
            (vec!["offline", "--help"], "Usage"),
            (vec!["--version"], "brink "),
            (vec!["ready", "-e", &url], "OK\n"),
            (vec!["health", "-e", &url], ""),
        ] {
            let ended = run(Command::new(env!("CARGO_BIN_EXE_brink")).args(&args));
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
            assert!(ended.stdout.contains(stdout), "{args:?}: {}", ended.stdout);
        }
    });
}

#[test]
fn probes_fail_with_1() {
    let mut brink = small(&["--drain-delay", "60"]);
    let probe = |name: &str, url: &str| run(Brink::command(&[]).args([name, "-e", url]));
    let url = format!("http://{}", brink.address);
    brink.signal("TERM");
    brink.get_until("/ready", &[], |response| response.status == 503);
    let ready = probe("ready", &url);
    let text = format!(
        "Error: Ready check did not return 200 for {url}/internal-backstage/ready. It returned 503 Service Unavailable\n"
    );
    assert_eq!((ready.code, ready.stdout.as_str(), ready.stderr.as_str()), (Some(1), "", text.as_str()));
    assert_eq!(probe("health", &url).code, Some(0));
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(143));
    for name in ["health", "ready"] {
        let ended = probe(name, &url);
        assert!(ended.code == Some(1) && ended.stderr.starts_with("Error: "), "{ended:?}");
    }
}

#[test]
fn too_few_descriptors_are_explained() {
    let file = file_of(FILE);
    let script = r#"ulimit -n 100; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_brink"), "-p", "0", "-i", "127.0.0.1", "offline"]);
    let ended = run(command.arg("-b").arg(&*file).args(["-c", BACKEND]));
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.starts_with("Error: Only 100 files may be open"), "{}", ended.stderr);
}

/// Nanoseconds of CPU that each shard has used, by the name of its threads.
fn cpu_ns(brink: &Brink) -> BTreeMap<String, u64> {
    let mut used = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{}/task", brink.id())).expect("it runs").flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).expect("the thread lives");
        let name = read("comm").trim().to_owned();
        if name.starts_with("shard-") {
            let ns: Option<u64> = read("schedstat").split(' ').next().and_then(|text| text.parse().ok());
            *used.entry(name).or_insert(0) += ns.unwrap_or_else(|| panic!("no number for {task:?}"));
        }
    }
    used
}

fn check_shards(args: &[&str], shards: usize) {
    let brink = small(args);
    let before = cpu_ns(&brink);
    let expected: BTreeSet<String> = (0..shards).map(|index| format!("shard-{index}")).collect();
    assert_eq!(before.keys().cloned().collect::<BTreeSet<_>>(), expected, "{args:?}");
    assert!(brink.log().contains(&format!("shards={shards} ")), "{}", brink.log());
    for _ in 0..200 * shards {
        assert_eq!(brink.get(FEATURES, &BACK).status, 200);
    }
    let used: Vec<u64> = cpu_ns(&brink).iter().map(|(name, ns)| ns - before[name]).collect();
    let fair = used.iter().sum::<u64>() / shards as u64;
    assert!(used.iter().all(|ns| *ns > fair / 4), "connections are spread over all shards: {used:?} ns");
}

#[test]
fn every_worker_is_a_shard_that_answers() {
    for workers in [1, 2, 3] {
        check_shards(&["--workers", &workers.to_string()], workers);
    }
}

#[test]
fn no_number_of_workers_means_one_per_cpu() {
    let cpus = thread::available_parallelism().expect("a number").get();
    check_shards(&[], cpus);
    check_shards(&["-w", "0"], cpus);
}

#[test]
fn rings_run_with_their_flag() {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel has a release");
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (numbers.next(), numbers.next()) < (Some(5), Some(19)) {
        eprintln!("skipped: the kernel {release} does not know the flag");
        return;
    }
    let brink = small(&["--workers", "3"]);
    assert!(!brink.log().contains("COOP_TASKRUN"), "{}", brink.log());
    assert!(!brink.log().contains("WARN"), "{}", brink.log());
}

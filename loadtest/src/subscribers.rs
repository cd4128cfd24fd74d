//! How fast a change reaches the subscribers of a stream, what a subscriber costs the server, and what all that means
//! for other requests.
//!
//! ```text
//!   small upstream --change--> server under test --events--> swarm of subscribers
//!                                     ^--requests on a schedule-- probe
//! ```
//!
//! A round begins when the change is written to the server, and ends when it has come on every stream. Requests are
//! sent on a fixed schedule without changes first, and then beside them. Server, upstream, swarm, and probe share the
//! machine; on few cores the swarm's reading is a good part of what is measured.

mod arrival;
mod report;
mod swarm;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

pub use report::Report;
use report::Round;
use swarm::{News, Swarm};

use crate::failure::Failure;
use crate::http::Request;
use crate::open::{self, Order};
use crate::probe;
use crate::processes::{self, EdgeLaunch, Memory, Server, TOKEN_CLIENT};
use crate::tls::Endpoint;
use crate::upstream::{Upstream, marker};

/// Longest time that a change may take to reach everybody, and streams to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections of the probe; at a low rate one is busy at a time.
const PROBE_CONNECTIONS: usize = 4;
/// Name of the server in failures.
const SERVER: &str = "the server";

/// What to measure.
pub struct Measure {
    pub subject: Subject,
    pub streams: usize,
    pub seconds: u64,
    pub pause: Duration,
    /// Requests of the probe per second; 0 is none.
    pub rate: u32,
    pub threads: usize,
    /// Time for the server to settle before its memory is read.
    pub settle: Duration,
}

/// The server under test.
pub enum Subject {
    /// A brink that is started for it, with the small Unleash as its upstream.
    Brink { path: PathBuf, workers: usize, streaming: bool, document: String },
    /// A server that runs already, where a POST of an event makes it send that event to all streams.
    Running {
        address: SocketAddr,
        path: String,
        push: String,
        probe: String,
        token: Option<String>,
        pid: Option<u32>,
    },
}

/// The subject, ready to be measured.
struct Ready {
    endpoint: Endpoint,
    stream: Request,
    probe: Request,
    process: Process,
    trigger: Trigger,
}

/// Where memory is read.
enum Process {
    Ours(Server),
    Other(u32),
    Unknown,
}

/// How a change is made.
enum Trigger {
    Upstream(Upstream),
    Push(Endpoint, String),
}

/// Carries a measurement out.
pub fn measure(measure: &Measure) -> Result<Report, Failure> {
    let ready = prepare(&measure.subject)?;
    thread::sleep(measure.settle);
    let before = ready.process.memory()?;
    let host = ready.endpoint.address.to_string();
    let swarm =
        Swarm::open(ready.endpoint.address, &ready.stream.encode(&host), measure.streams, measure.threads);
    await_opened(&swarm)?;
    thread::sleep(measure.settle);
    let idle = ready.process.memory()?;
    let (quiet, _) = beside(&ready, measure, || thread::sleep(Duration::from_secs(measure.seconds)))?;
    let (busy, rounds) = beside(&ready, measure, || rounds(&ready.trigger, &swarm, measure))?;
    let (rounds, lost) = rounds?;
    let memory = [before, idle, ready.process.memory()?];
    Ok(Report { streams: measure.streams, lost, memory, rounds, quiet, busy })
}

fn prepare(subject: &Subject) -> Result<Ready, Failure> {
    match subject {
        Subject::Brink { path, workers, streaming, document } => {
            let upstream = Upstream::start(document).map_err(Failure::io("start an upstream"))?;
            let launch = EdgeLaunch { path: path.clone(), workers: *workers, streaming: *streaming };
            let server = Server::start_edge(&launch, upstream.address())?;
            let authorised = |path: &str| Request::new(path).with("Authorization", TOKEN_CLIENT);
            Ok(Ready {
                endpoint: server.endpoint().clone(),
                stream: authorised("/api/client/streaming").with("Accept", "text/event-stream"),
                probe: authorised("/api/client/features"),
                process: Process::Ours(server),
                trigger: Trigger::Upstream(upstream),
            })
        }
        Subject::Running { address, path, push, probe, token, pid } => {
            let endpoint = Endpoint { address: *address, tls: None };
            let authorised = |path: &str| {
                let request = Request::new(path);
                token.iter().fold(request, |request, token| request.with("Authorization", token))
            };
            Ok(Ready {
                stream: authorised(path).with("Accept", "text/event-stream"),
                probe: authorised(probe),
                process: pid.map_or(Process::Unknown, Process::Other),
                trigger: Trigger::Push(endpoint.clone(), push.clone()),
                endpoint,
            })
        }
    }
}

impl Process {
    fn memory(&self) -> Result<Memory, Failure> {
        match self {
            Self::Ours(server) => server.memory(),
            Self::Other(pid) => processes::memory(*pid).map_err(Failure::io("read the server's memory")),
            Self::Unknown => Ok(Memory::default()),
        }
    }
}

impl Trigger {
    /// Makes a change; returns when it was written to the server.
    fn pull(&self, round: u64) -> Result<Instant, Failure> {
        match self {
            Self::Upstream(upstream) => {
                upstream.flip(round);
                upstream.written(round, PATIENCE).ok_or_else(|| late("does not fetch from upstream"))
            }
            Self::Push(endpoint, path) => {
                let event = format!("event: flip\ndata: {{\"flip\":\"{}\"}}\n\n", marker(round));
                let at = Instant::now();
                let answer = probe::ask(endpoint, &Request::new(path).post_json(&event))
                    .map_err(Failure::io("push an event"))?;
                if answer.status < 300 { Ok(at) } else { Err(late("refuses the event")) }
            }
        }
    }
}

fn late(what: &str) -> Failure {
    let source = io::Error::new(ErrorKind::TimedOut, what.to_owned());
    Failure::Io { action: format!("go on: {SERVER} {what}"), source }
}

fn await_opened(swarm: &Swarm) -> Result<(), Failure> {
    for _ in 0..swarm.threads() {
        match swarm.news(PATIENCE) {
            Some(News::Opened(opened)) => opened.map_err(Failure::io("open streams"))?,
            _ => return Err(late("does not begin all streams")),
        }
    }
    Ok(())
}

/// Does something with requests beside it, if any are wanted.
fn beside<T>(
    ready: &Ready,
    measure: &Measure,
    work: impl FnOnce() -> T,
) -> Result<(Option<open::Report>, T), Failure> {
    if measure.rate == 0 {
        return Ok((None, work()));
    }
    let order = Order {
        target: ready.endpoint.address,
        request: ready.probe.clone(),
        fresh: false,
        rate: measure.rate,
        duration: Duration::from_secs(measure.seconds),
        count_max: None,
        connections: PROBE_CONNECTIONS,
    };
    thread::scope(|scope| {
        let probing = scope.spawn(|| open::run(&order));
        let done = work();
        let probed = probing.join().unwrap_or_else(|_| Err(late("(the probe's thread has panicked)")))?;
        Ok((Some(probed), done))
    })
}

/// Changes until the time is over; also counts streams that have ended by themselves.
fn rounds(trigger: &Trigger, swarm: &Swarm, measure: &Measure) -> Result<(Vec<Round>, usize), Failure> {
    let began = Instant::now();
    let mut lost = 0;
    let mut rounds = Vec::new();
    while began.elapsed() < Duration::from_secs(measure.seconds) {
        let next = Instant::now() + measure.pause;
        let number = rounds.len() as u64 + 1;
        swarm.set_round(number);
        let written = trigger.pull(number)?;
        let arrived = await_arrivals(swarm, number, &mut lost)?;
        rounds.push(Round::new(written, &arrived, measure.streams));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok((rounds, lost))
}

fn await_arrivals(swarm: &Swarm, number: u64, lost: &mut usize) -> Result<Vec<Instant>, Failure> {
    let mut arrived = Vec::new();
    let mut missing = swarm.threads();
    let mut deadline = Instant::now() + PATIENCE;
    let mut was_asked = false;
    while missing > 0 {
        match swarm.news(deadline.saturating_duration_since(Instant::now())) {
            Some(News::Arrived { round, at }) if round == number => {
                arrived.extend(at);
                missing -= 1;
            }
            Some(News::Lost(count)) => *lost += count,
            Some(News::Opened(Err(error))) => return Err(Failure::io("go on")(error)),
            Some(_) => {}
            None if was_asked => return Err(late("(a thread of subscribers is stuck)")),
            None => {
                // Somebody has not got it: what has come counts, and the report says what has not.
                swarm.set_round(0);
                was_asked = true;
                deadline = Instant::now() + PATIENCE;
            }
        }
    }
    Ok(arrived)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A server of streams, and of nothing else: a thread per connection.
    fn serve() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let streams = Arc::new(Mutex::new(Vec::new()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let streams = Arc::clone(&streams);
                thread::spawn(move || answer(stream, &streams));
            }
        });
        address
    }

    fn answer(mut stream: TcpStream, streams: &Mutex<Vec<TcpStream>>) {
        let mut bytes = [0; 4_000];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if text.starts_with("GET /stream") {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").expect("it reads");
                streams.lock().expect("no panic").push(stream);
                return;
            }
            if let Some((_, event)) = text.split_once("\r\n\r\n").filter(|_| text.starts_with("POST")) {
                for stream in &mut *streams.lock().expect("no panic") {
                    stream.write_all(event.as_bytes()).expect("it reads");
                }
            }
            let status = if text.starts_with("GET /refused") { 429 } else { 200 };
            let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("it reads");
        }
    }

    #[test]
    fn every_round_reaches_every_stream() {
        let subject = Subject::Running {
            address: serve(),
            path: "/stream".to_owned(),
            push: "/push".to_owned(),
            probe: "/".to_owned(),
            token: None,
            pid: Some(std::process::id()),
        };
        let order = Measure {
            subject,
            streams: 31,
            seconds: 1,
            pause: Duration::from_millis(50),
            rate: 50,
            threads: 2,
            settle: Duration::ZERO,
        };
        let report = measure(&order).expect("the server answers");
        assert_eq!(report.lost, 0);
        assert!((5..=21).contains(&report.rounds.len()), "{}", report.rounds.len());
        assert!(report.rounds.iter().all(|round| round.missing == 0 && round.first <= round.last));
        let probed = report.busy.as_ref().expect("it was asked for");
        assert_eq!(probed.statuses().collect::<Vec<_>>(), [(200, 50)]);
        assert!(report.to_string().contains("31 streams"));
    }

    #[test]
    fn a_server_that_refuses_streams_ends_the_measurement() {
        let subject = Subject::Running {
            address: serve(),
            path: "/refused".to_owned(),
            push: "/push".to_owned(),
            probe: "/".to_owned(),
            token: None,
            pid: None,
        };
        let order = Measure {
            subject,
            streams: 2,
            seconds: 1,
            pause: Duration::ZERO,
            rate: 0,
            threads: 1,
            settle: Duration::ZERO,
        };
        let failure = measure(&order).err().map(|failure| failure.to_string());
        assert!(failure.as_ref().is_some_and(|text| text.contains("HTTP/1.1 429")), "{failure:?}");
    }
}

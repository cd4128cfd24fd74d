//! A small Unleash: one environment, one token that matters, and one flag that is changed on command.
//!
//! It answers what an edge asks for, by polling, by delta, and by a stream of server-sent events, a thread per
//! connection. A change carries a text of its own, by which its arrival at clients is noticed, and the moment at which
//! it is first written to an edge is told: the beginning of its way. Listens on loopback, and ends with the process.

mod content;
mod request;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use content::Content;
pub use content::marker;
use request::Asked;
use serde_json::{Value, json};

/// Silence on a stream after which it says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A change was written to an edge for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub flip: u64,
    pub at: Instant,
}

/// The running upstream.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    written: Receiver<Written>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    content: Content,
    /// The last change that was written to anybody.
    told: u64,
    written: Sender<Written>,
}

impl Upstream {
    /// Starts to listen, with this document.
    pub fn start(document: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, written) = channel();
        let content = Content::new(serde_json::from_str(document)?);
        let state = Mutex::new(State { content, told: 0, written: sender });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // Whatever an edge does to its connection is its affair.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Ok(Self { address, shared, written })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the flag. Changes are numbered upwards from 1.
    pub fn flip(&self, flip: u64) {
        self.shared.state().content.flip(flip);
        self.shared.changed.notify_all();
    }

    /// When a change was written first; `None` if that takes longer than the time given.
    pub fn written(&self, flip: u64, patience: Duration) -> Option<Instant> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let written = self.written.recv_timeout(left).ok()?;
            if written.flip == flip {
                return Some(written.at);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut kept = Vec::new();
        while let Some(asked) = request::read(&mut stream, &mut kept)? {
            match (asked.method.as_str(), asked.path()) {
                ("GET", "/api/client/features") => self.features(&mut stream, &asked)?,
                ("GET", "/api/client/delta") => self.delta(&mut stream, &asked)?,
                ("GET", "/api/client/streaming") => return self.stream(&mut stream),
                ("POST", "/edge/validate") => answer(&mut stream, 200, None, &validated(&asked.body))?,
                ("POST", _) => answer(&mut stream, 202, None, b"")?,
                _ => answer(&mut stream, 404, None, b"")?,
            }
        }
        Ok(())
    }

    fn features(&self, stream: &mut TcpStream, asked: &Asked) -> io::Result<()> {
        let (body, etag) = {
            let mut state = self.state();
            let etag = format!("\"loadtest:{}\"", state.content.revision());
            if asked.if_none_match.as_deref() == Some(&etag) {
                drop(state);
                return answer(stream, 304, Some(&etag), b"");
            }
            state.tell();
            (state.content.document(), etag)
        };
        answer(stream, 200, Some(&etag), body.as_bytes())
    }

    fn delta(&self, stream: &mut TcpStream, asked: &Asked) -> io::Result<()> {
        let (body, etag) = {
            let mut state = self.state();
            let etag = format!("\"{}\"", state.content.revision());
            if asked.if_none_match.as_deref() == Some(&etag) {
                drop(state);
                return answer(stream, 304, Some(&etag), b"");
            }
            state.tell();
            (state.content.hydration(), etag)
        };
        answer(stream, 200, Some(&etag), body.as_bytes())
    }

    /// A hydration, and every change from then on.
    fn stream(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
              transfer-encoding: chunked\r\n\r\n",
        )?;
        let mut state = self.state();
        let mut seen = state.content.flips();
        state.tell();
        let first = event("unleash-connected", state.content.revision(), &state.content.hydration());
        drop(state);
        chunk(stream, &first)?;
        loop {
            let (mut state, _) = self
                .changed
                .wait_timeout_while(self.state(), KEEP_ALIVE, |state| state.content.flips() == seen)
                .unwrap_or_else(PoisonError::into_inner);
            let next = if state.content.flips() == seen {
                ": keep-alive\n\n".to_owned()
            } else {
                seen = state.content.flips();
                let event = event("unleash-updated", state.content.revision(), &state.content.update());
                state.tell();
                event
            };
            drop(state);
            chunk(stream, &next)?;
        }
    }
}

impl State {
    /// The newest change is about to be written.
    fn tell(&mut self) {
        let flip = self.content.flips();
        if flip > self.told {
            self.told = flip;
            // Nobody may be listening any more.
            let _ = self.written.send(Written { flip, at: Instant::now() });
        }
    }
}

fn event(name: &str, id: u64, data: &str) -> String {
    format!("event: {name}\nid: {id}\ndata: {data}\n\n")
}

fn chunk(stream: &mut TcpStream, payload: &str) -> io::Result<()> {
    stream.write_all(format!("{:x}\r\n{payload}\r\n", payload.len()).as_bytes())
}

fn answer(stream: &mut TcpStream, status: u16, etag: Option<&str>, body: &[u8]) -> io::Result<()> {
    let mut wire = format!("HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n").into_bytes();
    if let Some(etag) = etag {
        write!(wire, "etag: {etag}\r\n")?;
    }
    if status != 304 {
        write!(wire, "content-length: {}\r\n", body.len())?;
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(body);
    stream.write_all(&wire)
}

/// Every token is good, and for the environment that it names.
fn validated(body: &[u8]) -> Vec<u8> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let texts = asked["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tokens: Vec<Value> = texts
        .map(|token| {
            let environment = token.split([':', '.']).nth(1).unwrap_or("development");
            json!({ "token": token, "type": "client", "environment": environment, "projects": ["*"] })
        })
        .collect();
    json!({ "tokens": tokens }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::http::Request;
    use crate::probe;
    use crate::tls::Endpoint;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn start() -> Upstream {
        Upstream::start(r#"{"version":2,"features":[{"name":"a"}],"segments":[]}"#)
            .expect("loopback has a free port")
    }

    #[test]
    fn polls_see_changes_and_are_not_sent_what_they_have() {
        let upstream = start();
        let endpoint = Endpoint { address: upstream.address(), tls: None };
        for path in ["/api/client/features", "/api/client/delta"] {
            let first = probe::ask(&endpoint, &Request::new(path)).expect("an answer");
            let etag = first.etag.expect("a tag");
            let again = Request::new(path).with("If-None-Match", &etag);
            assert_eq!(probe::ask(&endpoint, &again).expect("an answer").status, 304);
        }
        upstream.flip(1);
        let began = Instant::now();
        let changed = probe::ask(&endpoint, &Request::new("/api/client/features")).expect("an answer");
        assert_eq!(changed.status, 200);
        assert!(upstream.written(1, PATIENCE).is_some_and(|at| at >= began));
        assert_eq!(upstream.written(2, Duration::ZERO), None);
    }

    #[test]
    fn a_stream_begins_with_everything_and_goes_on_with_changes() {
        let upstream = start();
        let mut stream = TcpStream::connect(upstream.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.write_all(b"GET /api/client/streaming HTTP/1.1\r\n\r\n").expect("it reads");
        let mut text = String::new();
        let mut await_text = |wanted: &str| {
            let mut bytes = [0; 1_000];
            while !text.contains(wanted) {
                let count = stream.read(&mut bytes).expect("more");
                text.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        await_text(r#"{"type":"hydration""#);
        for flip in 1..=3 {
            upstream.flip(flip);
            await_text(&content::marker(flip));
            assert!(upstream.written(flip, PATIENCE).is_some());
        }
    }

    #[test]
    fn tokens_are_found_good() {
        let answer = validated(br#"{"tokens":["*:production.secret","opaque"]}"#);
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["tokens"][0]["environment"], "production");
        assert_eq!(answer["tokens"][1]["environment"], "development");
    }
}

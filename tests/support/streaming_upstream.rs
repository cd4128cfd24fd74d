//! An upstream with deltas and streams for tests: plain threads and sockets, loopback, a free port.
//!
//! What it holds is a [`Unleash`]; every change of it goes to all open streams. Tests script the rest: statuses, silence, cuts,
//! and any text on the streams. Every request is recorded with its time. Dropping it closes the port and all connections.
#![allow(dead_code, reason = "each test binary uses another part of it")]

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::model_unleash::{Unleash, frame};

pub const FEATURES: &str = "/api/client/features";
pub const DELTA: &str = "/api/client/delta";
pub const STREAMING: &str = "/api/client/streaming";
pub const VALIDATE: &str = "/edge/validate";

/// How long the fake is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How calls to one path are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// As Unleash does.
    Well,
    /// With this status, and `Retry-After` if there is one.
    Status(u16, Option<u64>),
    /// Streams: the head and nothing more. Others: nothing at all.
    Mute,
    /// 200 with a login page.
    Html,
    /// Streams: the head, then the end.
    Ends,
    /// Streams: everything in pieces of this many bytes, ten of them in a second.
    Trickles(usize),
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub at: Instant,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// See the module.
pub struct StreamingUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    changed: Condvar,
}

struct Script {
    unleash: Unleash,
    tokens: Vec<String>,
    ways: Vec<(&'static str, Way)>,
    streams: Vec<Stream>,
    /// Streams that clients have left or that were cut.
    gone: usize,
    requests: Vec<Request>,
    connections: Vec<TcpStream>,
    stopping: bool,
}

/// An open stream, and what it has been told.
struct Stream {
    socket: TcpStream,
    told: u64,
    number: usize,
    token: String,
}

impl StreamingUpstream {
    /// With these contents, for clients with this token.
    pub fn start(token: &str, unleash: Unleash) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let script = Script {
            unleash,
            tokens: vec![token.to_owned()],
            ways: Vec::new(),
            streams: Vec::new(),
            gone: 0,
            requests: Vec::new(),
            connections: Vec::new(),
            stopping: false,
        };
        let shared = Arc::new(Shared { script: Mutex::new(script), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Treats calls to this path so from now on.
    pub fn treat(&self, path: &'static str, way: Way) {
        let mut script = self.shared.lock();
        script.ways.retain(|(known, _)| *known != path);
        script.ways.push((path, way));
    }

    /// Changes what it holds, and tells all streams.
    pub fn change(&self, edit: impl FnOnce(&mut Unleash)) {
        let mut script = self.shared.lock();
        edit(&mut script.unleash);
        let Script { unleash, streams, .. } = &mut *script;
        for stream in streams {
            let events = seen_by(&stream.token, unleash.since(Some(stream.told)));
            stream.told = unleash.revision;
            if !events.is_empty() {
                send(&stream.socket, &frame("unleash-updated", Some(unleash.revision), &events));
            }
        }
        self.shared.changed.notify_all();
    }

    /// Changes what it holds, and tells no stream, now or later.
    pub fn change_silently(&self, edit: impl FnOnce(&mut Unleash)) {
        let mut script = self.shared.lock();
        edit(&mut script.unleash);
        let revision = script.unleash.revision;
        script.streams.iter_mut().for_each(|stream| stream.told = revision);
    }

    /// Any text to all streams.
    pub fn say(&self, text: &str) {
        self.shared.lock().streams.iter().for_each(|stream| send(&stream.socket, text));
    }

    /// Ends all streams, without a last chunk.
    pub fn cut(&self) {
        for stream in self.shared.lock().streams.drain(..) {
            let _ = stream.socket.shutdown(Shutdown::Both);
        }
    }

    pub fn add_token(&self, token: &str) {
        self.shared.lock().tokens.push(token.to_owned());
    }

    pub fn remove_tokens(&self) {
        self.shared.lock().tokens.clear();
    }

    pub fn open_streams(&self) -> usize {
        self.shared.lock().streams.len()
    }

    /// The requests to a path so far.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        self.shared.lock().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Waits until that many requests have come to a path, and returns them.
    #[track_caller]
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Request> {
        self.wait(&format!("{count} requests to {path}"), |script| {
            script.requests.iter().filter(|request| request.path == path).count() >= count
        });
        self.requests(path)
    }

    /// Waits until that many streams are open.
    #[track_caller]
    pub fn wait_for_streams(&self, count: usize) {
        self.wait(&format!("{count} streams"), |script| script.streams.len() == count);
    }

    /// Waits until clients have left that many streams.
    #[track_caller]
    pub fn wait_for_gone(&self, count: usize) {
        self.wait(&format!("{count} streams left"), |script| script.gone >= count);
    }

    #[track_caller]
    fn wait(&self, what: &str, is_there: impl Fn(&Script) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut script = self.shared.lock();
        while !is_there(&script) {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen: Vec<&str> = script.requests.iter().map(|request| &*request.path).collect();
            assert!(!left.is_zero(), "no {what}; {} streams, seen: {seen:?}", script.streams.len());
            (script, _) =
                self.shared.changed.wait_timeout(script, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for StreamingUpstream {
    fn drop(&mut self) {
        let mut script = self.shared.lock();
        script.stopping = true;
        for socket in &script.connections {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(script);
        self.shared.changed.notify_all();
        // Wakes the acceptor out of its accept call.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, socket) in listener.incoming().enumerate() {
        let Ok(socket) = socket else { return };
        let mut script = shared.lock();
        if script.stopping {
            return;
        }
        let _ = socket.set_nodelay(true);
        script.connections.extend(socket.try_clone());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A broken connection is the client's affair.
            let _ = serve(&socket, number, &shared);
            let _ = socket.shutdown(Shutdown::Both);
            let mut script = shared.lock();
            let before = script.streams.len();
            script.streams.retain(|stream| stream.number != number);
            script.gone += before - script.streams.len();
            drop(script);
            shared.changed.notify_all();
        });
    }
}

fn serve(socket: &TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    let mut unread = Vec::new();
    while let Some((request, body)) = read_request(socket, &mut unread)? {
        let mut script = shared.lock();
        script.requests.push(request.clone());
        let way = script.ways.iter().find(|(path, _)| *path == request.path).map(|(_, way)| way.clone());
        let way = way.unwrap_or(Way::Well);
        let is_known = request
            .header("authorization")
            .is_some_and(|token| script.tokens.iter().any(|known| known == token));
        shared.changed.notify_all();
        let (mut out, mut stays) = (socket, true);
        match (&*request.path, way) {
            (_, Way::Status(status, retry_after)) => {
                drop(script);
                let headers =
                    retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
                write!(out, "HTTP/1.1 {status} Status\r\n{headers}content-length: 0\r\n\r\n")?;
            }
            (_, Way::Html) => {
                drop(script);
                answer(out, 200, "content-type: text/html\r\n", "<p>")?;
            }
            (FEATURES | DELTA | STREAMING, _) if !is_known => {
                drop(script);
                answer(out, 401, "", "{}")?;
            }
            (STREAMING, way) => {
                out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n")?;
                stays = false;
                stream(script, socket, number, &request, &way)?;
                let mut rest = [0; 64];
                while way != Way::Ends && (&*socket).read(&mut rest)? > 0 {}
            }
            (_, Way::Mute) => {
                drop(script);
                let mut rest = [0; 64];
                while (&*socket).read(&mut rest)? > 0 {}
            }
            (path, _) => {
                let (status, headers, body) = normal(&script, path, &request, &body);
                drop(script);
                answer(out, status, &headers, &body)?;
            }
        }
        if !stays {
            return Ok(());
        }
    }
    Ok(())
}

/// Begins a stream, as long as nothing changes.
fn stream(
    mut script: MutexGuard<'_, Script>,
    socket: &TcpStream,
    number: usize,
    request: &Request,
    way: &Way,
) -> io::Result<()> {
    if *way == Way::Ends {
        return Ok(());
    }
    let told = script.unleash.revision;
    let id = request.header("last-event-id").and_then(|id| id.parse().ok());
    let token = request.header("authorization").unwrap_or_default().to_owned();
    let events = seen_by(&token, script.unleash.since(id));
    let first = frame("unleash-connected", (!events.is_empty()).then_some(told), &events);
    if let Way::Trickles(size) = way {
        drop(script);
        for piece in first.as_bytes().chunks(*size) {
            send(socket, &String::from_utf8_lossy(piece));
            // The pace of the line, not a wait for anything.
            thread::sleep(Duration::from_millis(100));
        }
        return Ok(());
    }
    if *way == Way::Well {
        send(socket, &first);
    }
    script.streams.push(Stream { socket: socket.try_clone()?, told, number, token });
    Ok(())
}

fn normal(script: &Script, path: &str, request: &Request, body: &[u8]) -> (u16, String, String) {
    let json = "content-type: application/json\r\n";
    let tag = request.header("if-none-match");
    match path {
        VALIDATE => {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let asked = asked["tokens"].as_array().cloned().unwrap_or_default();
            let known = asked.iter().filter(|token| script.tokens.iter().any(|known| **token == **known));
            let records: Vec<Value> = known
                .map(|token| json!({"token": token, "type": "client", "environment": "development", "projects": [project_of(token.as_str().unwrap_or_default())]}))
                .collect();
            (200, json.to_owned(), json!({"tokens": records}).to_string())
        }
        FEATURES => {
            let etag = script.unleash.tag();
            match tag == Some(&etag) {
                true => (304, format!("etag: {etag}\r\n"), String::new()),
                false => (200, format!("etag: {etag}\r\n{json}"), script.unleash.list()),
            }
        }
        DELTA => {
            let id = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
            let events =
                seen_by(request.header("authorization").unwrap_or_default(), script.unleash.since(id));
            match events.is_empty() {
                true => (304, String::new(), String::new()),
                false => {
                    let etag = format!("etag: \"{}\"\r\n{json}", script.unleash.revision);
                    (200, etag, json!({"events": events}).to_string())
                }
            }
        }
        _ if path.contains("/api/client/") => (202, String::new(), String::new()),
        _ => (404, String::new(), String::new()),
    }
}

fn answer(mut out: &TcpStream, status: u16, headers: &str, body: &str) -> io::Result<()> {
    let length = if status == 304 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    write!(out, "HTTP/1.1 {status} Status\r\n{headers}{length}\r\n{body}")
}

/// What a token sees: features of its project, and all segments.
fn seen_by(token: &str, mut events: Vec<Value>) -> Vec<Value> {
    let project = project_of(token);
    let sees = |of: &Value| project == "*" || *of == project;
    for event in &mut events {
        if let Some(features) = event["features"].as_array_mut() {
            features.retain(|feature| sees(&feature["project"]));
        }
    }
    events.retain(|event| match event["type"].as_str() {
        Some("feature-updated") => sees(&event["feature"]["project"]),
        Some("feature-removed") => sees(&event["project"]),
        _ => true,
    });
    events
}

fn project_of(token: &str) -> &str {
    token.split(':').next().unwrap_or_default()
}

/// One chunk; a client that has left is noticed by its thread.
fn send(mut socket: &TcpStream, text: &str) {
    let _ = socket.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
}

fn read_request(mut socket: &TcpStream, unread: &mut Vec<u8>) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut chunk = [0; 4096];
    let mut more = |unread: &mut Vec<u8>| -> io::Result<bool> {
        let read = socket.read(&mut chunk)?;
        unread.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    };
    let end = loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if !more(unread)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    unread.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let request = Request { path, headers, at: Instant::now() };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        if !more(unread)? {
            return Ok(None);
        }
    }
    Ok(Some((request, unread.drain(..length).collect())))
}

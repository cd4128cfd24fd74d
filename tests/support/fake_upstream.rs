//! A scriptable upstream for tests: plain threads, loopback, a free port.
//!
//! By itself it behaves like Unleash (features with ETag, 304 and gzip, validate, register, metrics); a
//! [`Habit`] makes it misbehave in one named way, for all calls, for one path, or for the next few calls.
//! Everything can be changed while it runs, and every request is recorded. Dropping it closes the port and
//! all connections, and waits for its threads.
//!
//! ```text
//!   let up = FakeUpstream::start();
//!   up.add_token("*:development.secret", "client", &["*"]);
//!   up.set_features("development", r#"{"version":2,"features":[]}"#);
//!   up.set_habit_times(1, Habit::Status(403));
//!   up.wait_for("a second fetch", |requests| on(requests, FEATURES).count() >= 2);
//! ```
#![allow(dead_code, reason = "each test binary uses another part of it")]

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use answers::{Answer, Connection, act, cut, gzip};
pub use habits::Habit;
use serde_json::{Value, json};

#[path = "fake_upstream_answers.rs"]
mod answers;
#[path = "fake_upstream_habits.rs"]
mod habits;

/// Path of the features call.
pub const FEATURES: &str = "/api/client/features";
/// Path of the validation call.
pub const VALIDATE: &str = "/edge/validate";
/// Path of the registration call.
pub const REGISTER: &str = "/api/client/register";
/// Path of uploads of usage.
pub const BULK: &str = "/api/client/metrics/bulk";
/// Path of instance data.
pub const INSTANCE: &str = "/api/client/metrics/edge";
/// Path of heartbeats.
pub const HEARTBEAT: &str = "/api/client/edge-licensing/heartbeat";

/// How long [`FakeUpstream::wait_for`] waits before it fails the test.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// As on the request line, query included; absolute if the client took us for a proxy.
    pub target: String,
    /// Names as on the wire, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Number of the connection, counted from 0.
    pub connection: usize,
    /// How it was treated.
    pub habit: Habit,
}

impl Request {
    /// All values of a header, name in lower case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The only value of a header; fails the test on several.
    #[track_caller]
    pub fn only(&self, name: &str) -> Option<&str> {
        let values = self.header(name);
        assert!(values.len() <= 1, "{name} is sent {} times", values.len());
        values.first().copied()
    }

    /// The body as JSON; fails the test if it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the request body is JSON")
    }
}

/// The requests whose path ends with `path`.
pub fn on<'a>(requests: &'a [Request], path: &'a str) -> impl Iterator<Item = &'a Request> {
    requests.iter().filter(move |request| path_of(&request.target).ends_with(path))
}

/// The fake. See the module.
pub struct FakeUpstream {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    script: Mutex<Script>,
    /// Rung after every request and every change.
    changed: Condvar,
    tls: Option<Arc<rustls::ServerConfig>>,
}

#[derive(Default)]
struct Script {
    habits: Vec<Rule>,
    /// Token or environment to document.
    features: BTreeMap<String, Document>,
    tokens: BTreeMap<String, Value>,
    token_header: String,
    requests: Vec<Request>,
    /// Open connections by number; a connection's thread takes its own out.
    connections: BTreeMap<usize, TcpStream>,
    threads: Vec<JoinHandle<()>>,
    revision: u64,
    stopping: bool,
}

struct Rule {
    path: Option<String>,
    habit: Habit,
    /// `None` is for ever.
    times_left: Option<usize>,
}

#[derive(Clone)]
struct Document {
    etag: String,
    body: Vec<u8>,
}

impl FakeUpstream {
    /// Starts on a free loopback port.
    pub fn start() -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), None)
    }

    /// Starts with TLS.
    pub fn start_tls(tls: Arc<rustls::ServerConfig>) -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), Some(tls))
    }

    /// Starts on a given loopback address, for example one where another has just been dropped.
    pub fn start_on(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        assert!(address.ip().is_loopback());
        let listener = TcpListener::bind(address).expect("a loopback port can be bound");
        let mut fake = Self::silent(listener.local_addr().expect("a bound listener has an address"), tls);
        fake.accept_on(listener);
        fake
    }

    /// One that does not take connections yet.
    fn silent(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let script = Script { token_header: "authorization".into(), ..Script::default() };
        let shared = Arc::new(Shared { script: Mutex::new(script), changed: Condvar::new(), tls });
        Self { address, scheme, shared, acceptor: None }
    }

    fn accept_on(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.acceptor = Some(std::thread::spawn(move || accept(&listener, &shared)));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL, by address.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Base URL with a host name, for certificates; the name must mean loopback.
    pub fn url_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    /// Makes a token valid; the environment is the one in its text.
    pub fn add_token(&self, token: &str, kind: &str, projects: &[&str]) {
        let record = json!({
            "token": token, "type": kind, "environment": environment_of(token), "projects": projects,
        });
        self.change(|script| script.tokens.insert(token.to_owned(), record));
    }

    /// Makes a token invalid, for validation and for fetching.
    pub fn remove_token(&self, token: &str) {
        self.change(|script| script.tokens.remove(token));
    }

    /// Sets the document of a token, or of all tokens of an environment, under a new tag.
    pub fn set_features(&self, token_or_environment: &str, json: impl Into<String>) {
        self.change(|script| {
            script.revision += 1;
            let etag = format!("\"76d8bb0e:{}:v1\"", script.revision);
            let document = Document { etag, body: json.into().into_bytes() };
            script.features.insert(token_or_environment.to_owned(), document);
        });
    }

    /// The tag now in force for a token or an environment.
    pub fn etag(&self, token_or_environment: &str) -> Option<String> {
        self.lock().features.get(token_or_environment).map(|document| document.etag.clone())
    }

    /// Replaces the tag with any text, malformed ones included.
    pub fn set_etag(&self, token_or_environment: &str, etag: &str) {
        self.change(|script| {
            let document = script.features.get_mut(token_or_environment).expect("features were set before");
            document.etag = etag.to_owned();
        });
    }

    /// Name of the header in which the token is expected, lower case.
    pub fn set_token_header(&self, name: &str) {
        self.change(|script| script.token_header = name.to_owned());
    }

    /// Treats every request like this from now on; forgets all earlier habits.
    pub fn set_habit(&self, habit: Habit) {
        self.change(|script| script.habits = vec![Rule { path: None, habit, times_left: None }]);
    }

    /// Treats the next `times` requests like this, then as before.
    pub fn set_habit_times(&self, times: usize, habit: Habit) {
        self.change(|script| script.habits.push(Rule { path: None, habit, times_left: Some(times) }));
    }

    /// Treats requests to one path like this; others as before.
    pub fn set_habit_on(&self, path: &str, habit: Habit) {
        let path = Some(path.to_owned());
        self.change(|script| script.habits.push(Rule { path, habit, times_left: None }));
    }

    /// Treats the next `times` requests to one path like this.
    pub fn set_habit_on_times(&self, path: &str, times: usize, habit: Habit) {
        let path = Some(path.to_owned());
        self.change(|script| script.habits.push(Rule { path, habit, times_left: Some(times) }));
    }

    /// Everything received so far.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// The latest request.
    #[track_caller]
    pub fn last_request(&self) -> Request {
        self.lock().requests.last().cloned().expect("a request was received")
    }

    /// Forgets the recorded requests.
    pub fn forget_requests(&self) {
        self.change(|script| script.requests.clear());
    }

    /// Cuts all connections; new ones are accepted.
    pub fn cut_connections(&self) {
        self.change(|script| script.connections.values().for_each(cut));
    }

    /// Blocks until the recorded requests satisfy `wanted`; fails the test after ten seconds.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&[Request]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut script = self.lock();
        while !wanted(&script.requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen: Vec<_> = script.requests.iter().map(|r| format!("{} {}", r.method, r.target)).collect();
            assert!(!left.is_zero(), "no {what} within {PATIENCE:?}; seen: {seen:#?}");
            (script, _) =
                self.shared.changed.wait_timeout(script, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.shared.lock()
    }

    fn change<T>(&self, edit: impl FnOnce(&mut Script) -> T) -> T {
        let result = edit(&mut self.lock());
        self.shared.changed.notify_all();
        result
    }
}

/// A loopback port of nobody: connections to it are refused until an upstream opens there.
pub struct ClosedPort(socket2::Socket);

impl ClosedPort {
    /// Takes a free port.
    pub fn reserve() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket can be made");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&address.into()).expect("a loopback port can be bound");
        Self(socket)
    }

    /// Base URL of the upstream to come.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Opens the port, after the upstream behind it has been prepared.
    pub fn open(self, prepare: impl FnOnce(&FakeUpstream)) -> FakeUpstream {
        let mut fake = FakeUpstream::silent(self.address(), None);
        prepare(&fake);
        self.0.listen(128).expect("a bound socket can listen");
        fake.accept_on(self.0.into());
        fake
    }

    fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().ok().and_then(|address| address.as_socket());
        address.expect("a bound socket has an address")
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        let threads = self.change(|script| {
            script.stopping = true;
            script.connections.values().for_each(cut);
            std::mem::take(&mut script.threads)
        });
        // Wakes the acceptor out of its accept call.
        let _ = TcpStream::connect(self.address);
        for thread in threads.into_iter().chain(self.acceptor.take()) {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for FakeUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeUpstream").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass; false if the fake is being stopped.
    fn pause(&self, time: Duration) -> bool {
        let script = self.lock();
        let (script, _) = self
            .changed
            .wait_timeout_while(script, time, |script| !script.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        !script.stopping
    }

    /// Waits until the fake is stopped.
    fn hang(&self) {
        let script = self.lock();
        drop(self.changed.wait_while(script, |script| !script.stopping));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { return };
        let mut script = shared.lock();
        if script.stopping {
            return;
        }
        let _ = stream.set_nodelay(true);
        script.connections.extend(stream.try_clone().map(|stream| (number, stream)));
        let shared_by_thread = Arc::clone(shared);
        script.threads.push(std::thread::spawn(move || {
            // A broken connection is the client's affair; the tests look at what it made of it.
            let _ = serve(stream, number, &shared_by_thread);
            shared_by_thread.lock().connections.remove(&number);
        }));
    }
}

fn serve(stream: TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    let raw = stream.try_clone()?;
    match &shared.tls {
        None => serve_requests(stream, &raw, number, shared),
        Some(config) => {
            let connection = rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            serve_requests(rustls::StreamOwned::new(connection, stream), &raw, number, shared)
        }
    }
}

fn serve_requests(
    mut stream: impl Connection,
    raw: &TcpStream,
    number: usize,
    shared: &Shared,
) -> io::Result<()> {
    let mut unread = Vec::new();
    let result = loop {
        let Some(request) = read_request(&mut stream, &mut unread, number)? else { break Ok(()) };
        let (habit, answer) = record(request, shared);
        match act(&habit, answer, &mut stream, raw, shared) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if result.is_ok() {
        cut(raw);
    }
    result
}

fn read_request(
    stream: &mut impl Connection,
    unread: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Option<Request>> {
    let head_end = loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if !read_more(stream, unread)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&unread[..head_end]).into_owned();
    unread.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request {
        method: first.next().unwrap_or_default(),
        target: first.next().unwrap_or_default(),
        headers,
        body: Vec::new(),
        connection,
        habit: Habit::Normal,
    };
    let length = request.header("content-length").first().and_then(|text| text.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        if !read_more(stream, unread)? {
            return Ok(None);
        }
    }
    request.body = unread.drain(..length).collect();
    Ok(Some(request))
}

fn read_more(stream: &mut impl Connection, unread: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 16 * 1024];
    let read = stream.read(&mut chunk)?;
    unread.extend_from_slice(&chunk[..read]);
    Ok(read > 0)
}

/// Notes the request and decides under one lock what happens to it.
fn record(mut request: Request, shared: &Shared) -> (Habit, Answer) {
    let mut script = shared.lock();
    let habit = script.next_habit(&request).towards(&request.body);
    request.habit = habit.clone();
    let answer = script.normal(&request);
    script.requests.push(request);
    drop(script);
    shared.changed.notify_all();
    (habit, answer)
}

impl Script {
    /// The latest rule that applies, used up by one.
    fn next_habit(&mut self, request: &Request) -> Habit {
        let path = path_of(&request.target);
        let applies = |rule: &Rule| {
            rule.times_left != Some(0)
                && rule.path.as_ref().is_none_or(|wanted| path.ends_with(wanted.as_str()))
        };
        let Some(rule) = self.habits.iter_mut().rev().find(|rule| applies(rule)) else {
            return Habit::Normal;
        };
        rule.times_left = rule.times_left.map(|left| left - 1);
        rule.habit.clone()
    }

    /// What Unleash would answer.
    fn normal(&self, request: &Request) -> Answer {
        let path = path_of(&request.target);
        if request.method == "GET" && path.ends_with(FEATURES) {
            self.features(request)
        } else if request.method == "POST" && path.ends_with(VALIDATE) {
            self.validate(request)
        } else if request.method == "POST" && path.ends_with(REGISTER) {
            Answer { status: 202, headers: vec![("x-unleash-version", "8.2.0".into())], body: Vec::new() }
        } else if request.method == "POST" && path.contains("/api/client/metrics") {
            Answer { status: 202, headers: Vec::new(), body: Vec::new() }
        } else {
            Answer::json(404, json!({"name": "NotFoundError"}))
        }
    }

    fn features(&self, request: &Request) -> Answer {
        let token = request.header(&self.token_header).first().copied().unwrap_or_default();
        if !self.tokens.contains_key(token) {
            return Answer::json(401, json!({"name": "AuthenticationRequired"}));
        }
        let by_environment = || self.features.get(environment_of(token));
        let Some(document) = self.features.get(token).or_else(by_environment) else {
            return Answer::json(404, json!({"name": "NotFoundError"}));
        };
        let etag = ("etag", document.etag.clone());
        if request.header("if-none-match").first() == Some(&document.etag.as_str()) {
            return Answer { status: 304, headers: vec![etag], body: Vec::new() };
        }
        let mut headers = vec![etag, ("content-type", "application/json; charset=utf-8".into())];
        let mut body = document.body.clone();
        if request.header("accept-encoding").iter().any(|codings| codings.contains("gzip")) {
            headers.push(("content-encoding", "gzip".into()));
            body = gzip(&body);
        }
        Answer { status: 200, headers, body }
    }

    fn validate(&self, request: &Request) -> Answer {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let asked = asked["tokens"].as_array().cloned().unwrap_or_default();
        let known: Vec<_> =
            asked.iter().filter_map(|token| self.tokens.get(token.as_str()?)).cloned().collect();
        Answer::json(200, json!({"tokens": known}))
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn environment_of(token: &str) -> &str {
    token
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once('.'))
        .map_or("", |(environment, _)| environment)
}

//! The real binary as a child process on a free loopback port, and a plain socket client to talk to it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::{NamedTempFile, TempPath};

/// Longer than anything should take, shorter than anybody wants to wait for a hanging test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running brink; ended when dropped.
pub struct Brink {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
    /// What it serves in offline mode.
    file: Option<TempPath>,
}

impl Brink {
    /// Starts with these arguments after `-p 0 -i 127.0.0.1`, and waits until the port is open.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(&mut Self::command(args))
    }

    /// The command that [`Brink::start`] runs, to add to it.
    pub fn command(args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brink"));
        command.env_clear().env("NO_COLOR", "1").args(["-p", "0", "-i", "127.0.0.1"]).args(args);
        command
    }

    /// Starts in offline mode with a file of this content and more arguments behind it.
    pub fn offline(content: impl AsRef<[u8]>, args: &[&str]) -> Self {
        let file = file_of(content);
        let path = file.to_str().expect("a plain path").to_owned();
        let mut brink = Self::start(&[&["offline", "-b", &path], args].concat());
        brink.file = Some(file);
        brink
    }

    /// Replaces the file that it serves, in one step.
    pub fn rewrite(&self, content: impl AsRef<[u8]>) {
        let served: &Path = self.file.as_ref().expect("only in offline mode");
        file_of(content).persist(served).expect("the file can be replaced");
    }

    pub fn start_with(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("brink starts");
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().expect("piped"), &log);
        collect(child.stderr.take().expect("piped"), &log);
        let mut brink = Self { child, address: ([127, 0, 0, 1], 0).into(), log, file: None };
        let line = brink.wait_for_log("Edge is listening to ");
        let address = line.split("traffic on ").nth(1).and_then(|rest| rest.split(' ').next());
        brink.address = address.and_then(|text| text.parse().ok()).expect("the line names the address");
        brink
    }

    /// Waits for a line that contains the text and returns it.
    pub fn wait_for_log(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "brink ended ({ended:?}) before it said {text:?}:\n{}", self.log());
            assert!(Instant::now() < deadline, "brink did not say {text:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Everything said so far, on either stream.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.connect().request("GET", path, headers)
    }

    /// Asks until the answer satisfies the check.
    pub fn get_until(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        check: impl Fn(&Response) -> bool,
    ) -> Response {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.get(path, headers);
            if check(&response) {
                return response;
            }
            assert!(Instant::now() < deadline, "{path} keeps answering {response:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "brink does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Resident memory in kB.
    pub fn rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// A file of this content, gone when dropped.
pub fn file_of(content: impl AsRef<[u8]>) -> TempPath {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content.as_ref()).expect("room for it");
    file.into_temp_path()
}

/// How a run that does not serve ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("brink starts");
    let stdout = read_all(child.stdout.take().expect("piped"));
    let stderr = read_all(child.stderr.take().expect("piped"));
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("the child can be asked").is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    let in_time = child.try_wait().expect("the child can be asked").is_some();
    let _ = child.kill();
    let code = child.wait().expect("it has ended").code();
    let ended = Ended { code, stdout: stdout.join().expect("read"), stderr: stderr.join().expect("read") };
    assert!(in_time, "brink does not end: {ended:?}");
    ended
}

fn read_all(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Drop for Brink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// A connection that says exactly what it is told.
pub struct Client<S = TcpStream> {
    pub stream: S,
    pending: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// As in `HTTP/1.1`.
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a header, in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Names of the features in a features document.
    pub fn names(&self) -> Vec<String> {
        let document = self.json();
        let features = document["features"].as_array().expect("a list of features");
        features.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    }
}

impl Client<TcpStream> {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("brink accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("an option can be set");
        Self::over(stream)
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, pending: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("brink reads");
        self.stream.flush().expect("brink reads");
    }

    /// Sends what a server that closes early need not take.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends the bytes and reads one answer.
    pub fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.send(bytes);
        self.read(false).expect("an answer")
    }

    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.send(format!("{head}\r\n").as_bytes());
        self.read(method == "HEAD").expect("an answer")
    }

    /// Reads one answer; `None` if the connection ends before it begins.
    pub fn read(&mut self, head_only: bool) -> Option<Response> {
        let end = loop {
            match self.pending.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if self.fill() => {}
                None => return None,
            }
        };
        let head = String::from_utf8(self.pending.drain(..end).collect()).expect("a head is text");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("a status line");
        let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let version = status_line.split(' ').next().unwrap_or_default().to_owned();
        let mut response = Response { version, status, headers, body: Vec::new() };
        let length = response.header("content-length").and_then(|text| text.parse().ok());
        let length: usize = if head_only || status == 100 { 0 } else { length.unwrap_or(0) };
        while self.pending.len() < length {
            assert!(self.fill(), "the body ends early");
        }
        response.body = self.pending.drain(..length).collect();
        Some(response)
    }

    /// Waits for the server to close; true if it did so without another byte.
    pub fn is_closed_by_server(&mut self) -> bool {
        self.pending.is_empty() && !self.fill()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.pending.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            // A blocking read on a busy host may be interrupted; asking again loses nothing.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => self.fill(),
            Err(error) => panic!("reading from brink: {error}"),
        }
    }
}

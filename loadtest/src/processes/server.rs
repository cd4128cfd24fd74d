//! A running server: started, awaited, observed, ended.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::proc::{self, Memory, RunTimes};
use super::{EdgeLaunch, Launch, Program, TOKEN_CLIENT, spawn_on};
use crate::failure::Failure;
use crate::http::Request;
use crate::probe;
use crate::tls::{Endpoint, Identity};

/// How long a server may take to get ready; the huge document takes slow servers a while.
const READY_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks. Short, because start-up times are measured with it.
const PAUSE: Duration = Duration::from_micros(500);
/// How much of a failed server's output is shown.
const LOG_BYTES_MAX: usize = 4_000;

/// A server process of ours. It is killed when this is dropped.
pub struct Server {
    program: Program,
    child: Child,
    endpoint: Endpoint,
    /// Holds the log and the certificate; removed with the server.
    folder: TempDir,
}

impl Server {
    /// Starts a brink or a peer with a document and waits until it says it is healthy.
    pub fn start(launch: &Launch, document: &Path, core: Option<usize>) -> Result<Self, Failure> {
        let mut server = Self::launch(launch, document, core)?;
        server.await_status(&Request::new("/internal-backstage/health"), 200)?;
        Ok(server)
    }

    /// Starts a brink or a peer and does not wait.
    pub fn launch(launch: &Launch, document: &Path, core: Option<usize>) -> Result<Self, Failure> {
        let folder = folder()?;
        let identity = launch.tls.then(|| Identity::make(folder.path())).transpose()?;
        let files = identity.as_ref().map(|identity| &identity.files);
        let port = free_port().map_err(Failure::io("find a free port"))?;
        let command = launch.command(document, port, files);
        let endpoint = Endpoint { address: loopback(port), tls: identity.map(|identity| identity.client) };
        Self::spawn(launch.program, command, endpoint, folder, core)
    }

    /// Starts a brink as an edge and waits until it has features to serve.
    pub fn start_edge(launch: &EdgeLaunch, upstream: SocketAddr) -> Result<Self, Failure> {
        let port = free_port().map_err(Failure::io("find a free port"))?;
        let endpoint = Endpoint { address: loopback(port), tls: None };
        let command = launch.command(upstream, port);
        let mut server = Self::spawn(Program::Brink, command, endpoint, folder()?, None)?;
        server
            .await_status(&Request::new("/api/client/features").with("Authorization", TOKEN_CLIENT), 200)?;
        Ok(server)
    }

    /// Starts the bare server with a body of so many bytes.
    pub fn start_bare(status: u16, body_bytes: u64, core: Option<usize>) -> Result<Self, Failure> {
        let port = free_port().map_err(Failure::io("find a free port"))?;
        let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
        let mut command = Command::new(program);
        command.arg("bare").args(["--port", &port.to_string()]);
        command.args(["--status", &status.to_string()]).args(["--bytes", &body_bytes.to_string()]);
        let endpoint = Endpoint { address: loopback(port), tls: None };
        let mut server = Self::spawn(Program::Bare, command, endpoint, folder()?, core)?;
        server.await_status(&Request::new("/"), status)?;
        Ok(server)
    }

    fn spawn(
        program: Program,
        mut command: Command,
        endpoint: Endpoint,
        folder: TempDir,
        core: Option<usize>,
    ) -> Result<Self, Failure> {
        let log = File::create(folder.path().join("log")).map_err(Failure::io("create a log file"))?;
        let log_too = log.try_clone().map_err(Failure::io("create a log file"))?;
        command.stdin(Stdio::null()).stdout(log).stderr(log_too);
        let child = spawn_on(core, &mut command)
            .map_err(Failure::io(format!("start {}", command.get_program().to_string_lossy())))?;
        Ok(Self { program, child, endpoint, folder })
    }

    /// Asks again and again until the status is the one wanted. Returns at once if the process ends.
    pub fn await_status(&mut self, request: &Request, status: u16) -> Result<(), Failure> {
        let start = Instant::now();
        while start.elapsed() < READY_MAX {
            if probe::ask(&self.endpoint, request).is_ok_and(|answer| answer.status == status) {
                return Ok(());
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(PAUSE);
        }
        Err(Failure::NotReady { server: self.program.name(), log: self.log() })
    }

    pub fn program(&self) -> Program {
        self.program
    }

    /// Where and how it is asked.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Run times of all threads so far.
    pub fn run_times(&self) -> Result<RunTimes, Failure> {
        proc::run_times(self.child.id())
            .map_err(Failure::io(format!("read run times of {}", self.program.name())))
    }

    /// Run time in nanoseconds since an earlier reading.
    pub fn run_time_since(&self, before: &RunTimes) -> Result<u64, Failure> {
        Ok(proc::run_time_between(before, &self.run_times()?))
    }

    pub fn memory(&self) -> Result<Memory, Failure> {
        proc::memory(self.child.id())
            .map_err(Failure::io(format!("read the memory of {}", self.program.name())))
    }

    fn log(&self) -> String {
        let text = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let tail = text.get(text.len().saturating_sub(LOG_BYTES_MAX)..).unwrap_or_default();
        String::from_utf8_lossy(tail).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; both calls then do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> Result<TempDir, Failure> {
    TempDir::new().map_err(Failure::io("create a folder for logs"))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that is free now. Someone else may take it before the server does; then the server ends
/// and the run fails loudly.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

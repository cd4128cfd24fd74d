//! Which program to start, and with which arguments.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tls::Files;

/// The token of a backend client. Made up; it opens nothing but the servers started here.
pub const TOKEN_CLIENT: &str = "*:development.loadtest-client";
/// The token of a frontend client.
pub const TOKEN_FRONTEND: &str = "*:development.loadtest-frontend";
/// A token of good form that no server knows.
pub const TOKEN_UNKNOWN: &str = "*:development.loadtest-unknown";

/// A kind of server under test.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Program {
    /// The bare server of this kit.
    Bare,
    Brink,
    /// Another implementation with the command line of Unleash Edge 20.
    Peer,
}

impl Program {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Brink => "brink",
            Self::Peer => "peer",
        }
    }
}

/// How to start a server that serves a document offline.
#[derive(Clone, Debug)]
pub struct Launch {
    pub program: Program,
    pub path: PathBuf,
    pub workers: usize,
    /// Over HTTPS, with a certificate made for this start.
    pub tls: bool,
}

impl Launch {
    /// As it stands in tables: the program, and its workers if there are several.
    pub fn label(&self) -> String {
        let name =
            if self.tls { format!("{} tls", self.program.name()) } else { self.program.name().to_owned() };
        match self.workers {
            1 => name,
            workers => format!("{name}×{workers}"),
        }
    }

    /// The command for one start. Edge takes the server's options before the word `offline` only.
    pub fn command(&self, document: &Path, port: u16, tls: Option<&Files>) -> Command {
        let mut command = Command::new(&self.path);
        let port = port.to_string();
        let workers = self.workers.to_string();
        let mut server: Vec<&OsStr> = Vec::new();
        match tls {
            None => server.extend(["-p", &port].map(OsStr::new)),
            Some(files) => {
                server.extend(
                    ["--tls-enable", "--tls-server-port", &port, "--tls-server-cert"].map(OsStr::new),
                );
                server.extend([
                    files.certificate.as_os_str(),
                    OsStr::new("--tls-server-key"),
                    files.key.as_os_str(),
                ]);
            }
        }
        server.extend(["-i", "127.0.0.1", "--workers", &workers].map(OsStr::new));
        let tokens = ["-c", TOKEN_CLIENT, "-f", TOKEN_FRONTEND];
        if self.program == Program::Peer {
            command.args(server).arg("offline").arg("-b").arg(document).args(tokens);
        } else {
            command.arg("offline").arg("-b").arg(document).args(tokens).args(server);
        }
        command
    }
}

/// How to start a brink as an edge of an upstream on this machine.
#[derive(Clone, Debug)]
pub struct EdgeLaunch {
    pub path: PathBuf,
    pub workers: usize,
    /// Changes come by a stream; otherwise it asks for them every second.
    pub streaming: bool,
}

impl EdgeLaunch {
    pub fn command(&self, upstream: SocketAddr, port: u16) -> Command {
        let mut command = Command::new(&self.path);
        // Behind the word `edge` -p means something else.
        command.args(["-p", &port.to_string(), "-i", "127.0.0.1", "--workers", &self.workers.to_string()]);
        command.args(["edge", "--upstream-url", &format!("http://{upstream}"), "--tokens", TOKEN_CLIENT]);
        command.args(["--features-refresh-interval-seconds", "1"]);
        if self.streaming {
            command.arg("--streaming");
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: Program, tls: bool, wanted: &str) {
        let launch = Launch { program, path: PathBuf::from("server"), workers: 2, tls };
        let files = Files { certificate: "c".into(), key: "k".into() };
        let command = launch.command(Path::new("f.json"), 8080, tls.then_some(&files));
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(arguments.join(" "), wanted);
    }

    #[test]
    fn an_edge_is_told_where_its_changes_come_from() {
        let launch = EdgeLaunch { path: PathBuf::from("brink"), workers: 2, streaming: true };
        let command = launch.command(SocketAddr::from(([127, 0, 0, 1], 4242)), 8080);
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        let wanted = format!(
            "-p 8080 -i 127.0.0.1 --workers 2 edge --upstream-url http://127.0.0.1:4242 --tokens {TOKEN_CLIENT} \
             --features-refresh-interval-seconds 1 --streaming"
        );
        assert_eq!(arguments.join(" "), wanted);
    }

    #[test]
    fn each_program_gets_its_arguments_in_its_order() {
        let (server, tokens) =
            ("-p 8080 -i 127.0.0.1 --workers 2", format!("-c {TOKEN_CLIENT} -f {TOKEN_FRONTEND}"));
        check(Program::Brink, false, &format!("offline -b f.json {tokens} {server}"));
        check(Program::Peer, false, &format!("{server} offline -b f.json {tokens}"));
        let server = server
            .replace("-p 8080", "--tls-enable --tls-server-port 8080 --tls-server-cert c --tls-server-key k");
        check(Program::Peer, true, &format!("{server} offline -b f.json {tokens}"));
    }
}

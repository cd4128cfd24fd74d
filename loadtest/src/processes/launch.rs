//! Which program to start, and with which arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

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
}

impl Launch {
    /// As it stands in tables: the program, and its workers if there are several.
    pub fn label(&self) -> String {
        match self.workers {
            1 => self.program.name().to_owned(),
            workers => format!("{}×{workers}", self.program.name()),
        }
    }

    /// The command for one start. Edge takes the server's options before the word `offline` only.
    pub fn command(&self, document: &Path, port: u16) -> Command {
        let mut command = Command::new(&self.path);
        let port = port.to_string();
        let workers = self.workers.to_string();
        let server = ["-p", &port, "-i", "127.0.0.1", "--workers", &workers];
        let tokens = ["-c", TOKEN_CLIENT, "-f", TOKEN_FRONTEND];
        if self.program == Program::Peer {
            command.args(server).arg("offline").arg("-b").arg(document).args(tokens);
        } else {
            command.arg("offline").arg("-b").arg(document).args(tokens).args(server);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: Program, wanted: &str) {
        let launch = Launch { program, path: PathBuf::from("server"), workers: 2 };
        let command = launch.command(Path::new("f.json"), 8080);
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(arguments.join(" "), wanted);
    }

    #[test]
    fn each_program_gets_its_arguments_in_its_order() {
        let (server, tokens) =
            ("-p 8080 -i 127.0.0.1 --workers 2", format!("-c {TOKEN_CLIENT} -f {TOKEN_FRONTEND}"));
        check(Program::Brink, &format!("offline -b f.json {tokens} {server}"));
        check(Program::Peer, &format!("{server} offline -b f.json {tokens}"));
    }
}

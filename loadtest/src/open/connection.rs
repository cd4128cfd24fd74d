//! One connection of the open-loop generator: idle, or waiting for one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::{AnswerReader, Progress};

/// What reading from a connection gave.
pub enum Outcome {
    Pending,
    Answered {
        due: Duration,
        status: u16,
        closes: bool,
    },
    /// The request is lost.
    Broken,
    /// The server closed the connection between requests, which it may.
    ClosedIdle,
}

/// A connection and the request on it.
pub struct Connection {
    stream: TcpStream,
    reader: AnswerReader,
    /// When the request on its way was due; `None` while idle.
    due: Option<Duration>,
}

impl Connection {
    pub fn open(target: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(target)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, reader: AnswerReader::new(), due: None })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// When the unanswered request was due.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Drops the request on its way, if any.
    pub fn forget(&mut self) {
        self.due = None;
    }

    /// Sends a request. It is far smaller than a socket's buffer, so a short write means trouble.
    pub fn send(&mut self, wire: &[u8], due: Duration) -> io::Result<()> {
        self.reader.reset();
        let count = self.stream.write(wire)?;
        if count < wire.len() {
            return Err(ErrorKind::WriteZero.into());
        }
        self.due = Some(due);
        Ok(())
    }

    /// Reads what has arrived.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Outcome {
        loop {
            let arrived = match self.stream.read(scratch) {
                Ok(count) => scratch.get(..count).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Pending,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => &[],
            };
            let Some(due) = self.due else { return Outcome::ClosedIdle };
            let complete = if arrived.is_empty() {
                self.reader.end().map(|()| true)
            } else {
                // One request at a time: bytes after its answer would be the server's fault.
                self.reader.feed(arrived).map(|progress| progress != Progress::More)
            };
            match complete {
                Ok(false) => {}
                Ok(true) => {
                    self.due = None;
                    return Outcome::Answered {
                        due,
                        status: self.reader.status(),
                        closes: self.reader.closes(),
                    };
                }
                Err(_) => {
                    self.due = None;
                    return Outcome::Broken;
                }
            }
        }
    }
}

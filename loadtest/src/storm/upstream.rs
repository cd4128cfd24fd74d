//! An upstream of the edge under test: one token, one feature, and a note of each validation call.
//!
//! A thread per connection, loopback only, HTTP as the edge speaks it: heads by `content-length`, no pipelining.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::processes::TOKEN_CLIENT;

const FEATURES: &str =
    r#"{"version":2,"features":[{"name":"on","project":"default","enabled":true,"strategies":[]}]}"#;

/// A running upstream. Its threads end with the process.
pub struct Upstream {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// A validation call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub at: Instant,
    pub tokens: usize,
}

impl Upstream {
    /// Listens on a free loopback port; validation takes so long.
    pub fn start(takes: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                // A connection that breaks is the edge's affair.
                thread::spawn(move || _ = serve(stream, takes, &noted));
            }
        });
        Ok(Self { address, calls })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, takes: Duration, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = read_request(&mut reader)? {
        let (status, answer) = if line.starts_with("GET ") {
            (200, FEATURES.to_owned())
        } else if line.contains("/edge/validate") {
            let tokens = body.split(|byte| *byte == b',').count();
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call { at: Instant::now(), tokens });
            thread::sleep(takes);
            (200, verdicts(&String::from_utf8_lossy(&body)))
        } else {
            (202, String::new())
        };
        let length = answer.len();
        write!(
            writer,
            "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
        )?;
    }
    Ok(())
}

fn verdicts(asked: &str) -> String {
    if !asked.contains(TOKEN_CLIENT) {
        return r#"{"tokens":[]}"#.to_owned();
    }
    format!(
        r#"{{"tokens":[{{"token":"{TOKEN_CLIENT}","type":"client","environment":"development","projects":["*"]}}]}}"#
    )
}

/// The request line and the body; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((first, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_answered_and_noted() {
        let upstream = Upstream::start(Duration::ZERO).expect("loopback has a free port");
        let mut stream = TcpStream::connect(upstream.address()).expect("it listens");
        let body = format!(r#"{{"tokens":["{TOKEN_CLIENT}","*:development.x"]}}"#);
        let length = body.len();
        write!(stream, "POST /edge/validate HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("it reads");
        let mut reader = BufReader::new(stream);
        let (status, answer) = read_request(&mut reader).expect("readable").expect("an answer");
        assert!(status.contains("200") && String::from_utf8_lossy(&answer).contains(TOKEN_CLIENT));
        assert_eq!(upstream.calls().iter().map(|call| call.tokens).collect::<Vec<_>>(), [2]);
    }
}

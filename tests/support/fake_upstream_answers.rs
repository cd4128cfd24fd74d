//! How the fake upstream writes its answers, the honest and the spoilt ones.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{Habit, Shared};

/// A complete answer before a habit spoils it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

pub(super) trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        let headers = vec![("content-type", "application/json".into())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    fn bytes(status: u16, headers: Vec<(&'static str, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into() }
    }

    /// Head and body as they go over the wire, with any announced length.
    fn wire(&self, length: u64) -> Vec<u8> {
        let mut wire = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            wire.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 304 {
            wire.push_str(&format!("content-length: {length}\r\n"));
        }
        wire.push_str("\r\n");
        let mut wire = wire.into_bytes();
        wire.extend_from_slice(&self.body);
        wire
    }

    fn honest(&self) -> Vec<u8> {
        self.wire(self.body.len() as u64)
    }
}

/// Answers, or does not. True if the connection stays open.
pub(super) fn act(
    habit: &Habit,
    normal: Answer,
    stream: &mut impl Connection,
    raw: &TcpStream,
    shared: &Shared,
) -> io::Result<bool> {
    let length = normal.body.len() as u64;
    match habit {
        Habit::Normal => send(stream, &normal.honest(), true),
        Habit::NeverAnswers => {
            shared.hang();
            Ok(false)
        }
        Habit::SlowFirstByte(wait) => {
            if !shared.pause(*wait) {
                return Ok(false);
            }
            send(stream, &normal.honest(), true)
        }
        Habit::SlowByByte(wait) => {
            for byte in normal.honest() {
                if !shared.pause(*wait) {
                    return Ok(false);
                }
                send(stream, &[byte], true)?;
            }
            Ok(true)
        }
        Habit::Truncates => {
            let wire = normal.honest();
            send(stream, &wire[..wire.len() - normal.body.len() / 2 - 1], false)
        }
        Habit::LengthTooLong => {
            send(stream, &normal.wire(length + 10), true)?;
            shared.hang();
            Ok(false)
        }
        Habit::LengthTooShort => send(stream, &normal.wire(length / 2), true),
        Habit::Closes => Ok(false),
        Habit::Resets => {
            socket2::SockRef::from(raw).set_linger(Some(Duration::ZERO))?;
            // It goes out when the last descriptor closes; an orderly shutdown would come before it.
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Habit::NotHttp => send(stream, b"220 smtp.example ESMTP ready\r\n", false),
        Habit::HugeChunkedBody(size) => send_chunks(stream, *size),
        spoilt => send(stream, &replacement(spoilt).honest(), true),
    }
}

/// The whole answer of a habit that does not look at the request.
fn replacement(habit: &Habit) -> Answer {
    let json = ("content-type", "application/json".to_owned());
    let gzipped = ("content-encoding", "gzip".to_owned());
    match habit {
        Habit::Status(status) => Answer::json(*status, json!({"name": "Fake", "message": "as told"})),
        Habit::RetryAfter(status, seconds) => {
            Answer::bytes(*status, vec![("retry-after", seconds.to_string())], "")
        }
        Habit::Answer(status, headers, body) => Answer::bytes(*status, headers.clone(), body.clone()),
        Habit::NotModified => Answer::bytes(304, vec![("etag", "\"1\"".into())], ""),
        Habit::Html => Answer::bytes(
            200,
            vec![("content-type", "text/html".into())],
            "<!doctype html><title>Log in</title>",
        ),
        Habit::WrongShape => Answer::json(200, json!({"features": {"not": "a list"}, "tokens": 7})),
        Habit::HugeBody(size) => Answer::bytes(200, vec![json], vec![b' '; *size as usize]),
        Habit::GzipBomb(size) => Answer::bytes(200, vec![json, gzipped], gzip(&vec![0; *size as usize])),
        Habit::DamagedGzip => {
            let mut body = gzip(&b"{\"version\":2,\"features\":[]}".repeat(100));
            let middle = body.len() / 2;
            body[middle..].iter_mut().for_each(|byte| *byte = !*byte);
            Answer::bytes(200, vec![json, gzipped], body)
        }
        Habit::UnknownCoding => Answer::bytes(200, vec![json, ("content-encoding", "lzma".into())], "?"),
        Habit::Redirect(status, location) => {
            Answer::bytes(*status, vec![("location", location.clone())], "elsewhere")
        }
        other => unreachable!("{other:?} is handled by act"),
    }
}

fn send(stream: &mut impl Connection, bytes: &[u8], stays_open: bool) -> io::Result<bool> {
    stream.write_all(bytes)?;
    stream.flush()?;
    Ok(stays_open)
}

fn send_chunks(stream: &mut impl Connection, size: u64) -> io::Result<bool> {
    const CHUNK: u64 = 8 * 1024;
    send(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", true)?;
    let mut left = size;
    while left > 0 {
        let now = left.min(CHUNK);
        let chunk =
            [format!("{now:x}\r\n").into_bytes(), vec![b' '; now as usize], b"\r\n".to_vec()].concat();
        send(stream, &chunk, true)?;
        left -= now;
    }
    send(stream, b"0\r\n\r\n", true)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// Shuts a connection down in both directions.
pub(super) fn cut(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

//! How an upstream answers a request, honestly or not.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpStream},
    sync::OnceLock,
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    act::{Act, Place},
    wire::{Answer, Connection, Request, read_to_end},
    world::{Document, Path, STARTUP, World, number_of, record_of},
};

/// More than is read of an answer: 64 MiB.
const TOO_MANY_BYTES: usize = (64 << 20) + 1;

/// Between two bytes that come too slowly: the shortest head takes longer than the limit of a call.
const TOO_SLOW: Duration = Duration::from_millis(60);

/// Between two bytes that come in time.
const SLOW: Duration = Duration::from_millis(1);

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next request is read.
    Stays,
    /// It ends.
    Ends,
}

/// Answers a request.
pub fn answer(
    request: &Request,
    stream: &mut impl Connection,
    raw: &TcpStream,
    world: &World,
) -> io::Result<Then> {
    let path = Path::of(&request.target);
    let tag = request.header("if-none-match").and_then(number_of);
    if let Some(number) = tag {
        world.judge.proves(number);
    }
    let (act, times) = world.meet(path);
    let act = match act {
        Act::Once(_) if times > 1 => Act::Good,
        Act::Once(status) => Act::Status(status),
        Act::NotModifiedUnasked if path == Path::Features && tag.is_some() => Act::Good,
        Act::Redirect(_, Place::Here) if request.target.contains("/moved/") => Act::Good,
        act => act,
    };
    let good = good(request, path, world);
    let half = good.body.len() / 2;
    match act {
        Act::Silent => {
            read_to_end(stream);
            Ok(Then::Ends)
        }
        Act::Resets => reset(raw),
        Act::HalfCloses => half_close(stream, raw),
        Act::ResetsInBody | Act::ClosesInBody | Act::HalfClosesInBody => {
            send(stream, &good.head_of(good.body.len()))?;
            send(stream, &good.body[..half])?;
            match act {
                Act::ResetsInBody => reset(raw),
                Act::HalfClosesInBody => half_close(stream, raw),
                _ => Ok(Then::Ends),
            }
        }
        Act::SlowHead => drip(stream, &good.bytes(), TOO_SLOW),
        Act::SlowBody => {
            send(stream, &good.head_of(good.body.len()))?;
            drip(stream, &good.body, TOO_SLOW)
        }
        Act::SlowInTime => {
            let bytes = good.bytes();
            let (slowly, rest) = bytes.split_at(bytes.len().min(200));
            drip(stream, slowly, SLOW)?;
            send(stream, rest)
        }
        Act::LengthTooLong => {
            send(stream, &[good.head_of(good.body.len() + 10), good.body].concat())?;
            read_to_end(stream);
            Ok(Then::Ends)
        }
        Act::LengthTooShort => send(stream, &[good.head_of(half), good.body].concat()),
        Act::BadChunks => send(
            stream,
            &[good.head("transfer-encoding: chunked\r\n"), b"zz\r\n\x00\x01{\r\n".into()].concat(),
        ),
        Act::EndlessChunks => {
            let chunk = [b"2000\r\n".to_vec(), vec![b' '; 0x2000], b"\r\n".to_vec()].concat();
            send(stream, &good.head("transfer-encoding: chunked\r\n"))?;
            for_ever(stream, &chunk)
        }
        Act::EndlessHead => {
            send(stream, b"HTTP/1.1 200 OK\r\n")?;
            for_ever(
                stream,
                b"x-padding: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
            )
        }
        Act::EndlessInterim => for_ever(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
        Act::Interim => {
            send(stream, &b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(300))?;
            send(stream, &good.bytes())
        }
        Act::HugeLength => {
            send(stream, &good.head_of(TOO_MANY_BYTES))?;
            for_ever(stream, &[b' '; 0x2000])
        }
        Act::Raw(bytes) => {
            send(stream, bytes)?;
            Ok(Then::Ends)
        }
        Act::AnswersTwice => {
            let old = of_document(&world.oldest());
            send(stream, &[good.bytes(), old.bytes()].concat())
        }
        act => send(stream, &whole(act, request, path, good).bytes()),
    }
}

/// The answers that are whole.
fn whole(act: Act, request: &Request, path: Path, good: Answer) -> Answer {
    let json = "content-type: application/json\r\n";
    match act {
        Act::Status(status) => Answer::json(status, r#"{"name":"Fake","message":"as told"}"#),
        Act::RetryAfter(status, wait) => Answer::new(status, format!("retry-after: {wait}\r\n"), ""),
        Act::Answer(status, headers, body) => Answer::new(status, headers, body),
        Act::Redirect(status, place) => {
            let to = match place {
                Place::Elsewhere => "http://127.0.0.2:9/api/client/features".to_owned(),
                Place::Here => format!("/moved{}", path_in(&request.target)),
                Place::Itself => path_in(&request.target).to_owned(),
                Place::Nowhere => "::no URL".to_owned(),
            };
            Answer::new(status, format!("location: {to}\r\n"), "elsewhere")
        }
        Act::NotModified => Answer::new(304, "", ""),
        Act::NotModifiedUnasked if path == Path::Features => Answer::new(304, "", ""),
        Act::CutGzip => {
            let mut body = gzip(&good.body);
            body.truncate(body.len() / 2);
            gzipped(body)
        }
        Act::DamagedGzip => {
            let mut body = gzip(&good.body);
            let middle = body.len() / 2;
            body[middle..].iter_mut().for_each(|byte| *byte = !*byte);
            gzipped(body)
        }
        Act::GzipBomb => gzipped(bomb().clone()),
        Act::HugeHead => Answer::new(200, format!("{json}x-huge: {}\r\n", "y".repeat(1_000_000)), good.body),
        Act::ForgetsStartup => validated(request, |token| token != STARTUP),
        _ => good,
    }
}

/// What Unleash would answer.
fn good(request: &Request, path: Path, world: &World) -> Answer {
    match path {
        Path::Validate => validated(request, |_| true),
        Path::Other if request.target.ends_with("/api/client/register") => {
            Answer::new(202, "x-unleash-version: 8.2.0\r\n", "")
        }
        Path::Other => Answer::new(202, "", ""),
        Path::Features if request.header("authorization").and_then(record_of).is_none() => {
            Answer::json(401, r#"{"name":"AuthenticationRequired"}"#)
        }
        Path::Features => {
            let document = world.document();
            if request.header("if-none-match") == Some(document.tag.as_str()) {
                return Answer::new(304, format!("etag: {}\r\n", document.tag), "");
            }
            // To a request without a tag a 304 is to follow only if no tag is known.
            let is_tagged = world.fault().features != Act::NotModifiedUnasked;
            if is_tagged { of_document(&document) } else { Answer::json(200, document.body) }
        }
    }
}

fn of_document(document: &Document) -> Answer {
    let headers = format!("content-type: application/json\r\netag: {}\r\n", document.tag);
    Answer::new(200, headers, document.body.as_bytes())
}

fn validated(request: &Request, is_known: impl Fn(&str) -> bool) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let asked = asked["tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = asked.iter().filter_map(Value::as_str).filter(|token| is_known(token));
    let records: Vec<Value> = known.filter_map(record_of).collect();
    Answer::json(200, json!({"tokens": records}).to_string())
}

/// The path of a target, which is a whole URL if the client took us for a proxy.
fn path_in(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://") else { return target };
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn gzipped(body: Vec<u8>) -> Answer {
    Answer::new(200, "content-type: application/json\r\ncontent-encoding: gzip\r\n", body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// Blanks, made once: compressing them takes longer than sending them.
fn bomb() -> &'static Vec<u8> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| gzip(&vec![b' '; TOO_MANY_BYTES]))
}

fn send(stream: &mut impl Connection, bytes: &[u8]) -> io::Result<Then> {
    stream.write_all(bytes)?;
    stream.flush()?;
    Ok(Then::Stays)
}

fn drip(stream: &mut impl Connection, bytes: &[u8], pause: Duration) -> io::Result<Then> {
    for byte in bytes {
        send(stream, &[*byte])?;
        thread::sleep(pause);
    }
    Ok(Then::Stays)
}

/// Until the other side has enough.
fn for_ever(stream: &mut impl Connection, bytes: &[u8]) -> io::Result<Then> {
    let many = bytes.repeat(8);
    loop {
        send(stream, &many)?;
    }
}

/// The reset goes out when the last descriptor closes; an orderly end must not come before it.
pub fn reset(raw: &TcpStream) -> io::Result<Then> {
    socket2::SockRef::from(raw).set_linger(Some(Duration::ZERO))?;
    Err(io::ErrorKind::ConnectionReset.into())
}

fn half_close(stream: &mut impl Connection, raw: &TcpStream) -> io::Result<Then> {
    raw.shutdown(Shutdown::Write)?;
    read_to_end(stream);
    Ok(Then::Ends)
}

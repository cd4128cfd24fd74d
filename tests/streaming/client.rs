//! A client of a stream: reads messages off the wire, and keeps what an SDK would keep.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::brink::{Brink, PATIENCE};

/// One message, or a comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Empty for a comment.
    pub name: String,
    pub id: Option<String>,
    /// The list of events.
    pub events: Vec<Value>,
}

impl Message {
    /// Types of its events, each with the name or id it is about.
    pub fn kinds(&self) -> Vec<String> {
        let about = |event: &Value| match event["type"].as_str().expect("a type") {
            "feature-updated" => format!("+{}", event["feature"]["name"].as_str().expect("a name")),
            "feature-removed" => format!("-{}", event["featureName"].as_str().expect("a name")),
            "segment-updated" => format!("+{}", event["segment"]["id"]),
            "segment-removed" => format!("-{}", event["segmentId"]),
            "hydration" => "everything".to_owned(),
            other => panic!("no client knows {other}"),
        };
        self.events.iter().map(about).collect()
    }
}

/// What a client of a stream holds.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Held {
    pub features: BTreeMap<String, Value>,
    pub segments: BTreeMap<i64, Value>,
}

impl Held {
    /// What the body of a features list holds.
    pub fn of_body(body: &Value) -> Self {
        let mut held = Self::default();
        held.replace(body);
        held
    }

    fn replace(&mut self, lists: &Value) {
        *self = Self::default();
        let list = |key: &str| lists[key].as_array().cloned().unwrap_or_default();
        list("segments").into_iter().for_each(|segment| self.put_segment(segment));
        list("features").into_iter().for_each(|feature| self.put_feature(feature));
    }

    fn put_feature(&mut self, feature: Value) {
        let name = feature["name"].as_str().expect("a name").to_owned();
        for strategy in feature["strategies"].as_array().expect("strategies") {
            for id in strategy["segments"].as_array().into_iter().flatten() {
                let id = id.as_i64().expect("an id");
                assert!(self.segments.contains_key(&id), "{name} comes before its segment {id}");
            }
        }
        self.features.insert(name, feature);
    }

    fn put_segment(&mut self, segment: Value) {
        self.segments.insert(segment["id"].as_i64().expect("an id"), segment);
    }

    /// Applies events in order.
    pub fn apply(&mut self, events: &[Value]) {
        for event in events {
            assert!(event["eventId"].is_u64(), "{event}");
            match event["type"].as_str().expect("a type") {
                "hydration" => self.replace(event),
                "feature-updated" => self.put_feature(event["feature"].clone()),
                "feature-removed" => {
                    assert!(event["project"].is_string(), "{event}");
                    self.features.remove(event["featureName"].as_str().expect("a name"));
                }
                "segment-updated" => self.put_segment(event["segment"].clone()),
                "segment-removed" => _ = self.segments.remove(&event["segmentId"].as_i64().expect("an id")),
                other => panic!("no client knows {other}"),
            }
        }
    }
}

/// An open stream.
pub struct Stream {
    socket: TcpStream,
    /// As read, chunks and all.
    raw: Vec<u8>,
    /// The body without chunks, as far as it is not read.
    body: String,
    /// The last chunk has come.
    ended: bool,
    pub head: String,
    pub held: Held,
    /// Of the last message that had one.
    pub last_id: Option<String>,
}

impl Stream {
    /// Opens a stream, which has to be answered 200.
    #[track_caller]
    pub fn open(brink: &Brink, target: &str, token: &str, last_event_id: Option<&str>) -> Self {
        let mut socket = TcpStream::connect(brink.address).expect("brink accepts");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let resume = last_event_id.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: {token}\r\n{resume}\r\n"
        );
        socket.write_all(head.as_bytes()).expect("brink reads");
        let (raw, body, head) = (Vec::new(), String::new(), String::new());
        let mut stream = Self { socket, raw, body, ended: false, head, held: Held::default(), last_id: None };
        stream.read_head();
        assert!(stream.head.starts_with("HTTP/1.1 200 "), "{}", stream.head);
        stream
    }

    /// Opens `/api/client/streaming`.
    #[track_caller]
    pub fn of(brink: &Brink, token: &str) -> Self {
        Self::open(brink, "/api/client/streaming", token, None)
    }

    fn read_head(&mut self) {
        let end = loop {
            match self.raw.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => assert!(self.fill(), "the head ends early"),
            }
        };
        self.head = String::from_utf8(self.raw.drain(..end).collect()).expect("a head is text");
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.raw.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.fill(),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("reading a stream: {error}"),
        }
    }

    /// Takes whole chunks off what was read.
    fn unpack(&mut self) {
        while let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..line]).expect("a size");
            let size = usize::from_str_radix(size, 16).expect("a size");
            let end = line + 2 + size + 2;
            if self.raw.len() < end {
                return;
            }
            self.ended |= size == 0;
            self.body.push_str(std::str::from_utf8(&self.raw[line + 2..end - 2]).expect("text"));
            self.raw.drain(..end);
        }
    }

    /// The next message or comment; `None` at the end of the stream.
    pub fn read(&mut self) -> Option<Message> {
        let end = loop {
            self.unpack();
            match self.body.find("\n\n") {
                Some(end) => break end,
                None if !self.ended && self.fill() => {}
                None => return None,
            }
        };
        let text: String = self.body.drain(..end + 2).collect();
        let mut message = Message { name: String::new(), id: None, events: Vec::new() };
        for line in text.trim_end().lines() {
            match line.split_once(": ").expect("a field") {
                ("event", name) => message.name = name.to_owned(),
                ("id", id) => message.id = Some(id.to_owned()),
                ("data", data) => {
                    let document: Value = serde_json::from_str(data).expect("JSON");
                    message.events = document["events"].as_array().expect("a list").clone();
                }
                ("", "keep-alive") => {}
                field => panic!("unknown field {field:?}"),
            }
        }
        self.held.apply(&message.events);
        self.last_id = message.id.clone().or(self.last_id.take());
        Some(message)
    }

    /// The next message; fails at the end of the stream.
    #[track_caller]
    pub fn next(&mut self) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nothing but keep-alives");
            let message = self.read().expect("the stream goes on");
            if !message.name.is_empty() {
                return message;
            }
        }
    }

    /// The next message, which has to have this name, id and these events.
    #[track_caller]
    pub fn expect(&mut self, name: &str, id: Option<&str>, kinds: &[&str]) -> Message {
        let message = self.next();
        let found = (message.name.trim_start_matches("unleash-"), message.id.as_deref());
        assert_eq!(
            (found, message.kinds()),
            ((name, id), kinds.iter().map(|&kind| kind.to_owned()).collect())
        );
        message
    }

    /// Reads until it holds what it should.
    #[track_caller]
    pub fn reaches(&mut self, expected: &Held) {
        let deadline = Instant::now() + PATIENCE;
        while self.held != *expected {
            assert!(Instant::now() < deadline, "holds {:?} instead of {expected:?}", self.held);
            self.next();
        }
    }

    /// Reads to the end; true if it was a proper one, and how long it took.
    pub fn end(mut self) -> (bool, Duration) {
        let started = Instant::now();
        while self.read().is_some() {}
        (self.ended, started.elapsed())
    }
}

//! One subscriber: a stream, or one that polls deltas. It keeps what it is told, leaves in every way there is, comes back with
//! the id it has, an old one or none, and notes whatever an SDK could not stand.
//!
//! Sockets do not block; who owns it says when to look at one, and what time it is.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    time::{Duration, Instant},
};

use rand::{Rng, rngs::SmallRng};
use socket2::{Domain, SockRef, Socket, Type};

use super::content::{Change, Content, Sight, read_events};

/// How long a stream lasts, to the double.
const LIFE: Duration = Duration::from_secs(15);
/// Between two polls, to the double.
const POLLS: Duration = Duration::from_millis(700);
/// Bytes that a slow reader takes, and how often.
const SIP: usize = 700;
const SIPS: Duration = Duration::from_millis(50);
/// One who sleeps does so for so long, to the double.
const NAP: Duration = Duration::from_secs(2);

/// What many subscribers are told is read once.
pub type Readings = HashMap<Box<str>, Rc<Result<Vec<Change>, String>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Reads,
    /// A little at a time, through a small window.
    Sips,
    /// Nothing for a while, then everything.
    Naps,
    /// Asks for deltas.
    Polls,
}

/// What has happened to a crowd.
#[derive(Debug, Default)]
pub struct Diary {
    pub messages: u64,
    pub hydrations: u64,
    pub streams: u64,
    pub resumed: u64,
    pub polls: u64,
    /// What must not be.
    pub wrong: Vec<String>,
}

/// See the module.
pub struct Subscriber {
    pub sight: &'static Sight,
    /// Which of the sights.
    pub place: usize,
    pub habit: Habit,
    address: SocketAddr,
    socket: Option<TcpStream>,
    /// As read: a head, then chunks or a body.
    raw: Vec<u8>,
    /// Of a stream, without chunks.
    text: Vec<u8>,
    status: Option<u16>,
    pub content: Content,
    /// The id, or tag.
    position: Option<String>,
    /// Where it once was, with what it held then.
    memory: Option<(String, Content)>,
    /// When it leaves, comes, or polls.
    next: Instant,
    /// When it reads again.
    reads_at: Instant,
    /// It leaves within what comes next.
    leaves_inside: bool,
}

impl Subscriber {
    pub fn new(sight: &'static Sight, place: usize, habit: Habit, address: SocketAddr, now: Instant) -> Self {
        Self {
            sight,
            place,
            habit,
            address,
            socket: None,
            raw: Vec::new(),
            text: Vec::new(),
            status: None,
            content: Content::default(),
            position: None,
            memory: None,
            next: now,
            reads_at: now,
            leaves_inside: false,
        }
    }

    /// Comes so much later.
    pub fn delay(&mut self, time: Duration) {
        self.next += time;
    }

    /// Who it is, and how what it holds differs from what it should be.
    pub fn describe(&self, expected: &Content) -> String {
        let Self { sight, habit, position, socket, .. } = self;
        let (token, prefix, is_open) = (&sight.token[..6], sight.prefix, socket.is_some());
        let difference = self.content.difference(expected);
        format!("{habit:?} {token}… {prefix:?} at {position:?}, open: {is_open}: {difference}")
    }

    /// Its stream is open.
    pub fn has_stream(&self) -> bool {
        self.habit != Habit::Polls && self.socket.is_some()
    }

    /// The socket, if it wants to read.
    pub fn wants(&self, now: Instant) -> Option<&TcpStream> {
        self.socket.as_ref().filter(|_| now >= self.reads_at)
    }

    /// Does what is due. At quiet times nobody leaves, and who is away comes.
    pub fn look(&mut self, now: Instant, is_quiet: bool, random: &mut SmallRng, diary: &mut Diary) {
        let is_due = now >= self.next;
        if is_quiet {
            self.leaves_inside = false;
            if self.habit == Habit::Naps {
                self.reads_at = now;
            }
        }
        match (self.socket.is_some(), self.habit) {
            (false, _) if is_due || is_quiet => self.connect(is_quiet, random, diary, now),
            (true, Habit::Polls) if is_due && self.status == Some(0) => {
                self.ask(is_quiet, random, diary, now)
            }
            (true, Habit::Polls) => {}
            (true, _) if is_due && !is_quiet => self.leave(now, random),
            _ => {}
        }
    }

    fn connect(&mut self, is_quiet: bool, random: &mut SmallRng, diary: &mut Diary, now: Instant) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if matches!(self.habit, Habit::Sips | Habit::Naps) {
            socket.set_recv_buffer_size(4096).expect("an option can be set");
        }
        if let Err(error) = socket.connect(&self.address.into()) {
            diary.wrong.push(format!("cannot connect: {error}"));
            self.next = now + LIFE;
            return;
        }
        socket.set_nonblocking(true).expect("an option can be set");
        self.socket = Some(socket.into());
        (self.raw, self.text, self.status) = (Vec::new(), Vec::new(), None);
        self.ask(is_quiet, random, diary, now);
    }

    /// Sends the request, with one of the ids that it might have.
    fn ask(&mut self, is_quiet: bool, random: &mut SmallRng, diary: &mut Diary, now: Instant) {
        match random.random_range(0..20) {
            // What it holds now is what is looked at.
            _ if is_quiet => {}
            0 => self.position = None,
            // Of nobody's making.
            1 => {
                self.position = Some(
                    ["abc", "\"", "18446744073709551615", "7-0badcafe"][random.random_range(0..4)].to_owned(),
                )
            }
            // Once a copy was made, and now it starts from that.
            2..5 if self.memory.is_some() => {
                let (position, content) = self.memory.take().expect("there is one");
                (self.position, self.content) = (Some(position), content);
            }
            _ => {}
        }
        let polls = self.habit == Habit::Polls;
        let header = if polls { "if-none-match" } else { "last-event-id" };
        let resume = self.position.as_ref().map(|id| format!("{header}: {id}\r\n")).unwrap_or_default();
        let path = if polls { "delta" } else { "streaming" };
        let query = match self.sight.prefix {
            "" => String::new(),
            prefix => format!("?namePrefix={prefix}"),
        };
        let token = self.sight.token;
        let head = format!(
            "GET /api/client/{path}{query} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n{resume}\r\n"
        );
        let mut socket = self.socket.as_ref().expect("connected");
        if let Err(error) = socket.write_all(head.as_bytes()) {
            diary.wrong.push(format!("{path} takes no request: {error}"));
            self.socket = None;
        }
        self.status = None;
        if polls {
            diary.polls += 1;
            self.next = now + random.random_range(POLLS..POLLS * 2);
        } else {
            diary.streams += 1;
            diary.resumed += u64::from(self.position.is_some());
            self.next = now + random.random_range(Duration::ZERO..LIFE * 2);
        }
    }

    /// Leaves: politely, rudely, or soon, in the middle of what comes.
    fn leave(&mut self, now: Instant, random: &mut SmallRng) {
        match random.random_range(0..3) {
            0 => self.leaves_inside = true,
            way => {
                if let Some(socket) = self.socket.take().filter(|_| way == 1) {
                    reset(&socket);
                }
            }
        }
        self.next = now + random.random_range(Duration::ZERO..Duration::from_millis(1_500));
        if self.leaves_inside {
            self.next += LIFE;
        }
    }

    /// There is something to be read.
    pub fn read(&mut self, now: Instant, random: &mut SmallRng, readings: &mut Readings, diary: &mut Diary) {
        let Some(mut socket) = self.socket.as_ref() else { return };
        if self.leaves_inside {
            self.leaves_inside = false;
            // What is not read makes a reset of it.
            let _ = socket.read(&mut [0; 40][..random.random_range(1..40)]);
            self.socket = None;
            self.next = now + random.random_range(Duration::ZERO..Duration::from_millis(500));
            return;
        }
        let mut buffer = [0; 32 << 10];
        let most = if self.habit == Habit::Sips { SIP } else { buffer.len() };
        match socket.read(&mut buffer[..most]) {
            Ok(0) => self.lost("ended by brink", now, diary),
            Ok(count) => {
                self.raw.extend_from_slice(&buffer[..count]);
                if let Err(wrong) = self.take(readings, random, diary) {
                    self.lost(&wrong, now, diary);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => self.lost(&format!("reading: {error}"), now, diary),
        }
        self.reads_at = match self.habit {
            Habit::Sips => now + SIPS,
            Habit::Naps if random.random_bool(0.05) => now + random.random_range(NAP..NAP * 2),
            _ => now,
        };
    }

    fn lost(&mut self, why: &str, now: Instant, diary: &mut Diary) {
        let Self { sight, habit, position, .. } = self;
        diary.wrong.push(format!(
            "{habit:?} {}…{:?} at {position:?}: {why}",
            &sight.token[..6],
            sight.prefix
        ));
        (self.socket, self.position, self.content) = (None, None, Content::default());
        self.next = now + Duration::from_millis(200);
    }

    fn take(
        &mut self,
        readings: &mut Readings,
        random: &mut SmallRng,
        diary: &mut Diary,
    ) -> Result<(), String> {
        if self.habit == Habit::Polls {
            return self.take_answer(readings, random, diary);
        }
        if self.status.is_none() {
            let Some(head) = take_head(&mut self.raw) else { return Ok(()) };
            if !head.starts_with("HTTP/1.1 200 ") {
                return Err(head);
            }
            self.status = Some(200);
        }
        unpack(&mut self.raw, &mut self.text)?;
        while let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
            let message: Vec<u8> = self.text.drain(..end + 2).collect();
            let message = std::str::from_utf8(&message).map_err(|error| error.to_string())?;
            self.take_message(message, readings, random, diary)?;
        }
        Ok(())
    }

    fn take_message(
        &mut self,
        message: &str,
        readings: &mut Readings,
        random: &mut SmallRng,
        diary: &mut Diary,
    ) -> Result<(), String> {
        let (mut id, mut data) = (None, None);
        for line in message.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value),
                Some(("data", value)) => data = Some(value),
                Some(("event", "unleash-connected" | "unleash-updated") | ("", "keep-alive")) => {}
                _ if line.is_empty() => {}
                _ => return Err(format!("an odd line: {line}")),
            }
        }
        let Some(data) = data else { return Ok(()) };
        self.told(data, id, readings, random, diary)
    }

    /// Applies a list of events, and stands at the id then.
    fn told(
        &mut self,
        data: &str,
        id: Option<&str>,
        readings: &mut Readings,
        random: &mut SmallRng,
        diary: &mut Diary,
    ) -> Result<(), String> {
        if readings.len() > 2_000 {
            readings.clear();
        }
        let changes = match readings.get(data) {
            Some(changes) => Rc::clone(changes),
            None => Rc::clone(readings.entry(data.into()).or_insert_with(|| Rc::new(read_events(data)))),
        };
        let changes = changes.as_ref().as_ref().map_err(String::clone)?;
        diary.messages += 1;
        for change in changes {
            diary.hydrations += u64::from(matches!(change, Change::Everything(_)));
            self.content.apply(change)?;
        }
        if let Some(id) = id {
            self.position = Some(id.to_owned());
            if self.memory.is_none() && random.random_bool(0.05) {
                self.memory = Some((id.to_owned(), self.content.clone()));
            }
        }
        Ok(())
    }

    fn take_answer(
        &mut self,
        readings: &mut Readings,
        random: &mut SmallRng,
        diary: &mut Diary,
    ) -> Result<(), String> {
        let Some(end) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(()) };
        let head = String::from_utf8_lossy(&self.raw[..end]).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let is_new = head.starts_with("HTTP/1.1 200 ");
        if !is_new && !head.starts_with("HTTP/1.1 304 ") {
            return Err(head);
        }
        let length = header("content-length").filter(|_| is_new).and_then(|text| text.parse().ok());
        let length: usize = length.unwrap_or(0);
        if self.raw.len() < end + 4 + length {
            return Ok(());
        }
        let body: Vec<u8> = self.raw.drain(..end + 4 + length).skip(end + 4).collect();
        self.status = Some(0);
        if !is_new {
            return Ok(());
        }
        let tag = header("etag").ok_or("no tag")?;
        let body = String::from_utf8(body).map_err(|error| error.to_string())?;
        self.told(&body, Some(&tag), readings, random, diary)
    }
}

fn reset(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn take_head(raw: &mut Vec<u8>) -> Option<String> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(String::from_utf8_lossy(&raw.drain(..end + 4).collect::<Vec<u8>>()).into_owned())
}

/// Takes whole chunks off what was read.
fn unpack(raw: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<(), String> {
    let mut start = 0;
    while let Some(line) = raw[start..].windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&raw[start..start + line]).ok();
        let size =
            size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or("a chunk without size")?;
        let begin = start + line + 2;
        if raw.len() < begin + size + 2 {
            break;
        }
        text.extend_from_slice(&raw[begin..begin + size]);
        start = begin + size + 2;
    }
    raw.drain(..start);
    Ok(())
}

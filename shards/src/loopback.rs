//! A connection without a socket: bytes in, bytes out, on the caller's thread.
//!
//! For tests and benches of services and of the connection logic: the same code as on a shard, without ring,
//! thread or clock. Time does not pass by itself; deadlines are the caller's to call.

use std::{
    io,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    connection::{Connection, Host, Step},
    fan_out::FanOut,
    feed::{self, Feed, Flow, Source},
    http::date::DateCache,
    limits::STREAM_BYTES_MAX,
    output::Output,
    service::{Attempt, Origin, Service},
    stats::Stats,
    ticket::{Board, TicketId},
};

/// One connection to one service.
pub struct Loopback<S: Service> {
    /// The service under test.
    pub service: S,
    /// Counters, as a shard would keep them.
    pub stats: Arc<Stats>,
    origin: Origin,
    connection: Connection,
    tickets: Board<S::Answer>,
    output: Output,
    fan_out: Rc<FanOut>,
    date: DateCache,
    step: Step,
    draining: bool,
}

impl<S: Service> Loopback<S> {
    /// A fresh connection from this peer.
    pub fn new(service: S, peer: IpAddr) -> Self {
        let stats = Arc::new(Stats::default());
        Self {
            service,
            fan_out: Rc::new(FanOut::new(STREAM_BYTES_MAX, Arc::clone(&stats))),
            stats,
            origin: Origin { peer, port: 0 },
            connection: Connection::default(),
            tickets: Board::default(),
            output: Output::default(),
            date: DateCache::new(0),
            step: Step::Read,
            draining: false,
        }
    }

    /// The next request comes on a new connection.
    pub fn reconnect(&mut self) {
        self.connection.release::<S>(&mut self.tickets);
        self.connection = Connection::default();
        self.step = Step::Read;
    }

    /// Connections come to this port from now on; the first is 0.
    pub fn set_port(&mut self, port: usize) {
        self.origin.port = port;
    }

    /// From now on answers are the last of their connection.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Receives bytes, and appends to `sent` what a socket would be given. Stops at a request that yields.
    pub fn receive(&mut self, bytes: &[u8], sent: &mut Vec<u8>) {
        self.step(sent, |connection, host| connection.advance(bytes, host));
        self.advance_on(sent);
    }

    /// Receives bytes and returns what is sent.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        self.receive(bytes, &mut sent);
        sent
    }

    /// The waiting request's answer arrives.
    pub fn answer(&mut self, answer: S::Answer) -> Vec<u8> {
        self.service.note(&answer);
        self.resume(Attempt::Answered(answer))
    }

    /// The waiting request's deadline passes.
    pub fn time_out(&mut self) -> Vec<u8> {
        self.resume(Attempt::TimedOut)
    }

    /// The ticket the connection waits for, and how long it would.
    pub fn waits_for(&self) -> Option<(TicketId, Duration)> {
        match self.step {
            Step::Wait(ticket, limit) => Some((ticket, limit)),
            _ => None,
        }
    }

    /// Tickets drawn and not given back.
    pub fn tickets(&self) -> usize {
        self.tickets.drawn()
    }

    /// Whether a request has yielded.
    pub fn yields(&self) -> bool {
        self.step == Step::Yield
    }

    /// The request that has yielded gets its turn.
    pub fn go_on(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        self.step(&mut sent, |connection, host| connection.go_on(host));
        self.advance_on(&mut sent);
        sent
    }

    /// Whether the connection has become a stream.
    pub fn is_streaming(&self) -> bool {
        self.step == Step::Stream
    }

    /// What a stream sends of what was pushed. A stream that is cut sends nothing more.
    pub fn flow(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        self.flow_on(&mut sent);
        sent
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.step, Step::Close { .. })
    }

    fn resume(&mut self, attempt: Attempt<S::Answer>) -> Vec<u8> {
        let mut sent = Vec::new();
        self.step(&mut sent, |connection, host| connection.resume(attempt, host));
        self.advance_on(&mut sent);
        sent
    }

    fn advance_on(&mut self, sent: &mut Vec<u8>) {
        while self.step == Step::Continue {
            self.step(sent, |connection, host| connection.advance(&[], host));
        }
        self.flow_on(sent);
    }

    fn flow_on(&mut self, sent: &mut Vec<u8>) {
        let Some(source) = self.connection.source() else { return };
        if take_all(source, sent) {
            self.step = self.connection.close_stream(false);
        }
    }

    fn step(&mut self, sent: &mut Vec<u8>, step: impl FnOnce(&mut Connection, &mut Host<'_, S>) -> Step) {
        let mut host = Host {
            service: &mut self.service,
            tickets: &mut self.tickets,
            output: &mut self.output,
            fan_out: &self.fan_out,
            date: &self.date,
            stats: &self.stats,
            shard: 0,
            origin: self.origin,
            draining: self.draining,
            clock: Instant::now,
        };
        self.step = step(&mut self.connection, &mut host);
        // A socket that takes everything at once and never fails.
        let taken = self.output.send_with(|parts| {
            parts.iter().for_each(|part| sent.extend_from_slice(part));
            Ok(parts.iter().map(|part| part.len()).sum())
        });
        debug_assert!(matches!(taken, Ok(None)));
    }
}

/// A stream without a connection: for tests of what a service does with its feeds.
pub struct Tap {
    source: Source,
}

impl Tap {
    /// A feed and the other end of it. Dropping the tap is a client that leaves.
    pub fn open() -> (Feed, Self) {
        let fan_out = Rc::new(FanOut::new(STREAM_BYTES_MAX, Arc::default()));
        let (feed, source) = feed::open(&fan_out, false, []);
        (feed, Self { source })
    }

    /// What was pushed since the last call, as payload. A stream that is cut gives nothing more.
    pub fn take(&mut self) -> Vec<u8> {
        let mut taken = Vec::new();
        take_all(&mut self.source, &mut taken);
        taken
    }

    /// Whether the stream was ended or cut, and all of it taken.
    pub fn is_over(&self) -> bool {
        matches!(self.source.flow(), Flow::Over | Flow::Cut)
    }
}

/// A socket that takes everything at once. True if the stream is over.
fn take_all(source: &mut Source, sent: &mut Vec<u8>) -> bool {
    loop {
        match source.flow() {
            Flow::Ready => {}
            Flow::Dry => return false,
            Flow::Over | Flow::Cut => return true,
        }
        let taken: io::Result<usize> = source.send_with(|parts| {
            parts.iter().for_each(|part| sent.extend_from_slice(part));
            Ok(parts.iter().map(|part| part.len()).sum())
        });
        debug_assert!(taken.is_ok());
    }
}

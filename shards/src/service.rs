//! What a program puts on each shard: requests in, outcomes out.

use std::{any::Any, fmt, net::IpAddr, rc::Rc, time::Duration};

use crate::{
    fan_out::FanOut,
    feed::{self, Feed, Source},
    frame::Frame,
    http::{
        date::DateCache,
        encode::{ConnectionHeader, HeadWriter},
        head::{Head, Method, Version},
    },
    limits::COPY_BODY_BYTES_MAX,
    output::{Output, Shared},
    ticket::{Board, TicketId},
};

/// The program on one shard: made on the shard's thread, never moved, never shared.
pub trait Service: Sized + 'static {
    /// What control threads publish to every shard: whole, immutable, newest only.
    type State: Clone + Send + 'static;
    /// What answers a ticket.
    type Answer: Send + 'static;
    /// What control threads tell every shard, in order, each exactly once.
    type Notice: Clone + Send + 'static;

    /// A newer state arrived; requests from here on see it.
    fn apply(&mut self, state: Self::State);

    /// An answer arrived, before the request that waits for it is asked again.
    fn note(&mut self, answer: &Self::Answer);

    /// A notice arrived; states published before it are applied.
    fn told(&mut self, _notice: Self::Notice) {}

    /// Answers one request. Must not block, and must finish in well under a millisecond; what takes longer is
    /// done in pieces, see [`Outcome::Yield`].
    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, Self::Answer>) -> Outcome;

    /// The request that was handled last is answered. Not called for requests that the codec refuses. Called for a
    /// stream when it is opened.
    fn answered(&mut self, _answered: &Answered) {}

    /// The process is about to stop: readiness must turn negative while serving goes on.
    fn announce_stop(&mut self);

    /// Called about twice a second.
    fn tick(&mut self, now: &Now);

    /// The shard has drained and ends: whatever is to be handed over must be handed over now.
    fn ended(&mut self) {}
}

/// An answer, as it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Status code.
    pub status: u16,
    /// Length of the body as sent, in bytes; also for HEAD, where it stays away. Of a stream what it begins with.
    pub body_bytes: usize,
    /// From the end of the request's head to the end of the answer in our buffer, waiting included.
    pub took: Duration,
}

/// What time it is; services read no clock themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Since the shard began; never goes back.
    pub elapsed: Duration,
    /// Since 1970 UTC, as the system's clock has it.
    pub unix: Duration,
}

/// One request, as the handler sees it.
pub struct Request<'r> {
    /// Request line and headers.
    pub head: &'r Head<'r>,
    /// The body, or why it is not here.
    pub body: RequestBody<'r>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Address of the TCP peer; IPv4-mapped addresses are shown as IPv4.
    pub peer: IpAddr,
    /// Index of the port it came to, in [`crate::PoolConfig::ports`].
    pub port: usize,
}

/// A request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBody<'r> {
    /// All of it; empty if there is none.
    Complete(&'r [u8]),
    /// It is announced and not (all) here. The handler may refuse the request now, or return
    /// [`Outcome::ReadBody`] to be asked again when it is complete.
    Expected,
    /// It is longer than the limit and will not be read; the connection closes after the answer.
    TooLarge,
}

/// Why the handler is asked.
pub enum Attempt<A> {
    /// For the first time.
    First,
    /// The ticket it returned was answered.
    Answered(A),
    /// The ticket was not answered in time.
    TimedOut,
}

/// What a handler decided.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// The answer is written.
    Replied,
    /// Ask again when the ticket is answered, or after this time.
    Wait(TicketId, Duration),
    /// Read the body first; only allowed for [`RequestBody::Expected`].
    ReadBody,
    /// Let the shard's other work have its turn, then ask again with what is given here, by
    /// [`Call::take_unfinished`]. Only the head is kept for that: the body is then shown as empty. If the connection
    /// ends before, the work is dropped with it. Not allowed before the body is here.
    Yield(Unfinished),
    /// The answer is begun, and goes on as a stream; see [`Call::open`].
    Stream(Opened),
}

/// A stream that was opened: made by [`StreamReply::feed`], for its connection.
pub struct Opened(pub(crate) Source);

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").finish_non_exhaustive()
    }
}

/// What a service keeps of a request between two pieces of work. It belongs to the connection; only the service
/// knows what it is.
pub type Unfinished = Box<dyn Any>;

/// A response's body.
pub enum Body<'b> {
    /// `content-length: 0`.
    Empty,
    /// No content and no length: 304.
    None,
    /// Bytes, copied.
    Bytes(&'b [u8]),
    /// A body made once, sent without a copy if it is large.
    Shared(&'b Shared),
}

/// One handling of one request: the way to answer it or to wait.
pub struct Call<'c, A> {
    pub(crate) attempt: Attempt<A>,
    pub(crate) unfinished: Option<Unfinished>,
    pub(crate) version: Version,
    pub(crate) head_only: bool,
    pub(crate) connection: ConnectionHeader,
    pub(crate) shard: usize,
    pub(crate) tickets: &'c mut Board<A>,
    pub(crate) output: &'c mut Output,
    pub(crate) date: &'c DateCache,
    pub(crate) fan_out: &'c Rc<FanOut>,
    /// Of the answer; set when it is begun and when it is sent.
    pub(crate) written: Written,
}

/// What is known of an answer when it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub status: u16,
    pub body_bytes: usize,
}

impl<A> Call<'_, A> {
    /// Why the handler is asked.
    pub fn attempt(&self) -> &Attempt<A> {
        &self.attempt
    }

    /// What the request's last [`Outcome::Yield`] gave; the service goes on with it. [`Call::attempt`] is then as
    /// for a first time.
    pub fn take_unfinished(&mut self) -> Option<Unfinished> {
        self.unfinished.take()
    }

    /// Index of this shard, part of a ticket's return address.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Status of the answer that is begun; 0 before that.
    pub fn status(&self) -> u16 {
        self.written.status
    }

    /// Draws a ticket for [`Outcome::Wait`]. A ticket drawn and not returned leaks a seat.
    pub fn ticket(&mut self) -> TicketId {
        self.tickets.draw()
    }

    /// Gives back a ticket that will not be waited for.
    pub fn discard(&mut self, ticket: TicketId) {
        self.tickets.release(ticket);
    }

    /// Begins the answer.
    pub fn reply(&mut self, status: u16) -> Reply<'_> {
        self.written = Written { status, body_bytes: 0 };
        Reply {
            head: HeadWriter::start(&mut self.output.bytes, self.version, status),
            tail: &mut self.output.tail,
            head_only: self.head_only,
            connection: self.connection,
            date: self.date,
            body_bytes: &mut self.written.body_bytes,
        }
    }
}

impl<A> Call<'_, A> {
    /// Begins an answer that has no end: chunked for HTTP/1.1, until the connection closes for HTTP/1.0. It is the last
    /// one of its connection.
    pub fn open(&mut self, status: u16) -> StreamReply<'_> {
        self.written = Written { status, body_bytes: 0 };
        StreamReply {
            head: HeadWriter::start(&mut self.output.bytes, self.version, status),
            chunked: self.version == Version::Http11,
            // A body would only end with the connection, but there is none.
            connection: if self.head_only { self.connection } else { ConnectionHeader::Close },
            head_only: self.head_only,
            date: self.date,
            fan_out: self.fan_out,
            body_bytes: &mut self.written.body_bytes,
        }
    }
}

/// The head of a stream being written.
#[must_use]
pub struct StreamReply<'c> {
    head: HeadWriter<'c>,
    chunked: bool,
    connection: ConnectionHeader,
    head_only: bool,
    date: &'c DateCache,
    fan_out: &'c Rc<FanOut>,
    body_bytes: &'c mut usize,
}

impl StreamReply<'_> {
    /// Adds one header line.
    pub fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.head.header(name, value);
        self
    }

    /// Adds lines written beforehand, each `name: value\r\n`.
    pub fn lines(mut self, lines: &[u8]) -> Self {
        self.head.raw(lines);
        self
    }

    /// Adds framing, date and connection headers and opens the stream, which begins with these frames, however long
    /// they are. The outcome must be returned by the handler; without it the feed is gone. For HEAD the body stays
    /// away: the feed is gone from the beginning.
    pub fn feed(mut self, first: impl IntoIterator<Item = Frame>) -> (Feed, Outcome) {
        if self.chunked {
            self.head.raw(b"transfer-encoding: chunked\r\n");
        }
        self.head.finish(self.date, self.connection);
        if self.head_only {
            return (feed::closed(self.fan_out), Outcome::Replied);
        }
        let (feed, source) = feed::open(self.fan_out, self.chunked, first);
        *self.body_bytes = feed.queued_bytes();
        (feed, Outcome::Stream(Opened(source)))
    }
}

/// An answer being written, straight into the buffer it is sent from.
#[must_use]
pub struct Reply<'c> {
    head: HeadWriter<'c>,
    tail: &'c mut Option<Shared>,
    head_only: bool,
    connection: ConnectionHeader,
    date: &'c DateCache,
    body_bytes: &'c mut usize,
}

impl Reply<'_> {
    /// Adds one header line.
    pub fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.head.header(name, value);
        self
    }

    /// Adds lines written beforehand, each `name: value\r\n`.
    pub fn lines(mut self, lines: &[u8]) -> Self {
        self.head.raw(lines);
        self
    }

    /// Adds length, date and connection headers and the body. For HEAD the body stays away.
    pub fn send(mut self, body: Body<'_>) -> Outcome {
        *self.body_bytes = match &body {
            Body::None | Body::Empty => 0,
            Body::Bytes(bytes) => bytes.len(),
            Body::Shared(shared) => shared.len(),
        };
        if !matches!(body, Body::None) {
            self.head.content_length(*self.body_bytes);
        }
        let bytes = self.head.finish(self.date, self.connection);
        match body {
            _ if self.head_only => {}
            Body::None | Body::Empty => {}
            Body::Bytes(body) => bytes.extend_from_slice(body),
            Body::Shared(body) if body.len() <= COPY_BODY_BYTES_MAX => bytes.extend_from_slice(body),
            Body::Shared(body) => *self.tail = Some(Shared::clone(body)),
        }
        Outcome::Replied
    }
}

/// Whether a method asks for the head of an answer only.
pub(crate) fn is_head_only(method: &Method<'_>) -> bool {
    matches!(method, Method::Head)
}

//! One HTTP/1.1 connection, sans-io: bytes in, answers and the next step out.
//!
//! Knows what may follow what: heads, bodies, pipelining, waiting requests, the end. Does no I/O, reads no clock,
//! holds no buffer while idle: whole requests are handled where they were read, and only an incomplete one is
//! copied.
//!
//! ```text
//!   Head --complete--> handle --Replied--> Head | Closing
//!     \--body missing--> Body --complete--^  |--Wait--> Waiting --answer or deadline--> handle
//!                                            |--Yield--> Working --its turn--> handle
//!                                            \--Stream--> Streaming --end--> Closing
//! ```

use std::{
    mem::{self, MaybeUninit},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    fan_out::FanOut,
    feed::Source,
    http::{
        chunked::{ChunkError, ChunkedDecoder},
        date::DateCache,
        encode::{self, ConnectionHeader},
        head::{Framing, Head, HeadProgress, Version, parse_head},
        limits::{BODY_BYTES_MAX, HEADERS_MAX},
    },
    output::Output,
    service::{
        Answered, Attempt, Call, Opened, Origin, Outcome, Request, RequestBody, Service, Unfinished, Written,
        is_head_only,
    },
    stats::Stats,
    ticket::{Board, TicketId},
};

/// What a connection borrows from its shard while it runs.
pub struct Host<'h, S: Service> {
    pub service: &'h mut S,
    pub tickets: &'h mut Board<S::Answer>,
    pub output: &'h mut Output,
    pub date: &'h DateCache,
    pub fan_out: &'h Rc<FanOut>,
    pub stats: &'h Stats,
    pub shard: usize,
    pub origin: Origin,
    /// Answers are the last of their connection.
    pub draining: bool,
    /// What time it is, for measuring.
    pub clock: fn() -> Instant,
}

/// What the connection wants next, after the output has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More bytes.
    Read,
    /// To be called again with no bytes: there is more to do with those it has.
    Continue,
    /// The answer to a ticket, by [`Connection::resume`], at the latest after this time.
    Wait(TicketId, Duration),
    /// Its turn, after other work of the shard, by [`Connection::go_on`].
    Yield,
    /// To send what its [`Connection::source`] brings, and to read over what comes, until one of both is over.
    Stream,
    /// The end. `linger`: the client may still be sending, see [`crate::limits::LINGER`].
    Close { linger: bool },
}

/// What the connection is in the middle of; decides which deadline applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Idle,
    Head,
    Body,
    Waiting,
    Working,
    Streaming,
    Closing,
}

#[derive(Default)]
enum Stage {
    #[default]
    Head,
    Body(Box<Partial>),
    Waiting(Box<Partial>, TicketId, Duration),
    /// The head is kept, the body is not.
    Working(Box<Partial>, Unfinished),
    Streaming(Source),
    Closing {
        linger: bool,
    },
}

/// A request that is not answered yet: its head as received, and the body so far.
struct Partial {
    head: Box<[u8]>,
    body: Vec<u8>,
    decoder: BodyDecoder,
    /// The handler was asked about the missing body and wants it.
    wanted: bool,
}

enum BodyDecoder {
    Length(usize),
    Chunked(ChunkedDecoder),
}

/// Why a handler is asked.
enum Turn<A> {
    Asked(Attempt<A>),
    Unfinished(Unfinished),
}

impl<A> Turn<A> {
    const FIRST: Self = Self::Asked(Attempt::First);
}

/// Why a request is not answered yet.
enum Pause {
    Wait(TicketId, Duration),
    Yield(Unfinished),
}

impl Pause {
    /// A request that waits is asked again from the beginning; one that yields goes on.
    fn keeps_body(&self) -> bool {
        matches!(self, Self::Wait(..))
    }
}

/// How far a body has come.
enum BodyProgress {
    Missing,
    Complete,
    Failed(ChunkError),
}

#[derive(Default)]
pub struct Connection {
    stage: Stage,
    /// Bytes received and not understood yet.
    held: Vec<u8>,
    /// Requests handled; tells one partial request from the next.
    pub requests: u64,
    /// When the head of the request was complete that is not answered yet.
    began: Option<Instant>,
}

impl Connection {
    pub fn activity(&self) -> Activity {
        match self.stage {
            Stage::Head if self.held.is_empty() => Activity::Idle,
            Stage::Head => Activity::Head,
            Stage::Body(_) => Activity::Body,
            Stage::Waiting(..) => Activity::Waiting,
            Stage::Working(..) => Activity::Working,
            Stage::Streaming(_) => Activity::Streaming,
            Stage::Closing { .. } => Activity::Closing,
        }
    }

    /// Takes received bytes as far as they go.
    pub fn advance<S: Service>(&mut self, input: &[u8], host: &mut Host<'_, S>) -> Step {
        if self.held.is_empty() {
            let used = self.consume(input, host);
            self.held.extend_from_slice(input.get(used..).unwrap_or(&[]));
        } else {
            let mut held = mem::take(&mut self.held);
            held.extend_from_slice(input);
            let used = self.consume(&held, host);
            if used < held.len() {
                held.drain(..used);
                self.held = held;
            }
        }
        // Nobody answers what comes behind the last answer of a connection.
        if matches!(self.stage, Stage::Closing { .. } | Stage::Streaming(_)) {
            self.held = Vec::new();
        }
        self.next(host)
    }

    /// Asks the handler again: the ticket was answered, or not in time.
    pub fn resume<S: Service>(&mut self, attempt: Attempt<S::Answer>, host: &mut Host<'_, S>) -> Step {
        match mem::take(&mut self.stage) {
            Stage::Waiting(partial, ticket, _) => {
                host.tickets.release(ticket);
                self.handle_partial(partial, Turn::Asked(attempt), host);
            }
            stage => self.stage = stage,
        }
        self.next_after_pause(host)
    }

    /// Asks the handler again: others have had their turn.
    pub fn go_on<S: Service>(&mut self, host: &mut Host<'_, S>) -> Step {
        match mem::take(&mut self.stage) {
            Stage::Working(partial, unfinished) => {
                self.handle_partial(partial, Turn::Unfinished(unfinished), host);
            }
            stage => self.stage = stage,
        }
        self.next_after_pause(host)
    }

    /// The stream that this connection has become.
    pub fn source(&mut self) -> Option<&mut Source> {
        match &mut self.stage {
            Stage::Streaming(source) => Some(source),
            _ => None,
        }
    }

    /// The stream is over, from either side.
    pub fn close_stream(&mut self, linger: bool) -> Step {
        self.stage = Stage::Closing { linger };
        Step::Close { linger }
    }

    fn next_after_pause<S: Service>(&self, host: &Host<'_, S>) -> Step {
        match self.stage {
            // Requests may have come in behind the one that waited; nobody would send more to wake them.
            Stage::Head if !self.held.is_empty() => Step::Continue,
            _ => self.next(host),
        }
    }

    /// A body did not arrive in time.
    pub fn refuse_slow_body<S: Service>(&mut self, host: &mut Host<'_, S>) -> Step {
        self.refuse(408, host);
        self.next(host)
    }

    /// Gives back what the connection holds of its shard; it is over.
    pub fn release<S: Service>(&mut self, tickets: &mut Board<S::Answer>) {
        if let Stage::Waiting(_, ticket, _) = self.stage {
            tickets.release(ticket);
        }
    }

    fn next<S: Service>(&self, host: &Host<'_, S>) -> Step {
        match self.stage {
            Stage::Closing { linger } => Step::Close { linger },
            Stage::Waiting(_, ticket, limit) => Step::Wait(ticket, limit),
            Stage::Working(..) => Step::Yield,
            Stage::Streaming(_) => Step::Stream,
            _ if host.output.is_full() && !self.held.is_empty() => Step::Continue,
            _ => Step::Read,
        }
    }

    /// Works through the input; returns how much of it is done with.
    fn consume<S: Service>(&mut self, input: &[u8], host: &mut Host<'_, S>) -> usize {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or(&[]);
            if rest.is_empty() || host.output.is_full() {
                return used;
            }
            let taken = match mem::take(&mut self.stage) {
                Stage::Head => self.take_head(rest, host),
                Stage::Body(partial) => Some(self.take_body(partial, rest, host)),
                stage => {
                    self.stage = stage;
                    None
                }
            };
            match taken {
                Some(taken) => used += taken,
                None => return used,
            }
        }
    }

    /// `None` if the head is incomplete.
    fn take_head<S: Service>(&mut self, input: &[u8], host: &mut Host<'_, S>) -> Option<usize> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let (consumed, head) = match parse_head(input, &mut slots) {
            HeadProgress::Partial => return None,
            HeadProgress::Refused(refusal) => {
                self.refuse(refusal.status(), host);
                return None;
            }
            HeadProgress::Complete { consumed, head } => (consumed, head),
        };
        self.began = Some((host.clock)());
        let after = input.get(consumed..).unwrap_or(&[]);
        let whole = match head.framing {
            Framing::None => Some(&after[..0]),
            Framing::Length(length) => usize::try_from(length).ok().and_then(|length| after.get(..length)),
            Framing::Chunked => None,
        };
        if let Framing::Length(length) = head.framing
            && length > BODY_BYTES_MAX
        {
            self.handle_without_body(&head, RequestBody::TooLarge, host);
            return Some(consumed);
        }
        let Some(body) = whole else {
            let head_bytes = input.get(..consumed).unwrap_or(&[]);
            let partial = Box::new(Partial::new(head_bytes, head.framing));
            return Some(consumed + self.take_body(partial, after, host));
        };
        if let Some(pause) = self.handle(&head, body, Turn::FIRST, host) {
            let head_bytes = input.get(..consumed).unwrap_or(&[]);
            let kept_body = if pause.keeps_body() { body } else { &[] };
            self.pause(Box::new(Partial::whole(head_bytes, kept_body)), pause);
        }
        Some(consumed + body.len())
    }

    fn take_body<S: Service>(
        &mut self,
        mut partial: Box<Partial>,
        input: &[u8],
        host: &mut Host<'_, S>,
    ) -> usize {
        let (used, progress) = partial.feed(input);
        match progress {
            BodyProgress::Complete => self.handle_partial(partial, Turn::FIRST, host),
            BodyProgress::Missing if partial.wanted => self.stage = Stage::Body(partial),
            BodyProgress::Missing => self.ask_about_body(partial, host),
            BodyProgress::Failed(ChunkError::TooLarge) => {
                with_head(&partial.head, |head| {
                    self.handle_without_body(head, RequestBody::TooLarge, host);
                });
            }
            BodyProgress::Failed(_) => self.refuse(400, host),
        }
        used
    }

    /// The body is not all here: the handler may refuse the request before it is read.
    fn ask_about_body<S: Service>(&mut self, mut partial: Box<Partial>, host: &mut Host<'_, S>) {
        let head_bytes = mem::take(&mut partial.head);
        let wanted = with_head(&head_bytes, |head| {
            let wanted = self.handle_without_body(head, RequestBody::Expected, host);
            if wanted && head.expect_continue {
                host.output.bytes.extend_from_slice(encode::CONTINUE);
            }
            wanted
        });
        if wanted == Some(true) {
            partial.head = head_bytes;
            partial.wanted = true;
            self.stage = Stage::Body(partial);
        }
    }

    /// Handles a request whose body is not read. True if the handler wants to read it after all; otherwise it
    /// is answered and the connection closes, since where the next request begins is not known.
    fn handle_without_body<S: Service>(
        &mut self,
        head: &Head<'_>,
        body: RequestBody<'_>,
        host: &mut Host<'_, S>,
    ) -> bool {
        let start = host.output.bytes.len();
        let may_read = body == RequestBody::Expected;
        let (outcome, written) = ask(head, body, true, Turn::FIRST, host);
        match outcome {
            Some(Outcome::ReadBody) if may_read => return true,
            Some(Outcome::Wait(ticket, _)) => {
                // The answer may come before the body: read the body first, ask again then.
                host.tickets.release(ticket);
                if may_read {
                    return true;
                }
                self.refuse(413, host);
            }
            Some(Outcome::Replied) => {
                self.replied(written, host);
                self.stage = Stage::Closing { linger: true };
            }
            Some(Outcome::Stream(opened)) => self.opened(opened, written, host),
            Some(Outcome::ReadBody | Outcome::Yield(_)) | None => self.panicked(start, host),
        }
        false
    }

    fn handle_partial<S: Service>(
        &mut self,
        mut partial: Box<Partial>,
        turn: Turn<S::Answer>,
        host: &mut Host<'_, S>,
    ) {
        let pause = with_head(&partial.head, |head| self.handle(head, &partial.body, turn, host));
        if let Some(Some(pause)) = pause {
            if !pause.keeps_body() {
                partial.body = Vec::new();
            }
            self.pause(partial, pause);
        }
    }

    /// Handles a whole request; returns why it has to pause, if it has.
    fn handle<S: Service>(
        &mut self,
        head: &Head<'_>,
        body: &[u8],
        turn: Turn<S::Answer>,
        host: &mut Host<'_, S>,
    ) -> Option<Pause> {
        let start = host.output.bytes.len();
        let closes = !head.keep_alive || host.draining;
        let (outcome, written) = ask(head, RequestBody::Complete(body), closes, turn, host);
        match outcome {
            Some(Outcome::Replied) => {
                self.replied(written, host);
                self.stage = if closes { Stage::Closing { linger: false } } else { Stage::Head };
            }
            Some(Outcome::Wait(ticket, limit)) => return Some(Pause::Wait(ticket, limit)),
            Some(Outcome::Yield(unfinished)) => return Some(Pause::Yield(unfinished)),
            Some(Outcome::Stream(opened)) => self.opened(opened, written, host),
            Some(Outcome::ReadBody) | None => self.panicked(start, host),
        }
        None
    }

    fn replied<S: Service>(&mut self, written: Written, host: &mut Host<'_, S>) {
        host.stats.requests.increment();
        self.requests += 1;
        let now = (host.clock)();
        let took = self.began.take().map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let Written { status, body_bytes } = written;
        host.service.answered(&Answered { status, body_bytes, took });
    }

    fn opened<S: Service>(&mut self, Opened(source): Opened, written: Written, host: &mut Host<'_, S>) {
        self.replied(written, host);
        self.stage = Stage::Streaming(source);
    }

    fn pause(&mut self, partial: Box<Partial>, pause: Pause) {
        self.stage = match pause {
            Pause::Wait(ticket, limit) => Stage::Waiting(partial, ticket, limit),
            Pause::Yield(unfinished) => Stage::Working(partial, unfinished),
        };
    }

    fn refuse<S: Service>(&mut self, status: u16, host: &mut Host<'_, S>) {
        encode::refusal(&mut host.output.bytes, status, host.date);
        host.stats.refused.increment();
        host.stats.requests.increment();
        self.stage = Stage::Closing { linger: true };
    }

    /// A handler panicked: whatever it wrote is taken back, this connection ends, others go on.
    fn panicked<S: Service>(&mut self, start: usize, host: &mut Host<'_, S>) {
        host.output.truncate(start);
        host.stats.panics.increment();
        self.refuse(500, host);
    }
}

/// Asks the handler; no outcome if it panicked.
fn ask<S: Service>(
    head: &Head<'_>,
    body: RequestBody<'_>,
    closes: bool,
    turn: Turn<S::Answer>,
    host: &mut Host<'_, S>,
) -> (Option<Outcome>, Written) {
    let (attempt, unfinished) = match turn {
        Turn::Asked(attempt) => (attempt, None),
        Turn::Unfinished(unfinished) => (Attempt::First, Some(unfinished)),
    };
    let request = Request { head, body, origin: host.origin };
    let mut call = Call {
        attempt,
        unfinished,
        version: head.version,
        head_only: is_head_only(&head.method),
        connection: connection_header(head, closes),
        shard: host.shard,
        tickets: host.tickets,
        output: host.output,
        date: host.date,
        fan_out: host.fan_out,
        written: Written::default(),
    };
    let service = &mut *host.service;
    let outcome = catch_unwind(AssertUnwindSafe(|| service.handle(&request, &mut call))).ok();
    (outcome, call.written)
}

fn connection_header(head: &Head<'_>, closes: bool) -> ConnectionHeader {
    match (closes, head.version) {
        (true, _) => ConnectionHeader::Close,
        (false, Version::Http10) => ConnectionHeader::KeepAlive,
        (false, Version::Http11) => ConnectionHeader::None,
    }
}

/// Reads a kept head again; it was complete when it was kept.
fn with_head<T>(bytes: &[u8], then: impl FnOnce(&Head<'_>) -> T) -> Option<T> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    match parse_head(bytes, &mut slots) {
        HeadProgress::Complete { head, .. } => Some(then(&head)),
        HeadProgress::Partial | HeadProgress::Refused(_) => {
            debug_assert!(false, "a head that was kept is complete");
            None
        }
    }
}

impl Partial {
    fn new(head: &[u8], framing: Framing) -> Self {
        let decoder = match framing {
            Framing::None => BodyDecoder::Length(0),
            // The caller has compared the length with BODY_BYTES_MAX, which fits.
            Framing::Length(length) => BodyDecoder::Length(usize::try_from(length).unwrap_or(usize::MAX)),
            Framing::Chunked => BodyDecoder::Chunked(ChunkedDecoder::new(BODY_BYTES_MAX)),
        };
        Self { head: head.into(), body: Vec::new(), decoder, wanted: false }
    }

    fn whole(head: &[u8], body: &[u8]) -> Self {
        Self { head: head.into(), body: body.into(), decoder: BodyDecoder::Length(0), wanted: true }
    }

    /// Takes the part of the input that belongs to the body; returns how much that is.
    fn feed(&mut self, input: &[u8]) -> (usize, BodyProgress) {
        match &mut self.decoder {
            BodyDecoder::Length(length) => {
                let missing = length.saturating_sub(self.body.len());
                let taken = missing.min(input.len());
                self.body.extend_from_slice(input.get(..taken).unwrap_or(&[]));
                (taken, if taken == missing { BodyProgress::Complete } else { BodyProgress::Missing })
            }
            BodyDecoder::Chunked(decoder) => match decoder.decode(input, &mut self.body) {
                Ok(progress) if progress.done => (progress.consumed, BodyProgress::Complete),
                Ok(progress) => (progress.consumed, BodyProgress::Missing),
                Err(error) => (input.len(), BodyProgress::Failed(error)),
            },
        }
    }
}

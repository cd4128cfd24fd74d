//! One connection's task: moves bytes between its socket and its [`Connection`], and keeps its deadline.
//!
//! A hand-written poll function rather than an async block, so that the shard's scratch buffer and output are
//! borrowed for one synchronous step and an idle session holds neither.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use crate::{
    connection::{Activity, Connection, Host, Step},
    driver::Driver,
    feed::Flow,
    limits::{
        LINGER, LINGER_BYTES_MAX, ROUNDS_PER_POLL_MAX, SEND_BYTES_PER_SECOND_MIN, STREAM_ACK,
        STREAM_INPUT_BYTES_MAX, TICK, WORK,
    },
    link::{Link, Received},
    output::Unsent,
    service::{Attempt, Origin, Service},
    shard::Shard,
    tls::Handshake,
};

/// How long a connection may take for each part of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From accept to the first byte, and from there to the end of the head; closed without an answer.
    pub head: Duration,
    /// From the end of the head to the end of the body; answered 408.
    pub body: Duration,
    /// For head and body together, from the first byte; replaces the two above once a byte has come.
    pub request: Option<Duration>,
    /// Between an answer and the next request; closed without an answer.
    pub idle: Duration,
    /// For sending an answer, plus one second per 64 KiB of it.
    pub send: Duration,
}

/// Which deadline is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    Fresh,
    Idle,
    Head,
    Body,
    Wait,
    Work,
    Send,
    /// A frame of a stream that the socket does not take at once.
    Frame,
    /// A stream that is dry has no deadline.
    Stream,
    Linger,
}

/// Why a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The service has ended it, and everything is sent.
    Ended,
    /// The client has.
    Left,
    /// What the client sends is not TLS; the alert is under way.
    Refused,
    /// By the service, or for one of the bounds.
    Cut,
}

pub struct Session<D: Driver, S: Service> {
    shard: Rc<Shard<S>>,
    link: Link<D::Sock>,
    slot: usize,
    origin: Origin,
    connection: Connection,
    step: Step,
    unsent: Option<Unsent>,
    /// The number that is waited for, while the step is to yield.
    turn: Option<u64>,
    /// The running deadline, and the count of requests, or of frames, when it was set.
    timer: (Timer, u64),
    /// Of the frame that the socket does not take: what had been sent of the stream when its deadline was set, and when
    /// all of the frame must be.
    frame: (u64, u64),
    /// Bytes received that nobody looked at.
    discarded: usize,
    half_closed: bool,
    /// The peer is not told of the end.
    broken_off: bool,
}

impl<D: Driver, S: Service> Session<D, S> {
    pub fn new(shard: Rc<Shard<S>>, link: Link<D::Sock>, slot: usize, origin: Origin) -> Self {
        shard.stats.open.set(shard.slots.borrow().len() as u64);
        let session = Self {
            shard,
            link,
            slot,
            origin,
            connection: Connection::default(),
            step: Step::Read,
            unsent: None,
            turn: None,
            timer: (Timer::Fresh, 0),
            frame: (0, 0),
            discarded: 0,
            half_closed: false,
            broken_off: false,
        };
        session.set_deadline(session.shard.config.timeouts.head);
        session
    }

    /// Runs until the connection is over.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_steps(cx));
        if !self.broken_off {
            self.link.part(&mut self.shard.scratch.borrow_mut());
        }
        Poll::Ready(())
    }

    fn poll_steps(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shard.slots.borrow_mut().park(self.slot, cx.waker()) && self.expired() {
            return Poll::Ready(());
        }
        for _ in 0..ROUNDS_PER_POLL_MAX {
            if self.step == Step::Stream {
                ready!(self.poll_stream(cx));
            }
            if ready!(self.poll_flush(cx)).is_err() {
                return Poll::Ready(());
            }
            self.keep_deadline();
            let over = match self.step {
                Step::Read => ready!(self.poll_read(cx)),
                Step::Continue => {
                    self.advance(&[]);
                    false
                }
                Step::Wait(ticket, _) => {
                    let answer = self.shard.tickets.borrow_mut().take(ticket, cx.waker());
                    let Some(answer) = answer else { return Poll::Pending };
                    self.resume(Attempt::Answered(answer));
                    false
                }
                Step::Yield => {
                    ready!(self.poll_turn(cx));
                    self.with_host(|connection, host| connection.go_on(host));
                    false
                }
                Step::Stream => false,
                Step::Close { linger: false } => true,
                Step::Close { linger: true } => return self.poll_linger(cx),
            };
            if over {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends what is left of earlier answers.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let flushed = self.poll_send(cx);
        if flushed.is_pending() {
            self.keep_deadline();
        }
        flushed
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while let Some(unsent) = &mut self.unsent {
            if unsent.len() == 0 {
                self.unsent = None;
                break;
            }
            match ready!(self.link.poll_send(cx, unsent.next())) {
                Ok(0) | Err(_) => return Poll::Ready(Err(())),
                Ok(count) => unsent.sent(count),
            }
        }
        self.link.poll_flush(cx).map_err(|_| ())
    }

    /// Earlier answers have not left entirely.
    fn is_sending(&self) -> bool {
        self.unsent.is_some() || self.link.is_sending()
    }

    /// True if the connection is over.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch.borrow_mut();
        let received = match self.link.poll_recv(cx, &mut scratch) {
            // A request may have come that the ring has not told of; only if none has, the connection is over.
            Poll::Pending if shard.drain.is_set() && self.connection.activity() == Activity::Idle => {
                self.link.recv_last(cx, &mut scratch)
            }
            received => received,
        };
        self.count_handshake();
        match ready!(received) {
            Received::Ended => return Poll::Ready(true),
            // The alert is sent before that, and the peer should be able to read it.
            Received::Broken => self.step = Step::Close { linger: true },
            Received::Bytes(count) => self.advance(scratch.plain.get(..count).unwrap_or(&[])),
        }
        Poll::Ready(false)
    }

    fn count_handshake(&mut self) {
        let stats = &self.shard.stats;
        match self.link.take_news() {
            None => {}
            Some(Handshake::Full) => stats.tls_full.increment(),
            Some(Handshake::Resumed) => stats.tls_resumed.increment(),
            Some(Handshake::Failed) => stats.tls_failed.increment(),
        }
    }

    /// Ready when it is this session's turn to go on with long work.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut turns = self.shard.turns.borrow_mut();
        let turn = *self.turn.get_or_insert_with(|| turns.draw(cx.waker()));
        if turns.has_come(turn) {
            self.turn = None;
            return Poll::Ready(());
        }
        let needs_caller = turns.needs_caller();
        drop(turns);
        if needs_caller {
            D::spawn(call_turns::<D, S>(Rc::clone(&self.shard)));
        }
        Poll::Pending
    }

    /// Ready when the stream is over; then the step has changed. Receives and sends independently of each other: a
    /// client that leaves is noticed while frames wait, and while none come.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = match self.poll_client(cx) {
            Poll::Ready(over) => Poll::Ready(over),
            Poll::Pending => self.poll_source(cx),
        };
        match is_over {
            Poll::Ready(Over::Ended) => self.close_stream(self.discarded > 0),
            Poll::Ready(Over::Refused) => self.close_stream(true),
            Poll::Ready(Over::Left) => self.close_stream(false),
            Poll::Ready(Over::Cut) => self.break_off(),
            Poll::Pending => {
                self.keep_stream_deadline();
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// What a client says on a stream is dropped, but its end is noticed.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch.borrow_mut();
        // Every receive but the last brings something, so there are few.
        while self.discarded <= STREAM_INPUT_BYTES_MAX {
            match ready!(self.link.poll_recv(cx, &mut scratch)) {
                Received::Ended => return Poll::Ready(Over::Left),
                Received::Broken => {
                    self.count_handshake();
                    return Poll::Ready(Over::Refused);
                }
                Received::Bytes(count) => self.discarded += count,
            }
        }
        Poll::Ready(Over::Cut)
    }

    /// Sends what was pushed, as far as the socket takes it.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        if let Some(source) = self.connection.source() {
            source.attend(cx.waker());
        }
        for _ in 0..ROUNDS_PER_POLL_MAX {
            if ready!(self.poll_send(cx)).is_err() {
                return Poll::Ready(Over::Left);
            }
            let Some(source) = self.connection.source() else { return Poll::Ready(Over::Ended) };
            match source.flow() {
                Flow::Ready => {}
                Flow::Dry => return Poll::Pending,
                Flow::Over => return Poll::Ready(Over::Ended),
                Flow::Cut => return Poll::Ready(Over::Cut),
            }
            let link = &mut self.link;
            let sent = match source.send_with(|parts| link.try_send(parts)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                sent => sent,
            };
            let sent = match sent {
                // The socket is full: waits for room.
                Ok(0) => ready!(source.poll_send_with(|bytes| link.poll_send(cx, bytes))),
                sent => sent,
            };
            if !sent.is_ok_and(|count| count > 0) {
                return Poll::Ready(Over::Left);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn close_stream(&mut self, linger: bool) {
        self.step = self.connection.close_stream(linger);
    }

    /// Ends a stream such that the peer sees it broken, and the kernel keeps nothing for it.
    fn break_off(&mut self) {
        self.link.break_off();
        self.broken_off = true;
        self.close_stream(false);
    }

    fn advance(&mut self, input: &[u8]) {
        self.with_host(|connection, host| connection.advance(input, host));
    }

    fn resume(&mut self, attempt: Attempt<S::Answer>) {
        self.with_host(|connection, host| connection.resume(attempt, host));
    }

    /// One synchronous step of the connection, and one attempt to send what it wrote.
    fn with_host(&mut self, step: impl FnOnce(&mut Connection, &mut Host<'_, S>) -> Step) {
        let shard = &self.shard;
        let mut output = shard.output.borrow_mut();
        let mut host = Host {
            service: &mut *shard.service.borrow_mut(),
            tickets: &mut shard.tickets.borrow_mut(),
            output: &mut output,
            fan_out: &shard.fan_out,
            date: &shard.date.borrow(),
            stats: &shard.stats,
            shard: shard.config.index,
            origin: self.origin,
            draining: shard.drain.is_set(),
            clock: Instant::now,
        };
        self.step = step(&mut self.connection, &mut host);
        match output.send_with(|parts| self.link.try_send(parts)) {
            Ok(unsent) => self.unsent = unsent,
            // The peer is gone: nothing more can be said to it.
            Err(_) => self.step = Step::Close { linger: false },
        }
        if self.step == Step::Stream {
            self.link.give_up_after(STREAM_ACK.max(shard.config.timeouts.send + TICK));
        }
    }

    /// A deadline has passed. True if that ends the connection.
    fn expired(&mut self) -> bool {
        let waiting = !self.is_sending() && matches!(self.timer.0, Timer::Wait);
        if waiting {
            self.resume(Attempt::TimedOut);
            return false;
        }
        if self.step == Step::Stream && self.makes_progress() {
            return false;
        }
        self.shard.stats.timed_out.increment();
        if self.step == Step::Stream {
            self.shard.stats.streams_slow.increment();
            self.break_off();
            return true;
        }
        if !self.is_sending() && self.timer.0 == Timer::Body {
            self.with_host(|connection, host| connection.refuse_slow_body(host));
            return false;
        }
        true
    }

    /// Sets the deadline that belongs to what the connection is doing; leaves a running one alone.
    fn keep_deadline(&mut self) {
        let timeouts = &self.shard.config.timeouts;
        let requests = self.connection.requests;
        let (timer, limit) = match (self.step, self.connection.activity()) {
            // A handshake is part of the time to the first byte, whatever it sends.
            (Step::Read, Activity::Idle)
                if self.timer == (Timer::Fresh, requests) && self.unsent.is_none() =>
            {
                return;
            }
            _ if self.is_sending() => {
                let seconds = self.unsent.as_ref().map_or(0, Unsent::len) / SEND_BYTES_PER_SECOND_MIN;
                (Timer::Send, timeouts.send + Duration::from_secs(seconds as u64))
            }
            (Step::Wait(_, limit), _) => (Timer::Wait, limit),
            (Step::Yield, _) => (Timer::Work, WORK),
            (Step::Close { .. }, _) => (Timer::Linger, LINGER),
            (_, Activity::Head) => (Timer::Head, timeouts.request.unwrap_or(timeouts.head)),
            (_, Activity::Body) => (Timer::Body, timeouts.request.unwrap_or(timeouts.body)),
            _ => (Timer::Idle, timeouts.idle),
        };
        let was = std::mem::replace(&mut self.timer, (timer, requests));
        let whole_request = timeouts.request.is_some();
        let goes_on = was == (Timer::Head, requests) && timer == Timer::Body && whole_request;
        if was != self.timer && !goes_on {
            self.set_deadline(limit);
        }
    }

    /// While the socket does not take a frame: the time of an answer, for each frame again, and something must be taken
    /// all the time. Else none.
    fn keep_stream_deadline(&mut self) {
        let Some(source) = self.connection.source() else { return };
        let unsent = self.unsent.as_ref().map_or(0, Unsent::len) + source.unsent_bytes();
        let timer = if unsent > 0 || self.link.is_sending() {
            (Timer::Frame, source.completed())
        } else {
            (Timer::Stream, 0)
        };
        if std::mem::replace(&mut self.timer, timer) == timer {
            return;
        }
        if timer.0 == Timer::Stream {
            self.shard.slots.borrow_mut().clear_deadline(self.slot);
        } else {
            let seconds = Duration::from_secs((unsent / SEND_BYTES_PER_SECOND_MIN) as u64);
            let limit = self.shard.config.timeouts.send;
            self.frame =
                (source.sent_bytes(), self.shard.now_ms.get().saturating_add(millis(limit + seconds)));
            self.set_deadline(limit);
        }
    }

    /// The time of a stream's reader has passed. If it has taken something meanwhile, it gets the same time again, up to
    /// that of the whole frame.
    fn makes_progress(&mut self) -> bool {
        if self.timer.0 != Timer::Frame {
            return true;
        }
        let Some(source) = self.connection.source() else { return false };
        let (sent, frame_deadline_ms) = self.frame;
        if source.sent_bytes() == sent || self.shard.now_ms.get() >= frame_deadline_ms {
            return false;
        }
        self.frame.0 = source.sent_bytes();
        self.set_deadline(self.shard.config.timeouts.send);
        true
    }

    /// The last tick may be a whole tick ago: counted from there alone the deadline would come early.
    fn set_deadline(&self, limit: Duration) {
        let deadline_ms = self.shard.now_ms.get().saturating_add(millis(limit.saturating_add(TICK)));
        self.shard.slots.borrow_mut().set_deadline(self.slot, deadline_ms);
    }

    /// Ends our half and drops what still comes, so that the last answer is not lost to a reset.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.half_closed {
            let _ = ready!(self.link.poll_shutdown(cx));
            self.half_closed = true;
        }
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch.borrow_mut();
        for _ in 0..ROUNDS_PER_POLL_MAX {
            match ready!(self.link.poll_discard(cx, &mut scratch)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(count) => self.discarded += count,
            }
            if self.discarded > LINGER_BYTES_MAX {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<D: Driver, S: Service> Drop for Session<D, S> {
    fn drop(&mut self) {
        self.connection.release::<S>(&mut self.shard.tickets.borrow_mut());
        let mut slots = self.shard.slots.borrow_mut();
        slots.leave(self.slot);
        self.shard.stats.open.set(slots.len() as u64);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Calls one turn each time the executor has looked after everything else.
async fn call_turns<D: Driver, S: Service>(shard: Rc<Shard<S>>) {
    loop {
        D::pass().await;
        if !shard.turns.borrow_mut().call_next() {
            return;
        }
    }
}

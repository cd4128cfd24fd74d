//! A stream's two ends on its shard: the [`Feed`] that a service pushes to, and the [`Source`] that its connection
//! sends from.
//!
//! ```text
//!   service --push--> queue of frames --gathered send--> socket
//!      Feed  <------- is_gone ------------  Source
//! ```
//!
//! Both are counted handles of one queue, so each learns of the other's end without being told. Pushing does no I/O:
//! it queues and notes the feed, and [`crate::fan_out`] wakes its session soon after. Sans-io, no clock.
//!
//! A queue is bounded: frames behind the one that is being sent may have so many bytes, and one of them may always be
//! there, however long. Who is further behind is cut, and counted.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt, io,
    io::IoSlice,
    rc::Rc,
    task::{Poll, Waker},
};

use crate::{
    fan_out::FanOut,
    frame::Frame,
    limits::{FRAME_OVERHEAD_BYTES, QUEUE_KEPT_FRAMES_MAX, SEND_PARTS_MAX},
};

/// Ends a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Takes nothing more; will be ended when its turn comes.
    Parting,
    /// What is queued is sent, then the end.
    Ended,
    /// Nothing more is sent.
    Cut,
    /// The connection is over.
    Gone,
}

/// What both ends share.
pub(crate) struct Queue {
    /// The first is being sent.
    frames: RefCell<VecDeque<Frame>>,
    /// Bytes behind the first, each frame with its overhead.
    behind: Cell<usize>,
    state: Cell<State>,
    /// Stands in the list of those to be woken. Kept by the fan-out.
    pub(crate) is_noted: Cell<bool>,
    /// Of the session. It parks there once the stream is open.
    waker: RefCell<Option<Waker>>,
    fan_out: Rc<FanOut>,
}

impl Queue {
    /// Bytes that its session is to send at the next wake.
    pub(crate) fn front_bytes(&self) -> usize {
        self.frames.borrow().front().map_or(0, Frame::len)
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Its turn to part has come.
    pub(crate) fn end_now(self: &Rc<Self>) {
        if self.state.get() == State::Parting {
            self.state.set(State::Ended);
            self.fan_out.note(self);
        }
    }

    fn push(self: &Rc<Self>, frame: &Frame) {
        if self.state.get() != State::Open || frame.is_empty() {
            return;
        }
        if !self.has_room(frame) {
            self.fan_out.stats.streams_slow.increment();
            self.cut();
            return;
        }
        self.append(frame.clone());
        self.fan_out.note(self);
    }

    fn has_room(&self, frame: &Frame) -> bool {
        let is_second = self.frames.borrow().len() < 2;
        is_second || self.behind.get() + cost(frame) <= self.fan_out.queue_bytes_max
    }

    fn append(&self, frame: Frame) {
        let mut frames = self.frames.borrow_mut();
        if !frames.is_empty() {
            self.behind.set(self.behind.get() + cost(&frame));
        }
        frames.push_back(frame);
    }

    /// The first frame is sent.
    fn pop(&self) {
        let mut frames = self.frames.borrow_mut();
        frames.pop_front();
        if let Some(next) = frames.front() {
            self.behind.set(self.behind.get().saturating_sub(cost(next)));
        } else {
            frames.shrink_to(QUEUE_KEPT_FRAMES_MAX);
        }
    }

    fn end(self: &Rc<Self>) {
        if self.state.get() != State::Open {
            return;
        }
        if self.fan_out.is_parting() {
            self.state.set(State::Parting);
            self.fan_out.part_later(self);
        } else {
            self.state.set(State::Ended);
            self.fan_out.note(self);
        }
    }

    fn cut(self: &Rc<Self>) {
        if self.state.get() != State::Gone {
            self.state.set(State::Cut);
            self.clear();
            self.fan_out.note(self);
        }
    }

    fn clear(&self) {
        // Frames are dropped after the borrow: the last owner of a large body frees it.
        let dropped = self.frames.take();
        self.behind.set(0);
        drop(dropped);
    }
}

fn cost(frame: &Frame) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

/// The service's handle of a stream. Dropping it ends the stream like [`Feed::end`].
pub struct Feed(Rc<Queue>);

impl Feed {
    /// Queues a frame; copies no payload. Does nothing if the stream is gone, or if the frame is empty. A reader that
    /// is too far behind ([`crate::PoolConfig::stream_bytes_max`]) is cut instead.
    pub fn push(&self, frame: &Frame) {
        self.0.push(frame);
    }

    /// Sends what is queued, then the end of the body, then closes. Nothing can be pushed afterwards.
    ///
    /// Once the process has announced its stop, streams that are ended or dropped end one after the other, evenly
    /// spread over 0.8 seconds, lest all clients come to the next server at once. The service need not care.
    pub fn end(&self) {
        self.0.end();
    }

    /// Closes without sending what is queued. The client sees a broken answer: no last chunk, and a reset.
    pub fn cut(&self) {
        self.0.cut();
    }

    /// Whether pushing is of no use any more: the client has left, was cut, or the stream was ended.
    pub fn is_gone(&self) -> bool {
        self.0.state.get() != State::Open
    }

    /// Bytes of payload that the socket has not taken entirely, the frame being sent counted as a whole.
    pub fn queued_bytes(&self) -> usize {
        self.0.frames.borrow().iter().map(Frame::len).sum()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self.0.frames.borrow().len();
        f.debug_struct("Feed").field("state", &self.0.state.get()).field("frames", &frames).finish()
    }
}

/// How a stream goes on, for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// There is something to send.
    Ready,
    /// All is sent, more may come.
    Dry,
    /// All is sent, the end included.
    Over,
    /// The connection is to be broken off.
    Cut,
}

/// The connection's end of a stream. Dropping it tells the service's that the client is gone.
pub(crate) struct Source {
    queue: Rc<Queue>,
    /// Frames are chunks: HTTP/1.1.
    chunked: bool,
    /// Bytes sent of the first frame, or of the last chunk.
    offset: usize,
    last_chunk_sent: bool,
    /// Frames sent entirely; tells one from the next.
    completed: u64,
    sent_bytes: u64,
}

/// Opens a stream.
pub(crate) fn open(
    fan_out: &Rc<FanOut>,
    chunked: bool,
    first: impl IntoIterator<Item = Frame>,
) -> (Feed, Source) {
    let queue = Rc::new(Queue {
        frames: RefCell::default(),
        behind: Cell::new(0),
        state: Cell::new(State::Open),
        is_noted: Cell::new(false),
        waker: RefCell::new(None),
        fan_out: Rc::clone(fan_out),
    });
    for frame in first.into_iter().filter(|frame| !frame.is_empty()) {
        queue.append(frame);
    }
    fan_out.opened();
    let source = Source {
        queue: Rc::clone(&queue),
        chunked,
        offset: 0,
        last_chunk_sent: false,
        completed: 0,
        sent_bytes: 0,
    };
    (Feed(queue), source)
}

/// A handle of a stream that has no body, as for HEAD.
pub(crate) fn closed(fan_out: &Rc<FanOut>) -> Feed {
    let (feed, source) = open(fan_out, false, []);
    drop(source);
    feed
}

impl Source {
    /// Whom to wake when there is something to do.
    pub fn attend(&self, waker: &Waker) {
        let mut parked = self.queue.waker.borrow_mut();
        if !parked.as_ref().is_some_and(|parked| parked.will_wake(waker)) {
            *parked = Some(waker.clone());
        }
    }

    pub fn flow(&self) -> Flow {
        let is_empty = self.queue.frames.borrow().is_empty();
        match self.queue.state.get() {
            State::Cut => Flow::Cut,
            _ if !is_empty => Flow::Ready,
            State::Ended if self.chunked && !self.last_chunk_sent => Flow::Ready,
            State::Ended => Flow::Over,
            _ => Flow::Dry,
        }
    }

    /// Bytes left of what is being sent: one frame, or the last chunk.
    pub fn unsent_bytes(&self) -> usize {
        let frames = self.queue.frames.borrow();
        let whole = match frames.front() {
            Some(frame) => frame.wire_len(self.chunked),
            None if self.flow_of_end() => LAST_CHUNK.len(),
            None => 0,
        };
        whole.saturating_sub(self.offset)
    }

    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// So far, framing included.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Hands what is to be sent to `send`, gathered as far as one call takes it, and notes how much of it was taken.
    pub fn send_with(&mut self, send: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let sent = {
            let frames = self.queue.frames.borrow();
            let last = Some(LAST_CHUNK).filter(|_| self.flow_of_end());
            let pieces = frames.iter().flat_map(|frame| frame.pieces(self.chunked)).chain(last);
            let mut gathered = [IoSlice::new(&[]); SEND_PARTS_MAX];
            let count = gather(pieces, self.offset, &mut gathered);
            send(gathered.get(..count).unwrap_or_default())?
        };
        self.sent(sent);
        Ok(sent)
    }

    /// The same, one piece at a time, as soon as `send` takes any of it.
    pub fn poll_send_with(
        &mut self,
        send: impl FnOnce(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut sent = Poll::Pending;
        let first = self.send_with(|parts| {
            sent = parts.first().map_or(Poll::Ready(Ok(0)), |part| send(part));
            match &sent {
                Poll::Ready(Ok(count)) => Ok(*count),
                _ => Ok(0),
            }
        });
        debug_assert!(first.is_ok());
        sent
    }

    /// The body's last chunk is due once the frames are through.
    fn flow_of_end(&self) -> bool {
        self.queue.state.get() == State::Ended && self.chunked && !self.last_chunk_sent
    }

    fn sent(&mut self, count: usize) {
        self.offset += count;
        self.sent_bytes += count as u64;
        loop {
            let first = self.queue.frames.borrow().front().map(|frame| frame.wire_len(self.chunked));
            match first {
                Some(length) if self.offset >= length => {
                    self.offset -= length;
                    self.completed += 1;
                    self.queue.pop();
                }
                None if self.flow_of_end() && self.offset >= LAST_CHUNK.len() => {
                    self.offset = 0;
                    self.last_chunk_sent = true;
                }
                _ => return,
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.queue.state.set(State::Gone);
        self.queue.clear();
        self.queue.fan_out.closed();
    }
}

/// Fills `gathered` with the pieces from `skipped` bytes on; returns how many there are.
pub(crate) fn gather<'p>(
    pieces: impl Iterator<Item = &'p [u8]>,
    mut skipped: usize,
    gathered: &mut [IoSlice<'p>],
) -> usize {
    let rests = pieces.filter_map(|piece| {
        let skip = skipped.min(piece.len());
        skipped -= skip;
        piece.get(skip..).filter(|rest| !rest.is_empty())
    });
    let mut count = 0;
    for (slot, rest) in gathered.iter_mut().zip(rests) {
        *slot = IoSlice::new(rest);
        count += 1;
    }
    count
}

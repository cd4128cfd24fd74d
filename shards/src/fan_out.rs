//! Waking the sessions of streams: in groups, so that whoever asks meanwhile waits for a group and not for all.
//!
//! Owned by the shard, and known to every feed. A push notes its feed here; a task of the shard takes a group, wakes
//! its sessions, which send, and lets the executor look at its sockets ([`crate::driver::Driver::pass`]) before the
//! next group. [`crate::turns`] calls one request at a time and in the order of numbers; here neither is wanted.
//!
//! From the announcement of the stop on, streams that end wait here for their turn: a second task ends them evenly
//! spread over [`PARTING`], whether the service ends them all at once or one by one.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    feed::Queue,
    limits::{GROUP_BYTES_MAX, GROUP_STREAMS_MAX, PARTING},
    stats::Stats,
};

pub(crate) struct FanOut {
    /// Bound of each feed.
    pub queue_bytes_max: usize,
    pub stats: Arc<Stats>,
    open: Cell<u64>,
    noted: Line,
    parting: Line,
    /// Set by the mailbox task with the announcement of the stop, never taken back.
    is_parting: Cell<bool>,
}

/// Feeds in a row, and the task that sees to them.
#[derive(Default)]
struct Line {
    feeds: RefCell<VecDeque<Rc<Queue>>>,
    task: RefCell<Option<Waker>>,
}

impl Line {
    fn push(&self, feed: Rc<Queue>) {
        self.feeds.borrow_mut().push_back(feed);
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    fn pop(&self) -> Option<Rc<Queue>> {
        self.feeds.borrow_mut().pop_front()
    }

    fn len(&self) -> usize {
        self.feeds.borrow().len()
    }

    fn poll_any(&self, cx: &Context<'_>) -> Poll<()> {
        if self.len() > 0 {
            return Poll::Ready(());
        }
        *self.task.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl FanOut {
    pub fn new(queue_bytes_max: usize, stats: Arc<Stats>) -> Self {
        Self {
            queue_bytes_max,
            stats,
            open: Cell::new(0),
            noted: Line::default(),
            parting: Line::default(),
            is_parting: Cell::new(false),
        }
    }

    pub fn opened(&self) {
        self.open.set(self.open.get() + 1);
        self.stats.streams_open.set(self.open.get());
    }

    pub fn closed(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.stats.streams_open.set(self.open.get());
    }

    /// Its session is to be woken. Each feed stands in the line once at most.
    pub fn note(&self, feed: &Rc<Queue>) {
        if !feed.is_noted.replace(true) {
            self.noted.push(Rc::clone(feed));
        }
    }

    /// Ready when somebody is noted.
    pub fn poll_noted(&self, cx: &Context<'_>) -> Poll<()> {
        self.noted.poll_any(cx)
    }

    /// Wakes some of those that are noted: as many as may keep others waiting.
    pub fn wake_group(&self) {
        let mut bytes = 0;
        for _ in 0..GROUP_STREAMS_MAX {
            let Some(feed) = self.noted.pop() else { return };
            feed.is_noted.set(false);
            bytes += feed.front_bytes();
            feed.wake();
            if bytes >= GROUP_BYTES_MAX {
                return;
            }
        }
    }

    /// From now on streams end one after the other.
    pub fn begin_parting(&self) {
        self.is_parting.set(true);
    }

    pub fn is_parting(&self) -> bool {
        self.is_parting.get()
    }

    pub fn part_later(&self, feed: &Rc<Queue>) {
        self.parting.push(Rc::clone(feed));
    }

    /// Ready when somebody waits to part.
    pub fn poll_parting(&self, cx: &Context<'_>) -> Poll<()> {
        self.parting.poll_any(cx)
    }

    /// Ends those whose turn has come, this long after the first of them began to wait. False if nobody is left.
    pub fn part(&self, parted: &mut usize, elapsed: Duration) -> bool {
        let all = *parted + self.parting.len();
        let share = elapsed.as_secs_f64() / PARTING.as_secs_f64();
        // Rounded up: the first parts at once, and the last when the time is over.
        let due = (share.min(1.0) * all as f64).ceil().max(1.0) as usize;
        while *parted < due {
            let Some(feed) = self.parting.pop() else { break };
            feed.end_now();
            *parted += 1;
        }
        self.parting.len() > 0
    }
}

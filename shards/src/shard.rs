//! One shard: what belongs to its core, and the tasks that run on it.
//!
//! Everything here is touched by one thread. Tasks: one accepts, one ticks twice a second, one empties the
//! mailbox, one per connection, one wakes streams that were pushed to and one ends them at the stop, and one calls the
//! turns of long work while there is some. Cells are borrowed for the length of a synchronous call, never across an
//! await.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::{Shutdown, TcpListener},
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use futures_lite::FutureExt;
use rustls::ServerConfig;
use socket2::SockRef;

use crate::{
    driver::{Driver, Sock},
    fan_out::FanOut,
    http::date::DateCache,
    limits::{ACCEPT_PAUSE, LATE_CONNECTIONS_MAX, PARTING_PAUSE, TICK},
    link::{Link, Scratch, Transport},
    mailbox::{Mailbox, Order},
    output::Output,
    service::{Now, Origin, Service},
    session::{Session, Timeouts},
    slots::Slots,
    stats::Stats,
    ticket::Board,
    turns::Turns,
};

/// What a shard is told at its start.
#[derive(Debug, Clone, Copy)]
pub struct ShardConfig {
    pub index: usize,
    pub timeouts: Timeouts,
    pub connections_max: usize,
    pub connections_per_peer_max: usize,
    pub stream_bytes_max: usize,
}

/// The state of one core.
pub struct Shard<S: Service> {
    pub config: ShardConfig,
    pub service: RefCell<S>,
    pub tickets: RefCell<Board<S::Answer>>,
    pub turns: RefCell<Turns>,
    pub fan_out: Rc<FanOut>,
    pub output: RefCell<Output>,
    pub scratch: RefCell<Scratch>,
    /// Of each port, by its index. Replaced by the mailbox task.
    transports: RefCell<Vec<Transport>>,
    pub date: RefCell<DateCache>,
    pub slots: RefCell<Slots>,
    pub stats: Arc<Stats>,
    /// Milliseconds since the shard began, as of the last tick.
    pub now_ms: Cell<u64>,
    /// Set by the mailbox task with the first state, never taken back.
    informed: Latch,
    /// Set by the mailbox task, never taken back.
    pub drain: Latch,
    drain_deadline: Cell<Option<Instant>>,
    /// Listeners that are open.
    accepting: Cell<usize>,
    began: Instant,
}

impl<S: Service> Shard<S> {
    pub fn new(config: ShardConfig, transports: Vec<Transport>, service: S, stats: Arc<Stats>) -> Self {
        Self {
            config,
            service: RefCell::new(service),
            tickets: RefCell::default(),
            turns: RefCell::default(),
            fan_out: Rc::new(FanOut::new(config.stream_bytes_max, Arc::clone(&stats))),
            output: RefCell::default(),
            scratch: RefCell::new(Scratch::new(transports.iter().any(Transport::is_tls))),
            transports: RefCell::new(transports),
            date: RefCell::new(DateCache::new(since_1970().as_secs())),
            slots: RefCell::default(),
            stats,
            now_ms: Cell::new(0),
            informed: Latch::default(),
            drain: Latch::default(),
            drain_deadline: Cell::new(None),
            accepting: Cell::new(0),
            began: Instant::now(),
        }
    }

    fn tick(&self) {
        let elapsed = self.began.elapsed();
        let now_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.now_ms.set(now_ms);
        let unix = since_1970();
        self.date.borrow_mut().refresh(unix.as_secs());
        self.slots.borrow_mut().advance(now_ms);
        self.service.borrow_mut().tick(&Now { elapsed, unix });
    }

    fn obey(&self, order: Order<S::Answer, S::Notice>) {
        match order {
            Order::Answer(ticket, answer) => {
                self.service.borrow_mut().note(&answer);
                self.tickets.borrow_mut().answer(ticket, answer);
            }
            Order::Notice(notice) => self.service.borrow_mut().told(notice),
            Order::Tls(config) => self.replace_tls(&config),
            Order::AnnounceStop => {
                self.fan_out.begin_parting();
                self.service.borrow_mut().announce_stop();
            }
            Order::Drain(deadline) => {
                self.drain_deadline.set(Some(deadline));
                self.drain.set();
                self.fan_out.begin_parting();
                self.slots.borrow().wake_all();
            }
        }
    }

    /// `None` if its TLS configuration can make no connections, which checked ones can.
    fn link<K: Sock>(&self, socket: K, port: usize) -> Option<Link<K>> {
        Link::new(socket, self.transports.borrow().get(port)?).ok()
    }

    fn replace_tls(&self, config: &Arc<ServerConfig>) {
        for transport in self.transports.borrow_mut().iter_mut().filter(|transport| transport.is_tls()) {
            *transport = Transport::Tls(Arc::clone(config));
        }
    }

    fn drained(&self) -> bool {
        let late = self.drain_deadline.get().is_some_and(|deadline| Instant::now() >= deadline);
        late || (self.accepting.get() == 0 && self.slots.borrow().len() == 0)
    }
}

/// Runs a shard until it is told to drain and has done so.
pub async fn run<D: Driver, S: Service>(
    shard: Rc<Shard<S>>,
    listeners: Vec<TcpListener>,
    mailbox: Mailbox<S>,
) {
    shard.tick();
    shard.accepting.set(listeners.len());
    D::spawn(tick::<D, S>(Rc::clone(&shard)));
    D::spawn(empty_mailbox(Rc::clone(&shard), mailbox));
    D::spawn(fan_out::<D>(Rc::clone(&shard.fan_out)));
    D::spawn(part::<D>(Rc::clone(&shard.fan_out)));
    for (port, listener) in listeners.into_iter().enumerate() {
        D::spawn(listen::<D, S>(Rc::clone(&shard), listener, port));
    }
    shard.drain.reached().await;
    // What is open gets the time that is left.
    while !shard.drained() {
        D::sleep(Duration::from_millis(2)).await;
    }
    shard.service.borrow_mut().ended();
}

async fn tick<D: Driver, S: Service>(shard: Rc<Shard<S>>) {
    loop {
        D::sleep(TICK).await;
        shard.tick();
    }
}

/// States before orders: a request that goes on sees what was published before its answer.
async fn empty_mailbox<S: Service>(shard: Rc<Shard<S>>, mailbox: Mailbox<S>) {
    loop {
        let orders: Vec<_> = mailbox.orders.try_iter().collect();
        if let Ok(state) = mailbox.states.try_recv() {
            shard.service.borrow_mut().apply(state);
            shard.stats.applied.increment();
            shard.informed.set();
        }
        orders.into_iter().for_each(|order| shard.obey(order));
        mailbox.bell.heard().await;
    }
}

/// Wakes the sessions of streams, a group at a time.
async fn fan_out<D: Driver>(fan_out: Rc<FanOut>) {
    loop {
        poll_fn(|cx| fan_out.poll_noted(cx)).await;
        fan_out.wake_group();
        D::pass().await;
    }
}

/// Ends streams one after the other when the process stops.
async fn part<D: Driver>(fan_out: Rc<FanOut>) {
    loop {
        poll_fn(|cx| fan_out.poll_parting(cx)).await;
        let began = Instant::now();
        let mut parted = 0;
        while fan_out.part(&mut parted, began.elapsed()) {
            D::sleep(PARTING_PAUSE).await;
        }
    }
}

/// One port, until the shard drains.
async fn listen<D: Driver, S: Service>(shard: Rc<Shard<S>>, listener: TcpListener, port: usize) {
    let socket = listener.try_clone();
    accept::<D, S>(&shard, listener, port).await;
    // A ring keeps its sockets for some milliseconds after its process has ended, but one that was shut down
    // does not hold the port: a successor can listen at once.
    if let Ok(socket) = socket {
        let _ = SockRef::from(&socket).shutdown(Shutdown::Both);
    }
    shard.accepting.set(shard.accepting.get().saturating_sub(1));
}

/// Accepts from the first state on until the shard drains. Without a state a service knows nobody and would
/// refuse those it should serve; until then clients wait in the kernel's queue.
async fn accept<D: Driver, S: Service>(shard: &Rc<Shard<S>>, listener: TcpListener, port: usize) {
    let listener = D::listen(listener);
    shard.informed.reached().or(shard.drain.reached()).await;
    let mut failing = false;
    let mut late = 0;
    while late < LATE_CONNECTIONS_MAX {
        let accepted = async { Some(D::accept(&listener).await) };
        let stopped = async {
            shard.drain.reached().await;
            None
        };
        // Who connected before the drain is in the kernel's queue, and is accepted before the listener closes.
        match accepted.or(stopped).await {
            None => return,
            Some(Ok(socket)) => {
                failing = false;
                late += usize::from(shard.drain.is_set());
                admit::<D, S>(shard, socket, port);
            }
            Some(Err(_)) if shard.drain.is_set() => return,
            Some(Err(error)) => {
                shard.stats.accept_errors.increment();
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(shard = shard.config.index, %error, "cannot accept connections");
                }
                D::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit<D: Driver, S: Service>(shard: &Rc<Shard<S>>, socket: D::Sock, port: usize) {
    // A peer that is gone already has no address, and needs no answer.
    let Ok(peer) = socket.peer().map(|address| address.to_canonical()) else { return };
    let _ = socket.set_nodelay();
    let config = &shard.config;
    let admitted =
        shard.slots.borrow_mut().admit(peer, config.connections_max, config.connections_per_peer_max);
    let Some(slot) = admitted else {
        shard.stats.turned_away.increment();
        return;
    };
    let Some(link) = shard.link(socket, port) else {
        shard.stats.tls_failed.increment();
        shard.slots.borrow_mut().leave(slot);
        return;
    };
    shard.stats.accepted.increment();
    let mut session = Session::<D, S>::new(Rc::clone(shard), link, slot, Origin { peer, port });
    let shard = Rc::clone(shard);
    D::spawn(async move {
        let run = AssertUnwindSafe(poll_fn(|cx| session.poll(cx))).catch_unwind();
        if run.await.is_err() {
            shard.stats.panics.increment();
            tracing::error!(shard = shard.config.index, "a connection ended by a panic");
        }
    });
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A flag of one thread that tasks can wait for.
#[derive(Default)]
pub struct Latch {
    set: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Latch {
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    fn set(&self) {
        self.set.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    async fn reached(&self) {
        poll_fn(|cx| {
            if self.set.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

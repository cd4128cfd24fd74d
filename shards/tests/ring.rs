//! Shards on real rings and sockets: states, answers, panics, limits, draining.
//!
//! Needs io_uring. Where the host refuses it the tests say so and pass, unless `CI` is set.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the clients of these tests are plain threads, no shards"
)]

use std::{
    collections::HashSet,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use brink_shards::{
    Attempt, Body, Call, Outcome, PoolConfig, Port, Request, RequestBody, STREAM_BYTES_MAX, Service,
    ShardPool, Stats, TicketId, Timeouts, bind, cpu::Plan, preflight,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use socket2::{Domain, Socket, Type};

const SHARDS: usize = 2;
const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything here takes; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of `/large`: more than the socket buffers of both sides take.
const LARGE_BYTES: usize = 32 << 20;

/// Answers with the newest state, waits, or panics, by path.
struct Toy {
    shard: usize,
    state: u64,
    stopping: bool,
    waiting: Sender<(usize, TicketId)>,
    /// How often the state was told.
    told: u64,
}

impl Service for Toy {
    type State = u64;
    type Answer = u64;
    type Notice = ();

    fn apply(&mut self, state: u64) {
        self.state = state;
    }

    fn note(&mut self, _: &u64) {}

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, u64>) -> Outcome {
        let wait = match request.head.target.path {
            "/panic" => panic!("as asked"),
            "/long" => return self.work(call),
            "/large" => return call.reply(200).send(Body::Bytes(&vec![b'l'; LARGE_BYTES])),
            "/body" if request.body == RequestBody::Expected => return Outcome::ReadBody,
            "/wait" => PATIENCE,
            "/wait-briefly" => Duration::from_millis(1),
            _ => return self.tell_state(call),
        };
        match *call.attempt() {
            Attempt::First => {
                let ticket = call.ticket();
                self.waiting.send((call.shard(), ticket)).expect("the test listens");
                Outcome::Wait(ticket, wait)
            }
            Attempt::Answered(answer) => {
                let text = format!("answered {answer} at {}", self.state);
                call.reply(200).send(Body::Bytes(text.as_bytes()))
            }
            Attempt::TimedOut => call.reply(503).send(Body::Empty),
        }
    }

    fn announce_stop(&mut self) {
        self.stopping = true;
    }

    fn tick(&mut self, _: &brink_shards::Now) {}
}

impl Toy {
    /// Is at it until somebody else was told the state meanwhile.
    fn work(&self, call: &mut Call<'_, u64>) -> Outcome {
        let told_before = call.take_unfinished().and_then(|work| work.downcast::<u64>().ok());
        match told_before {
            Some(told_before) if *told_before < self.told => call.reply(200).send(Body::Bytes(b"done")),
            told_before => Outcome::Yield(told_before.unwrap_or_else(|| Box::new(self.told))),
        }
    }

    fn tell_state(&mut self, call: &mut Call<'_, u64>) -> Outcome {
        self.told += 1;
        let text = format!("{} {} {}", self.shard, self.state, self.stopping);
        call.reply(200).send(Body::Bytes(text.as_bytes()))
    }
}

/// A running pool, and the tickets of the requests that wait on it.
struct Running {
    pool: ShardPool<Toy>,
    address: SocketAddr,
    waiting: Receiver<(usize, TicketId)>,
}

fn timeouts() -> Timeouts {
    Timeouts { head: PATIENCE, body: PATIENCE, request: None, idle: PATIENCE, send: PATIENCE }
}

/// Starts a pool with a first state, so that it accepts, or says why the host does not let us.
fn start(connections_max: usize, timeouts: Timeouts) -> Option<Running> {
    let running = start_silent(connections_max, timeouts)?;
    running.pool.broadcast().publish(&0);
    Some(running)
}

/// Starts a pool that has no state yet.
fn start_silent(connections_max: usize, timeouts: Timeouts) -> Option<Running> {
    if let Err(problems) = preflight::check(SHARDS) {
        assert!(std::env::var_os("CI").is_none(), "no ring tests on this host: {problems:?}");
        eprintln!("skipped: {problems:?}");
        return None;
    }
    let listeners = bind(Ipv4Addr::LOCALHOST.into(), 0, SHARDS).expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let (sender, waiting) = unbounded();
    let plan = Plan { shards: SHARDS, pinned: None };
    let config = PoolConfig {
        plan,
        ports: vec![Port::plain(listeners)],
        timeouts,
        connections_max,
        stream_bytes_max: STREAM_BYTES_MAX,
    };
    let make = move |shard, _: &_| Toy { shard, state: 0, stopping: false, waiting: sender.clone(), told: 0 };
    let pool = ShardPool::start(config, make).expect("the host lets us");
    Some(Running { pool, address, waiting })
}

/// One client connection.
struct Client(TcpStream);

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    closes: bool,
    body: String,
}

/// What `/` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    shard: usize,
    state: u64,
    stopping: bool,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, address)
    }

    /// From one of the many addresses of this host's loopback.
    fn connect_from(from: Ipv4Addr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address of the loopback");
        socket.connect(&address.into()).expect("the pool listens");
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        socket.set_nodelay(true).expect("a TCP socket");
        Self(socket)
    }

    fn send(&mut self, path: &str) {
        write!(self.0, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("the pool reads");
    }

    fn ask(&mut self, path: &str) -> Answer {
        self.send(path);
        self.receive()
    }

    fn receive(&mut self) -> Answer {
        let mut bytes = Vec::new();
        let mut one = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut one).expect("an answer");
            bytes.push(one[0]);
        }
        let head = String::from_utf8(bytes).expect("a head");
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split_once('\r'));
        let length = length.map_or(0, |(length, _)| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole body");
        Answer {
            status: head.get(9..12).and_then(|status| status.parse().ok()).expect("a status"),
            closes: head.contains("connection: close\r\n"),
            body: String::from_utf8(body).expect("text"),
        }
    }

    fn told(&mut self) -> Told {
        let answer = self.ask("/");
        let mut words = answer.body.split(' ');
        let mut word = || words.next().expect("three words");
        Told {
            shard: word().parse().expect("a shard"),
            state: word().parse().expect("a state"),
            stopping: word() == "true",
        }
    }

    /// Whether something is here, without waiting.
    fn has_answer(&self) -> bool {
        self.0.set_nonblocking(true).expect("a TCP socket");
        let is_here = self.0.peek(&mut [0]).is_ok();
        self.0.set_nonblocking(false).expect("a TCP socket");
        is_here
    }

    /// Waits until something comes; false if the server has closed instead.
    fn hears(&self) -> bool {
        loop {
            match self.0.peek(&mut [0]) {
                Ok(count) => return count > 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("neither bytes nor the end: {error}"),
            }
        }
    }
}

/// One client on each shard, in the order of the shards.
fn one_per_shard(address: SocketAddr) -> Vec<Client> {
    let mut found: Vec<Option<Client>> = (0..SHARDS).map(|_| None).collect();
    // The kernel spreads connections by a hash of their ports: 200 on one side would be a broken listener.
    for _ in 0..200 {
        let mut client = Client::connect(address);
        let shard = client.told().shard;
        found[shard].get_or_insert(client);
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found.into_iter().map(|client| client.expect("every shard gets connections")).collect()
}

/// Asks until the condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn nobody_is_answered_before_the_first_state() {
    let Some(Running { pool, address, .. }) = start_silent(1_000, timeouts()) else { return };
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| client.send("/"));
    assert!(pool.stats().iter().all(|stats| stats.accepted.value() == 0));
    pool.broadcast().publish(&7);
    for client in &mut clients {
        assert!(client.receive().body.ends_with(" 7 false"));
    }
    assert!(pool.drain(PATIENCE));
}

#[test]
fn a_pool_without_a_state_can_be_drained() {
    let Some(Running { pool, .. }) = start_silent(1_000, timeouts()) else { return };
    assert!(pool.drain(PATIENCE));
}

#[test]
fn under_load_answers_show_published_states_and_never_an_older_one() {
    let Some(Running { pool, address, .. }) = start(1_000, timeouts()) else { return };
    let published = 400;
    let over = AtomicBool::new(false);
    let seen: Vec<HashSet<u64>> = thread::scope(|scope| {
        let watch = |mut client: Client| {
            let over = &over;
            scope.spawn(move || {
                let mut seen = HashSet::new();
                let mut newest = 0;
                while !over.load(Ordering::Relaxed) {
                    let state = client.told().state;
                    assert!(state >= newest, "{state} after {newest}");
                    newest = state;
                    seen.insert(state);
                }
                until("the last state arrives", || client.told().state == 10 * published);
                seen
            })
        };
        let clients: Vec<_> = one_per_shard(address).into_iter().map(watch).collect();
        for state in 1..=published {
            pool.broadcast().publish(&(state * 10));
            thread::yield_now();
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("no assertion failed")).collect()
    });
    for states in seen {
        assert!(states.iter().all(|state| state % 10 == 0 && *state <= 10 * published), "{states:?}");
    }
    assert!(pool.drain(PATIENCE));
}

/// Without its flag the bell would wake a busy shard so often that glommio panics.
#[test]
fn ten_thousand_states_at_once_end_with_the_newest_on_every_shard() {
    let Some(Running { pool, address, .. }) = start(1_000, timeouts()) else { return };
    let mut clients = one_per_shard(address);
    for round in 1..=4 {
        (1..=10_000).for_each(|state| pool.broadcast().publish(&(round * 10_000 + state)));
        for client in &mut clients {
            until("the newest arrives", || client.told().state == round * 10_000 + 10_000);
        }
    }
    for stats in pool.stats() {
        assert!((4..=40_001).contains(&stats.applied.value()));
        assert_eq!(stats.panics.value(), 0);
    }
    assert!(pool.ended().try_recv().is_err());
    assert!(pool.drain(PATIENCE));
}

#[test]
fn an_answer_wakes_its_request_which_sees_the_state_before_it() {
    let Some(Running { pool, address, waiting }) = start(1_000, timeouts()) else { return };
    for (shard, client) in one_per_shard(address).iter_mut().enumerate() {
        for round in 1..=50 {
            client.send("/wait");
            let (asked, ticket) = waiting.recv_timeout(PATIENCE).expect("the request waits");
            assert_eq!(asked, shard);
            pool.broadcast().publish(&round);
            pool.broadcast().answer(asked, ticket, round);
            assert_eq!(client.receive().body, format!("answered {round} at {round}"));
        }
    }
    assert!(pool.drain(PATIENCE));
}

#[test]
fn a_late_answer_reaches_nobody() {
    let Some(Running { pool, address, waiting }) = start(1_000, timeouts()) else { return };
    let mut client = Client::connect(address);
    assert_eq!(client.ask("/wait-briefly").status, 503);
    let (shard, late) = waiting.recv_timeout(PATIENCE).expect("it waited");
    client.send("/wait");
    let (_, ticket) = waiting.recv_timeout(PATIENCE).expect("it waits");
    pool.broadcast().answer(shard, late, 1);
    pool.broadcast().answer(shard, ticket, 2);
    assert_eq!(client.receive().body, "answered 2 at 0");
    assert!(pool.drain(PATIENCE));
}

#[test]
fn a_panic_answers_500_and_ends_its_connection_only() {
    let Some(Running { pool, address, .. }) = start(1_000, timeouts()) else { return };
    let mut clients = one_per_shard(address);
    for round in 1..=3 {
        for (shard, bystander) in clients.iter_mut().enumerate() {
            let mut client = Client::connect(address);
            while client.told().shard != shard {
                client = Client::connect(address);
            }
            let answer = client.ask("/panic");
            assert_eq!((answer.status, answer.closes), (500, true));
            assert!(!client.hears());
            assert_eq!(bystander.told().shard, shard);
            assert_eq!(pool.stats()[shard].panics.value(), round);
        }
    }
    assert!(pool.drain(PATIENCE));
}

#[test]
fn draining_lets_open_requests_end_and_closes_idle_connections_at_once() {
    let Some(Running { pool, address, waiting }) = start(1_000, timeouts()) else { return };
    let mut idle = one_per_shard(address);
    let mut busy = Client::connect(address);
    busy.send("/wait");
    let (shard, ticket) = waiting.recv_timeout(PATIENCE).expect("it waits");
    pool.announce_stop();
    until("the service is told", || idle.iter_mut().all(|client| client.told().stopping));

    let broadcast = pool.broadcast().clone();
    let draining = thread::spawn(move || pool.drain(PATIENCE));
    assert!(!idle.iter().any(Client::hears));
    until("the port is closed", || TcpStream::connect(address).is_err());
    broadcast.answer(shard, ticket, 5);
    let answer = busy.receive();
    assert_eq!((answer.status, answer.closes, &*answer.body), (200, true, "answered 5 at 0"));
    assert!(!busy.hears());
    assert!(draining.join().expect("no panic"), "every shard ended in time");
}

#[test]
fn draining_ends_at_its_limit_whatever_is_open() {
    let Some(Running { pool, address, waiting }) = start(1_000, timeouts()) else { return };
    let mut waits = Client::connect(address);
    waits.send("/wait");
    waiting.recv_timeout(PATIENCE).expect("it waits");
    let mut unfinished = Client::connect(address);
    unfinished.0.write_all(b"POST /body HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf").expect("it reads");
    let mut unread = Client::connect(address);
    unread.send("/large");
    let began = Instant::now();
    assert!(pool.drain(Duration::from_millis(300)), "every shard ended");
    assert!((Duration::from_millis(300)..10 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[test]
fn a_large_answer_arrives_whole_at_a_slow_reader_while_others_are_served() {
    let Some(Running { pool, address, .. }) = start(1_000, timeouts()) else { return };
    let mut others = one_per_shard(address);
    let mut slow = Client::connect(address);
    slow.send("/large");
    // Its first byte is here, and most of the answer cannot be sent before we read.
    assert!(slow.hears());
    for client in &mut others {
        client.told();
    }
    assert_eq!(slow.receive().body.len(), LARGE_BYTES);
    assert_eq!(slow.told().state, 0);
    assert!(pool.drain(PATIENCE));
}

#[test]
fn long_work_lets_others_go_first() {
    let Some(Running { pool, address, .. }) = start(1_000, timeouts()) else { return };
    let mut others = one_per_shard(address);
    let mut working: Vec<_> = (0..6).map(|_| Client::connect(address)).collect();
    working.iter_mut().for_each(|client| client.send("/long"));
    for client in &mut working {
        // No work ends before somebody else was answered on its shard.
        until("long work ends", || {
            others.iter_mut().for_each(|other| _ = other.told());
            client.has_answer()
        });
        assert_eq!(client.receive().body, "done");
    }
    // Who leaves in the middle leaves nothing behind.
    let total = |of: fn(&Stats) -> u64| pool.stats().iter().map(|stats| of(stats)).sum::<u64>();
    let accepted_before = total(|stats| stats.accepted.value());
    let mut leaving = Client::connect(address);
    leaving.send("/long");
    drop(leaving);
    until("it is gone", || {
        others.iter_mut().for_each(|other| _ = other.told());
        let is_known = total(|stats| stats.accepted.value()) > accepted_before;
        is_known && total(|stats| stats.open.value()) == (others.len() + working.len()) as u64
    });
    assert!(pool.drain(PATIENCE));
}

/// Each of two shards may hold 10 connections, 9 of them from one peer.
#[test]
fn connections_over_the_limits_are_turned_away_and_counted() {
    let Some(Running { pool, address, .. }) = start(10 * SHARDS, timeouts()) else { return };
    let counted = |count: fn(&Stats) -> u64| pool.stats().iter().map(|one| count(one)).sum::<u64>();
    let mut turned_away = 0;
    let mut admit = |from: [u8; 4], count: usize| {
        let mut admitted = Vec::new();
        while admitted.len() < count {
            let mut client = Client::connect_from(from.into(), address);
            // The server may close before or after our request comes; either way nothing is answered.
            let sent = client.0.write_all(b"GET / HTTP/1.1\r\n\r\n");
            if sent.is_ok() && client.hears() {
                client.receive();
                admitted.push(client);
            } else {
                turned_away += 1;
                assert!(turned_away < 1_000, "the kernel spreads connections over the shards");
            }
        }
        let refused = Client::connect_from(from.into(), address);
        assert!(!refused.hears(), "there is no more room for this peer");
        turned_away += 1;
        until("all are counted", || counted(|stats| stats.turned_away.value()) == turned_away);
        admitted
    };
    let of_one_peer = admit([127, 0, 0, 1], 9 * SHARDS);
    let of_another = admit([127, 0, 0, 2], SHARDS);
    let of_a_third = admit([127, 0, 0, 3], 0);
    assert_eq!(counted(|stats| stats.open.value()), 10 * SHARDS as u64);
    assert_eq!(counted(|stats| stats.accepted.value()), 10 * SHARDS as u64);

    drop((of_one_peer, of_another, of_a_third));
    until("the closed ones are gone", || counted(|stats| stats.open.value()) == 0);
    assert_eq!(Client::connect(address).told().state, 0, "there is room again");
    assert!(pool.drain(PATIENCE));
}

#[test]
fn deadlines_are_kept_and_never_early() {
    let limit = Duration::from_millis(400);
    let timeouts = Timeouts { head: limit, body: limit, idle: limit, ..timeouts() };
    let Some(Running { pool, address, .. }) = start(1_000, timeouts) else { return };
    let probe = |first: &'static [u8], offset: u32| {
        thread::spawn(move || {
            // Deadlines are looked at twice a second: connections begin all over that period.
            thread::sleep(Duration::from_millis(60) * offset);
            let mut client = Client::connect(address);
            let began = Instant::now();
            client.0.write_all(first).expect("it reads");
            let mut sent = String::new();
            client.0.read_to_string(&mut sent).expect("it closes");
            (sent, began.elapsed())
        })
    };
    let cases: [(&[u8], &str); 4] = [
        (b"", ""),
        (b"GET / HT", ""),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"POST /body HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf", "HTTP/1.1 408 Request Timeout"),
    ];
    let probes: Vec<_> = (0..9)
        .flat_map(|offset| cases.map(|(first, expected)| (first, expected, probe(first, offset))))
        .collect();
    for (first, expected, probe) in probes {
        let (sent, elapsed) = probe.join().expect("no assertion failed");
        let first = String::from_utf8_lossy(first).into_owned();
        assert!(sent.starts_with(expected) && sent.is_empty() == expected.is_empty(), "{first:?}: {sent}");
        assert!(elapsed >= limit, "{first:?} ended after {elapsed:?}");
        assert!(elapsed < limit + 10 * SECOND, "{first:?} ended after {elapsed:?}");
    }
    assert!(pool.drain(PATIENCE));
}

//! TLS ports on real rings and sockets: beside plain ones, deadlines, counters, replaced certificates, draining.
//!
//! Needs io_uring. Where the host refuses it the tests say so and pass, unless `CI` is set.
#![expect(clippy::disallowed_types, reason = "the clients of these tests are plain threads, no shards")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brink_shards::{
    Attempt, Body, Call, Counter, Outcome, PoolConfig, Port, Request, Service, ShardPool, Stats, TicketId,
    Timeouts, bind, cpu::Plan, preflight,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};

/// Longer than anything here takes; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(20);
const LARGE_BYTES: usize = 8 << 20;

/// Tells the port, waits, or says much, by path.
struct Toy(Sender<(usize, TicketId)>);

impl Service for Toy {
    type State = ();
    type Answer = u64;
    type Notice = ();

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, _: &u64) {}

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, u64>) -> Outcome {
        match (request.head.target.path, call.attempt()) {
            ("/large", _) => call.reply(200).send(Body::Bytes(&vec![b'l'; LARGE_BYTES])),
            ("/wait", Attempt::First) => {
                let ticket = call.ticket();
                self.0.send((call.shard(), ticket)).expect("the test listens");
                Outcome::Wait(ticket, PATIENCE)
            }
            _ => call.reply(200).send(Body::Bytes(format!("port {}", request.origin.port).as_bytes())),
        }
    }

    fn announce_stop(&mut self) {}

    fn tick(&mut self, _: &brink_shards::Now) {}
}

/// A certificate of its own, signed by itself, and those who trust it alone.
fn identity() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("they belong together");
    server.ticketer = ring::Ticketer::new().expect("random numbers");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

struct Running {
    pool: ShardPool<Toy>,
    plain: SocketAddr,
    sealed: SocketAddr,
    waiting: Receiver<(usize, TicketId)>,
    trusting: Arc<ClientConfig>,
}

/// One shard with a plain port, then one with TLS; or says why the host does not let us.
fn start(head: Duration) -> Option<Running> {
    if let Err(problems) = preflight::check(1) {
        assert!(std::env::var_os("CI").is_none(), "no ring tests on this host: {problems:?}");
        eprintln!("skipped: {problems:?}");
        return None;
    }
    let (server, trusting) = identity();
    let [plain, sealed] = [0; 2].map(|port| bind(Ipv4Addr::LOCALHOST.into(), port, 1).expect("a free port"));
    let [plain_at, sealed_at] = [&plain, &sealed].map(|port| port[0].local_addr().expect("it is bound"));
    let (sender, waiting) = unbounded();
    let config = PoolConfig {
        plan: Plan { shards: 1, pinned: None },
        ports: vec![Port::plain(plain), Port::tls(sealed, server)],
        timeouts: Timeouts { head, body: PATIENCE, request: None, idle: PATIENCE, send: PATIENCE },
        connections_max: 1_000,
        stream_bytes_max: brink_shards::STREAM_BYTES_MAX,
    };
    let pool = ShardPool::start(config, move |_, _| Toy(sender.clone())).expect("the host lets us");
    pool.broadcast().publish(&());
    Some(Running { pool, plain: plain_at, sealed: sealed_at, waiting, trusting })
}

impl Running {
    fn count(&self, counter: fn(&Stats) -> &Counter) -> u64 {
        self.pool.stats().iter().map(|stats| counter(stats).value()).sum()
    }
}

type Https = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("it accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    socket
}

fn https(address: SocketAddr, trusting: &Arc<ClientConfig>) -> std::io::Result<Https> {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(trusting), name).expect("a client");
    let mut stream = StreamOwned::new(connection, connect(address));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Asks and reads to the end of the connection, which must be a proper one.
fn last(stream: &mut (impl Read + Write), path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and a proper end");
    answer
}

/// Nothing more is said, and the end is a proper one.
#[track_caller]
fn ends(stream: &mut impl Read) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a proper end");
    assert_eq!(rest, b"");
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn plain_and_sealed_ports_are_served_side_by_side_and_counted() {
    let Some(running) = start(PATIENCE) else { return };
    assert!(last(&mut connect(running.plain), "/").ends_with("port 0"));
    for _ in 0..3 {
        let mut client = https(running.sealed, &running.trusting).expect("a handshake");
        assert!(last(&mut client, "/").ends_with("port 1"));
    }
    let mut stranger = connect(running.sealed);
    assert!(stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").is_ok());
    let mut alert = Vec::new();
    stranger.read_to_end(&mut alert).expect("an alert, and an end");
    assert_eq!(alert.first(), Some(&21));
    let (_, others) = identity();
    https(running.sealed, &others).expect_err("does not trust the certificate");
    until("both failures are counted", || running.count(|stats| &stats.tls_failed) == 2);
    assert_eq!((running.count(|stats| &stats.tls_full), running.count(|stats| &stats.tls_resumed)), (1, 2));
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_request_waits_for_its_ticket_behind_tls_too() {
    let Some(running) = start(PATIENCE) else { return };
    let mut client = https(running.sealed, &running.trusting).expect("a handshake");
    client.write_all(b"GET /wait HTTP/1.1\r\nconnection: close\r\n\r\n").expect("it reads");
    let (shard, ticket) = running.waiting.recv_timeout(PATIENCE).expect("it waits");
    running.pool.broadcast().answer(shard, ticket, 5);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer, and a proper end");
    assert!(answer.ends_with("port 1"));
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_handshake_has_the_time_of_a_head() {
    let limit = Duration::from_millis(400);
    let Some(running) = start(limit) else { return };
    for first in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let began = Instant::now();
        let mut client = connect(running.sealed);
        client.write_all(first).expect("it reads");
        ends(&mut client);
        assert!((limit..limit + PATIENCE / 2).contains(&began.elapsed()), "{first:?} {:?}", began.elapsed());
    }
    let mut silent = https(running.sealed, &running.trusting).expect("a handshake");
    ends(&mut silent);
    assert_eq!(running.count(|stats| &stats.timed_out), 3);
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_replaced_configuration_is_for_new_connections() {
    let Some(running) = start(PATIENCE) else { return };
    let mut kept = https(running.sealed, &running.trusting).expect("a handshake");
    let (next, trusting_next) = identity();
    running.pool.broadcast().replace_tls(&next);
    until("it is there", || {
        https(running.sealed, &trusting_next)
            .is_ok_and(|mut client| last(&mut client, "/").ends_with("port 1"))
    });
    https(running.sealed, &Arc::new(forgetful(&running.trusting))).expect_err("the old one is gone");
    assert!(last(&mut kept, "/").ends_with("port 1"));
    assert!(last(&mut connect(running.plain), "/").ends_with("port 0"), "a plain port stays plain");
    assert!(running.pool.drain(PATIENCE));
}

/// The same trust without the sessions.
fn forgetful(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

#[test]
fn draining_lets_a_handshake_and_its_request_end() {
    let Some(running) = start(PATIENCE) else { return };
    let Running { pool, sealed, trusting, .. } = running;
    let mut idle = https(sealed, &trusting).expect("a handshake");
    let mut silent = connect(sealed);
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::new(forgetful(&trusting)), name).expect("a client");
    let mut socket = connect(sealed);
    connection.write_tls(&mut socket).expect("it reads");
    // It answers, so it knows of the handshake.
    connection.read_tls(&mut socket).expect("an answer");
    let draining = thread::spawn(move || pool.drain(PATIENCE));
    ends(&mut idle);
    let mut half_way = StreamOwned::new(connection, socket);
    assert!(half_way.conn.process_new_packets().is_ok());
    assert!(last(&mut half_way, "/").ends_with("port 1"));
    ends(&mut silent);
    assert!(draining.join().expect("no panic"), "the shard ended in time");
}

#[test]
fn draining_ends_at_its_limit_whatever_is_unread() {
    let Some(running) = start(PATIENCE) else { return };
    let mut unread = https(running.sealed, &running.trusting).expect("a handshake");
    unread.write_all(b"GET /large HTTP/1.1\r\n\r\n").expect("it reads");
    unread.read_exact(&mut [0]).expect("the answer begins");
    let began = Instant::now();
    assert!(running.pool.drain(Duration::from_millis(300)), "the shard ended");
    assert!((Duration::from_millis(300)..PATIENCE).contains(&began.elapsed()), "{:?}", began.elapsed());
}

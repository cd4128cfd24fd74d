//! Streams on real rings and sockets: order, sharing, slow and silent readers, ends, TLS, draining, fan-out.
//!
//! Needs io_uring. Where the host refuses it the tests say so and pass, unless `CI` is set.
#![expect(clippy::disallowed_types, reason = "the clients of these tests are plain threads, no shards")]

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brink_shards::{
    Body, Call, Counter, Feed, Frame, Outcome, Part, PoolConfig, Port, Request, STREAM_BYTES_MAX, Service,
    ShardPool, Shared, Stats, Timeouts, bind, cpu::Plan, preflight,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use socket2::SockRef;

/// Longer than anything here takes; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than the socket buffers of both sides take.
const LARGE_BYTES: usize = 24 << 20;

/// What every shard is told.
#[derive(Clone)]
enum Notice {
    /// One frame, for all streams.
    Push(Vec<u8>),
    /// The same with this much of the body behind it.
    Quote(Vec<u8>, usize),
    End,
    Cut,
}

/// Opens streams at `/stream`; elsewhere tells how many there are, and how many of them have something to send.
struct Toy {
    feeds: Vec<Feed>,
    body: Shared,
    ends_streams: bool,
}

impl Service for Toy {
    type State = ();
    type Answer = ();
    type Notice = Notice;

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, (): &()) {}

    fn told(&mut self, notice: Notice) {
        match notice {
            Notice::Push(bytes) => self.push(&Frame::bytes(bytes)),
            Notice::Quote(bytes, length) => {
                self.push(&Frame::parts([bytes.into(), Part::range(&self.body, 0..length)]));
            }
            Notice::End => self.feeds.iter().for_each(Feed::end),
            Notice::Cut => self.feeds.iter().for_each(Feed::cut),
        }
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, ()>) -> Outcome {
        self.feeds.retain(|feed| !feed.is_gone());
        match request.head.target.path {
            "/stream" => {
                let (feed, outcome) = call.open(200).feed([Frame::bytes(b"hello")]);
                self.feeds.push(feed);
                outcome
            }
            _ => {
                let busy = self.feeds.iter().filter(|feed| feed.queued_bytes() > 0).count();
                let text = format!("{} {busy}", self.feeds.len());
                call.reply(200).send(Body::Bytes(text.as_bytes()))
            }
        }
    }

    fn announce_stop(&mut self) {
        if self.ends_streams {
            self.feeds.clear();
        }
    }

    fn tick(&mut self, _: &brink_shards::Now) {}
}

impl Toy {
    fn push(&self, frame: &Frame) {
        self.feeds.iter().for_each(|feed| feed.push(frame));
    }
}

/// A pool of one shard with a plain port, then one with TLS.
struct Running {
    pool: ShardPool<Toy>,
    plain: SocketAddr,
    sealed: SocketAddr,
    trusting: Arc<ClientConfig>,
}

fn patient() -> Timeouts {
    Timeouts { head: PATIENCE, body: PATIENCE, request: None, idle: PATIENCE, send: PATIENCE }
}

fn start() -> Option<Running> {
    start_with(patient(), STREAM_BYTES_MAX, true)
}

/// Or says why the host does not let us.
fn start_with(timeouts: Timeouts, stream_bytes_max: usize, ends_streams: bool) -> Option<Running> {
    if let Err(problems) = preflight::check(1) {
        assert!(std::env::var_os("CI").is_none(), "no ring tests on this host: {problems:?}");
        eprintln!("skipped: {problems:?}");
        return None;
    }
    let (server, trusting) = identity();
    let [plain, sealed] = [0; 2].map(|port| bind(Ipv4Addr::LOCALHOST.into(), port, 1).expect("a free port"));
    let [plain_at, sealed_at] = [&plain, &sealed].map(|port| port[0].local_addr().expect("it is bound"));
    let config = PoolConfig {
        plan: Plan { shards: 1, pinned: None },
        ports: vec![Port::plain(plain), Port::tls(sealed, server)],
        timeouts,
        connections_max: 10_000,
        stream_bytes_max,
    };
    let make = move |_, _: &_| Toy { feeds: Vec::new(), body: Rc::new(body().into()), ends_streams };
    let pool = ShardPool::start(config, make).expect("the host lets us");
    pool.broadcast().publish(&());
    Some(Running { pool, plain: plain_at, sealed: sealed_at, trusting })
}

fn body() -> Vec<u8> {
    (0..LARGE_BYTES).map(|at| (at / 7) as u8).collect()
}

/// A certificate of its own, signed by itself, and those who trust it alone.
fn identity() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("they belong together");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

impl Running {
    fn tell(&self, notice: &Notice) {
        self.pool.broadcast().tell(notice);
    }

    fn push(&self, text: &str) {
        self.tell(&Notice::Push(text.into()));
    }

    fn count(&self, counter: fn(&Stats) -> &Counter) -> u64 {
        self.pool.stats().iter().map(|stats| counter(stats).value()).sum()
    }

    fn open(&self) -> Stream<TcpStream> {
        Stream::open(connect(self.plain), "1.1")
    }

    fn https(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.trusting), name).expect("a client");
        StreamOwned::new(connection, connect(self.sealed))
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("it accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    socket
}

/// A subscriber that has got its first frame.
struct Stream<C: Read>(BufReader<C>);

impl<C: Read + Write> Stream<C> {
    fn open(mut client: C, version: &str) -> Self {
        write!(client, "GET /stream HTTP/{version}\r\nhost: x\r\n\r\n").expect("it reads");
        let mut stream = Self(BufReader::new(client));
        let head = stream.head();
        assert!(head.starts_with(&format!("HTTP/{version} 200 OK\r\n")), "{head}");
        assert_eq!(head.contains("transfer-encoding: chunked\r\n"), version == "1.1", "{head}");
        if version == "1.1" {
            assert_eq!(stream.frame().expect("a first frame"), b"hello");
        }
        stream
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).expect("an answer") > 0, "cut short: {head}");
        }
        head
    }

    /// The next chunk; empty for the last one.
    fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let length = line.strip_suffix("\r\n").and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let length = length.ok_or_else(|| io::Error::new(ErrorKind::UnexpectedEof, line))?;
        let mut payload = vec![0; length + 2];
        self.0.read_exact(&mut payload)?;
        assert_eq!(payload.split_off(length), b"\r\n");
        Ok(payload)
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.frame().expect("a frame")).expect("text")
    }

    /// The last chunk, then a proper end.
    fn ends(&mut self) {
        assert_eq!(self.frame().expect("the last chunk"), b"");
        assert_eq!(self.0.read(&mut [0]).expect("a proper end"), 0);
    }
}

fn ask(client: &mut TcpStream) -> (usize, usize) {
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it reads");
    let mut bytes = vec![0; 1_000];
    let mut length = 0;
    loop {
        let count = client.read(&mut bytes[length..]).expect("an answer");
        assert!(count > 0, "the connection goes on");
        length += count;
        let text = String::from_utf8_lossy(&bytes[..length]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let expected = head.split_once("content-length: ").and_then(|(_, rest)| rest.split_once('\r'));
        if expected.is_some_and(|(expected, _)| expected.parse() == Ok(body.len())) {
            let (all, busy) = body.split_once(' ').expect("two numbers");
            return (all.parse().expect("a number"), busy.parse().expect("a number"));
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn every_stream_gets_every_frame_in_order() {
    const ROUNDS: usize = 120;
    let Some(running) = start() else { return };
    let mut plain: Vec<_> = (0..60).map(|_| running.open()).collect();
    let mut sealed: Vec<_> = (0..6).map(|_| Stream::open(running.https(), "1.1")).collect();
    assert_eq!(running.count(|stats| &stats.streams_open), 66);
    assert_eq!(running.count(|stats| &stats.requests), 66);
    for round in 0..ROUNDS {
        // Frames of all sizes, the larger ones with parts.
        running.tell(&Notice::Quote(format!("{round} ").into(), round * 37));
    }
    let body = body();
    let expected = |round: usize| [format!("{round} ").as_bytes(), &body[..round * 37]].concat();
    for round in 0..ROUNDS {
        plain.iter_mut().for_each(|stream| assert!(stream.frame().expect("a frame") == expected(round)));
        sealed.iter_mut().for_each(|stream| assert!(stream.frame().expect("a frame") == expected(round)));
    }
    running.tell(&Notice::End);
    plain.iter_mut().for_each(Stream::ends);
    sealed.iter_mut().for_each(Stream::ends);
    until("all are closed", || running.count(|stats| &stats.streams_open) == 0);
    assert_eq!(running.count(|stats| &stats.open), 0);
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_frame_larger_than_every_buffer_arrives_whole() {
    let Some(running) = start() else { return };
    let mut plain = running.open();
    let mut sealed = Stream::open(running.https(), "1.1");
    running.tell(&Notice::Quote(b"<".to_vec(), LARGE_BYTES));
    running.push("behind");
    let expected = [b"<", &*body()].concat();
    thread::scope(|scope| {
        scope.spawn(|| assert!(plain.frame().expect("a frame") == expected));
        scope.spawn(|| assert!(sealed.frame().expect("a frame") == expected));
    });
    assert_eq!((plain.text(), sealed.text()), ("behind".to_owned(), "behind".to_owned()));
    assert_eq!(running.count(|stats| &stats.streams_slow), 0);
    assert!(running.pool.drain(Duration::from_millis(50)));
}

#[test]
fn who_falls_behind_is_cut_and_others_are_not_harmed() {
    let Some(running) = start_with(patient(), 1 << 20, true) else { return };
    let mut slow = running.open();
    let mut slow_sealed = Stream::open(running.https(), "1.1");
    let mut steady = running.open();
    let mut steady_sealed = Stream::open(running.https(), "1.1");
    let block = "b".repeat(256 << 10);
    let mut rounds = 0;
    while running.count(|stats| &stats.streams_slow) < 2 {
        running.push(&block);
        assert_eq!(steady.text(), block);
        assert_eq!(steady_sealed.text(), block);
        rounds += 1;
        assert!(rounds < 1_000, "no socket takes that much");
    }
    assert!(broken_off(&mut slow) && broken_off(&mut slow_sealed));
    until("the cut ones are gone", || running.count(|stats| &stats.streams_open) == 2);
    running.push("more");
    assert_eq!((steady.text(), steady_sealed.text()), ("more".to_owned(), "more".to_owned()));
    assert_eq!(running.count(|stats| &stats.timed_out), 0);
    assert!(running.pool.drain(Duration::from_millis(50)));
}

/// Reads to the end, and tells whether it came without a last chunk.
fn broken_off<C: Read + Write>(stream: &mut Stream<C>) -> bool {
    loop {
        match stream.frame() {
            Ok(frame) if frame.is_empty() => return false,
            Ok(_) => {}
            Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

#[test]
fn who_takes_nothing_is_cut_by_the_deadline_and_silence_is_not() {
    let limit = Duration::from_millis(300);
    let timeouts = Timeouts { head: limit, body: limit, request: None, idle: limit, send: limit };
    let Some(running) = start_with(timeouts, STREAM_BYTES_MAX, true) else { return };
    let mut silent = running.open();
    let mut silent_sealed = Stream::open(running.https(), "1.1");
    // Deadlines of others pass, one after the other, while nothing is pushed.
    for _ in 0..2 {
        let mut idle = connect(running.plain);
        ask(&mut idle);
        assert_eq!(idle.read(&mut [0]).expect("a proper end"), 0);
    }
    assert_eq!(running.count(|stats| &stats.timed_out), 2);
    running.push("still here");
    assert_eq!(silent.text(), "still here");
    assert_eq!(silent_sealed.text(), "still here");
    assert_eq!(running.count(|stats| &stats.streams_open), 2);

    // A part of it is taken, by the sockets. As an answer it would have six minutes.
    let began = Instant::now();
    running.tell(&Notice::Quote(b"<".to_vec(), LARGE_BYTES));
    until("a reader that takes nothing is cut", || running.count(|stats| &stats.streams_slow) == 2);
    assert_eq!(running.count(|stats| &stats.timed_out), 4);
    assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
    assert!(broken_off(&mut silent) && broken_off(&mut silent_sealed));
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_client_that_leaves_is_noticed_while_nothing_is_pushed() {
    let Some(running) = start() else { return };
    let mut asking = connect(running.plain);
    let leave: [fn(TcpStream); 3] = [
        |socket| drop(socket),
        |socket| SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a TCP socket"),
        |mut socket| {
            // It ends its half only; the stream is over all the same, and nothing says that it was complete.
            socket.shutdown(Shutdown::Write).expect("it is connected");
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).expect("the end");
            assert_eq!(rest, b"");
        },
    ];
    for leave in leave {
        let stream = running.open();
        assert_eq!(ask(&mut asking).0, 1);
        leave(stream.0.into_inner());
        until("it is gone", || ask(&mut asking).0 == 0);
        assert_eq!(running.count(|stats| &stats.streams_open), 0);
    }
    let mut sealed = Stream::open(running.https(), "1.1");
    sealed.0.get_mut().conn.send_close_notify();
    let _ = sealed.0.get_mut().flush();
    until("its goodbye is heard", || ask(&mut asking).0 == 0);
    drop(Stream::open(running.https(), "1.1"));
    until("its end is heard", || ask(&mut asking).0 == 0);
    assert_eq!(running.count(|stats| &stats.streams_slow), 0);
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_frame_is_noticed() {
    let Some(running) = start() else { return };
    let mut asking = connect(running.plain);
    let (plain, sealed) = (running.open(), Stream::open(running.https(), "1.1"));
    running.tell(&Notice::Quote(b"<".to_vec(), LARGE_BYTES));
    until("both sockets are full", || ask(&mut asking) == (2, 2));
    drop((plain, sealed));
    until("they are gone", || ask(&mut asking).0 == 0);
    assert_eq!(running.count(|stats| &stats.streams_slow), 0);
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn the_end_and_a_cut_look_different_on_the_wire() {
    let Some(running) = start() else { return };
    let rest = |mut client: Stream<TcpStream>| {
        let mut rest = Vec::new();
        client.0.read_to_end(&mut rest).map(|_| String::from_utf8(rest).expect("text"))
    };
    let plain = running.open();
    let old = Stream::open(connect(running.plain), "1.0");
    let mut sealed = Stream::open(running.https(), "1.1");
    running.push("last");
    running.tell(&Notice::End);
    assert_eq!(rest(plain).ok().as_deref(), Some("4\r\nlast\r\n0\r\n\r\n"));
    assert_eq!(rest(old).ok().as_deref(), Some("hellolast"));
    assert_eq!(sealed.text(), "last");
    sealed.ends();

    let plain = running.open();
    let mut old = Stream::open(connect(running.plain), "1.0");
    let mut sealed = Stream::open(running.https(), "1.1");
    old.0.read_exact(&mut [0; 5]).expect("the first frame");
    running.tell(&Notice::Cut);
    let kind = |error: Option<io::Error>| error.map(|error| error.kind());
    assert_eq!(kind(rest(plain).err()), Some(ErrorKind::ConnectionReset));
    assert_eq!(kind(rest(old).err()), Some(ErrorKind::ConnectionReset));
    let end = kind(sealed.frame().err());
    assert!(matches!(end, Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)), "{end:?}");
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn what_a_client_says_on_a_stream_is_dropped_up_to_a_bound() {
    let Some(running) = start() else { return };
    let mut stream = running.open();
    let request = b"GET / HTTP/1.1\r\n\r\n";
    stream.0.get_mut().write_all(&request.repeat(1_000)).expect("it reads");
    running.push("unmoved");
    assert_eq!(stream.text(), "unmoved");
    running.tell(&Notice::End);
    stream.ends();
    assert_eq!(running.count(|stats| &stats.requests), 1);
    // It has said something, so its connection lingers until it closes, too.
    drop(stream);

    let mut stream = running.open();
    let block = vec![b'x'; 64 << 10];
    until("it is cut", || stream.0.get_mut().write_all(&block).is_err());
    until("it is gone", || running.count(|stats| &stats.streams_open) == 0);
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn at_the_stop_streams_end_one_after_the_other() {
    const COUNT: u32 = 80;
    let Some(running) = start() else { return };
    let streams: Vec<_> = (0..COUNT).map(|_| running.open()).collect();
    let mut asking = connect(running.plain);
    let began = Instant::now();
    running.pool.announce_stop();
    let ends: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            thread::spawn(move || {
                stream.ends();
                began.elapsed()
            })
        })
        .collect();
    assert_eq!(ask(&mut asking).0, 0, "for the service they are over at once, and others are served");
    let mut ends: Vec<Duration> = ends.into_iter().map(|end| end.join().expect("a proper end")).collect();
    ends.sort_unstable();
    // On an idle host the last one ends after 0.79 seconds.
    assert!(ends[ends.len() - 1] >= Duration::from_millis(700), "{ends:?}");
    assert!(ends[ends.len() - 1] < PATIENCE / 2, "{ends:?}");
    assert!(ends[ends.len() / 2] >= Duration::from_millis(300), "half of them are not first: {ends:?}");
    assert!(running.pool.drain(PATIENCE));
}

#[test]
fn a_drain_waits_for_streams_that_end_and_not_for_others() {
    let Some(running) = start() else { return };
    let mut streams: Vec<_> = (0..20).map(|_| running.open()).collect();
    running.pool.announce_stop();
    assert!(running.pool.drain(PATIENCE), "long before the limit");
    streams.iter_mut().for_each(Stream::ends);

    let Some(running) = start_with(patient(), STREAM_BYTES_MAX, false) else { return };
    let _kept: Vec<_> = (0..20).map(|_| running.open()).collect();
    let limit = Duration::from_millis(300);
    let began = Instant::now();
    running.pool.announce_stop();
    assert!(running.pool.drain(limit), "the shard ends at the limit");
    assert!((limit..PATIENCE).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[test]
fn requests_are_answered_in_the_middle_of_a_fan_out() {
    const STREAMS: usize = 1_500;
    let Some(running) = start() else { return };
    let mut streams: Vec<_> = (0..STREAMS).map(|_| running.open()).collect();
    let mut asking = connect(running.plain);
    let mut rounds = 0;
    until("several requests are answered during one fan-out", || {
        running.push("news");
        rounds += 1;
        // From the first that sees somebody served and somebody waiting to the one that sees nobody waiting.
        let mut between = 0;
        loop {
            let (_, busy) = ask(&mut asking);
            between += usize::from((1..STREAMS).contains(&busy));
            if busy == 0 && running.count(|stats| &stats.streams_open) == STREAMS as u64 {
                break between >= 5;
            }
        }
    });
    for stream in &mut streams {
        (0..rounds).for_each(|_| assert_eq!(stream.text(), "news"));
    }
    assert!(running.pool.drain(Duration::from_millis(50)));
}

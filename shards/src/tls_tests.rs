//! TLS over a socket in memory, with a rustls client at its other end.

use std::{
    cell::RefCell,
    io::{self, IoSlice, Read, Write},
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};

use crate::{
    driver::Sock,
    link::{Link, Received, Scratch, Transport},
    tls::Handshake,
};

/// What is between the two.
struct Wire {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// A receive brings at most this much.
    receive_max: usize,
    /// So much more is taken.
    room: usize,
    client_closed: bool,
    server_closed: bool,
}

#[derive(Clone)]
struct Memory(Rc<RefCell<Wire>>);

impl Memory {
    fn new(receive_max: usize) -> Self {
        Self(Rc::new(RefCell::new(Wire {
            to_server: Vec::new(),
            to_client: Vec::new(),
            receive_max,
            room: usize::MAX,
            client_closed: false,
            server_closed: false,
        })))
    }
}

impl Sock for Memory {
    fn poll_recv(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.try_recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            received => Poll::Ready(received),
        }
    }

    fn try_send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter()).copied().collect();
        let taken = all.len().min(wire.room);
        if taken == 0 && !all.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.room -= taken;
        wire.to_client.extend_from_slice(&all[..taken]);
        Ok(taken)
    }

    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let count = wire.to_server.len().min(buffer.len()).min(wire.receive_max);
        if count == 0 && !wire.client_closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..count].copy_from_slice(&wire.to_server[..count]);
        wire.to_server.drain(..count);
        Ok(count)
    }

    fn poll_send(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.try_send(&[IoSlice::new(bytes)]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            sent => Poll::Ready(sent),
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().server_closed = true;
        Poll::Ready(Ok(()))
    }

    fn peer(&self) -> io::Result<IpAddr> {
        Ok(Ipv4Addr::LOCALHOST.into())
    }

    fn reset_on_close(&self) -> io::Result<()> {
        Ok(())
    }

    fn give_up_after(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_nodelay(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Both configurations, of one certificate.
struct Pair {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Pair {
    fn new(version: &'static rustls::SupportedProtocolVersion) -> Self {
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
            .with_protocol_versions(&[version])
            .expect("ring has both")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: Arc::new(server), client: Arc::new(client) }
    }
}

/// A link, its scratch, and its client.
struct Scene {
    link: Link<Memory>,
    scratch: Scratch,
    wire: Memory,
    client: ClientConnection,
    /// What the server has received.
    received: Vec<u8>,
    ended: Option<Received>,
}

impl Scene {
    fn new(pair: &Pair, receive_max: usize) -> Self {
        let wire = Memory::new(receive_max);
        let link = Link::new(wire.clone(), &Transport::Tls(Arc::clone(&pair.server))).expect("a link");
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::clone(&pair.client), name).expect("a client");
        Self { link, scratch: Scratch::new(true), wire, client, received: Vec::new(), ended: None }
    }

    /// Lets the server receive until nothing is there, or it waits for room.
    fn serve(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while self.ended.is_none() {
            let left = self.wire.0.borrow().to_server.len();
            match self.link.poll_recv(&mut cx, &mut self.scratch) {
                Poll::Ready(Received::Bytes(count)) => {
                    self.received.extend_from_slice(&self.scratch.plain[..count]);
                }
                Poll::Ready(over) => self.ended = Some(over),
                Poll::Pending if self.wire.0.borrow().to_server.len() == left => return,
                Poll::Pending => {}
            }
        }
    }

    /// Carries over what the client has to say; returns whether that was anything.
    fn client_speaks(&mut self) -> bool {
        let mut spoken = false;
        while self.client.wants_write() {
            spoken = true;
            self.client.write_tls(&mut self.wire.0.borrow_mut().to_server).expect("memory takes it");
        }
        spoken
    }

    /// Lets the client read; returns what it got.
    fn client_hears(&mut self) -> Result<Vec<u8>, rustls::Error> {
        let sent = std::mem::take(&mut self.wire.0.borrow_mut().to_client);
        let (mut rest, mut heard) = (&sent[..], Vec::new());
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).expect("memory gives it");
            self.client.process_new_packets()?;
            let _ = self.client.reader().read_to_end(&mut heard);
        }
        Ok(heard)
    }

    fn shake_hands(&mut self) -> Handshake {
        while self.client.is_handshaking() || self.client.wants_write() {
            assert!(self.client_speaks(), "the client waits for the server");
            self.serve();
            self.client_hears().expect("the client accepts the server");
        }
        self.link.take_news().expect("the handshake is told")
    }

    /// Sends all of it, as a session does: what is taken at once, then the rest as there is room.
    fn send(&mut self, parts: [&[u8]; 2], room_each: usize) -> Vec<u8> {
        let mut cx = Context::from_waker(Waker::noop());
        self.wire.0.borrow_mut().room = room_each;
        let all = parts.concat();
        let mut taken = match self.link.try_send(&parts.map(IoSlice::new)) {
            Ok(taken) => taken,
            Err(error) => panic!("{error}"),
        };
        let mut heard = self.client_hears().expect("whole records, in order");
        while taken < all.len() || self.link.is_sending() {
            self.wire.0.borrow_mut().room = room_each;
            if taken < all.len() {
                if let Poll::Ready(sent) = self.link.poll_send(&mut cx, &all[taken..]) {
                    taken += sent.expect("the wire holds");
                }
            } else {
                let _ = self.link.poll_flush(&mut cx);
            }
            heard.extend(self.client_hears().expect("whole records, in order"));
        }
        self.wire.0.borrow_mut().room = usize::MAX;
        heard
    }
}

static VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 7 + index / 251) as u8).collect()
}

#[test]
fn bytes_go_both_ways() {
    for version in VERSIONS {
        let pair = Pair::new(version);
        let mut scene = Scene::new(&pair, usize::MAX);
        assert_eq!(scene.shake_hands(), Handshake::Full);
        for bytes in [1, 300, 16 << 10, (16 << 10) + 1, 100_000, 3 << 20] {
            let sent = pattern(bytes);
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let taken = scene.client.writer().write(rest).expect("rustls takes some");
                rest = &rest[taken..];
                scene.client_speaks();
                scene.serve();
            }
            assert!(std::mem::take(&mut scene.received) == sent, "{bytes} bytes to the server");
            assert!(scene.send([b"head", &sent], usize::MAX)[4..] == sent, "{bytes} bytes to the client");
        }
        assert_eq!(scene.ended, None);
    }
}

#[test]
fn a_session_is_resumed_from_its_ticket() {
    for version in VERSIONS {
        let pair = Pair::new(version);
        assert_eq!(Scene::new(&pair, usize::MAX).shake_hands(), Handshake::Full, "{version:?}");
        assert_eq!(Scene::new(&pair, usize::MAX).shake_hands(), Handshake::Resumed, "{version:?}");
    }
}

#[test]
fn a_slow_reader_holds_no_more_than_the_limit() {
    let pair = Pair::new(&rustls::version::TLS13);
    let mut scene = Scene::new(&pair, usize::MAX);
    scene.shake_hands();
    let body = pattern(1 << 20);
    scene.wire.0.borrow_mut().room = 0;
    let taken = scene.link.try_send(&[IoSlice::new(b""), IoSlice::new(&body)]).expect("the wire holds");
    assert_eq!(taken, crate::limits::TLS_SEND_BYTES_MAX);
    assert!(scene.link.is_sending());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        scene.link.poll_send(&mut cx, &body[taken..]).is_pending(),
        "nothing is taken before that has left"
    );
    // Nor is anything read meanwhile: a handshake message would need an answer.
    scene.client.writer().write_all(b"x").expect("rustls takes it");
    scene.client_speaks();
    scene.serve();
    assert_eq!(scene.received, b"");
}

#[test]
fn goodbyes_are_heard_and_said() {
    for version in VERSIONS {
        let pair = Pair::new(version);
        let mut scene = Scene::new(&pair, usize::MAX);
        scene.shake_hands();
        scene.client.writer().write_all(b"last words").expect("rustls takes it");
        scene.client.send_close_notify();
        scene.client_speaks();
        scene.serve();
        assert_eq!((&*scene.received, scene.ended), (&b"last words"[..], Some(Received::Ended)));
        // Our half is still open.
        assert_eq!(scene.send([b"answer", b""], usize::MAX), b"answer");
        scene.link.part(&mut scene.scratch);
        let sent = std::mem::take(&mut scene.wire.0.borrow_mut().to_client);
        scene.client.read_tls(&mut &sent[..]).expect("memory gives it");
        let state = scene.client.process_new_packets().expect("a proper record");
        assert!(state.peer_has_closed(), "{version:?}");
    }
}

#[test]
fn an_end_without_goodbye_is_an_end() {
    let mut scene = Scene::new(&Pair::new(&rustls::version::TLS13), usize::MAX);
    scene.shake_hands();
    scene.wire.0.borrow_mut().client_closed = true;
    scene.serve();
    assert_eq!(scene.ended, Some(Received::Ended));
}

/// A ClientHello of TLS 1.1, without extensions, as old programs send it.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let length = u16::try_from(body.len()).expect("short");
    let mut hello = vec![22, 3, 1];
    hello.extend((length + 4).to_be_bytes());
    hello.extend([1, 0]);
    hello.extend(length.to_be_bytes());
    hello.extend(body);
    hello
}

#[test]
fn what_is_not_tls_gets_an_alert() {
    let check = |bytes: &[u8], expected: Option<Received>| {
        let mut scene = Scene::new(&Pair::new(&rustls::version::TLS13), usize::MAX);
        scene.wire.0.borrow_mut().to_server.extend_from_slice(bytes);
        scene.serve();
        assert_eq!(scene.ended, expected, "{bytes:?}");
        let broken = expected.is_some();
        assert_eq!(scene.link.take_news(), broken.then_some(Handshake::Failed));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(scene.link.poll_shutdown(&mut cx).is_ready());
        let wire = scene.wire.0.borrow();
        assert!(wire.server_closed);
        if broken {
            assert_eq!(wire.to_client.first(), Some(&21), "an alert: {:?}", wire.to_client);
        }
    };
    check(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", Some(Received::Broken));
    check(&[0xff; 100], Some(Received::Broken));
    check(&old_hello(), Some(Received::Broken));
    check(&[22, 3, 1, 0xff, 0xff, 1], Some(Received::Broken));
    check(&[22, 3, 1, 0, 5, 1, 0], None);
}

#[test]
fn who_is_midway_is_waited_for() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut last = |scene: &mut Scene| scene.link.recv_last(&mut cx, &mut scene.scratch);
    let pair = Pair::new(&rustls::version::TLS13);
    let mut scene = Scene::new(&pair, usize::MAX);
    assert_eq!(last(&mut scene), Poll::Ready(Received::Ended), "has said nothing");
    let mut scene = Scene::new(&pair, usize::MAX);
    scene.client_speaks();
    scene.serve();
    assert_eq!(last(&mut scene), Poll::Pending, "is shaking hands");
    scene.client_hears().expect("the client accepts the server");
    scene.shake_hands();
    assert_eq!(last(&mut scene), Poll::Ready(Received::Ended), "is idle");
    scene.client.writer().write_all(b"GET / ...").expect("rustls takes it");
    scene.client_speaks();
    let tail = scene.wire.0.borrow_mut().to_server.split_off(8);
    scene.serve();
    assert_eq!(last(&mut scene), Poll::Pending, "half a record has come");
    scene.wire.0.borrow_mut().to_server = tail;
    assert_eq!(last(&mut scene), Poll::Ready(Received::Bytes(9)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the network cuts them, records are what they were.
    #[test]
    fn any_split_of_records_brings_the_same_bytes(
        is_new in any::<bool>(),
        receive_max in 1..40_000_usize,
        room in 1..100_000_usize,
        sizes in proptest::collection::vec(0..40_000_usize, 1..5),
        head in 0..300_usize,
    ) {
        let pair = Pair::new(VERSIONS[usize::from(is_new)]);
        let mut scene = Scene::new(&pair, receive_max);
        prop_assert_eq!(scene.shake_hands(), Handshake::Full);
        let mut expected = Vec::new();
        for size in sizes {
            let sent = pattern(size);
            scene.client.writer().write_all(&sent).expect("rustls takes it");
            expected.extend_from_slice(&sent);
            scene.client_speaks();
            scene.serve();
            prop_assert!(scene.received == expected);
            let head = pattern(head);
            // With hardly any room every byte is a call; long bodies would take long.
            let body = &sent[..size.min(room.saturating_mul(500))];
            let heard = scene.send([&head, body], room);
            prop_assert!(heard == [&head, body].concat());
        }
        prop_assert_eq!(scene.ended, None);
    }

    /// Whatever comes instead of a handshake, nobody panics and the end is an alert or a wait for more.
    #[test]
    fn garbage_is_survived(garbage in proptest::collection::vec(any::<u8>(), 0..2_000), receive_max in 1..600_usize) {
        let pair = Pair::new(&rustls::version::TLS13);
        let mut scene = Scene::new(&pair, receive_max);
        scene.wire.0.borrow_mut().to_server.extend_from_slice(&garbage);
        scene.serve();
        prop_assert!(scene.received.is_empty());
    }

    /// The same in the middle of good records.
    #[test]
    fn a_broken_record_ends_the_connection(at in 0..1_000_usize, change in 1..=255_u8) {
        let pair = Pair::new(&rustls::version::TLS13);
        let mut scene = Scene::new(&pair, usize::MAX);
        scene.shake_hands();
        scene.client.writer().write_all(&pattern(900)).expect("rustls takes it");
        scene.client_speaks();
        {
            let mut wire = scene.wire.0.borrow_mut();
            // Behind the header, whose length would make the server wait for more.
            let at = 5 + at % (wire.to_server.len() - 5);
            wire.to_server[at] ^= change;
        }
        scene.serve();
        prop_assert_eq!(scene.ended, Some(Received::Broken));
        prop_assert!(scene.received.is_empty());
        prop_assert_eq!(scene.link.take_news(), Some(Handshake::Failed));
    }
}

//! Who gets a connection, and who gets an alert.

use std::{
    io::{Read, Write},
    sync::Arc,
    thread,
};

use rustls::{HandshakeKind, ProtocolVersion};

use super::scene::{FILE, Scene, VERSIONS, get, https, kind, try_https};

#[test]
fn both_versions_are_spoken_and_nothing_but_http_1() {
    let scene = Scene::small();
    for version in VERSIONS {
        let mut config = scene.authority.client(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = https(scene.address, &Arc::new(config));
        assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(client.stream.conn.protocol_version(), Some(version.version));
        assert_eq!(client.exchange(get("")).names(), ["a"]);
    }
    let mut config = scene.authority.client(&VERSIONS);
    let mut client = https(scene.address, &Arc::new(config.clone()));
    assert_eq!(client.stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.exchange(get("")).status, 200, "without ALPN");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = try_https(scene.address, &Arc::new(config)).err().expect("nothing in common");
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn sessions_are_resumed_on_every_shard() {
    let scene = Scene::new(FILE, &["--workers", "2"]);
    for version in VERSIONS {
        let config = Arc::new(scene.authority.client(&[version]));
        let mut kinds = Vec::new();
        // Which shard a connection comes to is by chance: of 16, all on one would be a broken listener.
        for _ in 0..16 {
            let mut client = https(scene.address, &config);
            assert_eq!(client.exchange(get("")).status, 200);
            kinds.push(kind(&client));
        }
        assert_eq!(kinds.remove(0), HandshakeKind::Full, "{version:?}");
        assert!(kinds.iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?} {kinds:?}");
    }
}

#[test]
fn resumption_outlives_the_certificate() {
    let mut scene = Scene::small();
    assert_eq!(scene.https().exchange(get("")).status, 200);
    scene.authority.issue(2);
    scene.signal("HUP");
    scene.brink.wait_for_log("The certificate was replaced");
    while scene.serial() != 2 {
        thread::yield_now();
    }
    let mut client = scene.https();
    assert_eq!(client.exchange(get("")).status, 200);
    assert_eq!(kind(&client), HandshakeKind::Resumed);
}

/// A ClientHello of TLS 1.1.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let length = u8::try_from(body.len()).expect("short");
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &body[..]].concat()
}

#[test]
fn what_is_not_tls_gets_an_alert_and_no_line_in_the_log() {
    let scene = Scene::small();
    let log = scene.log();
    let check = |bytes: &[u8], alert: Option<u8>| {
        let mut client = scene.connect();
        client.send(bytes);
        client.finish();
        let mut answer = Vec::new();
        client.stream.read_to_end(&mut answer).expect("an end, and no reset");
        let expected = alert.map(|description| [21, 3, 3, 0, 2, 2, description]);
        assert_eq!(answer, expected.map(Vec::from).unwrap_or_default(), "{bytes:?}");
    };
    const DECODE_ERROR: u8 = 50;
    const HANDSHAKE_FAILURE: u8 = 40;
    for _ in 0..5 {
        check(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", Some(DECODE_ERROR));
        check(&[0xff; 5_000], Some(DECODE_ERROR));
        check(&[b'x'; 200_000], Some(DECODE_ERROR));
        check(&old_hello(), Some(HANDSHAKE_FAILURE));
        check(&old_hello()[..20], None);
        check(b"", None);
    }
    assert_eq!(scene.log(), log);
    assert_eq!(scene.https().exchange(get("")).status, 200);
}

#[test]
fn many_silent_and_garbled_connections_do_not_disturb_a_good_one() {
    let scene = Scene::small();
    let mut good = scene.https();
    let others: Vec<_> = (0..100_u8)
        .map(|number| {
            let mut client = scene.connect();
            if number % 2 == 0 {
                client.stream.write_all(&[22, 3, 1, 2, 0, number]).expect("brink reads");
            }
            client
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(good.exchange(get("")).status, 200);
    }
    drop(others);
    assert_eq!(good.exchange(get("")).status, 200);
}

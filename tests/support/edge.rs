//! The service of one shard, without ring or socket, for tests and benches that need no process.

use std::{net::IpAddr, time::Duration};

use brink::{
    config::settings::{Backstage, Cors, Endpoints, ProxyTrust, Server},
    messages::Ask,
    serve::{Desk, Edge, Rules},
    tokens::key::KeyHasher,
};
use brink_shards::loopback::Loopback;
use crossbeam_channel::{Receiver, Sender, bounded};

/// The list of features.
pub const FEATURES: &str = "/api/client/features";

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The key of these tests.
pub fn hasher() -> KeyHasher {
    KeyHasher::new([7; 16])
}

/// The settings of the listening side, all at their defaults.
fn server() -> Server {
    Server {
        interface: PEER,
        port: 0,
        base_path: String::new(),
        workers: None,
        cors: Cors { max_age_s: 172_800, ..Cors::default() },
        allow: Vec::new(),
        deny: Vec::new(),
        request_timeout: None,
        keepalive_timeout: Duration::from_secs(15),
        auth_header: "authorization".to_owned(),
    }
}

/// A connection to a shard with nothing to serve, whose desk is made by `desk`.
pub fn connect(desk: impl FnOnce(Sender<Ask>) -> Desk) -> (Loopback<Edge>, Receiver<Ask>) {
    let (sender, asks) = bounded(64);
    let rules = Rules::new(&server(), &ProxyTrust::default(), &Endpoints::default(), &Backstage::default());
    (Loopback::new(Edge::new(rules, hasher(), desk(sender), 7), PEER), asks)
}

/// A GET request, each header line with its line end.
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

/// The line that carries a token.
pub fn token(text: &str) -> String {
    format!("authorization: {text}\r\n")
}

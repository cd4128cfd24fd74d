//! Backups in a real Redis: single, with password and database, over a unix socket and TLS, and in a cluster; and a
//! Redis that is dead, silent, or comes late.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::{
    brink::{Brink, PATIENCE, file_of, run},
    fake_upstream::ClosedPort,
    folder::stop,
    round_trip,
    scene::{TOKEN, document, edge, features, prepare, serves, upstream},
};

/// A Redis of our own, without persistence; ended when dropped.
pub struct RedisServer {
    child: Child,
    pub port: u16,
    folder: TempDir,
}

impl RedisServer {
    pub fn start(args: &[&str]) -> Self {
        Self::start_on(free_port(), args)
    }

    fn start_on(port: u16, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir"]).arg(folder.path());
        command
            .args(["--port", &port.to_string(), "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .args(args);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("redis-server is there: scripts/install installs it");
        let server = Self { child, port, folder };
        server.wait_until_open();
        server
    }

    fn wait_until_open(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.folder.path().join("redis.sock").exists() {
            assert!(Instant::now() < deadline, "redis-server does not open its socket");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command over the unix socket.
    pub fn cli(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(self.folder.path().join("redis.sock"))
            .args(args)
            .output();
        let output = output.expect("redis-cli is there: scripts/install installs it");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    // Redis adds 10,000 for the bus of a cluster.
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("bound").port();
        if port < 50_000 {
            return port;
        }
    }
}

#[track_caller]
fn check_round_trip(args: &[&str], prepare_command: impl Fn(&mut Command)) {
    let command = |url: &str| {
        let mut command = Brink::command(&edge(url, &[&["-t", TOKEN], args].concat()));
        prepare_command(&mut command);
        command
    };
    round_trip::check(command, "s3cret-of-redis");
}

#[test]
fn a_redis_of_any_kind_keeps_the_backup() {
    let plain = RedisServer::start(&[]);
    check_round_trip(&["--redis-url", &plain.url()], |_| {});
    assert_eq!(plain.cli(&["TTL", "unleash-tokens"]), "-1");
    let tokens: serde_json::Value =
        serde_json::from_str(&plain.cli(&["GET", "unleash-tokens"])).expect("JSON");
    assert_eq!(tokens[0]["token"], TOKEN);
    let mut keys: Vec<String> = plain.cli(&["KEYS", "*"]).lines().map(str::to_owned).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["brink_backup", "unleash-features", "unleash-tokens"]);

    let database = format!("{}/3", plain.url());
    check_round_trip(&["--redis-url", &database], |_| {});
    assert_eq!(plain.cli(&["-n", "3", "EXISTS", "unleash-features"]), "1");
    let (host, port) = ("127.0.0.1", plain.port.to_string());
    check_round_trip(&["--redis-host", host, "--redis-port", &port], |_| {});

    let socket = plain.folder.path().join("redis.sock");
    plain.cli(&["-n", "2", "FLUSHDB"]);
    check_round_trip(&["--redis-url", &format!("redis+unix://{}?db=2", socket.display())], |_| {});
    assert_eq!(plain.cli(&["-n", "2", "EXISTS", "unleash-features"]), "1");
}

#[test]
fn passwords_and_users_are_used_and_not_told() {
    let secured = RedisServer::start(&["--requirepass", "s3cret-of-redis/#?"]);
    check_round_trip(&["--redis-url", &secured.url(), "--redis-password", "s3cret-of-redis/#?"], |_| {});
    let in_url = format!("redis://:s3cret-of-redis%2F%23%3F@127.0.0.1:{}", secured.port);
    check_round_trip(&["--redis-url", &in_url], |_| {});
    secured.cli(&[
        "-a",
        "s3cret-of-redis/#?",
        "ACL",
        "SETUSER",
        "brink",
        "on",
        ">s3cret-of-redis",
        "~*",
        "+get",
        "+set",
        "+setnx",
    ]);
    let (user, password) = ("brink", "s3cret-of-redis");
    check_round_trip(
        &["--redis-url", &secured.url(), "--redis-username", user, "--redis-password", password],
        |_| {},
    );
    let socket = format!("unix://{}", secured.folder.path().join("redis.sock").display());
    check_round_trip(
        &["--redis-url", &socket, "--redis-username", user, "--redis-password", password],
        |_| {},
    );

    let up = upstream();
    let wrong = ["-t", TOKEN, "--redis-url", &secured.url(), "--redis-password", "s3cret-of-redis-wrong"];
    let mut brink = Brink::start(&edge(&up.url(), &wrong));
    brink.wait_for_log("Could not read the backup in the Redis");
    serves(&brink, TOKEN, &["old"]);
    let log = stop(brink);
    assert!(!log.contains("s3cret-of-redis"), "{log}");
    assert_eq!(log.matches("Could not read the backup").count(), 1, "{log}");
}

#[test]
fn tls_is_trusted_by_the_system_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let port = free_port();
    let (tls_port, certificate, key, ca) =
        (port.to_string(), file("server.pem"), file("server.key"), file("ca.pem"));
    let server = RedisServer::start_on(
        0,
        &[
            "--tls-port",
            &tls_port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
        ],
    );
    let url = format!("rediss://localhost:{port}");
    check_round_trip(&["--redis-url", &url], |command| {
        command.env("SSL_CERT_FILE", &ca);
    });
    server.cli(&["FLUSHALL"]);
    check_round_trip(
        &["--redis-host", "localhost", "--redis-port", &tls_port, "--redis-secure"],
        |command| {
            command.env("SSL_CERT_FILE", &ca);
        },
    );
    check_round_trip(&["--redis-url", &format!("{url}#insecure")], |_| {});
    let up = upstream();
    let mut brink = Brink::start(&edge(&up.url(), &["-t", TOKEN, "--redis-url", &url]));
    brink.wait_for_log("Could not read the backup in the Redis");
    serves(&brink, TOKEN, &["old"]);
}

fn certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
    let key = KeyPair::generate().expect("a key");
    let server =
        CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters").signed_by(&key, &ca);
    fs::write(folder.join("ca.pem"), ca.pem()).expect("writable");
    fs::write(folder.join("server.pem"), server.expect("a certificate").pem()).expect("writable");
    fs::write(folder.join("server.key"), key.serialize_pem()).expect("writable");
}

#[test]
fn a_cluster_keeps_each_document_where_it_belongs() {
    let nodes: Vec<RedisServer> = (0..3)
        .map(|_| RedisServer::start(&["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]))
        .collect();
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let created = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&addresses)
        .args(["--cluster-replicas", "0", "--cluster-yes"])
        .stdout(Stdio::null())
        .status();
    assert!(created.expect("redis-cli is there: scripts/install installs it").success());
    let deadline = Instant::now() + PATIENCE;
    while !nodes.iter().all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
        assert!(Instant::now() < deadline, "the cluster does not form");
        thread::sleep(Duration::from_millis(20));
    }
    // One node is enough to find the others.
    let seeds = nodes.first().expect("three").url();
    check_round_trip(&["--redis-url", &seeds, "--redis-mode", "cluster"], |_| {});
    let places: Vec<String> = nodes.iter().map(|node| node.cli(&["KEYS", "*"])).collect();
    assert!(places.iter().filter(|keys| !keys.is_empty()).count() > 1, "{places:?}");
    let all: Vec<String> = nodes.iter().map(RedisServer::url).collect();
    check_round_trip(&["--redis-url", &all.join(","), "--redis-mode", "cluster"], |_| {});
}

/// A server that takes connections and says nothing.
fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

#[test]
fn a_silent_or_dead_redis_delays_nothing_beyond_its_limits() {
    let up = upstream();
    let (_listener, address) = silent();
    for url in [format!("redis://{address}"), "redis://127.0.0.1:1".to_owned()] {
        let started = Instant::now();
        let mut brink = Brink::start(&edge(&up.url(), &["-t", TOKEN, "--redis-url", &url]));
        serves(&brink, TOKEN, &["old"]);
        assert!(started.elapsed() < Duration::from_secs(6), "started in {:?}", started.elapsed());
        brink.wait_for_log("Could not read the backup");
        let asked = Instant::now();
        stop(brink);
        assert!(asked.elapsed() < Duration::from_secs(5), "stopped in {:?}", asked.elapsed());
    }
}

#[test]
fn a_redis_that_comes_late_still_gives_and_is_not_made_poorer() {
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let production = "*:production.s3cret-of-production-001";
    let closed = ClosedPort::reserve();
    let mut brink =
        Brink::start(&edge(&closed.url(), &["-t", &format!("{TOKEN},{production}"), "--redis-url", &url]));
    brink.wait_for_log("Could not read the backup");
    let _up = closed.open(prepare);
    serves(&brink, TOKEN, &["old"]);
    assert_eq!(features(&brink, production).status, 403, "upstream does not confirm it");

    let other = "*:staging.s3cret-of-staging-00000001";
    let redis = RedisServer::start_on(port, &[]);
    let stored =
        format!("[[\"development\",{}],[\"staging\",{}]]", document(&["older"]), document(&["kept"]));
    redis.cli(&["SET", "unleash-features", &stored]);
    let token = format!(
        r#"[{{"token":"{other}","type":"backend","environment":"staging","projects":["*"],"status":"Validated"}}]"#
    );
    redis.cli(&["SET", "unleash-tokens", &token]);
    brink.wait_for_log("Restored from the backup");
    assert_eq!(features(&brink, TOKEN).names(), ["old"], "upstream over the backup");
    let page = brink.get("/internal-backstage/features", &[]).json();
    assert_eq!(page["staging"]["features"][0]["name"], "kept");
    stop(brink);
    let written: serde_json::Value =
        serde_json::from_str(&redis.cli(&["GET", "unleash-features"])).expect("JSON");
    let names: Vec<&str> =
        written.as_array().expect("a list").iter().filter_map(|pair| pair[0].as_str()).collect();
    assert_eq!(names, ["development", "staging"]);
}

#[test]
fn a_backup_that_comes_late_takes_the_place_of_the_bootstrap_file() {
    let port = free_port();
    let file = file_of(document(&["of-the-file"]));
    let (url, file) = (format!("redis://127.0.0.1:{port}"), file.to_str().expect("a path"));
    let nobody = ClosedPort::reserve();
    let brink =
        Brink::start(&edge(&nobody.url(), &["-t", TOKEN, "--redis-url", &url, "--bootstrap-file", file]));
    serves(&brink, TOKEN, &["of-the-file"]);
    let redis = RedisServer::start_on(port, &[]);
    let stored = format!("[[\"development\",{}]]", document(&["of-the-backup"]));
    redis.cli(&["SET", "unleash-features", &stored]);
    serves(&brink, TOKEN, &["of-the-backup"]);
}

#[test]
fn a_url_without_sense_ends_the_start() {
    let url = "redis://:s3cret-of-redis@127.0.0.1/redis";
    let ended = run(&mut Brink::command(&edge("http://127.0.0.1:1", &["-t", TOKEN, "--redis-url", url])));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("--redis-url (REDIS_URL)") && !ended.stderr.contains("s3cret"),
        "{ended:?}"
    );
}

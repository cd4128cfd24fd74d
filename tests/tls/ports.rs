//! Which ports are open with TLS, what each is for, and the probes that ask over it.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
};

use super::{
    brink::{Brink, Client, Ended, run},
    scene::{Authority, BACKEND, FILE, Scene, VERSIONS, get, https},
};

/// The address in the line that says where this part listens.
fn address_of(brink: &mut Brink, line: &str) -> std::net::SocketAddr {
    let line = brink.wait_for_log(line);
    let address = line.split("traffic on ").nth(1).and_then(|rest| rest.split(' ').next());
    address.and_then(|text| text.parse().ok()).expect("the line names the address")
}

#[test]
fn without_redirects_only_the_https_port_is_open() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a free port");
    let scene = Scene::new(FILE, &["--port", &free.port().to_string()]);
    assert!(scene.log().contains("Edge is listening to TLS traffic on 127.0.0.1:"), "{}", scene.log());
    assert_ne!(scene.address, free);
    assert!(TcpStream::connect(free).is_err());
    assert_eq!(scene.https().exchange(get("")).status, 200);
}

#[test]
fn the_http_port_leads_to_the_https_port() {
    let mut scene = Scene::new(FILE, &["--redirect-http-to-https"]);
    let plain = address_of(&mut scene.brink, "The redirect is listening to HTTP traffic on ");
    let mut client = Client::connect(plain);
    let target = "/api/client/features?namePrefix=a";
    let answer = client.request("GET", target, &[("x-forwarded-host", "evil.example")]);
    let expected = format!("https://localhost:{}{target}", scene.address.port());
    assert_eq!((answer.status, answer.header("location")), (308, Some(&*expected)));
    let answer = client.exchange("GET / HTTP/1.1\r\n\r\n");
    assert_eq!((answer.status, &*answer.text()), (400, "No host found in request"));
    let answer =
        client.exchange(format!("POST {target} HTTP/1.1\r\nhost: [::1]:80\r\ncontent-length: 2\r\n\r\nab"));
    assert_eq!(answer.status, 308, "the connection is kept, and a body is read over");
    assert_eq!(client.request("GET", "/internal-backstage/health", &[]).status, 308);
    assert_eq!(scene.https().exchange(get("")).status, 200);
}

#[test]
fn the_backstage_port_speaks_tls_too() {
    let mut scene = Scene::new(FILE, &["--backstage-port", "0", "--redirect-http-to-https"]);
    let backstage = address_of(&mut scene.brink, "The backstage is listening to TLS traffic on ");
    let config = Arc::new(scene.authority.client(&VERSIONS));
    let info = "GET /internal-backstage/info HTTP/1.1\r\n\r\n";
    assert_eq!(https(backstage, &config).exchange(info).status, 200);
    assert_eq!(https(backstage, &config).exchange(get("")).status, 404);
    assert_eq!(scene.https().exchange(info).status, 404);
    assert_eq!(scene.https().exchange(get("")).status, 200);
}

#[test]
fn probes_trust_the_certificate_they_are_given() {
    let scene = Scene::small();
    let roots = scene.authority.text("ca.pem");
    let url = format!("https://localhost:{}", scene.address.port());
    let ask = |probe: &str, roots: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brink"));
        run(command.env_clear().args([probe, "-e", &url]).args(roots))
    };
    let good = |stdout: &str| Ended { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() };
    assert_eq!(ask("health", &["--ca-certificate-file", &roots]), good(""));
    assert_eq!(ask("ready", &["-c", &roots]), good("OK\n"));
    for probe in ["health", "ready"] {
        let ended = ask(probe, &[]);
        assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    }
    let other = Authority::new();
    let ended = ask("health", &["-c", &other.text("ca.pem")]);
    assert!(ended.code == Some(1) && ended.stderr.contains("certificate"), "{ended:?}");
}

#[test]
fn a_pair_of_files_serves_as_well() {
    let authority = Authority::new();
    let (certificate, key) = authority.leaf(1);
    authority.write("cert.pem", &certificate);
    authority.write("key.pem", &key);
    let (certificate, key) = (authority.text("cert.pem"), authority.text("key.pem"));
    let pair = ["--tls-server-cert", &*certificate, "--tls-server-key", &*key, "--tls-server-port", "0"];
    let brink = Brink::offline(FILE, &[&["-c", BACKEND, "--tls-enable"][..], &pair].concat());
    let config = Arc::new(authority.client(&VERSIONS));
    assert_eq!(https(brink.address, &config).exchange(get("")).names(), ["a"]);
}

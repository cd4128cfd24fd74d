//! The plain port of an HTTPS server: one answer to everything.

use super::*;

fn bench(trust: &ProxyTrust) -> Bench {
    let rules = Rules::new(&server(), trust, &Endpoints::default(), &Backstage::default());
    let mut bench = Bench::new(rules.on(&[Role::Api, Role::Redirect], 3043), Desk::edge);
    bench.apply(serving());
    bench.connection.set_port(1);
    bench
}

#[track_caller]
fn check(trust: &ProxyTrust, sent: &Sent<'_>, location: Option<&str>) {
    let answer = bench(trust).ask(sent);
    let headers: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    let found = (answer.status, answer.header("location"), &*answer.body);
    match location {
        Some(location) => {
            assert_eq!(found, (308, Some(location), ""), "{} {}", sent.method, sent.target);
            assert_eq!(headers, ["location", "content-length", "date"], "nothing else");
        }
        None => {
            assert_eq!(found, (400, None, "No host found in request"), "{:?}", sent.headers);
            assert_eq!(headers, ["content-type", "content-length", "date"], "nothing else");
        }
    }
}

fn with<'s>(target: &'s str, headers: &[(&'s str, &'s str)]) -> Sent<'s> {
    Sent { headers: headers.to_vec(), ..Sent::get(target) }
}

#[test]
fn path_and_query_stay_as_they_are() {
    let nobody = ProxyTrust::default();
    let host = ("host", "flags.example:3063");
    for (target, expected) in [
        ("/", "/"),
        ("//api//client/?a=%2F&b", "//api//client/?a=%2F&b"),
        ("/internal-backstage/health", "/internal-backstage/health"),
        ("/%zz?", "/%zz?"),
        ("*", "/"),
        ("http://other.example/path?query", "/path?query"),
    ] {
        check(&nobody, &with(target, &[host]), Some(&format!("https://flags.example:3043{expected}")));
    }
    for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PURGE"] {
        let sent = Sent { method, ..with(FEATURES, &[host]) };
        check(&nobody, &sent, Some("https://flags.example:3043/api/client/features"));
    }
}

#[test]
fn the_host_is_that_of_the_request_or_there_is_none() {
    let nobody = ProxyTrust::default();
    check(&nobody, &with("/", &[("host", "[::1]:3063")]), Some("https://[::1]:3043/"));
    check(&nobody, &with("/", &[("Host", "10.0.0.1")]), Some("https://10.0.0.1:3043/"));
    check(&nobody, &with("/", &[]), None);
    check(&nobody, &with("/", &[("host", "")]), None);
    check(&nobody, &with("/", &[("host", "evil.example/x?")]), None);
}

#[test]
fn only_a_trusted_proxy_names_another_host() {
    let host = ("host", "flags.example");
    let forwarded = ("forwarded", "for=1.2.3.4;host=other.example");
    let x_forwarded = ("x-forwarded-host", "third.example, other.example:80");
    let trust = |enabled, servers: &[&str]| ProxyTrust {
        enabled,
        servers: servers.iter().map(|net| net.parse().expect("a network")).collect(),
    };
    let ours = "https://flags.example:3043/";
    let theirs = "https://other.example:3043/";
    for header in [forwarded, x_forwarded] {
        for believes_nobody in
            [trust(false, &["203.0.113.0/24"]), trust(true, &[]), trust(true, &["10.0.0.0/8"])]
        {
            check(&believes_nobody, &with("/", &[host, header]), Some(ours));
        }
        check(&trust(true, &["203.0.113.0/24"]), &with("/", &[host, header]), Some(theirs));
        check(&trust(true, &["203.0.113.0/24"]), &with("/", &[header]), Some(theirs));
    }
    let bad = [host, ("forwarded", "host=\"a b\""), ("x-forwarded-host", "/")];
    check(&trust(true, &["203.0.113.0/24"]), &with("/", &bad), Some(ours));
}

#[test]
fn the_other_port_serves_as_ever() {
    let mut bench = bench(&ProxyTrust::default());
    bench.connection.set_port(0);
    assert_eq!(bench.ask(&Sent::features(&[])).status, 200);
}

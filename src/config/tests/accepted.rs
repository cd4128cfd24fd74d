//! Rows that are accepted: one field of the configuration after the line and the variables.

use std::fmt::Debug;

use super::run;
use crate::{
    config::settings::{Backup, Config, Edge, Mode, Offline, Opening, Prepare, Probe},
    tokens::token::Token,
};

pub(super) const EDGE: &str = "edge -u http://u";
const OFFLINE: &str = "offline -b f -c x";

fn config(line: &str, variables: &[&str]) -> Config {
    run(line, variables).unwrap_or_else(|exit| panic!("{line} {variables:?}: {}", exit.stderr()))
}

pub(super) fn edge(config: Config) -> Edge {
    match config.mode {
        Mode::Edge(edge) => *edge,
        other => panic!("{other:?}"),
    }
}

fn offline(config: Config) -> Offline {
    match config.mode {
        Mode::Offline(offline) => offline,
        other => panic!("{other:?}"),
    }
}

fn prepare(config: Config) -> Prepare {
    match config.mode {
        Mode::Prepare(prepare) => *prepare,
        other => panic!("{other:?}"),
    }
}

fn probe(config: Config) -> Probe {
    match config.mode {
        Mode::Health(probe) | Mode::Ready(probe) => probe,
        other => panic!("{other:?}"),
    }
}

/// The start-up tokens as they may be printed.
fn masked(edge: Edge) -> Vec<String> {
    edge.tokens.iter().map(Token::to_string).collect()
}

/// `debug` is the `Debug` text of the field.
pub(super) fn check<T: Debug>(line: &str, variables: &[&str], field: impl Fn(Config) -> T, debug: &str) {
    assert_eq!(format!("{:?}", field(config(line, variables))), debug, "{line} {variables:?}");
}

/// The option before the command, after it, and its variable all do the same.
fn everywhere<T: Debug>(long: &str, value: &str, field: impl Fn(Config) -> T, debug: &str) {
    let name = long.to_ascii_uppercase().replace('-', "_");
    let quoted = value.replace(' ', "\u{a0}");
    check(&format!("--{long}={quoted} {EDGE}"), &[], &field, debug);
    check(&format!("{EDGE} --{long}={quoted}"), &[], &field, debug);
    check(&format!("{OFFLINE} --{long}={quoted}"), &[], &field, debug);
    check(EDGE, &[&format!("{name}={value}")], &field, debug);
}

/// An option of `edge` and its variable do the same.
fn on_edge<T: Debug>(long: &str, value: &str, field: impl Fn(Edge) -> T, debug: &str) {
    let name = long.to_ascii_uppercase().replace('-', "_");
    let field = |config| field(edge(config));
    check(&format!("{EDGE} --{long}={value}"), &[], field, debug);
    check(EDGE, &[&format!("{name}={value}")], field, debug);
}

#[test]
fn defaults() {
    check(EDGE, &[], |c| c.server.interface, "::");
    check(EDGE, &[], |c| c.server.port, "3063");
    check(EDGE, &[], |c| c.server.base_path, "\"\"");
    check(EDGE, &[], |c| c.server.workers, "None");
    check(EDGE, &[], |c| c.server.request_timeout, "Some(5s)");
    check(EDGE, &[], |c| c.server.keepalive_timeout, "15s");
    check(EDGE, &[], |c| c.server.auth_header, "\"authorization\"");
    let cors = "Cors { origins: None, allowed_headers: None, exposed_headers: None, methods: None, max_age_s: 172800 }";
    check(EDGE, &[], |c| c.server.cors, cors);
    check(EDGE, &[], |c| c.stopping, "Stopping { drain_delay: 0ns, timeout: 10s }");
    check(EDGE, &[], |c| (c.instance.app_name, c.instance.client_id), r#"("unleash-edge", "self-hosted")"#);
    check(EDGE, &[], |c| c.instance.instance_id.len(), "26");
    check(EDGE, &[], |c| c.log_format, "Plain");
    check(EDGE, &[], |c| (c.tls, c.proxy_trust.enabled, c.backstage.address), "(None, false, None)");
    check(EDGE, &[], |c| edge(c).features_refresh_interval, "15s");
    check(EDGE, &[], |c| edge(c).token_revalidation_interval, "3600s");
    check(EDGE, &[], |c| edge(c).metrics_interval, "60s");
    check(EDGE, &[], |c| edge(c).fetching, "Polling");
    check(EDGE, &[], |c| edge(c).upstream.connect_timeout, "5s");
    check(EDGE, &[], |c| edge(c).upstream.socket_timeout, "5s");
    check(EDGE, &[], |c| edge(c).upstream.keepalive_timeout, "15s");
    check(EDGE, &[], |c| edge(c).upstream.auth_header, "\"authorization\"");
    check(OFFLINE, &[], |c| offline(c).reload_interval, "None");
}

#[test]
fn options_of_the_whole_program() {
    everywhere("port", "0", |c| c.server.port, "0");
    everywhere("interface", "127.0.0.1", |c| c.server.interface, "127.0.0.1");
    for path in ["foo", "/foo", "/foo/", " //foo// "] {
        everywhere("base-path", path, |c| c.server.base_path, "\"/foo\"");
    }
    everywhere("base-path", "/", |c| c.server.base_path, "\"\"");
    everywhere("workers", "3", |c| c.server.workers, "Some(3)");
    everywhere("workers", "0", |c| c.server.workers, "None");
    everywhere(
        "cors-origin",
        "http://a, http://b",
        |c| c.server.cors.origins,
        r#"Some(["http://a", "http://b"])"#,
    );
    everywhere("cors-origin", "http://a, * ", |c| c.server.cors.origins, "None");
    everywhere(
        "cors-allowed-headers",
        "x-a,b@d,x-b",
        |c| c.server.cors.allowed_headers,
        r#"Some("x-a,x-b")"#,
    );
    everywhere("cors-allowed-headers", "b@d", |c| c.server.cors.allowed_headers, r#"Some("")"#);
    everywhere("cors-exposed-headers", "etag", |c| c.server.cors.exposed_headers, r#"Some("etag")"#);
    everywhere("cors-max-age", "7", |c| c.server.cors.max_age_s, "7");
    everywhere("cors-methods", "GET,POST", |c| c.server.cors.methods, r#"Some("GET,POST")"#);
    everywhere(
        "allow-list",
        "10.0.0.0/8,192.168.0.1,::1",
        |c| c.server.allow,
        "[10.0.0.0/8, 192.168.0.1/32, ::1/128]",
    );
    everywhere("deny-list", "10.0.0.0/8", |c| c.server.deny, "[10.0.0.0/8]");
    everywhere("instance-id", "me", |c| c.instance.instance_id, "\"me\"");
    everywhere("client-id", "me", |c| c.instance.client_id, "\"me\"");
    everywhere("app-name", "me", |c| c.instance.app_name, "\"me\"");
    everywhere("trust-proxy", "true", |c| c.proxy_trust.enabled, "true");
    everywhere("proxy-trusted-servers", "10.0.0.1", |c| c.proxy_trust.servers, "[10.0.0.1/32]");
    everywhere("edge-request-timeout", "9", |c| c.server.request_timeout, "Some(9s)");
    everywhere("edge-request-timeout", "0", |c| c.server.request_timeout, "None");
    everywhere("edge-keepalive-timeout", "5", |c| c.server.keepalive_timeout, "5s");
    everywhere("log-format", "JSON", |c| c.log_format, "Json");
    everywhere("log-format", "pretty", |c| c.log_format, "Pretty");
    everywhere("edge-auth-header", "X-Token", |c| c.server.auth_header, "\"x-token\"");
    everywhere("drain-delay", "4", |c| c.stopping.drain_delay, "4s");
    everywhere("shutdown-timeout", "4", |c| c.stopping.timeout, "4s");
    everywhere("backstage-port", "4000", |c| c.backstage.address, "Some([::]:4000)");
    everywhere("backstage-token", "hunter2", |c| c.backstage.token, "Some(****)");
    everywhere("otel-exporter-otlp-endpoint", "http://o", |c| c.otlp.map(|o| o.protocol), "Some(Grpc)");
    everywhere("otel-collector-url", "http://o", |c| c.otlp.map(|o| o.endpoint), "Some(http://o/)");
    everywhere("otel-traces-share", "1", |c| c.otlp.is_none(), "true");
    check(
        &format!("{EDGE} --otel-exporter-otlp-endpoint http://o --otel-traces-share 0.5"),
        &[],
        |c| c.otlp.map(|o| o.spans),
        "Some(Share(0.5))",
    );
    check(EDGE, &["OTEL_EXPORTER_OTLP_ENDPOINT=http://o"], |c| c.otlp.map(|o| o.spans), "Some(Share(0.01))");
    everywhere("access-log", "0.25", |c| c.access_log, "Share(0.25)");
    check(EDGE, &[], |c| c.access_log, "Share(0.0)");
    for ignored in ["sentry-dsn=x", "sentry-tracing-rate=x", "sentry-debug=x", "datadog-url=x"] {
        check(&format!("--{ignored} {EDGE}"), &[], |c| c.notices, "[]");
    }
}

#[test]
fn headers_of_telemetry() {
    let headers = |c: Config| c.otlp.map(|o| (o.headers.traces, o.headers.logs, o.headers.metrics));
    let exposed = |c: Config| {
        let logs = c.otlp.map(|o| o.headers.logs).unwrap_or_default();
        logs.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect::<Vec<_>>()
    };
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://o";
    let all = "OTEL_EXPORTER_OTLP_HEADERS=X-Key=hunter2 , x-b=1";
    check(
        EDGE,
        &[
            endpoint,
            all,
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-t=1",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS=x-b=2",
        ],
        headers,
        r#"Some(([("x-key", ****), ("x-b", ****), ("x-t", ****)], [("x-key", ****), ("x-b", ****)], [("x-key", ****), ("x-b", ****)]))"#,
    );
    let own = "OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=Basic%20YQ==";
    check(EDGE, &[endpoint, all, own], exposed, r#"["x-b=1", "x-key=Basic YQ=="]"#);
}

#[test]
fn optional_routes() {
    for (name, served) in [
        ("all-endpoint", (|c| c.endpoints.all) as fn(Config) -> bool),
        ("metrics-batch-endpoint", |c| c.endpoints.metrics_batch),
        ("metrics-endpoint", |c| c.endpoints.metrics),
        ("features-endpoint", |c| c.endpoints.features),
        ("tokens-endpoint", |c| c.endpoints.tokens),
        ("instance-data-endpoint", |c| c.endpoints.instance_data),
        ("openapi", |c| c.endpoints.openapi),
    ] {
        check(EDGE, &[], served, "true");
        everywhere(&format!("disable-{name}"), "true", served, "false");
    }
}

#[test]
fn short_names_belong_to_the_command_that_uses_them() {
    check("-p 1 -i 127.0.0.1 -w 2 -a me -l json -b foo edge -u http://u", &[], |c| c.server.port, "1");
    check(&format!("-b foo {EDGE}"), &[], |c| c.server.base_path, "\"/foo\"");
    check(&format!("{OFFLINE} -p 1"), &[], |c| c.server.port, "1");
    check(
        &format!("{EDGE} -p a:b.c"),
        &[],
        |c| (c.server.port, edge(c).pretrusted_tokens.len()),
        "(3063, 1)",
    );
    check(&format!("{EDGE} -b foo"), &[], |c| edge(c).backup, r#"Some(Folder("foo"))"#);
    check("offline -b foo -c x", &[], |c| offline(c).bootstrap_file, "\"foo\"");
}

#[test]
fn the_later_of_two_places_wins_and_the_command_line_beats_the_variable() {
    check(&format!("--port 1 {EDGE} --port 2"), &["PORT=3"], |c| c.server.port, "2");
    check(&format!("--port 1 {EDGE}"), &["PORT=3"], |c| c.server.port, "1");
    check(EDGE, &["PORT=3"], |c| c.server.port, "3");
    check(&format!("--trust-proxy=false {EDGE}"), &["TRUST_PROXY=true"], |c| c.proxy_trust.enabled, "false");
}

#[test]
fn booleans() {
    for (value, expected) in
        [("true", "true"), ("1", "true"), ("YES", "true"), ("on", "true"), ("t", "true"), ("y", "true")]
            .into_iter()
            .chain([
                ("false", "false"),
                ("0", "false"),
                ("No", "false"),
                ("off", "false"),
                ("f", "false"),
                ("n", "false"),
            ])
            .chain([("", "false"), (" ", "false")])
    {
        check(EDGE, &[&format!("TRUST_PROXY={value}")], |c| c.proxy_trust.enabled, expected);
    }
    check(&format!("--trust-proxy {EDGE}"), &[], |c| c.proxy_trust.enabled, "true");
    check(&format!("{EDGE} --trust-proxy"), &[], |c| c.proxy_trust.enabled, "true");
    check(&format!("{EDGE} --trust-proxy=FALSE"), &[], |c| c.proxy_trust.enabled, "false");
}

#[test]
fn lists_drop_empty_elements_and_blank_variables_are_not_set() {
    let tokens = |c| masked(edge(c));
    check(&format!("{EDGE} -t a:b.c,,\u{a0}d:e.f, -t a:b.c"), &[], tokens, r#"["a:b.****", "d:e.****"]"#);
    check(EDGE, &["TOKENS="], tokens, "[]");
    check(EDGE, &["TOKENS=,"], tokens, "[]");
    check(EDGE, &["TOKENS= a:b.c , d:e.f"], tokens, r#"["a:b.****", "d:e.****"]"#);
    check(EDGE, &["PORT=", "LOG_FORMAT=", "REDIS_URL="], |c| c.server.port, "3063");
}

#[test]
fn a_leading_blank_is_trimmed() {
    for line in
        ["edge -u \u{a0}http://u", "edge -u\u{a0}http://u", "edge --upstream-url=\u{a0}http://u\u{a0}"]
    {
        check(line, &[], |c| edge(c).upstream.url.to_string(), "\"http://u/\"");
    }
    check(&format!("{EDGE} -b\u{a0}/tmp/x"), &[], |c| edge(c).backup, r#"Some(Folder("/tmp/x"))"#);
}

#[test]
fn header_options() {
    check(&format!("--token-header X-T {EDGE}"), &[], |c| c.server.auth_header, "\"x-t\"");
    check(EDGE, &["TOKEN_HEADER=X-T"], |c| edge(c).upstream.auth_header, "\"x-t\"");
    check(&format!("{EDGE} --upstream-auth-header X-U"), &[], |c| edge(c).upstream.auth_header, "\"x-u\"");
    check(
        &format!("{EDGE} -H X-A:\u{a0}1,x-b:a:b -H x-a:2"),
        &[],
        |c| edge(c).upstream.custom_headers,
        r#"[("x-a", "2"), ("x-b", "a:b")]"#,
    );
}

#[test]
fn options_of_edge() {
    for (url, expected) in [
        ("http://h:4242", "http://h:4242/"),
        ("http://h/", "http://h/"),
        ("http://h//", "http://h/"),
        ("https://h/base//", "https://h/base"),
        ("http://h/base/api", "http://h/base/api"),
        ("http://h/base/?a=b#c", "http://h/base"),
    ] {
        check(&format!("edge -u {url}"), &[], |c| edge(c).upstream.url.to_string(), &format!("{expected:?}"));
        check(
            "edge",
            &[&format!("UPSTREAM_URL={url}")],
            |c| edge(c).upstream.url.to_string(),
            &format!("{expected:?}"),
        );
    }
    on_edge("metrics-interval-seconds", "7", |e| e.metrics_interval, "7s");
    on_edge("features-refresh-interval-seconds", "0", |e| e.features_refresh_interval, "1s");
    on_edge("token-revalidation-interval-seconds", "7", |e| e.token_revalidation_interval, "7s");
    on_edge("tokens", "a:b.c", masked, r#"["a:b.****"]"#);
    on_edge(
        "pretrusted-tokens",
        "a@b",
        |e| {
            e.pretrusted_tokens.iter().map(|t| (t.secret().to_owned(), t.scope().clone())).collect::<Vec<_>>()
        },
        r#"[("a", Scope { environment: Some("b"), projects: All })]"#,
    );
    on_edge("skip-ssl-verification", "true", |e| e.upstream.skip_ssl_verification, "true");
    on_edge("upstream-certificate-file", "ca", |e| e.upstream.certificate_file, r#"Some("ca")"#);
    on_edge("upstream-request-timeout", "7", |e| e.upstream.connect_timeout, "7s");
    on_edge("upstream-socket-timeout", "7", |e| e.upstream.socket_timeout, "7s");
    on_edge("client-keepalive-timeout", "7", |e| e.upstream.keepalive_timeout, "7s");
    on_edge("bootstrap-file", "f", |e| e.bootstrap_file, r#"Some("f")"#);
    on_edge("backup-folder", "f", |e| e.backup, r#"Some(Folder("f"))"#);
    on_edge("streaming", "true", |e| e.fetching, "Streaming");
    on_edge("delta", "true", |e| e.fetching, "Delta");
    on_edge("pem-cert-file", "f", |e| e.upstream.identity, r#"Some(Pem { file: "f" })"#);
    on_edge(
        "prometheus-remote-write-url",
        "http://u:hunter2@p/w",
        |e| e.remote_write.map(|r| (r.url, r.interval)),
        "Some((http://u:****@p/w, 60s))",
    );
    check(&format!("{EDGE} --backup_folder f"), &[], |c| edge(c).backup, r#"Some(Folder("f"))"#);
    check(EDGE, &["EDGE_DEFER_TOKEN_VALIDATION=1"], |c| edge(c).defer_token_validation, "true");
    check(EDGE, &["EDGE_DEFER_TOKEN_VALIDATION=maybe"], |c| edge(c).defer_token_validation, "false");
    check(
        EDGE,
        &["EDGE_HOSTING=Hosted", "AWS_REGION=eu"],
        |c| (c.instance.hosted, c.instance.region),
        r#"(true, Some("eu"))"#,
    );
    check(EDGE, &["EDGE_HOSTING=else"], |c| c.instance.hosted, "false");
}

#[test]
fn client_identities() {
    let identity = |c| edge(c).upstream.identity;
    let pkcs8 = "--pkcs8-client-certificate-file c --pkcs8-client-key-file k";
    let pkcs12 = "--pkcs12-identity-file p --pkcs12-passphrase hunter2";
    let pair = r#"Some(Pkcs8 { certificate_file: "c", key_file: "k" })"#;
    check(&format!("{EDGE} {pkcs8}"), &[], identity, pair);
    check(&format!("{EDGE} {pkcs8} --pem-cert-file f"), &[], identity, pair);
    check(
        &format!("{EDGE} {pkcs8} {pkcs12}"),
        &["PEM_CERT_FILE=f"],
        identity,
        r#"Some(Pkcs12 { file: "p", passphrase: **** })"#,
    );
    check(&format!("{EDGE} f.pem"), &[], identity, r#"Some(Pem { file: "f.pem" })"#);
    check(&format!("{EDGE} -s f.pem"), &[], |c| edge(c).upstream.skip_ssl_verification, "true");
}

fn redis_urls(config: Config) -> Vec<String> {
    match edge(config).backup {
        Some(Backup::Redis(redis)) => redis.urls.iter().map(|url| url.expose().to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn redis() {
    for (options, expected) in [
        ("--redis-url redis://h", "redis://h"),
        ("-r redis://h", "redis://h"),
        ("--redis-url redis://h:1/3", "redis://h:1/3"),
        ("--redis-url redis://h:1/3 --redis-port 2", "redis://h:2/3"),
        ("--redis-url redis://h --redis-username u --redis-password p", "redis://u:p@h"),
        ("--redis-url redis://h --redis-secure", "rediss://h"),
        ("--redis-host h", "redis://h"),
        ("--redis-host h --redis-port 2 --redis-scheme TLS", "rediss://h:2"),
        ("--redis-host h --redis-scheme tcp", "redis://h"),
        ("--redis-host h --redis-scheme redis-unix", "redis+unix://h"),
        ("--redis-host h --backup-folder f", "redis://h"),
        ("--redis-url unix:///run/redis.sock", "unix:///run/redis.sock"),
        (
            "--redis-url unix:///run/redis.sock?db=3&pass=old --redis-username u --redis-password p/&",
            "unix:///run/redis.sock?db=3&user=u&pass=p%2F%26",
        ),
    ] {
        check(&format!("{EDGE} {options}"), &[], redis_urls, &format!("[{expected:?}]"));
    }
    check(
        &format!("{EDGE} --redis-url redis://u:hunter2@a,redis://b --redis-mode Cluster"),
        &["REDIS_READ_CONNECTION_TIMEOUT_MILLISECONDS=7"],
        |c| edge(c).backup,
        "Some(Redis(Redis { urls: [redis://u:****@a, redis://b], mode: Cluster, read_timeout: 7ms, write_timeout: 2s }))",
    );
}

#[test]
fn s3() {
    check(
        &format!("{EDGE} --s3-bucket-name x --s3-force-path-style"),
        &[],
        |c| edge(c).backup,
        r#"Some(S3 { bucket: "x", force_path_style: true })"#,
    );
    check(&format!("{EDGE} --s3-bucket-name x"), &["REDIS_URL="], |c| edge(c).backup.is_some(), "true");
}

#[test]
fn server_tls() {
    let pair = "--tls-enable --tls-server-cert c --tls-server-key k";
    check(
        &format!("{pair} --redirect-http-to-https {EDGE}"),
        &["TLS_SERVER_PORT=1"],
        |c| c.tls,
        r#"Some(ServerTls { port: 1, files: Pair { certificate: "c", key: "k" }, redirect: true })"#,
    );
    check(
        &format!("{EDGE} --tls-server-config f"),
        &[],
        |c| c.tls,
        r#"Some(ServerTls { port: 3043, files: Single("f"), redirect: false })"#,
    );
    check(&format!("--tls-server-cert c {EDGE}"), &[], |c| c.tls, "None");
    check(&format!("--redirect-http-to-https {EDGE}"), &[], |c| c.notices.len(), "1");
}

#[test]
fn options_of_offline() {
    check(
        "offline -b f -c a,b -f c -t d -r 7",
        &[],
        offline,
        "Offline { bootstrap_file: \"f\", client_tokens: [****, ****], frontend_tokens: [****], tokens: [****], \
         reload_interval: Some(7s), token_files: OfflineTokenFiles { client_tokens: None, frontend_tokens: None, \
         tokens: None } }",
    );
    check(
        "offline",
        &["BOOTSTRAP_FILE=f", "CLIENT_TOKENS=a", "FRONTEND_TOKENS=b", "TOKENS=c", "RELOAD_INTERVAL=0"],
        |c| offline(c).reload_interval,
        "None",
    );
    for option in ["--tokens", "--client-tokens", "--frontend-tokens"] {
        check(&format!("offline -b f {option} x --port 3063"), &[], |c| c.server.port, "3063");
    }
    check(OFFLINE, &["UPSTREAM_URL=junk", "METRICS_INTERVAL_SECONDS=junk"], |c| c.notices.len(), "0");
}

#[test]
fn options_of_prepare() {
    let line = "offline prepare -u http://u -t a:b.c";
    check(line, &[], |c| (prepare(c).tokens.len(),), "(1,)");
    check(line, &[], |c| prepare(c).output, "None");
    check(&format!("{line} -o -"), &[], |c| prepare(c).output, "None");
    check(&format!("{line} --output f -H a:b"), &[], |c| prepare(c).output, r#"Some("f")"#);
    check(
        "offline prepare",
        &["UPSTREAM_URL=http://u", "TOKENS=a:b.c"],
        |c| prepare(c).upstream.url.to_string(),
        "\"http://u/\"",
    );
}

#[test]
fn options_of_probes() {
    for command in ["health", "ready"] {
        check(
            command,
            &[],
            probe,
            r#"Probe { edge_url: "http://localhost:3063", ca_certificate_file: None }"#,
        );
        check(
            &format!("{command} -e http://h/base -c ca --port 1"),
            &[],
            probe,
            r#"Probe { edge_url: "http://h/base", ca_certificate_file: Some("ca") }"#,
        );
        check(
            command,
            &["EDGE_URL=http://e", "CA_CERTIFICATE_FILE=f"],
            |c| probe(c).edge_url,
            "\"http://e\"",
        );
        let other = format!("{command} --tls-enable --interface localhost");
        check(&other, &[], |c| c.tls.is_none(), "true");
    }
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let tokens = file("tokens", "a:b.c\nd:e.f,\n\ng:h.i\r\n");
    check(EDGE, &[&format!("TOKENS_FILE={tokens}")], |c| edge(c).tokens.len(), "3");
    check(
        &format!("{EDGE} --pretrusted-tokens-file {tokens}"),
        &[],
        |c| edge(c).pretrusted_tokens.len(),
        "3",
    );
    for name in ["TOKENS_FILE", "CLIENT_TOKENS_FILE", "FRONTEND_TOKENS_FILE"] {
        check("offline -b f", &[&format!("{name}={tokens}")], |c| c.notices.len(), "0");
    }
    let password = file("password", " hunter2\n");
    check(
        &format!("{EDGE} -r redis://h"),
        &[&format!("REDIS_PASSWORD_FILE={password}")],
        redis_urls,
        r#"["redis://:%20hunter2@h"]"#,
    );
    check(
        EDGE,
        &[&format!("BACKSTAGE_TOKEN_FILE={password}")],
        |c| c.backstage.token.map(|t| t.expose().to_owned()),
        r#"Some(" hunter2")"#,
    );
    let hmac = format!("UNLEASH_CLIENT_SECRET_FILE={password}");
    check(
        EDGE,
        &[&hmac, "DESIRED_ENVIRONMENTS=a,b"],
        |c| edge(c).hmac,
        r#"Some(Hmac { secret: ****, environments: ["a", "b"], projects: ["*"] })"#,
    );
    let passphrase = format!("PKCS12_PASSPHRASE_FILE={password}");
    check(
        EDGE,
        &[&passphrase, "PKCS12_IDENTITY_FILE=p"],
        |c| edge(c).upstream.identity,
        r#"Some(Pkcs12 { file: "p", passphrase: **** })"#,
    );
}

#[test]
fn what_is_ignored_for_good_is_said_if_it_matters() {
    check(&format!("{EDGE} --delta-diff"), &[], |c| c.notices, r#"["--delta-diff (DELTA_DIFF) is ignored"]"#);
    check(
        &format!("{EDGE} --consumption --desired-projects x --prometheus-user-id x"),
        &[],
        |c| c.notices,
        "[]",
    );
}

#[test]
fn ports_follow_from_tls_and_the_backstage() {
    let says = |line: &str, expected: &[&str]| {
        let opened = |c: Config| {
            let text = |one: &Opening| {
                format!("{:?} {} {}", one.role, one.address, if one.tls { "https" } else { "http" })
            };
            c.openings().iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(opened(config(&format!("{EDGE} {line}"), &[])), expected, "{line}");
    };
    says("", &["Api [::]:3063 http"]);
    says("--tls-server-port 1 --redirect-http-to-https", &["Api [::]:3063 http"]);
    says("--tls-server-config f", &["Api [::]:3043 https"]);
    says("--port 80 --backstage-port 81", &["Api [::]:80 http", "Backstage [::]:81 http"]);
    says(
        "-i 127.0.0.1 --tls-enable --tls-server-cert c --tls-server-key k --backstage-port 81 --tls-server-port 443 \
         --redirect-http-to-https --port 80",
        &["Api 127.0.0.1:443 https", "Backstage 127.0.0.1:81 https", "Redirect 127.0.0.1:80 http"],
    );
}

#[test]
fn nothing_secret_is_in_the_debug_text() {
    let line = format!(
        "{EDGE} -t a:b.hunter2 -p hunter2@x -H cookie:hunter2 --redis-url redis://u:hunter2@h \
         --pkcs12-identity-file p --pkcs12-passphrase hunter2 --prometheus-remote-write-url http://p \
         --prometheus-username u --prometheus-password hunter2 --unleash-client-secret hunter2 \
         --desired-environments e --backstage-token hunter2 --otel-exporter-otlp-endpoint http://u:hunter2@h"
    );
    let text = format!("{:?}", config(&line, &["OTEL_EXPORTER_OTLP_HEADERS=api-key=hunter2"]));
    assert!(!text.contains("hunter2"), "{text}");
}

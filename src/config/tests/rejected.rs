//! Rows that end the program: exit code and texts.

use proptest::prelude::*;

use super::run;
use crate::config::Exit;

const EDGE: &str = "edge -u http://u";

fn exit(line: &str, variables: &[&str]) -> Exit {
    run(line, variables).map_or_else(|exit| exit, |_| panic!("accepted: {line} {variables:?}"))
}

/// A usage error: exit 2, and standard error begins with `error: ` and `text`.
fn usage(line: &str, variables: &[&str], text: &str) {
    let exit = exit(line, variables);
    let stderr = exit.stderr();
    assert_eq!((exit.code(), exit.stdout()), (2, ""), "{line} {variables:?}: {stderr}");
    assert!(stderr.starts_with(&format!("error: {text}")), "{line} {variables:?}: {stderr}");
    assert!(stderr.ends_with("\n\nFor more information, try '--help'.\n"), "{line} {variables:?}: {stderr}");
}

/// A start-up error: exit 1, and standard error is exactly this.
fn start_up(line: &str, variables: &[&str], stderr: &str) {
    let exit = exit(line, variables);
    assert_eq!(exit.stderr(), format!("Error: {stderr}\n"), "{line} {variables:?}");
    assert_eq!((exit.code(), exit.stdout()), (1, ""), "{line} {variables:?}");
}

fn answer(line: &str, variables: &[&str]) -> String {
    let exit = exit(line, variables);
    assert_eq!((exit.code(), exit.stderr().as_str()), (0, ""), "{line} {variables:?}");
    exit.stdout().to_owned()
}

#[test]
fn help_and_version() {
    assert_eq!(answer("--version", &[]), concat!("brink ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(answer("-V", &[]), answer("--version", &[]));
    assert_eq!(answer("help", &[]), answer("--help", &[]));
    assert!(answer("-h", &[]).len() < answer("--help", &[]).len());
    assert!(answer("--help", &[]).contains("Usage: brink [OPTIONS] <COMMAND>"));
    for command in ["edge", "offline", "health", "ready"] {
        let text = answer(&format!("{command} --help"), &[]);
        assert!(text.contains(&format!("Usage: brink {command} [OPTIONS]")), "{text}");
        assert_eq!(answer(&format!("help {command}"), &[]), text);
    }
    assert!(answer("offline prepare -h", &[]).contains("Usage: brink offline prepare [OPTIONS]"));
    assert!(answer("edge -h", &[]).contains("[env: FEATURES_REFRESH_INTERVAL_SECONDS] [default: 15]"));
}

#[test]
fn no_command_gives_the_short_help_on_standard_error() {
    for (line, variables) in [("", [].as_slice()), ("--port 1", &[]), ("", &["PORT=1"])] {
        let exit = exit(line, variables);
        assert_eq!(exit.code(), 2, "{line}");
        assert_eq!(exit.stderr(), answer("-h", &[]), "{line}");
    }
}

#[test]
fn markdown_help() {
    let page = answer("--markdown-help", &[]);
    for line in ["--markdown-help edge -u http://x", "--markdown-help offline", "edge --markdown-help"] {
        assert_eq!(answer(line, &[]), page, "{line}");
    }
    assert_eq!(page.lines().next(), Some("# Command-Line Help for `unleash-edge`"));
    assert!(page.lines().filter(|line| line.starts_with("* `-")).count() > 90);
    assert!(page.contains("\n* `-u`, `--upstream-url <UPSTREAM_URL>` \u{2014} "));
    assert!(page.contains("\n**Usage:** `unleash-edge edge [OPTIONS] --upstream-url <UPSTREAM_URL>`\n"));
    assert!(!page.contains("--unleash-client-secret"));
}

#[test]
fn shares_and_headers_of_telemetry() {
    let share = "a number from 0 to 1 is needed";
    usage(
        "--access-log 2 edge -u http://u",
        &[],
        &format!("invalid value '2' for '--access-log <ACCESS_LOG>': {share}"),
    );
    let option = "--otel-traces-share <OTEL_TRACES_SHARE>";
    usage(EDGE, &["OTEL_TRACES_SHARE=x"], &format!("invalid value 'x' for '{option}': {share}"));
    let name = "OTEL_EXPORTER_OTLP_HEADERS";
    for (value, shown, reason) in [
        ("hunter2", "****", "headers are written <name>=<value>"),
        ("a b=hunter2", "a b=****", "not a legal header name"),
        ("a=hunter2%00", "a=****", "not a legal header value"),
    ] {
        let text = format!("invalid value '{shown}' for '{name}': {reason}");
        usage(EDGE, &[&format!("{name}={value}")], &text);
    }
    let option = "--otel-exporter-otlp-endpoint <OTEL_EXPORTER_OTLP_ENDPOINT>";
    let text = format!("invalid value '****' for '{option}': the scheme must be http or https");
    usage(EDGE, &["OTEL_EXPORTER_OTLP_ENDPOINT=ftp://u:hunter2@h"], &text);
}

#[test]
fn words_that_clap_refuses() {
    usage("--nonsense edge", &[], "unexpected argument '--nonsense' found");
    usage("nonsense", &[], "unrecognized subcommand 'nonsense'");
    usage("help nonsense", &[], "unrecognized subcommand 'nonsense'");
    usage("edge -u http://u --port", &[], "a value is required for '--port <PORT>' but none was supplied");
    usage("--port -1 edge", &[], "unexpected argument '-1' found");
    usage("offline -b f -c x y", &[], "unrecognized subcommand 'y'");
    usage("health -p 1 -u http://x", &[], "unexpected argument '-u' found");
}

#[test]
fn a_token_that_clap_quotes_is_masked() {
    usage("health *:dev.hunter2", &[], "unexpected argument '*:dev.****' found");
    let reason = "this is a token; write a list of tokens with commas\n";
    let text = format!("invalid value '*:dev.****' for '[PEM_FILE]': {reason}");
    usage(&format!("{EDGE} -t a:b.c *:dev.hunter2"), &[], &text);
    usage("offline -b f -c x *:dev.hunter2", &[], "unrecognized subcommand '*:dev.****'");
}

#[test]
fn values() {
    let both = |long: &str, value: &str, reason: &str| {
        let name = long.to_ascii_uppercase().replace('-', "_");
        let quoted = value.replace(' ', "\u{a0}");
        let text = format!("invalid value '{value}' for '--{long} <{name}>'{reason}\n");
        usage(&format!("{EDGE} --{long}={quoted}"), &[], &text);
        usage(&format!("--{long}={quoted} {EDGE}"), &[], &text);
        usage(EDGE, &[&format!("{name}={value}")], &format!("{text}  [environment variable: {name}]\n"));
    };
    both("port", "99999", ": 99999 is not in 0..=65535");
    both("port", "-1", ": -1 is not in 0..=65535");
    both("port", "http", ": invalid digit found in string");
    both("tls-server-port", "65536", ": 65536 is not in 0..=65535");
    both("workers", "many", ": invalid digit found in string");
    both("cors-max-age", "-1", ": invalid digit found in string");
    both("edge-request-timeout", "1s", ": invalid digit found in string");
    both("edge-keepalive-timeout", "1s", ": invalid digit found in string");
    both("drain-delay", "1s", ": invalid digit found in string");
    both("cors-methods", "b@d", ": Failed to format method: InvalidMethod");
    both("allow-list", "localhost", ": invalid IP address syntax");
    both("deny-list", "10.0.0.0/33", ": invalid IP address syntax");
    let proxy = ": needs to be a valid ip address (ipv4 or ipv6) or a valid cidr (ipv4 or ipv6)";
    both("proxy-trusted-servers", "here", proxy);
    both("log-format", "xml", "\n  [possible values: plain, json, pretty]");
    both("otel-exporter-otlp-protocol", "tcp", "\n  [possible values: grpc, http]");
    both("edge-auth-header", "b@d", ": invalid HTTP header name");
    both("upstream-auth-header", "b d", ": invalid HTTP header name");
    both("token-header", "b:d", ": invalid HTTP header name");
    both("app-name", "b\u{7}d", ": not a legal header value");
}

#[test]
fn booleans() {
    let text = "invalid value '2' for '--trust-proxy'\n  [possible values: true, false]\n";
    usage(EDGE, &["TRUST_PROXY=2"], text);
    usage(&format!("{EDGE} --trust-proxy=2"), &[], text);
}

#[test]
fn values_of_edge() {
    let check = |options: &str, text: &str| usage(&format!("{EDGE} {options}"), &[], text);
    check("-t badtoken", "invalid value '****' for '--tokens <TOKENS>': Could not parse edge token: ****\n");
    check(
        "-p badtoken",
        "invalid value '****' for '--pretrusted-tokens <PRETRUSTED_TOKENS>': Could not parse edge token: Trusted tokens \
         must either match the existing Unleash token format or they must be {string}@{environment}\n",
    );
    let headers = "for '--custom-client-headers <CUSTOM_CLIENT_HEADERS>'";
    check(
        "-H nocolon",
        &format!(
            "invalid value '****' {headers}: Please pass headers in the format <headername>:<headervalue>\n"
        ),
    );
    check("-H b@d:hunter2", &format!("invalid value 'b@d:****' {headers}: not a legal header name\n"));
    check("-m=-1", "invalid value '-1' for '--metrics-interval-seconds <METRICS_INTERVAL_SECONDS>': ");
    check(
        "--redis-mode many",
        "invalid value 'many' for '--redis-mode <REDIS_MODE>'\n  [possible values: single, cluster]",
    );
    check(
        "--redis-url hunter2",
        "invalid value '****' for '--redis-url <REDIS_URL>': relative URL without a base\n",
    );
    check(
        "--redis-url http://h",
        "invalid value '****' for '--redis-url <REDIS_URL>': the scheme must be one of ",
    );
    check("--redis-url redis://h --redis-port 0x1", "invalid value '0x1' for '--redis-port <REDIS_PORT>': ");
    check("--prometheus-remote-write-url x", "invalid value '****' for '--prometheus-remote-write-url <PROM");
}

#[test]
fn required_options() {
    let text = |option: &str| format!("the following required arguments were not provided:\n  {option}\n");
    usage("edge", &[], &text("--upstream-url <UPSTREAM_URL>"));
    usage("edge", &["UPSTREAM_URL="], &text("--upstream-url <UPSTREAM_URL>"));
    usage("offline prepare -t a:b.c", &[], &text("--upstream-url <UPSTREAM_URL>"));
    usage("offline prepare -u http://u", &[], &text("--tokens <TOKENS>"));
    usage(EDGE, &["S3_FORCE_PATH_STYLE=true"], &text("--s3-bucket-name <S3_BUCKET_NAME>"));
    usage(&format!("{EDGE} --backstage-interface ::1"), &[], &text("--backstage-port <BACKSTAGE_PORT>"));
    for option in ["--redis-password=hunter2", "--redis-username=u", "--redis-port=1", "--redis-secure"] {
        usage(&format!("{EDGE} {option}"), &[], &text("--redis-url <REDIS_URL>"));
    }
    let exit = exit("edge", &[]);
    assert!(exit.stderr().contains("\n\nUsage: brink edge [OPTIONS] --upstream-url <UPSTREAM_URL>\n\n"));
}

#[test]
fn conflicts() {
    let check = |options: &str, variables: &[&str], one: &str, other: &str| {
        let text = format!("the argument '{one}' cannot be used with '{other}'\n");
        usage(&format!("{EDGE} {options}"), variables, &text);
    };
    let (redis, folder) = ("--redis-url <REDIS_URL>", "--backup-folder <BACKUP_FOLDER>");
    check("--redis-url redis://h --backup-folder f", &[], redis, folder);
    check("", &["REDIS_URL=redis://h", "BACKUP_FOLDER=f"], redis, folder);
    check("-r redis://h", &["S3_BUCKET_NAME=x"], redis, "--s3-bucket-name <S3_BUCKET_NAME>");
    check("-b f", &["S3_BUCKET_NAME=x"], folder, "--s3-bucket-name <S3_BUCKET_NAME>");
    let token = "--token-header <TOKEN_HEADER>";
    check("--token-header a", &["EDGE_AUTH_HEADER=b"], token, "--edge-auth-header <EDGE_AUTH_HEADER>");
    check(
        "",
        &["TOKEN_HEADER=a", "UPSTREAM_AUTH_HEADER=b"],
        token,
        "--upstream-auth-header <UPSTREAM_AUTH_HEADER>",
    );
    check("-t a:b.c --strict", &["DYNAMIC=1"], "--strict", "--dynamic");
    check("-t a:b.c", &["TOKENS_FILE=f"], "--tokens <TOKENS>", "--tokens-file <TOKENS_FILE>");
    check("--pem-cert-file a b", &[], "--pem-cert-file <PEM_CERT_FILE>", "[PEM_FILE]");
    check(
        "--tls-server-config a --tls-server-key b",
        &[],
        "--tls-server-config <TLS_SERVER_CONFIG>",
        "--tls-server-key <TLS_SERVER_KEY>",
    );
}

#[test]
fn start_up_errors() {
    let edge = |options: &str, stderr: &str| start_up(&format!("{EDGE} {options}"), &[], stderr);
    edge(
        "--interface localhost",
        "Failed to parse server url: [Invalid IP address 'localhost': invalid IP address syntax]",
    );
    start_up("edge -u nonsense", &[], "Failed to parse server url: [relative URL without a base]");
    start_up("edge -u h:4242", &[], "Failed to parse server url: [the scheme must be http or https]");
    start_up(
        "edge -u http://me:hunter2@h",
        &[],
        "Failed to parse server url: [credentials in the URL are not supported, use --custom-client-headers]",
    );
    edge("--strict", "No tokens provided. Tokens must be specified");
    edge(
        "--tls-enable --tls-server-key k",
        "Could not configure TLS: No TLS server cert, set --tls-server-cert (TLS_SERVER_CERT)",
    );
    edge(
        "--tls-enable --tls-server-cert c",
        "Could not configure TLS: No TLS server key, set --tls-server-key (TLS_SERVER_KEY)",
    );
    edge("--pkcs12-passphrase hunter2", "Failed to build cert NoCertificateFiles");
    edge("--pkcs8-client-key-file k", "Failed to build cert NoCertificateFiles");
    edge(
        "--pkcs12-identity-file p",
        "Failed to build cert: --pkcs12-identity-file (PKCS12_IDENTITY_FILE) needs --pkcs12-passphrase (PKCS12_PASSPHRASE)",
    );
    edge(
        "--pkcs8-client-certificate-file c",
        "Failed to build cert: --pkcs8-client-certificate-file (PKCS8_CLIENT_CERTIFICATE_FILE) needs \
         --pkcs8-client-key-file (PKCS8_CLIENT_KEY_FILE)",
    );
    edge(
        "--tokens-file /nowhere/tokens",
        "Could not read /nowhere/tokens given with --tokens-file (TOKENS_FILE): No such file or directory (os error 2)",
    );
}

#[test]
fn start_up_errors_of_offline() {
    let no_tokens = "No tokens provided. Tokens must be specified when running in offline mode";
    start_up("offline -b f", &[], no_tokens);
    start_up("offline -b f", &["CLIENT_TOKENS=,"], no_tokens);
    start_up("offline -c x", &[], "No features file located");
    start_up("offline", &[], &format!("{no_tokens}\nError: No features file located"));
}

#[test]
fn one_start_up_token_per_environment_with_deltas() {
    let expected = "Only one token per environment is allowed in DELTA/STREAMING mode\n  \
                    environment a: projects *\n  environment b: projects p, q";
    let tokens = "-t q:b.1,*:a.1,p:b.2,x:a.2,z:c.1";
    start_up(&format!("{EDGE} {tokens} --delta"), &[], expected);
    start_up(&format!("{EDGE} {tokens}"), &["STREAMING=true"], expected);
    assert!(run(&format!("{EDGE} {tokens}"), &[]).is_ok());
}

#[test]
fn probes_care_for_usage_errors_only() {
    usage("health --port x", &[], "invalid value 'x' for '--port <PORT>'");
    assert!(run("ready --tls-enable --interface localhost", &[]).is_ok());
}

#[test]
fn all_problems_are_reported_at_once() {
    let line = "--port x --interface localhost edge -t a --strict --dynamic --delta=maybe";
    let stderr = exit(line, &["CORS_MAX_AGE=y"]).stderr();
    for part in [
        "'--port",
        "'--cors-max-age",
        "Invalid IP address",
        "--upstream-url",
        "'--tokens",
        "'--strict'",
        "'--delta'",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_eq!(stderr.matches("error: ").count(), 7, "{stderr}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is typed, parsing ends with a configuration or a text, and codes are 0, 1 or 2.
    #[test]
    fn any_line_has_a_defined_end(line in "(edge|offline|health)?( (-[a-zA-Z]|--port|--tokens|--redis-url|[a-z:/.@0-9-]{0,6})){0,6}") {
        if let Err(exit) = run(&line, &[]) {
            prop_assert!(exit.code() <= 2);
            prop_assert_eq!(exit.code() == 0, exit.stderr().is_empty());
        }
    }
}

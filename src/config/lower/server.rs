//! The options of the whole program (cli.md 2).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderName, Method};
use ipnet::IpNet;
use ulid::Ulid;
use url::Url;

use super::{
    headers::{self, AuthHeaders},
    reader::{Reader, boolean},
};
use crate::{
    config::{
        option::Opt,
        options::program as options,
        problem::{Problem, Reason},
        secret::SecretUrl,
        settings::{
            Backstage, Cors, Endpoints, Instance, ProxyTrust, Server, ServerTls, ServerTlsFiles, Stopping,
        },
    },
    tokens::mask::HIDDEN,
};

/// Keep-alive time when the option is not given: what clients of Unleash Edge 20.4 experience, whatever
/// its help says.
const KEEPALIVE_SECONDS_DEFAULT: u64 = 15;
const PORT_DEFAULT: u16 = 3063;
const TLS_PORT_DEFAULT: u16 = 3043;

pub fn server(reader: &mut Reader<'_>, auth_headers: &AuthHeaders) -> Server {
    let request_timeout = reader.seconds(&options::EDGE_REQUEST_TIMEOUT);
    let keepalive_timeout = if reader.given(&options::EDGE_KEEPALIVE_TIMEOUT) {
        reader.seconds(&options::EDGE_KEEPALIVE_TIMEOUT)
    } else {
        std::time::Duration::from_secs(KEEPALIVE_SECONDS_DEFAULT)
    };
    Server {
        interface: interface(reader, &options::INTERFACE).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        port: reader.port(&options::PORT).unwrap_or(PORT_DEFAULT),
        base_path: base_path(&reader.text(&options::BASE_PATH).unwrap_or_default()),
        workers: reader.parsed(&options::WORKERS).filter(|workers| *workers > 0),
        cors: cors(reader),
        allow: networks(reader, &options::ALLOW_LIST, "invalid IP address syntax"),
        deny: networks(reader, &options::DENY_LIST, "invalid IP address syntax"),
        request_timeout: (!request_timeout.is_zero()).then_some(request_timeout),
        keepalive_timeout,
        auth_header: auth_headers.edge.clone(),
    }
}

pub fn instance(reader: &mut Reader<'_>) -> Instance {
    let hosting = reader.text(&options::EDGE_HOSTING).unwrap_or_default();
    Instance {
        app_name: headers::value(reader, &options::APP_NAME).unwrap_or_default(),
        instance_id: headers::value(reader, &options::INSTANCE_ID)
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| Ulid::new().to_string()),
        client_id: reader.text(&options::CLIENT_ID).unwrap_or_default(),
        region: reader.text(&options::AWS_REGION),
        hosted: hosting.eq_ignore_ascii_case("hosted"),
    }
}

pub fn tls(reader: &mut Reader<'_>) -> Option<ServerTls> {
    reader.exclude(&options::TLS_SERVER_CONFIG, &options::TLS_SERVER_CERT);
    reader.exclude(&options::TLS_SERVER_CONFIG, &options::TLS_SERVER_KEY);
    let redirect = reader.flag(&options::REDIRECT_HTTP_TO_HTTPS);
    let port = reader.port(&options::TLS_SERVER_PORT).unwrap_or(TLS_PORT_DEFAULT);
    let enabled = reader.flag(&options::TLS_ENABLE);
    let single = reader.path(&options::TLS_SERVER_CONFIG);
    if !enabled && single.is_none() {
        if redirect {
            reader.notices.push("--redirect-http-to-https has no effect without --tls-enable".to_owned());
        }
        return None;
    }
    let files = match single {
        Some(file) => ServerTlsFiles::Single(file),
        None => tls_pair(reader)?,
    };
    Some(ServerTls { port, files, redirect })
}

fn tls_pair(reader: &mut Reader<'_>) -> Option<ServerTlsFiles> {
    let certificate = reader.path(&options::TLS_SERVER_CERT);
    let key = reader.path(&options::TLS_SERVER_KEY);
    if certificate.is_none() {
        let problem = Problem::ServerTls { what: "No TLS server cert", option: &options::TLS_SERVER_CERT };
        reader.problems.push(problem);
    }
    if key.is_none() {
        let problem = Problem::ServerTls { what: "No TLS server key", option: &options::TLS_SERVER_KEY };
        reader.problems.push(problem);
    }
    Some(ServerTlsFiles::Pair { certificate: certificate?, key: key? })
}

pub fn proxy_trust(reader: &mut Reader<'_>) -> ProxyTrust {
    let refusal = "needs to be a valid ip address (ipv4 or ipv6) or a valid cidr (ipv4 or ipv6)";
    ProxyTrust {
        enabled: reader.flag(&options::TRUST_PROXY),
        servers: networks(reader, &options::PROXY_TRUSTED_SERVERS, refusal),
    }
}

pub fn endpoints(reader: &mut Reader<'_>) -> Endpoints {
    Endpoints {
        all: !reader.flag(&options::DISABLE_ALL_ENDPOINT),
        metrics_batch: !reader.flag(&options::DISABLE_METRICS_BATCH_ENDPOINT),
        metrics: !reader.flag(&options::DISABLE_METRICS_ENDPOINT),
        features: !reader.flag(&options::DISABLE_FEATURES_ENDPOINT),
        tokens: !reader.flag(&options::DISABLE_TOKENS_ENDPOINT),
        instance_data: !reader.flag(&options::DISABLE_INSTANCE_DATA_ENDPOINT),
        openapi: !reader.flag(&options::DISABLE_OPENAPI),
    }
}

pub fn backstage(reader: &mut Reader<'_>, server: IpAddr) -> Backstage {
    let own = interface(reader, &options::BACKSTAGE_INTERFACE);
    let port = reader.port(&options::BACKSTAGE_PORT);
    if reader.given(&options::BACKSTAGE_INTERFACE) && !reader.given(&options::BACKSTAGE_PORT) {
        reader.problems.push(Problem::Missing { option: &options::BACKSTAGE_PORT });
    }
    Backstage {
        address: port.map(|port| SocketAddr::new(own.unwrap_or(server), port)),
        token: reader.secret(&options::BACKSTAGE_TOKEN, &options::BACKSTAGE_TOKEN_FILE),
    }
}

pub fn stopping(reader: &mut Reader<'_>) -> Stopping {
    Stopping {
        drain_delay: reader.seconds(&options::DRAIN_DELAY),
        timeout: reader.seconds(&options::SHUTDOWN_TIMEOUT),
    }
}

/// `EDGE_DEFER_TOKEN_VALIDATION`; a word that is no boolean is false, as in Unleash Edge 20.4.
pub fn defers_token_validation(reader: &mut Reader<'_>) -> bool {
    let text = reader.text(&options::EDGE_DEFER_TOKEN_VALIDATION);
    text.and_then(|text| boolean(&text)).unwrap_or(false)
}

/// A URL that may hold credentials, and is therefore not shown when it is none.
pub fn secret_url(reader: &mut Reader<'_>, option: &'static Opt) -> Option<SecretUrl> {
    let text = reader.text(option)?;
    match Url::parse(&text) {
        Ok(url) if url.has_host() => Some(SecretUrl::new(url)),
        Ok(_) => {
            reader.reject(option, HIDDEN, Reason::Text("a URL with a host is needed".to_owned()));
            None
        }
        Err(error) => {
            reader.reject(option, HIDDEN, Reason::Text(error.to_string()));
            None
        }
    }
}

fn interface(reader: &mut Reader<'_>, option: &'static Opt) -> Option<IpAddr> {
    let value = reader.text(option)?;
    match value.parse::<IpAddr>() {
        Ok(address) => Some(address),
        Err(error) => {
            reader.problems.push(Problem::Interface { value, reason: error.to_string() });
            None
        }
    }
}

/// Blanks and slashes around it go, one slash in front comes.
fn base_path(text: &str) -> String {
    let path = text.trim_matches(|letter: char| letter == '/' || letter.is_whitespace());
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

fn cors(reader: &mut Reader<'_>) -> Cors {
    let methods = reader.list_of(&options::CORS_METHODS, |text| {
        Method::from_bytes(text.as_bytes())
            .map(|method| method.to_string())
            .map_err(|_| "Failed to format method: InvalidMethod".to_owned())
    });
    Cors {
        origins: any_or(reader.list(&options::CORS_ORIGIN)),
        allowed_headers: any_or(header_names(reader, &options::CORS_ALLOWED_HEADERS))
            .map(|names| names.join(",")),
        exposed_headers: any_or(header_names(reader, &options::CORS_EXPOSED_HEADERS))
            .map(|names| names.join(",")),
        methods: any_or(methods).map(|names| names.join(",")),
        max_age_s: reader.number(&options::CORS_MAX_AGE).unwrap_or_default(),
    }
}

/// A list with `*` in it means any, like no list.
fn any_or(list: Option<Vec<String>>) -> Option<Vec<String>> {
    list.filter(|elements| !elements.iter().any(|element| element == "*"))
}

/// Illegal names are dropped without a word, as Unleash Edge 20.4 does. If none is left the list stays,
/// empty: nothing is allowed, rather than everything.
fn header_names(reader: &mut Reader<'_>, option: &'static Opt) -> Option<Vec<String>> {
    let names = reader.list(option)?;
    let legal = |name: &String| HeaderName::from_bytes(name.as_bytes()).is_ok();
    Some(names.into_iter().filter(legal).collect())
}

/// Networks in CIDR notation; a plain address is a network of one.
fn networks(reader: &mut Reader<'_>, option: &'static Opt, refusal: &str) -> Vec<IpNet> {
    let read = |text: &str| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| refusal.to_owned())
    };
    reader.list_of(option, read).unwrap_or_default()
}

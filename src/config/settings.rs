//! The configuration, checked and ready to use: what the rest of the program sees of the command line.
//!
//! Made once by `lower`, immutable afterwards, shared as `Arc<Config>`. No clap type appears here.
//! Everything in it may be printed with `Debug`: secrets mask themselves.

mod edge;
mod listening;
mod telling;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

pub use self::{
    edge::{Backup, Edge, Fetching, Hmac, Redis, RedisMode, RemoteWrite, StartScope, TokenFiles},
    listening::{Backstage, Endpoints, Opening, ProxyTrust, Role, ServerTls, ServerTlsFiles, Stopping},
    telling::{LogFormat, NoShare, Otlp, OtlpHeaders, OtlpProtocol, Share},
};
use super::secret::Secret;
use crate::tokens::token::Token;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What to run, with the settings only it has.
    pub mode: Mode,
    /// The listening side.
    pub server: Server,
    /// HTTPS; `None` serves plain HTTP.
    pub tls: Option<ServerTls>,
    /// Whether and whose forwarded addresses are believed.
    pub proxy_trust: ProxyTrust,
    /// Which optional routes exist.
    pub endpoints: Endpoints,
    /// Who may see `/internal-backstage`, and where.
    pub backstage: Backstage,
    /// How to stop.
    pub stopping: Stopping,
    /// Names of this program towards upstream and in metrics.
    pub instance: Instance,
    /// Export of telemetry.
    pub otlp: Option<Otlp>,
    /// Shape of log lines.
    pub log_format: LogFormat,
    /// Of requests that make a log line.
    pub access_log: Share,
    /// Remarks about the command line; to be said once each at start.
    pub notices: Vec<String>,
}

impl Config {
    /// The ports to open, that of the API first. With TLS every port speaks it, but for the one that redirects; without
    /// redirects the HTTP port stays closed, as in Unleash Edge 20.4.
    pub fn openings(&self) -> Vec<Opening> {
        let server = &self.server;
        let tls = self.tls.is_some();
        let port = self.tls.as_ref().map_or(server.port, |tls| tls.port);
        let mut openings =
            vec![Opening { role: Role::Api, address: SocketAddr::new(server.interface, port), tls }];
        let backstage = self.backstage.address;
        openings.extend(backstage.map(|address| Opening { role: Role::Backstage, address, tls }));
        if self.tls.as_ref().is_some_and(|tls| tls.redirect) {
            let address = SocketAddr::new(server.interface, server.port);
            openings.push(Opening { role: Role::Redirect, address, tls: false });
        }
        openings
    }
}

/// The commands and what only they need.
#[derive(Debug, Clone)]
pub enum Mode {
    /// `edge`
    Edge(Box<Edge>),
    /// `offline`
    Offline(Offline),
    /// `offline prepare`
    Prepare(Box<Prepare>),
    /// `health`
    Health(Probe),
    /// `ready`
    Ready(Probe),
}

/// Settings of `offline` (cli.md 4). At least one token is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offline {
    /// The file to serve; not opened yet.
    pub bootstrap_file: PathBuf,
    /// Tokens for the client API.
    pub client_tokens: Vec<Secret>,
    /// Tokens for the frontend API; a text that is in both lists is a frontend token (tokens.md 8).
    pub frontend_tokens: Vec<Secret>,
    /// Tokens without a type, good for both.
    pub tokens: Vec<Secret>,
    /// How often the file is read again; `None` is never.
    pub reload_interval: Option<Duration>,
    /// Where tokens came from that may change.
    pub token_files: OfflineTokenFiles,
}

/// Files of `offline` that hold tokens and are read again on SIGHUP; each is `None` if its option is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfflineTokenFiles {
    /// `--client-tokens-file`
    pub client_tokens: Option<PathBuf>,
    /// `--frontend-tokens-file`
    pub frontend_tokens: Option<PathBuf>,
    /// `--tokens-file`
    pub tokens: Option<PathBuf>,
}

/// Settings of `offline prepare` (cli.md 4.2).
#[derive(Debug, Clone)]
pub struct Prepare {
    /// Where to fetch.
    pub upstream: Upstream,
    /// What to fetch with; at least one.
    pub tokens: Vec<Token>,
    /// Where to write; `None` is standard output.
    pub output: Option<PathBuf>,
}

/// Settings of `health` and `ready` (cli.md 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// As given; whether it is a URL is for the probe to say.
    pub edge_url: String,
    /// Extra root certificate, PEM.
    pub ca_certificate_file: Option<PathBuf>,
}

/// Names of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `--app-name`, a legal header value.
    pub app_name: String,
    /// `--instance-id`, a legal header value, or a fresh ULID.
    pub instance_id: String,
    /// Label `client_id` of exported metrics.
    pub client_id: String,
    /// `AWS_REGION`, for instance data.
    pub region: Option<String>,
    /// `EDGE_HOSTING=hosted`.
    pub hosted: bool,
}

/// Settings of the listening side, common to `edge` and `offline`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Bind address; `::` is dual stack.
    pub interface: IpAddr,
    /// HTTP port; 0 binds a free one.
    pub port: u16,
    /// Empty, or `/` and a path without a trailing slash.
    pub base_path: String,
    /// Number of shards; `None` is one per usable CPU.
    pub workers: Option<usize>,
    /// CORS answers.
    pub cors: Cors,
    /// Peers that may connect; empty is everybody.
    pub allow: Vec<IpNet>,
    /// Peers that may not; checked before `allow`.
    pub deny: Vec<IpNet>,
    /// Time for one complete request, head and body, from its first byte; `None` is no limit.
    pub request_timeout: Option<Duration>,
    /// How long an idle connection is kept.
    pub keepalive_timeout: Duration,
    /// Lower-case name of the header SDKs put their token in.
    pub auth_header: String,
}

/// `None` in any list means "any" and is answered as `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins.
    pub origins: Option<Vec<String>>,
    /// Allowed request headers, joined by `,`.
    pub allowed_headers: Option<String>,
    /// Exposed response headers, joined by `,`.
    pub exposed_headers: Option<String>,
    /// Allowed methods, joined by `,`.
    pub methods: Option<String>,
    /// `access-control-max-age` in seconds.
    pub max_age_s: u64,
}

/// How to reach Unleash or another edge: used by every upstream call (upstream.md 3 and 4).
#[derive(Clone)]
pub struct Upstream {
    /// Base URL, http or https, without credentials, query or fragment, and without trailing slashes
    /// (but for the lone one that `Url` prints for an empty path).
    pub url: Url,
    /// Header that carries the token towards upstream, lower case.
    pub auth_header: String,
    /// Extra headers, in the order given; one named like another replaces it.
    pub custom_headers: Vec<(String, String)>,
    /// `unleash-appname`.
    pub app_name: String,
    /// `unleash-instanceid` and `unleash-connection-id`.
    pub instance_id: String,
    /// `--upstream-request-timeout`: the connect limit.
    pub connect_timeout: Duration,
    /// `--upstream-socket-timeout`: the whole request.
    pub socket_timeout: Duration,
    /// `--client-keepalive-timeout`: TCP keep-alive time.
    pub keepalive_timeout: Duration,
    /// Accept any certificate and host name.
    pub skip_ssl_verification: bool,
    /// Extra roots, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Client certificate.
    pub identity: Option<Identity>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<&str> = self.custom_headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Upstream")
            .field("url", &self.url.as_str())
            .field("auth_header", &self.auth_header)
            .field("custom_headers", &header_names)
            .field("app_name", &self.app_name)
            .field("instance_id", &self.instance_id)
            .field("connect_timeout", &self.connect_timeout)
            .field("socket_timeout", &self.socket_timeout)
            .field("keepalive_timeout", &self.keepalive_timeout)
            .field("skip_ssl_verification", &self.skip_ssl_verification)
            .field("certificate_file", &self.certificate_file)
            .field("identity", &self.identity)
            .finish()
    }
}

/// A client certificate for the upstream, in the order of precedence of upstream.md 4.1.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A PKCS#12 archive.
    Pkcs12 {
        /// The archive.
        file: PathBuf,
        /// Its passphrase; never printed.
        passphrase: Secret,
    },
    /// A PEM chain and its PKCS#8 key.
    Pkcs8 {
        /// Chain, leaf first.
        certificate_file: PathBuf,
        /// Key.
        key_file: PathBuf,
    },
    /// One PEM file with both.
    Pem {
        /// The file.
        file: PathBuf,
    },
}

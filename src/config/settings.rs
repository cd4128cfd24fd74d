//! The configuration, checked and ready to use: what the rest of the program sees of the command line.
//!
//! Made once by `lower`, immutable afterwards, shared as `Arc<Config>`. No clap type appears here.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use url::Url;

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
    /// Time for one complete request, head and body, from its first byte.
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
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Base URL without trailing slash, query or fragment.
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

/// A client certificate for the upstream, in the order of precedence of upstream.md 4.1.
#[derive(Clone)]
pub enum Identity {
    /// A PKCS#12 archive.
    Pkcs12 {
        /// The archive.
        file: PathBuf,
        /// Its passphrase; never printed.
        passphrase: String,
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

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pkcs12 { file, .. } => f.debug_struct("Pkcs12").field("file", file).finish_non_exhaustive(),
            Self::Pkcs8 { certificate_file, key_file } => f
                .debug_struct("Pkcs8")
                .field("certificate_file", certificate_file)
                .field("key_file", key_file)
                .finish(),
            Self::Pem { file } => f.debug_struct("Pem").field("file", file).finish(),
        }
    }
}

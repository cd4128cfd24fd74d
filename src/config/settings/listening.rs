//! The smaller settings of the listening side: TLS, proxies, optional routes, stopping.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use crate::config::secret::Secret;

/// What the requests of a port are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, but for what has a port of its own.
    Api,
    /// `/internal-backstage` and nothing else.
    Backstage,
    /// Redirects to HTTPS and nothing else.
    Redirect,
}

/// A port to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What for.
    pub role: Role,
    /// Where; port 0 is any that is free.
    pub address: SocketAddr,
    /// HTTPS rather than HTTP.
    pub tls: bool,
}

/// HTTPS (cli.md 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// HTTPS port, on the interface of the HTTP port.
    pub port: u16,
    /// Where chain and key are.
    pub files: ServerTlsFiles,
    /// Open the HTTP port as well and redirect from it.
    pub redirect: bool,
}

/// Chain and key of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerTlsFiles {
    /// Two PEM files.
    Pair {
        /// Chain.
        certificate: PathBuf,
        /// Key.
        key: PathBuf,
    },
    /// One PEM file with both.
    Single(PathBuf),
}

/// Whether forwarded addresses are believed (http-api.md 12).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyTrust {
    /// Look at `Forwarded` and `X-Forwarded-For`.
    pub enabled: bool,
    /// Peers that are removed from the chain; empty believes the leftmost address.
    pub servers: Vec<IpNet>,
}

/// Optional routes; true serves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `/api/frontend/all` and `/api/proxy/all`.
    pub all: bool,
    /// `/internal-backstage/metricsbatch`.
    pub metrics_batch: bool,
    /// `/internal-backstage/metrics`.
    pub metrics: bool,
    /// `/internal-backstage/features`.
    pub features: bool,
    /// `/internal-backstage/tokens`.
    pub tokens: bool,
    /// `/internal-backstage/instancedata`.
    pub instance_data: bool,
    /// `/docs/openapi`.
    pub openapi: bool,
}

/// Everything is served unless it is switched off.
impl Default for Endpoints {
    fn default() -> Self {
        Self {
            all: true,
            metrics_batch: true,
            metrics: true,
            features: true,
            tokens: true,
            instance_data: true,
            openapi: true,
        }
    }
}

/// The internal routes (security.md 1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backstage {
    /// An address of their own; `None` serves them next to the API.
    pub address: Option<SocketAddr>,
    /// What callers must send; `None` leaves them open.
    pub token: Option<Secret>,
}

/// How the program stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopping {
    /// How long it goes on serving as "not ready" after the signal.
    pub drain_delay: Duration,
    /// How long open requests are waited for after that.
    pub timeout: Duration,
}

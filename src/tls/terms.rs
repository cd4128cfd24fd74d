//! On which terms the server speaks TLS, whatever its certificate: versions, protocols, tickets.
//!
//! TLS 1.2 and 1.3 with the suites of ring; HTTP/1.1 only, so a client that offers nothing but HTTP/2 is told by an
//! alert (RFC 7301 section 3.2). No client certificates. No early data: it could be replayed.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions},
    sign::SingleCertAndKey,
};

use super::{error::TlsError, identity::Identity};

/// Sessions of TLS 1.2 clients without tickets (Java before 13), which come back with an id. About 300 bytes each.
const SESSIONS_MAX: usize = 4_096;

/// What all configurations have in common, so that sessions can be resumed on every shard and across a change of
/// certificate.
pub struct Terms {
    provider: Arc<CryptoProvider>,
    /// Keys change every six hours; a ticket is good for six to twelve.
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Terms {
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self {
            provider: Arc::new(ring::default_provider()),
            ticketer: ring::Ticketer::new()?,
            sessions: ServerSessionMemoryCache::new(SESSIONS_MAX),
        })
    }

    pub fn provider(&self) -> &CryptoProvider {
        &self.provider
    }

    pub fn configuration(&self, identity: Identity) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = Arc::clone(&self.ticketer);
        config.session_storage = Arc::clone(&self.sessions);
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

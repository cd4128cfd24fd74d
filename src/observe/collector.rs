//! The HTTP client towards those who collect what is measured: nothing of the upstream's settings goes to them.

use std::time::Duration;

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};
use url::Url;

/// A client that follows nobody, and takes no longer than this for a whole call. The system's roots are searched for
/// `https` only.
pub fn agent(url: &Url, timeout: Duration) -> Agent {
    let mut config =
        Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).max_redirects(0);
    if url.scheme() == "https" {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<_> = found.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        config =
            config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build());
    }
    config.build().into()
}

//! Settings of an upstream as the command line makes them, without any option that is about upstream.

use std::time::Duration;

use brink::config::settings::Upstream;

/// Towards `url`, with the default time limits.
pub fn upstream_settings(url: &str) -> Upstream {
    Upstream {
        url: url.parse().expect("a URL"),
        auth_header: "authorization".into(),
        custom_headers: Vec::new(),
        app_name: "my-edge".into(),
        instance_id: "01M7ABCDEF".into(),
        connect_timeout: Duration::from_secs(5),
        socket_timeout: Duration::from_secs(5),
        keepalive_timeout: Duration::from_secs(15),
        skip_ssl_verification: false,
        certificate_file: None,
        identity: None,
    }
}

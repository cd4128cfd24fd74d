//! Options of the whole program, accepted before and after the command (cli.md 2).

use crate::config::option::Opt;

pub static PORT: Opt = Opt::value("port", "HTTP port; 0 binds a free one").short('p').default("3063");
pub static INTERFACE: Opt =
    Opt::value("interface", "Address to listen on; :: is IPv6 and IPv4").short('i').default("::");
pub static BASE_PATH: Opt = Opt::value("base-path", "Prefix of every route").short_alias('b');
pub static TLS_ENABLE: Opt = Opt::flag("tls-enable", "Serve HTTPS instead of HTTP");
pub static TLS_SERVER_KEY: Opt = Opt::value("tls-server-key", "Private key of the server, PEM");
pub static TLS_SERVER_CERT: Opt = Opt::value("tls-server-cert", "Certificate chain of the server, PEM");
pub static TLS_SERVER_CONFIG: Opt =
    Opt::value("tls-server-config", "One PEM file with chain and key; implies --tls-enable");
pub static TLS_SERVER_PORT: Opt = Opt::value("tls-server-port", "HTTPS port").default("3043");
pub static REDIRECT_HTTP_TO_HTTPS: Opt =
    Opt::flag("redirect-http-to-https", "With TLS: answer on the HTTP port with redirects to HTTPS");
pub static CORS_ORIGIN: Opt = Opt::list("cors-origin", "Allowed origins; any if not given");
pub static CORS_ALLOWED_HEADERS: Opt =
    Opt::list("cors-allowed-headers", "Allowed request headers; any if not given");
pub static CORS_MAX_AGE: Opt =
    Opt::value("cors-max-age", "Seconds a browser may keep a preflight answer").default("172800");
pub static CORS_EXPOSED_HEADERS: Opt =
    Opt::list("cors-exposed-headers", "Exposed response headers; any if not given");
pub static CORS_METHODS: Opt = Opt::list("cors-methods", "Allowed methods; any if not given");
pub static ALLOW_LIST: Opt = Opt::list("allow-list", "Addresses or networks (CIDR) that may connect");
pub static DENY_LIST: Opt = Opt::list("deny-list", "Addresses or networks (CIDR) that may not connect");
pub static WORKERS: Opt =
    Opt::value("workers", "Number of executor threads; 0 or unset is one per usable CPU").short('w');
pub static INSTANCE_ID: Opt =
    Opt::value("instance-id", "Name of this instance towards upstream; generated if not given");
pub static CLIENT_ID: Opt =
    Opt::value("client-id", "Label client_id of exported metrics").default("self-hosted").hidden();
pub static APP_NAME: Opt =
    Opt::value("app-name", "Application name towards upstream").short('a').default("unleash-edge");
pub static MARKDOWN_HELP: Opt = Opt::flag("markdown-help", "Print this help as markdown").hidden();
pub static TRUST_PROXY: Opt =
    Opt::flag("trust-proxy", "Take the client address from Forwarded and X-Forwarded-For");
pub static PROXY_TRUSTED_SERVERS: Opt =
    Opt::list("proxy-trusted-servers", "Addresses or networks of the proxies that are trusted");
pub static DISABLE_ALL_ENDPOINT: Opt =
    Opt::flag("disable-all-endpoint", "Remove /api/frontend/all and /api/proxy/all");
pub static EDGE_REQUEST_TIMEOUT: Opt =
    Opt::value("edge-request-timeout", "Seconds for receiving one request; 0 is no limit").default("5");
pub static EDGE_KEEPALIVE_TIMEOUT: Opt =
    Opt::value("edge-keepalive-timeout", "Seconds an idle connection is kept; 15 if not given");
pub static LOG_FORMAT: Opt =
    Opt::choice("log-format", &["plain", "json", "pretty"], "Shape of log lines").short('l');
pub static ACCESS_LOG: Opt =
    Opt::value("access-log", "Share of requests that are logged, from 0 to 1").default("0");
pub static EDGE_AUTH_HEADER: Opt =
    Opt::value("edge-auth-header", "Header in which SDKs send their token").default("Authorization");
pub static UPSTREAM_AUTH_HEADER: Opt =
    Opt::value("upstream-auth-header", "Header that carries the token to upstream").default("Authorization");
pub static TOKEN_HEADER: Opt =
    Opt::value("token-header", "Sets --edge-auth-header and --upstream-auth-header");
pub static DISABLE_METRICS_BATCH_ENDPOINT: Opt =
    Opt::flag("disable-metrics-batch-endpoint", "Remove /internal-backstage/metricsbatch");
pub static DISABLE_METRICS_ENDPOINT: Opt =
    Opt::flag("disable-metrics-endpoint", "Remove /internal-backstage/metrics");
pub static DISABLE_FEATURES_ENDPOINT: Opt =
    Opt::flag("disable-features-endpoint", "Remove /internal-backstage/features");
pub static DISABLE_TOKENS_ENDPOINT: Opt =
    Opt::flag("disable-tokens-endpoint", "Remove /internal-backstage/tokens");
pub static DISABLE_INSTANCE_DATA_ENDPOINT: Opt =
    Opt::flag("disable-instance-data-endpoint", "Remove /internal-backstage/instancedata");
pub static DISABLE_OPENAPI: Opt = Opt::flag("disable-openapi", "Remove /docs/openapi");
pub static BACKSTAGE_PORT: Opt =
    Opt::value("backstage-port", "Serve /internal-backstage on a port of its own");
pub static BACKSTAGE_INTERFACE: Opt =
    Opt::value("backstage-interface", "Address of the backstage port; that of --interface if not given");
pub static BACKSTAGE_TOKEN: Opt =
    Opt::value("backstage-token", "Token that /internal-backstage asks for, health and ready excepted");
pub static BACKSTAGE_TOKEN_FILE: Opt =
    Opt::value("backstage-token-file", "File that holds the backstage token");
pub static DRAIN_DELAY: Opt =
    Opt::value("drain-delay", "Seconds to go on serving as not ready before stopping").default("0");
pub static SHUTDOWN_TIMEOUT: Opt =
    Opt::value("shutdown-timeout", "Seconds open requests are given when stopping").default("10");
pub static SENTRY_DSN: Opt = Opt::value("sentry-dsn", "Accepted and ignored");
pub static SENTRY_TRACING_RATE: Opt =
    Opt::value("sentry-tracing-rate", "Accepted and ignored").default("0.1");
pub static SENTRY_DEBUG: Opt = Opt::flag("sentry-debug", "Accepted and ignored");
pub static SENTRY_ENABLE_LOGS: Opt = Opt::flag("sentry-enable-logs", "Accepted and ignored");
pub static DATADOG_URL: Opt = Opt::value("datadog-url", "Accepted and ignored");
pub static OTEL_EXPORTER_OTLP_ENDPOINT: Opt =
    Opt::value("otel-exporter-otlp-endpoint", "Collector to which telemetry is sent")
        .aliases(&["otel-collector-url"]);
pub static OTEL_EXPORTER_OTLP_PROTOCOL: Opt =
    Opt::choice("otel-exporter-otlp-protocol", &["grpc", "http"], "How telemetry is sent");

pub static OTEL_TRACES_SHARE: Opt =
    Opt::value("otel-traces-share", "Share of requests that become spans, from 0 to 1").default("0.01");
pub static OTEL_EXPORTER_OTLP_HEADERS: Opt = Opt::variable("otel-exporter-otlp-headers");
pub static OTEL_EXPORTER_OTLP_TRACES_HEADERS: Opt = Opt::variable("otel-exporter-otlp-traces-headers");
pub static OTEL_EXPORTER_OTLP_LOGS_HEADERS: Opt = Opt::variable("otel-exporter-otlp-logs-headers");
pub static OTEL_EXPORTER_OTLP_METRICS_HEADERS: Opt = Opt::variable("otel-exporter-otlp-metrics-headers");

pub static EDGE_HOSTING: Opt = Opt::variable("edge-hosting");
pub static EDGE_DEFER_TOKEN_VALIDATION: Opt = Opt::variable("edge-defer-token-validation");
pub static AWS_REGION: Opt = Opt::variable("aws-region");

/// Every option of the whole program, in the order of the help.
pub static ALL: &[&Opt] = &[
    &PORT,
    &INTERFACE,
    &BASE_PATH,
    &WORKERS,
    &TLS_ENABLE,
    &TLS_SERVER_KEY,
    &TLS_SERVER_CERT,
    &TLS_SERVER_CONFIG,
    &TLS_SERVER_PORT,
    &REDIRECT_HTTP_TO_HTTPS,
    &CORS_ORIGIN,
    &CORS_ALLOWED_HEADERS,
    &CORS_MAX_AGE,
    &CORS_EXPOSED_HEADERS,
    &CORS_METHODS,
    &ALLOW_LIST,
    &DENY_LIST,
    &INSTANCE_ID,
    &CLIENT_ID,
    &APP_NAME,
    &MARKDOWN_HELP,
    &TRUST_PROXY,
    &PROXY_TRUSTED_SERVERS,
    &DISABLE_ALL_ENDPOINT,
    &EDGE_REQUEST_TIMEOUT,
    &EDGE_KEEPALIVE_TIMEOUT,
    &LOG_FORMAT,
    &ACCESS_LOG,
    &EDGE_AUTH_HEADER,
    &UPSTREAM_AUTH_HEADER,
    &TOKEN_HEADER,
    &DISABLE_METRICS_BATCH_ENDPOINT,
    &DISABLE_METRICS_ENDPOINT,
    &DISABLE_FEATURES_ENDPOINT,
    &DISABLE_TOKENS_ENDPOINT,
    &DISABLE_INSTANCE_DATA_ENDPOINT,
    &DISABLE_OPENAPI,
    &BACKSTAGE_PORT,
    &BACKSTAGE_INTERFACE,
    &BACKSTAGE_TOKEN,
    &BACKSTAGE_TOKEN_FILE,
    &DRAIN_DELAY,
    &SHUTDOWN_TIMEOUT,
    &SENTRY_DSN,
    &SENTRY_TRACING_RATE,
    &SENTRY_DEBUG,
    &SENTRY_ENABLE_LOGS,
    &DATADOG_URL,
    &OTEL_EXPORTER_OTLP_ENDPOINT,
    &OTEL_EXPORTER_OTLP_PROTOCOL,
    &OTEL_TRACES_SHARE,
    &OTEL_EXPORTER_OTLP_HEADERS,
    &OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    &OTEL_EXPORTER_OTLP_LOGS_HEADERS,
    &OTEL_EXPORTER_OTLP_METRICS_HEADERS,
    &EDGE_HOSTING,
    &EDGE_DEFER_TOKEN_VALIDATION,
    &AWS_REGION,
];

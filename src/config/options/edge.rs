//! Options of `edge` (cli.md 3 and 3.3).

use crate::config::option::Opt;

pub static UPSTREAM_URL: Opt =
    Opt::value("upstream-url", "URL of Unleash or of another edge, without /api").short('u');
pub static BACKUP_FOLDER: Opt = Opt::value("backup-folder", "Folder in which features and tokens are kept")
    .short('b')
    .aliases(&["backup_folder"]);
pub static BOOTSTRAP_FILE: Opt =
    Opt::value("bootstrap-file", "Features to serve until upstream has answered");
pub static METRICS_INTERVAL_SECONDS: Opt =
    Opt::value("metrics-interval-seconds", "Seconds between uploads of usage metrics")
        .short('m')
        .default("60");
pub static FEATURES_REFRESH_INTERVAL_SECONDS: Opt =
    Opt::value("features-refresh-interval-seconds", "Seconds between refreshes of features")
        .short('f')
        .default("15");
pub static TOKEN_REVALIDATION_INTERVAL_SECONDS: Opt =
    Opt::value("token-revalidation-interval-seconds", "Seconds between revalidations of known tokens")
        .default("3600");
pub static TOKENS: Opt = Opt::list("tokens", "Start-up tokens").short('t');
pub static TOKENS_FILE: Opt = Opt::value("tokens-file", "File that holds the start-up tokens");
pub static PRETRUSTED_TOKENS: Opt =
    Opt::list("pretrusted-tokens", "Frontend tokens accepted without asking upstream").short('p');
pub static PRETRUSTED_TOKENS_FILE: Opt =
    Opt::value("pretrusted-tokens-file", "File that holds the pretrusted tokens");
pub static STRICT: Opt = Opt::flag("strict", "Serve only what the start-up tokens cover");
pub static DYNAMIC: Opt = Opt::flag("dynamic", "Start to fetch for tokens that are seen later, too");
pub static CUSTOM_CLIENT_HEADERS: Opt =
    Opt::list("custom-client-headers", "Extra headers towards upstream, each name:value").short('H');
pub static SKIP_SSL_VERIFICATION: Opt =
    Opt::flag("skip-ssl-verification", "Do not verify the certificate of upstream").short('s');
pub static PKCS8_CLIENT_CERTIFICATE_FILE: Opt =
    Opt::value("pkcs8-client-certificate-file", "Client certificate chain towards upstream, PEM");
pub static PKCS8_CLIENT_KEY_FILE: Opt =
    Opt::value("pkcs8-client-key-file", "Key of the client certificate, PKCS#8 PEM");
pub static PKCS12_IDENTITY_FILE: Opt =
    Opt::value("pkcs12-identity-file", "Client identity towards upstream, PKCS#12");
pub static PKCS12_PASSPHRASE: Opt = Opt::value("pkcs12-passphrase", "Passphrase of the PKCS#12 file");
pub static PKCS12_PASSPHRASE_FILE: Opt =
    Opt::value("pkcs12-passphrase-file", "File that holds the passphrase of the PKCS#12 file");
pub static PEM_CERT_FILE: Opt =
    Opt::value("pem-cert-file", "Client identity towards upstream: one PEM with key and certificates");
pub static PEM_FILE: Opt = Opt::positional("pem-file", "Older spelling of --pem-cert-file").hidden();
pub static UPSTREAM_CERTIFICATE_FILE: Opt =
    Opt::value("upstream-certificate-file", "Further root certificates for upstream, PEM");
pub static UPSTREAM_REQUEST_TIMEOUT: Opt =
    Opt::value("upstream-request-timeout", "Seconds for connecting to upstream").default("5");
pub static UPSTREAM_SOCKET_TIMEOUT: Opt =
    Opt::value("upstream-socket-timeout", "Seconds for a whole request to upstream").default("5");
pub static CLIENT_KEEPALIVE_TIMEOUT: Opt =
    Opt::value("client-keepalive-timeout", "Seconds of TCP keep-alive towards upstream").default("15");
pub static REDIS_URL: Opt =
    Opt::list("redis-url", "Redis in which features and tokens are kept").short_alias('r');
pub static REDIS_MODE: Opt = Opt::choice("redis-mode", &["single", "cluster"], "One Redis or a cluster");
pub static REDIS_PASSWORD: Opt = Opt::value("redis-password", "Password of Redis");
pub static REDIS_PASSWORD_FILE: Opt =
    Opt::value("redis-password-file", "File that holds the password of Redis");
pub static REDIS_USERNAME: Opt = Opt::value("redis-username", "User name of Redis");
pub static REDIS_PORT: Opt = Opt::value("redis-port", "Port of Redis");
pub static REDIS_HOST: Opt = Opt::value("redis-host", "Host of Redis, if there is no --redis-url");
pub static REDIS_SECURE: Opt = Opt::flag("redis-secure", "Use TLS towards Redis");
pub static REDIS_SCHEME: Opt = Opt::choice(
    "redis-scheme",
    &["redis", "tcp", "tls", "rediss", "redis-unix", "unix"],
    "Scheme of Redis, with --redis-host",
);
pub static REDIS_READ_TIMEOUT: Opt =
    Opt::value("redis-read-connection-timeout-milliseconds", "Milliseconds for reading from Redis")
        .default("2000");
pub static REDIS_WRITE_TIMEOUT: Opt =
    Opt::value("redis-write-connection-timeout-milliseconds", "Milliseconds for writing to Redis")
        .default("2000");
pub static S3_BUCKET_NAME: Opt =
    Opt::value("s3-bucket-name", "S3 bucket in which features and tokens are kept");
pub static S3_FORCE_PATH_STYLE: Opt =
    Opt::flag("s3-force-path-style", "Put the bucket into the path, not the host name");
pub static STREAMING: Opt = Opt::flag("streaming", "Follow a stream of changes from upstream");
pub static DELTA: Opt = Opt::flag("delta", "Poll upstream for changes instead of whole lists");
pub static STREAMING_FALLBACK: Opt = Opt::flag(
    "streaming-fallback",
    "With --strict, too: poll whole lists where --streaming or --delta cannot be had",
);
pub static DELTA_DIFF: Opt = Opt::flag("delta-diff", "Accepted and ignored").hidden();
pub static PROMETHEUS_REMOTE_WRITE_URL: Opt =
    Opt::value("prometheus-remote-write-url", "Where to push Prometheus metrics");
pub static PROMETHEUS_PUSH_INTERVAL: Opt =
    Opt::value("prometheus-push-interval", "Seconds between pushes of Prometheus metrics").default("60");
pub static PROMETHEUS_USERNAME: Opt = Opt::value("prometheus-username", "User name for the push");
pub static PROMETHEUS_PASSWORD: Opt = Opt::value("prometheus-password", "Password for the push");
pub static PROMETHEUS_PASSWORD_FILE: Opt =
    Opt::value("prometheus-password-file", "File that holds the password for the push");
pub static PROMETHEUS_USER_ID: Opt = Opt::value("prometheus-user-id", "Accepted and ignored");
pub static CONSUMPTION: Opt = Opt::flag("consumption", "Accepted and ignored").hidden();
pub static HOSTNAME: Opt = Opt::value("hostname", "Label hostname of pushed metrics").hidden();
pub static EC2_INSTANCE_ID: Opt =
    Opt::value("ec2-instance-id", "Label ec2_instance_id of pushed metrics").hidden();
pub static UNLEASH_CLIENT_SECRET: Opt =
    Opt::value("unleash-client-secret", "HMAC secret with which tokens are requested").hidden();
pub static UNLEASH_CLIENT_SECRET_FILE: Opt =
    Opt::value("unleash-client-secret-file", "File that holds the HMAC secret").hidden();
pub static DESIRED_ENVIRONMENTS: Opt =
    Opt::list("desired-environments", "Environments for which tokens are requested").hidden();
pub static DESIRED_PROJECTS: Opt =
    Opt::list("desired-projects", "Projects for which tokens are requested").default("*").hidden();

/// Every option of `edge`, in the order of the help.
pub static ALL: &[&Opt] = &[
    &UPSTREAM_URL,
    &TOKENS,
    &TOKENS_FILE,
    &PRETRUSTED_TOKENS,
    &PRETRUSTED_TOKENS_FILE,
    &STRICT,
    &DYNAMIC,
    &METRICS_INTERVAL_SECONDS,
    &FEATURES_REFRESH_INTERVAL_SECONDS,
    &TOKEN_REVALIDATION_INTERVAL_SECONDS,
    &STREAMING,
    &DELTA,
    &STREAMING_FALLBACK,
    &DELTA_DIFF,
    &BOOTSTRAP_FILE,
    &BACKUP_FOLDER,
    &CUSTOM_CLIENT_HEADERS,
    &SKIP_SSL_VERIFICATION,
    &PKCS8_CLIENT_CERTIFICATE_FILE,
    &PKCS8_CLIENT_KEY_FILE,
    &PKCS12_IDENTITY_FILE,
    &PKCS12_PASSPHRASE,
    &PKCS12_PASSPHRASE_FILE,
    &PEM_CERT_FILE,
    &PEM_FILE,
    &UPSTREAM_CERTIFICATE_FILE,
    &UPSTREAM_REQUEST_TIMEOUT,
    &UPSTREAM_SOCKET_TIMEOUT,
    &CLIENT_KEEPALIVE_TIMEOUT,
    &REDIS_URL,
    &REDIS_MODE,
    &REDIS_PASSWORD,
    &REDIS_PASSWORD_FILE,
    &REDIS_USERNAME,
    &REDIS_PORT,
    &REDIS_HOST,
    &REDIS_SECURE,
    &REDIS_SCHEME,
    &REDIS_READ_TIMEOUT,
    &REDIS_WRITE_TIMEOUT,
    &S3_BUCKET_NAME,
    &S3_FORCE_PATH_STYLE,
    &PROMETHEUS_REMOTE_WRITE_URL,
    &PROMETHEUS_PUSH_INTERVAL,
    &PROMETHEUS_USERNAME,
    &PROMETHEUS_PASSWORD,
    &PROMETHEUS_PASSWORD_FILE,
    &PROMETHEUS_USER_ID,
    &CONSUMPTION,
    &HOSTNAME,
    &EC2_INSTANCE_ID,
    &UNLEASH_CLIENT_SECRET,
    &UNLEASH_CLIENT_SECRET_FILE,
    &DESIRED_ENVIRONMENTS,
    &DESIRED_PROJECTS,
];

//! The settings of `edge` (cli.md 3).

use std::{path::PathBuf, time::Duration};

use super::Upstream;
use crate::{
    config::secret::{Secret, SecretUrl},
    tokens::{pretrusted::Pretrusted, token::Token},
};

/// Settings of `edge`.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Where features and verdicts come from.
    pub upstream: Upstream,
    /// Start-up tokens, without duplicates, in the order given.
    pub tokens: Vec<Token>,
    /// Frontend tokens that upstream is not asked about.
    pub pretrusted_tokens: Vec<Pretrusted>,
    /// What tokens seen later may reach (tokens.md 4.3).
    pub start_scope: StartScope,
    /// Period of refreshes; at least a second.
    pub features_refresh_interval: Duration,
    /// Period of token revalidations; at least a second.
    pub token_revalidation_interval: Duration,
    /// Period of metric uploads; at least a second.
    pub metrics_interval: Duration,
    /// How features are kept fresh.
    pub fetching: Fetching,
    /// Whole lists are polled where deltas or streams are wanted and cannot be had: not with `--strict`, but for
    /// `--streaming-fallback`.
    pub repairs_by_polling: bool,
    /// Answer first and validate later (`EDGE_DEFER_TOKEN_VALIDATION`).
    pub defer_token_validation: bool,
    /// Data to serve until upstream answers.
    pub bootstrap_file: Option<PathBuf>,
    /// Where data survives a restart.
    pub backup: Option<Backup>,
    /// Push of metrics.
    pub remote_write: Option<RemoteWrite>,
    /// Start-up tokens requested from upstream; they take the place of `tokens`.
    pub hmac: Option<Hmac>,
    /// Where tokens came from that may change.
    pub token_files: TokenFiles,
}

/// Strict or dynamic (tokens.md 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartScope {
    /// Only what the start-up tokens cover.
    Strict,
    /// Valid tokens that come later extend it.
    Dynamic,
}

/// How features are kept fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetching {
    /// Whole lists, with ETags.
    Polling,
    /// Changes, polled.
    Delta,
    /// Changes, streamed.
    Streaming,
}

/// Where data survives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup {
    /// Files in this folder.
    Folder(PathBuf),
    /// Redis.
    Redis(Redis),
    /// An S3 bucket; region and credentials come from the usual AWS variables.
    S3 {
        /// Its name.
        bucket: String,
        /// Bucket in the path, not in the host name.
        force_path_style: bool,
    },
}

/// Redis, its options merged into the URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// At least one; a single Redis uses the first.
    pub urls: Vec<SecretUrl>,
    /// One or many.
    pub mode: RedisMode,
    /// Limit for reading.
    pub read_timeout: Duration,
    /// Limit for writing.
    pub write_timeout: Duration,
}

/// `--redis-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisMode {
    /// One Redis.
    Single,
    /// A cluster of all URLs.
    Cluster,
}

/// Push of metrics by Prometheus remote write (metrics.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWrite {
    /// Where to.
    pub url: SecretUrl,
    /// How often; at least a second.
    pub interval: Duration,
    /// Basic authentication: name and password, which may be empty.
    pub credentials: Option<(String, Secret)>,
    /// Label `hostname`.
    pub hostname: Option<String>,
    /// Label `ec2_instance_id`.
    pub ec2_instance_id: Option<String>,
}

/// Tokens requested from upstream (tokens.md 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    /// The key, as given.
    pub secret: Secret,
    /// One token is requested for each; at least one.
    pub environments: Vec<String>,
    /// What each of them is to see; at least one, `*` by default.
    pub projects: Vec<String>,
}

/// Files that hold tokens and are read again on SIGHUP; each is `None` if its option is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenFiles {
    /// `--tokens-file`; not used where tokens are requested with a secret.
    pub startup: Option<PathBuf>,
    /// `--pretrusted-tokens-file`
    pub pretrusted: Option<PathBuf>,
    /// `--unleash-client-secret-file`
    pub client_secret: Option<PathBuf>,
}

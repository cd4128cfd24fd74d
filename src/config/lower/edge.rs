//! The options of `edge` (cli.md 3).

use std::collections::BTreeMap;

use super::{backup, headers::AuthHeaders, reader::Reader, server, upstream};
use crate::{
    config::{
        options::edge as options,
        problem::Problem,
        secret::Secret,
        settings::{Edge, Fetching, Hmac, Instance, RemoteWrite, StartScope, TokenFiles},
    },
    tokens::{pretrusted::Pretrusted, token::Token},
};

/// `None` only if a problem was noted.
pub fn edge(reader: &mut Reader<'_>, instance: &Instance, auth_headers: &AuthHeaders) -> Option<Edge> {
    let upstream = upstream::upstream(reader, instance, auth_headers);
    let tokens = start_up_tokens(reader);
    let hmac = hmac(reader);
    reader.exclude(&options::STRICT, &options::DYNAMIC);
    let strict = reader.flag(&options::STRICT);
    let start_scope = start_scope(reader, strict, tokens.is_empty() && hmac.is_none());
    let fetching = fetching(reader);
    if fetching != Fetching::Polling {
        one_token_per_environment(reader, &tokens);
    }
    let repairs_by_polling = reader.flag(&options::STREAMING_FALLBACK) || !strict;
    let pretrusted_tokens = pretrusted_tokens(reader);
    let features_refresh_interval = reader.period(&options::FEATURES_REFRESH_INTERVAL_SECONDS);
    let token_revalidation_interval = reader.period(&options::TOKEN_REVALIDATION_INTERVAL_SECONDS);
    let metrics_interval = reader.period(&options::METRICS_INTERVAL_SECONDS);
    let defer_token_validation = server::defers_token_validation(reader);
    let bootstrap_file = reader.path(&options::BOOTSTRAP_FILE);
    let backup = backup::backup(reader);
    let remote_write = remote_write(reader);
    Some(Edge {
        upstream: upstream?,
        tokens,
        pretrusted_tokens,
        start_scope,
        features_refresh_interval,
        token_revalidation_interval,
        metrics_interval,
        fetching,
        repairs_by_polling,
        defer_token_validation,
        bootstrap_file,
        backup,
        remote_write,
        token_files: token_files(reader, hmac.is_some()),
        hmac,
    })
}

/// The start-up tokens, each once.
pub fn start_up_tokens(reader: &mut Reader<'_>) -> Vec<Token> {
    let read = |text: &str| Token::parse(text).map_err(|error| error.to_string());
    let tokens = reader.secret_list_of(&options::TOKENS, &options::TOKENS_FILE, read).unwrap_or_default();
    let mut unique: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !unique.contains(&token) {
            unique.push(token);
        }
    }
    unique
}

fn pretrusted_tokens(reader: &mut Reader<'_>) -> Vec<Pretrusted> {
    let read = |text: &str| Pretrusted::parse(text).map_err(|error| error.to_string());
    reader
        .secret_list_of(&options::PRETRUSTED_TOKENS, &options::PRETRUSTED_TOKENS_FILE, read)
        .unwrap_or_default()
}

/// Strict with start-up tokens, dynamic without; the options override (tokens.md 4.3).
fn start_scope(reader: &mut Reader<'_>, strict: bool, without_tokens: bool) -> StartScope {
    let dynamic = reader.flag(&options::DYNAMIC);
    if strict && without_tokens && !tokens_were_given(reader) {
        reader.problems.push(Problem::NoTokens);
    }
    if dynamic || (without_tokens && !strict) { StartScope::Dynamic } else { StartScope::Strict }
}

/// Tokens that were given and refused have been complained about already.
fn tokens_were_given(reader: &Reader<'_>) -> bool {
    !reader.problems.is_empty() && (reader.given(&options::TOKENS) || reader.given(&options::TOKENS_FILE))
}

fn fetching(reader: &mut Reader<'_>) -> Fetching {
    let delta = reader.flag(&options::DELTA);
    if reader.flag(&options::STREAMING) {
        Fetching::Streaming
    } else if delta {
        Fetching::Delta
    } else {
        Fetching::Polling
    }
}

/// With deltas upstream keeps one state per environment, so two start-up tokens of one environment cannot
/// both be followed (delta-and-streaming.md).
fn one_token_per_environment(reader: &mut Reader<'_>, tokens: &[Token]) {
    let mut by_environment: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for token in tokens {
        by_environment.entry(token.environment()).or_default().push(token.project_part());
    }
    let environments: Vec<(String, String)> = by_environment
        .into_iter()
        .filter(|(_, projects)| projects.len() > 1)
        .map(|(environment, projects)| (environment.to_owned(), merged(projects)))
        .collect();
    if !environments.is_empty() {
        reader.problems.push(Problem::TokensPerEnvironment { environments });
    }
}

fn merged(mut projects: Vec<&str>) -> String {
    if projects.contains(&"*") {
        return "*".to_owned();
    }
    projects.sort_unstable();
    projects.dedup();
    projects.join(", ")
}

fn remote_write(reader: &mut Reader<'_>) -> Option<RemoteWrite> {
    let url = server::secret_url(reader, &options::PROMETHEUS_REMOTE_WRITE_URL);
    let interval = reader.period(&options::PROMETHEUS_PUSH_INTERVAL);
    let password = reader.secret(&options::PROMETHEUS_PASSWORD, &options::PROMETHEUS_PASSWORD_FILE);
    let username = reader.text(&options::PROMETHEUS_USERNAME);
    let hostname = reader.text(&options::HOSTNAME);
    let ec2_instance_id = reader.text(&options::EC2_INSTANCE_ID);
    let credentials = username.map(|name| (name, password.unwrap_or_else(|| Secret::new(""))));
    Some(RemoteWrite { url: url?, interval, credentials, hostname, ec2_instance_id })
}

fn hmac(reader: &mut Reader<'_>) -> Option<Hmac> {
    let secret = reader.secret(&options::UNLEASH_CLIENT_SECRET, &options::UNLEASH_CLIENT_SECRET_FILE);
    let environments = reader.list(&options::DESIRED_ENVIRONMENTS);
    let projects = reader.list(&options::DESIRED_PROJECTS).unwrap_or_else(|| vec!["*".to_owned()]);
    let hmac = match (secret, environments) {
        (Some(secret), Some(environments)) => Hmac { secret, environments, projects },
        (None, None) => return None,
        (Some(_), None) => {
            return without(
                reader,
                "--unleash-client-secret",
                "--desired-environments (DESIRED_ENVIRONMENTS)",
            );
        }
        (None, Some(_)) => {
            return without(
                reader,
                "--desired-environments",
                "--unleash-client-secret (UNLEASH_CLIENT_SECRET)",
            );
        }
    };
    if reader.given(&options::TOKENS) || reader.given(&options::TOKENS_FILE) {
        let notice = "--tokens is not used: start-up tokens are requested with --unleash-client-secret";
        reader.notices.push(notice.to_owned());
    }
    Some(hmac)
}

fn without(reader: &mut Reader<'_>, given: &str, missing: &str) -> Option<Hmac> {
    reader.notices.push(format!("{given} has no effect without {missing}"));
    None
}

fn token_files(reader: &mut Reader<'_>, requests_tokens: bool) -> TokenFiles {
    TokenFiles {
        startup: reader.path(&options::TOKENS_FILE).filter(|_| !requests_tokens),
        pretrusted: reader.path(&options::PRETRUSTED_TOKENS_FILE),
        client_secret: reader.path(&options::UNLEASH_CLIENT_SECRET_FILE).filter(|_| requests_tokens),
    }
}

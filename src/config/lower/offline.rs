//! The options of `offline` and `offline prepare` (cli.md 4).

use std::path::{Path, PathBuf};

use super::{edge, headers::AuthHeaders, reader::Reader, upstream};
use crate::config::{
    option::Opt,
    options::{edge as edge_options, offline as options},
    problem::Problem,
    secret::Secret,
    settings::{Instance, Offline, OfflineTokenFiles, Prepare},
};

/// Tokens are checked before the file, as Unleash Edge 20.4 does.
pub fn offline(reader: &mut Reader<'_>) -> Offline {
    let client_tokens = tokens(reader, &options::CLIENT_TOKENS, &options::CLIENT_TOKENS_FILE);
    let frontend_tokens = tokens(reader, &options::FRONTEND_TOKENS, &options::FRONTEND_TOKENS_FILE);
    let tokens = tokens(reader, &options::TOKENS, &options::TOKENS_FILE);
    if client_tokens.is_empty() && frontend_tokens.is_empty() && tokens.is_empty() {
        reader.problems.push(Problem::NoTokensOffline);
    }
    let bootstrap_file = reader.path(&options::BOOTSTRAP_FILE);
    if bootstrap_file.is_none() {
        reader.problems.push(Problem::NoFeaturesFile);
    }
    let reload_interval = reader.seconds(&options::RELOAD_INTERVAL);
    Offline {
        bootstrap_file: bootstrap_file.unwrap_or_default(),
        client_tokens,
        frontend_tokens,
        tokens,
        reload_interval: (!reload_interval.is_zero()).then_some(reload_interval),
        token_files: OfflineTokenFiles {
            client_tokens: reader.path(&options::CLIENT_TOKENS_FILE),
            frontend_tokens: reader.path(&options::FRONTEND_TOKENS_FILE),
            tokens: reader.path(&options::TOKENS_FILE),
        },
    }
}

/// `None` only if a problem was noted.
pub fn prepare(reader: &mut Reader<'_>, instance: &Instance, auth_headers: &AuthHeaders) -> Option<Prepare> {
    let upstream = upstream::upstream(reader, instance, auth_headers);
    let given = reader.given(&edge_options::TOKENS) || reader.given(&edge_options::TOKENS_FILE);
    let tokens = edge::start_up_tokens(reader);
    if !given {
        reader.problems.push(Problem::Missing { option: &edge_options::TOKENS });
    }
    let output = reader.path(&options::OUTPUT).filter(|path: &PathBuf| path != Path::new("-"));
    Some(Prepare { upstream: upstream?, tokens, output })
}

/// Free text: secrets without the token grammar are served, too (tokens.md 8).
fn tokens(reader: &mut Reader<'_>, option: &'static Opt, file: &'static Opt) -> Vec<Secret> {
    reader.secret_list_of(option, file, |text| Ok(Secret::new(text))).unwrap_or_default()
}

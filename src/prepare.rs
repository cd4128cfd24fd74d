//! `offline prepare`: fetches with tokens from upstream what `offline --bootstrap-file` and `edge --bootstrap-file` take
//! (cli.md 4.2).
//!
//! Runs once, on the thread of `main`; the document goes to standard output or a file, remarks go to standard error. A
//! file is replaced in one step, and only by a complete document: a token that upstream does not confirm or does not
//! answer fails the whole, because a list without some project looks like any other list.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use crate::{
    config::settings,
    features::{
        body::write_everything, catalog::Catalog, environment::EnvironmentData, error::DocumentError,
        parse::parse_document,
    },
    persist::{file, store::StoreError},
    tokens::{
        record::{KindWord, TokenRecord},
        scope::Projects,
        table::TokenKind,
        token::Token,
    },
    upstream::{
        client::{Client, Fetched},
        error::{CallError, ClientError},
    },
};

/// Said to upstream, which wants a number: nobody will come again.
const INTERVAL: Duration = Duration::from_secs(15);

/// Why there is no file. Tokens are masked by their `Display`.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The settings of upstream.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Upstream did not say which tokens are valid.
    #[error("could not validate the tokens upstream: {0}; check --upstream-url (UPSTREAM_URL)")]
    Validate(CallError),
    /// Upstream does not know a token.
    #[error("upstream does not confirm the token {0}: check --tokens (TOKENS)")]
    Unconfirmed(Token),
    /// No backend token was given.
    #[error(
        "none of the tokens is a backend token, and others cannot fetch features: check --tokens (TOKENS)"
    )]
    NoBackendToken,
    /// A bootstrap file is of one environment.
    #[error(
        "the tokens are of several environments ({0}), and a bootstrap file is of one: run once for each environment"
    )]
    SeveralEnvironments(String),
    /// A token got no features.
    #[error("could not fetch features with {token}: {cause}")]
    Fetch {
        /// Which.
        token: Token,
        /// Why not.
        cause: CallError,
    },
    /// A token got 304 although nothing was known before.
    #[error(
        "could not fetch features with {0}: upstream says that nothing has changed since nothing was sent"
    )]
    NotModified(Token),
    /// A token got something else.
    #[error("could not use what upstream sent for {token}: {cause}")]
    Unusable {
        /// Which.
        token: Token,
        /// Why not.
        cause: DocumentError,
    },
    /// The file.
    #[error("could not write the file of --output (OUTPUT): {0}")]
    File(#[from] StoreError),
    /// Standard output.
    #[error("could not write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// A token that fetches.
struct Fetcher {
    token: Token,
    environment: Arc<str>,
    projects: Projects,
}

/// Does all of it.
///
/// # Errors
/// See [`PrepareError`]; nothing is written then.
pub fn run(settings: &settings::Prepare) -> Result<(), PrepareError> {
    let client = Client::new(&settings.upstream)?;
    let fetchers = fetchers(&client, &settings.tokens)?;
    let environment = common_environment(&fetchers)?;
    let document = fetch(&client, &environment, &fetchers)?;
    match &settings.output {
        Some(path) => file::replace_plain(path, &document)?,
        None => {
            let mut out = io::stdout().lock();
            out.write_all(&document)?;
            out.write_all(b"\n")?;
            out.flush()?;
        }
    }
    Ok(())
}

fn remark(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The backend tokens among these, by upstream's word.
fn fetchers(client: &Client, tokens: &[Token]) -> Result<Vec<Fetcher>, PrepareError> {
    let texts: Vec<&str> = tokens.iter().map(Token::text).collect();
    let listed = client.validate(&texts).map_err(PrepareError::Validate)?;
    let mut fetchers = Vec::new();
    for token in tokens {
        let record = listed.iter().find(|record| record.token == token.text());
        let record = record.ok_or_else(|| PrepareError::Unconfirmed(token.clone()))?;
        match record.kind.and_then(KindWord::kind) {
            Some(TokenKind::Backend) => fetchers.push(fetcher(token, record)),
            _ => remark(&format!("{token} is not a backend token and is left out")),
        }
    }
    if fetchers.is_empty() { Err(PrepareError::NoBackendToken) } else { Ok(fetchers) }
}

fn fetcher(token: &Token, record: &TokenRecord) -> Fetcher {
    let environment = record.environment.as_deref().unwrap_or_else(|| token.environment()).into();
    Fetcher { token: token.clone(), environment, projects: Projects::from_names(&record.projects) }
}

fn common_environment(fetchers: &[Fetcher]) -> Result<Arc<str>, PrepareError> {
    let mut names: Vec<&Arc<str>> = fetchers.iter().map(|fetcher| &fetcher.environment).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [name] => Ok(Arc::clone(name)),
        _ => {
            let names: Vec<&str> = names.into_iter().map(|name| &**name).collect();
            Err(PrepareError::SeveralEnvironments(names.join(", ")))
        }
    }
}

fn fetch(client: &Client, environment: &Arc<str>, fetchers: &[Fetcher]) -> Result<Vec<u8>, PrepareError> {
    let mut catalog = Catalog::default();
    let mut bytes = Vec::new();
    for Fetcher { token, projects, .. } in fetchers {
        let fetched = client.features(token.text(), None, INTERVAL);
        let body = match fetched.map_err(|cause| PrepareError::Fetch { token: token.clone(), cause })? {
            Fetched::Document { body, .. } => body,
            Fetched::NotModified => return Err(PrepareError::NotModified(token.clone())),
        };
        let document = parse_document(&body, &EnvironmentData::empty(Arc::clone(environment)))
            .map_err(|cause| PrepareError::Unusable { token: token.clone(), cause })?;
        let applied = catalog.apply(environment, projects, document);
        for warning in applied.warnings.list() {
            remark(&format!("Odd data from upstream: {warning}"));
        }
    }
    // There is at least one fetcher, so there is data.
    if let Some(environment) = catalog.environment(environment) {
        write_everything(environment, &mut bytes);
    }
    Ok(bytes)
}

//! Options of `offline` and `offline prepare` (cli.md 4 and 4.2).

use super::edge;
use crate::config::option::Opt;

pub static BOOTSTRAP_FILE: Opt = Opt::value("bootstrap-file", "The features to serve").short('b');
pub static CLIENT_TOKENS: Opt = Opt::list("client-tokens", "Tokens for the client API").short('c');
pub static CLIENT_TOKENS_FILE: Opt =
    Opt::value("client-tokens-file", "File that holds the tokens for the client API");
pub static FRONTEND_TOKENS: Opt = Opt::list("frontend-tokens", "Tokens for the frontend API").short('f');
pub static FRONTEND_TOKENS_FILE: Opt =
    Opt::value("frontend-tokens-file", "File that holds the tokens for the frontend API");
pub static TOKENS: Opt = Opt::list("tokens", "Tokens for the client and the frontend API").short('t');
pub static TOKENS_FILE: Opt = Opt::value("tokens-file", "File that holds the tokens for both APIs");
pub static RELOAD_INTERVAL: Opt =
    Opt::value("reload-interval", "Seconds after which the file is read again; 0 is never")
        .short('r')
        .default("0");
pub static OUTPUT: Opt = Opt::value("output", "File to write; - is standard output").short('o').default("-");

/// Every option of `offline`, in the order of the help.
pub static ALL: &[&Opt] = &[
    &BOOTSTRAP_FILE,
    &CLIENT_TOKENS,
    &CLIENT_TOKENS_FILE,
    &FRONTEND_TOKENS,
    &FRONTEND_TOKENS_FILE,
    &TOKENS,
    &TOKENS_FILE,
    &RELOAD_INTERVAL,
];

/// Every option of `offline prepare`: those of `edge` that reach upstream, and where to write.
pub static PREPARE: &[&Opt] = &[
    &edge::UPSTREAM_URL,
    &edge::TOKENS,
    &edge::TOKENS_FILE,
    &OUTPUT,
    &edge::CUSTOM_CLIENT_HEADERS,
    &edge::SKIP_SSL_VERIFICATION,
    &edge::PKCS8_CLIENT_CERTIFICATE_FILE,
    &edge::PKCS8_CLIENT_KEY_FILE,
    &edge::PKCS12_IDENTITY_FILE,
    &edge::PKCS12_PASSPHRASE,
    &edge::PKCS12_PASSPHRASE_FILE,
    &edge::PEM_CERT_FILE,
    &edge::UPSTREAM_CERTIFICATE_FILE,
    &edge::UPSTREAM_REQUEST_TIMEOUT,
    &edge::UPSTREAM_SOCKET_TIMEOUT,
    &edge::CLIENT_KEEPALIVE_TIMEOUT,
];

//! What of a request may be printed: paths, queries and headers without the secrets in them.
//!
//! Anything in token grammar is masked, wherever it stands and however often it is percent-encoded, and so is
//! everything behind it; headers and parameters whose names promise a secret are hidden whole. Rather too much than too
//! little: a path with `team:a.b` in it loses its end, too. Pure; used by the thread `access`.

use std::borrow::Cow;

use brink_shards::http::path::percent_decode;

use crate::tokens::mask::{HIDDEN, mask};

/// Encodings around an encoding that are looked through.
const LAYERS_MAX: usize = 4;

/// Below this a path ends in a token, in grammar or not.
const TOKENS_PATH: &str = "/internal-backstage/features/";

/// Headers and parameters with one of these in their names hold secrets.
const SECRET_WORDS: [&str; 10] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passphrase",
    "password",
    "secret",
    "session",
    "signature",
    "token",
];

/// A path, `…` at its end if it was cut.
pub fn path(text: &str, is_cut: bool) -> String {
    let mut masked = String::with_capacity(text.len());
    let opaque_from = text.to_ascii_lowercase().find(TOKENS_PATH).map(|at| at + TOKENS_PATH.len());
    let (open, hidden) = text.split_at_checked(opaque_from.unwrap_or(text.len())).unwrap_or((text, ""));
    for segment in open.split_inclusive('/') {
        if let Some(token) = token_in(segment.trim_end_matches('/')) {
            masked.push_str(&token);
            return masked;
        }
        masked.push_str(segment);
    }
    if !hidden.is_empty() {
        masked.push_str(HIDDEN);
    } else if is_cut {
        masked.push('…');
    }
    masked
}

/// Path and query.
pub fn target(text: &str) -> String {
    let Some((before, query)) = text.split_once('?') else {
        return path(text, false);
    };
    let parameters: Vec<Cow<'_, str>> = query.split('&').map(parameter).collect();
    format!("{}?{}", path(before, false), parameters.join("&"))
}

fn parameter(text: &str) -> Cow<'_, str> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if token_in(name).is_some() {
        Cow::Borrowed(HIDDEN)
    } else if is_secret_name(&decoded(name)) || holds_token(value) {
        Cow::Owned(format!("{name}={HIDDEN}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether the name of a header or a parameter promises a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The value of a header whose name promises nothing.
pub fn header_value(value: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(value);
    if holds_token(&text) { Cow::Borrowed(HIDDEN) } else { text }
}

/// Whether any part of a text is in token grammar.
fn holds_token(text: &str) -> bool {
    let is_delimiter = |sign: char| sign.is_whitespace() || ",;&=?/\"'<>()[]{}|".contains(sign);
    text.split(is_delimiter).any(|part| token_in(part).is_some())
        || decoded(text).split(is_delimiter).any(|part| token_in(part).is_some())
}

/// The masked form of a piece that is a token.
fn token_in(piece: &str) -> Option<String> {
    let piece = decoded(piece);
    let masked = mask(&piece);
    if masked != HIDDEN {
        return Some(masked);
    }
    // Longer than any token, or with control characters, but of its shape.
    let (_, rest) = piece.split_once(':')?;
    rest.contains('.').then_some(masked)
}

/// Without percent escapes, of however many layers.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..LAYERS_MAX {
        match percent_decode(&text) {
            Some(inner) if inner != text => text = Cow::Owned(inner.into_owned()),
            _ => break,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_lose_tokens_and_what_follows() {
        let check = |text: &str, expected: &str| assert_eq!(path(text, false), expected, "{text}");
        check("/api/client/features", "/api/client/features");
        check("/api/client/features/check.out", "/api/client/features/check.out");
        check("/x/*:development.0123456789abcdef/y", "/x/*:development.0123****");
        check("/x/%2A%3Adevelopment%2E0123456789abcdef", "/x/*:development.0123****");
        check("/x/%252A%253Adevelopment%252e0123456789abcdef", "/x/*:development.0123****");
        check("/internal-backstage/features/opaque-secret", "/internal-backstage/features/****");
        check("/foo/Internal-Backstage/features/a/b", "/foo/Internal-Backstage/features/****");
        check("/internal-backstage/features", "/internal-backstage/features");
        check("/internal-backstage/features/", "/internal-backstage/features/");
        check(&format!("/*:dev.{}", "s".repeat(2000)), "/****");
        check("*", "*");
        assert_eq!(path("/api/client/fea", true), "/api/client/fea…");
    }

    #[test]
    fn queries_lose_tokens_and_secrets() {
        let check = |text: &str, expected: &str| assert_eq!(target(text), expected, "{text}");
        check("/a?namePrefix=x&userId=7", "/a?namePrefix=x&userId=7");
        check("/a?token=opaque", "/a?token=****");
        check("/a?Api%4Bey=opaque", "/a?Api%4Bey=****");
        check("/a?x=*:dev.hunter2hunter2hunter2", "/a?x=****");
        check("/a?x=Bearer%20*:dev.hunter2", "/a?x=****");
        check("/a?*:dev.hunter2", "/a?****");
        check("/*:dev.hunter2?y", "/*:dev.****?y");
        check("/a?", "/a?");
    }

    #[test]
    fn headers_lose_values_that_hold_tokens() {
        let check =
            |value: &str, expected: &str| assert_eq!(header_value(value.as_bytes()), expected, "{value}");
        check("text/html; q=0.8", "text/html; q=0.8");
        check("localhost:3063", "localhost:3063");
        check("http://127.0.0.1:4242/api", "http://127.0.0.1:4242/api");
        check("*:dev.hunter2", "****");
        check("http://h/x?t=*:dev.hunter2", "****");
        check("Bearer *:dev.hunter2", "****");
        check("a%3Ab%2Ehunter2", "****");
        for name in
            ["Authorization", "X-API-Key", "cookie", "Set-Cookie2", "x-unleash-TOKEN", "Proxy-Authorization"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["accept", "user-agent", "unleash-appname", "if-none-match", "traceparent"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_of_a_token_passes(
            before in "[a-z/]{0,10}", scope in "[a-z*]{1,5}:[a-z_-]{1,8}", secret in "[0-9]{6,70}", after in "[a-z/.?&=]{0,10}",
            encode in any::<bool>(), as_parameter in any::<bool>(),
        ) {
            let token = format!("{scope}.{secret}");
            let token = if encode { token.replace(':', "%3a").replace('.', "%2E") } else { token };
            let text = if as_parameter { format!("/{before}?p={token}&{after}") } else { format!("/{before}/{token}{after}") };
            let masked = target(&text);
            let shown: String = secret.chars().take(5).collect();
            prop_assert!(!masked.contains(&shown), "{text} -> {masked}");
            let value = header_value(text.as_bytes()).into_owned();
            prop_assert!(!value.contains(&secret), "{text} -> {value}");
        }
    }
}

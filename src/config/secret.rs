//! Values that must never be printed: tokens, passwords, and URLs with credentials in them.
//!
//! `Debug` shows a mask for all of them, so that a configuration can be logged as a whole. The mask of a
//! token keeps project and environment (tokens.md 10.1); anything else is hidden altogether.

use std::fmt;

use url::Url;

const MASK: &str = "****";
/// Secrets shorter than this show nothing: four characters of a short one would be too much of it.
const SECRET_CHARS_MIN_SHOWN: usize = 16;
const SHOWN_CHARS: usize = 4;

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for use and not for print.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked_token(&self.0))
    }
}

/// A URL that may hold credentials; printed without them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Wraps `url`.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL with its credentials, for use and not for print.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        if url.password().is_some() {
            // Fails only for URLs that cannot have a password.
            let _ = url.set_password(Some(MASK));
        }
        // A query may hold credentials as well (`?password=`), and nobody needs it in a log.
        url.set_query(None);
        f.write_str(url.as_str())
    }
}

/// The printable form of a token: `project:environment.` and at most four characters of a long secret;
/// `****` for a text that is no token.
pub fn masked_token(text: &str) -> String {
    let Some((scope, secret)) = split_secret(text) else {
        return MASK.to_owned();
    };
    if secret.chars().count() < SECRET_CHARS_MIN_SHOWN {
        return format!("{scope}.{MASK}");
    }
    let shown: String = secret.chars().take(SHOWN_CHARS).collect();
    format!("{scope}.{shown}{MASK}")
}

/// Splits at the first `.` after the first `:`, if there is one before any second `:`.
fn split_secret(text: &str) -> Option<(&str, &str)> {
    let colon = text.find(':')?;
    let (_, rest) = text.split_at_checked(colon + 1)?;
    let dot = rest.find('.')?;
    let scope_ends = colon + 1 + dot;
    (!rest.get(..dot)?.contains(':')).then_some(())?;
    Some((text.get(..scope_ends)?, text.get(scope_ends + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks() {
        fn check(text: &str, masked: &str) {
            assert_eq!(masked_token(text), masked, "{text}");
            assert_eq!(format!("{:?}", Secret::new(text)), masked);
        }
        check("*:development.0123456789abcdef", "*:development.0123****");
        check("*:development.0123456789abcde", "*:development.****");
        check("*:my_env.supersecret123", "*:my_env.****");
        check("p:e.", "p:e.****");
        check("a:b:c.d", "****");
        check("hunter2", "****");
        check("", "****");
    }

    #[test]
    fn a_url_is_printed_without_credentials() {
        let url = |text: &str| format!("{:?}", SecretUrl::new(Url::parse(text).unwrap()));
        assert_eq!(url("redis://me:hunter2@host:1/3"), "redis://me:****@host:1/3");
        assert_eq!(url("redis://host"), "redis://host");
        assert_eq!(url("https://host/p?password=hunter2"), "https://host/p");
    }

    proptest! {
        #[test]
        fn at_most_four_characters_of_a_secret_are_shown(secret in "[a-z0-9:._]{0,40}") {
            let masked = masked_token(&format!("p:e.{secret}"));
            let shown = masked.strip_prefix("p:e.").and_then(|rest| rest.strip_suffix("****"));
            prop_assert!(shown.is_some_and(|shown| shown.len() <= 4));
        }
    }
}

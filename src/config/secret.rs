//! Values that must never be printed: tokens, passwords, and URLs with credentials in them.
//!
//! `Debug` shows a mask for all of them, so that a configuration can be logged as a whole. The mask of a
//! token keeps project and environment (tokens.md 10.1); anything else is hidden altogether.

use std::fmt;

use url::Url;

use crate::tokens::mask::{HIDDEN, mask};

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
        f.write_str(&mask(&self.0))
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
            let _ = url.set_password(Some(HIDDEN));
        }
        // A query may hold credentials as well (`?password=`), and nobody needs it in a log.
        url.set_query(None);
        f.write_str(url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_printed_masked() {
        let printed = |text: &str| format!("{:?}", Secret::new(text));
        assert_eq!(printed("*:development.0123456789abcdef"), "*:development.0123****");
        assert_eq!(printed("hunter2"), "****");
    }

    #[test]
    fn a_url_is_printed_without_credentials() {
        let url = |text: &str| format!("{:?}", SecretUrl::new(Url::parse(text).unwrap()));
        assert_eq!(url("redis://me:hunter2@host:1/3"), "redis://me:****@host:1/3");
        assert_eq!(url("redis://host"), "redis://host");
        assert_eq!(url("https://host/p?password=hunter2"), "https://host/p");
    }
}

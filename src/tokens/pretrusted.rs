//! The two forms of `--pretrusted-tokens` (tokens.md 5).
//!
//! Such tokens work on frontend and proxy routes without upstream's word, and are never revalidated.

use thiserror::Error;

use super::{
    limits::TOKEN_BYTES_MAX,
    mask::{HIDDEN, mask},
    scope::{Projects, Scope},
    token::Token,
};

/// A frontend token that is accepted without asking.
#[derive(Clone, PartialEq, Eq)]
pub struct Pretrusted {
    /// The exact text a request must present.
    secret: String,
    scope: Scope,
}

/// The text has neither form. The message is that of the reference, without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "Could not parse edge token: Trusted tokens must either match the existing Unleash token format or \
     they must be {{string}}@{{environment}}"
)]
pub struct PretrustedError;

impl Pretrusted {
    /// Reads token grammar first, then `secret@environment` with exactly one `@`.
    ///
    /// Both halves of the second form must be there (own rule): an empty secret matches nothing.
    pub fn parse(text: &str) -> Result<Self, PretrustedError> {
        if let Ok(token) = Token::parse(text) {
            return Ok(Self { secret: token.text().into(), scope: token.scope() });
        }
        let (secret, environment) = legacy(text.trim_ascii()).ok_or(PretrustedError)?;
        let scope = Scope { environment: Some(environment.into()), projects: Projects::All };
        Ok(Self { secret: secret.into(), scope })
    }

    /// What a request must present. Never print it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What it may see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// For lists: by grammar, or hidden whole.
    pub fn masked(&self) -> String {
        mask(&self.secret)
    }
}

fn legacy(text: &str) -> Option<(&str, &str)> {
    let (secret, environment) = text.split_once('@')?;
    let well_formed = !secret.is_empty()
        && !environment.is_empty()
        && !environment.contains('@')
        && text.len() <= TOKEN_BYTES_MAX
        && !text.chars().any(char::is_control);
    well_formed.then_some((secret.trim_ascii(), environment.trim_ascii()))
}

impl std::fmt::Debug for Pretrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pretrusted").field("secret", &HIDDEN).field("scope", &self.scope).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, &[&str])>) {
        let read = Pretrusted::parse(text).ok();
        let actual = read.as_ref().map(|read| {
            (
                read.secret(),
                read.scope.environment.as_deref().unwrap_or_default(),
                read.scope.projects.names(),
            )
        });
        assert_eq!(
            actual,
            expected.map(|(secret, name, projects)| (secret, name, projects.to_vec())),
            "{text}"
        );
    }

    #[test]
    fn reads_both_forms() {
        check("*:development.shop1", Some(("*:development.shop1", "development", &["*"])));
        check("[]:dev.x", Some(("[]:dev.x", "dev", &[])));
        check(" secret@production ", Some(("secret", "production", &["*"])));
        check("a:b.c@d", Some(("a:b.c@d", "b", &["a"])));
    }

    #[test]
    fn refuses_anything_else() {
        for text in ["", "secret", "a@b@c", "@dev", "secret@", "sec\u{1}ret@dev"] {
            check(text, None);
        }
    }

    #[test]
    fn nothing_of_the_secret_is_printed() {
        let read = Pretrusted::parse("legacy-secret-0123456789@dev").expect("legacy form");
        assert!(!format!("{read:?}").contains("legacy"));
        assert_eq!(read.masked(), "****");
        assert!(!PretrustedError.to_string().contains("legacy"));
    }
}

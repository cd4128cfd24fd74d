//! The shape of tokens on the command line (tokens.md 1 and 5).
//!
//! Only a yes or no and the pieces needed for start-up checks; the token type itself lives in `tokens`.

use super::secret::Secret;

const TOKEN_BYTES_MAX: usize = 512;

/// Whether `text`, already trimmed, has the grammar `project:environment.secret`.
pub fn token_grammar(text: &str) -> bool {
    pieces(text).is_some()
}

/// Project part and environment of a text with the token grammar.
pub fn pieces(text: &str) -> Option<(&str, &str)> {
    if text.len() > TOKEN_BYTES_MAX || text.chars().any(char::is_control) {
        return None;
    }
    let mut parts = text.split(':');
    let project = parts.next()?;
    let (environment, _) = parts.next()?.split_once('.')?;
    Some((project, environment))
}

/// A frontend token that is accepted without asking upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pretrusted {
    /// A text with the token grammar; environment and project come from it.
    Token(Secret),
    /// `secret@environment`: the secret alone is what clients send; all projects of the environment.
    Legacy {
        /// What clients send.
        secret: Secret,
        /// The environment it opens.
        environment: String,
    },
}

impl Pretrusted {
    /// Reads one element of `--pretrusted-tokens`, already trimmed; the token grammar is tried first.
    pub fn parse(text: &str) -> Option<Self> {
        if token_grammar(text) {
            return Some(Self::Token(Secret::new(text)));
        }
        let (secret, environment) = text.split_once('@')?;
        let legal = !secret.is_empty()
            && !environment.is_empty()
            && !environment.contains('@')
            && text.len() <= TOKEN_BYTES_MAX
            && !text.chars().any(char::is_control);
        legal.then(|| Self::Legacy { secret: Secret::new(secret), environment: environment.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        fn check(text: &str, legal: bool) {
            assert_eq!(token_grammar(text), legal, "{text:?}");
        }
        for text in ["*:development.abc", "[]:development.abc", "*:dev.x.y.z", "a:b.c:d", ":.", "p:e.s e"] {
            check(text, true);
        }
        for text in ["a:b:c.d", "x.y:z", "abc", "Bearer x", "", "a:b.\u{7}"] {
            check(text, false);
        }
        check("Bearer *:development.abc", true);
        check(&format!("a:b.{}", "x".repeat(508)), true);
        check(&format!("a:b.{}", "x".repeat(509)), false);
    }

    #[test]
    fn pretrusted() {
        let token = |text: &str| Some(Pretrusted::Token(Secret::new(text)));
        let legacy = |secret: &str, environment: &str| {
            Some(Pretrusted::Legacy { secret: Secret::new(secret), environment: environment.to_owned() })
        };
        assert_eq!(Pretrusted::parse("*:development.shop1"), token("*:development.shop1"));
        assert_eq!(Pretrusted::parse("a:b.c@d"), token("a:b.c@d"));
        assert_eq!(Pretrusted::parse("shop@production"), legacy("shop", "production"));
        for text in ["shop", "a@b@c", "@b", "a@", ""] {
            assert_eq!(Pretrusted::parse(text), None, "{text:?}");
        }
    }
}

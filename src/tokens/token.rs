//! One API token in token grammar (tokens.md 1), and why a text is none.
//!
//! A [`Token`] is a checked text: `project:environment.secret`. It says nothing about validity. The
//! secret leaves only through [`Token::text`]; `Display` shows the masked form of tokens.md 10.1 and
//! `Debug` project, environment and a short fingerprint that lets log lines be matched.

use std::{fmt, sync::Arc};

use siphasher::sip128::SipHasher13;
use thiserror::Error;

use super::{
    limits::TOKEN_BYTES_MAX,
    mask::{HIDDEN, masked_secret},
    scope::{Projects, Scope},
};

/// A text in token grammar, trimmed; two tokens are equal iff the texts are.
///
/// Cheap to clone, and may cross threads.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    text: Arc<str>,
    /// Bytes before the first `:`.
    project_len: u16,
    /// Bytes between that `:` and the next `.`.
    environment_len: u16,
}

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Longer than [`TOKEN_BYTES_MAX`] (own rule).
    TooLong,
    /// Holds a control character (own rule).
    ControlCharacter,
    /// Not UTF-8.
    NotText,
    /// No `:`, or no `.` in the piece after the first `:`.
    Grammar,
}

/// The text is not in token grammar. The message is that of the command line, secret masked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Could not parse edge token: {masked}")]
pub struct TokenError {
    /// Masked text, safe to print: a text without grammar shows nothing of itself.
    pub masked: &'static str,
    /// Which rule it breaks.
    pub reason: Malformed,
}

impl Token {
    /// Reads a text by the grammar of tokens.md 1, blanks around it ignored.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim_ascii();
        pieces(text)
            .map(|(project_len, environment_len)| Self { text: text.into(), project_len, environment_len })
            .map_err(|reason| TokenError { masked: HIDDEN, reason })
    }

    /// Reads a header value: bytes that should be text.
    pub fn from_header(value: &[u8]) -> Result<Self, TokenError> {
        let text = std::str::from_utf8(value)
            .map_err(|_| TokenError { masked: HIDDEN, reason: Malformed::NotText })?;
        Self::parse(text)
    }

    /// The whole text, secret included. Never print it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the first `:`: `*`, `[]`, or one project.
    pub fn project_part(&self) -> &str {
        self.piece(0, self.project_len.into())
    }

    /// The environment named in the text; upstream's word beats it.
    pub fn environment(&self) -> &str {
        self.piece(self.environment_start(), self.environment_len.into())
    }

    /// The scope the text claims; `[]` is [`Projects::Named`] with nothing in it.
    pub fn scope(&self) -> Scope {
        Scope { environment: Some(self.environment().into()), projects: self.projects() }
    }

    fn projects(&self) -> Projects {
        match self.project_part() {
            "[]" => Projects::from_names::<&str>([]),
            project => Projects::from_names([project]),
        }
    }

    fn secret(&self) -> &str {
        let start = self.environment_start() + usize::from(self.environment_len) + 1;
        self.text.get(start..).unwrap_or_default()
    }

    fn environment_start(&self) -> usize {
        usize::from(self.project_len) + 1
    }

    fn piece(&self, start: usize, len: usize) -> &str {
        self.text.get(start..start + len).unwrap_or_default()
    }

    /// 24 bits of a fixed-key hash: enough to match log lines, useless to find the secret.
    fn fingerprint(&self) -> u64 {
        SipHasher13::new().hash(self.text.as_bytes()).h1 & 0xff_ffff
    }
}

/// Lengths of the project part and the environment.
fn pieces(text: &str) -> Result<(u16, u16), Malformed> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(Malformed::ControlCharacter);
    }
    let (project, rest) = text.split_once(':').ok_or(Malformed::Grammar)?;
    let second = rest.split_once(':').map_or(rest, |(second, _)| second);
    let (environment, _) = second.split_once('.').ok_or(Malformed::Grammar)?;
    Ok((len16(project)?, len16(environment)?))
}

fn len16(piece: &str) -> Result<u16, Malformed> {
    u16::try_from(piece.len()).map_err(|_| Malformed::TooLong)
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = masked_secret(self.secret());
        write!(f, "{}:{}.{secret}", self.project_part(), self.environment())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}:{}.#{:06x})", self.project_part(), self.environment(), self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str, &[&str]), Malformed>) {
        let token = Token::parse(text);
        let scopes = token.as_ref().map(Token::scope).map_err(|error| error.reason);
        let actual = match (&token, &scopes) {
            (Ok(token), Ok(scope)) => Ok((token.project_part(), token.environment(), scope.projects.names())),
            (_, Err(reason)) => Err(*reason),
            (Err(error), _) => Err(error.reason),
        };
        assert_eq!(
            actual,
            expected.map(|(part, name, projects)| (part, name, projects.to_vec())),
            "{text:?}"
        );
    }

    #[test]
    fn reads_the_grammar_of_the_contract() {
        check("*:development.abc", Ok(("*", "development", &["*"])));
        check("p1:production.abc", Ok(("p1", "production", &["p1"])));
        check("[]:development.abc", Ok(("[]", "development", &[])));
        check("*:dev.x.y.z", Ok(("*", "dev", &["*"])));
        check("a:b.c:d", Ok(("a", "b", &["a"])));
        check(":.", Ok(("", "", &[""])));
        check("p:e.", Ok(("p", "e", &["p"])));
        check("p:e.s e", Ok(("p", "e", &["p"])));
        check("  \t*:development.abc\r\n", Ok(("*", "development", &["*"])));
        check("Bearer *:development.abc", Ok(("Bearer *", "development", &["Bearer *"])));
        check("prøject:miljø.s", Ok(("prøject", "miljø", &["prøject"])));
    }

    #[test]
    fn refuses_what_is_no_token() {
        for text in ["a:b:c.d", "x.y:z", "abc", "Bearer x", "", "  ", ":", ".", "secret@development"] {
            check(text, Err(Malformed::Grammar));
        }
        check("*:dev.a\u{0}b", Err(Malformed::ControlCharacter));
        check("*:dev.a\u{85}b", Err(Malformed::ControlCharacter));
        check("*:d\nev.ab", Err(Malformed::ControlCharacter));
    }

    #[test]
    fn length_is_bounded_after_trimming() {
        let longest = format!("*:dev.{}", "s".repeat(TOKEN_BYTES_MAX - 6));
        check(&format!("  {longest}  "), Ok(("*", "dev", &["*"])));
        check(&format!("{longest}s"), Err(Malformed::TooLong));
    }

    #[test]
    fn a_header_that_is_no_text_is_no_token() {
        assert_eq!(Token::from_header(b"*:dev.\xff").map_err(|e| e.reason), Err(Malformed::NotText));
        assert!(Token::from_header(b" *:dev.abc ").is_ok());
    }

    #[test]
    fn the_error_hides_the_text() {
        let error = Token::parse("very-secret-thing").expect_err("no grammar");
        assert_eq!(error.to_string(), "Could not parse edge token: ****");
        assert!(!format!("{error:?}").contains("very-secret-thing"));
    }

    #[test]
    fn debug_shows_environment_project_and_a_fingerprint() {
        let debug = |text| format!("{:?}", Token::parse(text).expect("grammar"));
        let one = debug("p1:dev.0123456789abcdef0123");
        assert!(one.starts_with("Token(p1:dev.#") && one.len() == "Token(p1:dev.#123456)".len(), "{one}");
        assert_ne!(one, debug("p1:dev.0123456789abcdef0124"));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_keeps_the_trimmed_text(text in any::<String>()) {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(token.text(), text.trim_ascii());
                let prefix = format!("{}:{}.", token.project_part(), token.environment());
                prop_assert!(token.text().starts_with(&prefix));
                prop_assert_eq!(Token::parse(token.text()), Ok(token.clone()));
            }
        }

        #[test]
        fn what_is_composed_is_read_back(project in "[^:\\pC]{0,20}", name in "[^:.\\pC]{0,20}", secret in "[^\\pC]{0,40}") {
            let text = format!("{project}:{name}.{secret}");
            let token = Token::parse(&text).expect("composed by the grammar");
            prop_assert_eq!(token.project_part(), project.trim_ascii_start());
            prop_assert_eq!(token.environment(), name);
        }
    }
}

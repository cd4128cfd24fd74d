//! A token on the wire and in the backup (tokens.md 2, persistence.md 2.1).
//!
//! Reading is lenient in spelling and strict in words: `client`, `CLIENT` and `backend` are one kind, an
//! unknown kind makes the whole document unreadable, as in Unleash Edge 20.4. Writing always says
//! `backend`. These are wire types: they hold texts as received and decide nothing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{mask::mask, table::TokenKind};

/// One entry of a validation answer or of `unleash_tokens.json`. Unknown keys are ignored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// The full text.
    pub token: String,
    /// What it may be used for; null or absent where the server does not say.
    #[serde(rename = "type", default)]
    pub kind: Option<KindWord>,
    /// Beats the environment in the text; null or absent where the server does not say.
    #[serde(default)]
    pub environment: Option<String>,
    /// Authoritative list of projects.
    pub projects: Vec<String>,
    /// Ignored in validation answers: what is listed is validated.
    #[serde(default, deserialize_with = "lenient_status")]
    pub status: Status,
}

/// The words of `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindWord {
    /// Client API; also read as `client`.
    #[serde(alias = "client", alias = "CLIENT", alias = "BACKEND")]
    Backend,
    /// Frontend API.
    #[serde(alias = "FRONTEND")]
    Frontend,
    /// Admin API of Unleash; nothing here.
    #[serde(alias = "ADMIN")]
    Admin,
    /// Refused; occurs in backups of Unleash Edge.
    Invalid,
}

/// The words of `status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Parsed, nobody asked yet; also any word we do not know.
    Unknown,
    /// Upstream confirmed it; also a missing status.
    #[default]
    Validated,
    /// Upstream did not list it.
    Invalid,
    /// Pretrusted, or an opaque offline token.
    Trusted,
}

/// The envelope `{"tokens":[…]}` of validation answers, ours and upstream's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// In the order of the wire.
    pub tokens: Vec<TokenRecord>,
}

impl KindWord {
    /// The kind, unless the word is `invalid`.
    pub fn kind(self) -> Option<TokenKind> {
        match self {
            Self::Backend => Some(TokenKind::Backend),
            Self::Frontend => Some(TokenKind::Frontend),
            Self::Admin => Some(TokenKind::Admin),
            Self::Invalid => None,
        }
    }
}

impl TokenKind {
    /// The word to write; untyped tokens are written as null.
    pub fn word(self) -> Option<KindWord> {
        match self {
            Self::Backend => Some(KindWord::Backend),
            Self::Frontend => Some(KindWord::Frontend),
            Self::Admin => Some(KindWord::Admin),
            Self::Untyped => None,
        }
    }
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("token", &mask(&self.token))
            .field("kind", &self.kind)
            .field("environment", &self.environment)
            .field("projects", &self.projects)
            .field("status", &self.status)
            .finish()
    }
}

/// Null counts as missing; a word we do not know is [`Status::Unknown`], which nothing trusts. Neither
/// is worth losing a whole validation answer for.
fn lenient_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(match word.as_deref() {
        None | Some("Validated") => Status::Validated,
        Some("Invalid") => Status::Invalid,
        Some("Trusted") => Status::Trusted,
        Some(_) => Status::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Option<KindWord>, environment: Option<&str>, status: Status) -> TokenRecord {
        TokenRecord {
            token: "*:dev.s".into(),
            kind,
            environment: environment.map(Into::into),
            projects: vec!["*".into()],
            status,
        }
    }

    #[track_caller]
    fn check_reads(fields: &str, expected: &TokenRecord) {
        let json = format!(r#"{{"token":"*:dev.s","projects":["*"]{fields}}}"#);
        assert_eq!(serde_json::from_str::<TokenRecord>(&json).ok().as_ref(), Some(expected), "{json}");
    }

    #[test]
    fn reads_every_spelling_of_a_kind() {
        let words = [
            ("backend", KindWord::Backend),
            ("client", KindWord::Backend),
            ("CLIENT", KindWord::Backend),
            ("BACKEND", KindWord::Backend),
            ("frontend", KindWord::Frontend),
            ("FRONTEND", KindWord::Frontend),
            ("admin", KindWord::Admin),
            ("ADMIN", KindWord::Admin),
            ("invalid", KindWord::Invalid),
        ];
        for (word, kind) in words {
            let expected = record(Some(kind), None, Status::Validated);
            check_reads(&format!(r#","type":"{word}""#), &expected);
        }
    }

    #[test]
    fn reads_missing_and_null_fields() {
        check_reads("", &record(None, None, Status::Validated));
        let nulls = r#","type":null,"environment":null,"status":null,"createdAt":1"#;
        check_reads(nulls, &record(None, None, Status::Validated));
        check_reads(r#","environment":"prod""#, &record(None, Some("prod"), Status::Validated));
    }

    #[test]
    fn reads_the_status_words() {
        let words = [
            ("Validated", Status::Validated),
            ("Invalid", Status::Invalid),
            ("Unknown", Status::Unknown),
            ("Trusted", Status::Trusted),
            ("revoked", Status::Unknown),
        ];
        for (word, status) in words {
            check_reads(&format!(r#","status":"{word}""#), &record(None, None, status));
        }
    }

    #[test]
    fn an_unknown_kind_or_missing_projects_spoil_the_answer() {
        let good = r#"{"token":"*:dev.a","type":"client","projects":["*"]}"#;
        for bad in [
            r#"{"token":"*:dev.b","type":"wildcard","projects":["*"]}"#,
            r#"{"token":"*:dev.b","type":"INVALID","projects":["*"]}"#,
            r#"{"token":"*:dev.b","type":"client"}"#,
            r#"{"token":"*:dev.b","type":"client","projects":null}"#,
            r#"{"type":"client","projects":["*"]}"#,
        ] {
            let answer = format!(r#"{{"tokens":[{good},{bad}]}}"#);
            assert!(serde_json::from_str::<TokenList>(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn writes_the_form_of_the_reference() {
        let json = |record| serde_json::to_string(&record).expect("no map keys, no foreign types");
        assert_eq!(
            json(record(Some(KindWord::Backend), Some("dev"), Status::Validated)),
            r#"{"token":"*:dev.s","type":"backend","environment":"dev","projects":["*"],"status":"Validated"}"#
        );
        assert_eq!(
            json(record(None, None, Status::Trusted)),
            r#"{"token":"*:dev.s","type":null,"environment":null,"projects":["*"],"status":"Trusted"}"#
        );
    }

    #[test]
    fn debug_hides_the_secret() {
        let mut record = record(None, None, Status::Validated);
        record.token = "*:dev.0123456789abcdefghij".into();
        let list = TokenList { tokens: vec![record] };
        let printed = format!("{list:?}");
        assert!(printed.contains("*:dev.0123****") && !printed.contains("456789"), "{printed}");
    }
}

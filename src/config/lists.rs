//! Files of tokens, read again while the program runs (SIGHUP).
//!
//! The same grammar as at the start: tokens with commas or line ends between them. A file that cannot be read, or holds
//! anything that is no token, or no start-up token at all, is refused as a whole; texts in messages are masked.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    lower::files::{elements, read_bounded},
    secret::Secret,
    settings::TokenFiles,
};
use crate::tokens::{pretrusted::Pretrusted, token::Token};

/// What the files hold now. `None`: there is no such file, what is in force stays.
#[derive(Debug, Default)]
pub struct TokenLists {
    /// Start-up tokens.
    pub startup: Option<Vec<Token>>,
    /// Pretrusted tokens.
    pub pretrusted: Option<Vec<Pretrusted>>,
    /// The secret to request start-up tokens with.
    pub client_secret: Option<Secret>,
}

/// A file that is not taken over.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFile {
    path: PathBuf,
    problem: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

/// Reads all files; what is wrong with one does not keep the others from being taken over.
pub fn read(files: &TokenFiles) -> (TokenLists, Vec<BadFile>) {
    let mut bad = Vec::new();
    let lists = TokenLists {
        startup: take(&files.startup, &mut bad, startup),
        pretrusted: take(&files.pretrusted, &mut bad, pretrusted),
        client_secret: take(&files.client_secret, &mut bad, client_secret),
    };
    (lists, bad)
}

fn take<T>(
    path: &Option<PathBuf>,
    bad: &mut Vec<BadFile>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let path: &Path = path.as_deref()?;
    let text = read_bounded(path).map_err(|error| error.to_string());
    text.and_then(|text| read(&text)).map_err(|problem| bad.push(BadFile { path: path.into(), problem })).ok()
}

fn startup(text: &str) -> Result<Vec<Token>, String> {
    let tokens = list(text, |text| Token::parse(text).map_err(|error| error.to_string()))?;
    if tokens.is_empty() { Err("it holds no token".to_owned()) } else { Ok(tokens) }
}

fn pretrusted(text: &str) -> Result<Vec<Pretrusted>, String> {
    list(text, |text| Pretrusted::parse(text).map_err(|error| error.to_string()))
}

fn client_secret(text: &str) -> Result<Secret, String> {
    let text = text.trim_ascii();
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Secret::new(text)) }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    elements(text, &[',', '\n']).iter().map(|element| read(element)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content.as_bytes()).expect("it can be written");
        file
    }

    #[track_caller]
    fn check(content: &str, expected: Result<&[&str], &str>) {
        let file = file(content);
        let path = file.path().to_path_buf();
        let files = TokenFiles { startup: Some(path.clone()), ..TokenFiles::default() };
        let (lists, bad) = read(&files);
        let texts = lists.startup.as_ref().map(|tokens| tokens.iter().map(Token::text).collect::<Vec<_>>());
        match expected {
            Ok(expected) => assert_eq!((texts.as_deref(), bad.len()), (Some(expected), 0), "{content:?}"),
            Err(problem) => assert_eq!(bad, [BadFile { path, problem: problem.to_owned() }], "{content:?}"),
        }
    }

    #[test]
    fn a_list_is_taken_whole_or_not_at_all() {
        check("*:dev.a\n", Ok(&["*:dev.a"]));
        check(" *:dev.a, p:e.b\n\n,*:dev.c\r\n", Ok(&["*:dev.a", "p:e.b", "*:dev.c"]));
        check("", Err("it holds no token"));
        check("\n,\n", Err("it holds no token"));
        check("*:dev.a\nmy-secret", Err("Could not parse edge token: ****"));
    }

    #[test]
    fn each_file_counts_for_itself() {
        let (good, empty) = (file("secret@dev"), file(""));
        let files = TokenFiles {
            startup: Some("/nowhere/at/all".into()),
            pretrusted: Some(good.path().into()),
            client_secret: Some(empty.path().into()),
        };
        let (lists, bad) = read(&files);
        assert_eq!((lists.startup.is_none(), lists.pretrusted.map(|list| list.len())), (true, Some(1)));
        assert_eq!((lists.client_secret, bad.len()), (None, 2));
        let files = TokenFiles { pretrusted: Some(empty.path().into()), ..TokenFiles::default() };
        assert_eq!(read(&files).0.pretrusted, Some(Vec::new()), "the last pretrusted token may go");
    }
}

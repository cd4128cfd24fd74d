//! Header names and values that the command line chooses.

use http::{HeaderName, HeaderValue};

use super::reader::Reader;
use crate::{
    config::{
        option::Opt,
        options::{edge, program},
        problem::Reason,
    },
    tokens::mask::HIDDEN,
};

/// The headers that carry tokens, lower case.
pub struct AuthHeaders {
    /// From SDKs to us.
    pub edge: String,
    /// From us to upstream.
    pub upstream: String,
}

/// `--token-header` sets both and excludes the other two (cli.md 3.1).
pub fn auth_headers(reader: &mut Reader<'_>) -> AuthHeaders {
    reader.exclude(&program::TOKEN_HEADER, &program::EDGE_AUTH_HEADER);
    reader.exclude(&program::TOKEN_HEADER, &program::UPSTREAM_AUTH_HEADER);
    let both = name(reader, &program::TOKEN_HEADER);
    let edge = name(reader, &program::EDGE_AUTH_HEADER);
    let upstream = name(reader, &program::UPSTREAM_AUTH_HEADER);
    AuthHeaders {
        edge: both.clone().or(edge).unwrap_or_default(),
        upstream: both.or(upstream).unwrap_or_default(),
    }
}

fn name(reader: &mut Reader<'_>, option: &'static Opt) -> Option<String> {
    let text = reader.text(option)?;
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) => Some(name.as_str().to_owned()),
        Err(error) => {
            reader.reject(option, &text, Reason::Text(error.to_string()));
            None
        }
    }
}

/// A text that is sent as the value of a header.
pub fn value(reader: &mut Reader<'_>, option: &'static Opt) -> Option<String> {
    let text = reader.text(option)?;
    if HeaderValue::from_str(&text).is_err() {
        reader.reject(option, &text, Reason::Text("not a legal header value".to_owned()));
    }
    Some(text)
}

/// `--custom-client-headers`: a later header replaces an earlier one of the same name.
pub fn custom(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let option = &edge::CUSTOM_CLIENT_HEADERS;
    let mut headers: Vec<(String, String)> = Vec::new();
    for element in reader.list(option).unwrap_or_default() {
        match pair(&element) {
            Ok((name, value)) => match headers.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => headers.push((name, value)),
            },
            // The value may be a password: only the name is shown.
            Err(reason) => {
                let shown =
                    element.split_once(':').map_or(HIDDEN.to_owned(), |(name, _)| format!("{name}:{HIDDEN}"));
                reader.reject(option, &shown, Reason::Text(reason.to_owned()));
            }
        }
    }
    headers
}

fn pair(element: &str) -> Result<(String, String), &'static str> {
    let (name, value) =
        element.split_once(':').ok_or("Please pass headers in the format <headername>:<headervalue>")?;
    let (name, value) = (name.trim(), value.trim());
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "not a legal header name")?;
    HeaderValue::from_str(value).map_err(|_| "not a legal header value")?;
    Ok((name.as_str().to_owned(), value.to_owned()))
}

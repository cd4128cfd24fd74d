//! The request target (RFC 9112 3.2), split into path and query.

use std::fmt;

use super::refusal::Refusal;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Target<'b> {
    /// Path as received, percent-encoded; `*` for the asterisk form.
    pub path: &'b str,
    /// What follows the first `?`.
    pub query: Option<&'b str>,
}

/// Shows lengths only: a path or a query may hold a secret.
impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} bytes, query of {:?})", self.path.len(), self.query.map(str::len))
    }
}

impl<'b> Target<'b> {
    /// Reads origin-form, absolute-form and `*`; an authority (CONNECT) becomes a path that exists nowhere.
    pub fn parse(text: &'b str) -> Result<Self, Refusal> {
        if text.contains('#') {
            // A fragment is never sent (RFC 9110 4.2.5); whoever does has another idea of where the path ends.
            return Err(Refusal::Malformed);
        }
        let local = if text.starts_with('/') { text } else { without_authority(text) };
        let (path, query) = match local.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (local, None),
        };
        Ok(Self { path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// The part of an absolute URL behind its authority.
fn without_authority(text: &str) -> &str {
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| is_http(scheme)) else { return text };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.get(end..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split() {
        let check = |text, path, query| assert_eq!(Target::parse(text), Ok(Target { path, query }), "{text}");
        check("/", "/", None);
        check("/a/b?c=d?e", "/a/b", Some("c=d?e"));
        check("/a?", "/a", Some(""));
        check("http://host:80/a?b", "/a", Some("b"));
        check("http://host", "/", None);
        check("http://host?b", "/", Some("b"));
        check("*", "*", None);
        check("HTTPS://host/a", "/a", None);
        check("ftp://host/a", "ftp://host/a", None);
        check("a?b=http://h/api", "a", Some("b=http://h/api"));
        check("host:443", "host:443", None);
        check("//a//", "//a//", None);
        assert_eq!(Target::parse("/a#b"), Err(Refusal::Malformed));
    }
}

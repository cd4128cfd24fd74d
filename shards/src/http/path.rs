//! Paths and query strings: normalising, decoding, splitting (http-api.md 3.1 and RFC 3986).

use std::borrow::Cow;

/// A path ending thus keeps its slash: it is a folder of files.
const KEPT_FOLDER: &str = "/docs/openapi/";

/// A path in its one spelling, as Unleash Edge 20.4 has it: if it ends in a slash or has a double one, slashes at
/// both ends go, one comes back in front, and runs become one. Nothing is decoded, no dot segment resolved.
pub fn normalise(path: &str) -> Cow<'_, str> {
    if path.ends_with(KEPT_FOLDER) || !path.starts_with('/') || path == "/" {
        return Cow::Borrowed(path);
    }
    if !path.contains("//") {
        return Cow::Borrowed(path.strip_suffix('/').unwrap_or(path));
    }
    let mut normal = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        normal.push('/');
        normal.push_str(segment);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Cow::Owned(normal)
}

/// A path segment with its percent escapes resolved; `None` if the result is not UTF-8. What is no escape stays.
pub fn percent_decode(segment: &str) -> Option<Cow<'_, str>> {
    decode(segment, false)
}

/// A parameter is not UTF-8 once it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

/// The parameters of a query string, form-decoded: `+` is a blank, `%XX` a byte, what is no escape stays.
#[derive(Debug, Clone)]
pub struct Query<'q> {
    rest: Option<&'q str>,
}

impl<'q> Query<'q> {
    /// What follows the `?`.
    pub fn new(text: &'q str) -> Self {
        Self { rest: Some(text) }
    }
}

impl<'q> Iterator for Query<'q> {
    type Item = Result<(Cow<'q, str>, Cow<'q, str>), NotUtf8>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self.rest.take()?;
            let (pair, rest) = text.split_once('&').map_or((text, None), |(pair, rest)| (pair, Some(rest)));
            self.rest = rest;
            if !pair.is_empty() {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                return Some(decode(key, true).zip(decode(value, true)).ok_or(NotUtf8));
            }
        }
    }
}

fn decode(text: &str, plus_is_blank: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_blank && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(unescape(text, plus_is_blank)).ok().map(Cow::Owned)
}

fn unescape(text: &str, plus_is_blank: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (first, after) {
            (b'%', [high, low, beyond @ ..]) if let (Some(high), Some(low)) = (hex(*high), hex(*low)) => {
                rest = beyond;
                high << 4 | low
            }
            (b'+', _) if plus_is_blank => b' ',
            (other, _) => *other,
        });
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (path, normal) in [
            ("/", "/"),
            ("//", "/"),
            ("/api/client/features", "/api/client/features"),
            ("/api/client/features/", "/api/client/features"),
            ("//api//client///features", "/api/client/features"),
            ("/api/client/features//alpha", "/api/client/features/alpha"),
            ("/a/./b", "/a/./b"),
            ("/a%2F/b", "/a%2F/b"),
            ("/docs/openapi/", "/docs/openapi/"),
            ("/foo/docs/openapi/", "/foo/docs/openapi/"),
            ("*", "*"),
            ("api//client/features", "api//client/features"),
        ] {
            assert_eq!(normalise(path), normal, "{path}");
        }
    }

    #[test]
    fn escapes_are_resolved() {
        for (text, plain) in [
            ("al%70ha", Some("alpha")),
            ("a+b", Some("a+b")),
            ("%e6%97%A5", Some("\u{65e5}")),
            ("100%", Some("100%")),
            ("%4", Some("%4")),
            ("%zz%41", Some("%zzA")),
            ("%ff", None),
            ("", Some("")),
        ] {
            assert_eq!(percent_decode(text).as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn queries_are_split_and_decoded() {
        let check = |text: &str, pairs: &[(&str, &str)]| {
            let found: Vec<_> =
                Query::new(text).flatten().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
            let expected: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &[]);
        check("a=b&c=d", &[("a", "b"), ("c", "d")]);
        check("a&&b=", &[("a", ""), ("b", "")]);
        check("a=b=c", &[("a", "b=c")]);
        check("a+b=c%26d%3D", &[("a b", "c&d=")]);
        assert_eq!(Query::new("a=b&c=%ff").last(), Some(Err(NotUtf8)));
        check("=x", &[("", "x")]);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(path in "/[/a%.]{0,20}") {
            let once = normalise(&path).into_owned();
            prop_assert_eq!(normalise(&once).into_owned(), once);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (normalise(&text), percent_decode(&text), Query::new(&text).count());
        }
    }
}

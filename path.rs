//! Path normalisation before routing, as Unleash Edge 20.4 does it.
//!
//! Only slashes are touched. Case, dot segments and `%2F` stay as they are, so `/API/…` and `/api/./…` are unknown
//! paths. The query is no part of this.

use std::borrow::Cow;

/// A path with this ending is left alone: it is the address of a page with relative links.
const EXEMPT_ENDING: &str = "/docs/openapi/";

/// A path that ends in a slash or contains two in a row gets one leading slash, none at the end and single ones
/// between. Any other path, and one that does not begin with a slash (`*`, `host:port`), is returned as it is.
///
/// Allocates only when slashes inside the path have to go.
pub fn normalise(path: &str) -> Cow<'_, str> {
    if !path.starts_with('/') || path.ends_with(EXEMPT_ENDING) || is_normal(path) {
        return Cow::Borrowed(path);
    }
    let core = path.trim_matches('/');
    if has_double_slash(core) {
        return Cow::Owned(squeezed(core));
    }
    // The slash in front is the last of the leading ones.
    let leading = path.len() - path.trim_start_matches('/').len();
    let start = leading.saturating_sub(1);
    let end = (leading + core.len()).min(path.len());
    Cow::Borrowed(if core.is_empty() { "/" } else { path.get(start..end).unwrap_or(path) })
}

fn is_normal(path: &str) -> bool {
    path == "/" || (!path.ends_with('/') && !has_double_slash(path))
}

fn has_double_slash(path: &str) -> bool {
    path.as_bytes().windows(2).any(|pair| pair == b"//")
}

fn squeezed(core: &str) -> String {
    let mut path = String::with_capacity(core.len() + 1);
    for segment in core.split('/').filter(|segment| !segment.is_empty()) {
        path.push('/');
        path.push_str(segment);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(path: &str, expected: &str, borrowed: bool) {
        let found = normalise(path);
        assert_eq!(found, expected, "{path:?}");
        assert_eq!(matches!(found, Cow::Borrowed(_)), borrowed, "{path:?}");
    }

    #[test]
    fn slashes_are_reduced() {
        check("/", "/", true);
        check("/api/client/features", "/api/client/features", true);
        check("/api/client/features/", "/api/client/features", true);
        check("/api/client/features///", "/api/client/features", true);
        check("//api/client/features", "/api/client/features", true);
        check("///api//", "/api", true);
        check("//api//client///features", "/api/client/features", false);
        check("/api/client/features//alpha", "/api/client/features/alpha", false);
        check("//", "/", true);
        check("////", "/", true);
    }

    #[test]
    fn nothing_else_is_touched() {
        for path in ["/API", "/api/./a", "/a/../b", "/a%2F%2Fb", "*", "", "host:443", "api/", "a//b", "/\u{e9}"] {
            check(path, path, true);
        }
        check("/docs/openapi/", "/docs/openapi/", true);
        check("//foo//docs/openapi/", "//foo//docs/openapi/", true);
        check("/docs/openapi//", "/docs/openapi", true);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn normal_paths_stay_and_others_become_normal(path in "/(/|[a-c\u{e9}])*") {
            let once = normalise(&path).into_owned();
            prop_assert!(is_normal(&once));
            prop_assert_eq!(normalise(&once), once.as_str());
            prop_assert_eq!(once.replace('/', ""), path.replace('/', ""));
        }
    }
}

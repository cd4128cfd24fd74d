//! Upstream's addresses: the base and what is appended to it, and which redirects stay at home.
//!
//! upstream.md 2: a path prefix is kept, trailing slashes are stripped, an `/api` suffix is used as given.
//! Credentials in the URL become basic `Authorization`, unless a token or custom header replaces it; the
//! HTTP client does that, so the texts here must never be printed.

use url::Url;

use super::error::ClientError;

/// The base URL without trailing slashes.
#[derive(Clone)]
pub(super) struct Base {
    url: Url,
    prefix: String,
}

impl Base {
    /// Accepts `http` and `https` URLs with a host.
    pub(super) fn new(url: &Url) -> Result<Self, ClientError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ClientError::Url { problem: "neither http nor https" });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(ClientError::Url { problem: "has no host" });
        }
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { url, prefix })
    }

    /// The base itself.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The address of a call; `path` starts with a slash.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.prefix));
        url
    }

    /// Whether the operator may have copied the address of an SDK, which ends in `/api`.
    pub(super) fn ends_in_api(&self) -> bool {
        self.prefix.ends_with("/api")
    }
}

/// Where a redirect leads, if it stays at the same origin (scheme, host and port).
///
/// `Err` holds the reason, fit to be shown: origins only, no path, no credentials.
pub(super) fn redirect_target(from: &Url, location: Option<&str>) -> Result<Url, String> {
    let location = location.ok_or("redirect without Location")?;
    let target = from.join(location).map_err(|_| "redirect to something that is not a URL")?;
    if target.origin() == from.origin() {
        return Ok(target);
    }
    Err(format!("redirect to another origin not followed: {}", target.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Result<Base, ClientError> {
        Base::new(&Url::parse(text).unwrap())
    }

    #[test]
    fn prefix_is_kept_and_slashes_are_not_doubled() {
        let cases = [
            ("http://h", "http://h/edge/validate"),
            ("http://h/", "http://h/edge/validate"),
            ("http://h//", "http://h/edge/validate"),
            ("http://h:4242/base", "http://h:4242/base/edge/validate"),
            ("http://h/base/", "http://h/base/edge/validate"),
            ("http://h/a/b///", "http://h/a/b/edge/validate"),
            ("https://h/api", "https://h/api/edge/validate"),
            ("http://h/base?x=1#f", "http://h/base/edge/validate"),
            ("http://[::1]:80/", "http://[::1]/edge/validate"),
        ];
        for (given, expected) in cases {
            assert_eq!(base(given).unwrap().join("/edge/validate").as_str(), expected, "{given}");
        }
    }

    #[test]
    fn api_suffix_is_noticed() {
        for (given, expected) in [
            ("http://h/api", true),
            ("http://h/x/api/", true),
            ("http://h/apis", false),
            ("http://api", false),
        ] {
            assert_eq!(base(given).unwrap().ends_in_api(), expected, "{given}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for given in ["ftp://h", "unix:/run/x", "file:///x"] {
            assert!(matches!(base(given), Err(ClientError::Url { .. })), "{given}");
        }
    }

    #[track_caller]
    fn check_redirect(location: &str, expected: Result<&str, &str>) {
        let from = Url::parse("http://u:pw@h:4242/base/api/client/features").unwrap();
        let target = redirect_target(&from, Some(location));
        assert_eq!(target.as_ref().map(Url::path).map_err(String::as_str), expected, "{location}");
    }

    #[test]
    fn redirects_stay_at_home() {
        check_redirect("/x", Ok("/x"));
        check_redirect("x", Ok("/base/api/client/x"));
        check_redirect("http://h:4242/y?z=1", Ok("/y"));
        check_redirect("http://H:4242/y", Ok("/y"));
        check_redirect("//h:4242/y", Ok("/y"));
        check_redirect("http://h/y", Err("redirect to another origin not followed: http://h"));
        check_redirect("https://h:4242/y", Err("redirect to another origin not followed: https://h:4242"));
        check_redirect("//evil:4242/s?k=1", Err("redirect to another origin not followed: http://evil:4242"));
        check_redirect("http://h:4242@evil/", Err("redirect to another origin not followed: http://evil"));
        check_redirect("http://[", Err("redirect to something that is not a URL"));
        check_redirect("data:text/plain,x", Err("redirect to another origin not followed: null"));
    }
}

//! The headers of upstream calls and who wins (upstream.md 3.1).
//!
//! A custom header replaces everything of its name, the token and the user agent included. All values that
//! may be secrets are marked sensitive, so that no debug print shows them.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, USER_AGENT},
};

use super::error::{CallError, ClientError, Flag};
use crate::config::settings;

/// Version of the client specification that the engine implements.
const CLIENT_SPEC: &str = "6.1.0";

/// Must start with `unleash-edge`.
pub(super) const USER_AGENT_TEXT: &str = concat!("unleash-edge-20.4.1 brink/", env!("CARGO_PKG_VERSION"));

const CUSTOM: Flag = Flag { flag: "--custom-client-headers", variable: "CUSTOM_CLIENT_HEADERS" };
const APP_NAME: Flag = Flag { flag: "--app-name", variable: "APP_NAME" };
const AUTH_HEADER: Flag = Flag { flag: "--upstream-auth-header", variable: "UPSTREAM_AUTH_HEADER" };

/// Header sets of all calls, made once.
#[derive(Clone)]
pub(super) struct Headers {
    /// What every call says about us.
    fixed: HeaderMap,
    /// The operator's headers: inserted last, so that they win.
    custom: HeaderMap,
    token_name: HeaderName,
}

impl Headers {
    /// Checks names and values once, so that no call can fail on them.
    pub(super) fn new(settings: &settings::Upstream) -> Result<Self, ClientError> {
        let token_name = HeaderName::from_bytes(settings.auth_header.as_bytes())
            .map_err(|_| refused(AUTH_HEADER, &settings.auth_header, "has an illegal name"))?;
        Ok(Self { fixed: fixed(settings)?, custom: custom(&settings.custom_headers)?, token_name })
    }

    /// The headers of one call: fixed ones, then the token, then `own`, then custom ones over all of them.
    pub(super) fn assemble(
        &self,
        token: Option<&str>,
        own: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<HeaderMap, CallError> {
        let mut headers = self.fixed.clone();
        if let Some(token) = token {
            let mut value =
                HeaderValue::from_str(token).map_err(|_| CallError::Unsendable { part: "token" })?;
            value.set_sensitive(true);
            headers.insert(self.token_name.clone(), value);
        }
        for (name, value) in own.into_iter().chain(self.custom.iter().map(|(n, v)| (n.clone(), v.clone()))) {
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The headers of a call that custom headers have no part in: fixed ones, then `own`.
    pub(super) fn without_custom(
        &self,
        own: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> HeaderMap {
        let mut headers = self.fixed.clone();
        headers.extend(own);
        headers
    }

    /// The token header's name, if a custom header takes its place on every call.
    pub(super) fn overridden_token_header(&self) -> Option<&str> {
        self.custom.contains_key(&self.token_name).then(|| self.token_name.as_str())
    }

    /// Values an error body could echo and nobody should read in a log.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.custom.values().filter_map(|value| value.to_str().ok()).filter(|value| value.len() >= 8)
    }
}

fn fixed(settings: &settings::Upstream) -> Result<HeaderMap, ClientError> {
    let text = |flag, name: &str, value: &str| {
        HeaderValue::from_str(value).map_err(|_| refused(flag, name, "has an illegal value"))
    };
    let instance = text(APP_NAME, "unleash-instanceid", &settings.instance_id)?;
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    headers.insert("unleash-appname", text(APP_NAME, "unleash-appname", &settings.app_name)?);
    headers.insert("unleash-instanceid", instance.clone());
    headers.insert("unleash-connection-id", instance);
    headers.insert("unleash-client-spec", HeaderValue::from_static(CLIENT_SPEC));
    Ok(headers)
}

/// Of several custom headers with one name the last wins.
fn custom(given: &[(String, String)]) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused(CUSTOM, name, "has an illegal name"))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].contains(&key) {
            return Err(refused(CUSTOM, name, "would break the framing of every request; remove it"));
        }
        let mut value =
            HeaderValue::from_str(value).map_err(|_| refused(CUSTOM, name, "has an illegal value"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

fn refused(flag: Flag, name: &str, problem: &'static str) -> ClientError {
    ClientError::Header { flag, name: name.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::COMPATIBLE_VERSION;

    fn headers(auth_header: &str, custom: &[(&str, &str)]) -> Result<Headers, ClientError> {
        Headers::new(&settings::Upstream {
            url: Url::parse("http://h").unwrap(),
            auth_header: auth_header.into(),
            custom_headers: custom.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            app_name: "app".into(),
            instance_id: "01M7".into(),
            connect_timeout: Duration::from_secs(5),
            socket_timeout: Duration::from_secs(5),
            keepalive_timeout: Duration::from_secs(15),
            skip_ssl_verification: false,
            certificate_file: None,
            identity: None,
        })
    }

    #[track_caller]
    fn check(custom: &[(&str, &str)], name: &str, expected: &str) {
        let map = headers("authorization", custom).unwrap().assemble(Some("*:d.s"), []).unwrap();
        let values: Vec<_> = map.get_all(name).iter().collect();
        assert_eq!(values, [expected], "{name} with {custom:?}");
    }

    #[test]
    fn custom_headers_win() {
        check(&[], "authorization", "*:d.s");
        check(&[("Authorization", "x")], "authorization", "x");
        check(&[("USER-AGENT", "x")], "user-agent", "x");
        check(&[("Unleash-AppName", "x")], "unleash-appname", "x");
        check(&[("a", "1"), ("A", "2")], "a", "2");
        check(&[], "user-agent", USER_AGENT_TEXT);
    }

    #[test]
    fn user_agent_names_the_compatible_version() {
        assert!(USER_AGENT_TEXT.starts_with(&format!("unleash-edge-{COMPATIBLE_VERSION} brink/")));
    }

    #[test]
    fn an_overridden_token_header_is_reported() {
        let overridden =
            |name, custom| headers(name, custom).unwrap().overridden_token_header().map(str::to_owned);
        assert_eq!(overridden("authorization", &[("Authorization", "x")]).as_deref(), Some("authorization"));
        assert_eq!(overridden("x-token", &[("Authorization", "x")]), None);
        assert_eq!(overridden("x-token", &[("X-Token", "x")]).as_deref(), Some("x-token"));
    }

    #[test]
    fn unusable_headers_are_named() {
        for (name, value) in
            [("a b", "x"), ("a", "x\ny"), ("Content-Length", "1"), ("transfer-encoding", "chunked")]
        {
            let error =
                headers("authorization", &[(name, value)]).err().expect("must be refused").to_string();
            assert!(error.contains(name) && error.contains("CUSTOM_CLIENT_HEADERS"), "{error}");
        }
        assert!(headers("bad name", &[]).is_err());
    }

    #[test]
    fn a_token_with_control_characters_is_not_sent() {
        let error = headers("authorization", &[]).unwrap().assemble(Some("*:d.s\r\nx: y"), []);
        assert_eq!(error, Err(CallError::Unsendable { part: "token" }));
    }

    #[test]
    fn no_secret_is_printed() {
        let map =
            headers("authorization", &[("x-key", "hunter22")]).unwrap().assemble(Some("*:d.s3cret"), []);
        let text = format!("{map:?}");
        assert!(!text.contains("hunter22") && !text.contains("s3cret"), "{text}");
    }
}

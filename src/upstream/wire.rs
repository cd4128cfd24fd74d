//! Bodies we send to upstream and read from it, validation and registration (upstream.md 5.1 and 7).
//!
//! Wire types only: what a validated token means is the token folder's business.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::{
    COMPATIBLE_VERSION,
    clock::rfc3339,
    tokens::record::{TokenList, TokenRecord},
};

/// Body of `POST /edge/validate`.
#[derive(Serialize)]
pub(super) struct ValidateRequest<'a> {
    pub(super) tokens: &'a [&'a str],
}

/// Reads an answer to `POST /edge/validate`. The error text never quotes the body, which holds tokens.
pub(super) fn read_validated(body: &[u8]) -> Result<Vec<TokenRecord>, String> {
    serde_json::from_slice::<TokenList>(body).map(|list| list.tokens).map_err(|error| place(&error))
}

/// Where reading failed, without the parser's words: they may quote a value.
fn place(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "unexpected shape",
        serde_json::error::Category::Eof => "unexpected end",
        _ => "syntax error",
    };
    format!("{kind} at line {} column {}", error.line(), error.column())
}

/// What a registration says of one token of the refresh set; the client adds who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The token's environment.
    pub environment: String,
    /// The token's projects; `*` is every project.
    pub projects: Vec<String>,
    /// Refresh interval; sent in whole seconds.
    pub interval: Duration,
    /// Time of this call, not of the start of the process.
    pub started: SystemTime,
}

/// Who registers: the same for every call.
#[derive(Clone)]
pub(super) struct Registrant {
    pub(super) app_name: String,
    pub(super) instance_id: String,
}

/// Body of `POST /api/client/register`, keys and order as Unleash Edge 20.4 sends them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegisterRequest<'a> {
    app_name: &'a str,
    connect_via: Option<()>,
    environment: &'a str,
    projects: &'a [String],
    instance_id: &'a str,
    connection_id: &'a str,
    interval: u64,
    started: String,
    strategies: [&'a str; 0],
    sdk_version: String,
    sdk_type: &'static str,
    yggdrasil_version: Option<()>,
    platform_name: Option<()>,
    platform_version: Option<()>,
}

impl Registration {
    /// The body to send. Serialising it cannot fail: it holds only texts and numbers.
    pub(super) fn body(&self, from: &Registrant) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&RegisterRequest {
            app_name: &from.app_name,
            connect_via: None,
            environment: &self.environment,
            projects: &self.projects,
            instance_id: &from.instance_id,
            connection_id: &from.instance_id,
            interval: self.interval.as_secs(),
            started: rfc3339(self.started),
            strategies: [],
            sdk_version: format!("unleash-edge:{COMPATIBLE_VERSION}"),
            sdk_type: "backend",
            yggdrasil_version: None,
            platform_name: None,
            platform_version: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_answers_are_described_without_quoting_them() {
        let cases = [
            ("<html>", "syntax error"),
            (r#"{"tokens":[{"token":"*:d.s3cret""#, "unexpected end"),
            (r#"{"tokens":"*:d.s3cret"}"#, "unexpected shape"),
            ("[]", "unexpected shape"),
            ("", "unexpected end"),
        ];
        for (body, kind) in cases {
            let error = read_validated(body.as_bytes()).unwrap_err();
            assert!(error.starts_with(kind) && !error.contains("s3cret"), "{body}: {error}");
        }
    }

    #[test]
    fn registration_looks_like_that_of_unleash_edge() {
        let from = Registrant { app_name: "my-edge".into(), instance_id: "01M7".into() };
        let registration = Registration {
            environment: "development".into(),
            projects: vec!["*".into()],
            interval: Duration::from_millis(15_900),
            started: SystemTime::UNIX_EPOCH + Duration::new(1_795_227_760, 637_423_266),
        };
        let expected = concat!(
            r#"{"appName":"my-edge","connectVia":null,"environment":"development","projects":["*"],"#,
            r#""instanceId":"01M7","connectionId":"01M7","interval":15,"started":"2026-11-21T02:22:40.637423266Z","#,
            r#""strategies":[],"sdkVersion":"unleash-edge:20.4.1","sdkType":"backend","#,
            r#""yggdrasilVersion":null,"platformName":null,"platformVersion":null}"#,
        );
        assert_eq!(String::from_utf8(registration.body(&from).unwrap()).unwrap(), expected);
    }
}

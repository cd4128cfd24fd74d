//! Requests for start-up tokens, signed with a shared secret (upstream.md 6).
//!
//! The signature covers method, path, time, a nonce and the hash of the body. The server writes the JSON again before it
//! compares hashes, so the body is compact and its keys keep their order. Custom headers are not sent, as Unleash Edge
//! 20.4 does not: one of them might replace the signature.

use std::{fmt, sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use ring::{digest, hmac};
use serde::Serialize;

use super::{
    answer,
    client::Client,
    error::{CallError, ClientError, Unreadable},
    wire::read_validated,
};
use crate::{
    clock::rfc3339,
    config::{secret::Secret, settings::Hmac},
    tokens::record::TokenRecord,
};

/// Signed as it is, also where the upstream URL has a path of its own.
const PATH: &str = "/edge/issue-token";

const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
const NONCE: HeaderName = HeaderName::from_static("x-nonce");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("content-sha256");

/// A request for one token per environment. Cheap to clone.
#[derive(Clone)]
pub struct TokenRequest {
    key: hmac::Key,
    body: Arc<[u8]>,
}

#[derive(Serialize)]
struct Body<'a> {
    tokens: Vec<Wanted<'a>>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    environment: &'a str,
    projects: &'a [String],
}

impl TokenRequest {
    /// From the settings.
    ///
    /// # Errors
    /// If the secret is not what Unleash hands out.
    pub fn new(settings: &Hmac) -> Result<Self, ClientError> {
        let Hmac { secret, environments, projects } = settings;
        let tokens = environments.iter().map(|environment| Wanted { environment, projects }).collect();
        // Texts and lists only: this cannot fail.
        let body = serde_json::to_vec(&Body { tokens }).unwrap_or_default();
        Ok(Self { key: key(secret)?, body: body.into() })
    }

    /// The same with another secret.
    ///
    /// # Errors
    /// As [`TokenRequest::new`].
    pub fn with_secret(&self, secret: &Secret) -> Result<Self, ClientError> {
        Ok(Self { key: key(secret)?, body: Arc::clone(&self.body) })
    }

    fn signature(&self, timestamp: &str, nonce: &str, content_hash: &str) -> String {
        let lines = ["POST", PATH, timestamp, nonce, content_hash].join("\n");
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, lines.as_bytes()))
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}

fn key(secret: &Secret) -> Result<hmac::Key, ClientError> {
    let decoded = URL_SAFE_NO_PAD.decode(secret.expose().trim_ascii());
    let bytes = decoded.ok().filter(|bytes| !bytes.is_empty()).ok_or(ClientError::ClientSecret)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl Client {
    /// `POST /edge/issue-token`. The tokens of the answer are valid as they are. `nonce` must be random.
    ///
    /// # Errors
    /// As all calls; any status but 200 is one.
    pub fn issue_tokens(
        &self,
        request: &TokenRequest,
        now: SystemTime,
        nonce: [u8; 16],
    ) -> Result<Vec<TokenRecord>, CallError> {
        let (timestamp, nonce) = (rfc3339(now), hex(&nonce));
        let content_hash = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
        let signature = request.signature(&timestamp, &nonce, &content_hash);
        let text =
            |text: &str| HeaderValue::from_str(text).map_err(|_| CallError::Unsendable { part: "signature" });
        let mut authorization = text(&format!("HMAC enterprise-edge:{signature}"))?;
        authorization.set_sensitive(true);
        let own = [
            (AUTHORIZATION, authorization),
            (TIMESTAMP, text(&timestamp)?),
            (NONCE, text(&nonce)?),
            (CONTENT_SHA256, text(&content_hash)?),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        let response = self.post_signed(PATH, own, &request.body)?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, &[&signature]));
        }
        let body = answer::body(response, self.body_bytes_max())?;
        read_validated(&body)
            .map_err(|cause| CallError::Unreadable { status: 200, cause: Unreadable::Json(cause) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(secret: &str) -> Hmac {
        let environments = vec!["development".to_owned(), "production".to_owned()];
        Hmac { secret: Secret::new(secret), environments, projects: vec!["*".to_owned()] }
    }

    #[test]
    fn the_body_is_that_of_unleash_edge() {
        let request = TokenRequest::new(&settings("c2VjcmV0")).expect("base64url");
        let expected = r#"{"tokens":[{"environment":"development","projects":["*"]},{"environment":"production","projects":["*"]}]}"#;
        assert_eq!(String::from_utf8_lossy(&request.body), expected);
    }

    /// Reference values made with `openssl dgst -sha256 -hmac secret`.
    #[test]
    fn the_signature_covers_five_lines() {
        let request = TokenRequest::new(&settings("c2VjcmV0")).expect("base64url");
        let hash = hex(digest::digest(&digest::SHA256, b"{}").as_ref());
        assert_eq!(hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        let signature = request.signature("2026-11-21T02:40:59Z", &"0f".repeat(16), &hash);
        assert_eq!(signature, "tUXXZIV12tzsCTA1AVxJ6zacCeWMuJ_6o4SLqRxOivY");
    }

    #[test]
    fn a_secret_must_be_base64url_without_padding_and_is_not_shown() {
        for bad in ["", "   ", "not base64!", "c2VjcmV0cw==", "+/+/"] {
            let error = TokenRequest::new(&settings(bad)).expect_err(bad);
            assert!(error.to_string().contains("UNLEASH_CLIENT_SECRET"), "{error}");
        }
        let request = TokenRequest::new(&settings(" c2VjcmV0\n")).expect("blanks do not count");
        assert!(!format!("{request:?}").contains("c2VjcmV0"));
    }
}

//! `/internal-backstage/tokens` (http-api.md 11.6): outer keys camelCase, those of a refresh snake_case.

use serde::Serialize;

use crate::{
    clock::rfc3339,
    described::{Described, Refresh},
    tokens::record::TokenRecord,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tokens<'d> {
    token_refreshes: Vec<TokenRefresh<'d>>,
    token_validation_status: &'d [TokenRecord],
    invalid_token_count: usize,
}

#[derive(Serialize)]
struct TokenRefresh<'d> {
    token: &'d TokenRecord,
    etag: Option<&'d str>,
    next_refresh: Option<String>,
    last_refreshed: Option<String>,
    last_feature_count: Option<usize>,
    last_check: Option<String>,
    revision_id: Option<u64>,
    failure_count: u32,
}

/// The document.
pub fn write(described: &Described) -> Vec<u8> {
    let page = Tokens {
        token_refreshes: described.refreshes.iter().map(TokenRefresh::new).collect(),
        token_validation_status: &described.tokens.tokens,
        invalid_token_count: described.tokens.invalid,
    };
    serde_json::to_vec(&page).unwrap_or_default()
}

impl<'d> TokenRefresh<'d> {
    fn new(refresh: &'d Refresh) -> Self {
        Self {
            token: &refresh.token,
            etag: refresh.etag.as_deref(),
            next_refresh: refresh.next.map(rfc3339),
            last_refreshed: refresh.last_document.map(rfc3339),
            last_feature_count: refresh.features,
            last_check: refresh.last_check.map(rfc3339),
            revision_id: refresh.revision_id,
            failure_count: refresh.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::tokens::{
        record::{KindWord, Status},
        registry::Listing,
    };

    #[test]
    fn keys_and_times_are_those_of_unleash_edge() {
        let token = TokenRecord {
            token: "*:development.abcd****".into(),
            kind: Some(KindWord::Backend),
            environment: Some("development".into()),
            projects: vec!["*".into()],
            status: Status::Validated,
        };
        let at = |seconds: u64| Some(SystemTime::UNIX_EPOCH + Duration::new(1_795_227_760 + seconds, 5));
        let described = Described {
            tokens: Listing { tokens: vec![token.clone()], invalid: 2 },
            refreshes: vec![Refresh {
                token,
                etag: Some("\"abc:77\"".into()),
                next: at(15),
                last_document: None,
                last_check: at(0),
                features: Some(4),
                revision_id: None,
                failures: 3,
                mode: "polling",
                stream_up: None,
            }],
            environments: Vec::new(),
            ready: true,
        };
        let record = r#"{"token":"*:development.abcd****","type":"backend","environment":"development","projects":["*"],"status":"Validated"}"#;
        let expected = format!(
            concat!(
                r#"{{"tokenRefreshes":[{{"token":{0},"etag":"\"abc:77\"","next_refresh":"2026-11-21T02:22:55.000000005Z","#,
                r#""last_refreshed":null,"last_feature_count":4,"last_check":"2026-11-21T02:22:40.000000005Z","#,
                r#""revision_id":null,"failure_count":3}}],"tokenValidationStatus":[{0}],"invalidTokenCount":2}}"#,
            ),
            record
        );
        assert_eq!(String::from_utf8(write(&described)).unwrap(), expected);
    }
}

//! `/docs/openapi`: what the API is, for machines and for people (http-api.md 13). No token.
//!
//! The document is a file of this folder; the base path and the name of the token header are put in once per shard.

use brink_shards::{Body, Call, Outcome, Shared};
use serde_json::{Value, json};

use crate::{config::settings::Server, messages::Verdict};

const DOCUMENT: &str = include_str!("docs/openapi.json");
const PAGE: &str = include_str!("docs/openapi.html");

/// Of pages that are their own and fetch one document from where they came from.
pub(super) const PAGE_LINES: &[u8] = b"content-type: text/html; charset=utf-8\r\n\
    content-security-policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'\r\n";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doc {
    /// `/docs/openapi` and older paths: go to the page.
    Elsewhere,
    /// `/docs/openapi/`
    Page,
    /// `/docs/openapi.json`
    Document,
}

/// The answers of one shard.
#[derive(Debug)]
pub struct Docs {
    location: String,
    document: Shared,
    page: Shared,
}

impl Docs {
    /// Writes them for a configuration.
    pub fn new(server: &Server) -> Self {
        let document = document(&server.base_path, &server.auth_header);
        Self {
            location: format!("{}/docs/openapi/", server.base_path),
            document: Shared::new(document.into_bytes().into()),
            page: Shared::new(PAGE.as_bytes().into()),
        }
    }

    /// Answers.
    pub fn reply(&self, doc: Doc, call: &mut Call<'_, Verdict>) -> Outcome {
        match doc {
            Doc::Elsewhere => call.reply(303).header("location", self.location.as_bytes()).send(Body::Empty),
            Doc::Page => call.reply(200).lines(PAGE_LINES).send(Body::Shared(&self.page)),
            Doc::Document => call
                .reply(200)
                .lines(b"content-type: application/json\r\n")
                .send(Body::Shared(&self.document)),
        }
    }
}

fn document(base_path: &str, auth_header: &str) -> String {
    // The file is ours and a test reads it.
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    if let Some(name) = document.pointer_mut("/components/securitySchemes/Authorization/name") {
        *name = json!(auth_header);
    }
    if let (Some(document), false) = (document.as_object_mut(), base_path.is_empty()) {
        document.insert("servers".to_owned(), json!([{ "url": base_path }]));
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_one_of_openapi_3_1() {
        let text = document("", "authorization");
        let spec = oas3::from_json(&text).expect("OpenAPI");
        assert_eq!(spec.openapi, "3.1.0");
        assert_eq!(spec.info.title, "Unleash Edge");
        assert_eq!(spec.operations().count(), 16);
        assert!(spec.servers.is_empty());
        for (path, method, operation) in spec.operations() {
            assert_eq!(operation.tags.len(), 1, "{method} {path}");
            assert!(operation.responses(&spec).len() > 2, "{method} {path}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(document: &Value, value: &Value) -> usize {
            let own = value.get("$ref").and_then(Value::as_str).map_or(0, |reference| {
                let pointer = reference.strip_prefix('#').expect("inside the document");
                assert!(document.pointer(pointer).is_some(), "{reference}");
                1
            });
            let below: Vec<&Value> = match value {
                Value::Object(members) => members.values().collect(),
                Value::Array(elements) => elements.iter().collect(),
                _ => Vec::new(),
            };
            own + below.into_iter().map(|value| check(document, value)).sum::<usize>()
        }
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert!(check(&document, &document) > 100);
    }

    #[test]
    fn base_path_and_header_are_put_in() {
        let document: Value = serde_json::from_str(&document("/foo", "x-token")).unwrap();
        assert_eq!(document["servers"], json!([{ "url": "/foo" }]));
        assert_eq!(document["components"]["securitySchemes"]["Authorization"]["name"], "x-token");
        assert_eq!(document["info"]["version"], crate::COMPATIBLE_VERSION);
    }
}

//! What is in the documents of a backup: read and written as Unleash Edge 20.4 does (persistence.md 2). Pure.
//!
//! Features are copied from fragments, nothing is serialised anew. Reading takes every form Unleash Edge has written;
//! one environment that cannot be read does not spoil the others.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    features::{
        body::write_everything, environment::EnvironmentData, error::DocumentError, model,
        parse::parse_document,
    },
    tokens::{
        record::{KindWord, Status, TokenRecord},
        scope::{Projects, Scope},
    },
};

/// Event ids by environment.
pub type EventIds = BTreeMap<Arc<str>, u32>;

/// The features document.
#[derive(Debug, Default)]
pub struct Features {
    /// In the order of the document.
    pub environments: Vec<(Arc<str>, model::Document)>,
    /// Environments that cannot be used, and why.
    pub bad: Vec<(String, DocumentError)>,
}

/// Reads the tokens document; one bad element spoils it, as in Unleash Edge.
///
/// # Errors
/// If it is not a list of token records.
pub fn read_tokens(bytes: &[u8]) -> serde_json::Result<Vec<TokenRecord>> {
    serde_json::from_slice(bytes)
}

/// Writes the tokens document: validated tokens of a known kind, no others.
pub fn write_tokens(records: &[TokenRecord]) -> Vec<u8> {
    let storable: Vec<&TokenRecord> = records.iter().filter(|record| is_storable(record)).collect();
    serde_json::to_vec(&storable).expect("records hold texts and words only")
}

/// Whether a record is of use to a later start: Unleash Edge would ask upstream about an untyped token with each request.
pub fn is_storable(record: &TokenRecord) -> bool {
    record.status == Status::Validated && record.kind.and_then(KindWord::kind).is_some()
}

/// Reads the features document: a list of pairs of environment and features. Of two pairs with one name the later
/// counts.
///
/// # Errors
/// If it is not a list of pairs.
pub fn read_features(bytes: &[u8]) -> serde_json::Result<Features> {
    let pairs: Vec<(String, &RawValue)> = serde_json::from_slice(bytes)?;
    let mut read = Features::default();
    for (name, raw) in pairs {
        let name: Arc<str> = name.into();
        match parse_document(raw.get().as_bytes(), &EnvironmentData::empty(Arc::clone(&name))) {
            Ok(document) => {
                read.environments.retain(|(earlier, _)| *earlier != name);
                read.environments.push((name, document));
            }
            Err(error) => read.bad.push((name.to_string(), error)),
        }
    }
    Ok(read)
}

/// Writes the features document.
pub fn write_features<'a>(environments: impl IntoIterator<Item = &'a Arc<EnvironmentData>>) -> Vec<u8> {
    let mut out = vec![b'['];
    for environment in environments {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'[');
        out.extend(serde_json::to_vec(&*environment.name).expect("a text is JSON"));
        out.push(b',');
        write_everything(environment, &mut out);
        out.push(b']');
    }
    out.push(b']');
    out
}

/// Reads the document of event ids.
///
/// # Errors
/// If it is not an object of unsigned 32-bit numbers.
pub fn read_event_ids(bytes: &[u8]) -> serde_json::Result<EventIds> {
    serde_json::from_slice::<BTreeMap<String, u32>>(bytes)
        .map(|ids| ids.into_iter().map(|(name, id)| (name.into(), id)).collect())
}

/// Writes the document of event ids.
pub fn write_event_ids(ids: &EventIds) -> Vec<u8> {
    let ids: BTreeMap<&str, u32> = ids.iter().map(|(name, id)| (&**name, *id)).collect();
    serde_json::to_vec(&ids).expect("texts and numbers are JSON")
}

/// What only we remember of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Seconds since 1970 when the features were written.
    pub written_at: u64,
    /// [`fingerprint`] of the features document this is about; if another program has written since, it differs.
    pub features: String,
    /// The lists of projects that had been loaded, by environment.
    #[serde(default)]
    pub loaded: BTreeMap<String, Vec<Vec<String>>>,
}

impl Note {
    /// A note about a features document that holds the data of these scopes.
    pub fn new(written_at: u64, features: &[u8], loaded: &[Scope]) -> Self {
        let mut lists: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for scope in loaded {
            let Some(name) = &scope.environment else { continue };
            let projects = scope.projects.names().into_iter().map(str::to_owned).collect();
            lists.entry(name.to_string()).or_default().push(projects);
        }
        lists.values_mut().for_each(|lists| lists.sort_unstable());
        Self { written_at, features: fingerprint(features), loaded: lists }
    }

    /// Reads a note; nothing if it is none, or about another features document.
    pub fn read(bytes: &[u8], features: &[u8]) -> Option<Self> {
        let note: Self = serde_json::from_slice(bytes).ok()?;
        (note.features == fingerprint(features)).then_some(note)
    }

    /// The document.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }

    /// What had been loaded of an environment.
    pub fn loaded(&self, environment: &str) -> Vec<Projects> {
        let lists = self.loaded.get(environment).map(Vec::as_slice).unwrap_or_default();
        lists.iter().map(Projects::from_names).collect()
    }
}

/// Tells documents apart; not made to withstand an attacker, who could write the document anyway.
pub fn fingerprint(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::features::catalog::Catalog;

    const TOKENS: &str = r#"[{"token":"*:development.aaaa","type":"backend","environment":"development","projects":["*"],"status":"Validated"},{"token":"*:development.ffff","type":"frontend","environment":"development","projects":["*"],"status":"Validated"}]"#;

    /// As Unleash Edge 20.4 writes it, but for the projects in `query`, which it leaves out.
    const FEATURES: &str = r#"[["development",{"version":2,"features":[{"name":"fa","type":"release","enabled":true,"stale":false,"impressionData":false,"project":"projA","strategies":[{"name":"default","segments":[1],"constraints":[],"parameters":{},"variants":[]}],"variants":[],"dependencies":[]}],"segments":[{"id":1,"constraints":[{"contextName":"userId","operator":"IN","caseInsensitive":false,"inverted":false,"values":["7"]}]}],"query":{"projects":["*"],"environment":"development","inlineSegmentConstraints":false},"meta":{"etag":"\"52070f11:7:v1\"","revisionId":7,"queryHash":"abc"}}]]"#;

    fn catalog(features: Features) -> Catalog {
        let mut catalog = Catalog::default();
        for (name, document) in features.environments {
            catalog.apply(&name, &Projects::All, document);
        }
        catalog
    }

    fn rewritten(text: &str) -> String {
        let read = read_features(text.as_bytes()).expect("readable");
        assert!(read.bad.is_empty(), "{:?}", read.bad);
        String::from_utf8(write_features(catalog(read).environments())).expect("text")
    }

    #[test]
    fn what_was_written_is_written_again_byte_for_byte() {
        assert_eq!(rewritten(FEATURES), FEATURES);
        let records = read_tokens(TOKENS.as_bytes()).expect("readable");
        assert_eq!(write_tokens(&records), TOKENS.as_bytes());
        for ids in ["{}", r#"{"development":42,"production":17}"#] {
            let read = read_event_ids(ids.as_bytes()).expect("readable");
            assert_eq!(write_event_ids(&read), ids.as_bytes());
        }
    }

    #[test]
    fn features_of_the_reference_are_read_in_all_forms() {
        assert_eq!(rewritten("[]"), "[]");
        let plain = r#"[["development",{"version":2,"features":[],"query":null}]]"#;
        let expected = r#"[["development",{"version":2,"features":[],"query":{"projects":["*"],"environment":"development","inlineSegmentConstraints":false}}]]"#;
        assert_eq!(rewritten(plain), expected);
        let twice = format!(
            r#"[["a b\"",{{"version":1,"features":[{{"name":"x","enabled":true}}]}}],["development",{{"version":1,"features":[{{"name":"x","enabled":true}}]}}],{}]"#,
            &plain[1..plain.len() - 1]
        );
        let again = rewritten(&twice);
        assert!(
            again.starts_with(r#"[["a b\"",{"version":1,"features":[{"name":"x","enabled":true}]"#),
            "{again}"
        );
        assert!(again.ends_with(&expected[1..]), "{again}");
    }

    #[test]
    fn one_bad_environment_does_not_spoil_the_others() {
        let text = r#"[["bad",{"features":[]}],["good",{"version":2,"features":[]}]]"#;
        let read = read_features(text.as_bytes()).expect("readable");
        let good: Vec<&str> = read.environments.iter().map(|(name, _)| &**name).collect();
        let bad: Vec<&str> = read.bad.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((good, bad), (vec!["good"], vec!["bad"]));
    }

    #[test]
    fn broken_documents_are_errors() {
        for bad in [
            "",
            "[[",
            "{}",
            r#"{"development":{"version":2,"features":[]}}"#,
            r#"[["a"]]"#,
            "\u{feff}[]",
            "null",
        ] {
            assert!(read_features(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in [
            "",
            "{]",
            "{}",
            "null",
            r#"[{"token":"*:a.b"}]"#,
            r#"[{"token":"*:a.b","projects":[],"type":"other"}]"#,
        ] {
            assert!(read_tokens(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in ["", "[1]", r#"{"a":-1}"#, r#"{"a":4294967296}"#, r#"{"a":"1"}"#] {
            assert!(read_event_ids(bad.as_bytes()).is_err(), "{bad}");
        }
        for cut in 0..FEATURES.len() {
            assert!(read_features(&FEATURES.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn only_validated_tokens_of_a_known_kind_are_written() {
        let text = r#"[{"token":"*:a.untyped","projects":["*"]},{"token":"*:a.refused","type":"invalid","projects":[],"status":"Invalid"},
            {"token":"*:a.odd","type":"invalid","projects":[],"status":"Validated"},{"token":"*:a.pre","type":"frontend","projects":["*"],"status":"Trusted"},
            {"token":"*:a.old","type":"CLIENT","environment":null,"projects":["b","a"],"extra":1}]"#;
        let records = read_tokens(text.as_bytes()).expect("readable");
        let written = String::from_utf8(write_tokens(&records)).expect("text");
        assert_eq!(
            written,
            r#"[{"token":"*:a.old","type":"backend","environment":null,"projects":["b","a"],"status":"Validated"}]"#
        );
        assert_eq!(write_tokens(&[]), b"[]");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read_tokens(&bytes), read_features(&bytes), read_event_ids(&bytes), Note::read(&bytes, &bytes));
        }

        #[test]
        fn what_is_written_is_read_as_it_was(
            environments in prop::collection::btree_map(".{0,8}", prop::collection::btree_set("[a-zé\"\\\\]{1,6}", 0..6), 0..4)
        ) {
            let mut catalog = Catalog::default();
            for (name, features) in &environments {
                let features: Vec<_> = features.iter()
                    .map(|name| json!({"name": name, "enabled": true, "project": "p", "strategies": [{"name": "default"}]}))
                    .collect();
                let text = json!({"version": 2, "features": features, "meta": {"revisionId": 7}}).to_string();
                let name: Arc<str> = name.as_str().into();
                let document = parse_document(text.as_bytes(), &EnvironmentData::empty(Arc::clone(&name)));
                catalog.apply(&name, &Projects::All, document.expect("a good document"));
            }
            let written = write_features(catalog.environments());
            let read = self::catalog(read_features(&written).expect("our own"));
            prop_assert_eq!(read.environments().count(), environments.len());
            for (mine, theirs) in catalog.environments().zip(read.environments()) {
                prop_assert!(mine.name == theirs.name && mine.has_same_content(theirs));
            }
            prop_assert_eq!(write_features(read.environments()), written);
        }
    }

    #[test]
    fn a_note_counts_for_the_document_it_was_written_with() {
        let scope = |name: &str, projects: &[&str]| Scope {
            environment: Some(name.into()),
            projects: Projects::from_names(projects),
        };
        let note = Note::new(7, b"[]", &[scope("a", &["p1"]), scope("a", &["p2", "p3"]), scope("b", &["*"])]);
        let read = Note::read(&note.write(), b"[]").expect("the same document");
        assert_eq!(read, note);
        assert_eq!(read.loaded("a"), [&["p1"][..], &["p2", "p3"]].map(Projects::from_names));
        assert_eq!((read.loaded("b"), read.loaded("c")), (vec![Projects::All], vec![]));
        assert_eq!(Note::read(&note.write(), b"[1]"), None);
        assert_eq!(Note::read(b"{", b"[]"), None);
    }
}
